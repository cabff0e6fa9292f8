"""The trail as a learner reads it: events, newest last, and words to narrow them down."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Protocol, overload

from kmslab.cloudtrail import table
from kmslab.cloudtrail.events import Event, read_events
from kmslab.cloudtrail.identity import names
from kmslab.store import Store

_NAMING = ("requestParameters", "responseElements", "additionalEventData", "serviceEventDetails")


_BEGINNING = re.compile(r"[0-9a-f]{8}", re.ASCII)  # of a key's id


class HasArn(Protocol):
    """A caller."""

    @property
    def arn(self) -> str:
        """Its ARN."""


class Trail:
    """Recorded events. `trail[-1]` is the newest one whole, `trail.tail(3)` the last three.

    Every filter gives a trail again: `lab.trail().named("Decrypt").by("alice").refused()`.
    """

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    @classmethod
    def read(cls, store: Store, account: str = "") -> Trail:
        """All events of an account of the lab; by default of its first."""
        return cls(read_events(store, account))

    def tail(self, count: int = 5) -> Trail:
        """The newest events."""
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"count={count!r}: how many events is due, as in .tail(5)")
        return Trail(self._events[-count:] if count else [])

    def named(self, *operations: str) -> Trail:
        """The events of some operations in any case, as in `trail.named("Decrypt")`."""
        wanted = {_text(name, '.named("Decrypt")').lower() for name in operations}
        return self._those(lambda event: event["eventName"].lower() in wanted)

    def by(self, caller: str | HasArn) -> Trail:
        """The events of a caller: the name of a user, role, session or service, or an ARN.

        Or the caller itself, as `lab.user` gives it. The sessions that a role or a user issued
        count as its own.
        """
        name = _text(getattr(caller, "arn", caller), '.by("alice")')
        return self._those(lambda event: name in names(event["userIdentity"]))

    def about(self, name: str) -> Trail:
        """The events that name something: a key's id or ARN, an alias, a role, a grant's id.

        What the caller wrote counts, and what the event shows of it: an alias finds the calls that
        used the alias, a key's id all that used the key. The first eight digits of a key's id do
        as well, as the table shows them.
        """
        name = _text(name, '.about("alias/records")').removesuffix("…")
        bare = name.split(":", 5)[-1].removeprefix("key/") if ":kms:" in name else name
        return self._those(lambda event: any(_is(text, name, bare) for text in _texts(event)))

    def refused(self, *codes: str) -> Trail:
        """The events of calls that failed, as in `trail.refused("AccessDenied")`; of any error.

        A program sees AccessDeniedException where the event says AccessDenied: both find it.
        """
        wanted = {_text(code, '.refused("AccessDenied")') for code in codes}
        if "AccessDeniedException" in wanted:
            wanted.add("AccessDenied")
        return self._those(
            lambda event: "errorCode" in event and (not wanted or event["errorCode"] in wanted)
        )

    def between(self, start: datetime | str, end: datetime | str | None = None) -> Trail:
        """The events from a time on, to another one; as in "2026-01-05 09:30". It is in UTC."""
        first, last = _time(start), None if end is None else _time(end)
        return self._those(
            lambda event: (
                first <= _time(event["eventTime"])
                and (last is None or _time(event["eventTime"]) <= last)
            )
        )

    def frame(self) -> Any:
        """The trail as a `pandas.DataFrame`, one row an event; `ImportError` without pandas."""
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise ImportError("trail.frame() needs pandas; type: %pip install pandas") from None
        return pandas.DataFrame([table.record(event) for event in self], columns=table.FRAME)

    def _those(self, wanted: Callable[[Event], bool]) -> Trail:
        return Trail([event for event in self._events if wanted(event)])

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, number: int) -> Event: ...

    @overload
    def __getitem__(self, number: slice) -> Trail: ...

    def __getitem__(self, number: int | slice) -> Event | Trail:
        if isinstance(number, slice):
            return Trail(self._events[number])
        return self._events[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trail | list) and self._events == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __repr__(self) -> str:
        return table.as_text(self._events)

    def _repr_html_(self) -> str:
        return table.as_html(self._events)


def _text(value: object, example: str) -> str:
    """A text to look for; `TypeError` for anything else, which would find nothing."""
    if not isinstance(value, str):
        raise TypeError(f"a text is due, as in {example}, not a {type(value).__name__}")
    return value


def _texts(event: Event) -> Iterator[str]:
    """Every text by which an event names something."""
    yield from (resource["ARN"] for resource in event["resources"])
    for part in _NAMING:
        yield from _leaves(event.get(part))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)


def _is(text: str, name: str, bare: str) -> bool:
    """Whether a text is a name, or is an ARN that ends in it."""
    if text in (name, bare):
        return True
    if not text.startswith("arn:"):
        return False
    begins = _BEGINNING.fullmatch(name) and text.split("/")[-1].startswith((name, f"mrk-{name}"))
    return bool(begins) or text.endswith((f":{name}", f"/{name}"))


def _time(value: datetime | str) -> datetime:
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
