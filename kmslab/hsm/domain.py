"""The domain keys: AES-256 keys that all HSMs of a fleet share and none ever shows.

There are two, since PKCS#11 ties what may be unwrapped to the key it is unwrapped with: one for
secret keys, one for private keys (why, stands in attributes.py).

Cloning one to a new HSM, without it being outside an HSM in the clear at any time:

    HSM a (security officer)                      HSM b (security officer)
    makes a P-256 key pair  ──── its point ────▶  makes a P-256 key pair
                            ◀─── its point ─────
    ECDH ▶ transport key                          ECDH ▶ the same transport key
    wraps the domain key    ──── 40 bytes ─────▶  unwraps it

Real KMS does the same with P-384 and signs the points, so that nobody can sit between two HSMs
(AWS KMS Cryptographic Details, "Domain keys"). Here both HSMs are in one process, and what passes
between them never leaves this function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.mechanisms import KDF
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.hsm.attributes import (
    AGREEMENT_KEY,
    DOMAIN_KEY,
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


def supply(devices: Sequence[Device]) -> None:
    """Gives a fleet the domain keys that it has not: to a new one both, to an old one the second.

    The first HSM makes a key, each HSM clones it to the next; it is the last to have it, so what
    was cut off by `kill -9` is done again.
    """
    if not _missing(devices[-1]):
        return
    _make(devices[0], _missing(devices[0]))
    for source, target in pairwise(devices):
        _clone(source, target, _missing(target))


def find(session: pkcs11.Session, label: str = FOR_SECRET_KEYS) -> Any:
    """A domain key's handle in this session's HSM: it can wrap and unwrap, and not be read."""
    return session.get_key(label=label, object_class=ObjectClass.SECRET_KEY)


def _missing(device: Device) -> list[str]:
    with device.lock, device.user() as user:
        names = {key[Attribute.LABEL] for key in user.get_objects({Attribute.TRUSTED: True})}
    return [label for label in _TEMPLATES if label not in names]


def _make(device: Device, labels: Sequence[str]) -> None:
    with device.lock, device.officer() as officer:
        for label in labels:
            officer.generate_key(
                KeyType.AES,
                256,
                store=True,
                label=label,
                capabilities=_CAPABILITIES,
                template=dict(_TEMPLATES[label]),
            )


def _clone(source: Device, target: Device, labels: Sequence[str]) -> None:
    """Gives `target` domain keys of `source`."""
    with source.lock, target.lock, source.officer() as giver, target.officer() as taker:
        giver_public, giver_private = _key_pair(giver)
        taker_public, taker_private = _key_pair(taker)
        sealing = _agree(giver_private, taker_public, MechanismFlag.WRAP)
        opening = _agree(taker_private, giver_public, MechanismFlag.UNWRAP)
        for label in labels:
            opening.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                sealing.wrap_key(find(giver, label), mechanism=Mechanism.AES_KEY_WRAP),
                mechanism=Mechanism.AES_KEY_WRAP,
                store=True,
                label=label,
                capabilities=_CAPABILITIES,
                template=dict(_TEMPLATES[label]),
            )


def _key_pair(officer: pkcs11.Session) -> tuple[Any, Any]:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    return officer.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
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
