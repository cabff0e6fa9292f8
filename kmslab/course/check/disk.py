"""What a thief gets who has S3's disk: the files, and the record of each object beside them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any

from botocore.exceptions import ClientError

from kmslab.course import tries
from kmslab.course.check.buckets import made, swept
from kmslab.course.check.exercise import need
from kmslab.course.check.policies import rehearsed
from kmslab.lab import Lab
from kmslab.s3 import records

Export = Callable[[Any, str, str, bytes], object]
_KEY_BYTES = 32


def thief(lab: Lab, export: Export) -> tries.Table:
    """What a thief with S3's disk reads of a letter that a program exports."""
    with swept(lab), rehearsed(lab):
        bucket, letter = exported(lab, export)
        mode = lab.s3.at_rest(bucket, "17.txt").protection.mode
        read, how = found(lab, bucket, "17.txt")
    said = f"the whole letter: {how}" if letter in read else "nothing"
    return tries.Table(("object", "encryption", "what the thief reads"), [("17.txt", mode, said)])


def exported(lab: Lab, export: Export) -> tuple[str, bytes]:
    """A letter that a program exports into a new bucket, where SSE-C is allowed."""
    s3, bucket = lab.client("s3"), made(lab, f"export-{token_hex(6)}")
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
    }
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    letter = f"The letter of patient 17 says {token_hex(16)}".encode()
    export(s3, bucket, "17.txt", letter)
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    need("17.txt" in {each["Key"] for each in listed}, "no object 17.txt is in the bucket")
    return bucket, letter


def found(lab: Lab, bucket: str, name: str) -> tuple[bytes, str]:
    """What of an object the thief reads, and where from; empty where nothing helps.

    A record is not encrypted: name, metadata, headers, encryption context. Whether a key from
    there opens the file, S3 is asked: it derives the file's keys as the thief would.
    """
    texts = dict(_record(lab, bucket, name))
    if lab.s3.at_rest(bucket, name).protection.mode == "SSE-C":
        for where, text in texts.items():
            for key in _keys(text):
                with suppress(ClientError):
                    return _opened(lab, bucket, name, key), f"the key in its {where} opens it"
    words = "\n".join(texts.values())
    return words.encode(), "its record"


def _record(lab: Lab, bucket: str, name: str) -> Iterator[tuple[str, str]]:
    stored = records.find_object(lab._rooms.store, bucket, name)
    yield "name", name
    if stored is not None:
        yield from ((f"metadata {at!r}", text) for at, text in stored.metadata.items())
        yield from stored.headers.items()
    for at, text in lab.s3.at_rest(bucket, name).context.items():
        yield f"encryption context {at!r}", text


def _keys(text: str) -> Iterator[bytes]:
    """Keys of 32 bytes that a text may stand for."""
    keys = [text.encode(), hashlib.sha256(text.encode()).digest()]
    with suppress(ValueError):
        keys.append(bytes.fromhex(text))
    with suppress(binascii.Error, ValueError):
        keys.append(base64.b64decode(text, validate=True))
    yield from (key for key in keys if len(key) == _KEY_BYTES)


def _opened(lab: Lab, bucket: str, name: str, key: bytes) -> bytes:
    asked = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    body: bytes = lab.client("s3").get_object(Bucket=bucket, Key=name, **asked)["Body"].read()
    return body
