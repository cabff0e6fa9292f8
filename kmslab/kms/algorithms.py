"""Is a key for that, and does it offer the algorithm? Refusals that no change of state helps."""

from __future__ import annotations

from kmslab.errors import AwsError
from kmslab.kms.key import Key


def check_kind(key: Key, operation: str, usage: str, origin: str) -> None:
    """Refuses an operation that needs another key usage or another origin of the material."""
    if usage and key.usage_name != usage:
        raise AwsError(
            "InvalidKeyUsageException",
            f"{key.arn} key usage is {key.usage_name} which is not valid for {operation}.",
        )
    if origin and key.origin != origin:
        raise AwsError(
            "UnsupportedOperationException",
            f"{key.arn} origin is {key.origin} which is not valid for this operation.",
        )


def check(key: Key, algorithm: str) -> None:
    """InvalidKeyUsageException for an algorithm that the key's spec does not offer."""
    if algorithm not in key.usage.algorithms:
        raise AwsError(
            "InvalidKeyUsageException",
            f"Algorithm {algorithm} is incompatible with key spec {key.spec_name}.",
        )


def check_symmetric(key: Key) -> None:
    """InvalidKeyUsageException for data keys under an RSA key (AWS still says CMK here)."""
    if not key.is_symmetric:
        raise AwsError(
            "InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK"
        )


def check_not_stored(key: Key) -> None:
    """UnsupportedOperationException for a key in a custom key store."""
    if key.store_id:
        raise AwsError(
            "UnsupportedOperationException",
            f"{key.arn} origin is {key.origin} which is not valid for this operation.",
        )
