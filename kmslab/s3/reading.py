"""GetObject and HeadObject: whole objects or ranges, with conditions.

The encrypted data key comes out of the object's metadata, KMS opens it with the caller's rights,
and the bytes are decrypted as they are read. HeadObject needs no key: metadata is not encrypted.
An object that was damaged on the disk ends in InternalError, or in `DamagedObject` if that shows
only after the answer began; no byte of a damaged frame is given out.

Here an archived storage class can be read at once, and the HTTP status of a range is 200.
"""

from __future__ import annotations

import re

from botocore.response import StreamingBody

from kmslab.aws.call import Output
from kmslab.kms.timing import when
from kmslab.s3 import encryption, errors, holding, keys, names, permissions, records
from kmslab.s3.holding import Range
from kmslab.s3.records import Bucket, Object
from kmslab.s3.request import Request
from kmslab.s3.writing import KEPT_HEADERS

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def get_object(request: Request) -> Output:
    """GetObject: Body is a stream, as ever."""
    _refuse_parts(request)
    bucket = names.bucket(request)

    def look() -> Object:
        found = find_in(request, bucket, request.get("Key"), request.get("VersionId"))
        check_conditions(request, found)
        return found

    held = holding.hold(request, look, lambda found: _asked(request, found) or (0, found.size))
    reader = holding.unsealed(request, held)
    said = described(bucket, held.found) | _replaced(request) | {"ContentLength": held.length}
    if asked := _asked(request, held.found):
        first, last = asked[0], asked[0] + held.length - 1
        said["ContentRange"] = f"bytes {first}-{last}/{held.found.size}"
    return said | {"Body": StreamingBody(reader, held.length)}


def head_object(request: Request) -> Output:
    """HeadObject: what GetObject says, without the body. Here a range in it is ignored."""
    _refuse_parts(request)
    bucket, found = find(request)
    encryption_key = encryption.key_to_read(request, found)
    if encryption_key:
        keys.open_keys(request, found.sealed, encryption_key)
    check_conditions(request, found)
    return described(bucket, found)


def find(request: Request) -> tuple[Bucket, Object]:
    """The bucket and the object of a request; NoSuchKey, or AccessDenied who mayn't know that."""
    bucket = names.bucket(request)
    return bucket, find_in(request, bucket, request.get("Key"), request.get("VersionId"))


def find_in(request: Request, bucket: Bucket, key: str, version: str | None) -> Object:
    """An object in a bucket: its newest version, or the one that is named.

    A text that can't be a version id is InvalidArgument in AWS; here any unknown one is
    NoSuchVersion.
    """
    found = records.find_object(request.rooms.store, bucket.name, key, version)
    if found is None:
        permissions.may_know(request, bucket)
        raise errors.error("NoSuchVersion" if version else "NoSuchKey")
    if found.is_marker:
        if version:
            raise errors.error("MethodNotAllowed")
        permissions.may_know(request, bucket)
        raise errors.error("NoSuchKey")
    return found


def described(bucket: Bucket, found: Object) -> Output:
    """What S3 says of an object beside its bytes."""
    said: Output = {
        "AcceptRanges": "bytes",
        "LastModified": when(found.modified),
        "ContentLength": found.size,
        "ETag": f'"{found.etag}"',
        "Metadata": dict(found.metadata),
        **found.headers,
        **encryption.echo(found.sealed),
    }
    if bucket.versioning:
        said["VersionId"] = found.version
    return said


def _replaced(request: Request) -> Output:
    """Headers that the request wants to see in place of the object's own."""
    return {name: text for name in KEPT_HEADERS if (text := request.get(f"Response{name}"))}


def _refuse_parts(request: Request) -> None:
    if request.get("PartNumber") is not None:
        raise errors.unanswered("PartNumber", request.get("PartNumber"))


def _asked(request: Request, found: Object) -> Range | None:
    """The range that is asked for; a header that is none is ignored, as RFC 9110 says."""
    match = _RANGE.fullmatch(request.get("Range", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, found.size - int(last)), found.size
    else:
        start, end = int(first), min(int(last) + 1 if last else found.size, found.size)
        if last and int(last) < start:
            return None
    if start >= end:
        raise errors.error("InvalidRange")
    return start, end - start


def check_conditions(
    request: Request, found: Object, prefix: str = "", *, is_copy: bool = False
) -> None:
    """If-Match, If-None-Match and the two with dates, in the order of RFC 9110.

    A copy that isn't made for such a reason ends in 412: there is no answer to be had from a cache.
    """
    modified = when(found.modified)
    matches, differs = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfNoneMatch")
    since = request.get(f"{prefix}IfModifiedSince")
    until = request.get(f"{prefix}IfUnmodifiedSince")
    same = errors.error("PreconditionFailed") if is_copy else errors.not_modified()
    if matches is not None:
        if matches.strip('"') not in (found.etag, "*"):
            raise errors.error("PreconditionFailed")
    elif until is not None and modified > until:
        raise errors.error("PreconditionFailed")
    if differs is not None:
        if differs.strip('"') in (found.etag, "*"):
            raise same
    elif since is not None and modified <= since:
        raise same
