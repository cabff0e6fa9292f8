"""The two domain keys: how they come into three HSMs, and what the crypto user tries with them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
)
from expect import files, start
from intruder import (
    BACKING,
    anything,
    known_token,
    old_fleet,
    own_wrapping_key,
    readable_key,
    writing,
)
from pkcs11 import Attribute, CTRParams, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT
from pkcs11.exceptions import (
    AttributeReadOnly,
    AttributeSensitive,
    KeyNotWrappable,
    PKCS11Error,
    TemplateInconsistent,
)

from kmslab import Lab
from kmslab.errors import HsmRefused
from kmslab.hsm import attributes, backing, domain, pairs
from kmslab.hsm.attributes import BACKING_KEY, PRIVATE_BACKING_KEY
from kmslab.hsm.domain import FOR_PRIVATE_KEYS, FOR_SECRET_KEYS
from kmslab.hsm.fleet import Fleet
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import AES, HsmSession

CURVE = Kind("EC", "SIGN", curve="secp256r1")
RSA = Kind("RSA", "DECRYPT", 2048)
LABELS = (FOR_SECRET_KEYS, FOR_PRIVATE_KEYS)
EVERY_HSM = pytest.mark.parametrize("number", [0, 1, 2])
BOTH = pytest.mark.parametrize("label", LABELS)
WRAPPINGS = (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD)
SECRET_TYPES = (
    *(KeyType.AES, KeyType.GENERIC_SECRET, KeyType._DES, KeyType.DES2, KeyType.DES3),
    *(KeyType.SHA256_HMAC, KeyType.GOST28147),
)
PRIVATE_TYPES = (
    *(KeyType.RSA, KeyType.EC, KeyType.EC_EDWARDS, KeyType.DSA, KeyType.DH, KeyType.GOSTR3410),
)


@pytest.fixture(params=LABELS)
def domain_key(hsm: HsmSession, request: pytest.FixtureRequest) -> Any:
    """Each of the two domain keys, in the first HSM of the module's lab."""
    return domain.find(hsm.pkcs11_session, request.param)


@pytest.fixture(scope="module")
def rsa(lab: Lab) -> NewKey:
    """An RSA key for decryption."""
    return lab.hsms.generate(RSA)


@pytest.fixture(scope="module")
def user() -> Iterator[Any]:
    """The crypto user in a session that may write to the token, as an attacker would open it."""
    with Lab() as lab, writing(lab.hsms.hsms[1]) as session:
        yield session


# How they lie in an HSM.


@EVERY_HSM
def test_each_hsm_has_both_domain_keys_and_no_other_object(lab: Lab, number: int) -> None:
    session = lab.hsms.hsms[number].pkcs11_session
    kept = session.get_objects({Attribute.TOKEN: True})
    assert sorted(key[Attribute.LABEL] for key in kept) == sorted(LABELS)


def test_no_32_bytes_on_the_disk_open_a_token(fresh: Lab) -> None:
    secret, private = fresh.hsms.generate(AES).token, fresh.hsms.generate(CURVE).token
    found = 0
    for data in files(fresh.path / "hsms").values():
        for place in range(len(data) - 31):
            for open_, token in (
                (aes_key_unwrap, secret),
                (aes_key_unwrap_with_padding, private),
            ):
                try:
                    open_(data[place : place + 32], token)
                    found += 1
                except InvalidUnwrap:
                    pass
    assert found == 0


def test_without_the_users_pin_there_is_nothing_to_see(fresh: Lab) -> None:
    device = fresh.hsms.hsms[0].device
    fresh.hsms.hsms[0].pkcs11_session.close()
    with device.meeting() as anyone:
        assert list(anyone.get_objects()) == []
        with device.officer():
            assert list(anyone.get_objects()) == []


