"""The cluster key: an AES-256 key that every HSM of a cluster has and none ever shows.

Token keys travel from one HSM of a cluster to the others, and into backups, wrapped under it. It
belongs to a backup history: a cluster that is made from a backup gets the same one. It is made in
the factory, an HSM of the lab that stands for what the manufacturer and AWS build into the
hardware, and cloned into each new HSM by ECDH, as `hsm/domain.py` does it:

    factory                                        new HSM
    officer makes a P-256 key pair ── its point ─▶ officer makes a P-256 key pair
                                   ◀─ its point ──
    ECDH ▶ transport key                           ECDH ▶ the same transport key
    user wraps the cluster key     ── 40 bytes ──▶ officer unwraps it, user keeps a copy

In the factory it can be wrapped under a trusted key; in an HSM of a cluster not at all. With real
HSMs, a persistent backup key is derived from two keys, one built in by the manufacturer and one by
AWS, so that only hardware of both opens a backup ("AWS CloudHSM cluster backups").
"""

from __future__ import annotations

from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.mechanisms import KDF
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.hsm.attributes import (
    AGREEMENT_KEY,
    DOMAIN_KEY_AT_REST,
    TRANSPORT_KEY,
    Template,
)
from kmslab.hsm.device import Device

_CAPABILITIES = MechanismFlag.WRAP | MechanismFlag.UNWRAP
# As a domain key, but for what it unwraps: whatever is sensitive, for the uses it was made for.
CLUSTER_KEY: Template = {
    Attribute.PRIVATE: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.TRUSTED: True,
    Attribute.ALLOWED_MECHANISMS: (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD),
    Attribute.UNWRAP_TEMPLATE: {Attribute.SENSITIVE: True},
}
IN_CLUSTER: Template = {**CLUSTER_KEY, Attribute.EXTRACTABLE: False}


def label(history: str) -> str:
    """What the cluster key of a backup history is called in an HSM."""
    return f"cluster key {history}"


def find(session: pkcs11.Session, name: str) -> Any:
    """A cluster key's handle, or None. Only the security officer marks a key as trusted, so none
    that a user made passes for it."""
    template = {Attribute.LABEL: name, Attribute.TRUSTED: True, Attribute.PRIVATE: True}
    return next(iter(list(session.get_objects(template))), None)


def make(device: Device, name: str) -> None:
    """Makes a cluster key in the factory, unless it is there."""
    with device.lock, device.meeting() as meeting:
        with device.user():
            if find(meeting, name) is not None:
                return
        with device.officer():
            key = meeting.generate_key(
                KeyType.AES,
                256,
                store=False,
                label=name,
                capabilities=_CAPABILITIES,
                template=dict(CLUSTER_KEY),
            )
        _keep(device, key)


def clone(source: Device, target: Device, name: str) -> None:
    """Gives a new HSM the cluster key that the factory has."""
    with source.lock, target.lock, source.meeting() as here, target.meeting() as there:
        with source.officer(), target.officer():
            (own_public, own_private), (public, private) = _key_pair(here), _key_pair(there)
            sealing = _agree(own_private, public, MechanismFlag.WRAP)
            opening = _agree(private, own_public, MechanismFlag.UNWRAP)
        with source.user():
            wrapped = sealing.wrap_key(find(here, name), mechanism=Mechanism.AES_KEY_WRAP)
        with target.officer():
            key = opening.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                wrapped,
                mechanism=Mechanism.AES_KEY_WRAP,
                store=False,
                label=name,
                capabilities=_CAPABILITIES,
                template=dict(IN_CLUSTER),
            )
        _keep(target, key)


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
