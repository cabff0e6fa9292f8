"""Names and values of PKCS#11 attributes, as a learner writes them, checked before they are used.

python-pkcs11 packs a template piece by piece, and frees what it never filled when a piece is of the
wrong type: the process then ends at once or later (measured: `None` as an id, half a surrogate pair
in a label). So nothing goes into a template that was not packed here once, by itself.

Meanings: PKCS#11 Cryptographic Token Interface Base Specification 2.40, sections 4.4 and 4.7 to
4.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pkcs11 import Attribute, Mechanism, ObjectClass

from kmslab.errors import HsmInput

MEANINGS: Mapping[Attribute, str] = MappingProxyType(
    {
        Attribute.TOKEN: "stays in the HSM; if False, it goes with the session",
        Attribute.PRIVATE: "seen after login only; SoftHSM2 encrypts on disk only what is private",
        Attribute.SENSITIVE: "its value is never shown; once True, for ever",
        Attribute.EXTRACTABLE: "it may leave wrapped under another key; once False, for ever",
        Attribute.WRAP_WITH_TRUSTED: "only a TRUSTED key may wrap it; once True, for ever",
        Attribute.TRUSTED: "the security officer vouches for this key; nobody else can set it",
        Attribute.ENCRYPT: "it encrypts data",
        Attribute.DECRYPT: "it decrypts data",
        Attribute.WRAP: "it wraps other keys",
        Attribute.UNWRAP: "it unwraps other keys",
        Attribute.DERIVE: "other keys are derived from it",
        Attribute.SIGN: "it makes signatures or MACs",
        Attribute.VERIFY: "it checks signatures or MACs",
        Attribute.MODIFIABLE: "attributes may be changed; once False, for ever",
        Attribute.COPYABLE: "it may be copied",
        Attribute.DESTROYABLE: "it may be destroyed",
        Attribute.LOCAL: "this HSM made it; set by the HSM",
        Attribute.ALWAYS_SENSITIVE: "it has been SENSITIVE since it was made; set by the HSM",
        Attribute.NEVER_EXTRACTABLE: "it has never been EXTRACTABLE; set by the HSM",
    }
)
USES = (
    Attribute.ENCRYPT,
    Attribute.DECRYPT,
    Attribute.WRAP,
    Attribute.UNWRAP,
    Attribute.DERIVE,
    Attribute.SIGN,
    Attribute.VERIFY,
)
# What a learner may read or set besides; what each takes.
_MORE: Mapping[Attribute, str] = MappingProxyType(
    {
        Attribute.LABEL: "a text is due",
        Attribute.ID: "bytes are due",
        Attribute.VALUE: "bytes are due",
        Attribute.CHECK_VALUE: "bytes are due",
        Attribute.VALUE_LEN: "a whole number is due",
        Attribute.ALLOWED_MECHANISMS: "mechanisms are due, such as [Mechanism.AES_KEY_WRAP]",
        Attribute.WRAP_TEMPLATE: "a dict of attributes is due",
        Attribute.UNWRAP_TEMPLATE: "a dict of attributes is due",
    }
)
_NESTED = (Attribute.WRAP_TEMPLATE, Attribute.UNWRAP_TEMPLATE)
_KNOWN: Mapping[str, Attribute] = MappingProxyType(
    {each.name: each for each in (*MEANINGS, *_MORE)}
)
# What AES keys wrap and encrypt with here; python-pkcs11 has others, with parameters of their own.
_MECHANISMS: Mapping[str, Mechanism] = MappingProxyType(
    {
        each.name: each
        for each in (
            Mechanism.AES_KEY_WRAP,
            Mechanism.AES_KEY_WRAP_PAD,
            Mechanism.AES_CBC,
            Mechanism.AES_CBC_PAD,
            Mechanism.AES_ECB,
        )
    }
)
_LAST = (Attribute.COPYABLE, Attribute.MODIFIABLE)  # SoftHSM2 sets nothing after MODIFIABLE=False
MOST_TEXT = 255  # characters of a label, bytes of an id: SoftHSM2 has no limit of its own


def attribute(name: object) -> Attribute:
    """The attribute of a name, as in "SENSITIVE", "CKA_SENSITIVE" or Attribute.SENSITIVE."""
    if isinstance(name, Attribute):
        name = name.name
    known = _KNOWN.get(name.removeprefix("CKA_")) if isinstance(name, str) else None
    if known is None:
        raise HsmInput(f"{_shown(name)} is no attribute of keys here: one of {', '.join(_KNOWN)}")
    return known


def template(given: Mapping[Any, object]) -> dict[Attribute, Any]:
    """Attributes as a learner gives them, checked; in the order in which SoftHSM2 takes them."""
    checked = {attribute(name): value(attribute(name), each) for name, each in given.items()}
    late = {name: checked.pop(name) for name in _LAST if name in checked}
    return {**checked, **late}


def value(name: Attribute, given: object) -> Any:
    """The value, if it is of the kind that the attribute takes; `HsmInput` says what would be."""
    if name in MEANINGS:
        right = isinstance(given, bool)
        due = "True or False is due"
    else:
        right, due = _fits(name, given), _MORE[name]
    if not right:
        raise HsmInput(f"{name.name}={_shown(given, name)}: {due}")
    return _nested(given) if name in _NESTED else given


def text(what: str, given: object) -> str:
    """A label; `HsmInput` where it is no text that an HSM can keep."""
    if not _fits(Attribute.LABEL, given) or not given:
        raise HsmInput(f"{what}={_shown(given)}: a text of 1 to {MOST_TEXT} characters is due")
    return str(given)


def octets(what: str, given: object, most: int) -> bytes:
    """Bytes, not too many; `HsmInput` says how many there are, and never what they are."""
    if not isinstance(given, bytes | bytearray):
        raise HsmInput(f"{what}: bytes are due, not {type(given).__name__}")
    if len(given) > most:
        raise HsmInput(f"{what} has {len(given):,} bytes: at most {most:,} are due")
    return bytes(given)


def wrong(what: str, due: str, given: object) -> HsmInput:
    """What was given is of another kind than what is due."""
    return HsmInput(f"{what}={_shown(given)}: {due} is due")


def mechanism(given: object) -> Mechanism:
    """The mechanism of a name, as in "AES_CBC", "CKM_AES_CBC" or Mechanism.AES_CBC."""
    name = given.name if isinstance(given, Mechanism) else given
    found = _MECHANISMS.get(name.removeprefix("CKM_")) if isinstance(name, str) else None
    if found is None:
        raise HsmInput(f"{_shown(given)} is no mechanism here: one of {', '.join(_MECHANISMS)}")
    return found


def _fits(name: Attribute, given: object) -> bool:
    match name, given:
        case Attribute.LABEL, str():
            return len(given) <= MOST_TEXT and given.isprintable() and _encodes(given)
        case Attribute.ID | Attribute.VALUE | Attribute.CHECK_VALUE, bytes():
            return len(given) <= MOST_TEXT
        case Attribute.ALLOWED_MECHANISMS, list() | tuple():
            return bool(given) and all(isinstance(each, Mechanism) for each in given)
        case Attribute.VALUE_LEN, int():
            return not isinstance(given, bool) and 0 <= given <= MOST_TEXT
        case Attribute.WRAP_TEMPLATE | Attribute.UNWRAP_TEMPLATE, Mapping():
            return True
    return False


def _nested(given: Any) -> dict[Attribute, Any]:
    """A template in a template: flags, and CLASS, are what it can hold."""
    made: dict[Attribute, Any] = {}
    for name, each in given.items():
        if name in ("CLASS", Attribute.CLASS) and isinstance(each, ObjectClass):
            made[Attribute.CLASS] = each
        elif isinstance(each, bool) and attribute(name) in MEANINGS:
            made[attribute(name)] = each
        else:
            raise HsmInput(f"{_shown(name)}={_shown(each)} in a template: True or False is due")
    return made


def _encodes(given: str) -> bool:
    try:
        return bool(given.encode()) or not given
    except UnicodeEncodeError:
        return False


def _shown(given: object, name: Attribute | None = None) -> str:
    """What was given, short; never the bytes of what may be a key."""
    if isinstance(given, bytes | bytearray | memoryview) or name is Attribute.VALUE:
        return f"({type(given).__name__})"
    try:
        shown = ascii(given)
    except Exception:  # an object whose repr fails is named by its type
        return f"({type(given).__name__})"
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
