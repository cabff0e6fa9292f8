"""The words of the XKS proxy API, which AWS KMS and a proxy share.

    POST {path}/health                    is the key manager behind the proxy there?
    POST {path}/keys/{id}/metadata        is this an AES-256 key that encrypts and decrypts?
    POST {path}/keys/{id}/encrypt         AES-GCM; the key never leaves its manager
    POST {path}/keys/{id}/decrypt

`path` ends in /kms/xks/v1. Bodies are JSON, bytes in them Base64; each request says in its
requestMetadata who asked KMS for what, and is signed (signing.py). A refusal has an HTTP status and
a body with errorName. Source: "AWS KMS External Key Store Proxy API Specification" (AWS, 2022).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

LOOPBACK = "127.0.0.1"  # where every proxy of a lab listens
PATH_END = "/kms/xks/v1"
HEALTH, METADATA, ENCRYPT, DECRYPT = "health", "metadata", "encrypt", "decrypt"
JSON_TYPE = "application/json"
MOST_BODY_BYTES = 64 * 1024  # of a request or an answer; the API's largest fields need 17 KB
IV_BYTES, TAG_BYTES, MOST_METADATA_BYTES = (12, 16), 16, 20
# Each error of the API, and its HTTP status.
STATUS: Mapping[str, int] = MappingProxyType(
    {
        "ValidationException": 400,
        "InvalidStateException": 400,
        "InvalidCiphertextException": 400,
        "InvalidKeyUsageException": 400,
        "AuthenticationFailedException": 401,
        "AccessDeniedException": 403,
        "KeyNotFoundException": 404,
        "InvalidUriPathException": 404,
        "ThrottlingException": 429,
        "UnsupportedOperationException": 501,
        "DependencyTimeoutException": 503,
        "InternalException": 500,
    }
)


class ProxyError(Exception):
    """What a proxy answers instead of a result; `name` is one of `STATUS`."""

    def __init__(self, name: str, message: str = "") -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name
        self.message = message


def encoded(data: bytes) -> str:
    """Bytes as a field of a body."""
    return base64.b64encode(data).decode()


def decoded(body: Mapping[str, Any], name: str, default: bytes | None = None) -> bytes:
    """A field's bytes. ValidationException for anything but Base64, or where it is missing."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ProxyError("ValidationException", f"{name} must be a text in Base64.")


def integrity_value(aad: bytes, metadata: bytes, iv: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """The ciphertextDataIntegrityValue (appendix C): a hash over what one encryption is about.

    It tells of bits that flipped on their way, not of an attacker: lengths are not in it.
    """
    return hashlib.sha256(aad + metadata + iv + ciphertext + tag).digest()
