"""The kinds of backing key that an HSM makes for KMS, in words that need no PKCS#11 to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Use = Literal["DERIVE", "SIGN", "DECRYPT"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of backing key: its family, its size or curve, and the one thing it may do.

    family    size                  curve         use
    AES       256                                 DERIVE: to derive keys for AES-GCM
    HMAC      bits                                SIGN
    RSA       bits of the modulus                 SIGN or DECRYPT
    EC                              secp256r1 …   SIGN or DERIVE (ECDH)
    ED25519                                       SIGN       ┐
    ML_DSA    44, 65, 87                          SIGN       │ kept as a sealed seed,
    ML_KEM    512, 768, 1024                      DECRYPT    ┘ see seeds.py
    """

    family: Literal["AES", "HMAC", "RSA", "EC", "ED25519", "ML_DSA", "ML_KEM"]
    use: Use
    size: int = 0
    curve: str = ""

    @property
    def is_pair(self) -> bool:
        """Whether there is a public key to it."""
        return self.family not in ("AES", "HMAC")

    @property
    def is_seed(self) -> bool:
        """Whether SoftHSM2 can't hold it, so that a sealed seed stands for it."""
        return self.family in ("ED25519", "ML_DSA", "ML_KEM")


@dataclass(frozen=True, slots=True)
class NewKey:
    """What leaves the HSM when a backing key was made: its token, and its public key if any."""

    token: bytes
    public: bytes | None = None  # DER, SubjectPublicKeyInfo
