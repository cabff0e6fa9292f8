"""Somebody outside AWS with whom the clinic shares a secret: a dentist with a key pair (lesson 04).

sealed note   nonce, 12 bytes · AES-256-GCM of the note, with its tag, 16 bytes
its key       HKDF-SHA-256 of the ECDH secret, no salt, info = the dentist's purpose
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

_NONCE_BYTES = 12
_TAG_BYTES = 16


class Dentist:
    """A dentist who has no AWS: an own key pair on P-384, and a program that opens notes."""

    purpose = b"note for the dentist"

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP384R1())
        self.public = self._private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def open(self, public: bytes, sealed: bytes) -> bytes:
        """The note in `sealed`, from whoever has the private key to `public` (DER, P-384).

        `ValueError` where the key is on another curve, or the note was not sealed for both.
        """
        raw = self.secret(public)
        key = HKDF(SHA256(), 32, salt=None, info=self.purpose).derive(raw)
        return unseal(key, sealed)

    def secret(self, public: bytes) -> bytes:
        """The raw secret that both sides work out, 48 bytes; no key yet."""
        other = load_der_public_key(public)
        if not isinstance(other, ec.EllipticCurvePublicKey):
            raise ValueError("this is not a public key on an elliptic curve")
        if other.curve.name != self._private.curve.name:
            raise ValueError(f"this public key is on {other.curve.name}, the dentist's on P-384")
        return self._private.exchange(ec.ECDH(), other)

    def __repr__(self) -> str:
        return "<Dentist with a key pair on P-384>"


def unseal(key: bytes, sealed: bytes) -> bytes:
    """The text of a nonce and a ciphertext; `ValueError` where this key does not open it."""
    if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise ValueError("this is too short for a nonce and a tag")
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
    except InvalidTag:
        raise ValueError("the key that both agree on does not open it") from None
