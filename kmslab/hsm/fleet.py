"""Three HSMs that share a domain key: any of them opens any exported key token.

Each token has an HSM it goes to first (so that its keys are at hand there) and the others as
stand-ins: with one HSM switched off, the next one answers, and nothing is lost.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import FleetDown, HsmOff, HsmRefused, StoreError
from kmslab.hsm import device, domain, outside, pairs, seeds
from kmslab.hsm.device import Device
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import HsmSession

NAMES = ("hsm-a", "hsm-b", "hsm-c")
Result = TypeVar("Result")


class Fleet:
    """The HSMs of one Region."""

    def __init__(self, hsms: Sequence[HsmSession]) -> None:
        self.hsms = tuple(hsms)
        self._deletions = 0  # of key material, as far as the HSMs' memory knows

    @classmethod
    def open(cls, folder: Path, *, made: bool = False) -> Fleet:
        """Switches on the HSMs in `folder`; makes them first where there are none.

        `made`: they were made before. If they are gone, `StoreError`: no other HSM opens the
        tokens that are left.
        """
        try:
            with _alone(folder.parent):
                if made and not folder.exists():
                    raise StoreError(f"the lab's HSMs are gone: {folder}; its keys went with them")
                if not folder.exists():
                    _make(folder)
                # A login writes to the token, and another process would read half of it.
                devices = [Device(folder / name) for name in NAMES]
                domain.supply(devices)
                return cls([HsmSession(device) for device in devices])
        except (OSError, ValueError) as error:
            raise StoreError(f"the HSMs of {folder} can't be opened: {error}") from error
        except PKCS11Error as error:
            raise HsmRefused(f"the HSMs of {folder} refused: {type(error).__name__}") from error

    def generate(self, kind: Kind) -> NewKey:
        """Makes a backing key: its exported key token and, of a pair, its public key."""
        if kind.is_seed:
            return self._serve(os.urandom(1), lambda hsm: seeds.generate(hsm, kind))
        if kind.is_pair:
            return self._serve(os.urandom(1), lambda hsm: pairs.generate(hsm, kind))
        return NewKey(self._serve(os.urandom(1), lambda hsm: hsm.generate(kind)))

    def admit(self, kind: Kind, material: bytes) -> bytes:
        """Takes key material from outside in: a secret key's bytes, PKCS#8 or a seed."""
        if kind.is_seed:
            return self._serve(os.urandom(1), lambda hsm: seeds.seal(hsm, kind, material))
        return self._serve(os.urandom(1), lambda hsm: hsm.admit(kind, material))

    def generate_readable(self, kind: Kind) -> tuple[bytes, bytes]:
        """A key pair that is not kept: private (PKCS#8) and public (SPKI), in DER."""
        if kind.is_seed:
            return outside.pair(kind, self.random(outside.SEED_BYTES[kind.family]))
        return self._serve(os.urandom(1), lambda hsm: pairs.generate_readable(hsm, kind))

    def encrypt(self, token: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Seals a plaintext with the token's backing key; `aad` is covered by the tag."""
        return self._serve(token, lambda hsm: hsm.encrypt(token, plaintext, aad))

    def decrypt(self, token: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Opens a sealed message, or raises `HsmRefused`."""
        return self._serve(token, lambda hsm: hsm.decrypt(token, sealed, aad))

    def sign(self, kind: Kind, token: bytes, scheme: str, digest_name: str, data: bytes) -> bytes:
        """A signature. `data` is a digest made with `digest_name` or, of a seed, the message."""
        if kind.is_seed:
            return self._serve(token, lambda hsm: seeds.sign(hsm, kind, token, scheme, data))
        return self._serve(
            token, lambda hsm: pairs.sign(hsm, kind, token, scheme, digest_name, data)
        )

    def mac(self, kind: Kind, token: bytes, digest_name: str, message: bytes) -> bytes:
        """HMAC of a message."""
        return self._serve(token, lambda hsm: hsm.mac(kind, token, digest_name, message))

    def decrypt_oaep(self, kind: Kind, token: bytes, digest_name: str, data: bytes) -> bytes:
        """RSAES-OAEP; `HsmRefused` for whatever does not decrypt."""
        return self._serve(token, lambda hsm: pairs.decrypt(hsm, kind, token, digest_name, data))

    def agree(self, kind: Kind, token: bytes, point: bytes) -> bytes:
        """ECDH with another public key (a point in a DER octet string): the raw shared secret."""
        return self._serve(token, lambda hsm: pairs.agree(hsm, kind, token, point))

    def decapsulate(self, kind: Kind, token: bytes, ciphertext: bytes) -> bytes:
        """The shared secret of an ML-KEM ciphertext; `ValueError` where its length is wrong."""
        return self._serve(token, lambda hsm: seeds.decapsulate(hsm, kind, token, ciphertext))

    def forget(self, token: bytes) -> None:
        """Destroys what the HSMs have in memory of a token."""
        for hsm in self.hsms:
            hsm.forget(token)

    def keep_up(self, deletions: int) -> None:
        """Empties the HSMs' memory when key material was deleted, by this process or another one.

        `deletions` counts them. What is still there to be used is unwrapped again.
        """
        if deletions != self._deletions:
            for hsm in self.hsms:
                hsm.forget_all()
            self._deletions = deletions

    def random(self, length: int) -> bytes:
        """`length` random bytes made in an HSM."""
        return self._serve(b"\0", lambda hsm: hsm.random(length))

    def switch_off(self) -> None:
        """Switches all HSMs off."""
        for hsm in self.hsms:
            hsm.switch_off()

    def _serve(self, token: bytes, work: Callable[[HsmSession], Result]) -> Result:
        first = token[0] % len(self.hsms)
        for hsm in self.hsms[first:] + self.hsms[:first]:
            try:
                return work(hsm)
            except HsmOff:
                continue
            except PKCS11Error as error:
                raise HsmRefused(f"{hsm.device.name} refused: {type(error).__name__}") from error
        raise FleetDown("no HSM of the fleet is switched on")

    def __repr__(self) -> str:
        return f"<Fleet of {', '.join(repr(hsm.device) for hsm in self.hsms)}>"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder's lock file: one process makes the fleet, another one waits for it."""
    with (folder / "hsms.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path) -> None:
    """Makes the fleet beside its final place and moves it there whole, so no half fleet shows."""
    draft = folder.with_name("hsms.draft")
    shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed in here
    draft.mkdir(mode=0o700)
    for name in NAMES:
        device.provision(draft / name)
    devices = [Device(draft / name) for name in NAMES]
    domain.found(devices)
    for each in devices:
        each.switch_off()
    draft.rename(folder)
