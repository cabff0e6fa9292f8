"""PutObject, and what every way of writing an object has in common.

1 protect   data keys for the object, from KMS with the caller's rights   keys.py
2 seal      the bytes, as they come, into a new file                        sealed.py, files.py
3 commit    the record that names the file, in one transaction; what it replaces goes after that

A process that is killed before the commit leaves the old object as it was, after it the new one.
Here a ContentLength that doesn't fit the body isn't noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.s3 import encryption, errors, keys, names, records, sealed
from kmslab.s3.checksums import Checksums
from kmslab.s3.keys import Keys
from kmslab.s3.protection import SSE_S3, Protection
from kmslab.s3.records import Bucket, Object, Stored
from kmslab.s3.request import Request
from kmslab.s3.sealed import Belongs
from kmslab.s3.streams import Body, length_of

MOST_BYTES = 5 << 30  # of one PutObject or part
MOST_METADATA = 2_048  # bytes
_CLASSES = (  # the bytes of all of them lie alike here, and each is readable at once
    *("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"),
    *("GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"),
)
KEPT_HEADERS = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"),
    "StorageClass",
)
_UNANSWERED = frozenset(
    {
        *("Tagging", "WebsiteRedirectLocation", "WriteOffsetBytes", "Expires", "ObjectLockMode"),
        *("ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"),
    }
)


@dataclass(frozen=True, slots=True)
class New:
    """A new object on its way into the bucket."""

    bucket: Bucket
    key: str
    protection: Protection
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def put_object(request: Request) -> Output:
    """PutObject: Body may be bytes or anything with `read`; it is never held in memory whole."""
    bucket, key = names.bucket(request), request.get("Key")
    wanted = encryption.wanted(request, bucket)
    headers, metadata = described(request)
    checksums = Checksums.of(request)
    protection, data_keys = keys.make(request, bucket, key, wanted)
    new = New(bucket, key, protection, headers, metadata)
    with sealing(request, new, data_keys, request.get("Body", b""), checksums) as stored:
        made = commit(request, new, stored)
    return {
        **written(bucket, made),
        **encryption.echo_context(wanted.context),
        **checksums.echo(),
    }


def described(request: Request) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and the user metadata that are kept with an object."""
    names.check_acl(request)
    for name in _UNANSWERED & request.call.parameters.keys():
        raise errors.unanswered(name, request.get(name))
    if request.get("StorageClass", "STANDARD") not in _CLASSES:
        raise errors.error("InvalidStorageClass")
    metadata = {name.lower(): text for name, text in (request.get("Metadata") or {}).items()}
    if sum(len(name.encode()) + len(text.encode()) for name, text in metadata.items()) > (
        MOST_METADATA
    ):
        raise AwsError(
            "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"
        )
    parameters = request.call.parameters
    headers = {name: parameters[name] for name in KEPT_HEADERS if parameters.get(name)}
    return {"ContentType": "binary/octet-stream", **headers}, metadata


@contextmanager
def sealing(
    request: Request, new: New, data_keys: Keys, body: Any, checksums: Checksums, part: int = 0
) -> Iterator[Stored]:
    """The body, encrypted into a new file; gone unless the block makes it known to the records.

    The ETag is the MD5 of what the object holds only with SSE-S3; else it is no digest of it.
    """
    length = length_of(body)
    if length is not None and length > MOST_BYTES:
        raise errors.error("EntityTooLarge")
    with request.rooms.files.new() as (name, file):
        belongs = Belongs(new.bucket.name, new.key, name, part)
        md5 = hashlib.md5(usedforsecurity=False) if new.protection.mode == SSE_S3 else None
        digests = [*([md5] if md5 else []), *checksums.digests]
        size = sealed.seal(data_keys, belongs, cast(BinaryIO, Body(body)), file, digests, length)
        checksums.check()
        etag = md5.hexdigest() if md5 else request.rooms.settings.new_hex("etag", 32)
        yield Stored(name, part, size, etag)


def commit(request: Request, new: New, stored: Stored) -> Object:
    """Makes an object of one file known, and removes what it replaces after that."""
    with request.rooms.store.transaction():
        made, replaced = replacing(request, new, [stored], stored.etag)
    request.rooms.files.remove(replaced)
    return made


def replacing(
    request: Request, new: New, files: Sequence[Stored], etag: str
) -> tuple[Object, list[str]]:
    """The new object in the records, and the files that they don't name any more.

    Inside a transaction; those files may be removed only after it.
    """
    rooms = request.rooms
    bucket = names.bucket(request)  # it may be gone, or have another versioning, by now
    _check_conditions(request, bucket, new.key)
    version, replaced = records.NO_VERSION, list[str]()
    if bucket.versioning == "Enabled":
        version = rooms.settings.new_hex("version", 32)
    else:
        replaced = records.remove_version(rooms.store, bucket.name, new.key, version)
    made = Object(
        number=0,
        bucket=bucket.name,
        key=new.key,
        version=version,
        modified=request.now,
        size=sum(each.size for each in files),
        etag=etag,
        protection=new.protection,
        headers=new.headers,
        metadata=new.metadata,
    )
    return records.add_object(rooms.store, made, files), replaced


def written(bucket: Bucket, made: Object) -> Output:
    """What the answer to a write says of the new object."""
    said = {"ETag": f'"{made.etag}"', **encryption.echo(made.sealed)}
    if bucket.versioning:
        said["VersionId"] = made.version
    return said


def _check_conditions(request: Request, bucket: Bucket, key: str) -> None:
    """If-Match and If-None-Match of a write, asked in the moment of the commit."""
    matches, differs = request.get("IfMatch"), request.get("IfNoneMatch")
    if matches is None and differs is None:
        return
    latest = records.find_object(request.rooms.store, bucket.name, key)
    is_there = latest is not None and not latest.is_marker
    if differs is not None and differs != "*":
        raise errors.error("NotImplemented")
    if differs is not None and is_there:
        raise errors.error("PreconditionFailed")
    if matches is not None:
        if latest is None or latest.is_marker:
            raise errors.error("NoSuchKey")
        if matches.strip('"') not in (latest.etag, "*"):
            raise errors.error("PreconditionFailed")
