"""The sieve of policy layers as a picture; the figure `policy-layers` (lesson 08)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from matplotlib.patches import FancyArrowPatch, Rectangle

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.layers import Fall, Side, State, Step
from kmslab.course.picture import Picture

# The layers of the figure, each with what it does.
RULES = (
    ("A Deny that fits, in any of them", "stops the request, whatever allows it"),
    ("Service control policies (SCPs)", "the caller's organisation; every level must allow"),
    ("Resource control policies (RCPs)", "the key's organisation; they only deny"),
    ("Key policy", "names the caller: enough here; names the account: go on"),
    ("Identity policies", "of a user and its groups, or of a role; must allow"),
    ("Permissions boundary", "if there is one, it must allow too; gives nothing"),
    ("Session policy", "if there is one, it must allow too; gives nothing"),
)
_LANE, _TALL, _GAP = 9.0, 4.2, 1.2  # a lane is where requests fall, left of the boxes
_LEFT, _WIDE, _FLOOR, _TITLE = 1.0, 98.0, 9.5, 4.2  # of the frames
_MESH = {State.PASSES: 2.3, State.UNREACHED: 2.3, State.UNNEEDED: 0.9}


class _Sieve(Diagram):
    """A sheet with lanes in which requests fall through meshes."""

    def layer(self, corner: Point, size: Point, words: str, state: State) -> None:
        """A box with words, and left of it its mesh: open, hardly there, or closed."""
        quiet, stops = state in (State.UNNEEDED, State.UNREACHED), state is State.STOPS
        edge = style.DENIED if stops else style.QUIET if quiet else style.INK
        looks: dict[str, Any] = {"linestyle": (0, (3, 3))} if quiet else {}
        looks["facecolor"] = "#FBE9DF" if stops else style.PAPER if quiet else "#F2F5F8"
        self._frame(corner, size, edgecolor=edge, linewidth=2.6 if stops else 1.2, **looks)
        middle = corner[1] + size[1] / 2
        color = style.QUIET if quiet else style.INK
        self.text((corner[0] + size[0] / 2, middle), words, bold=stops, color=color)
        self._mesh((corner[0] - _LANE / 2, middle), state, edge)

    def falls(self, x: float, top: float, floor: float) -> None:
        """The way of a request from top to floor."""
        looks: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 18, "color": style.INK}
        arrow = FancyArrowPatch((x, top), (x, floor), shrinkA=0, shrinkB=0, linewidth=2.2, **looks)
        self._add(arrow, 6)

    def _mesh(self, at: Point, state: State, color: str) -> None:
        x, y = at
        if state is State.STOPS:
            self._add(Rectangle((x - 3.4, y - 0.4), 6.8, 0.8, color=color))
            self.cross((x, y), 1.6)
            return
        wide = _MESH[state]
        for left in (x - 3.4, x + 3.4 - wide):
            self._add(Rectangle((left, y - 0.3), wide, 0.6, color=color))


@lru_cache(maxsize=64)
def picture(way: Fall, asked: str, kind: str = "svg") -> Picture:
    """A request's fall through the layers of one account, or of two side by side.

    `asked` says who asks for what.
    """
    two = len(way.sides) == 2
    wide, tall = (48.5, _TALL + 1.8) if two else (_WIDE, _TALL)
    top = _FLOOR + _TITLE + max(len(side.steps) for side in way.sides) * (tall + _GAP)
    sheet = _Sieve(100, top + 14)
    start = _head(sheet, top + 1.6, asked)
    stopped = way.is_denied_by_statement
    _box(sheet, top + 1.6, way.deny, State.STOPS if stopped else State.PASSES)
    sheet.falls(_LEFT + _LANE / 2, start, top + 4.4 if stopped else top + 0.4)
    lanes = [_LEFT + number * (_WIDE - wide) for number in range(len(way.sides))]
    for left, side in zip(lanes, way.sides, strict=True):
        low = _account(sheet, side, (left, _FLOOR), (wide, top - _FLOOR), tall)
        if not stopped:
            sheet.falls(left + _LANE / 2, top, low)
        if way.allowed and two:
            sheet.arrow((left + _LANE / 2, low), (24 if left == lanes[0] else 37, 5))
    result = "It reaches the KMS key" if way.allowed else "It does not reach the KMS key"
    sheet.key((31 if two else _LEFT + _LANE / 2, 4.5))
    said = f"{result}: {'allowed' if way.allowed else 'denied'}"
    sheet.text((72 if two else 53, 4.5), said, size=11, bold=True)
    return sheet.picture(f"{asked}. {way.told} {result}.", kind)


@lru_cache
def rules(kind: str = "svg") -> Picture:
    """The figure: every layer with what it does."""
    top = _FLOOR + len(RULES) * (_TALL + _GAP)
    sheet = _Sieve(100, top + 8)
    start = _head(sheet, top - _TALL, "Somebody asks for something with a KMS key")
    for number, (name, does) in enumerate(RULES, start=1):
        floor = top - number * (_TALL + _GAP)
        _box(sheet, floor, "", State.PASSES)
        sheet.text((27, floor + _TALL / 2), name, bold=True)
        sheet.text((71, floor + _TALL / 2), does)
    sheet.falls(_LEFT + _LANE / 2, start, 6.5)
    sheet.key((_LEFT + _LANE / 2, 4.5))
    both = "A key of another account: its key policy and your identity policy must both allow"
    sheet.text((53, 5), both, bold=True)
    told = "; ".join(f"{name}: {does}" for name, does in RULES)
    return sheet.picture(f"A request falls through sieves to a KMS key. {told}. {both}.", kind)


def _head(sheet: _Sieve, gate: float, asked: str) -> float:
    """Who asks for what, above the first box; returns where the request begins to fall."""
    above = gate + _TALL
    sheet.principal((_LEFT + _LANE / 2, above + 4.8), "")
    sheet.text((53, above + 4.5), asked, size=11, bold=True)
    return above + 2.4


def _box(sheet: _Sieve, floor: float, words: str, state: State) -> None:
    """A layer across the whole sheet."""
    sheet.layer((_LEFT + _LANE, floor), (_WIDE - _LANE - 1.5, _TALL), words, state)


def _account(sheet: _Sieve, side: Side, corner: Point, size: Point, tall: float) -> float:
    """The layers of one account in its frame; returns how far down the request gets."""
    (left, floor), (wide, high) = corner, size
    sheet.place(corner, size, side.title)
    end = floor - 2.4
    for number, step in enumerate(side.steps, start=1):
        low = floor + high - _TITLE - number * (tall + _GAP) + _GAP / 2
        box = (left + _LANE, low), (wide - _LANE - 1.5, tall)
        sheet.layer(*box, _words(step, "\n" if tall > _TALL else "  ·  "), step.state)
        if step.state is State.STOPS:
            end = max(end, low + tall / 2 + 0.6)
    return end


def _words(step: Step, between: str) -> str:
    return f"{step.title}{between}{step.says}  ·  {step.state}"
