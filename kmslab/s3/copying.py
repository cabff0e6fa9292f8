"""CopyObject and UploadPartCopy: read with the source's key, written under a new one.

A copy is encrypted as the request says, or else as the target bucket does by default; nothing of
the source's encryption is taken over, its encryption context neither. So the caller needs
kms:Decrypt for the source and kms:GenerateDataKey for the target. Source: CopyObject.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kmslab.aws.call import Output
from kmslab.s3 import encryption, errors, keys, multipart, names, reading, writing
from kmslab.s3.checksums import Checksums
from kmslab.s3.records import Object
from kmslab.s3.request import Request
from kmslab.s3.sealed import Reader
from kmslab.s3.writing import New

_SELF = (
    "This copy request is illegal because it is trying to copy an object to itself without "
    "changing the object's metadata, storage class, website redirect location or encryption "
    "attributes."
)
_PREFIX = "CopySourceSSECustomer"
_CHANGES = ("ServerSideEncryption", "SSECustomerAlgorithm", "StorageClass", "BucketKeyEnabled")


def copy_object(request: Request) -> Output:
    """CopyObject."""
    bucket, key = names.bucket(request), request.get("Key")
    source = _source(request)
    replaces = request.get("MetadataDirective") == "REPLACE"
    if (source.bucket, source.key) == (bucket.name, key) and not (
        replaces or any(map(request.get, _CHANGES))
    ):
        raise errors.invalid_request(_SELF)
    wanted = encryption.wanted(request, bucket)
    headers, metadata = writing.described(request)
    if not replaces:
        headers, metadata = dict(source.headers), dict(source.metadata)
    with _open(request, source, 0, source.size) as body:
        protection, data_keys = keys.make(request, bucket, key, wanted)
        new = New(bucket, key, protection, headers, metadata)
        with writing.sealing(request, new, data_keys, body, Checksums()) as stored:
            made = writing.commit(request, new, stored)
    said = writing.written(bucket, made) | encryption.echo_context(wanted.context)
    result = {"ETag": said.pop("ETag"), "LastModified": datetime.fromtimestamp(made.modified, UTC)}
    return {"CopyObjectResult": result, **said}


def upload_part_copy(request: Request) -> Output:
    """UploadPartCopy: a part of a multipart upload that is copied from an object."""
    source, asked = _source(request), request.get("CopySourceRange", "")
    first, last = 0, source.size - 1
    if asked:
        try:
            first, last = (int(each) for each in asked.removeprefix("bytes=").split("-"))
        except ValueError:
            raise errors.invalid(_RANGE) from None
        if not 0 <= first <= last < source.size:
            raise errors.error("InvalidRange")
    with _open(request, source, first, last - first + 1) as body:
        said = multipart.upload_part(request, body)
    now = datetime.fromtimestamp(int(request.rooms.settings.now_in_call()), UTC)
    result = {"ETag": said.pop("ETag"), "LastModified": now}
    return {"CopyPartResult": result, **said}


_RANGE = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
    "are the zero-based offsets of the first and last bytes to copy"
)


def _source(request: Request) -> Object:
    bucket, key, version = names.copy_source(request)
    found = reading.find_in(request, bucket, key, version or None)
    wanted = request.get("CopySourceIfMatch")
    if wanted is not None and wanted.strip('"') != found.etag:
        raise errors.error("PreconditionFailed")
    return found


def _open(request: Request, source: Object, start: int, length: int) -> Reader:
    customer_key = encryption.key_to_read(request, source, _PREFIX)
    data_keys = keys.open_keys(request, source.sealed, customer_key)
    return reading.read(request, source, data_keys, (start, length))
