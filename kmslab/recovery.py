"""When all HSMs of a lab are gone and it does not open any more: new ones from a backup."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kmslab.errors import HsmRefused, StoreError
from kmslab.hsm import ceremonies, restoring, roster
from kmslab.hsm.fleet import Fleet
from kmslab.hsm.quorum import Card
from kmslab.hsm.restoring import Backup
from kmslab.kms.rewrapping import Tokens
from kmslab.store import Store


def recover(path: str | Path, backup: Backup | str | Path, cards: Iterable[Card]) -> None:
    """Makes new HSMs for the lab in `path`; after that, `Lab(path)` opens it.

    `HsmRefused` where an HSM of the lab still works: then the lab opens as it is. For the other
    errors see `Fleet.restore`.
    """
    folder = Path(path).expanduser().resolve()
    backup = backup if isinstance(backup, Backup) else Backup(Path(backup))
    if not (folder / "records.sqlite").exists():
        raise StoreError(f"{folder} has no records: a backup of HSMs holds no KMS key by itself")
    if _opens(folder / "hsms"):
        raise HsmRefused(f"an HSM of {folder} still works: Lab(path) opens the lab")
    store = Store(folder / "records.sqlite")
    try:
        with ceremonies.alone(folder / "hsms"):
            now = roster.read(folder / "hsms")
            restoring.restore(folder / "hsms", now, backup, cards, Tokens(store).domain())
    finally:
        store.close()


def _opens(folder: Path) -> bool:
    try:
        Fleet.open(folder, made=True).switch_off()
    except (HsmRefused, StoreError):
        return False
    return True
