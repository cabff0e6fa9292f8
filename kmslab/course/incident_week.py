"""A week of ordinary work at the clinic, and of ordinary refusals, act by act (lesson 16).

Nothing here is by chance: where people would choose, a hash of who and when chooses, so each run
leaves the same trail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from kmslab.course.incident_cast import KINDS, PATIENTS, Cast

DAYS, WEEKDAYS = 7, 5
_FRIDAY = 4
BUILD, BACKUP = 1.5, 3.5  # hours of the night
_FIRST_BUILD = 9.1  # on Monday, as the lab begins at nine


@dataclass(frozen=True, slots=True)
class Shift:
    """How often somebody reads records, between which hours, and of which kinds."""

    reads: int
    start: float
    end: float
    kinds: tuple[str, ...] = KINDS
    days: int = WEEKDAYS


SHIFTS: Mapping[str, Shift] = MappingProxyType(
    {
        "alice": Shift(36, 8, 18),
        "bob": Shift(30, 9, 18),
        "scanner": Shift(24, 8, 18, ("x-ray",)),
        "laboratory": Shift(14, 10, 17, ("blood",)),
        "records-app": Shift(260, 7, 18.5, days=DAYS),
    }
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a time."""

    time: datetime
    do: Callable[[], object]


def hour(cast: Cast, day: int, at: float) -> datetime:
    """A time of the week in which the lab begins, which it does on a Monday."""
    start = cast.lab.clock.now()
    monday = start.replace(hour=0, minute=0, second=0) - timedelta(days=start.weekday())
    return monday + timedelta(days=day, hours=at)


def chosen(count: int, *why: object) -> int:
    """A number below `count`, the same for the same reasons."""
    return int.from_bytes(hashlib.sha256(repr(why).encode()).digest()[:8]) % count


def live(cast: Cast, acts: list[Act]) -> None:
    """Does all of it in the order of time; what lies before the lab's time is left out."""
    clock = cast.lab.clock
    begun = clock.now()
    for act in sorted(acts, key=lambda act: act.time):
        if act.time >= begun:
            clock.advance(seconds=max(0, (act.time - clock.now()).total_seconds()))
            act.do()


def seal_records(cast: Cast) -> None:
    """The records app seals every patient's records: a data key each."""
    kms = cast.kms("records-app")
    for patient in PATIENTS:
        for kind in KINDS:
            context = {"patient": patient, "kind": kind}
            sealed = _seal(kms, "alias/records", context)
            cast.sealed[patient, kind] = sealed["CiphertextBlob"]


def ordinary(cast: Cast) -> Iterator[Act]:
    """What is done every week."""
    for name, shift in SHIFTS.items():
        for day in range(shift.days):
            for number in range(shift.reads):
                yield _read(cast, name, day, number)
    for day in range(DAYS):
        yield from _night(cast, day)
    for day in range(WEEKDAYS):
        yield from _billing(cast, day)
        yield Act(hour(cast, day, 12.1), partial(_slip, cast, day))
    key = cast.keys["old-archive"]
    tidy = partial(cast.kms("admin").schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    yield Act(hour(cast, 2, 10), tidy)


def lend_to_scanner(cast: Cast, kms: Any, name: str, **more: Any) -> Any:
    """The grant that each night's build makes: X-rays only, for the X-ray room's role."""
    return kms.create_grant(
        KeyId=cast.arn("records"),
        GranteePrincipal=cast.lab.role("scanner").arn,
        Operations=["Decrypt", "GenerateDataKey"],
        Constraints={"EncryptionContextSubset": {"kind": "x-ray"}},
        Name=name,
        **more,
    )


def _read(cast: Cast, name: str, day: int, number: int) -> Act:
    """One record is read, at some minute of a shift."""
    shift, why = SHIFTS[name], (name, day, number)
    step = (shift.end - shift.start) / shift.reads
    at = shift.start + step * (number + chosen(60, "minute", *why) / 60)
    patient = PATIENTS[chosen(len(PATIENTS), "patient", *why)]
    kind = shift.kinds[chosen(len(shift.kinds), "kind", *why)]
    return Act(hour(cast, day, at), lambda: cast.read(cast.kms(name, day), patient, kind))


def _night(cast: Cast, day: int) -> Iterator[Act]:
    """The build, the backup, and the service that seals its logs every four hours."""
    yield Act(hour(cast, day, BUILD if day else _FIRST_BUILD), partial(_build, cast, day))
    yield Act(hour(cast, day, BACKUP), partial(_back_up, cast, day))
    logs = {"aws:logs:arn": f"arn:aws:logs:us-east-1:{cast.lab.account}:log-group:clinic"}
    for number in range(6):
        at = hour(cast, day, 0.2 + 4 * number)
        yield Act(at, partial(_seal, cast.kms("logs"), cast.arn("logs"), logs))


def _build(cast: Cast, day: int) -> None:
    kms = cast.kms("deploy", day)
    kms.describe_key(KeyId="alias/records")
    lend_to_scanner(cast, kms, f"ward-{day + 1}")


def _back_up(cast: Cast, day: int) -> None:
    """On Fridays the old archive too; nobody told the backup that its key is to go."""
    kms, night = cast.kms("backup", day), {"night": str(day + 1)}
    for name in ("backup", "old-archive") if day == _FRIDAY else ("backup",):
        _seal(kms, f"alias/{name}", night)


def _billing(cast: Cast, day: int) -> Iterator[Act]:
    """Carol makes bills, and once a day follows a link to a record, which isn't for her."""
    for number in range(20):
        bill, at = {"bill": f"{day + 1}-{number:02}"}, hour(cast, day, 8.2 + number * 0.45)
        yield Act(at, partial(_seal, cast.kms("carol"), "alias/billing", bill))
    patient = PATIENTS[chosen(len(PATIENTS), "link", day)]
    at = hour(cast, day, 14 + chosen(60, "link", day) / 60)
    yield Act(at, lambda: cast.read(cast.kms("carol"), patient, "letter"))


def _slip(cast: Cast, day: int) -> None:
    """Bob's old program writes the kind with a capital letter."""
    patient = PATIENTS[chosen(len(PATIENTS), "slip", day)]
    cast.read(cast.kms("bob"), patient, "letter", "Letter")


def _seal(kms: Any, key: str, context: Mapping[str, str]) -> Any:
    """A new data key in a context, or an error that leaves an event."""
    asked = {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": dict(context)}
    try:
        return kms.generate_data_key(**asked)
    except kms.exceptions.KMSInvalidStateException:
        return {}
