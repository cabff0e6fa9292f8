"""How a cluster looks that was hurt: a table of its HSMs, and how the requests went."""

from __future__ import annotations

import html
from functools import lru_cache

from kmslab.course import style
from kmslab.course.cluster import REQUESTS, Picture, Shown
from kmslab.course.diagrams import Diagram

_LOOK = f"color:{style.INK};background:{style.PAPER}"
_CELL = (
    f"{_LOOK};padding:0.3em 0.8em;text-align:left;white-space:nowrap;"
    "border-bottom:1px solid #BBBBBB"
)
_COLUMNS = ("HSM", "zone", "state", "the key")
_MARKS = {"ACTIVE": style.PLAINTEXT, "DEGRADED": style.DENIED}


def line(picture: Picture) -> str:
    """The picture in one line of text."""
    said = f"; {picture.said}" if picture.said else ""
    return (
        f"{picture.serving} of {len(picture.hsms)} HSMs serve, {picture.backups} backups, "
        f"{picture.answered} of {REQUESTS} requests answered{said}"
    )


def page(picture: Picture) -> str:
    """The picture as HTML."""
    heads = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _COLUMNS)
    rows = "".join(map(_row, picture.hsms)) or _nothing()
    return (
        f'<div style="width:0;min-width:100%;overflow-x:auto">{_result(picture)}'
        f'<table style="border-collapse:collapse;line-height:1.4;{_LOOK}">'
        f'<caption style="text-align:left;padding:0.4em 0.8em;{_LOOK}">The HSMs of the cluster, '
        f"oldest on top; {picture.backups} backups</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _result(picture: Picture) -> str:
    good = picture.answered == REQUESTS
    colour = style.PLAINTEXT if good else style.DENIED
    words = f"{picture.answered} of {REQUESTS} requests were answered."
    said = f" {html.escape(picture.said)}" if picture.said else ""
    step = f"{html.escape(picture.step)}: " if picture.step else ""
    return (
        f'<p style="{_LOOK};padding:0.3em 0.8em;margin:0;border-left:6px solid {colour}">'
        f"{step}{words}{said}</p>"
    )


def _row(each: Shown) -> str:
    mark = _MARKS.get(each.state, style.QUIET)
    head, hsm = f"box-shadow:inset 5px 0 {mark};", f"{_icon('hsm')} {each.hsm_id}"
    key = f"{_icon('key')} is in it" if each.has_key else "is not in it"
    cells = (each.zone, each.state, key)
    return (
        f'<tr><th scope="row" style="{head}{_CELL}">{hsm}</th>'
        + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
        + "</tr>"
    )


def _nothing() -> str:
    return f'<tr><td colspan="{len(_COLUMNS)}" style="{_CELL}">no HSM</td></tr>'


@lru_cache
def _icon(what: str) -> str:
    """A small picture of a key or an HSM; the words beside it say what it is."""
    if what == "key":
        sheet = Diagram(9, 5)
        sheet.key((4.6, 2.6))
    else:
        sheet = Diagram(11, 8)
        sheet.hsm((0.5, 0.5), (10, 7), "")
    return sheet.picture("").icon()
