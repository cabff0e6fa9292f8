"""Tags of users and roles. Keys are compared without regard to case, and kept as written.

Source: IAM User Guide, "Tags for AWS IAM resources".
"""

from __future__ import annotations

from collections.abc import Sequence

from kmslab.accounts import paging, records
from kmslab.accounts.records import Kind
from kmslab.accounts.request import Request, pairs
from kmslab.accounts.subjects import subject
from kmslab.aws.call import Output
from kmslab.aws.principal import Tags
from kmslab.errors import AwsError

MOST = 50


def tag(kind: Kind, request: Request) -> Output:
    """TagUser, TagRole: adds tags; a tag that is there already gets the new value."""
    entity = subject(request, kind)
    records.change(request.accounts, entity, tags=merged(entity.tags, request.get("Tags")))
    return {}


def untag(kind: Kind, request: Request) -> Output:
    """UntagUser, UntagRole: takes tags off; one that isn't there is no error."""
    entity, gone = subject(request, kind), {key.lower() for key in request.get("TagKeys")}
    kept = [pair for pair in entity.tags if pair[0].lower() not in gone]
    records.change(request.accounts, entity, tags=kept)
    return {}


def list_tags(kind: Kind, request: Request) -> Output:
    """ListUserTags, ListRoleTags."""
    tags = sorted(subject(request, kind).tags)
    entries = [(key, {"Key": key, "Value": value}) for key, value in tags]
    return paging.page(request).cut_all("Tags", entries)


def merged(known: Tags, tags: Sequence[dict[str, str]]) -> list[tuple[str, str]]:
    """The tags that are there and the new ones, or the error with which IAM refuses these.

    The wording for a reserved key and for too many tags is not documented.
    """
    check(tags)
    new = {key.lower() for key, _ in pairs(tags)}
    both = [*(pair for pair in known if pair[0].lower() not in new), *pairs(tags)]
    if len(both) > MOST:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for TagsPerResource: {MOST}", 409)
    return both


def check(tags: Sequence[dict[str, str]]) -> None:
    """InvalidInput for tags that can't stand together, or have a reserved key."""
    keys = [key.lower() for key, _ in pairs(tags)]
    if len(set(keys)) < len(keys):
        raise AwsError(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    if any(key.startswith("aws:") for key in keys):
        raise AwsError("InvalidInput", "Tag keys beginning with aws: are reserved.")
