"""How much memory does a file of 1 GiB take?

A process of its own makes a lab and encrypts a small file; the memory that it holds then is "idle".
It encrypts and decrypts a (sparse) file of 1 GiB, and the most memory it ever held tells.
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
    """Peak above idle, of encrypting and decrypting together."""
    command = [sys.executable, "-m", "bench.memory"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    idle, peak = (int(number) / 2**20 for number in printed.split())
    question = "memory above idle, encrypting and decrypting 1 GiB"
    detail = f"idle {idle:.0f} MiB, peak {peak:.0f} MiB"
    return [Result(question, peak - idle, "MiB", at_most=MOST_MIB, detail=detail)]


def _held(field: str) -> int:
    """Bytes that this process holds (VmRSS) or held at most (VmHWM).

    Linux's getrusage would count the parent's memory too; macOS's knows the most only.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _round_trip(folder: Path, size: int) -> None:
    with Lab() as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        with (folder / "plain").open("wb") as file:
            file.truncate(size)
        encrypt_file(kms, key, folder / "plain", folder / "sealed")
        decrypt_file(kms, folder / "sealed", folder / "opened")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        _round_trip(Path(name), 1000)
        idle = _held("VmRSS")
        _round_trip(Path(name), FILE_BYTES)
    print(idle, _held("VmHWM"))
