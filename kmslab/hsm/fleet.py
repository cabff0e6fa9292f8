"""HSMs that share their domain keys: any of them opens any exported key token.

`Fleet` is what KMS asks: each method has one HSM do something with a key, the next one where that
HSM is gone (racks.py). It is also what a learner hurts and heals:

    lab.hsms                                  a table: which HSMs there are, and what they did
    lab.hsms.switch_off("hsm-a")              it is pulled out; switch_on puts it back
    lab.hsms.remove("hsm-a")                  it is gone for good; add() makes another one
    made = lab.hsms.backup("safe")            the domain keys, for 3 of 5 operators to open
    lab.hsms.restore(made, made.cards[:3])    new HSMs from that, when all are lost
    lab.hsms.rotate_domain_key()              a new domain key, and every token wrapped again
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmModuleMissing, HsmRefused, StoreError
from kmslab.hsm import ceremonies, outside, pairs, roster, rotation, seeds
from kmslab.hsm.care import Care
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.racks import Racks
from kmslab.hsm.session import HsmSession

NAMES = ("hsm-a", "hsm-b", "hsm-c")  # of a new fleet
Result = TypeVar("Result")


class Fleet(Care):
    """The HSMs of one Region."""

    def __init__(self, racks: Racks) -> None:
        super().__init__(racks)
        self._deletions = 0  # of key material, as far as the HSMs' memory knows

    @classmethod
    def open(cls, folder: Path, *, made: bool = False) -> Fleet:
        """Switches on the HSMs in `folder`; makes them first where there are none.

        An HSM that can't be used is out of service, and the table says why; if none can, the first
        one's error is raised. `made`: they were made before. If they are gone, `StoreError`: no
        other HSM opens the tokens that are left.
        """
        try:
            with roster.alone(folder):
                if made and not folder.exists():
                    raise StoreError(
                        f"the lab's HSMs are gone: {folder}; its keys went with them, unless "
                        "there is a backup: kmslab.recovery.recover"
                    )
                if not folder.exists():
                    ceremonies.make(folder)
                stamp, now = roster.stamp(str(roster.path(folder))), roster.read(folder)
                ceremonies.tidy(folder, now)
                # A login writes to the token, and another process would read half of it.
                on = [each for each in now.places if each.is_on]
                opened = ceremonies.open_all(folder, now, on)
        except (OSError, ValueError) as error:
            raise StoreError(f"the HSMs of {folder} can't be opened: {error}") from error
        except PKCS11Error as error:
            raise HsmRefused(f"the HSMs of {folder} refused: {type(error).__name__}") from error
        _check(opened, all_on=len(on) == len(now.places))
        return cls(Racks(folder, now, stamp, opened))

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
        self._racks.each(lambda hsm: hsm.forget(token))

    def keep_up(self, deletions: int) -> None:
        """Empties the HSMs' memory when key material was deleted, by this process or another one.

        `deletions` counts them. What is still there to be used is unwrapped again.
        """
        if deletions != self._deletions:
            self._racks.each(HsmSession.forget_all)
            self._deletions = deletions

    def random(self, length: int) -> bytes:
        """`length` random bytes made in an HSM."""
        return self._serve(b"\0", lambda hsm: hsm.random(length))

    def renewed(self, kind: Kind, token: bytes) -> bytes:
        """A token as the records may keep it; called inside the transaction that keeps it.

        Between making a token and keeping it, the domain key may have been rotated: then it is
        wrapped again now. `HsmError` where that is too late: nothing was kept, so nothing is lost.
        """
        if self._records is None or not self._racks.saw_rotation():
            return token
        return rotation.renewed(self._racks, self._records, kind, token)

    def _serve(self, token: bytes, work: Callable[[HsmSession], Result]) -> Result:
        return self._racks.serve(token, work)


def _check(opened: ceremonies.Opened, *, all_on: bool) -> None:
    """Raises the first HSM's error if no HSM serves, and none can be put back to help."""
    errors = [each for each in opened.values() if not isinstance(each, HsmSession)]
    for error in errors:
        if len(errors) == len(opened) and (all_on or isinstance(error, HsmModuleMissing)):
            raise error
