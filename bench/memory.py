"""How much memory does a file of 1 GiB take, encrypted as a file or put into S3 as an object?

A process of its own makes a lab and does it with a small file; the memory that it holds then is
"idle". Then with a (sparse) file of 1 GiB, and the most memory it ever held tells.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Result
from kmslab import Lab
from kmslab.envelope import decrypt_file, encrypt_file

MOST_MIB = 64
FILE_BYTES = 1 << 30


def ask() -> list[Result]:
    """Peak above idle, of there and back together."""
    return [_ask(what) for what in WAYS]


def _ask(what: str) -> Result:
    command = [sys.executable, "-m", "bench.memory", what]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    idle, peak = (int(number) / 2**20 for number in printed.split())
    question = f"memory above idle, {what} 1 GiB"
    detail = f"idle {idle:.0f} MiB, peak {peak:.0f} MiB"
    return Result(question, peak - idle, "MiB", at_most=MOST_MIB, detail=detail)


def _held(field: str) -> int:
    """Bytes that this process holds (VmRSS) or held at most (VmHWM).

    Linux's getrusage would count the parent's memory too; macOS's knows the most only.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _envelope(lab: Lab, key: str, folder: Path) -> None:
    kms = lab.client("kms")
    encrypt_file(kms, key, folder / "plain", folder / "sealed")
    decrypt_file(kms, folder / "sealed", folder / "opened")


def _object(lab: Lab, key: str, folder: Path) -> None:
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="records")
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    with (folder / "plain").open("rb") as body:
        s3.put_object(Bucket="records", Key="plain", Body=body, **asked)
    for _ in s3.get_object(Bucket="records", Key="plain")["Body"].iter_chunks(1 << 20):
        pass


def _transfer(lab: Lab, key: str, folder: Path) -> None:
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="records")
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.upload_file(str(folder / "plain"), "records", "plain", ExtraArgs=asked)
    s3.download_file("records", "plain", str(folder / "opened"))


WAYS = {
    "encrypting and decrypting": _envelope,
    "put_object and get_object of": _object,
    "upload_file and download_file of": _transfer,
}


def _there_and_back(what: str, folder: Path, size: int) -> None:
    with Lab() as lab:
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        with (folder / "plain").open("wb") as file:
            file.truncate(size)
        WAYS[what](lab, key, folder)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        _there_and_back(sys.argv[1], Path(name), 1000)
        idle = _held("VmRSS")
        _there_and_back(sys.argv[1], Path(name), FILE_BYTES)
    print(idle, _held("VmHWM"))
