"""Objects as boto3 sees them: what goes in comes out, with its headers, ranges and conditions."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tempfile
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from expect import refused
from objects import MIB, MODES, assert_tidy, bucket, customer, how, paths, read, to_read

from kmslab import Lab
from kmslab.s3.sealed import FRAME_BYTES, LEAST_FRAME

SIZES = (0, 1, LEAST_FRAME - 2, LEAST_FRAME - 1, LEAST_FRAME, LEAST_FRAME + 1,
         FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES)  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_an_object_of_any_size_comes_back(
    s3: Any, records: str, key: str, mode: str, size: int
) -> None:
    plain, brought = os.urandom(size), to_read(mode)
    s3.put_object(Bucket=records, Key="a", Body=plain, **how(mode, key))
    assert read(s3, records, "a", **brought) == plain
    s3.put_object(Bucket=records, Key="a", Body=Stream(plain), **how(mode, key))
    assert read(s3, records, "a", **brought) == plain
    assert s3.head_object(Bucket=records, Key="a", **brought)["ContentLength"] == size


class Stream:
    """Something with `read` and nothing else."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def read(self, size: int) -> bytes:
        """The next bytes, never all that are asked for."""
        data, self._left = self._left[: max(1, size // 3)], self._left[max(1, size // 3) :]
        return data


def test_every_kind_of_body_that_boto3_takes_is_taken(
    s3: Any, records: str, tmp_path: Path
) -> None:
    plain = "Zürich".encode()
    (tmp_path / "file").write_bytes(plain)
    reader, writer = os.pipe()
    os.write(writer, plain), os.close(writer)
    with (
        (tmp_path / "file").open("rb") as file,
        (tmp_path / "file").open("rb", buffering=0) as raw,
        os.fdopen(reader, "rb", buffering=0) as pipe,
        tempfile.SpooledTemporaryFile() as spooled,
    ):
        spooled.write(plain), spooled.seek(0)
        for body in (plain, bytearray(plain), "Zürich", io.BytesIO(plain), file, raw, pipe,
                     spooled, Stream(plain)):  # fmt: skip
            s3.put_object(Bucket=records, Key="body", Body=body)
            assert read(s3, records, "body") == plain
    s3.put_object(Bucket=records, Key="body")
    assert read(s3, records, "body") == b""


def test_a_file_is_sent_from_where_it_stands(s3: Any, records: str) -> None:
    body = io.BytesIO(b"before, after")
    body.seek(8)
    s3.put_object(Bucket=records, Key="body", Body=body)
    assert read(s3, records, "body") == b"after"


class Greedy(Stream):
    """Gives more than it is asked for."""

    def read(self, size: int) -> bytes:
        """Too much."""
        return bytes(size + 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (io.StringIO("text"), "Body gives str, not bytes: open files in mode 'rb'"),
        (Greedy(b""), "Body gives .* bytes where .* were asked for"),
    ],
)
def test_a_body_of_a_wrong_kind_is_named_and_leaves_no_file(
    lab: Lab, s3: Any, records: str, body: Any, words: str
) -> None:
    s3.put_object(Bucket=records, Key="body", Body=b"before")
    with pytest.raises(TypeError, match=words):
        s3.put_object(Bucket=records, Key="body", Body=body)
    assert read(s3, records, "body") == b"before"
    assert_tidy(lab)


@pytest.mark.parametrize("body", [None, 7, ["a"], (each for each in "ab"), object()])
def test_what_boto3_takes_for_no_body_is_refused_by_boto3(s3: Any, records: str, body: Any) -> None:
    with pytest.raises(ParamValidationError):
        s3.put_object(Bucket=records, Key="body", Body=body)


def test_a_body_that_fails_half_way_leaves_the_old_object(lab: Lab, s3: Any, records: str) -> None:
    class Broken(Stream):
        def read(self, size: int) -> bytes:
            data = super().read(size)
            if not data:
                raise OSError("the disk was pulled out")
            return data

    s3.put_object(Bucket=records, Key="a", Body=b"old")
    with pytest.raises(OSError, match="the disk was pulled out"):
        s3.put_object(Bucket=records, Key="a", Body=Broken(bytes(MIB)))
    assert read(s3, records, "a") == b"old"
    assert_tidy(lab)


@pytest.mark.parametrize("mode", MODES)
def test_the_etag_is_the_md5_with_sse_s3_and_no_digest_of_it_else(
    s3: Any, records: str, key: str, mode: str
) -> None:
    tags = set()
    for _ in range(2):
        made = s3.put_object(Bucket=records, Key="a", Body=b"x", **how(mode, key))
        assert read(s3, records, "a", **to_read(mode)) == b"x"
        head = s3.head_object(Bucket=records, Key="a", **to_read(mode))
        assert head["ETag"] == made["ETag"]
        tags.add(made["ETag"])
    md5 = f'"{hashlib.md5(b"x").hexdigest()}"'
    assert (tags == {md5}) == (mode == "SSE-S3")
    assert len(tags) == (1 if mode == "SSE-S3" else 2)


def test_headers_and_metadata_come_back(s3: Any, records: str) -> None:
    headers = {"CacheControl": "no-cache", "ContentDisposition": "inline", "ContentLanguage": "de",
               "ContentEncoding": "identity", "ContentType": "text/plain",
               "StorageClass": "STANDARD_IA"}  # fmt: skip
    s3.put_object(Bucket=records, Key="a", Body=b"x", Metadata={"Case": "17"}, **headers)
    got = s3.get_object(Bucket=records, Key="a")
    assert {name: got[name] for name in headers} == headers
    assert got["Metadata"] == {"case": "17"}  # S3 keeps names in lower case
    assert got["AcceptRanges"] == "bytes"
    assert got["LastModified"].tzinfo is not None
    assert "ContentRange" not in got
    assert "VersionId" not in got
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    assert s3.head_object(Bucket=records, Key="a")["ContentType"] == "binary/octet-stream"
    more = {"ResponseContentType": "text/html", "ResponseCacheControl": "no-store"}
    got = s3.get_object(Bucket=records, Key="a", **more)
    assert (got["ContentType"], got["CacheControl"]) == ("text/html", "no-store")


RANGES = {
    "bytes=0-4": (0, 4),
    "bytes=0-": (0, 99_999),
    "bytes=5-5": (5, 5),
    "bytes=99999-": (99_999, 99_999),
    "bytes=99990-200000": (99_990, 99_999),
    "bytes=-7": (99_993, 99_999),
    "bytes=-200000": (0, 99_999),
    "bytes=4000-70000": (4_000, 70_000),
}


@pytest.mark.parametrize("asked", RANGES)
def test_a_range_is_those_bytes(s3: Any, records: str, asked: str) -> None:
    plain = bytes(number % 251 for number in range(100_000))
    s3.put_object(Bucket=records, Key="range", Body=plain)
    first, last = RANGES[asked]
    got = s3.get_object(Bucket=records, Key="range", Range=asked)
    assert got["Body"].read() == plain[first : last + 1]
    assert got["ContentLength"] == last - first + 1
    assert got["ContentRange"] == f"bytes {first}-{last}/100000"


@pytest.mark.parametrize(
    "asked", ["", "bytes=", "bytes=-", "bytes=5-2", "bits=0-4", "bytes=0-1,3-4", "bytes=a-b",
              "bytes=\u0663-4", "bytes=0-" + "9" * 5_000, "0-4"],
)  # fmt: skip
def test_what_is_no_range_is_ignored(s3: Any, records: str, asked: str) -> None:
    s3.put_object(Bucket=records, Key="range", Body=b"0123456789")
    got = s3.get_object(Bucket=records, Key="range", Range=asked)
    assert got["Body"].read() == b"0123456789"
    assert "ContentRange" not in got


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(s3: Any, records: str, asked: str) -> None:
    s3.put_object(Bucket=records, Key="range", Body=b"0123456789")
    with refused("InvalidRange", "The requested range is not satisfiable") as caught:
        s3.get_object(Bucket=records, Key="range", Range=asked)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416
    s3.put_object(Bucket=records, Key="empty", Body=b"")
    with refused("InvalidRange"):
        s3.get_object(Bucket=records, Key="empty", Range="bytes=0-")


def test_the_conditions_of_a_read(s3: Any, records: str) -> None:
    tag = s3.put_object(Bucket=records, Key="a", Body=b"x")["ETag"]
    now = s3.head_object(Bucket=records, Key="a")["LastModified"]
    before, after = now - timedelta(seconds=1), now + timedelta(seconds=1)
    holds = ({"IfMatch": tag}, {"IfMatch": tag.strip('"')}, {"IfMatch": "*"},
             {"IfNoneMatch": '"other"'}, {"IfModifiedSince": before}, {"IfUnmodifiedSince": now},
             {"IfMatch": tag, "IfUnmodifiedSince": before},
             {"IfNoneMatch": "other", "IfModifiedSince": after})  # fmt: skip
    for more in holds:
        assert read(s3, records, "a", **more) == b"x"
        s3.head_object(Bucket=records, Key="a", **more)
    failed = "At least one of the pre-conditions you specified did not hold"
    for more in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": before}):
        with refused("PreconditionFailed", failed):
            read(s3, records, "a", **more)
        with refused("412", "Precondition Failed"):
            s3.head_object(Bucket=records, Key="a", **more)
    for more in ({"IfNoneMatch": tag}, {"IfNoneMatch": "*"}, {"IfModifiedSince": now}):
        for call in (s3.get_object, s3.head_object):
            with refused("304", "Not Modified") as caught:
                call(Bucket=records, Key="a", **more)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304


def test_the_conditions_of_a_write(lab: Lab, s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="new", Body=b"1", IfNoneMatch="*")
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=records, Key="new", Body=b"2", IfNoneMatch="*")
    tag = s3.head_object(Bucket=records, Key="new")["ETag"]
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=records, Key="new", Body=b"2", IfMatch='"other"')
    assert read(s3, records, "new") == b"1"
    s3.put_object(Bucket=records, Key="new", Body=b"2", IfMatch=tag)
    assert read(s3, records, "new") == b"2"
    with refused("NoSuchKey"):
        s3.put_object(Bucket=records, Key="none", Body=b"2", IfMatch=tag)
    with refused("NotImplemented"):
        s3.put_object(Bucket=records, Key="new", Body=b"2", IfNoneMatch=tag)
    assert_tidy(lab)