@EVERY_HSM
@BOTH
def test_a_domain_key_wraps_and_unwraps_and_does_nothing_else(
    lab: Lab, number: int, label: str
) -> None:
    key = domain.find(lab.hsms.hsms[number].pkcs11_session, label)
    uses = ("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "DERIVE", "WRAP", "UNWRAP")
    assert [name for name in uses if key[Attribute[name]]] == ["WRAP", "UNWRAP"]
    kept = ("PRIVATE", "SENSITIVE", "WRAP_WITH_TRUSTED", "TRUSTED")
    assert [name for name in kept if not key[Attribute[name]]] == []
    assert not key[Attribute.MODIFIABLE]
    assert not key[Attribute.DESTROYABLE]


# What the crypto user, who has the PIN, tries with a domain key itself.


@EVERY_HSM
@BOTH
def test_a_domain_key_cannot_be_read(lab: Lab, number: int, label: str) -> None:
    with pytest.raises(AttributeSensitive):
        domain.find(lab.hsms.hsms[number].pkcs11_session, label)[Attribute.VALUE]


@pytest.mark.parametrize("mechanism", WRAPPINGS)
def test_a_domain_key_cannot_be_wrapped_under_a_key_of_the_user(
    hsm: HsmSession, domain_key: Any, mechanism: Mechanism
) -> None:
    with pytest.raises(KeyNotWrappable):
        own_wrapping_key(hsm.pkcs11_session).wrap_key(domain_key, mechanism=mechanism)


def test_a_domain_key_cannot_be_wrapped_under_an_rsa_key_of_the_user(
    hsm: HsmSession, domain_key: Any
) -> None:
    public, _ = hsm.pkcs11_session.generate_keypair(KeyType.RSA, 1024)
    with pytest.raises(KeyNotWrappable):
        public.wrap_key(domain_key, mechanism=Mechanism.RSA_PKCS)


@pytest.mark.parametrize("mechanism", WRAPPINGS)
@BOTH
def test_a_domain_key_cannot_be_wrapped_under_a_domain_key(
    hsm: HsmSession, domain_key: Any, label: str, mechanism: Mechanism
) -> None:
    with pytest.raises(KeyNotWrappable):
        domain.find(hsm.pkcs11_session, label).wrap_key(domain_key, mechanism=mechanism)


def test_each_domain_key_takes_keys_of_its_class_alone(hsm: HsmSession) -> None:
    session = hsm.pkcs11_session
    for_secrets, for_privates = (domain.find(session, label) for label in LABELS)
    secret = backing.make_secret(session, AES)
    _, private = backing.make_pair(session, CURVE, attributes.NEW_BACKING_KEY)
    for mechanism in WRAPPINGS:
        with pytest.raises(KeyNotWrappable):
            for_privates.wrap_key(secret, mechanism=mechanism)
        with pytest.raises(PKCS11Error):
            for_secrets.wrap_key(private, mechanism=mechanism)
    assert for_secrets.wrap_key(secret, mechanism=Mechanism.AES_KEY_WRAP)
    assert for_privates.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)


CIPHERS: dict[Mechanism, Any] = {
    Mechanism.AES_ECB: None,
    Mechanism.AES_CBC: bytes(16),
    Mechanism.AES_CBC_PAD: bytes(16),
    Mechanism.AES_CTR: CTRParams(bytes(12)),
    Mechanism.AES_GCM: GCMParams(bytes(12), None, 128),
    Mechanism.AES_CMAC: None,
    Mechanism.AES_ECB_ENCRYPT_DATA: bytes(32),
}


@pytest.mark.parametrize("mechanism", CIPHERS)
def test_a_domain_key_works_in_no_other_way(
    hsm: HsmSession, domain_key: Any, mechanism: Mechanism
) -> None:
    key, how = anything(domain_key), {"mechanism": mechanism, "mechanism_param": CIPHERS[mechanism]}
    readable = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
    for work in (key.encrypt, key.decrypt, key.sign):
        with pytest.raises(PKCS11Error):
            work(bytes(32), **how)
    with pytest.raises(PKCS11Error):
        key.derive_key(KeyType.GENERIC_SECRET, 256, template=readable, **how)
    if mechanism is not Mechanism.AES_GCM:  # python-pkcs11 wraps with no such parameters
        with pytest.raises(PKCS11Error):
            key.wrap_key(readable_key(hsm), **how)
        with pytest.raises(PKCS11Error):
            key.unwrap_key(ObjectClass.SECRET_KEY, KeyType.AES, bytes(48), template=readable, **how)


