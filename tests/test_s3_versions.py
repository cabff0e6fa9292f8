"""Versions: everything that was put is still there, until a version is deleted by its name."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from expect import refused
from objects import assert_tidy, bucket, paths, read

from kmslab import Lab

NUMBERS = itertools.count()


@pytest.fixture
def records(s3: Any) -> str:
    """A bucket of the test, with versions."""
    name = bucket(s3, f"records-{next(NUMBERS)}")
    versioning(s3, name, "Enabled")
    return name


def versioning(s3: Any, name: str, status: str) -> None:
    """Switches versions on or off."""
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})


def put(s3: Any, name: str, text: str, key: str = "a") -> str:
    """A new version."""
    return str(s3.put_object(Bucket=name, Key=key, Body=text)["VersionId"])


def seen(s3: Any, name: str) -> list[tuple[str, str, bool, bool]]:
    """Every version that is listed: key, id, whether it is a marker, whether it is the latest."""
    page = s3.list_object_versions(Bucket=name)
    return [
        (each["Key"], each["VersionId"], kind == "DeleteMarkers", each["IsLatest"])
        for kind in ("Versions", "DeleteMarkers")
        for each in page.get(kind, ())
    ]


def test_every_version_can_be_read(lab: Lab, s3: Any, records: str) -> None:
    one, two = put(s3, records, "one"), put(s3, records, "two")
    assert one != two
    assert read(s3, records, "a") == b"two"
    assert read(s3, records, "a", VersionId=one) == b"one"
    assert s3.head_object(Bucket=records, Key="a")["VersionId"] == two
    assert s3.get_object(Bucket=records, Key="a", VersionId=one)["VersionId"] == one
    assert seen(s3, records) == [("a", two, False, True), ("a", one, False, False)]
    with refused("NoSuchVersion", "The specified version does not exist."):
        read(s3, records, "a", VersionId="none")
    assert len(paths(lab, records, "a", one)) == 1
    assert_tidy(lab)


def test_a_marker_hides_an_object_and_its_deletion_brings_it_back(
    lab: Lab, s3: Any, records: str
) -> None:
    one = put(s3, records, "one")
    marked = s3.delete_object(Bucket=records, Key="a")
    assert marked["DeleteMarker"]
    marker = marked["VersionId"]
    with refused("NoSuchKey"):
        read(s3, records, "a")
    with refused("404"):
        s3.head_object(Bucket=records, Key="a")
    with refused("MethodNotAllowed", "The specified method is not allowed against this resource."):
        read(s3, records, "a", VersionId=marker)
    with refused("405"):
        s3.head_object(Bucket=records, Key="a", VersionId=marker)
    with pytest.raises(KeyError):
        lab.s3.at_rest(records, "a")
    assert "Contents" not in s3.list_objects_v2(Bucket=records)
    assert seen(s3, records) == [("a", one, False, False), ("a", marker, True, True)]
    (shown,) = s3.list_object_versions(Bucket=records)["DeleteMarkers"]
    assert not {"ETag", "Size", "StorageClass"} & shown.keys()
    assert read(s3, records, "a", VersionId=one) == b"one"
    gone = s3.delete_object(Bucket=records, Key="a", VersionId=marker)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker)
    assert read(s3, records, "a") == b"one"


def test_an_older_version_comes_back_by_a_copy(lab: Lab, s3: Any, records: str) -> None:
    one, two = put(s3, records, "one"), put(s3, records, "two")
    done = s3.copy_object(Bucket=records, Key="a",
                          CopySource={"Bucket": records, "Key": "a", "VersionId": one})  # fmt: skip
    assert done["VersionId"] not in (one, two)
    assert read(s3, records, "a") == b"one"
    assert len(seen(s3, records)) == 3
    with refused("NoSuchVersion"):
        s3.copy_object(Bucket=records, Key="a", CopySource=f"{records}/a?versionId=none")
    words = (
        "This copy request is illegal because it is trying to copy an object to itself without "
        "changing the object's metadata, storage class, website redirect location or encryption "
        "attributes."
    )
    with refused("InvalidRequest", words):
        s3.copy_object(Bucket=records, Key="a", CopySource=f"{records}/a")
    for more in ({"MetadataDirective": "REPLACE"}, {"StorageClass": "STANDARD_IA"},
                 {"ServerSideEncryption": "aws:kms"}):  # fmt: skip
        s3.copy_object(Bucket=records, Key="a", CopySource=f"{records}/a", **more)
    assert_tidy(lab)


def test_a_version_that_is_deleted_by_name_is_gone(lab: Lab, s3: Any, records: str) -> None:
    one, two, three = (put(s3, records, each) for each in ("one", "two", "three"))
    (file,) = paths(lab, records, "a", two)
    assert s3.delete_object(Bucket=records, Key="a", VersionId=two)["VersionId"] == two
    assert not file.exists()
    s3.delete_object(Bucket=records, Key="a", VersionId="none")
    assert [version for _, version, *_ in seen(s3, records)] == [three, one]
    s3.delete_object(Bucket=records, Key="a", VersionId=three)
    assert read(s3, records, "a") == b"one"
    with refused("BucketNotEmpty", "The bucket you tried to delete is not empty"):
        s3.delete_bucket(Bucket=records)
    s3.delete_object(Bucket=records, Key="a", VersionId=one)
    s3.delete_bucket(Bucket=records)
    assert_tidy(lab)


def test_while_versions_are_suspended_the_one_without_an_id_is_replaced(
    lab: Lab, s3: Any, records: str
) -> None:
    one = put(s3, records, "one")
    versioning(s3, records, "Suspended")
    assert s3.get_bucket_versioning(Bucket=records)["Status"] == "Suspended"
    assert [put(s3, records, text) for text in ("two", "three")] == ["null", "null"]
    assert read(s3, records, "a", VersionId="null") == b"three"
    assert seen(s3, records) == [("a", "null", False, True), ("a", one, False, False)]
    assert s3.delete_object(Bucket=records, Key="a")["VersionId"] == "null"
    assert seen(s3, records) == [("a", one, False, False), ("a", "null", True, True)]
    assert read(s3, records, "a", VersionId=one) == b"one"
    assert_tidy(lab)


def test_what_was_put_before_there_were_versions_stays(lab: Lab, s3: Any) -> None:
    name = bucket(s3, f"records-{next(NUMBERS)}")
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    assert "VersionId" not in s3.put_object(Bucket=name, Key="a", Body=b"before")
    versioning(s3, name, "Enabled")
    put(s3, name, "after")
    assert read(s3, name, "a", VersionId="null") == b"before"
    s3.delete_object(Bucket=name, Key="a", VersionId="null")
    assert len(seen(s3, name)) == 1
    assert_tidy(lab)


def test_many_are_deleted_at_once(lab: Lab, s3: Any, records: str) -> None:
    one, two = put(s3, records, "one"), put(s3, records, "two", "b")
    asked = [{"Key": "a"}, {"Key": "b", "VersionId": two}, {"Key": "never"}]
    done = s3.delete_objects(Bucket=records, Delete={"Objects": asked})["Deleted"]
    assert [(each["Key"], each.get("DeleteMarker")) for each in done] == [
        ("a", True), ("b", None), ("never", True),
    ]  # fmt: skip
    assert done[1]["VersionId"] == two
    marker = done[0]["DeleteMarkerVersionId"]
    asked = [{"Key": "a", "VersionId": marker}, {"Key": "a", "VersionId": one}]
    done = s3.delete_objects(Bucket=records, Delete={"Objects": asked, "Quiet": False})["Deleted"]
    assert done == [
        {"Key": "a", "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker},
        {"Key": "a", "VersionId": one},
    ]
    quiet = s3.delete_objects(Bucket=records, Delete={"Objects": asked, "Quiet": True})
    assert not {"Deleted", "Errors"} & quiet.keys()
    assert_tidy(lab)


def test_a_version_may_get_another_key_in_place(lab: Lab, s3: Any, kms: Any, records: str) -> None:
    one, two = put(s3, records, "one"), put(s3, records, "two")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    s3.update_object_encryption(Bucket=records, Key="a", VersionId=one,
                                ObjectEncryption={"SSEKMS": {"KMSKeyArn": arn}})  # fmt: skip
    assert s3.head_object(Bucket=records, Key="a", VersionId=one)["SSEKMSKeyId"] == arn
    assert (
        s3.head_object(Bucket=records, Key="a", VersionId=two)["ServerSideEncryption"] == "AES256"
    )
    assert read(s3, records, "a", VersionId=one) == b"one"
    assert lab.s3.at_rest(records, "a", one).protection.mode == "aws:kms"
