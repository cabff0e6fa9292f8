"""Who may do what: bucket policies, and KMS asked with the rights of whoever asks S3."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from asking import allow, answer, deny
from expect import refused
from objects import (
    CUSTOMER_KEY,
    LEAST_PART,
    MODES,
    bucket,
    customer,
    how,
    open_policies,
    policy,
    read,
    to_read,
    upload,
)

from kmslab import Lab

PARTNER = "222222222222"
NUMBERS = itertools.count()
ALL_S3 = allow("s3:*")
ALL_KMS = allow("kms:*")


@pytest.fixture
def records(s3: Any) -> str:
    """A bucket of the test."""
    return bucket(s3, f"records-{next(NUMBERS)}")


@pytest.fixture
def arn(records: str) -> str:
    """The bucket's ARN."""
    return f"arn:aws:s3:::{records}"


@pytest.fixture
def own_key(kms: Any) -> str:
    """The ARN of a key of the test."""
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def partner(lab: Lab) -> Any:
    """Another account."""
    return lab.account(PARTNER, name="partner")


def user(lab: Lab, *statements: dict[str, Any]) -> Any:
    """A new user with these statements."""
    return lab.user(f"user-{next(NUMBERS)}", policy=list(statements))


def calls(lab: Lab, since: int, account: str = "") -> list[str]:
    """The names of KMS's events since an event."""
    events = lab.trail(account)[since:]
    return [each["eventName"] for each in events if each["eventSource"] == "kms.amazonaws.com"]


# KMS sees the caller


@pytest.mark.parametrize("mode", ["SSE-KMS", "DSSE-KMS", "bucket key"])
def test_kms_sees_the_caller_the_service_and_the_context(
    lab: Lab, records: str, own_key: str, mode: str
) -> None:
    alice = user(lab, ALL_S3, ALL_KMS)
    own = {"case": "17", "aws:s3:arn": "something else"}
    context = base64.b64encode(json.dumps(own).encode()).decode()
    since = len(lab.trail())
    made = alice.client("s3").put_object(
        Bucket=records, Key="a b", Body=b"x", **how(mode, own_key), SSEKMSEncryptionContext=context
    )
    read(alice.client("s3"), records, "a b")
    assert json.loads(base64.b64decode(made["SSEKMSEncryptionContext"]))["case"] == "17"
    events = lab.trail()[since:]
    arn = f"arn:aws:s3:::{records}" + ("" if mode == "bucket key" else "/a b")
    names = ["GenerateDataKey"] if mode == "bucket key" else ["GenerateDataKey", "Decrypt"]
    assert [each["eventName"] for each in events] == names
    for each in events:
        assert each["userIdentity"]["arn"] == alice.arn
        assert each["userIdentity"]["invokedBy"] == "fas.s3.amazonaws.com"
        assert each["requestParameters"]["encryptionContext"] == {"case": "17", "aws:s3:arn": arn}
        assert each["resources"][0]["ARN"] == own_key


def test_no_event_of_objects_is_in_the_history_and_of_buckets_there_is(
    lab: Lab, s3: Any, partner: Any
) -> None:
    since, theirs = len(lab.trail()), len(lab.trail(PARTNER))
    name = f"records-{next(NUMBERS)}"
    bucket(s3, name)
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    read(s3, name, "a")
    s3.list_objects_v2(Bucket=name)
    with refused("NoSuchKey"):
        read(s3, name, "none")
    s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a"}]})
    with refused("AccessDenied"):
        partner.client("s3").get_bucket_location(Bucket=name)
    s3.delete_bucket(Bucket=name)
    events = lab.trail()[since:]
    assert [each["eventName"] for each in events] == [
        "CreateBucket", "PutBucketEncryption", "DeleteBucket",
    ]  # fmt: skip
    for each in events:
        assert each["eventSource"] == "s3.amazonaws.com"
        assert [one["ARN"] for one in each["resources"]] == [f"arn:aws:s3:::{name}"]
    (refusal,) = lab.trail(PARTNER)[theirs:]
    assert (refusal["eventName"], refusal["errorCode"]) == ("GetBucketLocation", "AccessDenied")


