"""A small model of what may happen to KMS keys, written from AWS's documentation alone.

It shares no code with kmslab. `Model.apply` says which error an action ends in ("" for none) and
what it changes; `Model.seen` says what an onlooker would see. The rules are those of "Key states of
AWS KMS keys", "Rotate AWS KMS keys", "Importing key material" and "Multi-Region keys in AWS KMS".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

DAY = 86_400.0
SETTLING, ROTATING, CLASH, MOST_ON_DEMAND = 5.0, 30.0, 1200.0, 25
NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"
DISABLED, STATE, UNSUPPORTED = (
    "DisabledException",
    "KMSInvalidStateException",
    "UnsupportedOperationException",
)
DELETING = ("PendingDeletion", "PendingReplicaDeletion")
USABLE = ("Enabled", "Updating")


@dataclass
class Action:
    """One thing somebody does: a name, the number of the key it is about, a Region, the rest."""

    name: str
    key: int = 0
    region: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Generation:
    """One generation of a key's material."""

    label: str  # which material the owner imported; "" for KMS's own
    how: str = ""  # AUTOMATIC, ON_DEMAND, or "" for the first
    date: float = 0.0
    waits: bool = False  # imported for a rotation that is still to come


@dataclass
class Copy:
    """A key in one Region."""

    state: str
    settles: tuple[float, str] | None = None
    deletion: float | None = None
    window: int | None = None
    present: dict[int, float | None] = field(default_factory=dict)  # imported material: its expiry


@dataclass
class KeySet:
    """A KMS key in all its Regions."""

    key_id: str
    external: bool
    shared: bool  # a multi-Region key
    primary: str
    copies: dict[str, Copy]
    generations: list[Generation]
    days: int | None = None
    following: float | None = None
    missed: bool = False
    on_demand: float | None = None

    @property
    def current(self) -> int:
        """The number of the current generation; -1 before the first import."""
        return max((n for n, each in enumerate(self.generations) if not each.waits), default=-1)

    @property
    def waiting(self) -> int | None:
        """The number of the generation that waits for its rotation."""
        return next((n for n, each in enumerate(self.generations) if each.waits), None)

    @property
    def ready(self) -> bool:
        """Whether what waits is in every Region."""
        return all(self.waiting in copy.present for copy in self.copies.values())

    def complete(self, copy: Copy) -> bool:
        """Whether all imported material that is the key's own is there."""
        own = {n for n, each in enumerate(self.generations) if not each.waits}
        return not self.external or (bool(own) and own <= copy.present.keys())


@dataclass
class At:
    """A key in one Region, within its set."""

    keys: KeySet
    region: str
    copy: Copy

    @property
    def is_primary(self) -> bool:
        """Whether the others follow this one; a single-Region key is its own."""
        return self.region == self.keys.primary


