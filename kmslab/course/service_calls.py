"""Which calls of KMS services made, as a table: who, through what, and the names of the context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.identity import short, via
from kmslab.course import tries


def table(trail: Iterable[Event]) -> tries.Table:
    """The events of KMS in a trail, in order.

    Of a context only the names are shown: some values, such as a version's id, are random.
    """
    rows = [_row(event) for event in trail if event["eventSource"] == "kms.amazonaws.com"]
    return tries.Table(("who", "through", "asks KMS for", "context"), rows, "Calls of KMS")


def _row(event: Event) -> tuple[str, ...]:
    identity = event["userIdentity"]
    return short(identity), via(identity), event["eventName"], ", ".join(_context(event))


def _context(event: Event) -> Mapping[str, str]:
    """The context of a call; of CreateGrant, that to which the grant is constrained."""
    asked: Mapping[str, Any] = event["requestParameters"] or {}
    constraints: Mapping[str, Mapping[str, str]] = asked.get("constraints") or {}
    within = next(iter(constraints.values()), {})
    found: Mapping[str, str] = asked.get("encryptionContext") or within
    return found
