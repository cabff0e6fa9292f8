"""The domain keys: AES-256 keys that all HSMs of a fleet share and none ever shows.

There are two, since PKCS#11 ties what may be wrapped and unwrapped to the key it is done with: one
for secret keys, one for private keys (why, stands in attributes.py).

A rotation replaces both: each new pair is a generation, which an object's CKA_ID names ("2", "3" …;
the first one's is empty). During a rotation an HSM has two generations (rotation.py).

Making one takes both roles, in turn. The security officer makes it in the HSM's memory, as he alone
may mark it as trusted. The crypto user keeps a copy, as only his objects lie encrypted on the disk.

Cloning one to another HSM, without it being outside an HSM in the clear at any time:

    HSM a                                          HSM b
    officer makes a P-256 key pair ── its point ─▶ officer makes a P-256 key pair
                                   ◀─ its point ──
    ECDH ▶ transport key                           ECDH ▶ the same transport key
    user wraps the domain key      ── 40 bytes ──▶ officer unwraps it, user keeps a copy

Real KMS does the same with P-384 and signs the points, so that nobody can sit between two HSMs
(AWS KMS Cryptographic Details, "Domain keys"). Here both HSMs are in one process, and what passes
between them never leaves this function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import NoSuchKey
from pkcs11.mechanisms import KDF
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.hsm.attributes import (
    AGREEMENT_KEY,
    DOMAIN_KEY,
    DOMAIN_KEY_AT_REST,
    PRIVATE_DOMAIN_KEY,
    TRANSPORT_KEY,
    Template,
)
from kmslab.hsm.device import Device

FOR_SECRET_KEYS, FOR_PRIVATE_KEYS = "domain key", "domain key for private keys"
_TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {FOR_SECRET_KEYS: DOMAIN_KEY, FOR_PRIVATE_KEYS: PRIVATE_DOMAIN_KEY}
)
_CAPABILITIES = MechanismFlag.WRAP | MechanismFlag.UNWRAP


def found(devices: Sequence[Device]) -> None:
    """Gives the HSMs of a new fleet its domain keys."""
    for label in _TEMPLATES:
        _make(devices[0], label)
    supply(devices)


def bring(devices: Sequence[Device], generation: int) -> None:
    """Gives the HSMs of a fleet domain keys of a new generation; the old ones stay."""
    for label in _TEMPLATES:
        if not any(_has(device, label, generation) for device in devices):
            _make(devices[0], label, generation)
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
        _make(devices[0], FOR_PRIVATE_KEYS)
    for target in devices:
        for label in _missing(target, generation):
            others = (device for device in devices if device is not target)
            source = next((each for each in others if _has(each, label, generation)), None)
            if source:
                _clone(source, target, label, generation)
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
                key = _arrive(opening, data, label, generation)
                opening.destroy()
            _keep(device, key)


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


def _name(generation: int) -> dict[str, Any]:
    """CKA_ID of a generation's keys, as python-pkcs11 takes it."""
    return {} if generation == 1 else {"id": b"%d" % generation}


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


def _make(device: Device, label: str, generation: int = 1) -> None:
    with device.lock, device.meeting() as meeting:
        with device.officer():
            key = meeting.generate_key(
                KeyType.AES,
                256,
                store=False,
                label=label,
                capabilities=_CAPABILITIES,
                template=dict(_TEMPLATES[label]),
                **_name(generation),
            )
        _keep(device, key)


def _clone(source: Device, target: Device, label: str, generation: int) -> None:
    """Gives `target` a domain key of `source`."""
    with source.lock, target.lock, source.meeting() as here, target.meeting() as there:
        with source.officer(), target.officer():
            (own_public, own_private), (public, private) = _key_pair(here), _key_pair(there)
            sealing = _agree(own_private, public, MechanismFlag.WRAP)
            opening = _agree(private, own_public, MechanismFlag.UNWRAP)
        with source.user():
            domain_key = find(here, label, generation)
            wrapped = sealing.wrap_key(domain_key, mechanism=Mechanism.AES_KEY_WRAP)
        with target.officer():
            key = _arrive(opening, wrapped, label, generation)
        _keep(target, key)


def _arrive(opening: Any, wrapped: bytes, label: str, generation: int) -> Any:
    """A domain key that was wrapped for this HSM, in its memory; the security officer's work."""
    return opening.unwrap_key(
        ObjectClass.SECRET_KEY,
        KeyType.AES,
        wrapped,
        mechanism=Mechanism.AES_KEY_WRAP,
        store=False,
        label=label,
        capabilities=_CAPABILITIES,
        template=dict(_TEMPLATES[label]),
        **_name(generation),
    )


def _keep(device: Device, key: Any) -> None:
    with device.user():
        key.copy(dict(DOMAIN_KEY_AT_REST))


def _key_pair(session: pkcs11.Session) -> tuple[Any, Any]:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    return session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
        mechanism=Mechanism.EC_KEY_PAIR_GEN,
        capabilities=MechanismFlag.DERIVE,
        public_template=dict(AGREEMENT_KEY),
        private_template=dict(AGREEMENT_KEY),
    )


def _agree(private: Any, public: Any, capability: MechanismFlag) -> Any:
    return private.derive_key(
        KeyType.AES,
        256,
        mechanism_param=(KDF.NULL, None, public[Attribute.EC_POINT]),
        capabilities=capability,
        template=dict(TRANSPORT_KEY),
    )
