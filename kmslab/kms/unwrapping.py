"""Opening imported key material, and seeing whether it is what the KMS key needs.

    RSAES_OAEP_SHA_1, _SHA_256        RSA-OAEP of the material itself
    RSA_AES_KEY_WRAP_SHA_1, _SHA_256  RSA-OAEP of an AES-256 key │ the material under that key with
                                      AES Key Wrap with Padding (RFC 5649): for RSA private keys,
                                      which are longer than RSA-OAEP takes

The private wrapping key stays in the HSM. The material is in this process's memory until it is in
the HSM too, since SoftHSM2 unwraps with OAEP and SHA-1 only. In AWS it is in HSMs alone.

Material, by key: 32 bytes for symmetric encryption, as many bytes as its name says in bits for
HMAC, and a private key in PKCS#8 (DER) for the rest. Source: "Importing key material", step 3.
"""

from __future__ import annotations

import base64
from typing import Any, NoReturn

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from kmslab.errors import AwsError, HsmRefused
from kmslab.hsm.kinds import Kind
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms
from kmslab.kms.specs import hash_name

_RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
_TWO_STEPS = "RSA_AES_KEY_WRAP"
_AES_BYTES = 32


def wrapping_kind(key: Key, algorithm: str, spec: str) -> Kind:
    """The kind of wrapping key; UnsupportedOperationException where it doesn't fit the material."""
    family = key.usage.kind.family
    too_long = family == "RSA" or (key.spec_name == "ECC_NIST_P521" and spec == "RSA_2048")
    direct = algorithm.startswith("RSAES_OAEP")
    if spec not in _RSA_BITS or not (direct or algorithm.startswith(_TWO_STEPS)):
        _unsupported(key, f"{algorithm} with {spec}")
    if (direct and too_long) or (not direct and family not in ("RSA", "EC", "ED25519")):
        _unsupported(key, f"{algorithm} with {spec}")
    return Kind("RSA", "DECRYPT", _RSA_BITS[spec])


def unwrap(rooms: Rooms, facts: dict[str, Any], wrapped: bytes) -> bytes:
    """The material, of what was wrapped for the import token with these facts."""
    kind = Kind("RSA", "DECRYPT", facts["bits"])
    token, name = base64.b64decode(facts["wrapping key"]), hash_name(facts["algorithm"])
    two_steps = facts["algorithm"].startswith(_TWO_STEPS)
    first = wrapped[: kind.size // 8] if two_steps else wrapped
    try:
        inner = rooms.fleet.decrypt_oaep(kind, token, name, first)
        if two_steps and len(inner) != _AES_BYTES:
            raise ValueError("the inner key is no AES-256 key")
        return aes_key_unwrap_with_padding(inner, wrapped[len(first) :]) if two_steps else inner
    except (HsmRefused, InvalidUnwrap, ValueError):
        raise AwsError("InvalidCiphertextException") from None
    finally:
        rooms.fleet.forget(token)  # used once, as a rule; the token has it for another time


def check(key: Key, bare: bytes) -> tuple[bytes, bytes | None]:
    """The material as an HSM takes it in and its public key, or IncorrectKeyMaterialException."""
    from kmslab.hsm import outside  # brings pycryptodome with it: not before use

    kind = key.usage.kind
    if not kind.is_pair:
        if len(bare) * 8 != kind.size:
            _incorrect(key)
        return bare, None
    try:
        if kind.is_seed:
            seed = outside.seed_of(kind, bare)
            return seed, outside.pair(kind, seed)[1]
        private: Any = load_der_private_key(bare, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        _incorrect(key)
    if not _fits(kind, private):
        _incorrect(key)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # PKCS#8 may be written in several ways: in one form, the same key is known again.
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), public


def _fits(kind: Kind, private: Any) -> bool:
    """Whether a private key is of this kind."""
    if isinstance(private, rsa.RSAPrivateKey):
        return kind.family == "RSA" and private.key_size == kind.size
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return kind.family == "EC" and private.curve.name == kind.curve
    return False


def _unsupported(key: Key, what: str) -> NoReturn:
    raise AwsError(
        "UnsupportedOperationException",
        f"{what} is not valid for key material of {key.spec_name}.",
    )


def _incorrect(key: Key) -> NoReturn:
    raise AwsError(
        "IncorrectKeyMaterialException", f"The key material is not that of a {key.spec_name} key."
    )
