"""Sending key material of one's own to KMS: what the owner of a key does (lesson 10)."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

BYTES = 32  # of a symmetric encryption key


def send(kms: Any, key: str, material: bytes, **how: Any) -> None:
    """Wraps the material for a key with Origin EXTERNAL and imports it; `how` is for the import.

    Raises AWS's errors, and `ValueError` for material that is too long to wrap.
    """
    way = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    public: Any = serialization.load_der_public_key(way["PublicKey"])
    sha = hashes.SHA256()
    wrapped = public.encrypt(material, padding.OAEP(padding.MGF1(sha), sha, None))
    kms.import_key_material(
        KeyId=key, ImportToken=way["ImportToken"], EncryptedKeyMaterial=wrapped, **how
    )
