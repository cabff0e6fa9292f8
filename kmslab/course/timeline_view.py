"""What stands around the picture of a trail: a table of events, one event whole, a line of text."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Sequence

from kmslab.cloudtrail.events import Event
from kmslab.course import style
from kmslab.course.timeline import Row

MOST_ROWS, MOST_WORDS = 12, 8
_GROUND = f"color:{style.INK};background:{style.PAPER};line-height:1.4"
_CELL = f"{_GROUND};padding:0.15em 0.6em;text-align:left;white-space:nowrap;font-size:90%"
_WIDE = _CELL.replace("nowrap", "normal") + ";overflow-wrap:anywhere;min-width:11em"
_HEAD = ("#", "time", "event", "who", "from", "key", "context")


def table(found: Sequence[Row]) -> str:
    """The newest of the events that were found, as HTML."""
    shown = found[-MOST_ROWS:]
    more = len(found) - len(shown)
    note = f"the last {len(shown)} of {len(found):,}; narrow it down" if more else f"{len(found)}"
    head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _HEAD)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in shown)
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;{_GROUND}">'
        f'<caption style="text-align:left;padding:0.3em 0.6em;{_GROUND}"><b>Events</b>: {note}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def whole(number: int, event: Event) -> str:
    """One event with all that it says."""
    text = html.escape(json.dumps(event, indent=2, ensure_ascii=False), quote=False)
    return (
        f'<p style="{_GROUND};padding:0.3em 0.6em;margin:0.4em 0 0"><b>Event {number}</b>, whole:'
        f'</p><pre style="{_GROUND};padding:0.3em 0.6em;margin:0;font-size:85%;'
        f'white-space:pre-wrap;overflow-wrap:anywhere">{text}</pre>'
    )


def line(found: Sequence[Row], total: int) -> str:
    """How many events were found, how many of them refused, and by whom, in one line."""
    count = Counter(row.session for row in found)
    most = count.most_common(MOST_WORDS)
    by = ", ".join(f"{name} {number}" for name, number in most)
    more = len(count) - len(most)
    refused = sum(bool(row.error) for row in found)
    who = f": {by}" + (f" and {more} more" if more else "") if by else ""
    return f"{len(found):,} of {total:,} events, {refused} refused{who}"


def problem(text: str) -> str:
    """A word about what was typed, or nothing."""
    return (
        f'<p style="{_GROUND};padding:0.3em 0.8em;border-left:6px solid {style.DENIED}">'
        f"{html.escape(text)}</p>"
        if text
        else ""
    )


def _cells(row: Row) -> str:
    """A row's cells; an error stands under the event's name."""
    error = f"<br>✗ {html.escape(row.error)}" if row.error else ""
    before = [html.escape(text) for text in (str(row.number), row.when, row.event)]
    after = [html.escape(text) for text in (row.session, row.address, " → ".join(row.keys))]
    shown = [*before[:2], before[2] + error, *after]
    cells = [*((_CELL, text) for text in shown), (_WIDE, html.escape(row.context))]
    return "".join(f'<td style="{look}">{text}</td>' for look, text in cells)
