"""How fast is S3 with SSE-KMS, against what can't be left out?

A large object: against a plain copy of the file that goes through AES-256-GCM of cryptography,
frame by frame (`files.py` has that baseline). What S3 does besides: a call of KMS, boto3, records.
A small one: against a boto3 client that is answered at once.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import calls, files
from bench.measure import Result, Work, side_by_side
from kmslab import Lab
from kmslab.s3.sealed import FRAME_BYTES

LARGE, SMALL = 64 << 20, 1 << 10
LARGE_TARGET, SMALL_TARGET, ROUNDS = 0.5, 0.2, 11
BUCKET = "records"


def ask() -> list[Result]:
    """PutObject and GetObject of 64 MiB, then of 1 KiB."""
    with tempfile.TemporaryDirectory() as name, Lab() as lab:
        s3, kms = lab.client("s3"), lab.client("kms")
        s3.create_bucket(Bucket=BUCKET)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        asked = {"Bucket": BUCKET, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        return [*_large(Path(name), s3, asked), *_small(s3, asked)]


def _large(folder: Path, s3: Any, asked: dict[str, Any]) -> list[Result]:
    cipher = AESGCM(AESGCM.generate_key(256))
    plain, sealed, opened = (folder / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(bytes(range(256)) * (LARGE >> 8))
    put = partial(_put, s3, asked, plain)
    get = partial(_get, s3, opened)
    seal = partial(files.with_files, files.seal, cipher, plain, sealed)
    unseal = partial(files.with_files, files.open_sealed, cipher, sealed, folder / "base")
    return [_compare("put_object", seal, put), _compare("get_object", unseal, get)]


def _put(s3: Any, asked: dict[str, Any], plain: Path) -> None:
    with plain.open("rb", buffering=0) as body:
        s3.put_object(Key="large", Body=body, **asked)


def _get(s3: Any, target: Path) -> None:
    body = s3.get_object(Bucket=BUCKET, Key="large")["Body"]
    with target.open("wb", buffering=0) as file:
        for chunk in body.iter_chunks(FRAME_BYTES):
            file.write(chunk)


def _compare(name: str, base: Work, ours: Work) -> Result:
    ratio, base_took, ours_took = side_by_side(base, ours, ROUNDS)
    speeds = [LARGE / took / 1e6 for took in (base_took, ours_took)]
    detail = "AESGCM {:.0f} MB/s, S3 {:.0f} MB/s".format(*speeds)
    question = f"speed of {name} of 64 MiB ÷ of AESGCM alone"
    return Result(question, ratio, "x", LARGE_TARGET, detail=detail)


def _small(s3: Any, asked: dict[str, Any]) -> list[Result]:
    putting = {"Key": "small", "Body": bytes(SMALL), **asked}
    put_base = calls.answered_at_once("s3", s3.put_object(**putting))
    getting = {"Bucket": BUCKET, "Key": "small"}
    get_base = calls.answered_at_once("s3", s3.get_object(**getting))
    ways: list[tuple[str, Work, Work]] = [
        ("put_object", partial(put_base.put_object, **putting), partial(s3.put_object, **putting)),
        (
            "get_object",
            partial(get_base.get_object, **getting),
            lambda: s3.get_object(**getting)["Body"].read(),
        ),
    ]
    return [
        calls.against_boto3(f"{name} of 1 KiB", base, ours, SMALL_TARGET)
        for name, base, ours in ways
    ]
