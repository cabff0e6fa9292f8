"""A trail as a table: one row an event, as text, as HTML, or for pandas."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.identity import short, via

MOST_ROWS = 50
FRAME = (
    *("time", "event", "user", "key", "context", "error", "read_only", "region", "via"),
    *("source_ip", "service", "event_id", "request_id", "shared_event_id"),
)
_COLUMNS = ("eventTime", "eventName", "user", "key", "context", "error")
_LEFT = 'style="text-align:left"'


def as_text(events: Sequence[Event]) -> str:
    """One line an event."""
    rows = ["  ".join(text for text in _row(event) if text) for event in events[-MOST_ROWS:]]
    return "\n".join([*_hint(events), *rows]) or "no events"


def as_html(events: Sequence[Event]) -> str:
    """A table for a notebook."""
    head = "".join(f'<th scope="col" {_LEFT}>{name}</th>' for name in _COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td {_LEFT}>{html.escape(text)}</td>" for text in _row(event)) + "</tr>"
        for event in events[-MOST_ROWS:]
    )
    if not events:
        return "<p>no events</p>"
    hint = "".join(f"<p>{html.escape(line)}</p>\n" for line in _hint(events))
    return f"{hint}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def record(event: Event) -> dict[str, Any]:
    """An event as a row for pandas: whole ids and ARNs, a time that can be compared."""
    return {
        "time": datetime.fromisoformat(event["eventTime"]),
        "event": event["eventName"],
        "user": short(event["userIdentity"]),
        "key": " ".join(resource["ARN"] for resource in event["resources"]),
        "context": _contexts(event),
        "error": event.get("errorCode"),
        "read_only": event["readOnly"],
        "region": event["awsRegion"],
        "via": via(event["userIdentity"]),
        "source_ip": event["sourceIPAddress"],
        "service": event["eventSource"],
        "event_id": event["eventID"],
        "request_id": event.get("requestID"),
        "shared_event_id": event.get("sharedEventID"),
    }


def _hint(events: Sequence[Event]) -> list[str]:
    more = len(events) - MOST_ROWS
    if more <= 0:
        return []
    return [
        f"{more:,} earlier events are not shown: narrow the trail, as in "
        '.named("Decrypt"), .by("alice"), .about("alias/payroll"), .refused() or .tail(20)'
    ]


def _row(event: Event) -> tuple[str, ...]:
    """The columns of one event as text; keys by the first eight digits of their ids."""
    identity = event["userIdentity"]
    service = via(identity)
    return (
        event["eventTime"].replace("T", " ").removesuffix("Z"),
        event["eventName"],
        f"{short(identity)} via {service}" if service else short(identity),
        " → ".join(_short(resource["ARN"]) for resource in event["resources"]),
        _contexts(event),
        event.get("errorCode") or "",
    )


def _contexts(event: Event) -> str:
    """Encryption contexts; ReEncrypt may have two."""
    parameters = event["requestParameters"] or {}
    contexts = [value for name, value in parameters.items() if name.endswith("ncryptionContext")]
    return " → ".join(json.dumps(each) for each in contexts)


def _short(arn: str) -> str:
    """A key by the first eight digits of its id; anything else by what follows the account."""
    name = arn.split(":", 5)[5]
    if not name.startswith("key/"):
        return name
    return f"{name.removeprefix('key/').removeprefix('mrk-')[:8]}…"
