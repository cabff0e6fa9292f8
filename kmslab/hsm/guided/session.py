"""A session with the learner's HSM, as crypto user or as security officer.

    user = lab.hsm.user()
    key = user.generate_key("payroll", SENSITIVE=True, EXTRACTABLE=False)
    user.get_key("payroll")        user.objects()        user.import_key("known", value)

`session.pkcs11` is python-pkcs11's own session.
"""

from __future__ import annotations

from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass

from kmslab.errors import AttributeRefused, HsmInput, HsmRefused
from kmslab.hsm.guided import reasons, table, words
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.refusal import Calls

USER, OFFICER, NOBODY = "crypto user", "security officer", "nobody"
_AES_BYTES = (16, 24, 32)
# A key that no attribute was given for encrypts, decrypts, and stays in the HSM.
_USUAL = {"TOKEN": True, "ENCRYPT": True, "DECRYPT": True}


class Session:
    """Who is logged in, and what he may do: PKCS#11's words."""

    def __init__(self, session: pkcs11.Session, who: str, calls: Calls) -> None:
        self.pkcs11, self.who = session, who
        self._calls = calls

    def generate_key(self, label: str, bits: int = 256, **attributes: object) -> Key:
        """A new AES key that the HSM makes, with these attributes.

        What is not named: it stays in the HSM (TOKEN), encrypts and decrypts; SoftHSM2 makes it
        PRIVATE and SENSITIVE for a crypto user, and does not let it out.
        """
        if isinstance(bits, bool) or bits not in (128, 192, 256):
            raise words.wrong("bits", "128, 192 or 256", bits)
        asked = self._asked(label, attributes)
        with self._calls(f"generate a key {label!r}", self._not_made(asked)):
            made = self.pkcs11.generate_key(
                KeyType.AES, bits, store=True, capabilities=MechanismFlag(0), template=dict(asked)
            )
            return Key(made, self._calls)

    def import_key(self, label: str, value: bytes, **attributes: object) -> Key:
        """A key whose value comes from outside (C_CreateObject): whoever gave it knows it."""
        data = words.octets("value", value, 32)
        if len(data) not in _AES_BYTES:
            raise HsmInput(f"value has {len(data)} bytes: an AES key has 16, 24 or 32")
        asked = self._asked(label, attributes)
        fixed = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES}
        with self._calls(f"create a key {label!r}", self._not_made(asked)):
            made = self.pkcs11.create_object({**fixed, Attribute.VALUE: data, **asked})
            return Key(made, self._calls)

    def get_key(self, label: str) -> Key:
        """The newest key of this label; `HsmRefused` names those that there are."""
        name = words.text("label", label)
        found = [key for key in self.get_keys() if key.label == name]
        if not found:
            there = ", ".join(sorted({key.label for key in self.get_keys()})) or "none"
            raise HsmRefused(f"the {self.who} sees no key {name!r}; there are: {there}")
        return found[-1]

    def get_keys(self) -> list[Key]:
        """The keys that this session sees, in the order in which they were made or opened."""
        with self._calls("list keys"):
            template = {Attribute.CLASS: ObjectClass.SECRET_KEY}
            found = list(self.pkcs11.get_objects(template))
            keys = [
                Key(each, self._calls) for each in sorted(found, key=lambda one: one.handle or 0)
            ]
        # Where SoftHSM2 refuses to make a key as TRUSTED, an empty object without a label stays.
        return [key for key in keys if key.label]

    def objects(self) -> table.Objects:
        """The keys that this session sees, with their attributes side by side."""
        keys = self.get_keys()
        rows = ((name, tuple(key.flag(name) for key in keys)) for name in words.MEANINGS)
        return table.Objects(self.who, tuple(key.label for key in keys), tuple(rows))

    def close(self) -> None:
        """Logs out. Keys of this session with TOKEN=False are gone then."""
        with self._calls("close"):
            self.pkcs11.close()

    @property
    def is_open(self) -> bool:
        """False once it was closed."""
        try:
            with self._calls("look"):
                self.pkcs11.generate_random(8)
        except AttributeRefused:
            return False
        return True

    def _asked(self, label: str, attributes: dict[str, Any]) -> dict[Attribute, Any]:
        """The template of a new key."""
        named = {words.attribute(name) for name in attributes}
        usual = {} if named & set(words.USES) else _USUAL
        private = {"PRIVATE": self.who == USER}
        given = {"TOKEN": True, **private, "SENSITIVE": True, **usual, **attributes}
        return words.template({**given, "LABEL": words.text("label", label)})

    def _not_made(self, asked: dict[Attribute, Any]) -> reasons.Reasons:
        trusted = {"CKR_ATTRIBUTE_READ_ONLY": "TRUSTED: the security officer alone sets it"}
        private = {"CKR_USER_NOT_LOGGED_IN": "PRIVATE=True: for a crypto user only"}
        return {**(trusted if asked.get(Attribute.TRUSTED) else {}), **private}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session of the {self.who}>"
