"""Tags: adding, replacing, taking off, listing, and what is no tag."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from expect import refused

from kmslab import Lab


def tags(**pairs: str) -> list[dict[str, str]]:
    """Tags as a request has them."""
    return [{"TagKey": name, "TagValue": value} for name, value in pairs.items()]


def of(kms: Any, key: str) -> dict[str, str]:
    """All tags of a key, over all pages."""
    pages = kms.get_paginator("list_resource_tags").paginate(KeyId=key)
    return {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}


@pytest.fixture
def tagged(kms: Any) -> str:
    """A key with two tags."""
    return kms.create_key(Tags=tags(team="hr", cost="17"))["KeyMetadata"]["KeyId"]


def test_a_key_is_made_with_its_tags(kms: Any, tagged: str) -> None:
    answer = kms.list_resource_tags(KeyId=tagged)
    assert sorted(answer["Tags"], key=str) == sorted(tags(team="hr", cost="17"), key=str)
    assert answer["Truncated"] is False
    assert kms.list_resource_tags(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])["Tags"] == []


def test_a_tag_that_is_there_gets_the_new_value_and_others_stay(kms: Any, tagged: str) -> None:
    assert set(kms.tag_resource(KeyId=tagged, Tags=tags(team="it", new=""))) == {"ResponseMetadata"}
    assert of(kms, tagged) == {"team": "it", "cost": "17", "new": ""}


def test_tag_keys_are_case_sensitive(kms: Any, tagged: str) -> None:
    kms.tag_resource(KeyId=tagged, Tags=tags(Team="it"))
    assert of(kms, tagged) == {"team": "hr", "Team": "it", "cost": "17"}
    kms.untag_resource(KeyId=tagged, TagKeys=["TEAM"])
    assert len(of(kms, tagged)) == 3


def test_tags_are_taken_off_and_one_that_is_not_there_is_no_error(kms: Any, tagged: str) -> None:
    kms.untag_resource(KeyId=tagged, TagKeys=["team", "nobody"])
    assert of(kms, tagged) == {"cost": "17"}
    kms.untag_resource(KeyId=tagged, TagKeys=["team"])
    assert of(kms, tagged) == {"cost": "17"}


def test_any_text_is_a_tag(kms: Any, tagged: str) -> None:
    odd = {"Zürich ✓ 密": "a=b&c", "with space": "\t\n", "x" * 128: "y" * 256, "'; --": '"'}
    kms.tag_resource(KeyId=tagged, Tags=tags(**odd))
    assert of(kms, tagged) == {"team": "hr", "cost": "17"} | odd


def test_a_text_that_is_no_unicode_is_no_tag(kms: Any, tagged: str) -> None:
    for pair in ({"\ud800": "x"}, {"x": "\udfff"}):
        with refused("SerializationException"):
            kms.tag_resource(KeyId=tagged, Tags=tags(**pair))
    with refused("SerializationException"):
        kms.untag_resource(KeyId=tagged, TagKeys=["team", "\ud800"])
    assert of(kms, tagged) == {"team": "hr", "cost": "17"}


@pytest.mark.parametrize("name", ["aws:", "aws:x", "AWS:x", "Aws:createdBy"])
def test_names_of_aws_are_reserved(kms: Any, tagged: str, name: str) -> None:
    with refused("TagException", "Tags beginning with aws: are reserved"):
        kms.tag_resource(KeyId=tagged, Tags=tags(**{name: "x", "fine": "x"}))
    assert of(kms, tagged) == {"team": "hr", "cost": "17"}
    kms.tag_resource(KeyId=tagged, Tags=tags(**{"aws": "x", "myaws:x": "y"}))


def test_twins_are_refused_and_nothing_is_made(fresh: Lab) -> None:
    kms = fresh.client("kms")
    with refused("TagException", "Duplicate tag keys"):
        kms.create_key(Tags=[*tags(a="1"), *tags(b="2"), *tags(a="3")])
    assert kms.list_keys()["Keys"] == []


def test_a_key_has_at_most_50_tags(kms: Any) -> None:
    many = {str(number): "" for number in range(50)}
    key = kms.create_key(Tags=tags(**many))["KeyMetadata"]["KeyId"]
    with refused("LimitExceededException", "Too many tags"):
        kms.tag_resource(KeyId=key, Tags=tags(one="more"))
    kms.tag_resource(KeyId=key, Tags=tags(**dict.fromkeys(many, "new")))
    assert of(kms, key) == dict.fromkeys(many, "new")
    kms.untag_resource(KeyId=key, TagKeys=["7"])
    kms.tag_resource(KeyId=key, Tags=tags(one="more"))
    with refused("TagException", "Too many tags"):
        kms.create_key(Tags=tags(**many, one="more"))


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_limit_and_marker_lead_through_the_tags(kms: Any, size: int) -> None:
    key = kms.create_key(Tags=tags(a="1", b="2", c="3"))["KeyMetadata"]["KeyId"]
    found, marker = [], {}
    for _ in range(4):
        page = kms.list_resource_tags(KeyId=key, Limit=size, **marker)
        found += [tag["TagKey"] for tag in page["Tags"]]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert found == ["a", "b", "c"]


def test_a_page_has_at_most_50_tags(kms: Any) -> None:
    key = kms.create_key(Tags=tags(**{str(n): "" for n in range(50)}))["KeyMetadata"]["KeyId"]
    for limit in ({}, {"Limit": 1000}):
        assert len(kms.list_resource_tags(KeyId=key, **limit)["Tags"]) == 50
    with pytest.raises(ParamValidationError):
        kms.list_resource_tags(KeyId=key, Limit=0)


def test_tags_go_with_their_key_and_not_to_others(kms: Any, tagged: str, key: str) -> None:
    assert of(kms, key) == {}
    assert kms.list_aliases(KeyId=tagged)["Aliases"] == []
