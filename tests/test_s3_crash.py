"""kill -9 while objects are written, and other processes at work on them at the same time."""

from __future__ import annotations

import fcntl
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from expect import run, start
from objects import LEAST_PART, assert_tidy, bucket, how, paths, read, upload

from kmslab import Lab
from kmslab.s3 import files as s3_files

SIZE = 3 << 20
PUT = """
import sys
from kmslab import Lab
lab = Lab(sys.argv[1])
s3, size = lab.client("s3"), int(sys.argv[2])
print("ready", flush=True)
for number in range(100_000):
    body = number.to_bytes(8) * (size // 8)
    s3.put_object(Bucket="records", Key=f"object {number % 3}", Body=body)
    print(number, flush=True)
"""
PARTS = """
import sys
from kmslab import Lab
lab = Lab(sys.argv[1])
s3, size = lab.client("s3"), int(sys.argv[2])
print("ready", flush=True)
for number in range(100_000):
    where = {"Bucket": "records", "Key": f"object {number % 3}"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    made = []
    for part in (1, 2, 1):
        body = number.to_bytes(8) * (size // 8)
        tag = s3.upload_part(**where, PartNumber=part, Body=body)["ETag"]
        made = [each for each in made if each["PartNumber"] != part]
        made.append({"PartNumber": part, "ETag": tag})
    made.sort(key=lambda each: each["PartNumber"])
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": made})
    print(number, flush=True)
"""


