"""The four operations of the XKS proxy API: what each needs of a body, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kmslab.xks.key_manager import KeyManager
from kmslab.xks.protocol import (
    DECRYPT,
    ENCRYPT,
    HEALTH,
    IV_BYTES,
    METADATA,
    MOST_METADATA_BYTES,
    TAG_BYTES,
    ProxyError,
    decoded,
    encoded,
    integrity_value,
)

MOST_AAD_BYTES = 16 * 1024  # the API asks for 8,192; its length must fit in two bytes
MOST_TEXT_BYTES = 8 * 1024  # the API asks for 4,300
Body = Mapping[str, Any]
Operation = Callable[[KeyManager, str, Body], dict[str, Any]]
_PROBE = "kmslab.health"  # a key for nothing but trying whether the key manager works


def health(manager: KeyManager, _key_id: str, _body: Body) -> dict[str, Any]:
    """GetHealthStatus: a deep one. A key of the proxy's own encrypts and decrypts."""
    try:
        manager.describe(_PROBE)
    except ProxyError:
        manager.new_key(_PROBE)
    iv, body, tag = manager.encrypt(_PROBE, b"well?", b"")
    works = manager.decrypt(_PROBE, iv, body, tag, b"") == b"well?"
    details = {
        "id": "ekm-1",
        "model": "SoftHSM2",
        "healthStatus": "ACTIVE" if works else "UNAVAILABLE",
    }
    return {
        "xksProxyFleetSize": 1,
        "xksProxyVendor": "kmslab",
        "xksProxyModel": "kmslab XKS proxy 1.0",
        "ekmVendor": "kmslab",
        "ekmFleetDetails": [details],
    }


def metadata(manager: KeyManager, key_id: str, _body: Body) -> dict[str, Any]:
    """GetKeyMetadata: what the key is, what for, and whether it is switched on."""
    key = manager.describe(key_id)
    return {"keySpec": key.spec, "keyUsage": list(key.usage), "keyStatus": key.status}


def encrypt(manager: KeyManager, key_id: str, body: Body) -> dict[str, Any]:
    """Encrypt, checked by decrypting again where KMS asks for an integrity value.

    The value is computed before the check (appendix C): so no bit that flips later goes unseen.
    """
    _check_algorithm(body)
    plaintext, aad = _limited(body, "plaintext", MOST_TEXT_BYTES), _aad(body)
    iv, sealed, tag = manager.encrypt(key_id, plaintext, aad)
    answer = {
        "ciphertext": encoded(sealed),
        "initializationVector": encoded(iv),
        "authenticationTag": encoded(tag),
    }
    asked = body.get("ciphertextDataIntegrityValueAlgorithm")
    if asked is None:
        return answer
    if asked != "SHA_256":
        raise ProxyError("ValidationException", "The integrity value is made with SHA_256.")
    value = integrity_value(aad, b"", iv, sealed, tag)
    if manager.decrypt(key_id, iv, sealed, tag, aad) != plaintext:
        raise ProxyError("InternalException")
    return {**answer, "ciphertextDataIntegrityValue": encoded(value)}


def decrypt(manager: KeyManager, key_id: str, body: Body) -> dict[str, Any]:
    """Decrypt: InvalidCiphertextException for whatever this key did not encrypt so."""
    _check_algorithm(body)
    sealed, aad = _limited(body, "ciphertext", MOST_TEXT_BYTES), _aad(body)
    iv, tag = decoded(body, "initializationVector"), decoded(body, "authenticationTag")
    more = decoded(body, "ciphertextMetadata", b"")
    if len(iv) not in IV_BYTES or len(tag) != TAG_BYTES or len(more) > MOST_METADATA_BYTES:
        raise ProxyError("InvalidCiphertextException")
    return {"plaintext": encoded(manager.decrypt(key_id, iv, sealed, tag, aad, more))}


ALL: Mapping[str, Operation] = MappingProxyType(
    {HEALTH: health, METADATA: metadata, ENCRYPT: encrypt, DECRYPT: decrypt}
)


def _check_algorithm(body: Body) -> None:
    if body.get("encryptionAlgorithm") != "AES_GCM":
        raise ProxyError("ValidationException", "The encryptionAlgorithm must be AES_GCM.")


def _aad(body: Body) -> bytes:
    return _limited(body, "additionalAuthenticatedData", MOST_AAD_BYTES, b"")


def _limited(body: Body, name: str, most: int, default: bytes | None = None) -> bytes:
    """A field's bytes; UnsupportedOperationException for more than this proxy takes."""
    data = decoded(body, name, default)
    if len(data) > most:
        raise ProxyError("UnsupportedOperationException", f"{name} has at most {most} bytes.")
    return data
