"""How a loan is shown: a line of lab time with the grant's state and every try (lesson 09)."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any

from kmslab.course import style, tries
from kmslab.course.diagrams import Diagram
from kmslab.course.loan import ENDED, IN_FORCE, MADE, NONE, Moment
from kmslab.course.picture import Picture

MOST = 8  # moments that are drawn, the last ones
_LEFT, _STEP = 11.0, 11.0  # where the first moment begins, and how wide each is
_COLORS = {NONE: style.FAINT, MADE: style.QUIET, IN_FORCE: style.KMS_KEY, ENDED: style.FAINT}
_WORDS = {MADE: "made: counts\nwith its token", IN_FORCE: "in force"}
_ROWS = {20.0: "lab time", 16.2: "try", 10.8: "outcome", 4.2: "the grant"}


def picture(moments: Sequence[Moment]) -> Picture:
    """The last moments of a loan, from left to right, over the state that its grant was in."""
    shown = moments[-MOST:]
    sheet = Diagram(_LEFT + _STEP * MOST + 1, 22)
    for height, name in _ROWS.items():
        sheet.text((_LEFT / 2, height), name, size=9, color=style.QUIET)
    for place, moment in enumerate(shown):
        _moment(sheet, _LEFT + _STEP * (place + 0.5), moment)
    start = 0
    for state, group in groupby(each.state for each in shown):
        length = len(list(group))
        corner = (_LEFT + _STEP * start + 0.3, 1.8)
        words = _WORDS.get(state, state)
        sheet.box(corner, (_STEP * length - 0.6, 4.8), _COLORS[state], words)
        start += length
    return sheet.picture(alt(moments))


def alt(moments: Sequence[Moment]) -> str:
    """What the picture shows, in words."""
    said = [
        f"{clock(each.seconds)} {each.name}{each.outcome and f', {each.outcome}'} ({each.state})"
        for each in moments[-MOST:]
    ]
    return f"A grant in lab time, the last {len(said)} moments: {'; '.join(said)}."


def page(moments: Sequence[Moment], waits: int) -> str:
    """HTML: the grant's state, what was done last, and the line of time."""
    return (
        f'<div style="width:0;min-width:100%"><div style="color:{style.INK};'
        f'background:{style.PAPER};padding:0.3em 0.8em;line-height:1.4;max-width:1000px">'
        f"<p><b>{html.escape(_state(moments[-1].state, waits))}</b>"
        f"<br>Last: {html.escape(_last(moments[-1]))}</p>{picture(moments).html()}</div></div>"
    )


def line(moments: Sequence[Moment], waits: int) -> str:
    """What was done last, and the grant's state, in one line of text."""
    return f"{_last(moments[-1])} | {_state(moments[-1].state, waits)}"


def table(grants: Sequence[Mapping[str, Any]]) -> tries.Table:
    """Grants as ListGrants answers them, by name: who may do what, within which constraints."""
    rows = [
        (
            each.get("Name", ""),
            each.get("GranteePrincipal", each.get("GranteeServicePrincipal", "")).split("/")[-1],
            ", ".join(each["Operations"]),
            each.get("Constraints", ""),
        )
        for each in grants
    ]
    head = "name", "grantee", "operations", "constraints"
    return tries.Table(head, sorted(rows, key=str), "Grants")


def clock(seconds: int) -> str:
    """Lab time since the start, as in 6:05 or 1:06:05."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _moment(sheet: Diagram, x: float, moment: Moment) -> None:
    sheet.text((x, 20.0), clock(moment.seconds), size=9)
    sheet.text((x, 16.2), "\n".join(wrap(moment.name, 12)), size=9, bold=bool(moment.outcome))
    if moment.outcome:
        good = moment.outcome.startswith(tries.OK)
        color = style.PLAINTEXT if good else style.DENIED
        sheet.box((x - _STEP / 2 + 0.3, 8.2), (_STEP - 0.6, 5.2), color, _broken(moment.outcome))


def _broken(outcome: str) -> str:
    """An outcome over two lines: an error's code before its last word."""
    if outcome.endswith("Exception"):
        return f"{outcome.removesuffix('Exception')}-\nException"
    return "\n".join(wrap(outcome, 12))


def _state(state: str, waits: int) -> str:
    if state == MADE:
        minutes, seconds = divmod(waits, 60)
        return f"The grant is made. Without its token it counts in {minutes} min {seconds} s."
    return {
        NONE: "There is no grant.",
        IN_FORCE: "The grant is in force.",
        ENDED: "The grant has ended.",
    }[state]


def _last(moment: Moment) -> str:
    return f"{moment.name}: {moment.outcome or f'it is {clock(moment.seconds)}'}"
