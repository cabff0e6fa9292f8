"""ListObjectsV2, ListObjects and ListObjectVersions: what is in a bucket, by name, in pages.

Names sort by their UTF-8 bytes. With a delimiter, names that go on behind it count once, as a
common prefix: so folders appear where there are none. Listing needs no key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from kmslab.aws import markers
from kmslab.aws.call import Output
from kmslab.kms.timing import when
from kmslab.s3 import errors, names, records
from kmslab.s3.records import Object
from kmslab.s3.request import Request

MOST = 1_000
_LAST = "\U0010ffff"  # no character comes after it


def list_objects_v2(request: Request) -> Output:
    """ListObjectsV2."""
    token, start = request.get("ContinuationToken"), request.get("StartAfter", "")
    page, said = _page(request, start if token is None else _untoken(token))
    said["KeyCount"] = len(page.objects) + len(page.prefixes)
    said |= {"StartAfter": _encoder(request)(start)} if start else {}
    said |= {"ContinuationToken": token} if token else {}
    if page.is_cut:
        said["NextContinuationToken"] = markers.marker(page.last)
    return said


def list_objects(request: Request) -> Output:
    """ListObjects, the older form of the same."""
    page, said = _page(request, request.get("Marker", ""))
    said["Marker"] = _encoder(request)(request.get("Marker", ""))
    if page.is_cut and page.delimiter:
        said["NextMarker"] = _encoder(request)(page.last)
    return said


def list_object_versions(request: Request) -> Output:
    """ListObjectVersions: all versions of names on one page of names; markers apart."""
    bucket, encoded = names.bucket(request), _encoder(request)
    page, said = _page(request, request.get("KeyMarker", ""), with_deleted=True)
    said.pop("Contents", None)
    versions, markers = list[Output](), list[Output]()
    for latest in page.objects:
        for number, each in enumerate(
            records.versions(request.rooms.store, bucket.name, latest.key)
        ):
            shown = _shown(each, encoded) | {"VersionId": each.version, "IsLatest": not number}
            if each.is_marker:
                markers.append({k: v for k, v in shown.items() if k not in _NOT_OF_MARKERS})
            else:
                versions.append(shown)
    said |= {"Versions": versions} if versions else {}
    said |= {"DeleteMarkers": markers} if markers else {}
    said["KeyMarker"] = encoded(request.get("KeyMarker", ""))
    said |= {"NextKeyMarker": encoded(page.last)} if page.is_cut else {}
    return said


_NOT_OF_MARKERS = ("ETag", "Size", "StorageClass")


@dataclass(slots=True)
class _Page:
    """A page as it fills."""

    size: int
    delimiter: str
    objects: list[Object] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""  # where the next page begins
    is_cut: bool = False

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return len(self.objects) + len(self.prefixes) >= self.size

    def take(self, found: Object, common: str) -> None:
        """Puts an object, or the common prefix that it stands for, on the page."""
        if common:
            self.prefixes.append(common)
        else:
            self.objects.append(found)
        self.last = common or found.key


def _page(request: Request, after: str, with_deleted: bool = False) -> tuple[_Page, Output]:
    bucket, prefix = names.bucket(request), request.get("Prefix", "")
    if request.get("EncodingType", "url") != "url":
        raise errors.invalid("Invalid Encoding Method specified in Request")
    size = min(request.get("MaxKeys", MOST), MOST)
    if size < 0:
        raise errors.invalid("Argument maxKeys must be an integer between 0 and 2147483647")
    page = _Page(size, request.get("Delimiter", ""))
    at: str | None = max(after, prefix)
    including = at != after
    while at is not None and (found := _next(request, bucket.name, at, prefix, including)):
        if found.is_marker and not with_deleted:
            at, including = found.key, False
            continue
        common = _common(found.key, prefix, page.delimiter)
        is_new = not (common and after.startswith(common))  # else it was on a page before
        if is_new and page.is_full:
            page.is_cut = size > 0
            break
        if is_new:
            page.take(found, common)
        at, including = (_behind(common), True) if common else (found.key, False)
    return page, _said(request, page, bucket.name, prefix)


def _common(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that a name counts under; empty where it stands for itself."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: end + len(delimiter)] if end >= 0 else ""


def _behind(prefix: str) -> str | None:
    """The first name behind all that begin with a prefix; None where nothing can be there."""
    rest = prefix.rstrip(_LAST)
    if not rest:
        return None
    following = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if following == 0xD800 else following)  # no half pairs


def _next(request: Request, bucket: str, at: str, prefix: str, including: bool) -> Object | None:
    """The newest version of the first name behind `at`, if it begins with the prefix."""
    store, behind = request.rooms.store, ">=" if including else ">"
    row = store.row(
        f"SELECT name FROM object WHERE bucket = ? AND name {behind} ? ORDER BY name LIMIT 1",
        (bucket, at),
    )
    if row is None or not row[0].startswith(prefix):
        return None
    return records.find_object(store, bucket, row[0])


def _said(request: Request, page: _Page, bucket: str, prefix: str) -> Output:
    encoded = _encoder(request)
    said: Output = {
        "Name": bucket,
        "Prefix": encoded(prefix),
        "MaxKeys": page.size,
        "IsTruncated": page.is_cut,
        "Contents": [_shown(each, encoded) for each in page.objects],
    }
    if not page.objects:
        del said["Contents"]
    if page.delimiter:
        said["Delimiter"] = encoded(page.delimiter)
    if page.prefixes:
        said["CommonPrefixes"] = [{"Prefix": encoded(each)} for each in page.prefixes]
    if request.get("EncodingType"):
        said["EncodingType"] = request.get("EncodingType")
    return said


def _shown(each: Object, encoded: Callable[[str], str]) -> Output:
    return {
        "Key": encoded(each.key),
        "LastModified": when(each.modified),
        "ETag": f'"{each.etag}"',
        "Size": each.size,
        "StorageClass": each.headers.get("StorageClass", "STANDARD"),
    }


def _encoder(request: Request) -> Callable[[str], str]:
    """boto3 asks for names as in a URL, so that XML can carry any, and decodes them itself."""
    return quote if request.get("EncodingType") == "url" else str


def _untoken(token: str) -> str:
    name = markers.after(token)
    if not name:
        raise errors.invalid("The continuation token provided is incorrect")
    return name
