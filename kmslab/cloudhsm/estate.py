"""All clusters of a lab on the disk and in this process: which HSMs work, and who serves a call.

    cloudhsm/
      lock                    held by the process that makes, fills or opens an HSM
      factory/factory/        an HSM that stands for what is built into hardware (cluster_key.py)
      backups/                files of backups, encrypted by an HSM before they got here
      cluster-…/hsm-…/        a token folder each, as in hsm/device.py
      cluster-…/logins/       who is logged in, of all processes

A call goes to the cluster's HSMs in turn: one that is switched off, deleted, or whose folder is
gone is passed over, and the next one answers.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pkcs11.exceptions import PKCS11Error

from kmslab.cloudhsm import keys, records, timing
from kmslab.cloudhsm.errors import ClusterNotFound, NoActiveHsm
from kmslab.cloudhsm.records import Cluster, Hsm
from kmslab.cloudhsm.unit import Unit, token_is_there
from kmslab.errors import HsmError, HsmOff
from kmslab.hsm.device import Device, provision
from kmslab.settings import Settings
from kmslab.store import Store

Result = TypeVar("Result")
FACTORY = "factory"


class Estate:
    """The clusters of a lab, for this process."""

    def __init__(self, folder: Path, store: Store, settings: Settings) -> None:
        self.folder, self.store, self.settings = folder, store, settings
        self._units: dict[str, Unit] = {}
        self._lock = threading.RLock()
        self._depth = 0

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the lock file: no other thread or process makes, fills or opens an HSM now.

        Taken before a transaction of the records, never inside one.
        """
        with self._lock:
            if self._depth:
                yield
                return
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with (self.folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._depth += 1
                try:
                    self.store.catch_up()
                    yield
                finally:
                    self._depth -= 1

    @contextlib.contextmanager
    def factory(self) -> Iterator[Device]:
        """The factory's HSM, switched on for as long as it is needed; made at the first time."""
        folder = self.folder / FACTORY / FACTORY
        with self.alone():
            if not folder.exists():
                self.build(folder)
            device = Device(folder)
            try:
                yield device
            finally:
                device.switch_off()

    def build(self, folder: Path, equip: Callable[[Path], None] = lambda _: None) -> None:
        """Makes an HSM beside its place and moves it there whole, so no half HSM ever shows."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed in here
        draft.mkdir(mode=0o700)
        provision(draft / folder.name)
        equip(draft / folder.name)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        (draft / folder.name).rename(folder)
        draft.rmdir()

    def sweep(self, cluster_id: str) -> None:
        """Removes folders of HSMs that no record knows: a process was killed beside them."""
        with self.alone():
            known = {each.id for each in records.hsms(self.store, cluster_id)}
            for folder in (self.folder / cluster_id).glob("hsm-*"):
                if folder.name not in known:
                    shutil.rmtree(folder, ignore_errors=True)

    def place(self, hsm: Hsm) -> Path:
        """The folder of an HSM."""
        return self.folder / hsm.cluster / hsm.id

    def cluster(self, cluster_id: str) -> Cluster:
        """A cluster's record; `ClusterNotFound` where there is none, or it was deleted."""
        found = records.find(self.store, Cluster, cluster_id)
        if found is None or found.deleted is not None:
            raise ClusterNotFound(f"cluster {cluster_id} doesn't exist")
        return found

    def works(self, hsm: Hsm) -> bool:
        """Whether an HSM can be reached and its token is there."""
        return hsm.deleted is None and not hsm.off and token_is_there(self.place(hsm))

    def active(self, cluster_id: str) -> list[Hsm]:
        """The HSMs of a cluster that serve, or would if they were filled."""
        now = self.settings.now()
        hsms = records.hsms(self.store, cluster_id)
        return [each for each in hsms if timing.is_ready(each, now) and self.works(each)]

    def unit(self, hsm: Hsm) -> Unit | None:
        """An HSM switched on in this process; None where that fails."""
        known = self._units.get(hsm.id)
        if known is not None and known.works and not hsm.off:
            return known
        if known is not None:
            self.discard(hsm.id)
        if not self.works(hsm):
            return None
        with self.alone():
            try:
                history = self.cluster(hsm.cluster).history
                unit = Unit(self.place(hsm), history)
                # What no record knows was cut off while it was made, or destroyed meanwhile.
                there = keys.of(self.store, hsm.cluster).values()
                unit.clear(frozenset(each.id for each in there))
                self._units[hsm.id] = unit
            except (HsmError, PKCS11Error, OSError, ClusterNotFound):
                return None
            return unit

    def units(self, cluster_id: str) -> list[Unit]:
        """The HSMs of a cluster that have its users and keys, switched on."""
        self.store.catch_up()
        self._drop_lost(cluster_id)
        units = (self.unit(each) for each in self.active(cluster_id) if each.filled)
        return [unit for unit in units if unit is not None]

    def serve(self, cluster_id: str, work: Callable[[Unit], Result], only: str = "") -> Result:
        """What the first HSM that works answers; `NoActiveHsm` where none does.

        `only` names the one HSM that can answer: a session key's.
        """
        for unit in self.units(cluster_id):
            if only and unit.id != only:
                continue
            try:
                with unit.lock:
                    return work(unit)
            except HsmOff:
                continue
            except PKCS11Error:
                if unit.works:
                    raise
        gone = f"{only} doesn't serve any more" if only else f"no HSM of {cluster_id} serves"
        raise NoActiveHsm(gone)

    def _drop_lost(self, cluster_id: str) -> None:
        """Switches off what was switched on here, and has been deleted or taken off since."""
        there = {each.id for each in records.hsms(self.store, cluster_id) if self.works(each)}
        for hsm_id, unit in list(self._units.items()):
            if unit.cluster_id == cluster_id and hsm_id not in there:
                self.discard(hsm_id)

    def discard(self, hsm_id: str) -> None:
        """Switches an HSM off in this process."""
        unit = self._units.pop(hsm_id, None)
        if unit is not None:
            unit.switch_off()

    def close(self) -> None:
        """Switches every HSM off."""
        with self._lock:
            for hsm_id in list(self._units):
                self.discard(hsm_id)
