"""Multipart uploads that go on, as records; what is done with them: `multipart.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms.timing import when
from kmslab.s3 import errors, names, records
from kmslab.s3.protection import SSE_C, SSE_S3, Protection
from kmslab.s3.request import Request
from kmslab.s3.writing import New
from kmslab.store import Store

_SELECT = "SELECT id, name, started, details FROM upload WHERE bucket = ?"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that goes on."""

    id: str
    started: float
    new: New


def add(request: Request, new: New) -> str:
    """Begins an upload; inside a transaction. Its id."""
    upload = request.rooms.settings.new_hex("upload", 64)
    kept = {"headers": new.headers, "metadata": new.metadata}
    kept["protection"] = new.protection.written()
    request.rooms.store.append(
        "INSERT INTO upload VALUES (?, ?, ?, ?, ?)",
        (upload, new.bucket.name, new.key, request.now, json.dumps(kept)),
    )
    return upload


def find(request: Request) -> Upload:
    """The upload that a request names; NoSuchUpload where it is over."""
    bucket, key = names.bucket(request), request.get("Key")
    row = request.rooms.store.row(
        f"{_SELECT} AND name = ? AND id = ?", (bucket.name, key, request.get("UploadId"))
    )
    if row is None:
        raise errors.error("NoSuchUpload")
    details = json.loads(row[3])
    details["protection"] = Protection.read(details["protection"])
    return Upload(row[0], row[2], New(bucket, key, **details))


def forget(request: Request, upload: str) -> list[str]:
    """Takes an upload out of the records; inside a transaction. Its files."""
    store = request.rooms.store
    files = [stored.file for stored in records.files_of_upload(store, upload)]
    records.forget_files(store, files)
    store.append("DELETE FROM upload WHERE id = ?", (upload,))
    return files


def asked(request: Request) -> Mapping[str, str]:
    """What the request that created an upload said of encryption, as parameters."""
    try:
        kept = find(request).new.protection
    except AwsError:
        return {}
    if kept.mode == SSE_C:
        return {"SSECustomerAlgorithm": SSE_S3}
    named = {"SSEKMSKeyId": kept.key_arn} if kept.key_arn else {}
    return {"ServerSideEncryption": kept.mode, **named}


def forget_all(store: Store, bucket: str) -> list[str]:
    """Takes all uploads of a bucket out of the records; inside a transaction. Their files."""
    files = [
        stored.file
        for (upload, *_) in store.rows(_SELECT, (bucket,))
        for stored in records.files_of_upload(store, upload)
    ]
    records.forget_files(store, files)
    store.append("DELETE FROM upload WHERE bucket = ?", (bucket,))
    return files


def list_parts(request: Request) -> Output:
    """ListParts: all of them, on one page."""
    upload = find(request)
    parts = [
        {
            "PartNumber": part.part,
            "ETag": f'"{part.etag}"',
            "Size": part.size,
            "LastModified": when(upload.started),
        }
        for part in records.files_of_upload(request.rooms.store, upload.id)
    ]
    new = upload.new
    said = {"Bucket": new.bucket.name, "Key": new.key, "UploadId": upload.id, "IsTruncated": False}
    return said | ({"Parts": parts} if parts else {})


def list_uploads(request: Request) -> Output:
    """ListMultipartUploads: all of them, on one page."""
    bucket, prefix = names.bucket(request), request.get("Prefix", "")
    rows = request.rooms.store.rows(f"{_SELECT} ORDER BY name, started", (bucket.name,))
    uploads = [
        {"UploadId": upload, "Key": name, "Initiated": when(started)}
        for upload, name, started, _ in rows
        if name.startswith(prefix)
    ]
    said: Output = {"Bucket": bucket.name, "IsTruncated": False}
    return said | ({"Uploads": uploads} if uploads else {})
