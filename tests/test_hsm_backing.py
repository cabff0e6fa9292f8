"""Exported key tokens: what is in them, seen with domain keys whose bytes are known."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.keywrap import (
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from families import EC_SIGN, PRIVATES, RSA_DECRYPT, SECRETS, SEEDS, name, prove
from intruder import old_fleet, own_wrapping_key
from pkcs11 import Attribute, Mechanism
from pkcs11.exceptions import AttributeSensitive, KeyNotWrappable

from kmslab.errors import HsmRefused
from kmslab.hsm import backing, der, outside
from kmslab.hsm.fleet import Fleet
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import AES, HsmSession

FOR_SECRETS, FOR_PRIVATES = os.urandom(32), os.urandom(32)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet whose domain keys are known, as it was made before they were private objects."""
    folder: Path = tmp_path_factory.mktemp("known") / "hsms"
    old_fleet(folder, secret=FOR_SECRETS, private=FOR_PRIVATES)
    fleet = Fleet.open(folder, made=True)
    yield fleet
    fleet.switch_off()


def _pkcs8(private: Any) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("kind", SECRETS, ids=name)
def test_a_secret_keys_token_is_the_key_wrapped_under_the_domain_key(
    fleet: Fleet, kind: Kind
) -> None:
    token = fleet.generate(kind).token
    if kind is AES:
        key = aes_key_unwrap(FOR_SECRETS, token)
        assert token == aes_key_wrap(FOR_SECRETS, key)
    else:
        key = aes_key_unwrap_with_padding(FOR_SECRETS, token)
        tag = fleet.mac(kind, token, "sha256", b"message")
        assert tag == hmac.digest(key[: kind.size // 8], b"message", "sha256")
        assert not any(key[kind.size // 8 :])
    assert len(set(key)) > 10
    assert len(key) == -(-kind.size // 64) * 8


@pytest.mark.parametrize("kind", PRIVATES, ids=name)
def test_a_private_keys_token_is_pkcs8_wrapped_under_the_other_domain_key(
    fleet: Fleet, kind: Kind
) -> None:
    made = fleet.generate(kind)
    material = aes_key_unwrap_with_padding(FOR_PRIVATES, made.token)
    private: Any = load_der_private_key(core.load(material).dump(), password=None)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == made.public
    if kind.family == "RSA":
        assert private.key_size == kind.size
        assert private.private_numbers().public_numbers.e == 65537
    else:
        assert private.curve.name == kind.curve


@pytest.mark.parametrize("kind", SEEDS, ids=name)
def test_a_sealed_seeds_token_begins_with_a_secret_keys(fleet: Fleet, kind: Kind) -> None:
    assert len(aes_key_unwrap(FOR_SECRETS, fleet.generate(kind).token[:40])) == 32


@pytest.mark.parametrize("kind", [*SECRETS, *PRIVATES, *SEEDS], ids=name)
def test_material_from_outside_works_like_what_an_hsm_made(fleet: Fleet, kind: Kind) -> None:
    material, public = _material(kind)
    token = fleet.admit(kind, material)
    for hsm in fleet.hsms:
        prove(hsm, hsm, kind, NewKey(token, public))
    assert material not in token
    if not kind.is_seed:
        domain_key = FOR_PRIVATES if kind.is_pair else FOR_SECRETS
        unwrap = aes_key_unwrap if kind is AES else aes_key_unwrap_with_padding
        inside = unwrap(domain_key, token)
        if kind.is_pair:
            private: Any = load_der_private_key(core.load(inside).dump(), password=None)
            assert _pkcs8(private) == material
        else:
            assert inside.rstrip(b"\0") == material.rstrip(b"\0")


def _material(kind: Kind) -> tuple[bytes, bytes | None]:
    """Key material as its owner has it, and the public key to it."""
    if not kind.is_pair:
        return os.urandom(kind.size // 8), None
    if kind.is_seed:
        seed = os.urandom(outside.SEED_BYTES[kind.family])
        return seed, outside.pair(kind, seed)[1]
    private: Any = (
        rsa.generate_private_key(65537, kind.size)
        if kind.family == "RSA"
        else ec.generate_private_key(der.CURVES[kind.curve]())
    )
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _pkcs8(private), public


@pytest.mark.parametrize("kind", [AES, SECRETS[1], EC_SIGN[0]], ids=name)
def test_material_that_was_admitted_cannot_be_read_or_taken_out_any_more(
    hsm: HsmSession, kind: Kind
) -> None:
    key = backing.admit(hsm.pkcs11_session, kind, _material(kind)[0])
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]
    for mechanism in (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD):
        with pytest.raises(KeyNotWrappable):
            own_wrapping_key(hsm.pkcs11_session).wrap_key(key, mechanism=mechanism)


def test_what_is_wrapped_under_the_domain_keys_but_is_no_key_does_not_open(fleet: Fleet) -> None:
    wrong = {
        RSA_DECRYPT: aes_key_wrap_with_padding(FOR_PRIVATES, b"no PKCS#8 at all"),
        EC_SIGN[0]: aes_key_wrap_with_padding(FOR_PRIVATES, os.urandom(67)),
        AES: aes_key_wrap_with_padding(FOR_SECRETS, os.urandom(32)),  # padded
        SECRETS[1]: aes_key_wrap(FOR_SECRETS, os.urandom(32)),  # not padded
    }
    for kind, token in wrong.items():
        for hsm in fleet.hsms:
            with pytest.raises(HsmRefused, match="token does not open"):
                hsm.handle(kind, token)