@pytest.mark.parametrize("mode", MODES)
def test_one_call_of_kms_for_a_put_and_one_for_a_get(
    lab: Lab, s3: Any, records: str, own_key: str, mode: str
) -> None:
    since = len(lab.trail())
    s3.put_object(Bucket=records, Key="a", Body=bytes(2_000_000), **how(mode, own_key))
    put = calls(lab, since)
    since = len(lab.trail())
    read(s3, records, "a", **to_read(mode))
    s3.head_object(Bucket=records, Key="a", **to_read(mode))
    s3.list_objects_v2(Bucket=records)
    got = calls(lab, since)
    since = len(lab.trail())
    s3.delete_object(Bucket=records, Key="a")
    by_kms = mode in ("SSE-KMS", "DSSE-KMS", "bucket key")
    assert put == ["GenerateDataKey"] * by_kms
    assert got == ["Decrypt"] * (by_kms and mode != "bucket key")
    assert calls(lab, since) == []


def test_a_multipart_upload_asks_kms_for_each_part(
    lab: Lab, s3: Any, records: str, own_key: str
) -> None:
    since = len(lab.trail())
    upload(s3, records, "a", [bytes(LEAST_PART), b"x"], **how("SSE-KMS", own_key))
    assert calls(lab, since) == ["GenerateDataKey", "Decrypt", "Decrypt", "Decrypt"]
    since = len(lab.trail())
    s3.copy_object(Bucket=records, Key="b", CopySource=f"{records}/a", **how("SSE-KMS", own_key))
    assert calls(lab, since) == ["Decrypt", "GenerateDataKey"]


