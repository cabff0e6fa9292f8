"""The domain key: one AES-256 key that all HSMs of a fleet share and none ever shows.

Cloning it to a new HSM, without it being outside an HSM in the clear at any time:

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

from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.mechanisms import KDF
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.hsm.attributes import AGREEMENT_KEY, DOMAIN_KEY, TRANSPORT_KEY
from kmslab.hsm.device import Device

LABEL = "domain key"


def make(device: Device) -> None:
    """Makes a domain key in the first HSM of a fleet."""
    with device.lock, device.officer() as officer:
        officer.generate_key(
            KeyType.AES,
            256,
            store=True,
            label=LABEL,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template=dict(DOMAIN_KEY),
        )


def clone(source: Device, target: Device) -> None:
    """Gives `target` the domain key of `source`."""
    with source.lock, target.lock, source.officer() as giver, target.officer() as taker:
        giver_public, giver_private = _key_pair(giver)
        taker_public, taker_private = _key_pair(taker)
        sealing = _agree(giver_private, taker_public, MechanismFlag.WRAP)
        opening = _agree(taker_private, giver_public, MechanismFlag.UNWRAP)
        wrapped = sealing.wrap_key(find(giver), mechanism=Mechanism.AES_KEY_WRAP)
        opening.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            wrapped,
            mechanism=Mechanism.AES_KEY_WRAP,
            store=True,
            label=LABEL,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template=dict(DOMAIN_KEY),
        )


def find(session: pkcs11.Session) -> Any:
    """The domain key's handle in this session's HSM: it can wrap and unwrap, and not be read."""
    return session.get_key(label=LABEL, object_class=ObjectClass.SECRET_KEY)


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
