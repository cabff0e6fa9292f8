"""A new domain key, and every exported key token wrapped again under it.

    1 bring     a new generation of the domain keys, in every HSM that is on, beside the old one
    2 wrap      each token: unwrapped under the old domain key and wrapped under the new one, inside
                an HSM; the new tokens lie beside the old ones in the records
    3 cut over  one transaction: from here on the records hold new tokens only
    4 destroy   each HSM in turn is replaced by one that never had the old domain key

The lab works on meanwhile. Up to 3 the old domain key opens everything, a backup of it included;
from 3 on the new one does. `kill -9` in any step loses nothing: the roster says that a new
generation is coming, and the next process that opens the lab goes on.

What is weaker meanwhile? Nothing that a crypto user can use: no rule is lifted, as a key that was
unwrapped under a domain key can leave again under a trusted key only, and making one of those takes
the security officer. But from 1 to 4 there are two domain keys to steal in place of one. An HSM
that is switched off keeps the old one on its disk until it is put back, and then loses it. A stolen
old domain key opens old copies of the records for ever: rotation limits what a later theft opens.

AWS rotates domain keys too ("Domain keys" in AWS KMS Cryptographic Details); customers see nothing
of it, as key ids and ciphertexts stay what they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pkcs11.exceptions import PKCS11Error

from kmslab import busy
from kmslab.errors import HsmRefused, TokenRefused
from kmslab.hsm import ceremonies, domain, roster, seeds
from kmslab.hsm.kinds import Kind
from kmslab.hsm.racks import Racks
from kmslab.hsm.session import HsmSession

SETTLE_SECONDS = 1.0  # for requests that hold a token of before the records were cut over
_MANY = 1_000  # tokens, from which on a notebook says what takes long
_A_SECOND = 2_000  # tokens wrapped again, about
Rewrap = Callable[[Kind, bytes], bytes]


class Records(Protocol):
    """Where the tokens are kept."""

    def domain(self) -> str:
        """The name of the domain key that they are wrapped under; "" where none was noted yet."""

    def note_domain(self, name: str) -> None:
        """Notes the name, once."""

    def wrap_some(self, name: str, rewrap: Rewrap) -> int:
        """Wraps some tokens again, beside the old ones; returns how many are left."""

    def cut_over(self, name: str, rewrap: Rewrap) -> None:
        """Puts the new tokens in place of the old ones, all in one transaction."""


def rotate(racks: Racks, records: Records | None) -> None:
    """Does what is left of a rotation, or a whole one; `HsmRefused` while another one goes on."""
    if records is None:
        raise HsmRefused("these HSMs serve no lab: nobody knows where their tokens are kept")
    with roster.rotating(racks.folder) as mine:
        if not mine:
            raise HsmRefused("the domain key is being rotated already")
        generation = _bring(racks)
        name = racks.domain_name(generation)
        if records.domain() != name:
            _wrap(racks, records, name, generation)
        _destroy_old(racks)


def resume(racks: Racks, records: Records) -> None:
    """Ends a rotation that was cut off; sees that HSMs and records are of one domain key."""
    if not racks.at_work():
        return
    if racks.roster.coming:
        with roster.rotating(racks.folder) as free:
            pass
        if free:
            busy.say("A rotation of the domain key was cut off: it is brought to its end.")
            rotate(racks, records)
        return
    name, kept = racks.domain_name(), records.domain()
    if not kept:
        records.note_domain(name)
    elif kept != name:
        raise HsmRefused(
            f"the HSMs hold the domain key {name}, and the records are wrapped under {kept}"
        )


def renewed(racks: Racks, records: Records, kind: Kind, token: bytes) -> bytes:
    """A token under the domain key of the records; as it is, where it already is."""
    name = records.domain()

    def work(hsm: HsmSession) -> bytes:
        for generation in filter(None, (racks.roster.coming, racks.roster.generation)):
            try:
                if hsm.domain_name(generation) == name:
                    return seeds.rewrap(hsm, kind, token, generation)
            except PKCS11Error:
                continue  # this HSM doesn't have that generation
        raise TokenRefused(f"{hsm.device.name} does not hold the domain key {name}")

    return racks.serve(token, work)


def _bring(racks: Racks) -> int:
    """Both generations in every HSM that is on, and every process told; the new one's number."""
    folder = racks.folder
    names = [each.device.name for each in racks.at_work_or_down()]
    with ceremonies.alone(folder):
        now = roster.read(folder)
        coming = now.coming or now.generation + 1
        with ceremonies.switched_on([folder / name for name in names]) as devices:
            domain.bring(devices, coming)
        roster.write(folder, replace(now, coming=coming))
    racks.catch_up()
    return coming


def _wrap(racks: Racks, records: Records, name: str, generation: int) -> None:
    def rewrap(kind: Kind, token: bytes) -> bytes:
        return racks.serve(token, lambda hsm: seeds.rewrap(hsm, kind, token, generation))

    left = records.wrap_some(name, rewrap)
    if left >= _MANY:
        busy.say(
            f"Wrapping {left:,} more key tokens under the new domain key: "
            f"about {left / _A_SECOND:.0f} s."
        )
    while left:
        left = records.wrap_some(name, rewrap)
    records.cut_over(name, rewrap)


def _destroy_old(racks: Racks) -> None:
    """Only the new domain keys stay, in the HSMs that are on; the others lose them when put back.

    Where this is cut off, the next process to open the lab does it (ceremonies.open_all).
    """
    folder = racks.folder
    with ceremonies.alone(folder):
        now = roster.read(folder)
        now = replace(now, generation=now.coming, coming=0)
        roster.write(folder, now)
    racks.catch_up()
    time.sleep(SETTLE_SECONDS)
    for name in [each.device.name for each in racks.at_work()]:
        with ceremonies.alone(folder):
            ceremonies.replace(folder, name, now)
            roster.write(folder, now)
        racks.catch_up()
