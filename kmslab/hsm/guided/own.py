"""The learner's own HSM: one SoftHSM2 token, with its two roles, in PKCS#11's words.

    lab.hsm                 made at first use, in the lab's folder; not one of the fleet
    lab.hsm.user()          logs in as the crypto user, who makes and uses keys
    lab.hsm.officer()       logs in as the security officer, who alone marks a key as trusted
    lab.hsm.trusted_key()   both roles in turn: a key that backups are wrapped under
    lab.hsm.token           python-pkcs11's Token

PKCS#11 lets one role log in at a time: to log in as the other logs the first one out, and its keys
with TOKEN=False are gone. A role that is logged in keeps its session.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag

from kmslab.errors import HsmInput, HsmOff
from kmslab.hsm import kept
from kmslab.hsm.attributes import mapper
from kmslab.hsm.device import Device, Pins, provision
from kmslab.hsm.guided import templates, words
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.refusal import Calls
from kmslab.hsm.guided.session import OFFICER, USER, Session

BACKUP_KEY = "backup key"


class Hsm:
    """One HSM; its repr says who is logged in."""

    def __init__(self, folder: Path) -> None:
        """Switches on the HSM in `folder`, and makes it first if it is not there."""
        if not folder.exists():
            _make(folder)
        self.folder = folder
        self._device = Device(folder)
        self._calls = Calls(self._device)
        self._open: Session | None = None

    @property
    def token(self) -> pkcs11.Token:
        """python-pkcs11's token, with its flags and mechanisms."""
        return self._device.token

    def user(self, pin: str | None = None) -> Session:
        """The crypto user's session; with `pin`, logs in anew by that PIN."""
        return self._login(USER, pin)

    def officer(self, pin: str | None = None) -> Session:
        """The security officer's session."""
        return self._login(OFFICER, pin)

    def logout(self) -> None:
        """Closes the session that is open, if there is one."""
        if self._open is not None and self._open.is_open:
            self._open.close()
        self._open = None

    def trusted_key(self, label: str = BACKUP_KEY) -> Key:
        """The key of this label that backups are wrapped under, made if it is not there.

        The officer makes it in the HSM's memory and marks it; the crypto user keeps a copy that is
        PRIVATE, so that it lies encrypted on the disk, and can't be changed or leave. He is logged
        in afterwards.
        """
        name = words.text("label", label)
        if not self._trusted(name):
            self._make_trusted(name)
        return self._trusted(name)[-1]

    def set_pin(self, new: str) -> None:
        """Gives the crypto user another PIN, of 4 to 255 characters."""
        pins = self._pins()
        with self._calls("set the PIN", {"CKR_PIN_LEN_RANGE": ": 4 to 255 characters are due"}):
            self.user().pkcs11.set_pin(pins.user, words.text("pin", new))
            replace(pins, user=new).write(self.folder / "pins.json")
            kept.keep(self.folder)

    def switch_off(self) -> None:
        """Switches it off; the keys with TOKEN=True are there when it is opened again."""
        self._open = None
        self._device.switch_off()

    def _login(self, who: str, pin: str | None) -> Session:
        if pin is not None and (not isinstance(pin, str) or not pin.isascii() or not pin):
            raise HsmInput(f"pin: a text is due, not {type(pin).__name__}, in ASCII")
        if self._open and self._open.who == who and pin is None and self._open.is_open:
            return self._open
        self.logout()
        token, pins = self.token, self._pins()
        right = pins.user if who == USER else pins.officer
        role: dict[str, Any] = {("user_pin" if who == USER else "so_pin"): pin or right}
        with self._calls(f"log in as the {who}"):
            opened = token.open(rw=True, attribute_mapper=mapper(), **role)
        self._open = Session(opened, who, self._calls)
        return self._open

    def _make_trusted(self, label: str) -> None:
        """One session of nobody holds the object while officer and user log in by turns."""
        with self._calls("make a trusted key"), self._nobody() as between:
            self.officer()
            made = between.generate_key(
                KeyType.AES, 256, store=False, capabilities=MechanismFlag(0), label=label,
                template=dict(templates.TRUSTED),
            )  # fmt: skip
            self.user()
            made.copy(dict(templates.TRUSTED_AT_REST))

    def _trusted(self, label: str) -> list[Key]:
        keys = self.user().get_keys()
        return [key for key in keys if key.label == label and key.flag(Attribute.TRUSTED)]

    def _nobody(self) -> pkcs11.Session:
        self.logout()
        return self.token.open(rw=True, attribute_mapper=mapper())

    def _pins(self) -> Pins:
        return Pins.read(self.folder / "pins.json")

    def __repr__(self) -> str:
        state = "on" if self._device.is_on else "off"
        who = f", {self._open.who} logged in" if self._open else ""
        return f"<Hsm {self._device.name}, {state}{who}>"


def _make(folder: Path) -> None:
    """Provisions an HSM aside and moves it into place, so that there is all of it or nothing."""
    if not folder.parent.exists():
        raise HsmOff(f"{folder.name} is gone with its lab")
    aside = folder.with_name(f"{folder.name}-{secrets.token_hex(8)}")
    try:
        provision(aside / folder.name)
        (aside / folder.name).rename(folder)
    except OSError:
        if not folder.exists():  # else another process was first, and its HSM is the one
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