CHANGES: dict[str, Any] = {
    **dict.fromkeys(("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "DERIVE"), True),
    **dict.fromkeys(("MODIFIABLE", "DESTROYABLE"), True),
    **dict.fromkeys(("SENSITIVE", "WRAP_WITH_TRUSTED", "TRUSTED", "PRIVATE", "TOKEN"), False),
    "WRAP_TEMPLATE": {Attribute.SENSITIVE: False},
    "UNWRAP_TEMPLATE": {Attribute.SENSITIVE: False},
    "LABEL": "another name",
}


@BOTH
@pytest.mark.parametrize("name", CHANGES)
def test_a_domain_key_cannot_be_changed(user: Any, label: str, name: str) -> None:
    key = domain.find(user, label)
    with pytest.raises(PKCS11Error):
        key[Attribute[name]] = CHANGES[name]
    assert domain.find(user, label)[Attribute.LABEL] == label


@BOTH
@pytest.mark.parametrize("name", CHANGES)
def test_a_domain_key_cannot_be_copied_as_another_key(user: Any, label: str, name: str) -> None:
    with pytest.raises(PKCS11Error):
        domain.find(user, label).copy({Attribute[name]: CHANGES[name]})


@BOTH
def test_a_domain_key_cannot_be_destroyed(user: Any, label: str) -> None:
    with pytest.raises(PKCS11Error):
        domain.find(user, label).destroy()
    assert domain.find(user, label)


def test_what_a_user_calls_a_domain_key_is_none() -> None:
    with Lab() as lab:
        hsm, token = lab.hsms.hsms[0], lab.hsms.generate(AES).token
        with writing(hsm) as session:
            for label in LABELS:
                session.generate_key(KeyType.AES, 256, store=True, label=label)
                twin = domain.find(session, label).copy({})
                assert not twin[Attribute.DECRYPT]
        again = HsmSession(hsm.device)
        assert again.decrypt(token, again.encrypt(token, b"x", b""), b"") == b"x"
        assert pairs.sign(again, CURVE, pairs.generate(again, CURVE).token, "ECDSA", "", bytes(32))


def test_a_user_cannot_make_a_trusted_key(user: Any) -> None:
    trusted = {Attribute.TRUSTED: True}
    value = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.VALUE: bytes(32),
        Attribute.TOKEN: False,
    }
    own = user.create_object(value)
    token = domain.find(user).wrap_key(
        backing.make_secret(user, AES), mechanism=Mechanism.AES_KEY_WRAP
    )
    tries = (
        lambda: user.generate_key(
            KeyType.AES, 256, capabilities=MechanismFlag.WRAP, template=trusted
        ),
        lambda: user.create_object(value | trusted),
        lambda: own.copy(trusted),
        lambda: own.__setitem__(Attribute.TRUSTED, True),
        lambda: _unwrap(domain.find(user), token, dict(BACKING_KEY) | trusted),
    )
    for each in tries:
        with pytest.raises(PKCS11Error):
            each()


# What he tries with exported key tokens.


def _unwrap(key: Any, token: bytes, template: dict[Attribute, Any], **more: Any) -> Any:
    return key.unwrap_key(
        more.pop("object_class", ObjectClass.SECRET_KEY),
        more.pop("key_type", KeyType.AES),
        token,
        mechanism=more.pop("mechanism", Mechanism.AES_KEY_WRAP),
        store=False,
        capabilities=more.pop("capabilities", MechanismFlag.DERIVE),
        template=template,
    )


def _unwrap_private(key: Any, token: bytes, template: dict[Attribute, Any], **more: Any) -> Any:
    more = {
        "object_class": ObjectClass.PRIVATE_KEY,
        "key_type": KeyType.RSA,
        "mechanism": Mechanism.AES_KEY_WRAP_PAD,
        "capabilities": MechanismFlag.DECRYPT,
        **more,
    }
    return _unwrap(key, token, template, **more)


CARELESS: dict[str, dict[Attribute, Any]] = {
    "nothing said": {},
    "readable": {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    "readable, else careful": {Attribute.SENSITIVE: False},
    "wrappable": {Attribute.EXTRACTABLE: True, Attribute.WRAP_WITH_TRUSTED: False},
    "copyable": {Attribute.COPYABLE: True},
    "changeable": {Attribute.MODIFIABLE: True},
    "silent about reading": {Attribute.SENSITIVE: DEFAULT},
    "silent about wrapping": {Attribute.WRAP_WITH_TRUSTED: DEFAULT},
}
CARELESS_SECRET = CARELESS | {
    "encrypts": {Attribute.ENCRYPT: True},
    "decrypts": {Attribute.DECRYPT: True},
    "wraps": {Attribute.WRAP: True},
    "unwraps": {Attribute.UNWRAP: True},
}


@EVERY_HSM
@pytest.mark.parametrize("careless", CARELESS_SECRET)
@pytest.mark.parametrize("key_type", [KeyType.AES, KeyType.GENERIC_SECRET])
def test_a_secret_key_does_not_unwrap_with_a_careless_template(
    lab: Lab, number: int, key_type: KeyType, careless: str
) -> None:
    hsm, changes = lab.hsms.hsms[number], CARELESS_SECRET[careless]
    template = dict(BACKING_KEY) | changes if changes else {}
    with pytest.raises(TemplateInconsistent):
        _unwrap(hsm._for_secret_keys, hsm.generate(), template, key_type=key_type)


@EVERY_HSM
@pytest.mark.parametrize("careless", CARELESS)
def test_a_private_key_does_not_unwrap_with_a_careless_template(
    lab: Lab, rsa: NewKey, number: int, careless: str
) -> None:
    hsm, changes = lab.hsms.hsms[number], CARELESS[careless]
    template = dict(PRIVATE_BACKING_KEY)
    careful = set(BACKING_KEY)
    if not changes:
        template = {name: value for name, value in template.items() if name not in careful}
    with pytest.raises(TemplateInconsistent):
        _unwrap_private(hsm._for_private_keys, rsa.token, template | changes)


@pytest.mark.parametrize("mechanism", WRAPPINGS)
@pytest.mark.parametrize("key_type", SECRET_TYPES)
@BOTH
def test_a_private_key_does_not_unwrap_as_a_secret_key(
    hsm: HsmSession, rsa: NewKey, label: str, key_type: KeyType, mechanism: Mechanism
) -> None:
    key = domain.find(hsm.pkcs11_session, label)
    for template in (dict(BACKING_KEY), {}, {Attribute.SENSITIVE: False}):
        with pytest.raises(PKCS11Error):
            _unwrap(key, rsa.token, template, key_type=key_type, mechanism=mechanism)


@pytest.mark.parametrize("mechanism", WRAPPINGS)
@pytest.mark.parametrize("key_type", PRIVATE_TYPES)
@BOTH
def test_a_secret_key_does_not_unwrap_as_a_private_key(
    hsm: HsmSession, label: str, key_type: KeyType, mechanism: Mechanism
) -> None:
    key, token = domain.find(hsm.pkcs11_session, label), known_token(hsm)
    for template in (dict(PRIVATE_BACKING_KEY), dict(BACKING_KEY), {Attribute.SENSITIVE: False}):
        with pytest.raises(PKCS11Error):
            _unwrap_private(key, token, template, key_type=key_type, mechanism=mechanism)


@pytest.mark.parametrize(
    "object_class", [ObjectClass.DATA, ObjectClass.CERTIFICATE, ObjectClass.PUBLIC_KEY]
)
def test_nothing_unwraps_as_what_anyone_may_read(
    hsm: HsmSession, rsa: NewKey, object_class: ObjectClass
) -> None:
    for label, token in ((FOR_SECRET_KEYS, hsm.generate()), (FOR_PRIVATE_KEYS, rsa.token)):
        key = domain.find(hsm.pkcs11_session, label)
        for mechanism in WRAPPINGS:
            with pytest.raises(PKCS11Error):
                _unwrap(
                    *(key, token, dict(BACKING_KEY)), object_class=object_class, mechanism=mechanism
                )


def test_a_private_key_of_one_type_does_not_unwrap_as_another(hsm: HsmSession, rsa: NewKey) -> None:
    for key_type in set(PRIVATE_TYPES) - {KeyType.RSA}:
        with pytest.raises(PKCS11Error):
            _unwrap_private(
                *(hsm._for_private_keys, rsa.token, dict(PRIVATE_BACKING_KEY)), key_type=key_type
            )


@pytest.mark.parametrize("key_type", [KeyType._DES, KeyType.DES2, KeyType.DES3])
def test_a_key_cannot_be_guessed_in_shorter_pieces(hsm: HsmSession, key_type: KeyType) -> None:
    """SoftHSM2 unwraps 32 bytes as a key of 8, 16 or 24, but then does nothing with it."""
    mechanisms = (Mechanism.DES3_CMAC, Mechanism.AES_CMAC, Mechanism.SHA256_HMAC)
    short = _unwrap(
        *(hsm._for_secret_keys, known_token(hsm), dict(BACKING_KEY)),
        key_type=key_type,
        capabilities=MechanismFlag.SIGN,
    )
    for mechanism in mechanisms:
        with pytest.raises(PKCS11Error):
            short.sign(bytes(16), mechanism=mechanism)
    own = hsm.pkcs11_session.create_object(
        {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.DES3,
            Attribute.VALUE: BACKING[:24],
            Attribute.TOKEN: False,
            Attribute.SIGN: True,
        }
    )
    assert own.sign(bytes(16), mechanism=Mechanism.DES3_CMAC)  # it works with 24 bytes


@pytest.mark.parametrize("length", [8, 16, 24])
def test_a_key_does_not_unwrap_shorter_than_it_is(hsm: HsmSession, length: int) -> None:
    for template in ({Attribute.VALUE_LEN: length}, {Attribute.VALUE: BACKING[:length]}):
        with pytest.raises(PKCS11Error):
            _unwrap(hsm._for_secret_keys, known_token(hsm), dict(BACKING_KEY) | template)


@pytest.mark.parametrize("bit", range(0, 640, 29))
def test_a_private_keys_token_with_a_flipped_bit_does_not_open(hsm: HsmSession, bit: int) -> None:
    token = bytearray(pairs.generate(hsm, CURVE).token)
    token[bit // 8] ^= 1 << bit % 8
    with pytest.raises(HsmRefused, match="token does not open"):
        pairs.sign(hsm, CURVE, bytes(token), "ECDSA", "sha256", bytes(32))


def test_tokens_of_the_two_domain_keys_are_not_taken_for_each_other(
    hsm: HsmSession, rsa: NewKey
) -> None:
    for kind, token in ((RSA, hsm.generate()), (CURVE, rsa.token), (AES, rsa.token)):
        with pytest.raises(HsmRefused, match="token does not open"):
            hsm.handle(kind, token)


# Backing keys that are in the HSM.


@EVERY_HSM
@pytest.mark.parametrize("kind", [AES, Kind("HMAC", "SIGN", 256), RSA, CURVE], ids=str)
def test_a_backing_key_cannot_be_read_copied_changed_or_taken_out(
    lab: Lab, rsa: NewKey, number: int, kind: Kind
) -> None:
    hsm = lab.hsms.hsms[number]
    token = rsa.token if kind is RSA else lab.hsms.generate(kind).token
    key, secret = hsm.handle(kind, token), not kind.is_pair
    value = Attribute.PRIVATE_EXPONENT if kind is RSA else Attribute.VALUE
    with pytest.raises(AttributeSensitive):
        key[value]
    for template in ({}, {Attribute.EXTRACTABLE: True}, {Attribute.SENSITIVE: False}):
        with pytest.raises(PKCS11Error):
            key.copy(template)
    for name in ("DECRYPT", "SIGN", "DERIVE", "EXTRACTABLE", "MODIFIABLE", "COPYABLE"):
        with pytest.raises(PKCS11Error):
            key[Attribute[name]] = True
    wrapping = (own_wrapping_key(hsm.pkcs11_session), hsm._domain_key(kind))
    for each in wrapping:
        with pytest.raises(PKCS11Error):
            each.wrap_key(key, mechanism=WRAPPINGS[not secret])


@pytest.mark.parametrize("kind", [AES, Kind("HMAC", "SIGN", 256), CURVE], ids=str)
def test_a_new_backing_key_leaves_under_its_domain_key_only(hsm: HsmSession, kind: Kind) -> None:
    session = hsm.pkcs11_session
    if kind.is_pair:
        _, made = backing.make_pair(session, kind, attributes.NEW_BACKING_KEY)
    else:
        made = backing.make_secret(session, kind)
    with pytest.raises(AttributeSensitive):
        made[Attribute.VALUE]
    for mechanism in WRAPPINGS:
        with pytest.raises(KeyNotWrappable):
            own_wrapping_key(session).wrap_key(made, mechanism=mechanism)
    for attribute in (Attribute.SENSITIVE, Attribute.WRAP_WITH_TRUSTED):
        with pytest.raises(AttributeReadOnly):
            made.copy({attribute: False})
        with pytest.raises(AttributeReadOnly):
            made[attribute] = False
    assert hsm.wrap(kind, made)


# How they come there.


def test_a_fleet_of_before_gets_the_second_key_and_loses_what_was_in_the_clear(
    tmp_path: Path,
) -> None:
    secret = os.urandom(32)
    old_fleet(tmp_path / "hsms", secret=secret)
    token = aes_key_wrap(secret, BACKING)
    assert _is_on_the_disk(tmp_path, secret)
    fleet = Fleet.open(tmp_path / "hsms", made=True)
    _assert_whole(fleet, token)
    assert not _is_on_the_disk(tmp_path, secret)
    fleet.switch_off()
    before = set(files(tmp_path))
    fleet = Fleet.open(tmp_path / "hsms", made=True)
    _assert_whole(fleet, token)
    assert set(files(tmp_path)) == before
    fleet.switch_off()


def test_a_fleet_with_two_readable_domain_keys_keeps_both(tmp_path: Path) -> None:
    secret, private = os.urandom(32), os.urandom(32)
    old_fleet(tmp_path / "hsms", secret=secret, private=private)
    fleet = Fleet.open(tmp_path / "hsms", made=True)
    _assert_whole(fleet, aes_key_wrap(secret, BACKING))
    aes_key_unwrap_with_padding(private, fleet.generate(CURVE).token)
    assert not any(_is_on_the_disk(tmp_path, key) for key in (secret, private))
    fleet.switch_off()


CUT_OFF = """
import os, signal, sys
from pathlib import Path
from kmslab.hsm import domain, fleet, trusted
left = [int(sys.argv[2])]
def counted(function):
    def step(*arguments):
        done = function(*arguments)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return step
for owner, name in (
    (trusted, "make"), (trusted, "clone"), (trusted, "keep"), (domain, "_destroy_readable"),
):
    setattr(owner, name, counted(getattr(owner, name)))
fleet.Fleet.open(Path(sys.argv[1]), made=True).switch_off()
print(left[0])
"""


@pytest.fixture(scope="module")
def of_before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The folder of a fleet of before, and its domain key."""
    folder, secret = tmp_path_factory.mktemp("before"), os.urandom(32)
    old_fleet(folder / "hsms", secret=secret)
    return folder, secret


@pytest.mark.parametrize("step", [1, 2, 4, 5, 7, 9, 13, 14])
def test_what_kill_9_cut_off_is_made_good_at_the_next_opening(
    of_before: tuple[Path, bytes], tmp_path: Path, step: int
) -> None:
    folder, secret = of_before
    shutil.copytree(folder, tmp_path / "lab")
    with start(CUT_OFF, tmp_path / "lab" / "hsms", step) as process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode == -signal.SIGKILL, output
    fleet = Fleet.open(tmp_path / "lab" / "hsms", made=True)
    _assert_whole(fleet, aes_key_wrap(secret, BACKING))
    assert not _is_on_the_disk(tmp_path / "lab", secret)
    fleet.switch_off()


def test_an_hsm_that_lost_all_it_had_gets_the_domain_keys_of_another(tmp_path: Path) -> None:
    fleet = Fleet.open(tmp_path / "hsms")
    token = fleet.generate(AES).token
    fleet.switch_off()
    _lose(tmp_path / "hsms" / "hsm-c")
    fleet = Fleet.open(tmp_path / "hsms", made=True)
    _assert_whole(fleet, token)
    fleet.switch_off()


def test_a_fleet_that_lost_its_domain_keys_gets_no_others(tmp_path: Path) -> None:
    Fleet.open(tmp_path / "hsms").switch_off()
    for name in ("hsm-a", "hsm-b", "hsm-c"):
        _lose(tmp_path / "hsms" / name)
    for _ in range(2):
        with pytest.raises(HsmRefused, match="can't be used"):
            Fleet.open(tmp_path / "hsms", made=True)


def _lose(hsm: Path) -> None:
    for file in hsm.rglob("*.object"):
        if file.name != "token.object":
            file.unlink()


def _is_on_the_disk(folder: Path, value: bytes) -> bool:
    return any(value in data for data in files(folder).values())


def _assert_whole(fleet: Fleet, token: bytes) -> None:
    """Every HSM opens this token, and makes and opens tokens of both domain keys for the others."""
    made = [pairs.generate(hsm, CURVE).token for hsm in fleet.hsms]
    for hsm in fleet.hsms:
        kept = hsm.pkcs11_session.get_objects({Attribute.TRUSTED: True})
        assert sorted(key[Attribute.LABEL] for key in kept) == sorted(LABELS)
        assert hsm.decrypt(token, fleet.encrypt(token, b"x", b""), b"") == b"x"
        for each in made:
            assert pairs.sign(hsm, CURVE, each, "ECDSA", "sha256", bytes(32))
