"""How fast is encrypting a file, against AES-256-GCM of cryptography alone?

The baseline does what can't be left out: it reads the same frames (512 KiB; when decrypting, with
their tags) with `readinto` from an unbuffered file into one buffer, seals or opens each with one
AESGCM object, `encrypt_into` or `decrypt_into` and a counter as IV, without additional data, and
writes it to an unbuffered file. It makes no data key, no header, no temporary file to rename, and
can't tell a last frame from a file that was cut off. In memory: the same with `io.BytesIO` to read
from and the null device to write to.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.measure import Result, side_by_side
from kmslab import Lab
from kmslab.envelope import (
    FRAME_BYTES,
    TAG_BYTES,
    decrypt_file,
    decrypt_stream,
    encrypt_file,
    encrypt_stream,
)

TARGET = 0.8
FILE_BYTES, ROUNDS = 128 << 20, 9


def ask() -> list[Result]:
    """encrypt_file and decrypt_file, then their streams in memory."""
    cipher = AESGCM(AESGCM.generate_key(256))
    with tempfile.TemporaryDirectory() as name, Lab() as lab:
        folder, kms = Path(name), lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        (folder / "plain").write_bytes(bytes(range(256)) * (FILE_BYTES >> 8))
        return [
            _compare("encrypt_file", TARGET, *_encrypt_files(folder, cipher, kms, key)),
            _compare("decrypt_file", TARGET, *_decrypt_files(folder, cipher, kms)),
            _compare("encrypt_stream in memory", None, *_encrypt_memory(folder, cipher, kms, key)),
            _compare("decrypt_stream in memory", None, *_decrypt_memory(folder, cipher, kms)),
        ]


def _encrypt_files(folder: Path, cipher: AESGCM, kms: Any, key: str) -> tuple[Any, Any]:
    def base() -> None:
        with_files(seal, cipher, folder / "plain", folder / "base.sealed")

    return base, partial(encrypt_file, kms, key, folder / "plain", folder / "ours.sealed")


def _decrypt_files(folder: Path, cipher: AESGCM, kms: Any) -> tuple[Any, Any]:
    def base() -> None:
        with_files(open_sealed, cipher, folder / "base.sealed", folder / "base.opened")

    return base, partial(decrypt_file, kms, folder / "ours.sealed", folder / "ours.opened")


def _encrypt_memory(folder: Path, cipher: AESGCM, kms: Any, key: str) -> tuple[Any, Any]:
    plain, nowhere = (folder / "plain").read_bytes(), _nowhere()
    return (
        lambda: seal(cipher, io.BytesIO(plain), nowhere),
        lambda: encrypt_stream(kms, key, io.BytesIO(plain), nowhere),
    )


def _decrypt_memory(folder: Path, cipher: AESGCM, kms: Any) -> tuple[Any, Any]:
    base, ours = ((folder / f"{name}.sealed").read_bytes() for name in ("base", "ours"))
    nowhere = _nowhere()
    return (
        lambda: open_sealed(cipher, io.BytesIO(base), nowhere),
        lambda: decrypt_stream(kms, io.BytesIO(ours), nowhere),
    )


def _nowhere() -> BinaryIO:
    return Path(os.devnull).open("wb", buffering=0)


def with_files(work: Callable[..., None], cipher: AESGCM, source: Path, target: Path) -> None:
    """`seal` or `open_sealed`, from one file into another."""
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        work(cipher, reader, writer)


def seal(cipher: AESGCM, source: Any, target: Any) -> None:
    """What can't be left out when a stream is encrypted."""
    data, sealed = (memoryview(bytearray(FRAME_BYTES + more)) for more in (0, TAG_BYTES))
    number = 0
    while length := source.readinto(data):
        out = sealed[: length + TAG_BYTES]
        cipher.encrypt_into(number.to_bytes(12), data[:length], None, out)
        target.write(out)
        number += 1


def open_sealed(cipher: AESGCM, source: Any, target: Any) -> None:
    """What can't be left out when it is decrypted."""
    data, sealed = (memoryview(bytearray(FRAME_BYTES + more)) for more in (0, TAG_BYTES))
    number = 0
    while length := source.readinto(sealed):
        out = data[: length - TAG_BYTES]
        cipher.decrypt_into(number.to_bytes(12), sealed[:length], None, out)
        target.write(out)
        number += 1


def _compare(name: str, target: float | None, base: Any, ours: Any) -> Result:
    ratio, base_took, ours_took = side_by_side(base, ours, ROUNDS)
    speeds = [FILE_BYTES / took / 1e6 for took in (base_took, ours_took)]
    detail = "AESGCM {:.0f} MB/s, kmslab {:.0f} MB/s".format(*speeds)
    return Result(f"speed of {name} ÷ of AESGCM alone", ratio, "x", target, detail=detail)