def test_who_may_not_use_the_key_is_refused_by_kms_through_s3(
    lab: Lab, s3: Any, records: str, own_key: str
) -> None:
    more = how("SSE-KMS", own_key)
    s3.put_object(Bucket=records, Key="there", Body=b"x", **more)
    reader = user(lab, ALL_S3, allow("kms:Decrypt"))
    writer = user(lab, ALL_S3, allow("kms:GenerateDataKey"))

    def words(who: Any, action: str) -> str:
        return (
            f"User: {who.arn} is not authorized to perform: kms:{action} on resource: {own_key} "
            f"because no identity-based policy allows the kms:{action} action"
        )

    assert read(reader.client("s3"), records, "there") == b"x"
    with refused("AccessDenied", words(reader, "GenerateDataKey")) as caught:
        reader.client("s3").put_object(Bucket=records, Key="a", **more)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    theirs = writer.client("s3")
    theirs.put_object(Bucket=records, Key="a", Body=b"x", **more)
    with refused("AccessDenied", words(writer, "Decrypt")):
        read(theirs, records, "a")
    assert theirs.head_object(Bucket=records, Key="a")["SSEKMSKeyId"] == own_key
    theirs.delete_object(Bucket=records, Key="a")
    begun = theirs.create_multipart_upload(Bucket=records, Key="a", **more)
    about = {"Bucket": records, "Key": "a", "UploadId": begun["UploadId"]}
    with refused("AccessDenied", words(writer, "Decrypt")):
        theirs.upload_part(**about, PartNumber=1, Body=b"x")
    tag = s3.upload_part(**about, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    with refused("AccessDenied", words(writer, "Decrypt")):
        theirs.complete_multipart_upload(**about, MultipartUpload=parts)
    with refused("AccessDenied"):
        theirs.copy_object(Bucket=records, Key="b", CopySource=f"{records}/there")
    event = lab.trail().refused("AccessDenied")[-1]
    assert (event["eventName"], event["userIdentity"]["arn"]) == ("Decrypt", writer.arn)
    s3.abort_multipart_upload(**about)


def test_a_key_policy_may_let_s3_alone_use_the_key(lab: Lab, records: str, kms: Any) -> None:
    alice = user(lab, ALL_S3)
    statement = allow(
        "kms:GenerateDataKey", "kms:Decrypt", Principal={"AWS": alice.arn},
        Condition={"StringEquals": {
            "kms:ViaService": "s3.us-east-1.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{records}/a",
        }},
    )  # fmt: skip
    root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{lab.account}:root"})
    key = kms.create_key(Policy=policy(statement, root))["KeyMetadata"]["Arn"]
    theirs = alice.client("s3")
    theirs.put_object(Bucket=records, Key="a", Body=b"x", **how("SSE-KMS", key))
    assert read(theirs, records, "a") == b"x"
    with refused("AccessDenied"):
        theirs.put_object(Bucket=records, Key="b", **how("SSE-KMS", key))
    with refused("AccessDenied"):  # another context: the bucket's ARN
        theirs.put_object(Bucket=records, Key="a", **how("bucket key", key))
    with refused("AccessDeniedException"):
        alice.client("kms").generate_data_key(
            KeyId=key, KeySpec="AES_256",
            EncryptionContext={"aws:s3:arn": f"arn:aws:s3:::{records}/a"},
        )  # fmt: skip


def test_the_service_is_that_of_the_buckets_region(lab: Lab) -> None:
    name = f"records-{next(NUMBERS)}"
    far = lab.client("s3", "eu-west-1")
    bucket(far, name, "eu-west-1")
    near = lab.client("s3")  # a client of another Region comes there too
    made = near.put_object(Bucket=name, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    assert made["SSEKMSKeyId"].startswith("arn:aws:kms:eu-west-1:")
    event = lab.trail()[-1]
    assert (event["eventName"], event["awsRegion"]) == ("GenerateDataKey", "eu-west-1")
    assert read(far, name, "a") == b"x"


def test_what_s3s_own_key_does_leaves_nothing_in_anybodys_trail(
    lab: Lab, s3: Any, records: str, kms: Any
) -> None:
    since, known = len(lab.trail()), {each["KeyId"] for each in kms.list_keys()["Keys"]}
    since += 1  # ListKeys
    for mode in ("SSE-S3", "SSE-C"):
        s3.put_object(Bucket=records, Key="a", Body=b"x", **how(mode, ""))
        read(s3, records, "a", **to_read(mode))
    upload(s3, records, "b", [b"x"])
    assert lab.trail()[since:] == []
    assert {each["KeyId"] for each in kms.list_keys()["Keys"]} == known


# Bucket keys


def test_one_bucket_key_serves_a_requester_for_five_minutes(
    lab: Lab, s3: Any, records: str, own_key: str
) -> None:
    more = how("bucket key", own_key)
    since = len(lab.trail())
    for number in range(4):
        s3.put_object(Bucket=records, Key=f"{number}", Body=b"x", **more)
        read(s3, records, f"{number}")
    assert calls(lab, since) == ["GenerateDataKey"]
    alice = user(lab, ALL_S3, ALL_KMS)
    bob = user(lab, ALL_S3, ALL_KMS)
    since = len(lab.trail())
    for number in range(4):
        read(alice.client("s3"), records, f"{number}")  # one bucket key, opened once
    bob.client("s3").put_object(Bucket=records, Key="bob's", Body=b"x", **more)
    read(alice.client("s3"), records, "bob's")
    assert calls(lab, since) == ["Decrypt", "GenerateDataKey", "Decrypt"]
    lab.clock.advance(seconds=290)
    since = len(lab.trail())
    s3.put_object(Bucket=records, Key="a", Body=b"x", **more)
    assert calls(lab, since) == []
    lab.clock.advance(seconds=20)
    read(s3, records, "a")
    s3.put_object(Bucket=records, Key="b", Body=b"x", **more)
    read(s3, records, "a")
    assert calls(lab, since) == ["Decrypt", "GenerateDataKey"]


def test_bucket_keys_are_shared_by_nobody_and_nothing_else(
    lab: Lab, s3: Any, records: str, own_key: str, kms: Any
) -> None:
    other = bucket(s3, f"records-{next(NUMBERS)}")
    second = kms.create_key()["KeyMetadata"]["Arn"]
    since = len(lab.trail())
    case = {"SSEKMSEncryptionContext": "eyJhIjogIjEifQ=="}
    for name, key, context in ((records, own_key, {}), (other, own_key, {}), (records, second, {}),
                               (records, own_key, case)):  # fmt: skip
        s3.put_object(Bucket=name, Key="a", Body=b"x", **how("bucket key", key), **context)
    assert calls(lab, since) == ["GenerateDataKey"] * 4
    denied = user(lab, ALL_S3)
    with refused("AccessDenied"):
        read(denied.client("s3"), records, "a")
    with refused("AccessDenied"):
        denied.client("s3").put_object(Bucket=records, Key="b", **how("bucket key", own_key))


def test_sessions_of_a_role_share_a_bucket_key_unless_a_session_policy_is_narrower(
    lab: Lab, s3: Any, records: str, own_key: str
) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x", **how("bucket key", own_key))
    role = lab.role(f"role-{next(NUMBERS)}", policy=[ALL_S3, ALL_KMS])
    since = len(lab.trail())
    for name in ("one", "two"):
        read(role.session(name).client("s3"), records, "a")
    assert calls(lab, since).count("Decrypt") == 1
    narrow = role.session("three", policy=[ALL_S3])
    with refused("AccessDenied"):
        read(narrow.client("s3"), records, "a")


# AWS managed keys


def test_the_managed_key_is_that_of_who_asks_and_no_other_account_uses_it(
    lab: Lab, s3: Any, records: str, arn: str, partner: Any
) -> None:
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        allow("s3:*", resource=[arn, f"{arn}/*"], Principal={"AWS": f"arn:aws:iam::{PARTNER}:root"})
    ))  # fmt: skip
    theirs = partner.client("s3")
    made = theirs.put_object(Bucket=records, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    assert f":{PARTNER}:" in made["SSEKMSKeyId"]
    assert read(theirs, records, "a") == b"x"
    with refused("AccessDenied"):
        read(s3, records, "a")
    mine = s3.put_object(Bucket=records, Key="b", Body=b"x", ServerSideEncryption="aws:kms")
    assert f":{lab.account}:" in mine["SSEKMSKeyId"]
    with refused("AccessDenied"):
        read(theirs, records, "b")
    with refused("AccessDenied"):
        theirs.put_object(Bucket=records, Key="c", **how("SSE-KMS", mine["SSEKMSKeyId"]))


def test_a_customer_managed_key_may_be_lent_to_another_account(
    lab: Lab, s3: Any, records: str, arn: str, partner: Any, kms: Any
) -> None:
    there = {"AWS": f"arn:aws:iam::{PARTNER}:root"}
    here = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{lab.account}:root"})
    lent = allow("kms:Decrypt", "kms:GenerateDataKey", Principal=there)
    key = kms.create_key(Policy=policy(here, lent))["KeyMetadata"]["Arn"]
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        allow("s3:GetObject", "s3:PutObject", resource=f"{arn}/*", Principal=there)
    ))  # fmt: skip
    theirs = partner.client("s3")
    theirs.put_object(Bucket=records, Key="a", Body=b"x", **how("SSE-KMS", key))
    assert read(s3, records, "a") == b"x"
    reader = partner.user("reader", policy=[ALL_S3])
    with refused("AccessDenied"):
        read(reader.client("s3"), records, "a")
    reader = partner.user("reader", policy=[ALL_S3, allow("kms:Decrypt", resource=key)])
    assert read(reader.client("s3"), records, "a") == b"x"


