"""Backing keys of every kind: how an HSM makes one, wraps it as a token, and unwraps it again.

    exported key token   a backing key wrapped under a domain key: AES Key Wrap (RFC 3394) for
                         AES-256, which makes 40 bytes; with padding (RFC 5649) for the rest. It may
                         lie anywhere: any HSM of the fleet opens it, and nothing else does.

PKCS#11 wraps a private key as PKCS#8. SoftHSM2 fills what it wraps up to a multiple of 8 bytes with
zeros, and doesn't take them off again: neither DER nor HMAC (RFC 2104) minds zeros at the end. A
key pair's public half is read from the HSM when the pair is made and lies beside the token: it is
no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.hsm import attributes, der
from kmslab.hsm.attributes import Template
from kmslab.hsm.kinds import Kind, Use

_KEY_TYPES: Mapping[str, KeyType] = MappingProxyType(
    {
        "AES": KeyType.AES,
        "HMAC": KeyType.GENERIC_SECRET,
        "RSA": KeyType.RSA,
        "EC": KeyType.EC,
    }
)
_USES: Mapping[Use, MechanismFlag] = MappingProxyType(
    {
        "DERIVE": MechanismFlag.DERIVE,
        "SIGN": MechanismFlag.SIGN,
        "DECRYPT": MechanismFlag.DECRYPT,
    }
)


def wrapping(kind: Kind) -> Mechanism:
    """How a key of this kind is wrapped under its domain key."""
    return Mechanism.AES_KEY_WRAP if kind.family == "AES" else Mechanism.AES_KEY_WRAP_PAD


def make_secret(session: pkcs11.Session, kind: Kind) -> Any:
    """A new AES or HMAC key that can leave the HSM once, as a token."""
    aes = kind.family == "AES"
    return session.generate_key(
        _KEY_TYPES[kind.family],
        kind.size,
        store=False,
        mechanism=Mechanism.AES_KEY_GEN if aes else Mechanism.GENERIC_SECRET_KEY_GEN,
        capabilities=_USES[kind.use],
        template=dict(attributes.NEW_BACKING_KEY),
    )


def make_pair(session: pkcs11.Session, kind: Kind, template: Template) -> tuple[Any, Any]:
    """A new RSA or EC key pair: the public and the private key's handles."""
    if kind.family == "RSA":
        return session.generate_keypair(
            KeyType.RSA,
            kind.size,
            store=False,
            capabilities=_USES[kind.use] | MechanismFlag.VERIFY,
            private_template=dict(template),
        )
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(kind.curve)}
    domain = session.create_domain_parameters(KeyType.EC, curve, local=True)
    return domain.generate_keypair(
        store=False,
        mechanism=Mechanism.EC_KEY_PAIR_GEN,
        capabilities=_USES[kind.use] | MechanismFlag.VERIFY,
        private_template=dict(template),
    )


def is_secret(kind: Kind) -> bool:
    """Whether the domain key for secret keys wraps it, and not that for private keys."""
    return kind.family in ("AES", "HMAC")


def unwrap(domain_key: Any, kind: Kind, token: bytes, *, again: bool = False) -> Any:
    """The backing key of a token, as a session object that can do its one thing only.

    `again`: it may leave once more, wrapped under a trusted key.
    """
    secret = is_secret(kind)
    template = attributes.BACKING_KEY if secret else attributes.PRIVATE_BACKING_KEY
    extractable = {Attribute.EXTRACTABLE: True} if again else {}
    return domain_key.unwrap_key(
        ObjectClass.SECRET_KEY if secret else ObjectClass.PRIVATE_KEY,
        _KEY_TYPES[kind.family],
        token,
        mechanism=wrapping(kind),
        store=False,
        capabilities=_USES[kind.use],
        template={**template, **extractable},
    )


def admit(session: pkcs11.Session, kind: Kind, material: bytes) -> Any:
    """Key material from outside as an HSM object that can leave once, as a token.

    A secret key's own bytes, or a private key in DER (PKCS#8) that was checked to be of this kind.
    """
    if kind.family in ("AES", "HMAC"):
        value = {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: _KEY_TYPES[kind.family],
            Attribute.VALUE: material,
        }
    else:
        value = der.private_attributes(kind, material)
    return session.create_object({**value, **attributes.NEW_BACKING_KEY, Attribute.TOKEN: False})