def test_checksums_are_checked_and_sent_back(lab: Lab, s3: Any, records: str) -> None:
    data = b"a letter"

    def text(digest: bytes) -> str:
        return base64.b64encode(digest).decode()

    right = {
        "ChecksumCRC32": text(zlib.crc32(data).to_bytes(4)),
        "ChecksumSHA1": text(hashlib.sha1(data).digest()),
        "ChecksumSHA256": text(hashlib.sha256(data).digest()),
        "ChecksumSHA512": text(hashlib.sha512(data).digest()),
    }
    where = {"Bucket": records, "Key": "sum"}
    for name, value in right.items():
        algorithm = name.removeprefix("Checksum")
        assert s3.put_object(**where, Body=data, **{name: value})[name] == value
        assert s3.put_object(**where, Body=data, ChecksumAlgorithm=algorithm)[name] == value
        words = f"The {algorithm} you specified did not match the calculated checksum."
        with refused("BadDigest", words):
            s3.put_object(**where, Body=b"other", **{name: value})
        for wrong in ("?", "AAAA", value[:-4], "é"):
            words = f"Value for x-amz-checksum-{algorithm.lower()} header is invalid."
            with refused("InvalidRequest", words):
                s3.put_object(**where, Body=data, **{name: wrong})
    s3.put_object(**where, Body=data, ContentMD5=text(hashlib.md5(data).digest()))
    with refused("BadDigest", "The Content-MD5 you specified did not match what we received."):
        s3.put_object(**where, Body=b"other", ContentMD5=text(hashlib.md5(data).digest()))
    for wrong in ("?", "AAAA", "é"):
        with refused("InvalidDigest", "The Content-MD5 you specified was invalid."):
            s3.put_object(**where, Body=data, ContentMD5=wrong)
    with refused("NotImplemented"):
        s3.put_object(**where, Body=data, ChecksumCRC64NVME="AAAAAAAAAAA=")
    assert read(s3, records, "sum") == data
    assert_tidy(lab)


