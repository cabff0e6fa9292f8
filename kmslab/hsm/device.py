"""One HSM: its own copy of SoftHSM2's module, its configuration, its token folder and its PINs.

SoftHSM2 reads its configuration once, when the module initialises, so one loaded module serves one
token folder. A copy of the module file is a separate instance in the same process, with a state
and a lock of its own: that is how a lab has three HSMs, and a notebook several labs. Folder:

    hsm-a/
      softhsm2.conf    written anew at each start (the folder may have moved)
      tokens/          what SoftHSM2 keeps: the token's objects, encrypted under its PINs (kept.py)
      pins.json        the PINs of security officer and crypto user, mode 0600

A real HSM's PINs are in its owners' heads. Here they lie beside the token so that a lab can be
opened again: a thief of the whole folder has its keys.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pkcs11
from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmModuleMissing, HsmOff, HsmRefused
from kmslab.hsm import kept
from kmslab.hsm.attributes import mapper
from kmslab.hsm.module import find_module, missing

_CONFIGURATION = """\
directories.tokendir = {tokens}
objectstore.backend = file
log.level = ERROR
slots.removable = false
"""
# SoftHSM2 finds its configuration through the environment, which all threads share.
_ENVIRONMENT_LOCK = threading.Lock()


class _Module(Protocol):
    def get_slots(self, token_present: bool = False) -> list[pkcs11.Slot]: ...

    def get_tokens(self, token_label: str | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Pins:
    """The PINs of a token's two roles; its repr shows neither."""

    officer: str = field(repr=False)
    user: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Pins:
        """The PINs that `provision` wrote; `HsmRefused` where the file holds anything else."""
        try:
            return cls(**json.loads(path.read_text()))
        except (TypeError, ValueError):
            raise HsmRefused(f"{path}: does not hold the PINs of an HSM") from None

    def write(self, path: Path) -> None:
        """Writes the PINs for their owner's eyes only."""
        write_private(path, json.dumps(asdict(self)))


class Device:
    """One HSM that is switched on. `lock` is held around every call into its module."""

    def __init__(self, folder: Path) -> None:
        """Switches on the HSM that `provision` made in `folder`."""
        self.name = folder.name
        self.lock = threading.RLock()
        self._pins = Pins.read(folder / "pins.json")
        self._module_path, self._token = _find(folder)
        if self._token is None and kept.put_back(folder):
            self._module_path, self._token = _find(folder)
        if self._token is None:
            raise HsmRefused(f"{folder}: holds no token named {self.name!r}")
        kept.keep(folder, anew=False)  # HSMs of before have no copy

    def meeting(self) -> pkcs11.Session:
        """A session of nobody: the objects in it stay while officer and user log in by turns."""
        return self._on().open(rw=True, attribute_mapper=mapper())

    def officer(self) -> pkcs11.Session:
        """A session of the security officer, who alone may mark a key as trusted."""
        return self._on().open(rw=True, so_pin=self._pins.officer, attribute_mapper=mapper())

    def user(self, *, writing: bool = False) -> pkcs11.Session:
        """A session of the crypto user, who makes and uses keys; `writing`: keys that stay, too."""
        return self._on().open(rw=writing, user_pin=self._pins.user, attribute_mapper=mapper())

    def switch_off(self) -> None:
        """Unloads the module: what was in the HSM's memory is gone, its token folder stays."""
        with self.lock:
            if self._token is not None:
                self._token = None
                with suppress(PKCS11Error):  # its module was finalised behind our back
                    pkcs11.unload(self._module_path)

    def is_from(self, folder: Path) -> bool:
        """Whether the HSM in `folder` is still this one; False where another took its place."""
        try:
            return Pins.read(folder / "pins.json") == self._pins
        except (OSError, HsmRefused):
            return False

    @property
    def token(self) -> pkcs11.Token:
        """python-pkcs11's token."""
        return self._on()

    @property
    def is_on(self) -> bool:
        """False once it was switched off."""
        return self._token is not None

    def _on(self) -> pkcs11.Token:
        if self._token is None:
            raise HsmOff(f"{self.name} is switched off")
        return self._token

    def __repr__(self) -> str:
        return f"<Device {self.name}, {'on' if self.is_on else 'off'}>"


def provision(folder: Path) -> None:
    """Makes a new HSM in `folder`: an initialised token with random PINs. It is left switched off.

    python-pkcs11 has no call for C_InitToken, so that one call goes to the module through ctypes,
    in the process: a PIN on a command line would show in the list of processes.
    """
    (folder / "tokens").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    pins = Pins(officer=secrets.token_hex(16), user=secrets.token_hex(16))
    pins.write(folder / "pins.json")
    path, module = _load(folder)
    try:
        slot = module.get_slots()[0].slot_id
        officer, label = pins.officer.encode(), folder.name.ljust(32).encode()
        init_token = ctypes.CDLL(path).C_InitToken
        result = init_token(ctypes.c_ulong(slot), officer, ctypes.c_ulong(len(officer)), label)
        if result:
            raise HsmRefused(f"{folder}: SoftHSM2 did not initialise the token (CKR {result:#x})")
        token = next(module.get_tokens(token_label=folder.name))
        with token.open(rw=True, so_pin=pins.officer) as session:
            session.init_pin(pins.user)
    finally:
        pkcs11.unload(path)
    kept.keep(folder)


def _find(folder: Path) -> tuple[str, pkcs11.Token | None]:
    """The path of a fresh instance of SoftHSM2, and its token; unloaded where it has none."""
    path, module = _load(folder)
    token: pkcs11.Token | None = next(module.get_tokens(token_label=folder.name), None)
    if token is None:
        pkcs11.unload(path)
    return path, token


def _load(folder: Path) -> tuple[str, _Module]:
    """A fresh instance of SoftHSM2 that knows the tokens in `folder` only, and its unique path."""
    source = find_module()
    if source is None:
        raise HsmModuleMissing(missing())
    if not (folder / "tokens").is_dir():
        raise HsmRefused(f"{folder}: its token folder is gone")
    write_private(
        folder / "softhsm2.conf", _CONFIGURATION.format(tokens=(folder / "tokens").resolve())
    )
    copy = folder / f"module-{secrets.token_hex(8)}.so"
    try:
        shutil.copyfile(source, copy)
        return str(copy), _initialise(str(copy), folder / "softhsm2.conf")
    except PKCS11Error as error:
        raise HsmModuleMissing(
            f"{source} does not load as a PKCS#11 module ({type(error).__name__}): "
            "reinstall SoftHSM2, or name another module in KMSLAB_PKCS11"
        ) from error
    finally:
        copy.unlink(missing_ok=True)  # what is loaded stays loaded


def _initialise(module: str, configuration: Path) -> _Module:
    with _ENVIRONMENT_LOCK:
        before = os.environ.get("SOFTHSM2_CONF")
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        try:
            return pkcs11.lib(module)
        finally:
            if before is None:
                del os.environ["SOFTHSM2_CONF"]
            else:
                os.environ["SOFTHSM2_CONF"] = before


def write_private(path: Path, text: str) -> None:
    """Writes a file whole: another process that opens the lab now reads the old one or the new."""
    draft = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # a full disk
