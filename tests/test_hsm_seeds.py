"""Sealed seeds: what stands for Ed25519, ML-DSA and ML-KEM keys."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from families import ED25519, ML_DSA, ML_KEM, SEEDS, encapsulate, make, name, verify_ed25519
from intruder import own_wrapping_key
from pkcs11 import Attribute, Mechanism
from pkcs11.exceptions import AttributeSensitive, PKCS11Error

from kmslab import Lab
from kmslab.errors import HsmRefused
from kmslab.hsm import outside, seeds
from kmslab.hsm.kinds import Kind
from kmslab.hsm.session import HsmSession

EVERY = pytest.mark.parametrize("kind", SEEDS, ids=name)


@EVERY
def test_a_token_is_laid_out_as_the_docstring_says(hsm: HsmSession, kind: Kind) -> None:
    seed = os.urandom(outside.SEED_BYTES[kind.family])
    token = seeds.seal(hsm, kind, seed)
    assert len(token) == 40 + 16 + 12 + len(seed) + 16
    about = f"seed {kind.family} {kind.size}".encode()
    assert hsm.decrypt(token[:40], token[40:], about) == seed
    assert seed not in token
    assert seeds.unseal(hsm, kind, token) == seed


@EVERY
def test_each_seed_is_sealed_under_a_key_of_its_own(hsm: HsmSession, kind: Kind) -> None:
    first, second = (make(hsm, kind).token for _ in range(2))
    assert first[:40] != second[:40]
    with pytest.raises(HsmRefused):
        seeds.unseal(hsm, kind, first[:40] + second[40:])


@EVERY
def test_a_seed_does_not_open_as_another_kind(hsm: HsmSession, kind: Kind) -> None:
    token = make(hsm, kind).token
    for other in SEEDS:
        if other != kind:
            with pytest.raises(HsmRefused):
                seeds.unseal(hsm, other, token)


@EVERY
def test_a_changed_token_does_not_open(hsm: HsmSession, kind: Kind) -> None:
    token = make(hsm, kind).token
    for bit in range(0, len(token) * 8, 61):
        changed = bytearray(token)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(HsmRefused):
            seeds.unseal(hsm, kind, bytes(changed))
    for cut in (token[:-1], token[:40], token[:39], b"", token + b"\0"):
        with pytest.raises(HsmRefused):
            seeds.unseal(hsm, kind, cut)


@EVERY
def test_the_seed_of_another_fleet_does_not_open(hsm: HsmSession, fresh: Lab, kind: Kind) -> None:
    with pytest.raises(HsmRefused):
        seeds.unseal(hsm, kind, make(fresh.hsms.hsms[0], kind).token)


def test_ed25519_signs_inside_the_hsm_as_another_library_does(hsm: HsmSession) -> None:
    seed = os.urandom(32)
    own, token = ed25519.Ed25519PrivateKey.from_private_bytes(seed), seeds.seal(hsm, ED25519, seed)
    for message in (b"x", b"message", bytes(4096)):
        signature = seeds.sign(hsm, ED25519, token, "ED25519", message)
        assert signature == own.sign(message)
        verify_ed25519(outside.pair(ED25519, seed)[1], signature, message, hashed=False)
        hashed = seeds.sign(hsm, ED25519, token, "ED25519_PH", message)
        assert hashed == outside.sign_ed25519ph(seed, message) != signature


def test_an_ed25519_key_in_the_hsm_cannot_be_read_copied_changed_or_taken_out(
    hsm: HsmSession,
) -> None:
    token = make(hsm, ED25519).token
    seeds.sign(hsm, ED25519, token, "ED25519", b"x")
    key = hsm.at_hand(token, lambda: pytest.fail("it is at hand"))
    assert key[Attribute.SENSITIVE]
    assert not key[Attribute.EXTRACTABLE]
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]
    for attribute in (Attribute.DERIVE, Attribute.EXTRACTABLE, Attribute.MODIFIABLE):
        with pytest.raises(PKCS11Error):
            key[attribute] = True
        with pytest.raises(PKCS11Error):
            key.copy({attribute: True})
    for wrapping in (own_wrapping_key(hsm.pkcs11_session), hsm._for_private_keys):
        with pytest.raises(PKCS11Error):
            wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD)


@pytest.mark.parametrize("kind", ML_KEM, ids=name)
def test_decapsulation_needs_the_seed_that_the_public_key_is_from(
    hsm: HsmSession, kind: Kind
) -> None:
    made, other = make(hsm, kind), make(hsm, kind)
    secret, ciphertext = encapsulate(made.public or b"")
    assert seeds.decapsulate(hsm, kind, made.token, ciphertext) == secret
    assert seeds.decapsulate(hsm, kind, other.token, ciphertext) != secret
    with pytest.raises(ValueError, match="no ciphertext"):
        seeds.decapsulate(hsm, kind, made.token, ciphertext[:-1])


@pytest.mark.parametrize("kind", ML_DSA, ids=name)
def test_no_two_ml_dsa_signatures_are_alike(hsm: HsmSession, kind: Kind) -> None:
    token = make(hsm, kind).token
    assert len({seeds.sign(hsm, kind, token, "ML_DSA", b"x") for _ in range(4)}) == 4
