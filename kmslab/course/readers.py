"""What S3 stores in each mode, and who can read it: a thief of the disk, callers (lesson 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from botocore.exceptions import ClientError

from kmslab.accounts.callers import Caller
from kmslab.course import tries
from kmslab.lab import Lab

TEXT, CIPHERTEXT, NOTHING = "the letter", "ciphertext", "nothing"


def table(
    lab: Lab, bucket: str, names: Iterable[str], letter: bytes, **callers: Caller
) -> tries.Table:
    """What each gets of each object, all of which hold the letter: it, ciphertext, or nothing.

    The thief reads the files on S3's disk; everybody else asks S3, under the name given here.
    """
    rows = [
        (
            name,
            _kind(lab.s3.at_rest(bucket, name).read(), letter),
            *(_got(who, bucket, name, letter) for who in callers.values()),
        )
        for name in names
    ]
    return tries.Table(("object", "thief", *callers), rows)


def stored(
    lab: Lab, bucket: str, letter: bytes, modes: Mapping[str, Mapping[str, object]]
) -> tries.Table:
    """Puts the letter once in each mode, by PutObject's parameters: what S3 says, and keeps."""
    s3, rows = lab.client("s3"), list[tuple[object, ...]]()
    for name, asked in modes.items():
        said = tries.outcome(s3.put_object, Bucket=bucket, Key=name, Body=letter, **asked)
        keys = lab.s3.at_rest(bucket, name).encrypted_data_keys if said == tries.OK else ()
        rows.append((name, said, len(keys)))
    return tries.Table(("mode", "PutObject", "encrypted data keys"), rows)


def _got(who: Caller, bucket: str, name: str, letter: bytes) -> str:
    try:
        body = who.client("s3").get_object(Bucket=bucket, Key=name)["Body"].read()
    except ClientError:
        return NOTHING
    return _kind(body, letter)


def _kind(found: bytes, letter: bytes) -> str:
    return TEXT if letter in found else CIPHERTEXT
