"""What is done to an HSM before it serves: made, given the domain keys, opened, replaced, removed.

Every function here is called with the fleet's lock held (`alone`). A ceremony works on devices
of its own, each with its own copy of SoftHSM2's module: the HSMs go on serving meanwhile. Folders:

    hsms/          the HSMs, a folder each
    hsms.draft/    an HSM that is being made; moved to its place when it is whole
    hsms.old/      an HSM that another one takes the place of, until that is done
    hsms.gone/     an HSM that is being deleted

`tidy` ends or undoes what `kill -9` cut off. A folder that no roster names may hold domain keys of
an HSM that was removed, or that was never finished: it goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmRefused, KmslabError, StoreError
from kmslab.hsm import device, domain, roster
from kmslab.hsm.device import Device
from kmslab.hsm.roster import Place, Roster
from kmslab.hsm.session import HsmSession

Opened = dict[str, HsmSession | KmslabError]  # by name: at work, or why it isn't


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the fleet's lock; what fails inside is an error of kmslab."""
    try:
        with roster.alone(folder):
            yield
    except OSError as error:
        raise StoreError(f"the HSMs of {folder} can't be changed: {error}") from error
    except PKCS11Error as error:
        raise HsmRefused(f"an HSM of {folder} refused: {type(error).__name__}") from error


def make(folder: Path) -> None:
    """Makes a fleet beside its final place and moves it there whole, so no half fleet shows."""
    draft = draft_of(folder)
    names = [each.name for each in roster.first().places]
    for name in names:
        device.provision(draft / name)
    with switched_on([draft / name for name in names]) as devices:
        domain.found(devices)
    draft.rename(folder)


def add(folder: Path, places: Sequence[Place], now: Roster, source: str) -> None:
    """Makes new HSMs with the domain keys of the HSM `source`."""
    draft = draft_of(folder)
    for place in places:
        device.provision(draft / place.name)
    with switched_on([folder / source, *(draft / each.name for each in places)]) as devices:
        for generation in filter(None, (now.generation, now.coming)):
            domain.supply(devices, generation)
    for place in places:
        (draft / place.name).rename(folder / place.name)
    draft.rmdir()


def replace(folder: Path, name: str, now: Roster) -> None:
    """Puts a new HSM in an HSM's place, with the domain keys that are still used, and no others.

    A domain key can't be destroyed in its HSM, as nobody shall destroy the one in use. So the whole
    HSM goes (a real one would be zeroised): its folder is deleted, and nothing opens it without
    the PINs that are deleted with it.
    """
    draft = draft_of(folder)
    device.provision(draft / name)
    with switched_on([folder / name, draft / name]) as devices:
        for generation in filter(None, (now.generation, now.coming)):
            domain.supply(devices, generation)
    old = folder.with_name("hsms.old")
    old.mkdir(mode=0o700, exist_ok=True)
    (folder / name).rename(old / name)
    (draft / name).rename(folder / name)
    tidy(folder, now)


def tidy(folder: Path, now: Roster) -> None:
    """Ends what was cut off: every HSM of the roster in its place, and nothing besides."""
    _end_replacing(folder)
    names = {each.name for each in now.places}
    for each in folder.iterdir() if folder.exists() else ():
        if each.name not in names and each.name.startswith("hsm-"):
            _delete(folder, each)
    _delete(folder)


def open_all(folder: Path, now: Roster, places: Sequence[Place]) -> Opened:
    """Opens HSMs; each gets the domain keys that another one has, and loses those of before."""
    devices, failed = _devices(folder, places)
    with suppress(PKCS11Error):  # an HSM without them says so when it is used
        for generation in filter(None, (now.generation, now.coming)):
            domain.supply([*devices.values()], generation)
    opened: Opened = dict(failed)
    for name, each in devices.items():
        try:
            opened[name] = _session(folder, each, now)
        except (KmslabError, PKCS11Error, OSError) as error:
            each.switch_off()
            opened[name] = _trouble(folder / name, error)
    return opened


def open_one(folder: Path, place: Place, now: Roster) -> HsmSession:
    """Opens one HSM as it is, for a process that learns of it from another one."""
    try:
        session = HsmSession(Device(folder / place.name), now.generation)
    except (KmslabError, PKCS11Error, OSError) as error:
        raise _trouble(folder / place.name, error) from error
    hold(session, now)
    return session


def hold(session: HsmSession, now: Roster) -> bool:
    """Has an HSM use the domain keys of a roster; False where it doesn't have them.

    Beside those in use, while a rotation goes on: the coming ones, or after the cut over those of
    before, which are there as long as requests may hold a token of before.
    """
    for other in (now.coming or now.generation - 1, 0):
        try:
            session.hold(now.generation, other)
        except (KmslabError, PKCS11Error):
            continue
        return True
    return False


@contextmanager
def switched_on(folders: Sequence[Path]) -> Iterator[list[Device]]:
    """Devices of a ceremony's own, switched off at its end."""
    devices: list[Device] = []
    try:
        for folder in folders:
            devices.append(Device(folder))  # noqa: PERF401  those before are switched off either way
        yield devices
    finally:
        for each in devices:
            each.switch_off()


def _devices(
    folder: Path, places: Sequence[Place]
) -> tuple[dict[str, Device], Mapping[str, KmslabError]]:
    devices: dict[str, Device] = {}
    failed: dict[str, KmslabError] = {}
    for place in places:
        try:
            devices[place.name] = Device(folder / place.name)
            domain.generations(devices[place.name])  # does its crypto user's PIN fit?
        except (KmslabError, PKCS11Error, OSError) as error:
            failed[place.name] = _trouble(folder / place.name, error)
            if place.name in devices:
                devices.pop(place.name).switch_off()
    return devices, failed


def _session(folder: Path, opened: Device, now: Roster) -> HsmSession:
    kept, used = domain.generations(opened), {now.generation, now.coming}
    if now.generation in kept and kept - used:  # from before a rotation that it missed
        opened.switch_off()
        replace(folder, opened.name, now)
        opened = Device(folder / opened.name)
    session = HsmSession(opened, now.generation)
    hold(session, now)
    return session


def _trouble(folder: Path, error: Exception) -> KmslabError:
    """Why an HSM can't be used, without a PIN."""
    if isinstance(error, KmslabError):
        return error
    if isinstance(error, OSError):
        return StoreError(f"the HSM of {folder} can't be opened: {error}")
    return HsmRefused(f"the HSM of {folder} can't be used: {type(error).__name__}")


def draft_of(folder: Path) -> Path:
    """An empty folder in which HSMs are made."""
    _end_replacing(folder)
    draft = folder.with_name("hsms.draft")
    draft.mkdir(mode=0o700)
    return draft


def _end_replacing(folder: Path) -> None:
    """What a process left that was killed while it made or replaced an HSM."""
    draft, old = folder.with_name("hsms.draft"), folder.with_name("hsms.old")
    for kept in old.iterdir() if folder.exists() and old.exists() else ():
        whole = draft / kept.name  # was whole before the old one moved
        if not (folder / kept.name).exists():
            (whole if whole.exists() else kept).rename(folder / kept.name)
    for left in (draft, old):
        _delete(folder, left)


def _delete(folder: Path, what: Path | None = None) -> None:
    """Deletes an HSM's folder for good, and what was left of another one that was being deleted.

    It moves away first: a process that still has the HSM open could write into it meanwhile.
    """
    gone = folder.with_name("hsms.gone")
    if gone.exists():
        shutil.rmtree(gone)
    if what and what.exists():
        what.rename(gone)
        shutil.rmtree(gone)