def test_an_object_is_as_old_as_the_labs_clock_says(fresh: Lab) -> None:
    s3 = fresh.client("s3")
    name = bucket(s3, "records")
    fresh.clock.advance(days=400)
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    modified = s3.head_object(Bucket=name, Key="a")["LastModified"]
    assert modified > datetime.now(UTC) + timedelta(days=399)
    listed = s3.list_objects_v2(Bucket=name)["Contents"][0]["LastModified"]
    assert listed == modified


def test_what_is_replaced_or_deleted_leaves_no_file(lab: Lab, s3: Any, records: str) -> None:
    for number in range(3):
        s3.put_object(Bucket=records, Key="a", Body=b"%d" % number)
        (path,) = paths(lab, records, "a")
    s3.copy_object(Bucket=records, Key="a", CopySource=f"{records}/a", MetadataDirective="REPLACE")
    assert not path.exists()
    (path,) = paths(lab, records, "a")
    s3.delete_object(Bucket=records, Key="a")
    assert not path.exists()
    assert "DeleteMarker" not in s3.delete_object(Bucket=records, Key="a")
    assert_tidy(lab)


def test_a_copy_takes_over_metadata_unless_it_is_replaced(s3: Any, records: str, key: str) -> None:
    s3.put_object(Bucket=records, Key="source", Body=b"x", Metadata={"a": "1"},
                  ContentType="text/plain", StorageClass="STANDARD_IA",
                  **how("bucket key", key))  # fmt: skip
    where = {"Bucket": records, "Key": "target", "CopySource": {"Bucket": records, "Key": "source"}}
    done = s3.copy_object(**where, Metadata={"b": "2"}, ContentType="text/html")
    got = s3.head_object(Bucket=records, Key="target")
    assert (got["Metadata"], got["ContentType"]) == ({"a": "1"}, "text/plain")
    assert "StorageClass" not in got
    assert got["ServerSideEncryption"] == "AES256"  # the bucket's default, not the source's
    assert done["CopyObjectResult"]["ETag"] == got["ETag"]
    s3.copy_object(**where, Metadata={"b": "2"}, ContentType="text/html", StorageClass="GLACIER_IR",
                   MetadataDirective="REPLACE")  # fmt: skip
    got = s3.head_object(Bucket=records, Key="target")
    assert (got["Metadata"], got["ContentType"]) == ({"b": "2"}, "text/html")
    assert got["StorageClass"] == "GLACIER_IR"


