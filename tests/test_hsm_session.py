"""What one HSM does with secret keys: sealed messages, MACs, and what it keeps at hand."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from intruder import BACKING, known_token, own_wrapping_key
from pkcs11 import Attribute, Mechanism, ObjectClass
from pkcs11.exceptions import AttributeSensitive, PKCS11Error

from kmslab import Lab
from kmslab.errors import HsmOff, HsmRefused
from kmslab.hsm import session
from kmslab.hsm.kinds import Kind
from kmslab.hsm.session import HsmSession

HMAC = Kind("HMAC", "SIGN", 256)


def test_a_sealed_message_is_laid_out_as_the_docstring_says(hsm: HsmSession) -> None:
    sealed = hsm.encrypt(known_token(hsm), b"plaintext", b"aad")
    nonce, iv, body = sealed[:16], sealed[16:28], sealed[28:]
    ecb = Cipher(algorithms.AES(BACKING), modes.ECB()).encryptor()
    derived = ecb.update(hashlib.sha256(b"kmslab derived key" + nonce).digest())
    assert AESGCM(derived).decrypt(iv, body, b"aad") == b"plaintext"
    assert len(sealed) == 16 + 12 + len(b"plaintext") + 16


@pytest.mark.parametrize("size", [0, 1, 15, 16, 4096])
def test_what_is_sealed_opens(hsm: HsmSession, size: int) -> None:
    token = hsm.generate()
    plaintext = hsm.random(size) if size else b""
    assert hsm.decrypt(token, hsm.encrypt(token, plaintext, b"aad"), b"aad") == plaintext


def test_a_token_has_40_bytes_and_no_two_are_alike(hsm: HsmSession) -> None:
    tokens = {hsm.generate() for _ in range(20)}
    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {40}


@pytest.mark.parametrize("bit", range(0, 8 * (44 + 5), 7))
def test_a_sealed_message_with_a_flipped_bit_does_not_open(hsm: HsmSession, bit: int) -> None:
    token = hsm.generate()
    sealed = bytearray(hsm.encrypt(token, b"plain", b""))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(HsmRefused):
        hsm.decrypt(token, bytes(sealed), b"")


@pytest.mark.parametrize("bit", range(0, 320, 13))
def test_a_token_with_a_flipped_bit_does_not_open(hsm: HsmSession, bit: int) -> None:
    token = bytearray(hsm.generate())
    sealed = hsm.encrypt(bytes(token), b"plain", b"")
    token[bit // 8] ^= 1 << bit % 8
    with pytest.raises(HsmRefused, match="token does not open"):
        hsm.decrypt(bytes(token), sealed, b"")


@pytest.mark.parametrize("length", range(0, 44, 4))
def test_a_sealed_message_that_was_cut_does_not_open(hsm: HsmSession, length: int) -> None:
    token = hsm.generate()
    with pytest.raises(HsmRefused):
        hsm.decrypt(token, hsm.encrypt(token, b"plain", b"")[:length], b"")


def test_a_message_opens_under_its_own_token_and_data_only(hsm: HsmSession) -> None:
    token = hsm.generate()
    sealed = hsm.encrypt(token, b"plain", b"aad")
    for wrong in ((hsm.generate(), b"aad"), (token, b"AAD"), (token, b"")):
        with pytest.raises(HsmRefused):
            hsm.decrypt(wrong[0], sealed, wrong[1])


def test_no_iv_comes_twice(hsm: HsmSession) -> None:
    token = hsm.generate()
    assert len({hsm.encrypt(token, b"", b"")[:28] for _ in range(500)}) == 500


def test_a_nonce_serves_so_many_messages_and_no_more(
    hsm: HsmSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MESSAGES_PER_NONCE", 3)
    token = hsm.generate()
    sealed = [hsm.encrypt(token, b"%d" % number, b"") for number in range(9)]
    nonces = [each[:16] for each in sealed]
    assert [nonces.count(nonce) for nonce in dict.fromkeys(nonces)] == [3, 3, 3]
    assert [hsm.decrypt(token, each, b"") for each in sealed] == [b"%d" % n for n in range(9)]


def test_each_session_draws_nonces_of_its_own(lab: Lab) -> None:
    token = lab.hsms.hsms[0].generate()
    nonces = [each.encrypt(token, b"", b"")[:16] for each in lab.hsms.hsms]
    assert len(set(nonces)) == 3


def test_keys_that_fell_out_of_the_cache_are_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "KEYS_AT_HAND", 2)
    with Lab() as lab:
        hsm = lab.hsms.hsms[0]
        sealed = [(token := hsm.generate(), hsm.encrypt(token, b"x", b"")) for _ in range(7)]
        assert all(hsm.decrypt(token, each, b"") == b"x" for token, each in sealed)
        keys = hsm.pkcs11_session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
        assert len(list(keys)) <= 2 + 2 + 2  # domain keys, backing keys and derived keys


def test_an_hsm_that_is_off_does_nothing() -> None:
    with Lab() as lab:
        hsm, token, of_mac = lab.hsms.hsms[0], *map(lab.hsms.hsms[0].generate, (session.AES, HMAC))
        sealed = hsm.encrypt(token, b"x", b"")
        hsm.switch_off()
        works: list[Callable[[], object]] = [
            hsm.generate,
            lambda: hsm.generate(HMAC),
            lambda: hsm.admit(HMAC, bytes(32)),
            lambda: hsm.mac(HMAC, of_mac, "sha256", b"x"),
            lambda: hsm.encrypt(token, b"x", b""),
            lambda: hsm.decrypt(token, sealed, b""),
            lambda: hsm.random(8),
        ]
        for work in works:
            with pytest.raises(HsmOff, match="hsm-a is switched off"):
                work()


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_a_mac_is_hmac_under_the_key_that_came_from_outside(hsm: HsmSession, bits: int) -> None:
    kind, key = Kind("HMAC", "SIGN", bits), bytes(range(bits // 8))
    token, name = hsm.admit(kind, key), f"sha{bits}"
    for message in (b"", b"x", b"x" * 4096):
        assert hsm.mac(kind, token, name, message) == hmac.digest(key, message, name)


def test_a_sealed_message_opens_under_the_aes_key_that_came_from_outside(hsm: HsmSession) -> None:
    sealed = hsm.encrypt(known_token(hsm), b"x", b"")
    assert hsm.decrypt(hsm.admit(session.AES, BACKING), sealed, b"") == b"x"


def test_a_derived_key_cannot_be_read_nor_wrapped(hsm: HsmSession) -> None:
    key = hsm._key(hsm.generate(), b"n" * 16)
    assert key[Attribute.SENSITIVE]
    assert not key[Attribute.EXTRACTABLE]
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]
    for mechanism in (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD):
        for wrapping in (own_wrapping_key(hsm.pkcs11_session), hsm._for_secret_keys):
            with pytest.raises(PKCS11Error):
                wrapping.wrap_key(key, mechanism=mechanism)


def test_what_is_forgotten_is_fetched_anew_and_opens_all_the_same(hsm: HsmSession) -> None:
    token = hsm.generate()
    sealed = hsm.encrypt(token, b"x", b"")
    hsm.forget(token)
    assert token not in hsm._backing
    assert hsm.encrypt(token, b"x", b"")[:16] != sealed[:16]  # with another nonce
    assert hsm.decrypt(token, sealed, b"") == b"x"


def test_forgetting_one_token_leaves_the_others_at_hand(hsm: HsmSession) -> None:
    kept, forgotten = hsm.generate(), hsm.generate()
    for token in (kept, forgotten):
        hsm.encrypt(token, b"x", b"")
    handle = hsm._backing[kept]
    hsm.forget(forgotten)
    hsm.forget(forgotten)
    assert hsm._backing[kept] is handle
    assert forgotten not in hsm._backing
    assert not [name for name in hsm._derived if name[0] == forgotten]
