"""What a learner does to a fleet: hurt it, heal it, back it up, give it new domain keys.

Whatever is done here is written into the roster, so every process that has the lab open does it
too, at its next call. An HSM that was pulled stays so until somebody puts it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kmslab.errors import HsmRefused
from kmslab.hsm import ceremonies, restoring, roster, rotation, table
from kmslab.hsm.quorum import Card
from kmslab.hsm.racks import Racks
from kmslab.hsm.restoring import Backup
from kmslab.hsm.rotation import Records
from kmslab.hsm.session import HsmSession


class Care:
    """The HSMs of a fleet, as things that can be pulled, lost, made and restored."""

    def __init__(self, racks: Racks) -> None:
        self._racks = racks
        self._records: Records | None = None

    @property
    def hsms(self) -> tuple[HsmSession, ...]:
        """The HSMs that this process opened, those switched off since among them."""
        self._racks.catch_up()
        return tuple(each.session for each in self._racks.members if each.session)

    @property
    def domain_name(self) -> str:
        """What tells the domain key in use from others; it says nothing of the key."""
        return self._racks.domain_name()

    def attend(self, records: Records) -> None:
        """Tells the fleet where its tokens are kept, and ends a rotation that was cut off.

        `HsmRefused` where the records are of another domain key than the HSMs hold.
        """
        self._records = records
        rotation.resume(self._racks, records)

    def switch_off(self, name: str = "") -> None:
        """Pulls an HSM out, for every process that has the lab open; it keeps what is on its disk.

        Without a name it switches all HSMs off, in this process only and until it opens them again.
        """
        if not name:
            self._racks.switch_off()
            return
        with ceremonies.alone(self._racks.folder):
            now = roster.read(self._racks.folder)
            roster.write(self._racks.folder, now.switched(name, is_on=False))
        self._racks.catch_up()

    def switch_on(self, name: str) -> None:
        """Puts an HSM back, or one into service again that was taken out; `HsmError` if it can't.

        If the domain key was rotated meanwhile, the HSM gets the new one from another HSM that is
        on, and loses the old one.
        """
        folder, helpers = self._racks.folder, self._helpers(name)
        with ceremonies.alone(folder):
            now = roster.read(folder).switched(name, is_on=True)
            places = [now.place(name), *(now.place(each) for each in helpers)]
            opened = ceremonies.open_all(folder, now, places)
            for each in helpers:
                if isinstance(helper := opened.pop(each), HsmSession):
                    helper.switch_off()
            mine = opened[name]
            if not isinstance(mine, HsmSession):
                raise mine
            roster.write(folder, now)
        self._racks.put_in(opened, now)

    def remove(self, name: str, *, last: bool = False) -> None:
        """Takes an HSM away for good: its folder is deleted, and its domain keys with it.

        The last HSM that serves only goes with `last=True`: after that a backup is all there is.
        """
        folder = self._racks.folder
        if not last and not self._helpers(name):
            raise HsmRefused(
                f"{name} is the last HSM with the domain key: without a backup every key of the "
                f'lab is lost with it. remove("{name}", last=True) does it all the same'
            )
        with ceremonies.alone(folder):
            now = roster.read(folder)
            gone = now.place(name)
            now = replace(now, places=tuple(each for each in now.places if each != gone))
            roster.write(folder, now)  # first: from now on no process opens it
            ceremonies.tidy(folder, now)
        self._racks.catch_up()

    def add(self, zone: str = "") -> str:
        """Makes a new HSM and clones the domain keys into it from one that is on: its name.

        Without a `zone`, such as "us-east-1b", it stands where the fewest are. `FleetDown` where
        no HSM is on: then only a backup helps.
        """
        folder = self._racks.folder
        source = self._racks.at_work_or_down()[0].device.name
        with ceremonies.alone(folder):
            now = roster.read(folder)
            places = now.new_places(1, zone)
            ceremonies.add(folder, places, now, source)
            now = replace(now, places=now.places + places, made=now.made + 1)
            roster.write(folder, now)
        self._racks.catch_up()
        return places[0].name

    def backup(
        self, folder: str | Path, operators: int | Mapping[str, str] = 5, quorum: int = 3
    ) -> Backup:
        """Backs up the domain keys into `folder`; `quorum` operators together can restore them.

        `operators` is how many there are, each with a PIN made up for him, or their names and own
        PINs. Each card belongs into other hands: `made.cards[0].path`, `made.cards[0].pin`.
        """
        if not isinstance(operators, Mapping):
            names = [f"operator-{number}" for number in range(1, operators + 1)]
            operators = {name: secrets.token_hex(8) for name in names}
        sources = self._racks.at_work_or_down()
        folder = Path(folder).expanduser().absolute()
        with ceremonies.alone(self._racks.folder):
            now = roster.read(self._racks.folder)
            if now.coming:
                raise HsmRefused("the domain key is being rotated: take the backup after that")
            source = self._racks.folder / sources[0].device.name
            return restoring.back_up(source, now, folder, operators, quorum)

    def restore(self, backup: Backup | str | Path, cards: Iterable[Card]) -> None:
        """Makes three new HSMs from a backup, with the cards of enough operators.

        Only when no HSM is left: `HsmRefused` while one is on, as `add` clones from it, or could be
        put back. `QuorumMissing`, `ShareRefused`, `BackupRefused` say what does not fit.
        """
        backup = backup if isinstance(backup, Backup) else Backup(Path(backup))
        domain = self._records.domain() if self._records else ""
        if on := self._racks.at_work():
            raise HsmRefused(f"{on[0].device.name} has the domain key: add() clones from it")
        with ceremonies.alone(self._racks.folder):
            now = roster.read(self._racks.folder)
            for place in now.places:
                if not place.is_on:
                    raise HsmRefused(f"{place.name} is only switched off: switch it on")
            now = restoring.restore(self._racks.folder, now, backup, cards, domain)
        self._racks.catch_up()

    def rotate_domain_key(self) -> None:
        """New domain keys in all HSMs, and every token wrapped again; see rotation.py.

        A backup of before opens nothing after that: take a new one.
        """
        rotation.rotate(self._racks, self._records)

    def _helpers(self, name: str) -> list[str]:
        """The other HSMs that are on."""
        names = [each.device.name for each in self._racks.at_work()]
        return [each for each in names if each != name]

    def __repr__(self) -> str:
        return table.as_line(self._racks.members)

    def _repr_html_(self) -> str:
        self._racks.catch_up()
        return table.as_html(self._racks.members)
