"""How fast is a call, against a boto3 client that is answered at once?

The baseline is a plain `boto3.client("kms")` whose `before-call.kms` handler returns a ready answer
of the same size: what boto3 itself costs, with nothing behind it. 1.0 would be a KMS that takes no
time at all.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from bench.measure import Result, repeated, side_by_side
from kmslab import Lab

TARGET = 0.35
CALLS, ROUNDS = 100, 21
PLAINTEXT = bytes(range(256)) * 4
CONTEXT = {"patient": "17", "kind": "letter"}


def ask() -> list[Result]:
    """Encrypt and Decrypt of 1 KiB, and GenerateDataKey."""
    with Lab() as lab:
        ours, key = lab.client("kms"), lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        blob = ours.encrypt(KeyId=key, Plaintext=PLAINTEXT, EncryptionContext=CONTEXT)
        calls: dict[str, dict[str, Any]] = {
            "encrypt": {"KeyId": key, "Plaintext": PLAINTEXT},
            "decrypt": {"CiphertextBlob": blob["CiphertextBlob"]},
            "generate_data_key": {"KeyId": key, "KeySpec": "AES_256"},
        }
        return [_ask(ours, name, parameters) for name, parameters in calls.items()]


def _ask(ours: Any, name: str, parameters: dict[str, Any]) -> Result:
    parameters = {**parameters, "EncryptionContext": CONTEXT}
    base = _answered_at_once(getattr(ours, name)(**parameters))
    ratio, base_took, ours_took = side_by_side(
        repeated(partial(getattr(base, name), **parameters), CALLS),
        repeated(partial(getattr(ours, name), **parameters), CALLS),
        ROUNDS,
    )
    size = " of 1 KiB" if name != "generate_data_key" else ""
    detail = f"boto3 {base_took / CALLS * 1e6:.0f} µs, kmslab {ours_took / CALLS * 1e6:.0f} µs"
    return Result(f"speed of {name}{size} ÷ of boto3 alone", ratio, "x", TARGET, detail=detail)


def _answered_at_once(answer: dict[str, Any]) -> Any:
    """A plain boto3 client that gives this answer to every call."""
    client = boto3.client(
        "kms", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.meta.events.register(
        "before-call.kms", lambda **_: (AWSResponse("", 200, {}, None), answer)
    )
    return client
