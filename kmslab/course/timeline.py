"""A trail to look through: who did what when, narrowed down to a few events (lesson 16).

Each event becomes a small row once, so that narrowing a trail of thousands takes milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.identity import short, via
from kmslab.cloudtrail.table import record


@dataclass(frozen=True, slots=True)
class Row:
    """One event in short."""

    number: int  # its place in the trail: trail[number]
    time: float  # seconds since 1970
    when: str  # as in 2026-01-05 09:00:00
    who: str  # a user, a role, a service, an account
    session: str  # a role's session with the role's name; else as `who`
    event: str
    keys: tuple[str, ...]
    context: str
    address: str
    error: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. Empty: everything. `chosen` is the event that is shown whole."""

    who: str = ""
    event: str = ""
    key: str = ""
    refused: bool = False
    start: str = ""  # as in 2026-01-05 or 2026-01-05 09:00, in UTC
    end: str = ""
    chosen: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wanted:
        """From a dict with some of the fields; `ValueError` says what is due instead."""
        names = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            raise ValueError(f'{given!r}: a dict is due, as in {{"refused": True}}')
        for name, value in given.items():
            if name not in names:
                raise ValueError(f"{name!r}: one of {', '.join(names)} is due")
            _need_kind(name, value)
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def rows(events: Iterable[Event], keys: Mapping[str, str] | None = None) -> tuple[Row, ...]:
    """The events as rows; `keys` gives names to key ids, as in {"records": "1234abcd-…"}."""
    names = {key_id: name for name, key_id in (keys or {}).items()}
    return tuple(_row(number, event, names) for number, event in enumerate(events))


def select(all_rows: Sequence[Row], wanted: Wanted) -> list[Row]:
    """The rows that fit; `ValueError` for times that are none."""
    start, end = between(wanted)
    return [
        row
        for row in all_rows
        if start <= row.time <= end
        and wanted.who in ("", row.who, row.session)
        and wanted.event in ("", row.event)
        and (not wanted.key or wanted.key in row.keys)
        and (row.error or not wanted.refused)
    ]


def between(wanted: Wanted) -> tuple[float, float]:
    """From when to when, in seconds since 1970; `ValueError` for no time, or an end too early."""
    start = moment(wanted.start) if wanted.start else -math.inf
    end = moment(wanted.end) if wanted.end else math.inf
    if end < start:
        raise ValueError(f"end={wanted.end!r}: a time from start={wanted.start!r} on is due")
    return start, end


def moment(text: str) -> float:
    """Seconds since 1970 of a time as text, in UTC where it doesn't say."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r}: a time is due, as in 2026-01-05 09:00") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def place(text: str) -> int | None:
    """The number of an event that was typed, or None where nothing was."""
    try:
        return int(text) if text.strip() else None
    except ValueError:
        raise ValueError(f"{text!r}: the number of an event is due") from None


def span(all_rows: Sequence[Row], wanted: Wanted) -> tuple[float, float]:
    """From when to when the picture goes: what was asked for, else the whole trail."""
    first, last = (all_rows[0].time, all_rows[-1].time) if all_rows else (0.0, 0.0)
    start, end = between(wanted)
    start, end = start if wanted.start else first, end if wanted.end else last
    return start, max(end, start + 1)


def names(all_rows: Sequence[Row]) -> dict[str, list[str]]:
    """What there is to choose from: who (principals, then sessions), event and key."""
    principals = {row.who for row in all_rows}
    sessions = {row.session for row in all_rows} - principals
    return {
        "who": [*sorted(principals), *sorted(sessions)],
        "event": sorted({row.event for row in all_rows}),
        "key": sorted({key for row in all_rows for key in row.keys}),
    }


def lane(row: Row, wanted: Wanted) -> str:
    """Whose line of the picture an event is on: of one principal, its sessions have their own."""
    return row.session if wanted.who else row.who


def _need_kind(name: str, value: object) -> None:
    """`ValueError` where a field can't have this value."""
    match name:
        case "refused":
            fits, due = isinstance(value, bool), "True or False"
        case "chosen":
            is_number = isinstance(value, int) and not isinstance(value, bool)
            fits, due = value is None or is_number, "the number of an event, or None,"
        case _:
            fits, due = isinstance(value, str), "a text"
    if not fits:
        raise ValueError(f"{name}={value!r}: {due} is due")


def _row(number: int, event: Event, key_names: Mapping[str, str]) -> Row:
    known, identity = record(event), event["userIdentity"]
    service = via(identity)
    session = short(identity) + (f" via {service}" if service else "")
    role = identity.get("type") == "AssumedRole"
    return Row(
        number=number,
        time=known["time"].timestamp(),
        when=event["eventTime"].replace("T", " ").removesuffix("Z"),
        who=session.partition("/")[0] if role else session,
        session=session,
        event=event["eventName"],
        keys=tuple(_key(each["ARN"], key_names) for each in event["resources"]),
        context=known["context"],
        address=event["sourceIPAddress"],
        error=event.get("errorCode", ""),
    )


def _key(arn: str, key_names: Mapping[str, str]) -> str:
    """A key's name, or the beginning of its id; what isn't a key keeps its own name."""
    name = arn.split(":", 5)[5]
    if not name.startswith("key/"):
        return name
    key_id = name.removeprefix("key/")
    return key_names.get(key_id, f"{key_id.removeprefix('mrk-')[:8]}…")
