"""Tags: pairs of text on a KMS key, to sort keys by, to share costs by, to allow things by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import paging
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms

MOST_A_KEY = 50
_LIMIT = paging.Limit(default=50, most=50)
_OF_KEY = "account = ? AND region = ? AND key_id = ?"
Tag = Mapping[str, str]  # TagKey, TagValue


def tag_resource(request: Request) -> Output:
    """TagResource: adds tags; a tag that is there already gets the new value."""
    known = {each["TagKey"]: each["TagValue"] for each in of(request.rooms, request.key)}
    put(request.rooms, request.key, checked(known, request.get("Tags")))
    return {}


def untag_resource(request: Request) -> Output:
    """UntagResource: takes tags off; one that isn't there is no error."""
    key = request.key
    for name in request.get("TagKeys"):
        request.rooms.store.write(
            f"DELETE FROM tag WHERE {_OF_KEY} AND name = ?", (*_names(key), name)
        )
    return {}


def list_resource_tags(request: Request) -> Output:
    """ListResourceTags: the key's tags, a page at a time."""
    page = paging.page(request, _LIMIT)
    entries = [(each["TagKey"], dict(each)) for each in of(request.rooms, request.key)]
    return page.cut_named("Tags", [pair for pair in entries if pair[0] > page.after])


def of(rooms: Rooms, key: Key) -> Sequence[Tag]:
    """All tags of a key, by name."""

    def read() -> Sequence[Tag]:
        rows = rooms.store.rows(
            f"SELECT name, value FROM tag WHERE {_OF_KEY} ORDER BY name", _names(key)
        )
        return [MappingProxyType({"TagKey": name, "TagValue": value}) for name, value in rows]

    return rooms.store.remembered(("tags of", key.arn), read)


def put(rooms: Rooms, key: Key, tags: Sequence[Tag]) -> None:
    """Keeps tags of a key."""
    for tag in tags:
        rooms.store.write(
            "INSERT OR REPLACE INTO tag VALUES (?, ?, ?, ?, ?)",
            (*_names(key), tag["TagKey"], tag["TagValue"]),
        )


def checked(known: Mapping[str, str], tags: Sequence[Tag]) -> Sequence[Tag]:
    """The tags, or TagException where they can't be put beside those that are known."""
    names = [tag["TagKey"] for tag in tags]
    if len(set(names)) < len(names):
        raise AwsError("TagException", "Duplicate tag keys")
    if any(name.lower().startswith("aws:") for name in names):
        raise AwsError("TagException", "Tags beginning with aws: are reserved")
    if len({*known, *names}) > MOST_A_KEY:
        raise AwsError("LimitExceededException" if known else "TagException", "Too many tags")
    return tags


def _names(key: Key) -> tuple[str, str, str]:
    return key.account, key.region, key.key_id
