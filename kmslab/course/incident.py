"""The incident of lesson 16: a week at a clinic, with a break-in somewhere in it.

`build` makes a lab and lives through the week: some 1,850 real calls, the same on every run. What
the intruder did is noted while it is done; the exercises are judged by these notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from kmslab.accounts.callers import RoleSession
from kmslab.cloudtrail.trail import Trail
from kmslab.course.incident_cast import Cast, gather
from kmslab.course.incident_week import Act, hour, live, ordinary, seal_records
from kmslab.course.tries import OK
from kmslab.lab import Lab

SEED = 1616
NIGHT, AGAIN = 3, 5  # days from Monday on: when the intruder came, and came again
HOME, ELSEWHERE = "203.0.113.66", "203.0.113.140"  # from which address, each time
# Patient and kind: what was tried with the role itself, read that night, and read later.
KNOCKS = (("23", "letter"), ("31", "letter"))
FIRST = (("23", "letter"), ("31", "letter"), ("31", "blood"), ("38", "letter"), ("44", "x-ray"))
LATER = (("19", "letter"), ("23", "blood"), ("50", "letter"))
MISSED = ("52", "letter", "blood")  # asked for with a wrong kind


@dataclass
class Facts:
    """What the intruder did, noted while it was done."""

    grant: str = ""  # the id of the one that was made
    opened: dict[str, set[str]] = field(default_factory=dict)  # addresses by patient
    missed: set[str] = field(default_factory=set)  # patients whose record KMS did not open


@dataclass(frozen=True)
class Case:
    """The lab after that week. `facts` answers the exercises: look there last."""

    cast: Cast = field(repr=False)
    facts: Facts = field(repr=False)

    @property
    def lab(self) -> Lab:
        """The clinic's lab."""
        return self.cast.lab

    @property
    def keys(self) -> Mapping[str, str]:
        """The ids of the clinic's keys, by name."""
        return self.cast.keys

    @property
    def maker(self) -> RoleSession:
        """Whose credentials were stolen, and made the grant."""
        return self.cast.session("deploy", NIGHT)

    def trail(self) -> Trail:
        """The clinic's trail."""
        return self.lab.trail()


def build(seed: int = SEED) -> Case:
    """Makes the lab and lives through the week, which takes some seconds."""
    cast = gather(seed)
    seal_records(cast)
    facts = Facts()
    live(cast, [*ordinary(cast), *_break_in(cast, facts)])
    return Case(cast, facts)


def _break_in(cast: Cast, facts: Facts) -> Iterator[Act]:
    """Somebody has a build's credentials and copies of sealed records; none can be read, yet."""
    night, again = hour(cast, NIGHT, 2.2), hour(cast, AGAIN, 3.7)
    for number, record in enumerate(KNOCKS):
        at = night + timedelta(seconds=40 * number)
        yield Act(at, partial(_knock, cast, *record))
    yield Act(night + timedelta(minutes=3), partial(_lend, cast, facts))
    for number, record in enumerate(FIRST):
        at = night + timedelta(minutes=9, seconds=35 * number)
        yield Act(at, partial(_steal, cast, facts, HOME, *record))
    at = night + timedelta(minutes=13)
    yield Act(at, partial(_steal, cast, facts, HOME, *MISSED))
    for number, record in enumerate(LATER):
        at = again + timedelta(seconds=31 * number)
        yield Act(at, partial(_steal, cast, facts, ELSEWHERE, *record))


def _knock(cast: Cast, patient: str, kind: str) -> None:
    """The role itself may not read."""
    cast.read(cast.kms("deploy", NIGHT, HOME), patient, kind)


def _lend(cast: Cast, facts: Facts) -> None:
    """The grant, with a name that looks like the builds' own."""
    kms = cast.kms("deploy", NIGHT, HOME)
    facts.grant = kms.create_grant(
        KeyId=cast.arn("records"),
        GranteePrincipal=cast.stranger.arn,
        Operations=["Decrypt"],
        Name=f"ward-{NIGHT + 1}b",
    )["GrantId"]


def _steal(cast: Cast, facts: Facts, address: str, patient: str, kind: str, said: str = "") -> None:
    """Reads a record through the grant."""
    kms = cast.kms("stranger", address=address)
    if cast.read(kms, patient, kind, said) == OK:
        facts.opened.setdefault(patient, set()).add(address)
    else:
        facts.missed.add(patient)