# Bucket policies


def test_in_an_account_either_side_may_allow_and_any_may_deny(
    lab: Lab, s3: Any, records: str, arn: str
) -> None:
    alice = user(lab)
    theirs = alice.client("s3")
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    with refused("AccessDenied", (
        f'User: {alice.arn} is not authorized to perform: s3:GetObject on resource: "{arn}/a" '
        "because no identity-based policy allows the s3:GetObject action"
    )):  # fmt: skip
        read(theirs, records, "a")
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        allow("s3:GetObject", resource=f"{arn}/a", Principal={"AWS": alice.arn})
    ))  # fmt: skip
    assert read(theirs, records, "a") == b"x"
    with refused("AccessDenied"):
        read(theirs, records, "b")
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        deny("s3:GetObject", resource=f"{arn}/*", Principal="*")
    ))  # fmt: skip
    with refused("AccessDenied") as caught:
        read(s3, records, "a")
    assert "with an explicit deny in a resource-based policy" in str(caught.value)


def test_across_accounts_both_sides_have_to_allow(
    s3: Any, records: str, arn: str, partner: Any
) -> None:
    there = {"AWS": f"arn:aws:iam::{PARTNER}:root"}
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    weak, strong = partner.user("weak"), partner.user("strong", policy=[ALL_S3])
    for who in (weak, strong, partner.admin):
        with refused("AccessDenied", "Access Denied") as caught:
            read(who.client("s3"), records, "a")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        allow("s3:GetObject", resource=f"{arn}/*", Principal=there)
    ))  # fmt: skip
    assert read(strong.client("s3"), records, "a") == b"x"
    with refused("AccessDenied", "Access Denied"):
        read(weak.client("s3"), records, "a")
    with refused("AccessDenied"):
        strong.client("s3").put_bucket_policy(Bucket=records, Policy=policy())
    with refused("AccessDenied"):
        strong.client("s3").put_object(Bucket=records, Key="a")


