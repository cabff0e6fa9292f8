"""Private keys that SoftHSM2 can't wrap (Ed25519) or can't have (ML-DSA, ML-KEM): sealed seeds.

Each such key pair follows from a short random seed (FIPS 203 and 204, RFC 8032). The HSM draws it,
and the token that stands for the key holds it encrypted by the HSM:

     0       40     exported key token of an AES-256 backing key, made for this seed alone
    40       76+    the seed, sealed under it (AES-256-GCM), with the kind's name as AAD

So at rest such a key is as safe as any other. In use the seed is in this process's memory.
"""

from __future__ import annotations

from typing import Any

from kmslab.hsm import mechanisms, outside
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import AES, HsmSession

_TOKEN_BYTES = 40


def generate(hsm: HsmSession, kind: Kind) -> NewKey:
    """Makes a seed, and the token and public key that stand for it."""
    seed = hsm.random(outside.SEED_BYTES[kind.family])
    return NewKey(seal(hsm, kind, seed), outside.pair(kind, seed)[1])


def seal(hsm: HsmSession, kind: Kind, seed: bytes) -> bytes:
    """The token of a seed."""
    token = hsm.generate()
    return token + hsm.encrypt(token, seed, _aad(kind))


def unseal(hsm: HsmSession, kind: Kind, token: bytes) -> bytes:
    """The seed of a token; `HsmRefused` where the token was made for another kind of key."""
    return hsm.decrypt(token[:_TOKEN_BYTES], token[_TOKEN_BYTES:], _aad(kind))


def rewrap(hsm: HsmSession, kind: Kind, token: bytes, generation: int) -> bytes:
    """A token of any kind under another generation's domain key; the seed stays sealed."""
    if not kind.is_seed:
        return hsm.rewrap(kind, token, generation)
    return hsm.rewrap(AES, token[:_TOKEN_BYTES], generation) + token[_TOKEN_BYTES:]


def sign(hsm: HsmSession, kind: Kind, token: bytes, scheme: str, message: bytes) -> bytes:
    """Signs a message with Ed25519 (in the HSM), Ed25519ph or ML-DSA."""
    if scheme == "ED25519":
        with hsm.device.lock:
            return mechanisms.sign_ed25519(_ed25519(hsm, kind, token), message)
    seed = unseal(hsm, kind, token)
    if scheme == "ED25519_PH":
        return outside.sign_ed25519ph(seed, message)
    return outside.sign_ml_dsa(kind, seed, message, is_mu=scheme == "ML_DSA_MU")


def decapsulate(hsm: HsmSession, kind: Kind, token: bytes, ciphertext: bytes) -> bytes:
    """The shared secret of an ML-KEM ciphertext; `ValueError` where its length is wrong."""
    return outside.decapsulate(kind, unseal(hsm, kind, token), ciphertext)


def _ed25519(hsm: HsmSession, kind: Kind, token: bytes) -> Any:
    """The key in the HSM, at hand or put there now."""
    return hsm.at_hand(
        token, lambda: mechanisms.load_ed25519(hsm.pkcs11_session, unseal(hsm, kind, token))
    )


def _aad(kind: Kind) -> bytes:
    return f"seed {kind.family} {kind.size}".encode()
