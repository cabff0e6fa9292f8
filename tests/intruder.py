"""The crypto user of an HSM as an attacker: he has the PIN, all of PKCS#11, and some known keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from expect import known_key
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, _pkcs11

from kmslab.hsm.attributes import _FINAL, _UNWRAPPED, _UNWRAPPED_PRIVATE, DOMAIN_KEY, mapper
from kmslab.hsm.device import Device, provision
from kmslab.hsm.domain import FOR_PRIVATE_KEYS, FOR_SECRET_KEYS
from kmslab.hsm.fleet import NAMES
from kmslab.hsm.session import HsmSession

BACKING = bytes(range(32))


class _Anything(
    _pkcs11.EncryptMixin,
    _pkcs11.DecryptMixin,
    _pkcs11.SignMixin,
    _pkcs11.WrapMixin,
    _pkcs11.UnwrapMixin,
    _pkcs11.DeriveMixin,
    _pkcs11.SecretKey,
    _pkcs11.Object,
):
    """A key with every method; python-pkcs11 itself offers those that the key's attributes name."""


def anything(key: Any) -> Any:
    """A key of which all may be asked, so that the HSM is what refuses."""
    return _Anything(key.wrapper)


def readable_key(hsm: HsmSession, value: bytes = BACKING) -> Any:
    """A key that may be read, made by the crypto user."""
    return known_key(hsm.pkcs11_session, value)


def known_token(hsm: HsmSession, value: bytes = BACKING) -> bytes:
    """An exported key token of a backing key whose bytes are known."""
    token: bytes = hsm._for_secret_keys.wrap_key(
        readable_key(hsm, value), mechanism=Mechanism.AES_KEY_WRAP
    )
    return token


def own_wrapping_key(session: Any) -> Any:
    """A key of the user's own, under which he would take other keys out, and decrypt them."""
    return session.generate_key(
        KeyType.AES, 256, store=False, capabilities=MechanismFlag.WRAP | MechanismFlag.DECRYPT
    )


@contextmanager
def writing(hsm: HsmSession) -> Iterator[Any]:
    """The crypto user in a session that may write to the token; the HSM is of no use afterwards."""
    hsm.pkcs11_session.close()
    token, pin = hsm.device._on(), hsm.device._pins.user
    with token.open(rw=True, user_pin=pin, attribute_mapper=mapper()) as session:
        yield session


def readable_domain_key(device: Device, label: str, value: bytes) -> None:
    """A domain key as fleets had it before: the security officer's, in the clear on the disk."""
    templates = {FOR_SECRET_KEYS: _UNWRAPPED, FOR_PRIVATE_KEYS: _UNWRAPPED_PRIVATE}
    attributes = dict(DOMAIN_KEY)
    del attributes[Attribute.WRAP_TEMPLATE]
    with device.officer() as officer:
        officer.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.VALUE: value,
                Attribute.TOKEN: True,
                Attribute.LABEL: label,
                Attribute.WRAP: True,
                Attribute.UNWRAP: True,
                **attributes,
                Attribute.UNWRAP_TEMPLATE: templates[label],
                **_FINAL,
            }
        )


def old_fleet(folder: Path, **keys: bytes) -> None:
    """Makes the HSMs of a fleet of before, with these domain keys in all three of them."""
    labels = {"secret": FOR_SECRET_KEYS, "private": FOR_PRIVATE_KEYS}
    for name in NAMES:
        provision(folder / name)
        device = Device(folder / name)
        for kind, value in keys.items():
            readable_domain_key(device, labels[kind], value)
        device.switch_off()
