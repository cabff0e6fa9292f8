"""The domain keys: AES-256 keys that all HSMs of a fleet share and none ever shows.

There are two, since PKCS#11 ties what may be wrapped and unwrapped to the key it is done with: one
for secret keys, one for private keys (why, stands in attributes.py).

A rotation replaces both: each new pair is a generation, which an object's CKA_ID names ("2", "3" …;
the first one's is empty). During a rotation an HSM has two generations (rotation.py).

How they are made and cloned: `trusted.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import NoSuchKey

from kmslab.hsm import trusted
from kmslab.hsm.attributes import DOMAIN_KEY, PRIVATE_DOMAIN_KEY, TRANSPORT_KEY, Template
from kmslab.hsm.device import Device
from kmslab.hsm.trusted import Form

FOR_SECRET_KEYS, FOR_PRIVATE_KEYS = "domain key", "domain key for private keys"
_TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {FOR_SECRET_KEYS: DOMAIN_KEY, FOR_PRIVATE_KEYS: PRIVATE_DOMAIN_KEY}
)


def found(devices: Sequence[Device]) -> None:
    """Gives the HSMs of a new fleet its domain keys."""
    for label in _TEMPLATES:
        trusted.make(devices[0], _form(label))
    supply(devices)


def bring(devices: Sequence[Device], generation: int) -> None:
    """Gives the HSMs of a fleet domain keys of a new generation; the old ones stay."""
    for label in _TEMPLATES:
        if not any(_has(device, label, generation) for device in devices):
            trusted.make(devices[0], _form(label, generation))
    supply(devices, generation)


def supply(devices: Sequence[Device], generation: int = 1) -> None:
    """Gives each HSM of a fleet the domain keys that another one has.

    Fleets of before had one key only, which lay on the disk in the clear: the second one is made
    now, the first one cloned once more, and the old object destroyed. The last HSM is the last to
    be supplied, so what was cut off by `kill -9` is done again.
    """
    if not devices:
        return
    readable = generation == 1 and _labels(devices[-1], private=False)
    if not any(_missing(device, generation) for device in devices) and not readable:
        return
    if generation == 1 and not any(_has(device, FOR_PRIVATE_KEYS) for device in devices):
        trusted.make(devices[0], _form(FOR_PRIVATE_KEYS))
    for target in devices:
        for label in _missing(target, generation):
            others = (device for device in devices if device is not target)
            source = next((each for each in others if _has(each, label, generation)), None)
            if source:
                found = partial(find, label=label, generation=generation)
                trusted.clone(source, target, found, _form(label, generation))
        _destroy_readable(target)


def find(session: pkcs11.Session, label: str = FOR_SECRET_KEYS, generation: int = 0) -> Any:
    """A domain key's handle in this session's HSM: it can wrap and unwrap, and not be read.

    Of this generation, or of the oldest that is there. Only the security officer marks a key as
    trusted, so none that a user made passes for it.
    """
    kept = session.get_objects({Attribute.LABEL: label, Attribute.TRUSTED: True})
    found = sorted(((_generation(key), number, key) for number, key in enumerate(list(kept))))
    for each, _, key in found:
        if generation in (0, each):
            return key
    raise NoSuchKey(f"no {label}")


def generations(device: Device) -> set[int]:
    """The generations of the domain keys in an HSM."""
    with device.lock, device.user() as user:
        return {_generation(key) for key in list(user.get_objects({Attribute.TRUSTED: True}))}


def open_backup(
    device: Device, backup_key: bytes, wrapped: Mapping[str, bytes], generation: int
) -> None:
    """Brings domain keys into a new HSM that were wrapped under a backup key."""
    for label, data in wrapped.items():
        with device.lock, device.meeting() as meeting:
            with device.officer():
                opening = _backup_key(meeting, backup_key, Attribute.UNWRAP)
                key = trusted.arrive(opening, data, _form(label, generation))
                opening.destroy()
            trusted.keep(device, key)


def make_backup(device: Device, backup_key: bytes, generation: int) -> dict[str, bytes]:
    """An HSM's domain keys, wrapped under a backup key: by label, 40 bytes each.

    The security officer brings the backup key as a trusted key that is gone with the meeting.
    """
    with device.lock, device.meeting() as meeting:
        with device.officer():
            sealing = _backup_key(meeting, backup_key, Attribute.WRAP)
        with device.user():
            return {
                label: sealing.wrap_key(
                    find(meeting, label, generation), mechanism=Mechanism.AES_KEY_WRAP
                )
                for label in _TEMPLATES
            }


def _backup_key(session: pkcs11.Session, value: bytes, use: Attribute) -> Any:
    return session.create_object(
        {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.VALUE: value,
            Attribute.TOKEN: False,
            use: True,
            **TRANSPORT_KEY,
        }
    )


def _generation(key: Any) -> int:
    return int(key[Attribute.ID] or b"1")


def _form(label: str, generation: int = 1) -> Form:
    """A generation's domain key; the first generation's has no CKA_ID."""
    return Form(label, _TEMPLATES[label], None if generation == 1 else b"%d" % generation)


def _labels(device: Device, *, private: bool, generation: int = 1) -> set[str]:
    """The labels of the domain keys in an HSM that are as they should be, or those of before."""
    template = {Attribute.TRUSTED: True, Attribute.PRIVATE: private}
    with device.lock, device.user() as user:
        kept = list(user.get_objects(template))
        return {key[Attribute.LABEL] for key in kept if _generation(key) == generation}


def _missing(device: Device, generation: int) -> list[str]:
    kept = _labels(device, private=True, generation=generation)
    return [label for label in _TEMPLATES if label not in kept]


def _has(device: Device, label: str, generation: int = 1) -> bool:
    return any(
        label in _labels(device, private=private, generation=generation)
        for private in (True, False)
    )


def _destroy_readable(device: Device) -> None:
    """Destroys domain keys of before, which lie on the disk in the clear."""
    template = {Attribute.TRUSTED: True, Attribute.PRIVATE: False}
    with device.lock, device.meeting() as meeting, device.user():
        for key in list(meeting.get_objects(template)):
            key.destroy()
