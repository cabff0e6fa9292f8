"""Lists a page at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from expect import invalid, refused

from kmslab import Lab

KEYS, ALIASES = 7, 130


@pytest.fixture(scope="module")
def kms() -> Iterator[Any]:
    """A client of a lab with some keys and many aliases; the first key has 50 of them."""
    with Lab() as lab:
        kms = lab.client("kms")
        keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(KEYS)]
        for number in range(ALIASES):
            kms.create_alias(AliasName=f"alias/{number:03}", TargetKeyId=keys[number // 50])
        yield kms


def test_paginators_give_every_key_once(kms: Any) -> None:
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Keys"]) for page in pages] == [3, 3, 1]
    assert [page["Truncated"] for page in pages] == [True, True, False]
    assert len({key["KeyId"] for page in pages for key in page["Keys"]}) == KEYS


def test_paginators_give_every_alias_once(kms: Any) -> None:
    pages = list(kms.get_paginator("list_aliases").paginate())
    assert [len(page["Aliases"]) for page in pages] == [50, 50, 30]
    names = [alias["AliasName"] for page in pages for alias in page["Aliases"]]
    assert sorted(set(names)) == [f"alias/{number:03}" for number in range(ALIASES)]


def test_the_aliases_of_one_key_have_pages_too(kms: Any) -> None:
    key = kms.describe_key(KeyId="alias/000")["KeyMetadata"]["KeyId"]
    pages = kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"PageSize": 20})
    assert [len(page["Aliases"]) for page in pages] == [20, 20, 10]


@pytest.mark.parametrize("size", [1, KEYS - 1, KEYS, KEYS + 1])
def test_limit_and_marker_lead_through_the_list(kms: Any, size: int) -> None:
    found, marker = [], {}
    for _ in range(KEYS + 1):
        page = kms.list_keys(Limit=size, **marker)
        assert 1 <= len(page["Keys"]) <= size
        found += [entry["KeyId"] for entry in page["Keys"]]
        assert page["Truncated"] == ("NextMarker" in page)
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert len(found) == len(set(found)) == KEYS


def test_list_aliases_gives_100_at_most(kms: Any) -> None:
    assert len(kms.list_aliases(Limit=1000)["Aliases"]) == 100
    assert len(kms.list_aliases(Limit=100)["Aliases"]) == 100
    assert len(kms.list_aliases()["Aliases"]) == 50


def test_list_keys_gives_100_by_default(fresh: Lab) -> None:
    kms = fresh.client("kms")
    for _ in range(101):
        kms.create_key()
    assert len(kms.list_keys()["Keys"]) == 100
    assert len(kms.list_keys(Limit=1000)["Keys"]) == 101


def test_an_entry_made_in_between_does_not_disturb_the_others(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for name in "bdf":
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
    first = kms.list_aliases(Limit=2)
    kms.delete_alias(AliasName="alias/d")
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    rest = kms.list_aliases(Marker=first["NextMarker"])
    assert [alias["AliasName"] for alias in rest["Aliases"]] == ["alias/f"]


MADE_UP = ["nope", "!!!", "YQ==", "a", "ÿþ", base64.b64encode(b"\xff\xfe").decode(), "after x"]


@pytest.mark.parametrize("marker", MADE_UP)
@pytest.mark.parametrize("operation", ["list_keys", "list_aliases"])
def test_a_made_up_marker_is_invalid(kms: Any, operation: str, marker: str) -> None:
    with refused("InvalidMarkerException") as caught:
        getattr(kms, operation)(Marker=marker)
    assert isinstance(caught.value, kms.exceptions.InvalidMarkerException)


@pytest.mark.parametrize("operation", ["list_keys", "list_aliases"])
def test_a_limit_is_between_1_and_1000(kms: Any, operation: str) -> None:
    constraint = "Member must have value less than or equal to 1000"
    failure = f"Value '1001' at 'limit' failed to satisfy constraint: {constraint}"
    with refused("ValidationException", invalid(failure)):
        getattr(kms, operation)(Limit=1001)
    with pytest.raises(ParamValidationError):  # boto3 itself
        getattr(kms, operation)(Limit=0)


def test_an_empty_list_is_one_empty_page(fresh: Lab) -> None:
    kms = fresh.client("kms")
    answers = kms.list_keys(), kms.list_aliases()
    assert [answer["Truncated"] for answer in answers] == [False, False]
    assert next(iter(kms.get_paginator("list_aliases").paginate()))["Aliases"] == []
