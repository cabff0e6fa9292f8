"""A stolen HSM: the token folder copied to the thief's own machine, and what he does with it.

On the disk (SoftHSM2 2.6.1, measured): an object with PRIVATE=True is encrypted under a key that
the PIN opens; one with PRIVATE=False lies there in the clear, its value too, SENSITIVE or not.
Wrong PINs: 2 to 4 ms each; after one the token's flag USER_PIN_COUNT_LOW is set, and after 200 it
still takes the right one: there is no lockout. It would be of no use, as a thief can copy the
folder before each guess, so the PIN must be long.

Hardware has no folder to copy, and counts: AWS CloudHSM locks a user out after five wrong logins
("loginHSM and logoutHSM", AWS CloudHSM User Guide), and PKCS#11 has CKR_PIN_LOCKED for it.

The thief works on a copy of his own, and never on the HSM. The lab's pins.json is not in it: a real
HSM's PINs are in its owners' heads.
"""

from __future__ import annotations

import hmac
import shutil
from collections.abc import Iterable
from types import TracebackType

import pkcs11
from pkcs11 import Attribute, ObjectClass, TokenFlag
from pkcs11.exceptions import PinIncorrect, PinLenRange, PKCS11Error

from kmslab.errors import HsmInput, HsmRefused
from kmslab.hsm.attempts import Attempt, Steps, attempt
from kmslab.hsm.device import Device, Pins
from kmslab.hsm.guided.own import Hsm
from kmslab.temporary import TemporaryFolder

MOST_GUESSES = 20_000  # a minute or so


class Stolen:
    """A copy of an HSM's token folder in the thief's hands; ends with `close` or a with block."""

    def __init__(self, hsm: Hsm) -> None:
        """Copies the token of `hsm` to a temporary folder, and switches the copy on."""
        self._aside = TemporaryFolder()
        self.folder = self._aside.path / hsm.folder.name
        try:
            shutil.copytree(hsm.folder / "tokens", self.folder / "tokens")
            Pins("not known", "not known").write(self.folder / "pins.json")
            self._device = Device(self.folder)
        except BaseException:
            self._aside.remove()
            raise

    @property
    def token(self) -> pkcs11.Token:
        """python-pkcs11's token; `HsmOff` after `close`."""
        return self._device.token

    def look(self, value: bytes) -> Attempt:
        """Looks through the files for a value, as anybody can who has them."""

        def way(steps: Steps) -> tuple[bool, str]:
            steps.take("copy the token folder")
            files = [*self.folder.rglob("*.object")]
            steps.take("look for the key's bytes in its files")
            found = sum(_holds(path.read_bytes(), value) for path in files)
            if found:
                return True, f"the value lies in the clear in {found} of {len(files)} files"
            return False, f"in none of {len(files)} files is the value in the clear"

        return attempt("steal the folder", way)

    def labels(self, pin: str | None = None) -> list[str]:
        """The labels of the keys that are seen without a PIN, or with one."""
        found = self._session(pin)
        try:
            keys = found.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
            return sorted(key[Attribute.LABEL] for key in keys)
        finally:
            found.close()

    def guess(self, pins: Iterable[str]) -> Attempt:
        """Tries PINs one by one; what it finds is not in the outcome, only how many it took."""

        def way(steps: Steps) -> tuple[bool, str]:
            steps.take("copy the token folder")
            steps.take("try PINs")
            for number, pin in enumerate(pins, start=1):
                if number > MOST_GUESSES:
                    raise HsmInput(f"pins: more than {MOST_GUESSES:,}: at most so many are due")
                if self._opens(pin):
                    return True, f"the PIN is found, after {number:,} guesses"
            return False, f"not among these; locked: {self.locked}"

        return attempt("guess the PIN", way)

    @property
    def locked(self) -> bool:
        """Whether the token has locked the crypto user's PIN."""
        return bool(self.token.slot.get_token().flags & TokenFlag.USER_PIN_LOCKED)

    def close(self) -> None:
        """Switches the copy off, and removes it."""
        self._device.switch_off()
        self._aside.remove()

    def _opens(self, pin: object) -> bool:
        if not isinstance(pin, str) or not pin.isascii():
            raise HsmInput(f"pins: texts are due, not {type(pin).__name__}")
        try:
            self.token.open(rw=True, user_pin=pin).close()
        except (PinIncorrect, PinLenRange):
            return False
        return True

    def _session(self, pin: str | None) -> pkcs11.Session:
        try:
            return self.token.open(rw=True, user_pin=pin)
        except PKCS11Error as error:
            raise HsmRefused(f"the PIN does not open it: {type(error).__name__}") from None

    def __enter__(self) -> Stolen:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Stolen {self.folder.name}>"


def _holds(data: bytes, value: bytes) -> bool:
    places = range(len(data) - len(value) + 1)
    return any(hmac.compare_digest(data[at : at + len(value)], value) for at in places)
