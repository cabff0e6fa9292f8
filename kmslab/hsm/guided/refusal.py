"""A refusal of the HSM as one line: PKCS#11's return value, and the attribute that stopped it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import AttributeRefused, HsmOff
from kmslab.hsm.device import Device

Because = Callable[[str], str]
Reasons = Mapping[str, str] | Because  # by return value
_GONE = ": whoever it came from is logged out; get the key again"
# Return values that python-pkcs11 has no exception for.
_UNMAPPED: Mapping[str, str] = MappingProxyType(
    {"0x1b": "CKR_ACTION_PROHIBITED", "0x68": "CKR_KEY_FUNCTION_NOT_PERMITTED"}
)
# Exceptions whose name is not the return value's.
_RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "AnotherUserAlreadyLoggedIn": "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
        "SessionReadWriteSOExists": "CKR_SESSION_READ_WRITE_SO_EXISTS",
    }
)


def return_value(error: PKCS11Error) -> str:
    """PKCS#11's name for an error: CKR_KEY_UNEXTRACTABLE for `KeyUnextractable`."""
    code = re.search("0x[0-9a-f]+", str(error))
    if type(error) is PKCS11Error and code:
        return _UNMAPPED.get(code[0], f"CKR {code[0]}")
    if type(error).__name__ in _RENAMED:
        return _RENAMED[type(error).__name__]
    words = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__)
    return f"CKR_{words.upper()}"


@contextmanager
def told(what: str, because: Reasons | None = None) -> Iterator[None]:
    """Turns a refusal in the block into `AttributeRefused`, in one line.

    `because` gives, for a return value, what stopped it, as "EXTRACTABLE=False: more words"; ""
    where no attribute did.
    """
    try:
        yield
    except PKCS11Error as error:
        name = return_value(error)
        found = because(name) if callable(because) else (because or {}).get(name, "")
        if name in ("CKR_SESSION_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID"):
            found = _GONE
        attribute, _, more = found.partition(": ")
        raise AttributeRefused(what, name, attribute, more) from None


class Calls:
    """The way into one HSM: its lock, whether it is on, and its refusals in words."""

    def __init__(self, device: Device) -> None:
        self.device = device

    @contextmanager
    def __call__(self, what: str, because: Reasons | None = None) -> Iterator[None]:
        """Around every call: a module that is unloaded must not be called any more."""
        with self.device.lock:
            if not self.device.is_on:
                raise HsmOff(f"{self.device.name} is switched off")
            with told(what, because):
                yield
