"""Checks of lesson 11, S3 with KMS: each puts objects into a bucket of its own, and tries."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex

from kmslab.accounts.callers import Caller
from kmslab.accounts.members import Role
from kmslab.course import tries
from kmslab.course.check import disk
from kmslab.course.check.buckets import (
    VIA,
    body,
    client,
    get,
    made,
    put_bucket_policy,
    swept,
    through,
    under,
    writer,
)
from kmslab.course.check.exercise import need
from kmslab.course.check.policies import (
    ALL_OF_KMS,
    Asked,
    Statements,
    WrongForm,
    kept,
    put_key_policy,
    rehearsal,
    statements,
    without_principal,
)
from kmslab.course.check.rights import called, need_no_more, who_may
from kmslab.lab import Lab

thief = disk.thief
WARD, SHARED = "clinic-ward", "clinic-shared"
_ELSEWHERE, _DECRYPT = "333333333333", "kms:Decrypt"
_OTHERS = tuple(
    f"kms:{name}"
    for name in ("Encrypt", "ReEncryptFrom", "GenerateDataKey", "CreateGrant", "PutKeyPolicy")
)
_ALL: Mapping[str, object] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@rehearsal(
    "set answer to a function of (s3, bucket, name, letter) that puts the letter safely.",
    "what of an object is not encrypted? Its name, its metadata, its context.",
    'let KMS keep the key: ServerSideEncryption="aws:kms", SSEKMSKeyId=key.',
)
def ex1(lab: Lab, key: str, answer: object) -> str:
    """A program that exports a letter so that S3's disk gives it to nobody."""
    if not callable(answer):
        raise WrongForm(f"a function is due, not {type(answer).__name__}")
    with swept(lab):
        bucket, letter = disk.exported(lab, answer)
        read, how = disk.found(lab, bucket, "17.txt")
        secret = letter.split()[-1]
        need(secret not in read, f"the thief reads the letter: {how}")
        s3, before = lab.client("s3"), len(lab.trail().about(key))
        read_back = body(s3, bucket, "17.txt")
        need(read_back == letter, "get_object alone does not give the letter as it was")
        lab.clock.advance(minutes=6)
        body(s3, bucket, "17.txt")
    need(len(lab.trail().about(key)) > before, "that it was read, the trail of the key can't say")
    return "nothing on the disk opens the letter, and the trail says who had KMS open it"


@rehearsal(
    "set answer to the statements of the nurse's IAM policy.",
    "two statements: s3:GetObject on the folder; kms:Decrypt on the key, with conditions.",
    "kms:ViaService, and kms:EncryptionContext:aws:s3:arn, which is the ARN of the object, or with "
    "a bucket key that of the bucket.",
)
def ex2(lab: Lab, key: str, answer: object) -> str:
    """A nurse who reads one folder through S3, with and without a bucket key, and no more."""
    policy = without_principal(statements(answer, "the policy"), "the policy")
    bucket, nurse = made(lab, WARD), lab.user(f"nurse-{token_hex(6)}")
    other = lab.client("kms").create_key(Description="other")["KeyMetadata"]["Arn"]
    kept("the policy", lambda: nurse.put_policy("policy", policy))
    with swept(lab):
        s3 = nurse.client("s3")
        for kind, with_bucket_key in (("without", False), ("with", True)):
            by = writer(lab)
            for name in ("3/a.txt", "4/b.txt"):
                by.put_object(Bucket=bucket, Key=name, Body=b"x", **under(key, with_bucket_key))
            got = get(s3, bucket, "3/a.txt")
            need(got == tries.OK, f"3/a.txt, {kind} a bucket key: the nurse's GetObject says {got}")
            need(get(s3, bucket, "4/b.txt") != tries.OK, f"{kind} a bucket key, 4/b.txt is read")
            _no_direct(lab, nurse, key, bucket, f"{kind} a bucket key, the nurse")
        by.put_object(Bucket=bucket, Key="3/c.txt", Body=b"x", **under(other))
        need(get(s3, bucket, "3/c.txt") != tries.OK, "it also decrypts with another KMS key")
        for name in ("put_object", "delete_object"):
            got = tries.outcome(getattr(s3, name), Bucket=bucket, Key="3/a.txt")
            need(got != tries.OK, f"the nurse may do {name}")
    _least_of_nurse(Asked(lab, key), nurse, bucket)
    return "S3 decides about the folder, KMS about the key, and each lets the nurse in by S3 only"


