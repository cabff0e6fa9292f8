"""CopyObject and UploadPartCopy: read with the source's key, written under a new one.

A copy is encrypted as the request says, or else as the target bucket does by default; nothing of
the source's encryption is taken over, its encryption context neither. So the caller needs
kms:Decrypt for the source and kms:GenerateDataKey for the target. Source: CopyObject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kmslab.aws.call import Output
from kmslab.errors import DamagedObject
from kmslab.kms.timing import when
from kmslab.s3 import encryption, errors, holding, keys, multipart, names, reading, writing
from kmslab.s3.checksums import Checksums
from kmslab.s3.holding import Range
from kmslab.s3.records import Bucket, Object
from kmslab.s3.request import Request
from kmslab.s3.unsealing import Reader
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
    if request.get("MetadataDirective", "COPY") not in ("COPY", "REPLACE"):
        raise errors.invalid("Unknown metadata directive.")
    _check_change(request, bucket, key)
    wanted = encryption.wanted(request, bucket)
    headers, metadata = writing.described(request)
    with _open(request, lambda found: (0, found.size)) as (source, body):
        if request.get("MetadataDirective") != "REPLACE":
            headers, metadata = _taken_over(source, headers), dict(source.metadata)
        protection, data_keys = keys.make(request, bucket, key, wanted)
        new = New(bucket, key, protection, headers, metadata)
        with writing.sealing(request, new, data_keys, body, Checksums()) as stored:
            made = writing.commit(request, new, stored)
    said = writing.written(bucket, made) | encryption.echo_context(wanted.context)
    result = {"ETag": said.pop("ETag"), "LastModified": when(made.modified)}
    return {"CopyObjectResult": result, **said}


def upload_part_copy(request: Request) -> Output:
    """UploadPartCopy: a part of a multipart upload that is copied from an object."""
    with _open(request, lambda found: _span(request, found)) as (_, body):
        said = multipart.upload_part(request, body)
    now = when(request.now)
    result = {"ETag": said.pop("ETag"), "LastModified": now}
    return {"CopyPartResult": result, **said}


_BYTES = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")
_RANGE = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
    "are the zero-based offsets of the first and last bytes to copy"
)


def _span(request: Request, source: Object) -> Range:
    """Which bytes of the source a part is copied from: all, or those of CopySourceRange."""
    asked = request.get("CopySourceRange")
    if asked is None:
        return 0, source.size
    match = _BYTES.fullmatch(asked)
    if match is None or int(match[1]) > int(match[2]):
        raise errors.invalid(_RANGE)
    first, last = int(match[1]), int(match[2])
    if last >= source.size:
        raise errors.invalid(
            f"Range specified is not valid for source object of size: {source.size}"
        )
    return first, last - first + 1


def _check_change(request: Request, bucket: Bucket, key: str) -> None:
    """A copy to itself must change something; an older version that is named may come back."""
    source, source_key, version = names.copy_source(request)
    is_itself = (source.name, source_key) == (bucket.name, key) and not version
    changes = request.get("MetadataDirective") == "REPLACE" or any(map(request.get, _CHANGES))
    if is_itself and not changes:
        raise errors.invalid_request(_SELF)


def _taken_over(source: Object, own: Mapping[str, str]) -> dict[str, str]:
    """The source's headers; a storage class is the request's to say."""
    said = {"StorageClass": own["StorageClass"]} if "StorageClass" in own else {}
    return {name: text for name, text in source.headers.items() if name != "StorageClass"} | said


@contextmanager
def _open(request: Request, span: Callable[[Object], Range]) -> Iterator[tuple[Object, Reader]]:
    """The source, and a stream of it."""
    bucket, key, version = names.copy_source(request)

    def look() -> Object:
        found = reading.find_in(request, bucket, key, version or None)
        reading.check_conditions(request, found, "CopySource", is_copy=True)
        return found

    held = holding.hold(request, look, span)
    with holding.unsealed(request, held, _PREFIX) as body:
        try:
            yield held.found, body
        except DamagedObject as error:
            raise holding.damaged(error) from error