@pytest.mark.parametrize("source", MODES)
@pytest.mark.parametrize("target", MODES)
def test_a_copy_goes_from_any_mode_to_any_other(
    s3: Any, records: str, key: str, source: str, target: str
) -> None:
    plain, brought = os.urandom(600_000), {}
    s3.put_object(Bucket=records, Key="source", Body=plain, **how(source, key))
    if source == "SSE-C":
        brought = customer(prefix="CopySource")
    s3.copy_object(Bucket=records, Key="target", CopySource=f"{records}/source",
                   **how(target, key), **brought)  # fmt: skip
    assert read(s3, records, "target", **to_read(target)) == plain


def test_the_conditions_of_a_copy(s3: Any, records: str) -> None:
    tag = s3.put_object(Bucket=records, Key="source", Body=b"x")["ETag"]
    where = {"Bucket": records, "Key": "target", "CopySource": f"{records}/source"}
    now = s3.head_object(Bucket=records, Key="source")["LastModified"]
    for more in ({"CopySourceIfMatch": '"no"'}, {"CopySourceIfNoneMatch": tag},
                 {"CopySourceIfModifiedSince": now},
                 {"CopySourceIfUnmodifiedSince": now - timedelta(seconds=1)}):  # fmt: skip
        with refused("PreconditionFailed") as caught:
            s3.copy_object(**where, **more)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    s3.copy_object(**where, CopySourceIfMatch=tag, CopySourceIfNoneMatch='"no"')
    with refused("AccessDenied"):
        s3.copy_object(**where, ExpectedSourceBucketOwner="1" * 12)


def test_a_copy_of_a_damaged_object_is_a_clear_error(lab: Lab, s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="source", Body=bytes(3 * FRAME_BYTES))
    (path,) = paths(lab, records, "source")
    path.write_bytes(path.read_bytes()[:-1])
    with refused("InternalError"):
        s3.copy_object(Bucket=records, Key="target", CopySource=f"{records}/source")
    s3.delete_object(Bucket=records, Key="source")
    assert_tidy(lab)


class Long:
    """A stream of 64 MiB that is nowhere as a whole."""

    size = 64 * MIB

    def __init__(self) -> None:
        self._left = self.size

    def read(self, size: int) -> bytes:
        """Zeros."""
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


