"""Which attribute stopped a call, found out after the HSM refused it.

PKCS#11's return value says why a call failed, and the attributes of the keys in it say which of
them that was. Nothing here decides: the HSM did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkcs11 import Attribute

from kmslab.hsm.guided.refusal import Because

if TYPE_CHECKING:
    from kmslab.hsm.guided.key import Key

Reasons = Mapping[str, str]  # by return value
_ONE_WAY = {
    Attribute.SENSITIVE: "once True, for ever",
    Attribute.EXTRACTABLE: "once False, for ever",
    Attribute.WRAP_WITH_TRUSTED: "once True, for ever",
    Attribute.TRUSTED: "the security officer alone sets it",
    Attribute.MODIFIABLE: "it is set when the key is made",
}


def of_reading(key: Key) -> str:
    """Why a value is not shown."""
    if key.flag(Attribute.SENSITIVE):
        return "SENSITIVE=True"
    return "EXTRACTABLE=False" if key.flag(Attribute.EXTRACTABLE) is False else ""


def of_setting(asked: Mapping[Attribute, Any]) -> Reasons:
    """Why an attribute is not set."""
    name = next(iter(asked))
    more = _ONE_WAY.get(name, "it can't be changed once the key is made")
    return {
        "CKR_ATTRIBUTE_READ_ONLY": f"{name.name}: {more}",
        "CKR_ACTION_PROHIBITED": "MODIFIABLE=False",
    }


def of_copying(key: Key, asked: Mapping[Attribute, Any]) -> Because:
    """Why a key is not copied: the first attribute asked for that the copy may not have."""

    def because(name: str) -> str:
        if name == "CKR_ACTION_PROHIBITED":
            return "COPYABLE=False"
        if key.flag(Attribute.MODIFIABLE) is False:
            return "MODIFIABLE=False: a copy has the same attributes"
        kept = {each: key.flag(each) for each in asked}
        changed = [each for each in _ONE_WAY if each in asked and asked[each] != kept[each]]
        changed += [each for each in asked if each not in changed]
        return f"{changed[0].name}: {_ONE_WAY.get(changed[0], 'not in a copy')}" if changed else ""

    return because


def of_wrapping(wrapping: Key) -> Reasons:
    """Why a key is not wrapped: the key's own attribute, or that of the key it is wrapped under."""
    template = "WRAP_TEMPLATE: what the wrapping key wraps must fit it"
    trusted = wrapping.flag(Attribute.TRUSTED)
    return {
        "CKR_KEY_UNEXTRACTABLE": "EXTRACTABLE=False",
        "CKR_KEY_NOT_WRAPPABLE": template
        if trusted
        else "WRAP_WITH_TRUSTED=True: the wrapping key has TRUSTED=False",
        "CKR_KEY_FUNCTION_NOT_PERMITTED": "WRAP=False: of the wrapping key",
        "CKR_MECHANISM_INVALID": "ALLOWED_MECHANISMS: of the wrapping key, or SoftHSM2 lacks it",
    }


def of_unwrapping() -> Reasons:
    """Why a wrapped key is not taken in."""
    return {
        "CKR_TEMPLATE_INCONSISTENT": "UNWRAP_TEMPLATE: what the key unwraps must have these",
        "CKR_KEY_FUNCTION_NOT_PERMITTED": "UNWRAP=False: of the wrapping key",
        "CKR_MECHANISM_INVALID": "ALLOWED_MECHANISMS: of the wrapping key, or SoftHSM2 lacks it",
        "CKR_GENERAL_ERROR": ": the integrity check of AES Key Wrap fails",
    }


def of_using(what: str) -> Reasons:
    """Why a key does not encrypt or decrypt."""
    return {
        "CKR_KEY_FUNCTION_NOT_PERMITTED": f"{what.upper()}=False",
        "CKR_MECHANISM_INVALID": "ALLOWED_MECHANISMS: of the key, or SoftHSM2 lacks it",
    }


def shown(value: Any) -> str:
    """An attribute's value in a message: never bytes."""
    return f"({len(value)} bytes)" if isinstance(value, bytes) else str(value)
