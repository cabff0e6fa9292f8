"""Multipart uploads: an object in parts, which may arrive in any order and at the same time.

CreateMultipartUpload gets one data key for the whole object (kms:GenerateDataKey). Each UploadPart
has KMS open it again, and so does CompleteMultipartUpload (kms:Decrypt): S3 keeps no plaintext key
in between. So whoever may only generate data keys can put small objects, and no large ones.
An upload goes on until it is completed or aborted; to complete it once more is NoSuchUpload here,
where AWS may answer as the first time. Source: "Multipart upload API and permissions".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.s3 import encryption, errors, keys, names, records, uploads, writing
from kmslab.s3.checksums import Checksums
from kmslab.s3.protection import SSE_C, Protection
from kmslab.s3.records import Stored
from kmslab.s3.request import Request
from kmslab.s3.writing import New

LEAST_PART = 5 << 20  # bytes, except of the last
MOST_PARTS = 10_000
_OTHER_KEY = "The provided encryption parameters did not match the ones used originally."
_NO_KEY = (
    "The multipart upload initiate requested encryption. Subsequent part requests must include the "
    "appropriate encryption parameters."
)


def create(request: Request) -> Output:
    """CreateMultipartUpload."""
    bucket, key = names.bucket(request), request.get("Key")
    wanted = encryption.wanted(request, bucket)
    headers, metadata = writing.described(request)
    Checksums.of(request)
    protection, _ = keys.make(request, bucket, key, wanted)
    with request.rooms.store.transaction():
        names.bucket(request)  # it may be gone by now
        upload = uploads.add(request, New(bucket, key, protection, headers, metadata))
    said = {"Bucket": bucket.name, "Key": key, "UploadId": upload}
    return said | encryption.echo(protection) | encryption.echo_context(wanted.context)


def upload_part(request: Request, body: Any = None) -> Output:
    """UploadPart: a part of the same number replaces the one before."""
    number = request.get("PartNumber")
    if not 1 <= number <= MOST_PARTS:
        raise errors.invalid(
            f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        )
    upload, store = uploads.find(request), request.rooms.store
    checksums, new = Checksums.of(request), upload.new
    data_keys = keys.open_keys(request, new.protection, _customer_key(request, new.protection))
    body = request.get("Body", b"") if body is None else body
    with writing.sealing(request, new, data_keys, body, checksums, number) as stored:
        with store.transaction():
            uploads.find(request)  # it may be over by now
            parts = records.files_of_upload(store, upload.id)
            old = [part.file for part in parts if part.part == number]
            records.forget_files(store, old)
            records.name_file(store, stored, upload=upload.id)
        request.rooms.files.remove(old)
    return {"ETag": f'"{stored.etag}"', **encryption.echo(new.protection), **checksums.echo()}


def complete(request: Request) -> Output:
    """CompleteMultipartUpload: the parts that are named become the object; others go."""
    upload, store = uploads.find(request), request.rooms.store
    if upload.new.protection.mode != SSE_C:
        keys.open_keys(request, upload.new.protection)  # S3 reads the parts
    with store.transaction():
        uploads.find(request)
        kept = records.files_of_upload(store, upload.id)
        chosen = _chosen(request, kept)
        records.forget_files(store, [part.file for part in kept])
        store.append("DELETE FROM upload WHERE id = ?", (upload.id,))
        made, replaced = writing.replacing(request, upload.new, chosen, _etag(chosen))
    others = [part.file for part in kept if part not in chosen]
    request.rooms.files.remove([*replaced, *others])
    said = writing.written(upload.new.bucket, made)
    where = f"https://{upload.new.bucket.name}.s3.amazonaws.com/{made.key}"
    return {"Bucket": made.bucket, "Key": made.key, "Location": where, **said}


def abort(request: Request) -> Output:
    """AbortMultipartUpload."""
    store = request.rooms.store
    with store.transaction():
        files = uploads.forget(request, uploads.find(request).id)
    request.rooms.files.remove(files)
    return {}


def _customer_key(request: Request, protection: Protection) -> bytes:
    """With SSE-C each part brings the same key along."""
    brought = encryption.names_customer_key(request)
    if brought != (protection.mode == SSE_C):
        raise errors.invalid_request(_NO_KEY)
    if not brought:
        return b""
    key = encryption.customer_key(request)
    try:
        keys.open_keys(request, protection, key)
    except AwsError:
        raise errors.invalid_request(_OTHER_KEY) from None
    return key


def _chosen(request: Request, kept: Sequence[Stored]) -> list[Stored]:
    """The parts that the request names, checked as S3 does."""
    asked = (request.get("MultipartUpload") or {}).get("Parts") or []
    if not asked:
        raise errors.error("MalformedXML")
    numbers = [part.get("PartNumber") for part in asked]
    if None in numbers or not all(part.get("ETag") for part in asked):
        raise errors.error("MalformedXML")
    if numbers != sorted(set(numbers)):
        raise errors.error("InvalidPartOrder")
    by_number = {part.part: part for part in kept}
    chosen = list[Stored]()
    for part in asked:
        stored = by_number.get(part["PartNumber"])
        if stored is None or part["ETag"].strip('"') != stored.etag:
            raise errors.error("InvalidPart")
        chosen.append(stored)
    if any(part.size < LEAST_PART for part in chosen[:-1]):
        raise errors.error("EntityTooSmall")
    return chosen


def _etag(parts: Sequence[Stored]) -> str:
    """The MD5 of the parts' ETags, and how many there were: no digest of the object."""
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
