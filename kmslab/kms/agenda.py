"""What time will bring to a key: its next rotation, the end of its material, its deletion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

Kind = Literal[
    "rotate", "rotate on demand", "expire", "delete", "settle", "scrub", "connect", "disconnect"
]
DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to come."""

    number: int
    time: float
    kind: Kind
    account: str
    region: str
    key_id: str
    detail: str


def schedule(rooms: Rooms, key: Key, time: float, kind: Kind, detail: str = "") -> None:
    """Something will happen to the key at this time, once."""
    schedule_for(rooms, (key.account, key.region, key.key_id), time, kind, detail)


def schedule_for(
    rooms: Rooms, whom: tuple[str, str, str], time: float, kind: Kind, detail: str = ""
) -> None:
    """The same for whatever has an account, a Region and an id: a custom key store."""
    rooms.store.write(
        "INSERT INTO due (time, kind, account, region, key_id, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (time, kind, *whom, detail),
    )


def cancel(rooms: Rooms, key: Key, kind: Kind, detail: str | None = None) -> None:
    """What was scheduled for a key in its Region will not happen."""
    cancel_for(rooms, key.account, key.region, key.key_id, kind, detail)


def cancel_for(
    rooms: Rooms, account: str, region: str, name: str, kind: Kind, detail: str | None = None
) -> None:
    """The same for whatever has an account, a Region and an id."""
    rooms.store.write(
        "DELETE FROM due WHERE key_id = ? AND region = ? AND account = ? AND kind = ? "
        "AND detail = coalesce(?, detail)",
        (name, region, account, kind, detail),
    )


def outlook(rooms: Rooms) -> tuple[float, float | None, int]:
    """The lab's time, when the first thing is due, and how many deletions there were."""
    offset, time, deletions = rooms.store.known(
        "SELECT (SELECT value FROM lab WHERE name = 'offset'), (SELECT min(time) FROM due), "
        "(SELECT value FROM lab WHERE name = 'deletions')",
        (),
        lambda offset, time, deletions: (float(offset), time, int(deletions or 0)),
    ) or (0.0, None, 0)
    return rooms.settings.unmoved() + offset, time, deletions


def first(rooms: Rooms, until: float) -> Due | None:
    """What is due first, if that is by now."""
    row = rooms.store.row(
        "SELECT number, time, kind, account, region, key_id, detail FROM due "
        "WHERE time <= ? ORDER BY time, number LIMIT 1",
        (until,),
    )
    return Due(*row) if row else None


def take(rooms: Rooms, due: Due) -> None:
    """It happens now, and not again."""
    rooms.store.write("DELETE FROM due WHERE number = ?", (due.number,))


def postpone(rooms: Rooms, due: Due, time: float) -> None:
    """It happens later."""
    rooms.store.write("UPDATE due SET time = ? WHERE number = ?", (time, due.number))


def scrub_later(rooms: Rooms, key: Key) -> None:
    """Deleted material leaves HSMs and disk as soon as the transaction that deletes it is over."""
    rooms.settings.note_deletion()
    schedule(rooms, key, 0.0, "scrub")


def move(rooms: Rooms, key: Key, region: str) -> None:
    """What rotates a multi-Region key happens in another Region, its new primary one."""
    rooms.store.write(
        "UPDATE due SET region = ? WHERE key_id = ? AND region = ? AND account = ? "
        "AND kind LIKE 'rotate%'",
        (region, key.key_id, key.region, key.account),
    )
