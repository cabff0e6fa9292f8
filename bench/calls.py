"""How fast is a call, against a boto3 client that is answered at once?

The baseline is a plain `boto3.client("kms")` whose `before-call.kms` handler returns a ready answer
of the same size: what boto3 itself costs, with nothing behind it. 1.0 would be a KMS that takes no
time at all.
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from bench.measure import Result, Work, repeated, seconds, side_by_side
from kmslab import Lab

TARGET = 0.35
MOST_MILLISECONDS = 20
SIGNING = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
MACS = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
ECDSA, HMAC = "ECDSA_SHA_256", "HMAC_SHA_256"
CALLS, ROUNDS = 100, 21
PLAINTEXT = bytes(range(256)) * 4
CONTEXT = {"patient": "17", "kind": "letter"}


def ask() -> list[Result]:
    """Encrypt and Decrypt of 1 KiB, GenerateDataKey, Sign and GenerateMac; then CreateKey."""
    with Lab() as lab:
        ours = lab.client("kms")
        results = [_ask(ours, *call) for call in _calls(ours)]
        return [*results, _create(ours)]


def _calls(ours: Any) -> list[tuple[str, dict[str, Any], str]]:
    """Operation, parameters, and what else to say of it."""
    key, signing, macs = _key(ours), _key(ours, **SIGNING), _key(ours, **MACS)
    context = {"EncryptionContext": CONTEXT}
    blob = ours.encrypt(KeyId=key, Plaintext=PLAINTEXT, **context)["CiphertextBlob"]
    return [
        ("encrypt", {"KeyId": key, "Plaintext": PLAINTEXT, **context}, " of 1 KiB"),
        ("decrypt", {"CiphertextBlob": blob, **context}, " of 1 KiB"),
        ("generate_data_key", {"KeyId": key, "KeySpec": "AES_256", **context}, ""),
        ("sign", {"KeyId": signing, "Message": PLAINTEXT, "SigningAlgorithm": ECDSA}, ", P-256"),
        ("generate_mac", {"KeyId": macs, "Message": PLAINTEXT, "MacAlgorithm": HMAC}, ""),
    ]


def _key(ours: Any, **parameters: str) -> str:
    key: str = ours.create_key(**parameters)["KeyMetadata"]["KeyId"]
    return key


def _create(ours: Any) -> Result:
    took = median(seconds(ours.create_key) for _ in range(CALLS)) * 1000
    return Result("create_key, a symmetric key", took, "ms", at_most=MOST_MILLISECONDS)


def _ask(ours: Any, name: str, parameters: dict[str, Any], more: str) -> Result:
    base = answered_at_once("kms", getattr(ours, name)(**parameters))
    base_call = partial(getattr(base, name), **parameters)
    ours_call = partial(getattr(ours, name), **parameters)
    return against_boto3(f"{name}{more}", base_call, ours_call, TARGET)


def against_boto3(name: str, base: Work, ours: Work, target: float) -> Result:
    """A call answered by kmslab, against the same call answered at once."""
    ratio, base_took, ours_took = side_by_side(repeated(base, CALLS), repeated(ours, CALLS), ROUNDS)
    detail = f"boto3 {base_took / CALLS * 1e6:.0f} µs, kmslab {ours_took / CALLS * 1e6:.0f} µs"
    return Result(f"speed of {name} ÷ of boto3 alone", ratio, "x", target, detail=detail)


def answered_at_once(service: str, answer: dict[str, Any]) -> Any:
    """A plain boto3 client that gives this answer to every call."""
    client = boto3.client(
        service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.meta.events.register(
        f"before-call.{service}", lambda **_: (AWSResponse("", 200, {}, None), answer)
    )
    return client