def test_whether_a_key_is_there_is_told_to_who_may_list(
    lab: Lab, s3: Any, records: str, partner: Any
) -> None:
    getter = user(lab, allow("s3:GetObject", "s3:GetObjectVersion"))
    lister = user(lab, allow("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"))
    with refused("NoSuchKey", "The specified key does not exist."):
        read(lister.client("s3"), records, "none")
    with refused("404", "Not Found"):
        lister.client("s3").head_object(Bucket=records, Key="none")
    with refused("NoSuchVersion"):
        read(lister.client("s3"), records, "none", VersionId="x" * 32)
    for more in ({}, {"VersionId": "x" * 32}):
        with refused("AccessDenied") as caught:
            read(getter.client("s3"), records, "none", **more)
        assert "s3:ListBucket" in str(caught.value)
        with refused("403", "Forbidden"):
            getter.client("s3").head_object(Bucket=records, Key="none", **more)
    s3.put_bucket_versioning(Bucket=records, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=records, Key="was", Body=b"x")
    s3.delete_object(Bucket=records, Key="was")
    with refused("AccessDenied"):
        read(getter.client("s3"), records, "was")
    with refused("NoSuchKey"):
        read(lister.client("s3"), records, "was")
    with refused("403", "Forbidden"):
        partner.client("s3").head_bucket(Bucket=records)
    with refused("404", "Not Found"):
        partner.client("s3").head_bucket(Bucket="no-such-bucket")


ASKED = {
    "get_object": ({"Key": "a"}, "GetObject", "/a"),
    "head_object": ({"Key": "a"}, "GetObject", "/a"),
    "put_object": ({"Key": "a"}, "PutObject", "/a"),
    "delete_object": ({"Key": "a"}, "DeleteObject", "/a"),
    "create_multipart_upload": ({"Key": "a"}, "PutObject", "/a"),
    "upload_part": ({"Key": "a", "UploadId": "u", "PartNumber": 1}, "PutObject", "/a"),
    "complete_multipart_upload": ({"Key": "a", "UploadId": "u"}, "PutObject", "/a"),
    "abort_multipart_upload": ({"Key": "a", "UploadId": "u"}, "AbortMultipartUpload", "/a"),
    "list_parts": ({"Key": "a", "UploadId": "u"}, "ListMultipartUploadParts", "/a"),
    "update_object_encryption": ({"Key": "a", "ObjectEncryption": {"SSEKMS": {
        "KMSKeyArn": "x" * 20}}}, "UpdateObjectEncryption", "/a"),
    "list_objects_v2": ({}, "ListBucket", ""),
    "list_objects": ({}, "ListBucket", ""),
    "list_object_versions": ({}, "ListBucketVersions", ""),
    "list_multipart_uploads": ({}, "ListBucketMultipartUploads", ""),
    "head_bucket": ({}, "ListBucket", ""),
    "get_bucket_location": ({}, "GetBucketLocation", ""),
    "get_bucket_encryption": ({}, "GetEncryptionConfiguration", ""),
    "delete_bucket_encryption": ({}, "PutEncryptionConfiguration", ""),
    "get_bucket_versioning": ({}, "GetBucketVersioning", ""),
    "put_bucket_versioning": ({"VersioningConfiguration": {"Status": "Enabled"}},
        "PutBucketVersioning", ""),
    "get_public_access_block": ({}, "GetBucketPublicAccessBlock", ""),
    "delete_public_access_block": ({}, "PutBucketPublicAccessBlock", ""),
    "put_bucket_policy": ({"Policy": "{}"}, "PutBucketPolicy", ""),
    "get_bucket_policy": ({}, "GetBucketPolicy", ""),
    "get_bucket_policy_status": ({}, "GetBucketPolicyStatus", ""),
    "delete_bucket_policy": ({}, "DeleteBucketPolicy", ""),
    "delete_bucket": ({}, "DeleteBucket", ""),
}  # fmt: skip


