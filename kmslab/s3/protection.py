"""How objects are protected, as values: what a request asks for, and what is kept with an object.

    mode           header                          keys
    AES256         AES256                          one data key, under a key that AWS owns
    aws:kms        aws:kms                         one data key, under a KMS key
    aws:kms:dsse   aws:kms:dsse                    two data keys: a KMS key's, and S3's own
    SSE-C          …-customer-algorithm: AES256    derived from the caller's key, which isn't kept

Sources: "Protecting data with encryption", "Using dual-layer server-side encryption".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SSE_S3, SSE_KMS, DSSE, SSE_C = "AES256", "aws:kms", "aws:kms:dsse", "SSE-C"
BY_KMS = (SSE_KMS, DSSE)
_KEPT = ("key_arn", "bucket_key", "salt", "check", "key_md5")


@dataclass(frozen=True, slots=True)
class Default:
    """A bucket's default encryption. Since January 2023 no bucket is without one."""

    mode: str = SSE_S3
    key_id: str = ""  # as it was put: S3 doesn't check it
    bucket_key: bool = False
    blocks_sse_c: bool = True  # of buckets made since April 2026


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request, or else its bucket's default, asks for."""

    mode: str
    key_id: str = ""
    bucket_key: bool = False
    context: Mapping[str, str] = field(default_factory=dict)  # the caller's own pairs
    customer_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of encryption: its data key as it may lie on a disk."""

    encrypted_key: str = field(repr=False)  # Base64; empty with SSE-C
    context: Mapping[str, str]  # that KMS wants to see again; not secret
    by_caller: bool  # KMS is asked with the caller's rights; else with S3's own


@dataclass(frozen=True, slots=True)
class Protection:
    """How an object is protected."""

    mode: str
    layers: tuple[Layer, ...]
    key_arn: str = ""  # of the KMS key, with the modes of KMS
    bucket_key: bool = False  # the data key is shared by objects of the bucket
    salt: str = ""  # SSE-C: hexadecimal
    check: str = ""  # SSE-C: by which the caller's key is known again, hexadecimal
    key_md5: str = ""  # SSE-C: what the caller said of the key, and gets back

    def written(self) -> dict[str, Any]:
        """As it is kept: what JSON can hold. (`dataclasses.asdict` takes ten times as long.)"""
        layers = [
            {
                "encrypted_key": each.encrypted_key,
                "context": dict(each.context),
                "by_caller": each.by_caller,
            }
            for each in self.layers
        ]
        kept = {name: getattr(self, name) for name in _KEPT if getattr(self, name)}
        return {"mode": self.mode, "layers": layers, **kept}

    @classmethod
    def read(cls, details: dict[str, Any]) -> Protection:
        """From what `written` made of one."""
        layers = tuple(Layer(**layer) for layer in details.pop("layers"))
        return cls(layers=layers, **details)
