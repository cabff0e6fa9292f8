"""The trail as a learner reads it: a table of events, newest last."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator

from kmslab.cloudtrail.events import Event, read_events
from kmslab.store import Store

_COLUMNS = ("eventTime", "eventName", "user", "key", "context", "error")
_LEFT = 'style="text-align:left"'


class Trail:
    """Recorded events. `trail[-1]` is the newest one whole, `trail.tail(3)` the last three."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    @classmethod
    def read(cls, store: Store) -> Trail:
        """All events of a lab."""
        return cls(read_events(store))

    def tail(self, count: int = 5) -> Trail:
        """The newest events."""
        return Trail(self._events[-count:] if count > 0 else [])

    def named(self, *operations: str) -> Trail:
        """The events of some operations, as in `trail.named("Decrypt")`."""
        return Trail([event for event in self._events if event["eventName"] in operations])

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, number: int) -> Event:
        return self._events[number]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __repr__(self) -> str:
        lines = ["  ".join(text for text in _row(event) if text) for event in self._events]
        return "\n".join(lines) or "no events"

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" {_LEFT}>{name}</th>' for name in _COLUMNS)
        body = "".join(
            "<tr>"
            + "".join(f"<td {_LEFT}>{html.escape(text)}</td>" for text in _row(event))
            + "</tr>"
            for event in self._events
        )
        count = f"{len(self)} event{'' if len(self) == 1 else 's'}"  # all that shows where folded
        return f"{count}\n<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(event: Event) -> tuple[str, ...]:
    """The columns of one event as text; keys by the first eight digits of their ids."""
    parameters = event["requestParameters"] or {}
    context = [value for name, value in parameters.items() if name.endswith("ncryptionContext")]
    return (
        event["eventTime"].replace("T", " ").removesuffix("Z"),
        event["eventName"],
        _who(event["userIdentity"]),
        " → ".join(_short(resource["ARN"]) for resource in event["resources"]),
        " → ".join(json.dumps(each) for each in context),
        event.get("errorCode") or "",
    )


def _who(identity: Event) -> str:
    """The user's name; KMS itself ("AWS Internal") where time brought the event about."""
    name: str = identity.get("userName") or identity["invokedBy"]
    return name


def _short(arn: str) -> str:
    key_id = arn.split("/")[-1]
    return f"{key_id.removeprefix('mrk-')[:8]}…"