@pytest.mark.parametrize("operation", ASKED)
def test_each_operation_asks_for_its_own_permission(
    lab: Lab, s3: Any, operation: str, records: str, arn: str
) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    more, action, path = ASKED[operation]
    nobody = user(lab, allow("s3:*"), deny(f"s3:{action}", resource=f"{arn}{path}")).client("s3")
    somebody = user(lab, allow(f"s3:{action}", resource=f"{arn}{path}")).client("s3")
    code = "403" if operation.startswith("head") else "AccessDenied"
    with refused(code) as caught:
        getattr(nobody, operation)(Bucket=records, **more)
    if code != "403":
        assert f's3:{action} on resource: "{arn}{path}"' in str(caught.value)
    assert answer(getattr(somebody, operation), Bucket=records, **more) not in (
        "AccessDenied",
        "403",
    )


def test_versions_and_copies_ask_for_permissions_of_their_own(
    lab: Lab, s3: Any, records: str, arn: str
) -> None:
    s3.put_bucket_versioning(Bucket=records, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=records, Key="a", Body=b"x")["VersionId"]
    plain = user(lab, allow("s3:GetObject", "s3:DeleteObject", "s3:PutObject")).client("s3")
    named = user(lab, allow("s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:PutObject"))
    assert read(plain, records, "a") == b"x"
    assert read(named.client("s3"), records, "a", VersionId=version) == b"x"
    source = f"{records}/a"
    plain.copy_object(Bucket=records, Key="b", CopySource=source)
    named.client("s3").copy_object(Bucket=records, Key="b",
                                   CopySource=f"{source}?versionId={version}")  # fmt: skip
    with refused("AccessDenied"):
        read(plain, records, "a", VersionId=version)
    with refused("AccessDenied"):
        plain.delete_object(Bucket=records, Key="a", VersionId=version)
    with refused("AccessDenied"):
        plain.copy_object(Bucket=records, Key="b", CopySource=f"{source}?versionId={version}")
    with refused("AccessDenied"):
        named.client("s3").copy_object(Bucket=records, Key="b", CopySource=source)
    reader = user(lab, allow("s3:GetObject")).client("s3")
    with refused("AccessDenied"):
        reader.copy_object(Bucket=records, Key="b", CopySource=source)
    begun = s3.create_multipart_upload(Bucket=records, Key="b")["UploadId"]
    with refused("AccessDenied"):
        named.client("s3").upload_part_copy(Bucket=records, Key="b", UploadId=begun, PartNumber=1,
                                            CopySource=source)  # fmt: skip
    some = user(lab, allow("s3:DeleteObject", resource=f"{arn}/b"))
    done = some.client("s3").delete_objects(Bucket=records, Delete={"Objects": [
        {"Key": "a"}, {"Key": "b"}, {"Key": "b", "VersionId": version}
    ]})  # fmt: skip
    assert [each["Key"] for each in done["Deleted"]] == ["b"]
    assert [(each["Key"], each["Code"]) for each in done["Errors"]] == [
        ("a", "AccessDenied"), ("b", "AccessDenied"),
    ]  # fmt: skip


def test_uploads_without_sse_kms_may_be_denied(
    s3: Any, records: str, arn: str, own_key: str
) -> None:
    header = "s3:x-amz-server-side-encryption"
    everybody = {"Principal": "*", "resource": f"{arn}/*"}
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        deny("s3:PutObject", **everybody, Condition={"StringNotEquals": {header: "aws:kms"}}),
        deny("s3:PutObject", **everybody,
             Condition={"StringNotEquals": {f"{header}-aws-kms-key-id": own_key}}),
    ))  # fmt: skip
    for more in ({}, {"ServerSideEncryption": "AES256"}, customer(),
                 {"ServerSideEncryption": "aws:kms"}, how("DSSE-KMS", own_key)):  # fmt: skip
        with refused("AccessDenied"):
            s3.put_object(Bucket=records, Key="a", **more)
        with refused("AccessDenied"):
            s3.create_multipart_upload(Bucket=records, Key="a", **more)
    s3.put_object(Bucket=records, Key="a", Body=b"x", **how("SSE-KMS", own_key))
    s3.copy_object(Bucket=records, Key="b", CopySource=f"{records}/a", **how("SSE-KMS", own_key))
    with refused("AccessDenied"):
        s3.copy_object(Bucket=records, Key="b", CopySource=f"{records}/a")
    upload(s3, records, "c", [b"x"], **how("SSE-KMS", own_key))
    begun = s3.create_multipart_upload(Bucket=records, Key="d", **how("SSE-KMS", own_key))
    s3.upload_part_copy(Bucket=records, Key="d", UploadId=begun["UploadId"], PartNumber=1,
                        CopySource=f"{records}/a")  # fmt: skip


