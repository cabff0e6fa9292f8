"""Every kind of backing key, and for each a proof from outside that it works in an HSM."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any, cast

from asn1crypto.core import OctetString
from Crypto.Hash import SHA512
from Crypto.PublicKey import ECC, MLDSA, MLKEM
from Crypto.Signature import eddsa, mldsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kmslab.hsm import pairs, seeds
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import AES, HsmSession

CURVES = ("secp256r1", "secp384r1", "secp521r1", "secp256k1")
SECRETS = (AES, *(Kind("HMAC", "SIGN", bits) for bits in (224, 256, 384, 512)))
RSA_SIGN, RSA_DECRYPT = Kind("RSA", "SIGN", 2048), Kind("RSA", "DECRYPT", 2048)
EC_SIGN = tuple(Kind("EC", "SIGN", curve=curve) for curve in CURVES)
EC_DERIVE = tuple(Kind("EC", "DERIVE", curve=curve) for curve in CURVES[:3])
PRIVATES = (RSA_SIGN, RSA_DECRYPT, *EC_SIGN, *EC_DERIVE)
ED25519 = Kind("ED25519", "SIGN")
ML_DSA = tuple(Kind("ML_DSA", "SIGN", size) for size in (44, 65, 87))
ML_KEM = tuple(Kind("ML_KEM", "DECRYPT", size) for size in (512, 768, 1024))
SEEDS = (ED25519, *ML_DSA, *ML_KEM)
EVERY_KIND = (*SECRETS, *PRIVATES, *SEEDS)
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def name(kind: Kind) -> str:
    """A kind as a test's id."""
    return f"{kind.family} {kind.curve or kind.size} {kind.use}"


def make(hsm: HsmSession, kind: Kind) -> NewKey:
    """A new backing key of any kind, made in this HSM."""
    if kind.is_seed:
        return seeds.generate(hsm, kind)
    return pairs.generate(hsm, kind) if kind.is_pair else NewKey(hsm.generate(kind))


def prove(maker: HsmSession, other: HsmSession, kind: Kind, made: NewKey) -> None:
    """What one HSM made works in the other, as somebody else's library sees it."""
    if not kind.is_pair:
        _prove_secret(maker, other, kind, made.token)
    elif kind.family == "EC" and kind.use == "DERIVE":
        _prove_agreement(other, kind, made)
    elif kind.use == "DECRYPT":
        _prove_decryption(other, kind, made)
    else:
        _prove_signature(other, kind, made)


def _prove_secret(maker: HsmSession, other: HsmSession, kind: Kind, token: bytes) -> None:
    if kind.family == "AES":
        assert other.decrypt(token, maker.encrypt(token, b"message", b"aad"), b"aad") == b"message"
        return
    tag = maker.mac(kind, token, "sha256", b"message")
    assert other.mac(kind, token, "sha256", b"message") == tag
    assert other.mac(kind, token, "sha256", b"another") != tag
    known, digest_name = os.urandom(kind.size // 8), f"sha{kind.size}"
    known_token = maker.admit(kind, known)
    tag = other.mac(kind, known_token, digest_name, b"message")
    assert tag == hmac.digest(known, b"message", digest_name)
    other.forget(known_token)


def _prove_agreement(hsm: HsmSession, kind: Kind, made: NewKey) -> None:
    public: Any = load_der_public_key(made.public or b"")
    own = ec.generate_private_key(public.curve)
    assert public.curve.name == kind.curve
    agreed = pairs.agree(hsm, kind, made.token, point(own.public_key()))
    assert agreed == own.exchange(ec.ECDH(), public)


def _prove_decryption(hsm: HsmSession, kind: Kind, made: NewKey) -> None:
    if kind.family == "ML_KEM":
        secret, ciphertext = encapsulate(made.public or b"")
        assert seeds.decapsulate(hsm, kind, made.token, ciphertext) == secret
        return
    public: Any = load_der_public_key(made.public or b"")
    for digest in ("sha1", "sha256"):
        oaep = padding.OAEP(padding.MGF1(HASHES[digest]), HASHES[digest], None)
        ciphertext = public.encrypt(b"message", oaep)
        assert pairs.decrypt(hsm, kind, made.token, digest, ciphertext) == b"message"


def _prove_signature(hsm: HsmSession, kind: Kind, made: NewKey) -> None:
    public, message = made.public or b"", os.urandom(50)
    if kind == ED25519:
        for scheme in ("ED25519", "ED25519_PH"):
            signature = seeds.sign(hsm, kind, made.token, scheme, message)
            verify_ed25519(public, signature, message, hashed=scheme == "ED25519_PH")
    elif kind in ML_DSA:
        for scheme, signed in (("ML_DSA", message), ("ML_DSA_MU", mu(public, message))):
            signature = seeds.sign(hsm, kind, made.token, scheme, signed)
            verify_ml_dsa(public, signature, message)
    else:
        for scheme in ("PSS", "PKCS1_V1_5") if kind.family == "RSA" else ("ECDSA",):
            for digest_name in ("sha256", "sha384", "sha512"):
                digest = hashlib.new(digest_name, message).digest()
                signature = pairs.sign(hsm, kind, made.token, scheme, digest_name, digest)
                verify(public, scheme, digest_name, signature, message)


def verify(public: bytes, scheme: str, digest_name: str, signature: bytes, message: bytes) -> None:
    """RSA and ECDSA with cryptography; its InvalidSignature where the signature doesn't fit."""
    key, digest = cast(Any, load_der_public_key(public)), HASHES[digest_name]
    if scheme == "ECDSA":
        key.verify(signature, message, ec.ECDSA(digest))
    elif scheme == "PSS":
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        key.verify(signature, message, pss, digest)
    else:
        key.verify(signature, message, padding.PKCS1v15(), digest)


def verify_ed25519(public: bytes, signature: bytes, message: bytes, *, hashed: bool) -> None:
    """Ed25519 or Ed25519ph with pycryptodome; `ValueError` where the signature doesn't fit."""
    signed: Any = SHA512.new(message) if hashed else message
    eddsa.new(ECC.import_key(public), "rfc8032").verify(signed, signature)


def verify_ml_dsa(public: bytes, signature: bytes, message: bytes) -> None:
    """ML-DSA with pycryptodome; `ValueError` where the signature doesn't fit."""
    mldsa.new(MLDSA.import_key(public)).verify(message, signature)


def mu(public: bytes, message: bytes) -> bytes:
    """ML-DSA's representative of a message (FIPS 204, algorithm 7), with an empty context."""
    raw = MLDSA.import_key(public).pk
    tr = hashlib.shake_256(raw).digest(64)
    return hashlib.shake_256(tr + bytes(2) + message).digest(64)


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """A secret and its ciphertext, made with pycryptodome; kmslab takes it only for ML-KEM-512."""
    secret, ciphertext = MLKEM.import_key(public)._encaps()
    return secret, ciphertext


def point(public: ec.EllipticCurvePublicKey) -> bytes:
    """A public key's point as PKCS#11 takes it."""
    raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    octets: bytes = OctetString(raw).dump()
    return octets
