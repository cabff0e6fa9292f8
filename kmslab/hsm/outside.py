"""What SoftHSM2 has no mechanism for, done outside the HSM with the key for the time of one call.

    ML-DSA (FIPS 204), ML-KEM (FIPS 203)    not in PKCS#11 2.40 at all
    Ed25519ph (RFC 8032, section 5.1)       SoftHSM2 signs whole messages only
    RSAES-OAEP with SHA-256                 SoftHSM2 unpads with SHA-1 only; RSA itself stays inside

The first three need the private key here: it is a seed, sealed by an HSM (seeds.py), and is opened
for one operation. In AWS KMS no key leaves its HSM for that. Work with public keys alone (encrypt,
verify, encapsulate) needs no HSM and is done here too.

cryptography (OpenSSL) does it all but Ed25519ph and ML-KEM-512, which only pycryptodome has.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from Crypto.Hash import SHA512
from Crypto.PublicKey import MLDSA, MLKEM
from Crypto.Signature import eddsa
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from kmslab.hsm.kinds import Kind

_Ed25519 = ed25519.Ed25519PrivateKey
SEED_BYTES: Mapping[str, int] = MappingProxyType({"ED25519": 32, "ML_DSA": 32, "ML_KEM": 64})
_PRIVATE: Mapping[tuple[str, int], Callable[[bytes], Any]] = MappingProxyType(
    {
        ("ED25519", 0): _Ed25519.from_private_bytes,
        ("ML_DSA", 44): mldsa.MLDSA44PrivateKey.from_seed_bytes,
        ("ML_DSA", 65): mldsa.MLDSA65PrivateKey.from_seed_bytes,
        ("ML_DSA", 87): mldsa.MLDSA87PrivateKey.from_seed_bytes,
        ("ML_KEM", 768): mlkem.MLKEM768PrivateKey.from_seed_bytes,
        ("ML_KEM", 1024): mlkem.MLKEM1024PrivateKey.from_seed_bytes,
    }
)
_MISFIT = "the padding does not fit"
_CIPHERTEXT_BYTES = {512: 768, 768: 1088, 1024: 1568}  # FIPS 203, table 3


def pair(kind: Kind, seed: bytes) -> tuple[bytes, bytes]:
    """The key pair of a seed: private (PKCS#8, holding the seed) and public (SPKI), in DER."""
    if kind.size == 512:
        key = MLKEM.construct(param_set=MLKEM.ML_KEM_512, seed=seed)
        return key.export_key(), key.public_key().export_key()
    private = _PRIVATE[kind.family, kind.size](seed)
    return (
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def seed_of(kind: Kind, private: bytes) -> bytes:
    """The seed in a private key of this kind (PKCS#8 in DER); `ValueError` for any other.

    An ML-DSA or ML-KEM key may hold its expanded form beside the seed (RFC 9881, RFC 9935), not
    alone: no seed follows from that.
    """
    try:
        seed = _seed(kind, private)
    except (UnsupportedAlgorithm, TypeError, IndexError, InternalError) as error:
        raise ValueError(str(error)) from error
    if seed is None:
        raise ValueError(f"no private key of {kind.family} {kind.size}")
    return seed


def sign_ml_dsa(kind: Kind, seed: bytes, message: bytes, *, is_mu: bool) -> bytes:
    """ML-DSA of a message, or of its 64-byte representative mu (FIPS 204, section 6.2)."""
    key = _PRIVATE[kind.family, kind.size](seed)
    signature: bytes = key.sign_mu(message) if is_mu else key.sign(message)
    return signature


def verify_ml_dsa(public: Any, signature: bytes, message: bytes, *, is_mu: bool) -> None:
    """Raises cryptography's InvalidSignature where the signature is not this message's."""
    if is_mu:
        public.verify_mu(signature, message)
    else:
        public.verify(signature, message)


def sign_ed25519ph(seed: bytes, message: bytes) -> bytes:
    """Ed25519ph: signs SHA-512 of the message."""
    return eddsa.new(eddsa.import_private_key(seed), "rfc8032").sign(SHA512.new(message))


def verify_ed25519ph(public: bytes, signature: bytes, message: bytes) -> None:
    """`ValueError` where the signature is not this message's; `public` is the raw 32 bytes."""
    key = eddsa.import_public_key(public)
    eddsa.new(key, "rfc8032").verify(SHA512.new(message), signature)


def encapsulate(kind: Kind, public: bytes) -> tuple[bytes, bytes]:
    """A new shared secret (32 bytes), and the ciphertext that carries it to the key's owner."""
    if kind.size == 512:
        return MLKEM.import_key(public)._encaps()
    key: Any = load_der_public_key(public)
    secret, ciphertext = key.encapsulate()
    return secret, ciphertext


def decapsulate(kind: Kind, seed: bytes, ciphertext: bytes) -> bytes:
    """The shared secret of a ciphertext; another, unpredictable one where it was changed.

    That is FIPS 203's implicit rejection. `ValueError` where the length is wrong.
    """
    if len(ciphertext) != _CIPHERTEXT_BYTES[kind.size]:
        raise ValueError(f"{len(ciphertext)} bytes are no ciphertext of ML-KEM-{kind.size}")
    if kind.size == 512:
        # pycryptodome offers both halves of its KEM to HPKE only, hence the underscores.
        return MLKEM.construct(param_set=MLKEM.ML_KEM_512, seed=seed)._decaps(ciphertext)
    secret: bytes = _PRIVATE[kind.family, kind.size](seed).decapsulate(ciphertext)
    return secret


def unpad_oaep(message: bytes, digest_name: str) -> bytes:
    """EME-OAEP decoding with no label (RFC 8017, section 7.1.2, step 3); `ValueError`.

    One error for all that may be wrong, and every check made before any is looked at: which of them
    failed, and when, would let an attacker decrypt (Manger 2001).
    """
    size = hashlib.new(digest_name).digest_size
    if len(message) < 2 * size + 2:
        raise ValueError(_MISFIT)
    first, masked_seed, masked_block = message[:1], message[1 : size + 1], message[size + 1 :]
    seed = _xor(masked_seed, _mgf1(masked_block, size, digest_name))
    block = _xor(masked_block, _mgf1(seed, len(masked_block), digest_name))
    padding, _, plaintext = block[size:].partition(b"\1")
    good = hmac.compare_digest(first, b"\0")
    good &= hmac.compare_digest(block[:size], hashlib.new(digest_name).digest())
    good &= hmac.compare_digest(padding, bytes(len(padding)))
    good &= len(padding) < len(block) - size
    if not good:
        raise ValueError(_MISFIT)
    return plaintext


def _seed(kind: Kind, private: bytes) -> bytes | None:
    if kind.family == "ED25519":
        loaded = load_der_private_key(private, password=None)
        return loaded.private_bytes_raw() if isinstance(loaded, _Ed25519) else None
    if private[:1] != b"\x30":  # pycryptodome would take PEM as well
        return None
    library: Any = MLDSA if kind.family == "ML_DSA" else MLKEM
    key = library.import_key(private)
    right = key.param_set is library.ParamSet[f"{kind.family}_{kind.size}"]
    return key.seed if right and key.has_private() else None


def _mgf1(seed: bytes, length: int, digest_name: str) -> bytes:
    """The mask generation function of RFC 8017, appendix B.2.1."""
    counters = range(-(-length // hashlib.new(digest_name).digest_size))
    blocks = (hashlib.new(digest_name, seed + i.to_bytes(4)).digest() for i in counters)
    return b"".join(blocks)[:length]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