class Model:
    """All keys of an account, and the time."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.sets: list[KeySet] = []

    # Time

    def pass_time(self) -> None:
        """Everything that is due by now happens, in the order of its dates."""
        while due := [each for each in self._dates() if each[0] <= self.now]:
            date, happen = min(due, key=lambda each: each[0])
            happen(date)

    def _dates(self) -> Iterator[tuple[float, Callable[[float], None]]]:
        for keys in self.sets:
            if keys.following is not None and not keys.missed:
                yield keys.following, lambda date, keys=keys: self._rotate_by_schedule(keys, date)
            if keys.on_demand is not None:
                end = keys.on_demand + ROTATING
                yield end, lambda date, keys=keys: self._end_on_demand(keys, date)
            for region, copy in keys.copies.items():
                if copy.settles:
                    yield copy.settles[0], lambda _, copy=copy: self._settle(copy)
                if copy.deletion is not None:
                    yield copy.deletion, lambda date, at=(keys, region): self._delete(*at, date)
                for number, date in copy.present.items():
                    if date is not None:
                        at = keys, region, number
                        yield date, lambda _, at=at: self._lose(*at)

    def _rotate_by_schedule(self, keys: KeySet, date: float) -> None:
        if keys.copies[keys.primary].state in USABLE:
            self._rotate(keys, "AUTOMATIC", date)
            keys.following = date + (keys.days or 0) * DAY
        else:
            keys.missed = True

    def _end_on_demand(self, keys: KeySet, date: float) -> None:
        keys.on_demand = None
        if keys.copies[keys.primary].state in (*USABLE, "Disabled"):
            self._rotate(keys, "ON_DEMAND", date)

    def _rotate(self, keys: KeySet, how: str, date: float) -> None:
        if not keys.external:
            keys.generations.append(Generation("", how, date))
        elif keys.waiting is not None and keys.ready:
            waiting = keys.generations[keys.waiting]
            waiting.how, waiting.date, waiting.waits = how, date, False

    def _settle(self, copy: Copy) -> None:
        if copy.settles and copy.state in ("Creating", "Updating"):
            copy.state = copy.settles[1]
        copy.settles = None

    def _delete(self, keys: KeySet, region: str, date: float) -> None:
        del keys.copies[region]
        if not keys.copies:
            keys.days = keys.following = keys.on_demand = None
        elif len(keys.copies) == 1:
            (last,) = keys.copies.values()
            if last.state == "PendingReplicaDeletion":
                last.state, last.deletion = "PendingDeletion", date + (last.window or 0) * DAY

    def _lose(self, keys: KeySet, region: str, number: int) -> None:
        """Imported material is deleted or expires."""
        waits = keys.generations[number].waits
        keys.copies[region].present.pop(number, None)
        if waits and region == keys.primary:
            del keys.generations[number]
            for copy in keys.copies.values():
                copy.present.pop(number, None)
        elif not waits and keys.copies[region].state not in DELETING:
            keys.copies[region].state = "PendingImport"

    # Actions

    def apply(self, action: Action) -> str:
        """Does it; returns the code of the error that it ends in."""
        self.pass_time()
        if action.name == "create":
            self.create("", **action.more)
            return ""
        keys = self.sets[action.key]
        copy = keys.copies.get(action.region)
        if copy is None:
            return "NotFoundException"
        at = At(keys, action.region, copy)
        code: str = getattr(self, f"_{action.name}")(at, **action.more)
        self.pass_time()
        return code

    def create(self, key_id: str, kind: str, region: str) -> None:
        """A new key."""
        external = "external" in kind
        copy = Copy("PendingImport" if external else "Enabled")
        made = [] if external else [Generation("")]
        shared = "shared" in kind
        self.sets.append(KeySet(key_id, external, shared, region, {region: copy}, made))

    def _use(self, at: At) -> str:
        return _refused(at.copy, USABLE)

    def _enable(self, at: At) -> str:
        if at.copy.state not in ("Enabled", "Disabled"):
            return STATE
        at.copy.state = "Enabled"
        if at.keys.following is not None and at.is_primary:
            at.keys.following, at.keys.missed = max(at.keys.following, self.now), False
        return ""

    def _disable(self, at: At) -> str:
        if at.copy.state not in ("Enabled", "Disabled"):
            return STATE
        at.copy.state = "Disabled"
        return ""

    def _schedule(self, at: At, days: int) -> str:
        if at.copy.state in (*DELETING, "Updating"):
            return STATE
        at.copy.window = days
        if at.is_primary and len(at.keys.copies) > 1:
            at.copy.state = "PendingReplicaDeletion"
        else:
            at.copy.state, at.copy.deletion = "PendingDeletion", self.now + days * DAY
        return ""

    def _cancel(self, at: At) -> str:
        if at.copy.state not in DELETING:
            return STATE
        at.copy.state = "Disabled" if at.keys.complete(at.copy) else "PendingImport"
        at.copy.deletion = at.copy.window = None
        return ""

    def _enable_rotation(self, at: At, days: int | None) -> str:
        if at.keys.external:
            return UNSUPPORTED
        code = _refused(at.copy, USABLE) or ("" if at.is_primary else UNSUPPORTED)
        if not code and (days or at.keys.days is None):
            at.keys.days, at.keys.missed = days or 365, False
            at.keys.following = self.now + at.keys.days * DAY
        return code

    def _disable_rotation(self, at: At) -> str:
        if at.keys.external:
            return UNSUPPORTED
        code = _refused(at.copy, USABLE) or ("" if at.is_primary else UNSUPPORTED)
        if not code:
            at.keys.days = at.keys.following = None
        return code

    def _rotate_on_demand(self, at: At) -> str:
        code = _refused(at.copy, USABLE) or ("" if at.is_primary else UNSUPPORTED)
        if code or at.keys.on_demand is not None:
            return code
        if at.keys.following is not None and at.keys.following - self.now < CLASH:
            return "ConflictException"
        if [each.how for each in at.keys.generations].count("ON_DEMAND") >= MOST_ON_DEMAND:
            return "LimitExceededException"
        if at.keys.external and (at.keys.waiting is None or not at.keys.ready):
            return STATE
        at.keys.on_demand = self.now
        return ""

    def _replicate(self, at: At, to: str) -> str:
        code = _refused(at.copy, ("Enabled",))
        if code or not at.keys.shared or not at.is_primary:
            return code or UNSUPPORTED
        if to in at.keys.copies:
            return "AlreadyExistsException"
        born = "PendingImport" if at.keys.external else "Enabled"
        at.keys.copies[to] = Copy("Creating", (self.now + SETTLING, born))
        return ""

    def _move(self, at: At, to: str) -> str:
        code = _refused(at.copy, USABLE)
        if code or not at.keys.shared or not at.is_primary:
            return code or UNSUPPORTED
        if to == at.region or to not in at.keys.copies:
            return "NotFoundException"
        code = _refused(at.keys.copies[to], USABLE)
        if not code:
            at.keys.primary = to
            for each in (at.copy, at.keys.copies[to]):
                each.state, each.settles = "Updating", (self.now + SETTLING, "Enabled")
        return code

    def _bring(
        self,
        at: At,
        label: str,
        kind: str | None,
        expires: float | None,
    ) -> str:
        """GetParametersForImport and ImportKeyMaterial, one after the other."""
        if not at.keys.external:
            return UNSUPPORTED
        if at.copy.state in (*DELETING, "Creating", "Updating"):
            return STATE
        known = [each.label for each in at.keys.generations]
        if (kind or (EXISTING if known else NEW)) == EXISTING:
            if label not in known:
                return "IncorrectKeyMaterialException"
        elif known and not at.is_primary:
            return UNSUPPORTED
        elif label in known:
            return "IncorrectKeyMaterialException"
        elif at.keys.waiting is not None:
            return STATE
        else:
            at.keys.generations.append(Generation(label, waits=bool(known)))
            known.append(label)
        at.copy.present[known.index(label)] = None if expires is None else self.now + expires
        if at.copy.state == "PendingImport" and at.keys.complete(at.copy):
            at.copy.state = "Enabled"
        return ""

    def _take_away(self, at: At, number: int | None) -> str:
        """DeleteImportedKeyMaterial."""
        if not at.keys.external:
            return UNSUPPORTED
        if at.copy.state in ("Creating", "Updating"):
            return STATE
        number = at.keys.current if number is None else number
        if number >= len(at.keys.generations):
            return "NotFoundException"
        if number >= 0:
            self._lose(at.keys, at.region, number)
        return ""

    # What an onlooker sees

    def seen(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every key in every Region, as DescribeKey, GetKeyRotationStatus and ListKeyRotations."""
        return {
            (keys.key_id, region): self._seen(keys, copy)
            for keys in self.sets
            for region, copy in keys.copies.items()
        }

    def _seen(self, keys: KeySet, copy: Copy) -> dict[str, Any]:
        rotates = keys.days is not None and copy.state not in DELETING
        waits = "PENDING_ROTATION" if keys.ready else "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
        generations = [
            (
                waits if each.waits else "CURRENT" if number == keys.current else "NON_CURRENT",
                each.how or None,
                _round(each.date) if each.how else None,
                (number in copy.present) if keys.external else None,
                _round(copy.present.get(number)),
            )
            for number, each in enumerate(keys.generations)
        ]
        return {
            "state": copy.state,
            "deletion": _round(copy.deletion if copy.state == "PendingDeletion" else None),
            "window": copy.window if copy.state == "PendingReplicaDeletion" else None,
            "primary": keys.primary if keys.shared else None,
            "regions": sorted(keys.copies) if keys.shared else None,
            "generations": generations,
            "rotates": rotates,
            "days": keys.days if rotates else None,
            "next": _round(keys.following if rotates else None),
            "on demand": _round(keys.on_demand),
            "expiry": self._expiry(keys, copy),
        }

    def _expiry(self, keys: KeySet, copy: Copy) -> tuple[str, int | None] | None:
        if not keys.external or not keys.complete(copy):
            return None
        dates = [
            date
            for number, date in copy.present.items()
            if date is not None and not keys.generations[number].waits
        ]
        if not dates:
            return "KEY_MATERIAL_DOES_NOT_EXPIRE", None
        return "KEY_MATERIAL_EXPIRES", _round(min(dates))


def _refused(copy: Copy, allowed: tuple[str, ...]) -> str:
    if copy.state in allowed:
        return ""
    return DISABLED if copy.state == "Disabled" else STATE


def _round(date: float | None) -> int | None:
    """Whole milliseconds, as dates pass through floating point."""
    return None if date is None else round(date * 1000)