@pytest.mark.parametrize("mode", ["SSE-S3", "DSSE-KMS"])
def test_a_large_object_takes_little_memory(s3: Any, records: str, key: str, mode: str) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    tracemalloc.start()
    try:
        s3.put_object(Bucket=records, Key="long", Body=Long(), **how(mode, key))
        got = sum(map(len, s3.get_object(Bucket=records, Key="long")["Body"].iter_chunks(MIB)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got == Long.size
    assert peak < 8 * MIB
    s3.delete_object(Bucket=records, Key="long")


def test_bad_numbers_and_texts_end_in_aws_errors_or_boto3s(s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    calls: list[tuple[Any, dict[str, Any]]] = [
        (s3.get_object, {"Key": ""}),
        (s3.get_object, {"Key": "a", "VersionId": "none"}),
        (s3.get_object, {"Key": "a", "PartNumber": 1}),
        (s3.get_object, {"Key": "a", "PartNumber": 0}),
        (s3.get_object, {"Key": "a", "Range": 5}),
        (s3.get_object, {"Key": "a", "SSECustomerAlgorithm": ""}),
        (s3.put_object, {"Key": "a", "ServerSideEncryption": ""}),
        (s3.put_object, {"Key": "a", "StorageClass": "CHEAP"}),
        (s3.put_object, {"Key": "a", "Metadata": {"a": "x" * 3_000}}),
        (s3.put_object, {"Key": "a", "Metadata": {"ä": "ü"}}),
        (s3.put_object, {"Key": "a" * 1_025}),
        (s3.put_object, {"Key": "ä" * 513}),
        (s3.put_object, {"Key": "a", "Tagging": "a=b"}),
        (s3.put_object, {"Key": "a", "ACL": "public-read"}),
        (s3.copy_object, {"Key": "b", "CopySource": f"{records}/a", "MetadataDirective": "x"}),
        (s3.list_objects_v2, {"EncodingType": "base64"}),
        (s3.put_public_access_block, {"PublicAccessBlockConfiguration": {"BlockPublicAcls": 1}}),
        (s3.copy_object, {"Key": "b", "CopySource": "a"}),
        (s3.copy_object, {"Key": "b", "CopySource": "/"}),
        (s3.copy_object, {"Key": "b", "CopySource": f"{records}/"}),
        (s3.copy_object, {"Key": "b", "CopySource": "no-such-bucket/a"}),
        (s3.copy_object, {"Key": "b", "CopySource": f"{records}/a?versionId=no"}),
        (s3.copy_object, {"Key": "b", "CopySource": f"{records}/%FF%FE"}),
        (s3.list_objects_v2, {"MaxKeys": -1}),
        (s3.list_objects_v2, {"MaxKeys": "5"}),
        (s3.list_objects_v2, {"ContinuationToken": "!"}),
        (s3.list_objects_v2, {"ContinuationToken": ""}),
        (s3.list_objects_v2, {"ContinuationToken": "/w=="}),
        (s3.list_objects_v2, {"ContinuationToken": "YQ==!"}),
        (s3.list_object_versions, {"MaxKeys": -1}),
        (s3.delete_objects, {"Delete": {"Objects": []}}),
        (s3.delete_objects, {"Delete": {"Objects": [{"Key": "a"}] * 1_001}}),
        (s3.delete_objects, {"Delete": {"Objects": [{}]}}),
        (s3.put_bucket_versioning, {"VersioningConfiguration": {}}),
        (s3.put_bucket_versioning, {"VersioningConfiguration": {"Status": "On"}}),
        (s3.update_object_encryption, {"Key": "a", "ObjectEncryption": {}}),
    ]
    for call, more in calls:
        with pytest.raises((ClientError, ParamValidationError)):
            pytest.fail(f"{more} {call(Bucket=records, **more)}")
    assert read(s3, records, "a") == b"x"


def test_keys_up_to_1024_bytes_and_of_any_text_are_names(s3: Any, records: str) -> None:
    names = ["a" * 1_024, "ä" * 512, "..", "../../etc/passwd", "/", "//", " ", "a b+c%20d", "a?b#c",
             "\u0001", "\U0010ffff", "emoji 🗝", "null", "a\x00b", "'; DROP TABLE x"]  # fmt: skip
    for name in names:
        s3.put_object(Bucket=records, Key=name, Body=name.encode())
        source = {"Bucket": records, "Key": name}
        s3.copy_object(Bucket=records, Key="copied", CopySource=source)
        assert read(s3, records, name) == read(s3, records, "copied") == name.encode()
        listed = s3.list_objects_v2(Bucket=records, Prefix=name)["Contents"]
        assert name in [each["Key"] for each in listed]
        s3.delete_object(Bucket=records, Key=name)
    with refused("KeyTooLongError", "Your key is too long"):
        s3.put_object(Bucket=records, Key="a" * 1_025)
