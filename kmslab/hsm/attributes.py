"""The PKCS#11 attributes of every key that the lab makes, and why each is set.

Words of PKCS#11 (version 2.40, section 4): a SENSITIVE key's value can't be read; an EXTRACTABLE
key can leave the HSM wrapped under another key; WRAP_WITH_TRUSTED allows for that only keys that
the security officer marked TRUSTED; UNWRAP_TEMPLATE sets attributes that whatever is unwrapped
with a key must have.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from pkcs11 import Attribute, ObjectClass
from pkcs11.attributes import AttributeMapper
from pkcs11.constants import DEFAULT

Template = Mapping[Attribute, Any]

# SoftHSM2 sets attributes in a template's order, and none after MODIFIABLE=False: it comes last.
_FINAL: Template = {Attribute.COPYABLE: False, Attribute.MODIFIABLE: False}
# Unwrapped under the domain key means: unreadable, wrappable only under a trusted key again, good
# for derivation alone, and so for ever. Without the first two a crypto user could unwrap a token as
# a readable key. Without the others he could wrap the domain key under itself, unwrap that as a key
# for decryption, and take tokens apart with it.
_UNWRAPPED: Template = {
    Attribute.SENSITIVE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
    **_FINAL,
}

# PRIVATE=False lets the security officer, who never sees private objects, clone it. Without _FINAL
# a crypto user could give DECRYPT to it, or to a copy of it, and take tokens apart with that.
DOMAIN_KEY: Template = {
    Attribute.PRIVATE: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.TRUSTED: True,
    Attribute.UNWRAP_TEMPLATE: _UNWRAPPED,
    **_FINAL,
}
# For private keys (RSA, elliptic curves), which must be able to decrypt: whatever is unwrapped with
# this one must be a private key, so a secret key, the domain keys among them, never comes out.
_UNWRAPPED_PRIVATE: Template = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.SENSITIVE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    **_FINAL,
}
PRIVATE_DOMAIN_KEY: Template = {
    name: _UNWRAPPED_PRIVATE if name == Attribute.UNWRAP_TEMPLATE else value
    for name, value in DOMAIN_KEY.items()
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
# What C_UnwrapKey must not set on a private key, though python-pkcs11 does so for secret keys.
PRIVATE_BACKING_KEY: Template = {
    **BACKING_KEY,
    Attribute.ENCRYPT: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.DERIVE: DEFAULT,
}
# A key pair that goes to the caller at once (GenerateDataKeyPair): the only readable kind.
DATA_KEY_PAIR: Template = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
DERIVED_KEY: Template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


class _Attribute(ctypes.Structure):
    """CK_ATTRIBUTE: type, pointer to the value, its length."""

    _fields_ = (("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("size", ctypes.c_ulong))


# What the pointers of a packed template point to, so they must stay.
_FALSE, _TRUE = ctypes.c_ubyte(0), ctypes.c_ubyte(1)
_PRIVATE_KEY = ctypes.c_ulong(ObjectClass.PRIVATE_KEY)


def _value(value: Any) -> ctypes.c_ubyte | ctypes.c_ulong:
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if value is ObjectClass.PRIVATE_KEY:
        return _PRIVATE_KEY
    raise ValueError(f"a nested template takes True, False and PRIVATE_KEY, not {value!r}")


def _pack_template(template: Template) -> bytes:
    """An array of CK_ATTRIBUTE; of values, those that the lab's nested templates need."""
    values = [(name, _value(value)) for name, value in template.items()]
    items = [
        _Attribute(int(name), ctypes.addressof(value), ctypes.sizeof(value))
        for name, value in values
    ]
    return bytes((_Attribute * len(items))(*items))


def mapper() -> AttributeMapper:
    """python-pkcs11's attribute mapper, taught UNWRAP_TEMPLATE, which it can't pack by itself."""
    attributes = AttributeMapper()
    attributes.register_handler(Attribute.UNWRAP_TEMPLATE, _pack_template, bytes)
    return attributes
