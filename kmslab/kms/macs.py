"""GenerateMac and VerifyMac: HMAC (RFC 2104) under a key that nobody outside the HSMs has."""

from __future__ import annotations

import hmac

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import algorithms, material
from kmslab.kms.request import Request
from kmslab.kms.specs import hash_name


def generate_mac(request: Request) -> Output:
    """GenerateMac: the MAC of a message of 1 to 4096 bytes."""
    return {
        "Mac": _mac(request),
        "MacAlgorithm": request.get("MacAlgorithm"),
        "KeyId": request.key.arn,
    }


def verify_mac(request: Request) -> Output:
    """VerifyMac: MacValid is true, or the answer is KMSInvalidMacException."""
    if not hmac.compare_digest(_mac(request), request.get("Mac")):
        raise AwsError("KMSInvalidMacException")
    return {
        "KeyId": request.key.arn,
        "MacValid": True,
        "MacAlgorithm": request.get("MacAlgorithm"),
    }


def _mac(request: Request) -> bytes:
    key, algorithm = request.key, request.get("MacAlgorithm")
    algorithms.check(key, algorithm)
    token = material.current(request.rooms, key)
    return request.rooms.fleet.mac(
        key.usage.kind, token, hash_name(algorithm), request.get("Message")
    )
