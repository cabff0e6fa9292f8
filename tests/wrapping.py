"""What an owner of key material does: wraps it with KMS's public key, and imports it."""

from __future__ import annotations

import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

FOR_EVER = "KEY_MATERIAL_DOES_NOT_EXPIRE"


def wrap(public: bytes, algorithm: str, material: bytes) -> bytes:
    """Material as ImportKeyMaterial takes it, wrapped with a public key in DER."""
    key = load_der_public_key(public)
    assert isinstance(key, rsa.RSAPublicKey)
    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if algorithm.startswith("RSAES_OAEP"):
        return key.encrypt(material, oaep)
    inner = secrets.token_bytes(32)
    return key.encrypt(inner, oaep) + aes_key_wrap_with_padding(inner, material)


def parameters(
    kms: Any,
    key: str,
    material: bytes,
    algorithm: str = "RSAES_OAEP_SHA_256",
    spec: str = "RSA_2048",
    **more: Any,
) -> dict[str, Any]:
    """The parameters of an ImportKeyMaterial; without a date, the material is for ever."""
    given = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec
    )
    ending = {} if more.keys() & {"ValidTo", "ExpirationModel"} else {"ExpirationModel": FOR_EVER}
    return {
        "KeyId": key,
        "ImportToken": given["ImportToken"],
        "EncryptedKeyMaterial": wrap(given["PublicKey"], algorithm, material),
        **ending,
        **more,
    }


def bring(kms: Any, key: str, material: bytes, **more: Any) -> dict[str, Any]:
    """Imports key material; returns KMS's answer."""
    answer: dict[str, Any] = kms.import_key_material(**parameters(kms, key, material, **more))
    return answer
