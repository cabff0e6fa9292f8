"""What checks about S3 need: buckets for a rehearsal, objects in them, policies put on them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Any

from botocore.exceptions import ClientError

from kmslab.accounts.callers import Caller
from kmslab.accounts.members import Role
from kmslab.course import tries
from kmslab.course.check.exercise import need
from kmslab.course.check.policies import Statements, kept
from kmslab.lab import Lab

VIA = "s3.us-east-1.amazonaws.com"
_EVERYTHING: Mapping[str, object] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@contextmanager
def swept(lab: Lab) -> Iterator[None]:
    """Removes at its end the files that came inside: a rehearsal's records of them are undone."""
    before = set(_files(lab))
    try:
        yield
    finally:
        for path in set(_files(lab)) - before:
            path.unlink(missing_ok=True)


def made(lab: Lab, bucket: str) -> str:
    """A bucket of the lab's account, that may be there already."""
    with suppress(ClientError):
        lab.client("s3").create_bucket(Bucket=bucket)
    return bucket


def writer(lab: Lab) -> Any:
    """A client of somebody new, who may do everything; no bucket key is kept for them yet."""
    return lab.user(f"writer-{token_hex(6)}", policy=dict(_EVERYTHING)).client("s3")


def under(key: str, with_bucket_key: bool = False) -> dict[str, object]:
    """PutObject's parameters for SSE-KMS."""
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    return {**asked, "BucketKeyEnabled": with_bucket_key}


def put_bucket_policy(lab: Lab, bucket: str, policy: Statements) -> None:
    """Saves a bucket policy as the lab's admin; `NotYet` with S3's words where it is refused."""

    def put() -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": policy})
        lab.client("s3").put_bucket_policy(Bucket=bucket, Policy=document)

    kept("the bucket policy", put)


def body(s3: Any, bucket: str, name: str) -> bytes:
    """An object's bytes; `NotYet` where S3 doesn't give them."""
    got = get(s3, bucket, name)
    need(got == tries.OK, f"get_object alone says {got}")
    found: bytes = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
    return found


def get(s3: Any, bucket: str, name: str) -> str:
    """What GetObject comes to: "ok", or S3's error code."""
    return tries.outcome(s3.get_object, Bucket=bucket, Key=name)


def client(who: Caller, service: str = "s3") -> Any:
    """A client of somebody, of a role in a session."""
    return (who.session("check") if isinstance(who, Role) else who).client(service)


def through(arn: str) -> dict[str, object]:
    """The condition keys of a call that S3 makes, with this context."""
    keys = "kms:EncryptionContextKeys"
    return {"kms:ViaService": VIA, "kms:EncryptionContext:aws:s3:arn": arn, keys: ["aws:s3:arn"]}


def _files(lab: Lab) -> Iterator[Any]:
    return lab.s3.folder.iterdir() if lab.s3.folder.exists() else iter(())
