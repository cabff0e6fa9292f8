"""What one HSM does with keys, and what its own crypto user can't make it do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from expect import known_key
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import (
    AttributeReadOnly,
    AttributeSensitive,
    KeyNotWrappable,
    PKCS11Error,
    TemplateInconsistent,
)

from kmslab import Lab
from kmslab.errors import HsmOff, HsmRefused
from kmslab.hsm import domain, session
from kmslab.hsm.attributes import BACKING_KEY, mapper
from kmslab.hsm.session import HsmSession

BACKING = bytes(range(32))
EVERY_HSM = pytest.mark.parametrize("number", [0, 1, 2])


def readable_key(hsm: HsmSession, value: bytes = BACKING) -> Any:
    """A key that may be read, made by the crypto user."""
    return known_key(hsm._on(), value)


def known_token(hsm: HsmSession) -> bytes:
    """An exported key token of a backing key whose bytes are known."""
    return hsm._domain_key.wrap_key(readable_key(hsm), mechanism=Mechanism.AES_KEY_WRAP)


@pytest.fixture(scope="module")
def writing() -> Iterator[Any]:
    """The crypto user in a session that may write to the token, as an attacker would open it."""
    with Lab() as lab:
        hsm = lab.hsms.hsms[1]
        hsm._on().close()
        pins, token = hsm.device._pins, hsm.device._token
        with token.open(rw=True, user_pin=pins.user, attribute_mapper=mapper()) as opened:
            yield opened


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
    token = lab.hsms.generate()
    nonces = [each.encrypt(token, b"", b"")[:16] for each in lab.hsms.hsms]
    assert len(set(nonces)) == 3


def test_keys_that_fell_out_of_the_cache_are_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "KEYS_AT_HAND", 2)
    with Lab() as lab:
        hsm = lab.hsms.hsms[0]
        sealed = [(token := hsm.generate(), hsm.encrypt(token, b"x", b"")) for _ in range(7)]
        assert all(hsm.decrypt(token, each, b"") == b"x" for token, each in sealed)
        keys = hsm._on().get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
        assert len(list(keys)) <= 1 + 2 + 2  # the domain key, backing keys and derived keys


def test_an_hsm_that_is_off_does_nothing() -> None:
    with Lab() as lab:
        hsm, token = lab.hsms.hsms[0], lab.hsms.generate()
        sealed = hsm.encrypt(token, b"x", b"")
        hsm.switch_off()
        works: list[Callable[[], object]] = [
            hsm.generate,
            lambda: hsm.encrypt(token, b"x", b""),
            lambda: hsm.decrypt(token, sealed, b""),
            lambda: hsm.random(8),
        ]
        for work in works:
            with pytest.raises(HsmOff, match="hsm-a is switched off"):
                work()


# What the crypto user, who has the PIN, tries with the domain key and the exported tokens.


@EVERY_HSM
def test_the_domain_key_cannot_be_read(lab: Lab, number: int) -> None:
    hsm = lab.hsms.hsms[number]
    with pytest.raises(AttributeSensitive):
        hsm._domain_key[Attribute.VALUE]


@EVERY_HSM
def test_the_domain_key_cannot_be_wrapped_under_a_key_of_the_user(lab: Lab, number: int) -> None:
    hsm = lab.hsms.hsms[number]
    own = _own_wrapping_key(hsm)
    with pytest.raises(KeyNotWrappable):
        own.wrap_key(hsm._domain_key, mechanism=Mechanism.AES_KEY_WRAP)


@EVERY_HSM
def test_a_backing_key_cannot_be_read_nor_wrapped(lab: Lab, number: int) -> None:
    hsm = lab.hsms.hsms[number]
    key = hsm._unwrapped(hsm.generate())
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]
    with pytest.raises(PKCS11Error):
        _own_wrapping_key(hsm).wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP)


def test_a_new_backing_key_leaves_under_the_domain_key_only(hsm: HsmSession) -> None:
    made = hsm._on().generate_key(
        KeyType.AES,
        256,
        store=False,
        capabilities=MechanismFlag.DERIVE,
        template=dict(session.attributes.NEW_BACKING_KEY),
    )
    with pytest.raises(AttributeSensitive):
        made[Attribute.VALUE]
    with pytest.raises(KeyNotWrappable):
        _own_wrapping_key(hsm).wrap_key(made, mechanism=Mechanism.AES_KEY_WRAP)


def test_a_derived_key_cannot_be_read_nor_wrapped(hsm: HsmSession) -> None:
    token = hsm.generate()
    key = hsm._key(token, b"n" * 16)
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]
    with pytest.raises(PKCS11Error):
        _own_wrapping_key(hsm).wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP)


CARELESS: dict[str, dict[Attribute, bool]] = {
    "nothing said": {},
    "readable": {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    "wrappable": {Attribute.SENSITIVE: True, Attribute.WRAP_WITH_TRUSTED: False},
    "decrypts": dict(BACKING_KEY) | {Attribute.DECRYPT: True},
    "unwraps": dict(BACKING_KEY) | {Attribute.UNWRAP: True},
    "copyable": dict(BACKING_KEY) | {Attribute.COPYABLE: True},
    "changeable": dict(BACKING_KEY) | {Attribute.MODIFIABLE: True},
}


@EVERY_HSM
@pytest.mark.parametrize("careless", CARELESS)
def test_a_token_does_not_open_with_a_careless_template(
    lab: Lab, number: int, careless: str
) -> None:
    hsm = lab.hsms.hsms[number]
    with pytest.raises(TemplateInconsistent):
        _unwrap(hsm._domain_key, hsm.generate(), CARELESS[careless])


def test_the_domain_key_cannot_be_taken_out_by_wrapping_it_under_itself(hsm: HsmSession) -> None:
    itself = hsm._domain_key.wrap_key(hsm._domain_key, mechanism=Mechanism.AES_KEY_WRAP)
    for careless in CARELESS.values():
        with pytest.raises(TemplateInconsistent):
            _unwrap(hsm._domain_key, itself, careless)
    with pytest.raises(AttributeSensitive):
        _unwrap(hsm._domain_key, itself, dict(BACKING_KEY))[Attribute.VALUE]


@pytest.mark.parametrize(
    "attribute", [Attribute.DECRYPT, Attribute.ENCRYPT, Attribute.DERIVE, Attribute.MODIFIABLE]
)
def test_the_domain_key_learns_nothing_new(writing: Any, attribute: Attribute) -> None:
    with pytest.raises(PKCS11Error):
        domain.find(writing)[attribute] = True


@pytest.mark.parametrize(
    "attribute", [Attribute.SENSITIVE, Attribute.WRAP_WITH_TRUSTED, Attribute.TRUSTED]
)
def test_the_domain_key_loses_no_protection(writing: Any, attribute: Attribute) -> None:
    with pytest.raises((AttributeReadOnly, PKCS11Error)):
        domain.find(writing)[attribute] = False
    assert domain.find(writing)[attribute] is True


def test_the_domain_key_cannot_be_copied(writing: Any) -> None:
    with pytest.raises(PKCS11Error):
        domain.find(writing).copy({Attribute.TOKEN: False, Attribute.DECRYPT: True})


@pytest.mark.parametrize("attribute", [Attribute.DECRYPT, Attribute.EXTRACTABLE])
def test_a_backing_key_cannot_be_changed_nor_copied(hsm: HsmSession, attribute: Attribute) -> None:
    key = hsm._unwrapped(hsm.generate())
    with pytest.raises(PKCS11Error):
        key[attribute] = True
    with pytest.raises(PKCS11Error):
        key.copy({attribute: True})


def test_a_user_cannot_make_a_trusted_key(writing: Any) -> None:
    with pytest.raises(PKCS11Error):
        writing.generate_key(
            KeyType.AES,
            256,
            capabilities=MechanismFlag.WRAP,
            template={Attribute.TRUSTED: True},
        )


@EVERY_HSM
def test_the_domain_key_only_wraps_and_unwraps(lab: Lab, number: int) -> None:
    key = lab.hsms.hsms[number]._domain_key
    may = {name for name in ("ENCRYPT", "DECRYPT", "SIGN", "DERIVE") if key[Attribute[name]]}
    assert may == set()
    assert key[Attribute.WRAP]
    assert key[Attribute.UNWRAP]
    assert key[Attribute.TRUSTED]


def _own_wrapping_key(hsm: HsmSession) -> Any:
    return hsm._on().generate_key(
        KeyType.AES, 256, store=False, capabilities=MechanismFlag.WRAP | MechanismFlag.DECRYPT
    )


def _unwrap(domain_key: Any, token: bytes, template: dict[Attribute, bool]) -> Any:
    return domain_key.unwrap_key(
        ObjectClass.SECRET_KEY,
        KeyType.AES,
        token,
        mechanism=Mechanism.AES_KEY_WRAP,
        store=False,
        capabilities=MechanismFlag.DERIVE,
        template=template,
    )