def test_customer_keys_may_be_denied_or_demanded(s3: Any, records: str, arn: str) -> None:
    header = "s3:x-amz-server-side-encryption-customer-algorithm"
    for wanted, good, bad in (("true", customer(), {}), ("false", {}, customer())):
        s3.put_bucket_policy(Bucket=records, Policy=policy(
            deny("s3:PutObject", Principal="*", resource=f"{arn}/*",
                 Condition={"Null": {header: wanted}})
        ))  # fmt: skip
        s3.put_object(Bucket=records, Key="a", **good)
        upload(s3, records, "a", [b"x"], **good)
        with refused("AccessDenied"):
            s3.put_object(Bucket=records, Key="a", **bad)


CONDITIONS = {
    "aws:SecureTransport": ("Bool", "true", {}),
    "s3:prefix": ("StringLike", "alice/*", {"Prefix": "alice/2026"}),
    "s3:delimiter": ("StringEquals", "/", {"Delimiter": "/"}),
    "s3:max-keys": ("NumericLessThanEquals", "10", {"MaxKeys": 7}),
    "s3:ResourceAccount": ("StringEquals", None, {}),
    "s3:authType": ("StringEquals", "REST-HEADER", {}),
    "s3:signatureversion": ("StringEquals", "AWS4-HMAC-SHA256", {}),
    "s3:TlsVersion": ("NumericGreaterThanEquals", "1.2", {}),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_sees_the_request(lab: Lab, records: str, name: str) -> None:
    operator, value, more = CONDITIONS[name]
    condition = {operator: {name: value or str(lab.account)}}
    alice = user(lab, allow("s3:ListBucket", Condition=condition)).client("s3")
    alice.list_objects_v2(Bucket=records, **more)
    if more:
        with refused("AccessDenied"):
            alice.list_objects_v2(Bucket=records)
    against = user(lab, ALL_S3, deny("s3:ListBucket", Condition=condition)).client("s3")
    with refused("AccessDenied"):
        against.list_objects_v2(Bucket=records, **more)


def test_conditions_on_writes_see_the_request(lab: Lab, records: str) -> None:
    for name, value, more in (
        ("s3:x-amz-storage-class", "STANDARD_IA", {"StorageClass": "STANDARD_IA"}),
        ("s3:x-amz-acl", "bucket-owner-full-control", {"ACL": "bucket-owner-full-control"}),
        ("s3:if-none-match", "*", {"IfNoneMatch": "*"}),
    ):
        alice = user(lab, allow("s3:PutObject", Condition={"StringEquals": {name: value}}))
        alice.client("s3").put_object(Bucket=records, Key=name.replace(":", "-"), **more)
        with refused("AccessDenied"):
            alice.client("s3").put_object(Bucket=records, Key="b")
    source = {"StringLike": {"s3:x-amz-copy-source": f"{records}/a*"}}
    alice = user(lab, allow("s3:GetObject"), allow("s3:PutObject", Condition=source)).client("s3")
    lab.client("s3").put_object(Bucket=records, Key="a", Body=b"x")
    lab.client("s3").put_object(Bucket=records, Key="b", Body=b"x")
    alice.copy_object(Bucket=records, Key="c", CopySource=f"{records}/a")
    with refused("AccessDenied"):
        alice.copy_object(Bucket=records, Key="c", CopySource=f"{records}/b")
    where = {"StringEquals": {"s3:LocationConstraint": "eu-west-1"}}
    founder = user(lab, allow("s3:CreateBucket", Condition=where)).client("s3")
    with refused("AccessDenied"):
        founder.create_bucket(Bucket=f"records-{next(NUMBERS)}")
    here = {"LocationConstraint": "eu-west-1"}
    founder.create_bucket(Bucket=f"records-{next(NUMBERS)}", CreateBucketConfiguration=here)


def test_a_vpc_endpoint_has_the_last_word_and_kms_does_not_see_it(
    lab: Lab, s3: Any, records: str, arn: str, own_key: str
) -> None:
    door = policy(allow("s3:GetObject", "s3:PutObject", resource=f"{arn}/*", Principal="*"))
    through = lab.client("s3", vpc_endpoint=door)
    through.put_object(Bucket=records, Key="a", Body=b"x", **how("SSE-KMS", own_key))
    assert read(through, records, "a") == b"x"
    with refused("AccessDenied"):
        through.delete_object(Bucket=records, Key="a")
    s3.put_bucket_policy(Bucket=records, Policy=policy(
        deny("s3:GetObject", Principal="*", resource=f"{arn}/*",
             Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-0123"}})
    ))  # fmt: skip
    with refused("AccessDenied"):
        read(s3, records, "a")
    assert read(lab.client("s3", vpc_endpoint="vpce-0123"), records, "a") == b"x"


# Block Public Access


PUBLIC = {
    "everybody": ({"Principal": "*"}, True),
    "every AWS account": ({"Principal": {"AWS": "*"}}, True),
    "one account": ({"Principal": {"AWS": f"arn:aws:iam::{PARTNER}:root"}}, False),
    "all but one": ({"NotPrincipal": {"AWS": f"arn:aws:iam::{PARTNER}:root"}}, True),
    "an organisation": ({"Principal": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}, False),
    "a pattern of ARNs": ({"Principal": "*",
        "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}}, True),
    "a network": ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        False),
    "half the internet": ({"Principal": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}}, True),
    "one network and all": ({"Principal": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::/0"]}}}, True),
    "who uses TLS": ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        True),
    "a variable": ({"Principal": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:userid}"}}}, True),
    "not an account": ({"Principal": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalAccount": PARTNER}}}, True),
    "whoever uses a key": ({"Principal": "*", "Condition": {"StringEquals": {
        "s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-east-1:1:key/1"}}},
        False),
}  # fmt: skip


@pytest.mark.parametrize("case", PUBLIC)
@pytest.mark.usefixtures("partner")
def test_public_policies_are_known_and_kept_out(
    lab: Lab, s3: Any, records: str, arn: str, case: str
) -> None:
    more, public = PUBLIC[case]
    document = policy(allow("s3:GetObject", resource=f"{arn}/*", **more))
    if public:
        with refused("AccessDenied", (
            f"User: {lab.admin.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{arn}" because public policies are prevented by the BlockPublicPolicy setting in S3 '
            "Block Public Access."
        )):  # fmt: skip
            s3.put_bucket_policy(Bucket=records, Policy=document)
        open_policies(s3, records)
    s3.put_bucket_policy(Bucket=records, Policy=document)
    status = s3.get_bucket_policy_status(Bucket=records)["PolicyStatus"]
    assert status["IsPublic"] == public
    denies = policy(deny("s3:GetObject", resource=f"{arn}/*", Principal="*"))
    s3.put_bucket_policy(Bucket=records, Policy=denies)
    assert not s3.get_bucket_policy_status(Bucket=records)["PolicyStatus"]["IsPublic"]


def test_a_public_policy_is_for_its_own_account_while_buckets_are_restricted(
    s3: Any, records: str, arn: str, partner: Any
) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    open_policies(s3, records)
    document = policy(allow("s3:GetObject", resource=f"{arn}/*", Principal="*"))
    s3.put_bucket_policy(Bucket=records, Policy=document)
    with refused("NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket=records)
    assert read(partner.client("s3"), records, "a") == b"x"
    s3.put_public_access_block(Bucket=records, PublicAccessBlockConfiguration={
        "RestrictPublicBuckets": True
    })  # fmt: skip
    assert s3.get_public_access_block(Bucket=records)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
        "RestrictPublicBuckets": True,
    }  # fmt: skip
    with refused("AccessDenied"):
        read(partner.client("s3"), records, "a")
    assert read(s3, records, "a") == b"x"
    pinned = policy(
        allow("s3:GetObject", resource=f"{arn}/*", Principal={"AWS": partner.admin.arn})
    )
    s3.put_bucket_policy(Bucket=records, Policy=pinned)
    assert read(partner.client("s3"), records, "a") == b"x"


def test_no_secret_is_in_any_trail(lab: Lab, partner: Any) -> None:
    text = json.dumps([*lab.trail(), *lab.trail(PARTNER)])
    assert partner.number == PARTNER
    assert base64.b64encode(CUSTOMER_KEY).decode() not in text
