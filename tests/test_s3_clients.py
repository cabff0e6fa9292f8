"""Real clients at work on S3: s3transfer, resources, paginators, pandas, the AWS Encryption SDK."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import aws_encryption_sdk
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError, WaiterError
from expect import refused
from objects import LEAST_PART, MIB, assert_tidy, bucket, customer, how, read

from kmslab import Lab
from kmslab.errors import KmslabError

PARTS = TransferConfig(multipart_threshold=LEAST_PART, multipart_chunksize=LEAST_PART)
PLAIN = os.urandom(64) * (11 * MIB // 64) + b"end"


class Progress:
    """Adds up what a transfer reports, from any thread."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self.total += count


@pytest.mark.parametrize("plain", [b"", b"small", PLAIN], ids=["empty", "small", "parts"])
@pytest.mark.parametrize("mode", ["SSE-S3", "SSE-KMS", "SSE-C"])
def test_a_file_goes_up_and_comes_down_whole(
    lab: Lab, s3: Any, records: str, key: str, tmp_path: Path, plain: bytes, mode: str
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(plain)
    brought = customer() if mode == "SSE-C" else {}
    up, down = Progress(), Progress()
    s3.upload_file(
        str(source), records, "file", ExtraArgs=how(mode, key), Callback=up, Config=PARTS
    )
    s3.download_file(records, "file", str(target), ExtraArgs=brought, Callback=down, Config=PARTS)
    assert target.read_bytes() == plain
    assert (up.total, down.total) == (len(plain), len(plain))
    tag = s3.head_object(Bucket=records, Key="file", **brought)["ETag"]
    assert ("-" in tag) == (len(plain) > LEAST_PART)
    assert_tidy(lab)


def test_streams_go_up_and_come_down(lab: Lab, s3: Any, records: str) -> None:
    class Pipe:
        """A stream of which nothing is known."""

        def __init__(self) -> None:
            self._source = io.BytesIO(PLAIN)

        def read(self, size: int = -1) -> bytes:
            return self._source.read(size)

    up, down, target = Progress(), Progress(), io.BytesIO()
    s3.upload_fileobj(Pipe(), records, "stream", Callback=up, Config=PARTS)
    s3.download_fileobj(records, "stream", target, Callback=down, Config=PARTS)
    assert target.getvalue() == PLAIN
    assert (up.total, down.total) == (len(PLAIN), len(PLAIN))
    assert_tidy(lab)


def test_a_managed_copy_copies_parts_in_threads(lab: Lab, s3: Any, records: str, key: str) -> None:
    s3.put_object(Bucket=records, Key="source", Body=PLAIN, Metadata={"a": "1"})
    progress = Progress()
    s3.copy({"Bucket": records, "Key": "source"}, records, "target", Callback=progress,
            ExtraArgs=how("SSE-KMS", key), Config=PARTS)  # fmt: skip
    assert read(s3, records, "target") == PLAIN
    assert progress.total == len(PLAIN)
    assert s3.head_object(Bucket=records, Key="target")["ServerSideEncryption"] == "aws:kms"
    s3.copy({"Bucket": records, "Key": "target"}, records, "again", Config=PARTS,
            ExtraArgs=customer())  # fmt: skip
    assert read(s3, records, "again", **customer()) == PLAIN
    assert_tidy(lab)


def test_a_refused_transfer_leaves_nothing(
    lab: Lab, s3: Any, records: str, key: str, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(PLAIN)
    writer = lab.user("writer", policy=[
        {"Effect": "Allow", "Action": ["s3:*", "kms:GenerateDataKey"], "Resource": "*"}
    ]).client("s3")  # fmt: skip
    with pytest.raises(Exception, match="kms:Decrypt"):
        writer.upload_file(str(tmp_path / "source"), records, "refused", Config=PARTS,
                           ExtraArgs=how("SSE-KMS", key))  # fmt: skip
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=records)
    with refused("404"):
        s3.download_file(records, "refused", str(tmp_path / "target"))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    assert_tidy(lab)


def test_resources_work(lab: Lab, records: str, tmp_path: Path) -> None:
    s3 = lab.session().resource("s3")
    place = s3.Bucket("resources")
    place.create()
    place.put_object(Key="a", Body=b"x")
    thing = s3.Object("resources", "b/c")
    thing.put(Body=b"yy", ServerSideEncryption="aws:kms")
    assert thing.get()["Body"].read() == b"yy"
    assert (thing.content_length, thing.server_side_encryption) == (2, "aws:kms")
    assert [each.key for each in place.objects.all()] == ["a", "b/c"]
    assert [each.key for each in place.objects.filter(Prefix="b/")] == ["b/c"]
    assert sorted(each.name for each in s3.buckets.all()) == sorted({"resources", records})
    place.download_file("b/c", str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == b"yy"
    begun = s3.Object("resources", "parts").initiate_multipart_upload()
    begun.Part(1).upload(Body=b"x")
    assert [each.size for each in begun.parts.all()] == [1]
    begun.abort()
    place.Versioning().enable()
    assert place.Versioning().status == "Enabled"
    thing.delete()
    assert len(list(place.object_versions.all())) == 3
    place.object_versions.delete()
    place.delete()
    assert place.creation_date is None


def test_waiters_end(lab: Lab, s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="there", Body=b"x")
    quick = {"WaiterConfig": {"Delay": 0, "MaxAttempts": 2}}
    s3.get_waiter("bucket_exists").wait(Bucket=records, **quick)
    s3.get_waiter("object_exists").wait(Bucket=records, Key="there", **quick)
    s3.get_waiter("bucket_not_exists").wait(Bucket="no-such-bucket", **quick)
    s3.get_waiter("object_not_exists").wait(Bucket=records, Key="none", **quick)
    with pytest.raises(WaiterError):
        s3.get_waiter("object_exists").wait(Bucket=records, Key="none", **quick)
    assert lab.s3.at_rest(records, "there").size == 1


def test_paginators_work(s3: Any) -> None:
    name = bucket(s3, "pages")
    for number in range(7):
        s3.put_object(Bucket=name, Key=f"folder {number % 3}/ä+{number}", Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=name, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Contents"]) for page in pages] == [2, 2, 2, 1]
    found = s3.get_paginator("list_objects_v2").paginate(Bucket=name).search("Contents[].Key")
    assert sorted(found) == sorted(f"folder {n % 3}/ä+{n}" for n in range(7))
    folders = s3.get_paginator("list_objects_v2").paginate(
        Bucket=name, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    assert list(folders.search("CommonPrefixes[].Prefix")) == [f"folder {n}/" for n in range(3)]
    resumed = s3.get_paginator("list_objects_v2").paginate(
        Bucket=name, PaginationConfig={"PageSize": 2, "MaxItems": 3}
    )
    first = list(resumed.search("Contents[].Key"))
    rest = s3.get_paginator("list_objects_v2").paginate(
        Bucket=name, PaginationConfig={"StartingToken": resumed.resume_token}
    )
    assert len(first) + len(list(rest.search("Contents[].Key"))) == 7
    for operation in ("list_multipart_uploads", "list_buckets", "list_parts"):
        more = {} if operation == "list_buckets" else {"Bucket": name}
        if operation == "list_parts":
            more["UploadId"] = s3.create_multipart_upload(Bucket=name, Key="p")["UploadId"]
            more["Key"] = "p"
        assert len(list(s3.get_paginator(operation).paginate(**more))) == 1


def test_pandas_reads_a_body(s3: Any, records: str) -> None:
    import pandas

    rows = "".join(f"{number},{number**2}\n" for number in range(100_000))
    s3.put_object(Bucket=records, Key="table.csv", Body="a,b\n" + rows)
    frame = pandas.read_csv(s3.get_object(Bucket=records, Key="table.csv")["Body"])
    assert frame.shape == (100_000, 2)
    assert int(frame["b"].iloc[-1]) == 99_999**2


def test_a_body_reads_as_streams_do(s3: Any, records: str) -> None:
    lines = [f"line {number}".encode() for number in range(50_000)]
    s3.put_object(Bucket=records, Key="lines", Body=b"\n".join(lines))

    def body() -> Any:
        return s3.get_object(Bucket=records, Key="lines")["Body"]

    assert list(body().iter_lines()) == lines
    assert b"".join(body().iter_chunks(1_000)) == b"\n".join(lines)
    assert b"".join(body()) == b"\n".join(lines)
    with body() as stream:
        assert stream.read(6) == b"line 0"
        assert stream.tell() == 6
        assert stream.read(0) == b""
    text = io.TextIOWrapper(io.BufferedReader(body()._raw_stream), "utf-8")
    assert sum(1 for _ in text) == 50_000
    stream, got = body(), bytearray(10)
    assert stream.readinto(got) == 10
    assert bytes(got) == b"line 0\nlin"
    assert len(stream.read()) == len(b"\n".join(lines)) - 10
    assert stream.read() == b""


def test_the_aws_encryption_sdk_works_beside_it(lab: Lab, s3: Any, kms: Any, records: str) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    client = aws_encryption_sdk.EncryptionSDKClient()
    provider = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(
        key_ids=[arn], botocore_session=lab.admin.botocore_session()
    )
    sealed, _ = client.encrypt(source=b"a letter", key_provider=provider)
    s3.put_object(Bucket=records, Key="sealed", Body=sealed)
    body = read(s3, records, "sealed")
    assert body == sealed
    plain, _ = client.decrypt(source=body, key_provider=provider)
    assert plain == b"a letter"


def test_presigned_urls_and_posts_are_refused(s3: Any, records: str) -> None:
    words = "a presigned URL for .* would lead out of the lab"
    with pytest.raises(KmslabError, match=words):
        s3.generate_presigned_url("get_object", Params={"Bucket": records, "Key": "a"})
    with pytest.raises(KmslabError, match="presigned"):
        s3.generate_presigned_post(records, "a")


def test_what_s3_has_and_the_lab_has_not_is_said(s3: Any, records: str) -> None:
    with refused("NotImplemented", "kmslab does not answer s3:GetObjectTagging yet."):
        s3.get_object_tagging(Bucket=records, Key="a")
    with pytest.raises(ClientError):
        s3.put_object_acl(Bucket=records, Key="a", ACL="private")


def test_exceptions_have_their_types(s3: Any, records: str) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=records, Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="no-such-bucket")
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.abort_multipart_upload(Bucket=records, Key="a", UploadId="none")
    where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(Bucket="twice", **where)
    with pytest.raises(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket="twice", **where)
