"""A key in the learner's HSM: python-pkcs11's key, with what is given checked and refusals told.

    key["VALUE"]                        read an attribute
    key["SENSITIVE"] = False            set one
    key.copy(SENSITIVE=False)           copy the key with other attributes
    key.wrap_key(other)                 other, encrypted under this key
    key.unwrap_key(wrapped, "label")    a wrapped key as a new key of this HSM
    key.encrypt(data), key.decrypt(data)

`key.pkcs11` is python-pkcs11's own object. It offers the methods that the key's attributes allow;
here all are there, so that the HSM is who refuses.
"""

from __future__ import annotations

from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, _pkcs11
from pkcs11.exceptions import AttributeTypeInvalid

from kmslab.errors import AttributeRefused
from kmslab.hsm.guided import reasons, table, words
from kmslab.hsm.guided.refusal import Calls

IV = bytes(16)  # for CBC: what an attacker or a careless program would take
MOST_BYTES = 1 << 20  # for one call


# A secret key with every method, whatever its attributes say.
_MIXINS = ("EncryptMixin", "DecryptMixin", "WrapMixin", "UnwrapMixin", "SecretKey", "Object")
_Anything: Any = type("_Anything", tuple(getattr(_pkcs11, name) for name in _MIXINS), {})


class Key:
    """A secret key; its repr shows its label and its flags, and never its value."""

    def __init__(self, found: Any, calls: Calls) -> None:
        self.pkcs11 = _Anything(found.wrapper)
        self._calls = calls

    def __getitem__(self, name: object) -> Any:
        chosen = words.attribute(name)
        with self._calls(f"read {chosen.name}", lambda _: reasons.of_reading(self)):
            return self.pkcs11[chosen]

    def __setitem__(self, name: object, value: object) -> None:
        chosen = words.attribute(name)
        checked = words.value(chosen, value)
        reason = reasons.of_setting({chosen: checked})
        with self._calls(f"set {chosen.name}={reasons.shown(checked)}", reason):
            self.pkcs11[chosen] = checked

    def copy(self, **attributes: object) -> Key:
        """Another key with the same value; attributes that are named may differ."""
        asked = words.template(attributes)
        with self._calls(f"copy with {_listed(asked)}", reasons.of_copying(self, asked)):
            return Key(self.pkcs11.copy(asked), self._calls)

    def wrap_key(self, key: Key, mechanism: object = Mechanism.AES_KEY_WRAP) -> bytes:
        """Another key, encrypted under this one: AES Key Wrap (RFC 3394) unless told otherwise."""
        chosen, other = words.mechanism(mechanism), _key("key", key)
        reason = reasons.of_wrapping(self)
        with self._calls("wrap", reason):
            wrapped: bytes = self.pkcs11.wrap_key(
                other.pkcs11, mechanism=chosen, mechanism_param=_iv(chosen)
            )
            return wrapped

    def unwrap_key(
        self,
        wrapped: bytes,
        label: str,
        mechanism: object = Mechanism.AES_KEY_WRAP,
        **attributes: object,
    ) -> Key:
        """A wrapped AES key as a new key with these attributes; it is gone with the session."""
        data, chosen = words.octets("wrapped", wrapped, 4096), words.mechanism(mechanism)
        asked = words.template(
            {"SENSITIVE": True, **attributes, "LABEL": words.text("label", label)}
        )
        with self._calls("unwrap", reasons.of_unwrapping()):
            made = self.pkcs11.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                data,
                mechanism=chosen,
                mechanism_param=_iv(chosen),
                capabilities=MechanismFlag(0),
                template={Attribute.TOKEN: False, **asked},
            )
            return Key(made, self._calls)

    def encrypt(self, data: bytes, mechanism: object = Mechanism.AES_ECB) -> bytes:
        """Data encrypted with this key, in whole blocks of 16 bytes."""
        return self._crypt("encrypt", data, mechanism)

    def decrypt(self, data: bytes, mechanism: object = Mechanism.AES_ECB) -> bytes:
        """Data decrypted with this key."""
        return self._crypt("decrypt", data, mechanism)

    def destroy(self) -> None:
        """Destroys the key in the HSM."""
        with self._calls("destroy", {"CKR_ACTION_PROHIBITED": "DESTROYABLE=False"}):
            self.pkcs11.destroy()

    @property
    def label(self) -> str:
        """Its name, which need not be the only one of its kind."""
        return str(self["LABEL"])

    def flag(self, name: Attribute) -> bool | None:
        """An attribute that is True or False; None where this key has none of that name."""
        with self._calls("read"):
            try:
                return bool(self.pkcs11[name])
            except AttributeTypeInvalid:
                return None

    def attributes(self) -> table.Attributes:
        """Its attributes, each with what it means."""
        return table.Attributes(self.label, tuple((n, self.flag(n)) for n in words.MEANINGS))

    def _crypt(self, what: str, data: bytes, mechanism: object) -> bytes:
        given, chosen = words.octets("data", data, MOST_BYTES), words.mechanism(mechanism)
        with self._calls(what, reasons.of_using(what)):
            do = self.pkcs11.encrypt if what == "encrypt" else self.pkcs11.decrypt
            done: bytes = do(given, mechanism=chosen, mechanism_param=_iv(chosen))
            return done

    def __repr__(self) -> str:
        try:
            on = [name.name for name in words.MEANINGS if self.flag(name)]
            return f"<Key {self.label!r}: {', '.join(on)}>"
        except AttributeRefused as refused:
            return f"<Key that is gone: {refused.return_value}>"


def _key(what: str, given: object) -> Key:
    if not isinstance(given, Key):
        raise words.wrong(what, "a Key of lab.hsm", given)
    return given


def _iv(mechanism: Mechanism) -> bytes | None:
    return IV if "CBC" in mechanism.name else None


def _listed(asked: dict[Attribute, Any]) -> str:
    return (
        ", ".join(f"{name.name}={reasons.shown(each)}" for name, each in asked.items())
        or "no change"
    )
