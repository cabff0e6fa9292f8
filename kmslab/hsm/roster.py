"""Which HSMs a fleet has, kept beside their folders for every process that has the lab open.

    hsms.json      {"hsms": [{"name", "zone", "is_on"} …], "made": 3, "generation": 1, "coming": 0}
    hsms.lock      held by who opens, makes, clones or removes an HSM
    rotation.lock  held by who rotates the domain key

Without the file a fleet is as it was made: three HSMs that are on, one in each zone, and the first
generation of the domain keys. The file holds no secret. It is replaced whole, so its inode and its
time tell another process, for one call of `stat`, that something changed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kmslab.errors import HsmRefused, StoreError
from kmslab.hsm.device import write_private

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
Stamp = tuple[int, int]  # inode and time of the file


@dataclass(frozen=True, slots=True)
class Place:
    """An HSM's place in the fleet: where it stands, and whether it is switched on."""

    name: str
    zone: str
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class Roster:
    """The HSMs, how many were ever made, and the generations of the domain keys in them."""

    places: tuple[Place, ...]
    made: int  # no name is given twice
    generation: int = 1  # of the domain keys that new tokens are wrapped under
    coming: int = 0  # that a rotation is about to bring; 0: none

    def place(self, name: str) -> Place:
        """An HSM's place; `HsmRefused` for a name that the fleet doesn't have."""
        for each in self.places:
            if each.name == name:
                return each
        names = ", ".join(each.name for each in self.places) or "none"
        raise HsmRefused(f"there is no {name!r}; the fleet's HSMs: {names}")

    def new_places(self, count: int, zone: str = "") -> tuple[Place, ...]:
        """Places for new HSMs, each in `zone` or in the zone with the fewest."""
        places = self.places
        for number in range(self.made, self.made + count):
            zones = [each.zone for each in places]
            fewest = min(ZONES, key=zones.count)
            places += (Place(_name(number), zone or fewest),)
        return places[len(self.places) :]

    def switched(self, name: str, *, is_on: bool) -> Roster:
        """The same fleet with one HSM switched on or off."""
        chosen = self.place(name)
        places = (replace(each, is_on=is_on) if each == chosen else each for each in self.places)
        return replace(self, places=tuple(places))


def first() -> Roster:
    """A fleet as it is made: an HSM in each zone."""
    empty = Roster((), 0)
    return Roster(empty.new_places(len(ZONES)), len(ZONES))


def read(folder: Path) -> Roster:
    """The fleet of the HSMs' folder; `StoreError` where its file is damaged."""
    file = path(folder)
    try:
        kept = json.loads(file.read_text())
        places = tuple(Place(**each) for each in kept.pop("hsms"))
        return Roster(places, **kept)
    except FileNotFoundError:
        return first()
    except (OSError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{file}: does not say which HSMs there are") from error


def write(folder: Path, roster: Roster) -> None:
    """Keeps the fleet; every process sees a change at its next call, even if nothing differs."""
    kept = asdict(roster)
    kept = {"hsms": kept.pop("places"), **kept}
    write_private(path(folder), json.dumps(kept))


def stamp(file: str) -> Stamp | None:
    """What differs after each `write` of a roster's file; None where there is no file.

    Every call asks, so this is done without pathlib.
    """
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the lock of the fleet: one process changes it, another one waits."""
    with folder.with_name("hsms.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def rotating(folder: Path) -> Iterator[bool]:
    """Holds the lock of a rotation, or gives False: another process, or thread, has it."""
    with folder.with_name("rotation.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def path(folder: Path) -> Path:
    """The roster's file, beside the HSMs' folder."""
    return folder.with_name("hsms.json")


def _name(number: int) -> str:
    return f"hsm-{chr(ord('a') + number)}" if number < 26 else f"hsm-{number + 1}"
