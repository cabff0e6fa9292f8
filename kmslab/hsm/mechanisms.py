"""What an HSM does with a backing key in it: PKCS#11's mechanisms, each a function.

Hash functions are named as Python's hashlib names them: "sha1", "sha224" … "sha512". Signatures are
made of digests, so that a message of any length is hashed outside and costs the HSM the same. What
SoftHSM2 has no mechanism for stands in outside.py.
"""

from __future__ import annotations

from typing import Any

import pkcs11
from asn1crypto.algos import DigestAlgorithm, DigestInfo
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import MGF, Attribute, KeyType, Mechanism
from pkcs11.mechanisms import KDF

from kmslab.hsm.attributes import BACKING_KEY
from kmslab.hsm.kinds import Kind

_SECRET_BYTES = {"secp256r1": 32, "secp384r1": 48, "secp521r1": 66}


def sign_pkcs1(key: Any, digest_name: str, digest: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2) of a digest."""
    info = DigestInfo(
        {"digest_algorithm": DigestAlgorithm({"algorithm": digest_name}), "digest": digest}
    )
    signature: bytes = key.sign(info.dump(), mechanism=Mechanism.RSA_PKCS)
    return signature


def sign_pss(key: Any, digest_name: str, digest: bytes) -> bytes:
    """RSASSA-PSS (RFC 8017, section 8.1): MGF1 with the same hash, a salt as long as the hash."""
    parameters = (_hash(digest_name), MGF[digest_name.upper()], len(digest))
    signature: bytes = key.sign(
        digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=parameters
    )
    return signature


def sign_ecdsa(key: Any, digest: bytes) -> bytes:
    """ECDSA (FIPS 186-5) of a digest, in DER as X9.62 has it."""
    raw = key.sign(digest, mechanism=Mechanism.ECDSA)  # r and s, each as long as the curve's order
    r, s = (int.from_bytes(half) for half in (raw[: len(raw) // 2], raw[len(raw) // 2 :]))
    return encode_dss_signature(r, s)


def sign_ed25519(key: Any, message: bytes) -> bytes:
    """Ed25519 (RFC 8032, PureEdDSA) of a message: 64 bytes, the same for the same message."""
    signature: bytes = key.sign(message, mechanism=Mechanism.EDDSA)
    return signature


def mac(key: Any, digest_name: str, message: bytes) -> bytes:
    """HMAC (RFC 2104) of a message."""
    tag: bytes = key.sign(message, mechanism=Mechanism[f"{digest_name.upper()}_HMAC"])
    return tag


def decrypt_oaep_sha1(key: Any, ciphertext: bytes) -> bytes:
    """RSAES-OAEP with SHA-1 and no label (RFC 8017, section 7.1)."""
    parameters = (Mechanism.SHA_1, MGF.SHA1, None)
    plaintext: bytes = key.decrypt(
        ciphertext, mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=parameters
    )
    return plaintext


def decrypt_raw(key: Any, ciphertext: bytes) -> bytes:
    """RSADP (RFC 8017, section 5.1.2) alone: the padded message, as long as the modulus."""
    message: bytes = key.decrypt(ciphertext, mechanism=Mechanism.RSA_X_509)
    return message


def agree(key: Any, kind: Kind, point: bytes) -> bytes:
    """ECDH (NIST SP 800-56A): the raw shared secret, the x coordinate of the common point.

    `point` is the other side's public key, uncompressed, in a DER octet string.
    """
    size = _SECRET_BYTES[kind.curve]
    secret = key.derive_key(
        KeyType.GENERIC_SECRET,
        size * 8,
        mechanism=Mechanism.ECDH1_DERIVE,
        mechanism_param=(KDF.NULL, None, point),
        template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )
    value: bytes = secret[Attribute.VALUE]
    secret.destroy()
    return value


def load_ed25519(session: pkcs11.Session, seed: bytes) -> Any:
    """An Ed25519 private key in the HSM, from its seed: SoftHSM2 signs with it."""
    return session.create_object(
        {
            Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
            Attribute.KEY_TYPE: KeyType.EC_EDWARDS,
            Attribute.EC_PARAMS: _ED25519,
            Attribute.VALUE: seed,
            Attribute.TOKEN: False,
            Attribute.PRIVATE: True,
            Attribute.SIGN: True,
            Attribute.SIGN_RECOVER: False,
            **BACKING_KEY,
        }
    )


def _hash(digest_name: str) -> Mechanism:
    return Mechanism[digest_name.upper()]


# The object identifier 1.3.101.112 of RFC 8410, in DER.
_ED25519 = bytes.fromhex("06032b6570")
