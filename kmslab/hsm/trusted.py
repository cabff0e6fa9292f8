"""Keys that wrap other keys, and that whole groups of HSMs share: domain keys, cluster keys.

Making one takes both roles, in turn. The security officer makes it in the HSM's memory, as he alone
may mark it as trusted. The crypto user keeps a copy, as only his objects lie encrypted on the disk.

Cloning one to another HSM, without it being outside an HSM in the clear at any time:

    HSM a                                          HSM b
    officer makes a P-256 key pair ── its point ─▶ officer makes a P-256 key pair
                                   ◀─ its point ──
    ECDH ▶ transport key                           ECDH ▶ the same transport key
    user wraps the shared key      ── 40 bytes ──▶ officer unwraps it, user keeps a copy

Real KMS does the same with P-384 and signs the points, so that nobody can sit between two HSMs
(AWS KMS Cryptographic Details, "Domain keys"). Here both HSMs are in one process, and what passes
between them never leaves this function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.mechanisms import KDF
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.hsm.attributes import AGREEMENT_KEY, DOMAIN_KEY_AT_REST, TRANSPORT_KEY, Template
from kmslab.hsm.device import Device

_CAPABILITIES = MechanismFlag.WRAP | MechanismFlag.UNWRAP


@dataclass(frozen=True, slots=True)
class Form:
    """What such a key is in an HSM: its CKA_LABEL, its attributes, its CKA_ID if it has one."""

    label: str
    template: Template
    id: bytes | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """As python-pkcs11 takes it. An id of None would crash the process."""
        named = {} if self.id is None else {"id": self.id}
        return {
            "store": False,
            "label": self.label,
            "capabilities": _CAPABILITIES,
            "template": dict(self.template),
            **named,
        }


def make(device: Device, form: Form) -> None:
    """Makes a key of this form in an HSM."""
    with device.lock, device.meeting() as meeting:
        with device.officer():
            key = meeting.generate_key(KeyType.AES, 256, **form.attributes)
        keep(device, key)


def clone(
    source: Device, target: Device, find: Callable[[pkcs11.Session], Any], form: Form
) -> None:
    """Gives `target` the key that `find` finds in `source`, in this form."""
    with source.lock, target.lock, source.meeting() as here, target.meeting() as there:
        with source.officer(), target.officer():
            (own_public, own_private), (public, private) = _key_pair(here), _key_pair(there)
            sealing = _agree(own_private, public, MechanismFlag.WRAP)
            opening = _agree(private, own_public, MechanismFlag.UNWRAP)
        with source.user():
            wrapped = sealing.wrap_key(find(here), mechanism=Mechanism.AES_KEY_WRAP)
        with target.officer():
            key = arrive(opening, wrapped, form)
        keep(target, key)


def arrive(opening: Any, wrapped: bytes, form: Form) -> Any:
    """A key that was wrapped for this HSM, in its memory; the security officer's work."""
    return opening.unwrap_key(
        ObjectClass.SECRET_KEY,
        KeyType.AES,
        wrapped,
        mechanism=Mechanism.AES_KEY_WRAP,
        **form.attributes,
    )


def keep(device: Device, key: Any) -> None:
    """The crypto user keeps a copy of what is in the HSM's memory."""
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