@rehearsal(
    'set answer to {"bucket": …, "key": …, "reader": …}, three lists of statements.',
    "bucket and key policy name the role's ARN; its own policy names the ARNs of objects and key.",
    f'in the key policy: "Condition": {{"StringEquals": {{"kms:ViaService": "{VIA}"}}}}.',
)
def ex3(lab: Lab, key: str, reader: Role, answer: object) -> str:
    """Another account's role that gets objects of one folder, and nobody else does."""
    for_bucket, for_key, for_reader = _three(answer)
    bucket, account = made(lab, SHARED), _account(lab.account)
    put_key_policy(lab, key, [account])
    given = through(f"arn:aws:s3:::{bucket}/laboratory/a.txt")
    before = who_may(lab, (_DECRYPT, *_OTHERS), {"the key": key}, given)
    put_bucket_policy(lab, bucket, for_bucket)
    put_key_policy(lab, key, [account, *for_key])
    kept("reader", lambda: reader.put_policy("policy", for_reader))
    after = who_may(lab, (_DECRYPT, *_OTHERS), {"the key": key}, given)
    with swept(lab):
        for folder in ("laboratory", "wards"):
            writer(lab).put_object(Bucket=bucket, Key=f"{folder}/a.txt", Body=b"x", **under(key))
        got = get(client(reader), bucket, "laboratory/a.txt")
        need(got == tries.OK, f"the reader's GetObject of laboratory/a.txt says {got}")
        _least_of_reader(lab, reader)
        reader.put_policy("wide", dict(_ALL))
        _least_of_clinic(lab, key, reader, bucket)
    name = called(lab, reader.arn)
    need_no_more(frozenset(each for each in after - before if each[:2] != (name, _DECRYPT)))
    return (
        "bucket policy and key policy here, the role's own policy there: all three have to allow; "
        "the policy of an aws/s3 nobody can change"
    )


def _no_direct(lab: Lab, who: Caller, key: str, bucket: str, name: str) -> None:
    """Who has an encrypted data key from the disk must not get it decrypted by KMS itself."""
    for folder in ("3", "4") if bucket == WARD else ("laboratory", "wards"):
        item = "a.txt" if folder != "4" else "b.txt"
        found = lab.s3.at_rest(bucket, f"{folder}/{item}")
        asked = {"KeyId": key, "EncryptionContext": found.context}
        blob = found.encrypted_data_keys[0]
        got = tries.outcome(client(who, "kms").decrypt, CiphertextBlob=blob, **asked)
        need(got != tries.OK, f"{name} decrypts the data key of {folder}/{item} without S3")


def _least_of_nurse(asked: Asked, nurse: Caller, bucket: str) -> None:
    """What KMS must refuse the nurse even through S3."""
    arn = f"arn:aws:s3:::{bucket}"
    for place in (f"{arn}/4/b.txt", f"{arn}-2", f"{arn}-2/3/a.txt", "arn:aws:s3:::clinic-records"):
        asked.may_not(nurse, f"through S3, for {place}, the nurse", through(place))
    for action in _OTHERS:
        asked.may_not(nurse, "through S3 the nurse", through(f"{arn}/3/a.txt"), action)


def _least_of_reader(lab: Lab, reader: Role) -> None:
    """The role's own policy must not open more in its own account."""
    own = lab.account(reader.account).client("kms").create_key()["KeyMetadata"]["Arn"]
    for action in (_DECRYPT, *_OTHERS):
        asked = Asked(lab, own)
        asked.may_not(reader, "with another key, by its own policy, the role", action=action)


def _least_of_clinic(lab: Lab, key: str, reader: Role, bucket: str) -> None:
    """What the clinic's two policies must refuse, whatever policies others have."""
    s3, wide = client(reader), "even with a policy that allows everything, "
    need(get(s3, bucket, "wards/a.txt") != tries.OK, f"{wide}the role must not get wards/a.txt")
    for name in ("put_object", "delete_object"):
        got = tries.outcome(getattr(s3, name), Bucket=bucket, Key="laboratory/a.txt")
        need(got != tries.OK, f"{wide}the role must not do {name}")
    need(tries.outcome(s3.list_objects_v2, Bucket=bucket) != tries.OK, f"{wide}it must not list")
    _no_direct(lab, reader, key, bucket, f"{wide}the role")
    for action in _OTHERS:
        given = through(f"arn:aws:s3:::{bucket}/laboratory/a.txt")
        Asked(lab, key).may_not(reader, f"{wide}the role", given, action)
    for who, name in (
        (lab.account(reader.account).role("another", policy=dict(_ALL)), "another role of theirs"),
        (lab.account(_ELSEWHERE).user("stranger", policy=dict(_ALL)), "a stranger"),
        (lab.user(f"cook-{token_hex(4)}", policy=dict(ALL_OF_KMS)), "somebody in the clinic"),
    ):
        got = get(client(who), bucket, "laboratory/a.txt")
        need(got != tries.OK, f"{name} gets laboratory/a.txt")


def _account(number: str) -> dict[str, object]:
    root = f"arn:aws:iam::{number}:root"
    return {**ALL_OF_KMS, "Principal": {"AWS": root}}


def _three(answer: object) -> tuple[Statements, Statements, Statements]:
    names = ("bucket", "key", "reader")
    if not isinstance(answer, Mapping) or set(answer) != set(names):
        raise WrongForm('a dict with the keys "bucket", "key" and "reader" is due')
    for_bucket, for_key, for_reader = (statements(answer[name], name) for name in names)
    return for_bucket, for_key, without_principal(for_reader, "reader")
