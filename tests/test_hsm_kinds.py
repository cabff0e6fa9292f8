"""Every kind of backing key: made in one HSM, at work in another, and good for one thing only."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from families import EVERY_KIND, PRIVATES, SECRETS, encapsulate, make, name, point, prove
from intruder import BACKING, anything, known_token
from pkcs11 import Attribute, KeyType, Mechanism
from pkcs11.exceptions import AttributeTypeInvalid, PKCS11Error
from pkcs11.mechanisms import KDF

from kmslab import Lab
from kmslab.errors import HsmRefused
from kmslab.hsm import der, mechanisms
from kmslab.hsm.fleet import Fleet
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import AES
from kmslab.kms.specs import SPECS

EVERY = pytest.mark.parametrize("kind", EVERY_KIND, ids=name)
UNWRAPPED = pytest.mark.parametrize("kind", [*SECRETS, *PRIVATES], ids=name)
USES = ("ENCRYPT", "DECRYPT", "SIGN", "SIGN_RECOVER", "WRAP", "UNWRAP", "DERIVE")


@pytest.fixture(scope="module")
def made(lab: Lab) -> dict[Kind, NewKey]:
    """A backing key of each kind, the first made in the first HSM, the next in the second …"""
    hsms = lab.hsms.hsms
    return {kind: make(hsms[at % 3], kind) for at, kind in enumerate(EVERY_KIND)}


def test_these_are_the_kinds_that_the_key_specs_need() -> None:
    needed = {usage.kind for spec in SPECS.values() for usage in spec.usages.values()}
    larger = {kind for kind in needed if kind.family == "RSA" and kind.size > 2048}
    assert needed - larger == set(EVERY_KIND)


@EVERY
def test_what_one_hsm_made_works_in_the_others(
    lab: Lab, made: dict[Kind, NewKey], kind: Kind
) -> None:
    for maker, other in permutations(lab.hsms.hsms, 2):
        prove(maker, other, kind, made[kind])


@EVERY
def test_a_token_says_nothing_and_a_public_key_is_there_where_there_is_one(
    made: dict[Kind, NewKey], kind: Kind
) -> None:
    token, public = made[kind].token, made[kind].public
    assert (public is not None) == kind.is_pair
    lengths = {"AES": 40, "EC": 80, "ED25519": 116, "ML_DSA": 116, "ML_KEM": 148}
    if kind.family in lengths and kind.curve in ("", "secp256r1"):
        assert len(token) == lengths[kind.family]
    if public:
        assert public not in token
        if kind.size != 512:  # cryptography has no ML-KEM-512
            raw = load_der_public_key(public)
            assert raw


@pytest.mark.parametrize("kind", [kind for kind in EVERY_KIND if kind.family != "RSA"], ids=name)
def test_no_two_keys_are_alike(lab: Lab, made: dict[Kind, NewKey], kind: Kind) -> None:
    others = [make(lab.hsms.hsms[0], kind) for _ in range(3)]
    tokens = {made[kind].token, *(each.token for each in others)}
    publics = {made[kind].public, *(each.public for each in others)}
    assert len(tokens) == 4
    assert len(publics) == (4 if kind.is_pair else 1)


@UNWRAPPED
def test_a_backing_key_has_one_use(lab: Lab, made: dict[Kind, NewKey], kind: Kind) -> None:
    for hsm in lab.hsms.hsms:
        key = hsm.handle(kind, made[kind].token)
        assert [use for use in USES if _has(key, Attribute[use])] == [kind.use]


def _has(key: Any, attribute: Attribute) -> bool:
    try:
        return bool(key[attribute])
    except AttributeTypeInvalid:  # the HSM knows no such use of this class
        return False


@UNWRAPPED
def test_the_hsm_refuses_every_other_use(lab: Lab, made: dict[Kind, NewKey], kind: Kind) -> None:
    hsm = lab.hsms.hsms[0]
    key = anything(hsm.handle(kind, made[kind].token))
    by_family = {
        "AES": (Mechanism.AES_ECB, Mechanism.AES_CMAC, Mechanism.AES_ECB_ENCRYPT_DATA, bytes(32)),
        "HMAC": (Mechanism.AES_ECB, Mechanism.SHA256_HMAC, Mechanism.AES_ECB_ENCRYPT_DATA, b""),
        "RSA": (Mechanism.RSA_X_509, Mechanism.RSA_PKCS, Mechanism.ECDH1_DERIVE, None),
        "EC": (Mechanism.RSA_X_509, Mechanism.ECDSA, Mechanism.ECDH1_DERIVE, None),
    }
    encrypts, signs, derives, data = by_family[kind.family]
    if kind.family in ("RSA", "EC"):
        data = (KDF.NULL, None, bytes(67))
    tries = {
        "ENCRYPT": lambda: key.encrypt(bytes(32), mechanism=encrypts),
        "DECRYPT": lambda: key.decrypt(bytes(kind.size // 8 or 32), mechanism=encrypts),
        "SIGN": lambda: key.sign(bytes(32), mechanism=signs),
        "DERIVE": lambda: key.derive_key(KeyType.AES, 256, mechanism=derives, mechanism_param=data),
    }
    del tries[kind.use]
    for each in tries.values():
        with pytest.raises(PKCS11Error):
            each()


def test_a_key_for_signing_neither_decrypts_nor_agrees(lab: Lab, made: dict[Kind, NewKey]) -> None:
    hsm, rsa = lab.hsms.hsms[0], Kind("RSA", "SIGN", 2048)
    curve = Kind("EC", "SIGN", curve="secp256r1")
    with pytest.raises(PKCS11Error):
        mechanisms.decrypt_raw(anything(hsm.handle(rsa, made[rsa].token)), bytes(255) + b"\2")
    with pytest.raises(PKCS11Error):
        mechanisms.agree(
            anything(hsm.handle(curve, made[curve].token)), curve, bytes.fromhex("0441") + bytes(65)
        )


@EVERY
def test_a_token_opens_as_its_own_kind_only(lab: Lab, made: dict[Kind, NewKey], kind: Kind) -> None:
    hsm = lab.hsms.hsms[0]
    families = {each.family: each for each in EVERY_KIND}
    del families[kind.family]
    for other in families.values():
        if other.is_seed == kind.is_seed and {other.family, kind.family} != {"AES", "HMAC"}:
            hsm.forget(made[kind].token)  # at hand, it would not be unwrapped
            with pytest.raises((HsmRefused, PKCS11Error)):
                prove(hsm, hsm, other, NewKey(made[kind].token, made[other].public))


@pytest.mark.parametrize("off", [(0,), (1, 2), (0, 2)])
def test_every_kind_works_while_one_hsm_is_on(off: tuple[int, ...]) -> None:
    with Lab() as lab:
        fleet = lab.hsms
        before = {kind: fleet.generate(kind) for kind in EVERY_KIND if kind.family != "RSA"}
        rsa = {kind: fleet.generate(kind) for kind in EVERY_KIND if kind.family == "RSA"}
        known_sealed = fleet.encrypt(known_token(fleet.hsms[0]), b"x", b"")
        for number in off:
            fleet.hsms[number].switch_off()
        after = {kind: fleet.generate(kind) for kind in before}
        assert all(fleet.generate_readable(kind) for kind in before if kind.is_pair)
        assert fleet.decrypt(fleet.admit(AES, BACKING), known_sealed, b"") == b"x"
        for keys in (before, rsa, after):
            for kind, made in keys.items():
                _use(fleet, kind, made)


def _use(fleet: Fleet, kind: Kind, made: NewKey) -> None:
    """The fleet finds an HSM that works, whichever one a token goes to first."""
    left = next(hsm for hsm in fleet.hsms if hsm.device.is_on)
    prove(left, left, kind, made)
    if kind.use == "SIGN" and kind.is_pair:
        scheme = {"RSA": "PSS", "EC": "ECDSA", "ED25519": "ED25519", "ML_DSA": "ML_DSA"}
        assert fleet.sign(kind, made.token, scheme[kind.family], "sha256", bytes(32))
    elif kind.family == "HMAC":
        assert fleet.mac(kind, made.token, "sha256", b"x")
    elif kind.family == "AES":
        sealed = fleet.encrypt(made.token, b"x", b"")
        assert fleet.decrypt(made.token, sealed, b"") == b"x"
    elif kind.family == "RSA":
        with pytest.raises(HsmRefused):
            fleet.decrypt_oaep(kind, made.token, "sha256", bytes(256))
    elif kind.family == "EC":
        own = ec.generate_private_key(der.CURVES[kind.curve]()).public_key()
        assert fleet.agree(kind, made.token, point(own))
    else:
        secret, ciphertext = encapsulate(made.public or b"")
        assert fleet.decapsulate(kind, made.token, ciphertext) == secret


@EVERY
def test_what_is_forgotten_is_gone_from_the_memory_of_every_hsm(
    lab: Lab, made: dict[Kind, NewKey], kind: Kind
) -> None:
    lab.hsms.forget(made[kind].token)
    before = _objects(lab.hsms)
    for hsm in lab.hsms.hsms:
        prove(hsm, hsm, kind, made[kind])
    assert all(now > then for now, then in zip(_objects(lab.hsms), before, strict=True))
    lab.hsms.forget(made[kind].token)
    assert _objects(lab.hsms) == before


@EVERY
def test_what_is_made_leaves_nothing_in_the_memory_of_an_hsm(lab: Lab, kind: Kind) -> None:
    if kind.family == "RSA":
        kind = Kind("RSA", kind.use, 1024)
    before = _objects(lab.hsms)
    token = lab.hsms.generate(kind).token
    if kind.is_pair:
        lab.hsms.generate_readable(kind)
    lab.hsms.forget(token)  # a seed's token needs a key to seal it
    assert _objects(lab.hsms) == before


def _objects(fleet: Fleet) -> list[int]:
    """How many objects each HSM has in its memory."""
    return [
        len(list(hsm.pkcs11_session.get_objects({Attribute.TOKEN: False}))) for hsm in fleet.hsms
    ]
