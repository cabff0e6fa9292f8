"""How the HSM's wall is shown (lesson 12): a key, bricks that are its attributes, who wants it."""

from __future__ import annotations

import html

from kmslab.course import style
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture
from kmslab.course.wall import FLAGS, Tried

_TEMPLATE = "UNWRAP_TEMPLATE"
_BRICKS = (*FLAGS, _TEMPLATE)
_LEFT, _WIDE, _HIGH, _TOP = 34.0, 26.0, 4.4, 32.0
_STEP = 5.6  # from brick to brick
_LANE = _TOP - 1.5 * _STEP  # the gap between two bricks, where what gets out goes through
_SAYS = {
    "out": "The key is out.",
    "backup": "A backup is out, and closed.",
    "held": "The wall holds.",
}
_ENDS = {"out": "the key,\nin the clear", "backup": "a wrapped key", "held": ""}


def picture(tried: Tried) -> Picture:
    """The HSM with the key, the wall of its attributes, and how far the try got."""
    sheet = Diagram(92, 38)
    sheet.hsm((1, 2), (28, 34), "your HSM")
    sheet.key((15, _LANE), "the key")
    for place, name in enumerate(_BRICKS):
        _brick(sheet, tried, name, _TOP - _STEP * place)
    sheet.principal((82, _LANE), "who wants it")
    height = _height(tried)
    if tried.state == "held":
        sheet.arrow((20, _LANE), (_LEFT - 0.6, height))
        sheet.cross((_LEFT + 1.6, height), 1.8)
    else:
        sheet.arrow((20, _LANE), (77, _LANE))
        sheet.text((69, _LANE + 4), _ENDS[tried.state], size=9, bold=True)
    return sheet.picture(alt(tried))


def alt(tried: Tried) -> str:
    """What the picture shows, in words."""
    flags = ", ".join(f"{name}={flag}" for name, flag in tried.flags.items())
    by = f" at {tried.stopped_by}" if tried.stopped_by else ""
    end = f"an arrow ends{by}" if tried.state == "held" else "an arrow goes through"
    return f"A key in an HSM behind a wall of attributes ({flags}): {end}. {said(tried)}"


def said(tried: Tried) -> str:
    """What was tried and what came of it, in one sentence."""
    why = tried.made.why
    return f"{tried.way}: {tried.made.outcome}{why and f': {why}'}."


def page(tried: Tried) -> str:
    """HTML: what came of it, the picture, and the steps."""
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in tried.made.steps)
    return (
        f'<div style="width:0;min-width:100%"><div style="color:{style.INK};'
        f'background:{style.PAPER};padding:0.3em 0.8em;line-height:1.4;max-width:920px">'
        f"<p><b>{_SAYS[tried.state]}</b> {html.escape(said(tried))}</p>{picture(tried).html()}"
        f"<p>Steps taken:</p><ol>{steps}</ol></div></div>"
    )


def _brick(sheet: Diagram, tried: Tried, name: str, y: float) -> None:
    """An attribute that is a wall in blue, one that is none in grey, and where the try ended."""
    if name == _TEMPLATE:
        if "trusted" not in tried.way and "backup" not in tried.way:
            return
        words, wall = f"{name}\nof the trusted key", True
    else:
        words, wall = f"{name}={tried.flags[name]}", tried.flags[name] is FLAGS[name]
    color = style.KMS_KEY if wall else style.FAINT
    stopped = wall and name == tried.stopped_by
    sheet.box((_LEFT, y - _HIGH / 2), (_WIDE, _HIGH), style.DENIED if stopped else color, words)


def _height(tried: Tried) -> float:
    name = tried.stopped_by
    return _TOP - _STEP * _BRICKS.index(name) if name in _BRICKS else _LANE