def number_in(data: bytes) -> int:
    """The number of which an object consists; fails if it is a mixture."""
    assert data
    assert len(data) % 8 == 0
    assert data == data[:8] * (len(data) // 8)
    return int.from_bytes(data[:8])


def killed(code: str, folder: Path, size: int, wait: float) -> list[int]:
    """Runs a writer for a moment, kills it, and gives the numbers that it said it had written."""
    process = start(code, folder, size)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        return [int(line) for line in process.stdout.read().split()]


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize(("code", "size"), [(PUT, SIZE), (PARTS, LEAST_PART)], ids=["put", "parts"])
def test_a_killed_write_leaves_the_old_object_or_the_new_one(
    tmp_path: Path, code: str, size: int, moment: int
) -> None:
    with Lab(tmp_path) as lab:
        bucket(lab.client("s3"), "records")
    printed = killed(code, tmp_path, size, 0.03 + 0.04 * moment + random.random() * 0.04)
    last = {number % 3: number for number in printed}
    with Lab(tmp_path) as lab:
        s3 = lab.client("s3")
        listed = s3.list_objects_v2(Bucket="records").get("Contents", ())
        assert {f"object {number}" for number in last} <= {each["Key"] for each in listed}
        for each in listed:
            number = number_in(read(s3, "records", each["Key"]))
            assert f"object {number % 3}" == each["Key"]
            known = last.get(number % 3, -1)
            assert number in (known, known + 3, number % 3 if known < 0 else known)
        assert_tidy(lab)
        uploads = s3.list_multipart_uploads(Bucket="records").get("Uploads", ())
        assert len(uploads) <= 1
        for each in uploads:
            s3.abort_multipart_upload(Bucket="records", Key=each["Key"], UploadId=each["UploadId"])
        assert_tidy(lab)


HALF = """
import sys, time
from kmslab import Lab
lab = Lab(sys.argv[1])
class Endless:
    def __init__(self):
        self.sent = 0
    def read(self, size):
        self.sent += size
        if self.sent > 3_000_000:
            print("half", flush=True)
            time.sleep(60)
        return bytes(size)
lab.client("s3").put_object(Bucket="records", Key="half", Body=Endless())
"""


def test_a_write_that_goes_on_is_not_swept_and_one_that_was_killed_is(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        bucket(lab.client("s3"), "records")
    process = start(HALF, tmp_path)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        with Lab(tmp_path) as lab:
            (draft,) = lab.s3.folder.iterdir()
            assert draft.stat().st_size > 1_000_000
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Lab(tmp_path) as lab:
        assert not list(lab.s3.folder.iterdir())
        assert "Contents" not in lab.client("s3").list_objects_v2(Bucket="records")


def test_a_file_that_is_swept_before_it_is_locked_is_made_again(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, lock, turns = fresh.client("s3"), fcntl.flock, []
    bucket(s3, "records")

    class Raced:
        """The lock of another process's sweep comes first, twice."""

        LOCK_EX, LOCK_NB = fcntl.LOCK_EX, fcntl.LOCK_NB

        @staticmethod
        def flock(handle: Any, kind: int) -> None:
            if kind == fcntl.LOCK_EX and len(turns) < 2:
                turns.append(handle)
                for path in fresh.s3.folder.iterdir():
                    path.unlink()
            lock(handle, kind)

    monkeypatch.setattr(s3_files, "fcntl", Raced)
    handles = len(list(Path("/proc/self/fd").iterdir()))
    s3.put_object(Bucket="records", Key="a", Body=b"whole")
    assert len(turns) == 2
    assert read(s3, "records", "a") == b"whole"
    assert len(list(Path("/proc/self/fd").iterdir())) == handles
    assert_tidy(fresh)


WRITE = """
import sys, time
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    s3 = lab.client("s3")
    print("ready", flush=True)
    wrong = []
    for number in range(150):
        body = f"{sys.argv[2]} {number} ".encode() * 500
        s3.put_object(Bucket="records", Key=f"{sys.argv[2]}", Body=body)
        if s3.get_object(Bucket="records", Key=sys.argv[2])["Body"].read() != body:
            wrong.append(number)
        s3.put_object(Bucket="records", Key="shared", Body=body)
        got = s3.get_object(Bucket="records", Key="shared")["Body"].read()
        if got != got[:len(got) // 500] * 500:
            wrong.append(number)
print(wrong)
"""


def test_processes_that_open_the_lab_sweep_nothing_of_those_that_write(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        bucket(lab.client("s3"), "records")
    writers = [start(WRITE, tmp_path, name) for name in ("one", "two")]
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    opened = 0
    while any(process.poll() is None for process in writers):
        with Lab(tmp_path):
            opened += 1
    assert opened > 3
    for process in writers:
        assert process.communicate()[0] == "[]\n"
    with Lab(tmp_path) as lab:
        assert_tidy(lab)
        assert len(list(lab.s3.folder.iterdir())) == 3


def test_a_lab_that_is_opened_again_has_its_objects(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        s3 = lab.client("s3")
        name = bucket(s3, "records")
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        for mode in ("SSE-S3", "SSE-KMS", "bucket key", "DSSE-KMS"):
            s3.put_object(Bucket=name, Key=mode, Body=mode.encode(), **how(mode, key))
        upload(s3, name, "parts", [b"x" * LEAST_PART, b"y"], **how("bucket key", key))
    with Lab(tmp_path) as lab:
        s3 = lab.client("s3")
        for mode in ("SSE-S3", "SSE-KMS", "bucket key", "DSSE-KMS"):
            assert read(s3, name, mode) == mode.encode()
        assert read(s3, name, "parts", Range="bytes=-2") == b"xy"
        assert (lab.path / "s3").stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in lab.s3.folder.iterdir())


MAKE = """
import sys
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    s3 = lab.client("s3", "eu-west-1")
    s3.create_bucket(Bucket="later",
                     CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="later", Key="a", Body=b"theirs")
    s3.put_object(Bucket="records", Key="a", Body=b"theirs")
"""


def test_processes_see_each_others_buckets_and_objects(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        s3 = lab.client("s3")
        bucket(s3, "records")
        s3.put_object(Bucket="records", Key="a", Body=b"mine")
        with pytest.raises(s3.exceptions.NoSuchBucket):
            s3.get_object(Bucket="later", Key="a")
        run(MAKE, tmp_path)
        made = s3.put_object(Bucket="later", Key="b", Body=b"x", ServerSideEncryption="aws:kms")
        assert ":eu-west-1:" in made["SSEKMSKeyId"]
        assert read(s3, "records", "a") == b"theirs"
        assert read(s3, "later", "a") == b"theirs"


def test_threads_read_whole_versions_and_leave_no_file_behind(fresh: Lab) -> None:
    s3, wrong = fresh.client("s3"), list[object]()
    name = bucket(s3, "records")

    def work(number: int) -> None:
        own = fresh.client("s3")
        for turn in range(25):
            text = f"{number}-{turn}".encode()
            for key in (f"own {number}", "shared", f"pair {number // 2}"):
                try:
                    own.put_object(Bucket=name, Key=key, Body=text * 2_000)
                    got = read(own, name, key)
                    whole = got == got[: len(got) // 2_000] * 2_000
                    if not whole or (key.startswith("own") and got != text * 2_000):
                        wrong.append((key, text, got[:20]))
                except own.exceptions.NoSuchKey:
                    if key.startswith("own"):
                        wrong.append((key, "gone"))
                except Exception as error:
                    wrong.append(error)
            if turn % 3 == 0:
                own.delete_object(Bucket=name, Key="shared")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert_tidy(fresh)


def test_an_open_body_reads_on_when_its_object_is_replaced(fresh: Lab) -> None:
    s3 = fresh.client("s3")
    name = bucket(s3, "records")
    s3.put_object(Bucket=name, Key="a", Body=b"old" * 1_000_000)
    body = s3.get_object(Bucket=name, Key="a")["Body"]
    assert body.read(3) == b"old"
    s3.put_object(Bucket=name, Key="a", Body=b"new")
    assert body.read() == (b"old" * 1_000_000)[3:]
    assert len(paths(fresh, name, "a")) == 1
    assert_tidy(fresh)


def test_the_number_of_an_objects_record_is_never_used_again(fresh: Lab) -> None:
    # Else somebody who holds the old record would be given the files of a new object.
    s3, numbers = fresh.client("s3"), []
    name = bucket(s3, "records")
    for _ in range(3):
        s3.put_object(Bucket=name, Key="a", Body=b"x")
        numbers.append(fresh._rooms.store.row("SELECT number FROM object"))
    assert len(set(numbers)) == 3
