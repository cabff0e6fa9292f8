"""GetObject and HeadObject: whole objects or ranges, with conditions.

The encrypted data key comes out of the object's metadata, KMS opens it with the caller's rights,
and the bytes are decrypted as they are read. HeadObject needs no key: metadata is not encrypted.
An object that was damaged on the disk ends in InternalError, or in `DamagedObject` if that shows
only after the answer began; no byte of a damaged frame is given out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from botocore.response import StreamingBody

from kmslab.aws.call import Output
from kmslab.errors import DamagedObject
from kmslab.s3 import encryption, errors, keys, names, permissions, records
from kmslab.s3.keys import Keys
from kmslab.s3.records import Bucket, Object, Stored
from kmslab.s3.request import Request
from kmslab.s3.sealed import Belongs, Reader, SealedFile

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TRIES = 3  # an object may be replaced between the look at its record and the look at its file
Range = tuple[int, int]  # the first byte, and how many


def get_object(request: Request) -> Output:
    """GetObject: Body is a stream, as ever."""
    _refuse_parts(request)
    for left in reversed(range(_TRIES)):
        bucket, found = find(request)
        _check_conditions(request, found)
        start, length = _asked(request, found)
        data_keys = keys.open_keys(request, found.sealed, encryption.key_to_read(request, found))
        try:
            reader = read(request, found, data_keys, (start, length))
        except FileNotFoundError:
            if left:
                continue
            raise errors.error("InternalError", "The file of the object is gone.") from None
        said = described(bucket, found) | {"ContentLength": length}
        if request.get("Range") and length < found.size:
            said["ContentRange"] = f"bytes {start}-{start + length - 1}/{found.size}"
        return said | {"Body": StreamingBody(reader, length)}
    raise AssertionError("the loop answers or raises")


def head_object(request: Request) -> Output:
    """HeadObject: what GetObject says, without the body."""
    _refuse_parts(request)
    bucket, found = find(request)
    encryption_key = encryption.key_to_read(request, found)
    if encryption_key:
        keys.open_keys(request, found.sealed, encryption_key)
    _check_conditions(request, found)
    return described(bucket, found)


def find(request: Request) -> tuple[Bucket, Object]:
    """The bucket and the object of a request; NoSuchKey, or AccessDenied who mayn't know that."""
    bucket = names.bucket(request)
    return bucket, find_in(request, bucket, request.get("Key"), request.get("VersionId"))


def find_in(request: Request, bucket: Bucket, key: str, version: str | None) -> Object:
    """An object in a bucket: its newest version, or the one that is named."""
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


def read(request: Request, found: Object, data_keys: Keys, asked: Range) -> Reader:
    """A stream of a range of an object; its first frame is checked before this returns."""
    start, length = asked
    opened = list[SealedFile]()
    skipped, at = 0, 0
    try:
        for stored in records.files_of(request.rooms.store, found.number):
            if _overlaps(at, stored, start, length) or not found.size:
                opened.append(_open(request, found, data_keys, stored))
            elif not opened:
                skipped += stored.size
            at += stored.size
        if at != found.size or not opened:
            raise FileNotFoundError  # replaced a moment ago
        return Reader(opened, start - skipped, length)
    except DamagedObject as error:
        _close(opened)
        raise errors.error("InternalError", f"{_DAMAGED} {error}.") from error
    except BaseException:
        _close(opened)
        raise


_DAMAGED = "We encountered an internal error. Please try again. On the disk:"


def described(bucket: Bucket, found: Object) -> Output:
    """What S3 says of an object beside its bytes."""
    said: Output = {
        "AcceptRanges": "bytes",
        "LastModified": datetime.fromtimestamp(found.modified, UTC),
        "ContentLength": found.size,
        "ETag": f'"{found.etag}"',
        "Metadata": dict(found.metadata),
        **found.headers,
        **encryption.echo(found.sealed),
    }
    if bucket.versioning:
        said["VersionId"] = found.version
    return said


def _refuse_parts(request: Request) -> None:
    if request.get("PartNumber"):
        raise errors.unanswered("PartNumber", request.get("PartNumber"))


def _overlaps(at: int, stored: Stored, start: int, length: int) -> bool:
    return at < start + length and at + stored.size > start


def _open(request: Request, found: Object, data_keys: Keys, stored: Stored) -> SealedFile:
    file = request.rooms.files.open(stored.file)
    belongs = Belongs(found.bucket, found.key, stored.file, stored.part)
    try:
        return SealedFile(file, data_keys, belongs, stored.size)
    except BaseException:
        file.close()
        raise


def _close(files: Sequence[SealedFile]) -> None:
    for file in files:
        file.close()


def _asked(request: Request, found: Object) -> Range:
    """The range that is asked for; a header that is none is ignored, as RFC 9110 says."""
    match = _RANGE.fullmatch(request.get("Range", ""))
    if match is None or match.groups() == ("", ""):
        return 0, found.size
    first, last = match.groups()
    if not first:
        start, end = max(0, found.size - int(last)), found.size
    else:
        start, end = int(first), min(int(last) + 1 if last else found.size, found.size)
        if last and int(last) < start:
            return 0, found.size
    if start >= end:
        raise errors.error("InvalidRange")
    return start, end - start


def _check_conditions(request: Request, found: Object) -> None:
    """If-Match, If-None-Match and the two with dates, in the order of RFC 9110."""
    modified = datetime.fromtimestamp(found.modified, UTC)
    matches, differs = request.get("IfMatch"), request.get("IfNoneMatch")
    since, until = request.get("IfModifiedSince"), request.get("IfUnmodifiedSince")
    if matches is not None:
        if matches.strip('"') not in (found.etag, "*"):
            raise errors.error("PreconditionFailed")
    elif until is not None and modified > until:
        raise errors.error("PreconditionFailed")
    if differs is not None:
        if differs.strip('"') in (found.etag, "*"):
            raise errors.not_modified()
    elif since is not None and modified <= since:
        raise errors.not_modified()
