"""Multipart uploads: parts in any order, completed, aborted, and what can't be."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError
from expect import refused
from objects import (
    LEAST_PART,
    MODES,
    assert_tidy,
    bucket,
    customer,
    how,
    paths,
    read,
    to_read,
    upload,
)

from kmslab import Lab

NO_SUCH = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
    "been aborted or completed."
)
PARTS = [b"a" * LEAST_PART, b"b" * (LEAST_PART + 1), b"c" * 10]


@pytest.fixture
def begun(s3: Any, records: str) -> dict[str, str]:
    """An upload that goes on."""
    made = s3.create_multipart_upload(Bucket=records, Key="a")
    return {"Bucket": records, "Key": "a", "UploadId": made["UploadId"]}


def part(s3: Any, begun: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    """Uploads a part; what completing names it by."""
    return {
        "PartNumber": number,
        "ETag": s3.upload_part(**begun, PartNumber=number, Body=body)["ETag"],
    }


def complete(s3: Any, begun: dict[str, str], *parts: dict[str, Any]) -> Any:
    """Completes an upload."""
    return s3.complete_multipart_upload(**begun, MultipartUpload={"Parts": list(parts)})


@pytest.mark.parametrize("mode", MODES)
def test_an_object_of_several_parts_comes_back(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    done = upload(s3, records, "whole", PARTS, **how(mode, key), Metadata={"a": "1"})
    assert (done["Bucket"], done["Key"]) == (records, "whole")
    got = s3.get_object(Bucket=records, Key="whole", **to_read(mode))
    assert got["Body"].read() == b"".join(PARTS)
    assert got["Metadata"] == {"a": "1"}
    assert got["ETag"] == done["ETag"]
    assert got["ETag"].endswith('-3"')
    edge = LEAST_PART * 2
    got = read(s3, records, "whole", Range=f"bytes={LEAST_PART - 2}-{edge + 3}", **to_read(mode))
    assert got == b"aa" + b"b" * (LEAST_PART + 1) + b"ccc"
    assert read(s3, records, "whole", Range="bytes=-3", **to_read(mode)) == b"ccc"
    assert len(paths(lab, records, "whole")) == 3
    assert_tidy(lab)


def test_the_etag_is_made_of_the_parts_etags(s3: Any, records: str) -> None:
    done = upload(s3, records, "whole", PARTS)
    digests = b"".join(hashlib.md5(each).digest() for each in PARTS)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'


def test_parts_come_in_any_order_and_may_be_replaced_or_left_out(
    lab: Lab, s3: Any, begun: dict[str, str]
) -> None:
    last = part(s3, begun, 10_000, b"last")
    old = part(s3, begun, 2, b"x" * LEAST_PART)
    second = part(s3, begun, 2, b"y" * LEAST_PART)
    part(s3, begun, 7, b"left out")
    listed = s3.list_parts(**begun)["Parts"]
    assert [(each["PartNumber"], each["Size"]) for each in listed] == [
        (2, LEAST_PART), (7, 8), (10_000, 4),
    ]  # fmt: skip
    assert listed[0]["ETag"] == second["ETag"]
    assert_tidy(lab)
    with refused("InvalidPart"):
        complete(s3, begun, old, last)
    complete(s3, begun, second, last)
    assert read(s3, begun["Bucket"], "a") == b"y" * LEAST_PART + b"last"
    assert_tidy(lab)


def test_what_cannot_be_completed(lab: Lab, s3: Any, begun: dict[str, str]) -> None:
    one, two, three = (part(s3, begun, n, bytes(LEAST_PART)) for n in (1, 2, 3))
    small = part(s3, begun, 4, b"small")
    order = "The list of parts was not in ascending order. Parts must be ordered by part number."
    for parts in ((two, one), (one, one), (one, three, two)):
        with refused("InvalidPartOrder", order):
            complete(s3, begun, *parts)
    missing = (
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag."
    )
    for parts in ((one, {**two, "PartNumber": 9}), ({**one, "ETag": '"other"'},)):
        with refused("InvalidPart", missing):
            complete(s3, begun, *parts)
    with refused("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"):
        complete(s3, begun, small, part(s3, begun, 5, b"x"))
    for parts in ((), ({"PartNumber": 1},), ({"ETag": one["ETag"]},), (one, {})):
        with refused("MalformedXML"):
            complete(s3, begun, *parts)
    with refused("MalformedXML"):
        s3.complete_multipart_upload(**begun)
    assert len(s3.list_parts(**begun)["Parts"]) == 5
    assert complete(s3, begun, {**one, "ETag": one["ETag"].strip('"')}, two, small)
    assert_tidy(lab)


def test_an_upload_that_is_not_there(
    lab: Lab, s3: Any, records: str, begun: dict[str, str]
) -> None:
    tag = part(s3, begun, 1, b"x")
    s3.put_object(Bucket=records, Key="source", Body=b"x")
    s3.abort_multipart_upload(**begun)
    assert_tidy(lab)
    other = s3.create_multipart_upload(Bucket=records, Key="other")["UploadId"]
    for about in (begun, {**begun, "UploadId": "none"}, {**begun, "UploadId": other},
                  {**begun, "UploadId": ""}):  # fmt: skip
        for call in (
            lambda about=about: part(s3, about, 1, b"x"),
            lambda about=about: complete(s3, about, tag),
            lambda about=about: s3.abort_multipart_upload(**about),
            lambda about=about: s3.list_parts(**about),
            lambda about=about: s3.upload_part_copy(
                **about, PartNumber=1, CopySource=f"{records}/source"
            ),
        ):
            with refused("NoSuchUpload", NO_SUCH) as caught:
                call()
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    s3.abort_multipart_upload(Bucket=records, Key="other", UploadId=other)
    assert_tidy(lab)


@pytest.mark.parametrize("number", [-1, 0, 10_001, 2**31])
def test_a_part_number_is_between_one_and_ten_thousand(
    lab: Lab, s3: Any, begun: dict[str, str], number: int
) -> None:
    words = "Part number must be an integer between 1 and 10000, inclusive"
    with refused("InvalidArgument", words):
        s3.upload_part(**begun, PartNumber=number, Body=b"x")
    assert_tidy(lab)


def test_parts_with_customer_keys(lab: Lab, s3: Any, records: str, begun: dict[str, str]) -> None:
    theirs = {"Bucket": records, "Key": "theirs"}
    theirs["UploadId"] = s3.create_multipart_upload(**theirs, **customer())["UploadId"]
    needs = (
        "The multipart upload initiate requested encryption. Subsequent part requests must include "
        "the appropriate encryption parameters."
    )
    with refused("InvalidRequest", needs):
        s3.upload_part(**theirs, PartNumber=1, Body=b"x")
    with refused("InvalidRequest", needs):
        s3.upload_part(**begun, PartNumber=1, Body=b"x", **customer())
    words = "The provided encryption parameters did not match the ones used originally."
    with refused("InvalidRequest", words):
        s3.upload_part(**theirs, PartNumber=1, Body=b"x", **customer(os.urandom(32)))
    tag = s3.upload_part(**theirs, PartNumber=1, Body=b"x", **customer())["ETag"]
    complete(s3, theirs, {"PartNumber": 1, "ETag": tag})  # needs no key
    assert read(s3, records, "theirs", **customer()) == b"x"
    assert_tidy(lab)


def test_a_part_may_be_copied_from_an_object(lab: Lab, s3: Any, records: str, key: str) -> None:
    plain = os.urandom(LEAST_PART + 100)
    s3.put_object(Bucket=records, Key="source", Body=plain, **how("SSE-KMS", key))
    about = {"Bucket": records, "Key": "target"}
    about["UploadId"] = s3.create_multipart_upload(**about)["UploadId"]
    made = []
    for number, asked in enumerate(("", f"bytes=5-{LEAST_PART + 4}", "bytes=0-0"), 1):
        more = {"CopySourceRange": asked} if asked else {}
        done = s3.upload_part_copy(
            **about, PartNumber=number, CopySource=f"{records}/source", **more
        )
        made.append({"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]})
    complete(s3, about, *made)
    assert read(s3, records, "target") == plain + plain[5 : LEAST_PART + 5] + plain[:1]
    assert_tidy(lab)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("bytes=0-10", "Range specified is not valid for source object of size: 10"),
        *((each, "The x-amz-copy-source-range value must be of the form bytes=first-last where "
           "first and last are the zero-based offsets of the first and last bytes to copy")
          for each in ("", "0-5", "bytes=5-", "bytes=-5", "bytes=5-2", "bytes= 1-2", "bytes=1-2-3",
                       "bytes=0-" + "9" * 5_000)),
    ],
)  # fmt: skip
def test_a_range_that_is_none_is_not_copied(
    s3: Any, records: str, begun: dict[str, str], asked: str, words: str
) -> None:
    s3.put_object(Bucket=records, Key="source", Body=b"0123456789")
    with refused("InvalidArgument", words):
        s3.upload_part_copy(**begun, PartNumber=1, CopySource=f"{records}/source",
                            CopySourceRange=asked)  # fmt: skip


def test_an_empty_object_may_be_a_part(lab: Lab, s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="empty", Body=b"")
    about = {"Bucket": records, "Key": "target"}
    about["UploadId"] = s3.create_multipart_upload(**about)["UploadId"]
    done = s3.upload_part_copy(**about, PartNumber=1, CopySource=f"{records}/empty")
    complete(s3, about, {"PartNumber": 1, "ETag": done["CopyPartResult"]["ETag"]})
    assert read(s3, records, "target") == b""
    upload(s3, records, "target", [PARTS[0], b""])
    assert read(s3, records, "target") == PARTS[0]
    assert_tidy(lab)


def test_uploads_are_listed_and_go_with_their_bucket(lab: Lab, s3: Any) -> None:
    name = bucket(s3, "short-lived")
    ids = [s3.create_multipart_upload(Bucket=name, Key=each)["UploadId"] for each in ("a/1", "b")]
    part(s3, {"Bucket": name, "Key": "b", "UploadId": ids[1]}, 1, b"x")
    listed = s3.list_multipart_uploads(Bucket=name)["Uploads"]
    assert [(each["Key"], each["UploadId"]) for each in listed] == [("a/1", ids[0]), ("b", ids[1])]
    listed = s3.list_multipart_uploads(Bucket=name, Prefix="a/")["Uploads"]
    assert [each["Key"] for each in listed] == ["a/1"]
    s3.delete_bucket(Bucket=name)
    assert_tidy(lab)
    bucket(s3, name)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=name)
    with refused("NoSuchUpload"):
        s3.list_parts(Bucket=name, Key="b", UploadId=ids[1])


def test_conditions_hold_at_the_completion(lab: Lab, s3: Any, records: str, begun: Any) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"there")
    tag = part(s3, begun, 1, b"x")
    with refused("PreconditionFailed"):
        s3.complete_multipart_upload(**begun, MultipartUpload={"Parts": [tag]}, IfNoneMatch="*")
    assert read(s3, records, "a") == b"there"
    assert len(s3.list_parts(**begun)["Parts"]) == 1
    complete(s3, begun, tag)
    assert read(s3, records, "a") == b"x"
    assert_tidy(lab)


def test_a_part_that_fails_leaves_no_file(lab: Lab, s3: Any, begun: dict[str, str]) -> None:
    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        s3.upload_part(**begun, PartNumber=1, Body=Broken())
    with pytest.raises(ClientError):
        s3.upload_part(**begun, PartNumber=1, Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert "Parts" not in s3.list_parts(**begun)
    assert_tidy(lab)
