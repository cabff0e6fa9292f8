"""Listing: what is in a bucket, by name, in pages; compared with a model that does it naively."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from expect import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from objects import bucket

from kmslab import Lab

# Few characters, so that names are prefixes of each other; the last ones of Unicode too.
LETTERS = st.sampled_from(["a", "b", "/", "//", "ä", " ", "+", "%", "\U0010ffff", "\ud7ff", "."])
NAME = st.lists(LETTERS, min_size=1, max_size=6).map("".join)
NAMES = st.sets(NAME, max_size=12)


@pytest.fixture(scope="module")
def records(lab: Lab) -> str:
    """A bucket of the module, empty."""
    return bucket(lab.client("s3"), "records")


@contextmanager
def filled(lab: Lab, records: str, names: set[str]) -> Iterator[Any]:
    """The bucket with these objects and no others."""
    s3, store = lab.client("s3"), lab._rooms.store
    with store.transaction():
        store.write("DELETE FROM object")
        for name in sorted(names):
            store.write(
                "INSERT INTO object (bucket, name, version, modified, size, details) "
                "VALUES (?, ?, 'null', 0, 1, ?)",
                (records, name, '{"etag": "e", "protection": null}'),
            )
    yield s3
    store.write("DELETE FROM object")


def entries(names: set[str], prefix: str, delimiter: str) -> list[str]:
    """What a listing shows, in order: names, and common prefixes."""
    shown = set()
    for name in names:
        if name.startswith(prefix):
            end = name.find(delimiter, len(prefix)) if delimiter else -1
            shown.add(name if end < 0 else name[: end + len(delimiter)] + "\0")
    return sorted(shown, key=lambda each: each.rstrip("\0").encode())


def shown(page: dict[str, Any]) -> list[str]:
    """What is on a page; a common prefix ends in a zero."""
    found = [each["Key"] for each in page.get("Contents", ())]
    found += [each["Prefix"] + "\0" for each in page.get("CommonPrefixes", ())]
    return sorted(found, key=lambda each: each.rstrip("\0").encode())


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(NAMES, st.one_of(st.just(""), NAME), st.sampled_from(["", "/", "a", "//", "\U0010ffff"]),
       st.integers(1, 5))  # fmt: skip
def test_pages_show_what_a_naive_listing_shows(
    lab: Lab, records: str, names: set[str], prefix: str, delimiter: str, size: int
) -> None:
    expected = entries(names, prefix, delimiter)
    asked = {"Bucket": records, "Prefix": prefix, "Delimiter": delimiter}
    with filled(lab, records, names) as s3:
        whole = s3.list_objects_v2(**asked)
        assert shown(whole) == expected
        assert whole["KeyCount"] == len(expected)
        assert not whole["IsTruncated"]
        for operation in ("list_objects_v2", "list_objects", "list_object_versions"):
            got = []
            for page in s3.get_paginator(operation).paginate(**asked, PaginationConfig={
                "PageSize": size
            }):  # fmt: skip
                if "Versions" in page:
                    page["Contents"] = page["Versions"]
                assert len(shown(page)) <= size
                assert page["IsTruncated"] == (len(shown(page) + got) < len(expected))
                got += shown(page)
            assert got == expected


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(NAMES, NAME)
def test_a_listing_may_start_behind_any_name(
    lab: Lab, records: str, names: set[str], start: str
) -> None:
    expected = sorted((n for n in names if n.encode() > start.encode()), key=str.encode)
    with filled(lab, records, names) as s3:
        page = s3.list_objects_v2(Bucket=records, StartAfter=start)
        assert shown(page) == expected
        assert page["StartAfter"] == start
        page = s3.list_objects(Bucket=records, Marker=start)
        assert shown(page) == expected
        assert page["Marker"] == start
        assert shown(s3.list_object_versions(Bucket=records, KeyMarker=start)) == []


def test_folders_appear_where_there_are_none(lab: Lab, records: str) -> None:
    names = {"a/1", "a/2", "b/1", "b/c/d", "top", "a/"}
    with filled(lab, records, names) as s3:
        page = s3.list_objects_v2(Bucket=records, Delimiter="/")
        assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["a/", "b/"]
        assert [each["Key"] for each in page["Contents"]] == ["top"]
        page = s3.list_objects_v2(Bucket=records, Delimiter="/", Prefix="a/")
        assert [each["Key"] for each in page["Contents"]] == ["a/", "a/1", "a/2"]
        page = s3.list_objects(Bucket=records, Delimiter="/", MaxKeys=1)
        assert page["NextMarker"] == "a/"
        page = s3.list_objects(Bucket=records, Delimiter="/", MaxKeys=1, Marker="a/")
        assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["b/"]


@pytest.mark.parametrize("delimiter", ["\ud7ff", "\U0010ffff", "\uffff", "\x7f"])
def test_a_delimiter_may_be_the_last_character_of_its_kind(
    lab: Lab, records: str, delimiter: str
) -> None:
    names = {f"a{delimiter}1", f"a{delimiter}{delimiter}", f"a{delimiter}", "b", "a", "\ue000"}
    with filled(lab, records, names) as s3:
        page = s3.list_objects_v2(Bucket=records, Delimiter=delimiter)
        assert shown(page) == entries(names, "", delimiter)


def test_the_shape_of_a_page(s3: Any, records: str) -> None:
    page = s3.list_objects_v2(Bucket=records)
    assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"]) == (0, 1_000, False)
    assert "Contents" not in page
    assert "Prefix" in page
    tag = s3.put_object(Bucket=records, Key="a", Body=b"four")["ETag"]
    s3.put_object(Bucket=records, Key="b", Body=b"x", StorageClass="GLACIER")
    one, two = s3.list_objects_v2(Bucket=records)["Contents"]
    assert (one["Key"], one["ETag"], one["Size"]) == ("a", tag, 4)
    assert (one["StorageClass"], two["StorageClass"]) == ("STANDARD", "GLACIER")
    page = s3.list_objects_v2(Bucket=records, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)
    page = s3.list_objects_v2(Bucket=records, MaxKeys=1)
    assert page["IsTruncated"]
    following = s3.list_objects_v2(Bucket=records, ContinuationToken=page["NextContinuationToken"])
    assert following["ContinuationToken"] == page["NextContinuationToken"]
    assert [each["Key"] for each in following["Contents"]] == ["b"]
    s3.delete_objects(Bucket=records, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})


def test_no_page_is_longer_than_a_thousand(lab: Lab, records: str) -> None:
    names = {f"{number:05}" for number in range(1_001)}
    with filled(lab, records, names) as s3:
        page = s3.list_objects_v2(Bucket=records, MaxKeys=2**31 - 1)
        assert len(page["Contents"]) == page["KeyCount"] == 1_000
        assert page["IsTruncated"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=records)
        assert sum(page["KeyCount"] for page in pages) == 1_001


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects", "list_object_versions"])
def test_a_page_of_negative_size_is_refused(s3: Any, records: str, operation: str) -> None:
    words = "Argument maxKeys must be an integer between 0 and 2147483647"
    with refused("InvalidArgument", words):
        getattr(s3, operation)(Bucket=records, MaxKeys=-1)


@pytest.mark.parametrize("token", ["", "!", "YQ", "YQ==!", "_w==", "nonsense"])
def test_a_token_that_nobody_gave_is_refused(s3: Any, records: str, token: str) -> None:
    with refused("InvalidArgument", "The continuation token provided is incorrect"):
        s3.list_objects_v2(Bucket=records, ContinuationToken=token)


def test_buckets_are_listed_for_their_account_alone(lab: Lab) -> None:
    other = lab.account("222222222222", name="partner")
    for name in ("zoo", "ark"):
        bucket(other.client("s3"), name)
    bucket(other.client("s3", "eu-west-1"), "far", "eu-west-1")
    listed = other.client("s3").list_buckets()["Buckets"]
    assert [(each["Name"], each["BucketRegion"]) for each in listed] == [
        ("ark", "us-east-1"), ("far", "eu-west-1"), ("zoo", "us-east-1"),
    ]  # fmt: skip
    assert [each["Name"] for each in lab.client("s3").list_buckets()["Buckets"]] == ["records"]
    s3 = other.client("s3")
    assert [each["Name"] for each in s3.list_buckets(Prefix="a")["Buckets"]] == ["ark"]
    far = s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]
    assert [each["Name"] for each in far] == ["far"]
    assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket="ark")["LocationConstraint"] is None
    assert s3.head_bucket(Bucket="far")["BucketRegion"] == "eu-west-1"
