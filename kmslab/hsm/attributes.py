"""The PKCS#11 attributes of every key that the lab makes, and why each is set.

Words of PKCS#11 (version 2.40, section 4): a SENSITIVE key's value can't be read; an EXTRACTABLE
key can leave the HSM wrapped under another key; WRAP_WITH_TRUSTED allows for that only keys that
the security officer marked TRUSTED; WRAP_TEMPLATE and UNWRAP_TEMPLATE are attributes that whatever
a key wraps or unwraps must have.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pkcs11 import Attribute, Mechanism, ObjectClass
from pkcs11.attributes import AttributeMapper
from pkcs11.constants import DEFAULT

Template = Mapping[Attribute, Any]

# SoftHSM2 sets attributes in a template's order, and none after MODIFIABLE=False: it comes last.
_FINAL: Template = {Attribute.COPYABLE: False, Attribute.MODIFIABLE: False}
# Unwrapped under the domain key means: unreadable, wrappable only under a trusted key again, good
# for deriving and signing alone, and so for ever. Without the first two a crypto user could unwrap
# a token as a readable key; without the others he could unwrap one as a key that decrypts.
_UNWRAPPED: Template = {
    Attribute.SENSITIVE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
    **_FINAL,
}
# What private keys (RSA, elliptic curves) need instead, as they must be able to decrypt: whatever
# is unwrapped is a private key, so a secret key, the domain keys among them, never comes out.
_UNWRAPPED_PRIVATE: Template = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.SENSITIVE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    **_FINAL,
}
# What a domain key wraps: backing keys of its class alone. A domain key is TRUSTED, so it can't be
# wrapped under itself or the other one, and unwrapped as a key for anything else.
_WRAPPED: Template = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TRUSTED: False}
_WRAPPED_PRIVATE: Template = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
# SoftHSM2 wraps in CBC mode too, which would encrypt for a crypto user whatever he has as a key.
_KEY_WRAP = (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD)

# A domain key as it is made or arrives: an object in the HSM's memory. The security officer, who
# alone may mark it as TRUSTED, can't have private objects, hence PRIVATE=False.
DOMAIN_KEY: Template = {
    Attribute.PRIVATE: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.TRUSTED: True,
    Attribute.ALLOWED_MECHANISMS: _KEY_WRAP,
    Attribute.WRAP_TEMPLATE: _WRAPPED,
    Attribute.UNWRAP_TEMPLATE: _UNWRAPPED,
}
PRIVATE_DOMAIN_KEY: Template = {
    **DOMAIN_KEY,
    Attribute.WRAP_TEMPLATE: _WRAPPED_PRIVATE,
    Attribute.UNWRAP_TEMPLATE: _UNWRAPPED_PRIVATE,
}
# What the crypto user's copy of it, the one that stays, has besides: only PRIVATE objects lie
# encrypted on the disk. Without MODIFIABLE=False he could give DECRYPT to it, or to one more copy,
# and take tokens apart with that; a copy of what can't be modified is the same key once more.
DOMAIN_KEY_AT_REST: Template = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.DESTROYABLE: False,
    Attribute.MODIFIABLE: False,
}
# The key that two security officers agree on to clone the domain key; lives for milliseconds.
TRANSPORT_KEY: Template = {
    Attribute.PRIVATE: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.TRUSTED: True,
}
AGREEMENT_KEY: Template = {Attribute.PRIVATE: False}
# A backing key leaves its HSM once: as an exported key token, wrapped under the domain key.
NEW_BACKING_KEY: Template = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
}
BACKING_KEY: Template = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.WRAP_WITH_TRUSTED: True,
    **_FINAL,
}
# DEFAULT: what C_UnwrapKey must not set on a private key, though python-pkcs11 does so for secret
# keys. SIGN_RECOVER is what SoftHSM2 would set by itself.
PRIVATE_BACKING_KEY: Template = {
    Attribute.ENCRYPT: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.SIGN_RECOVER: False,
    **BACKING_KEY,
}
# A key pair that goes to the caller at once (GenerateDataKeyPair): the only readable kind.
DATA_KEY_PAIR: Template = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
# PKCS#11 2.40 has no template that would make a crypto user derive keys like this one only: who may
# use a backing key may also have what is derived from it, as he may have each plaintext.
DERIVED_KEY: Template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


class _Attribute(ctypes.Structure):
    """CK_ATTRIBUTE: type, pointer to the value, its length."""

    _fields_ = (("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("size", ctypes.c_ulong))


# What the pointers of a packed template point to, so they must stay.
_FLAGS = MappingProxyType({flag: ctypes.c_ubyte(flag) for flag in (True, False)})
_CLASSES = MappingProxyType(
    {each: ctypes.c_ulong(each) for each in (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)}
)


def _pack_template(template: Template) -> bytes:
    """An array of CK_ATTRIBUTE; of values, those that the lab's nested templates need."""
    values = [
        (name, _FLAGS[value] if isinstance(value, bool) else _CLASSES[value])
        for name, value in template.items()
    ]
    items = [
        _Attribute(int(name), ctypes.addressof(value), ctypes.sizeof(value))
        for name, value in values
    ]
    return bytes((_Attribute * len(items))(*items))


def _pack_mechanisms(mechanisms: Sequence[Mechanism]) -> bytes:
    return bytes((ctypes.c_ulong * len(mechanisms))(*mechanisms))


def mapper() -> AttributeMapper:
    """python-pkcs11's attribute mapper, taught what it can't pack: nested templates and lists."""
    attributes = AttributeMapper()
    attributes.register_handler(Attribute.ALLOWED_MECHANISMS, _pack_mechanisms, bytes)
    for name in (Attribute.WRAP_TEMPLATE, Attribute.UNWRAP_TEMPLATE):
        attributes.register_handler(name, _pack_template, bytes)
    return attributes
