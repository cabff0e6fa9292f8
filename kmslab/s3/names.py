"""Names of buckets and objects, and what a request means by them.

Bucket names are unique in all accounts, and their ARNs hold neither account nor Region:
arn:aws:s3:::records. Sources: "General purpose bucket naming rules", "Naming Amazon S3 objects".
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from kmslab.s3 import errors, records
from kmslab.s3.records import Bucket
from kmslab.s3.request import Request

LONGEST_KEY = 1_024  # bytes of UTF-8
_ACLS = ("private", "bucket-owner-full-control")
_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_ENDINGS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def bucket(request: Request) -> Bucket:
    """The bucket of a request; NoSuchBucket, or AccessDenied where another owner was expected."""
    found = _find(request, request.get("Bucket"))
    expected = request.get("ExpectedBucketOwner")
    if expected is not None and expected != found.account:
        raise errors.error("AccessDenied")
    return found


def copy_source(request: Request) -> tuple[Bucket, str, str]:
    """The bucket, the key and the version id (empty: the newest) in CopySource.

    boto3 makes one form of all: bucket/key?versionId=…, with the key quoted as in a URL.
    """
    path, _, version = str(request.get("CopySource")).partition("?versionId=")
    name, _, key = unquote(path).removeprefix("/").partition("/")
    if not name or not key:
        raise errors.invalid("Invalid copy source object key")
    found, expected = _find(request, name), request.get("ExpectedSourceBucketOwner")
    if expected is not None and expected != found.account:
        raise errors.error("AccessDenied")
    return found, key, version


def check_bucket_name(name: str) -> None:
    """InvalidBucketName for a name that a bucket can't have."""
    if (
        not _NAME.fullmatch(name)
        or ".." in name
        or name.endswith(_ENDINGS)
        or _ADDRESS.fullmatch(name)
    ):
        raise errors.error("InvalidBucketName")


def check_key(key: str) -> None:
    """KeyTooLongError for more than 1,024 bytes."""
    if len(key.encode()) > LONGEST_KEY:
        raise errors.error("KeyTooLongError")


def check_acl(request: Request) -> None:
    """The owner of a bucket owns all in it, and ACLs are off: the default since April 2023."""
    if has_acl(request):
        raise errors.error("AccessControlListNotSupported")


def has_acl(request: Request) -> bool:
    """Whether a request asks for an ACL other than the owner's."""
    grants = any(name.startswith("Grant") for name in request.call.parameters)
    return grants or request.get("ACL", "private") not in _ACLS


def _find(request: Request, name: str) -> Bucket:
    found = records.find_bucket(request.rooms.store, name)
    if found is None:
        raise errors.error("NoSuchBucket")
    return found
