"""What the tests of S3 share: buckets, objects in every mode, and what lies on the disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kmslab import Lab

MIB = 1 << 20
LEAST_PART = 5 * MIB
MODES = ("SSE-S3", "SSE-KMS", "bucket key", "DSSE-KMS", "SSE-C")
CUSTOMER_KEY = os.urandom(32)
NO_BLOCK = {"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]}


def customer(key: bytes = CUSTOMER_KEY, prefix: str = "") -> dict[str, Any]:
    """The parameters of SSE-C."""
    return {f"{prefix}SSECustomerAlgorithm": "AES256", f"{prefix}SSECustomerKey": key}


def how(mode: str, key: str) -> dict[str, Any]:
    """The parameters by which an object is put in a mode, under a KMS key where it has one."""
    by_kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    return {
        "SSE-S3": {"ServerSideEncryption": "AES256"},
        "SSE-KMS": by_kms,
        "bucket key": {**by_kms, "BucketKeyEnabled": True},
        "DSSE-KMS": {**by_kms, "ServerSideEncryption": "aws:kms:dsse"},
        "SSE-C": customer(),
    }[mode]


def to_read(mode: str) -> dict[str, Any]:
    """What a request that reads has to bring along."""
    return customer() if mode == "SSE-C" else {}


def bucket(s3: Any, name: str, region: str = "") -> str:
    """A new bucket that takes SSE-C too."""
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}
    s3.create_bucket(Bucket=name, **where)
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=NO_BLOCK)
    return name


def read(s3: Any, name: str, key: str, **more: Any) -> bytes:
    """An object, whole unless `more` says otherwise."""
    return bytes(s3.get_object(Bucket=name, Key=key, **more)["Body"].read())


def upload(s3: Any, name: str, key: str, parts: list[bytes], **more: Any) -> dict[str, Any]:
    """An object in parts."""
    begun = s3.create_multipart_upload(Bucket=name, Key=key, **more)
    about = {"Bucket": name, "Key": key, "UploadId": begun["UploadId"]}
    brought = {name: value for name, value in more.items() if name.startswith("SSECustomer")}
    made = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(PartNumber=number, Body=part, **about, **brought)["ETag"],
        }
        for number, part in enumerate(parts, 1)
    ]
    done: dict[str, Any] = s3.complete_multipart_upload(**about, MultipartUpload={"Parts": made})
    return done


def paths(lab: Lab, name: str, key: str, version: str | None = None) -> list[Path]:
    """The files of an object."""
    return list(lab.s3.at_rest(name, key, version).files)


def assert_tidy(lab: Lab) -> None:
    """Every file in S3's folder is named by a record, and every record's files are there."""
    named = {name for (name,) in lab._rooms.store.rows("SELECT name FROM object_file")}
    there = {path.name for path in lab.s3.folder.iterdir()} if lab.s3.folder.exists() else set()
    assert there == named
    stray = (
        "SELECT count(*) FROM object_file WHERE (object IS NULL) = (upload IS NULL)",
        "SELECT count(*) FROM object_file WHERE object IS NOT NULL AND object NOT IN "
        "(SELECT number FROM object)",
        "SELECT count(*) FROM object_file WHERE upload IS NOT NULL AND upload NOT IN "
        "(SELECT id FROM upload)",
        "SELECT count(*) FROM object WHERE NOT json_extract(details, '$.is_marker') AND number "
        "NOT IN (SELECT object FROM object_file WHERE object IS NOT NULL)",
    )
    assert [lab._rooms.store.row(sql) for sql in stray] == [(0,)] * len(stray)


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def open_policies(s3: Any, name: str) -> None:
    """Lets public policies in."""
    s3.delete_public_access_block(Bucket=name)
