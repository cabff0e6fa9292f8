"""How a trail is drawn: a line for each principal, a dot for calls, a cross for refused ones.

Calls that fall on one spot are one mark, and the more there are the larger it is. So a picture is
small and quick however long the trail is. SVG is written here by hand: matplotlib takes a hundred
times as long for it.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from kmslab.course import style
from kmslab.course.picture import Picture
from kmslab.course.timeline import Row, Wanted, lane

MOST_LANES = 14
OTHERS = "others"
_WIDTH, _LEFT, _RIGHT = 900, 190, 20  # of the picture, and what is left of and right of the marks
_STEP, _TOP, _FOOT = 24, 12, 62  # a lane's height; room above the lanes, and below
_BIN = 4  # how wide a spot is
_SIZES = ((1, 4.0), (5, 6.0), (20, 8.0))  # from how many calls on, how wide a dot is
_TICKS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_DAY = 86_400
_MOST_TICKS = 8


def picture(found: Sequence[Row], wanted: Wanted, between: tuple[float, float]) -> Picture:
    """The events that were found, over time."""
    lanes = _lanes(found, wanted)
    height = _TOP + _STEP * max(len(lanes), 1) + _FOOT
    floor = height - _FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="{style.PAPER}"/>',
        *_axis(between, floor),
        *_names(lanes),
        *_marks(found, wanted, between, lanes),
        *_legend(height - 12),
        "</svg>",
    ]
    return Picture("".join(parts).encode(), _alt(found, wanted), width=_WIDTH)


def _lanes(found: Sequence[Row], wanted: Wanted) -> dict[str, int]:
    """The lane of each principal, the busiest on top; beyond the most that fit, one for others."""
    count = Counter(lane(row, wanted) for row in found)
    order = sorted(count, key=lambda name: (-count[name], name))
    kept = order if len(order) <= MOST_LANES else order[: MOST_LANES - 1]
    lanes = {name: place for place, name in enumerate(kept)}
    return lanes | ({OTHERS: len(kept)} if len(kept) < len(order) else {})


def _marks(
    found: Sequence[Row], wanted: Wanted, between: tuple[float, float], lanes: dict[str, int]
) -> list[str]:
    """Dots, then crosses over them: one path for each size, as a dot is a line of no length."""
    spots: Counter[tuple[bool, int, int]] = Counter()
    for row in found:
        x = _x(row.time, between) // _BIN * _BIN + _BIN // 2
        place = lanes.get(lane(row, wanted), lanes.get(OTHERS, 0))
        spots[bool(row.error), int(x), _y(place)] += 1
    dots = [(_size(count), x, y) for (bad, x, y), count in spots.items() if not bad]
    crosses = [(x, y) for (bad, x, y) in spots if bad]
    parts = [
        _path("".join(f"M{x} {y}h0" for _, x, y in group), style.KMS_KEY, size)
        for size, group in groupby(sorted(dots), key=lambda dot: dot[0])
    ]
    crossed = "".join(f"M{x - 4} {y - 5}l8 10m0-10l-8 10" for x, y in sorted(crosses))
    return [*parts, _path(crossed, style.PAPER, 5), _path(crossed, style.DENIED, 2.4)]


def _size(count: int) -> float:
    return max(size for least, size in _SIZES if count >= least)


def _path(d: str, color: str, width: float) -> str:
    return (
        f'<path d="{d}" fill="none" stroke="{color}" stroke-width="{width}" '
        'stroke-linecap="round"/>'
    )


def _names(lanes: dict[str, int]) -> list[str]:
    """A thin line for each lane, and whose it is."""
    parts = []
    for name, place in lanes.items():
        y = _y(place)
        text = html.escape(name if len(name) <= 25 else f"{name[:24]}…")
        parts.append(
            f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="{style.FAINT}"/>'
            f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end" fill="{style.INK}">{text}</text>'
        )
    return parts


def _axis(between: tuple[float, float], floor: int) -> list[str]:
    """Ticks at round times of the day."""
    start, end = between
    length = end - start
    step = next((each for each in _TICKS if length / each <= _MOST_TICKS), 0)
    step = step or _DAY * -(-int(length) // (_DAY * _MOST_TICKS))
    form = "%a %d %b" if step >= _DAY else "%d %b %H:%M" if length > 600 else "%H:%M:%S"
    parts = []
    for tick in range(int(-(-start // step) * step), int(end) + 1, step):
        x, when = _x(tick, between), datetime.fromtimestamp(tick, UTC)
        anchor = "end" if x > _WIDTH - 60 else "middle"
        parts.append(
            f'<path d="M{x:.0f} {_TOP - 6}V{floor + 4}" stroke="{style.FAINT}"/>'
            f'<text x="{x:.0f}" y="{floor + 18}" text-anchor="{anchor}" font-size="12" '
            f'fill="{style.QUIET}">{when:{form}}</text>'
        )
    return parts


def _legend(y: int) -> list[str]:
    """What the marks mean."""
    x = _LEFT
    return [
        _path(f"M{x} {y - 4}h0", style.KMS_KEY, 4.0),
        f'<text x="{x + 10}" y="{y}" fill="{style.INK}">a call; larger: several</text>',
        _path(f"M{x + 178} {y - 9}l8 10m0-10l-8 10", style.DENIED, 2.4),
        f'<text x="{x + 194}" y="{y}" fill="{style.INK}">refused</text>',
        f'<text x="{x + 270}" y="{y}" fill="{style.QUIET}">times in UTC</text>',
    ]


def _alt(found: Sequence[Row], wanted: Wanted) -> str:
    if not found:
        return "A timeline without events."
    count, bad = Counter(lane(row, wanted) for row in found), Counter[str]()
    bad.update(lane(row, wanted) for row in found if row.error)
    said = "; ".join(
        f"{name} {number}" + (f", {bad[name]} refused" if bad[name] else "")
        for name, number in sorted(count.items(), key=lambda each: (-each[1], each[0]))[:MOST_LANES]
    )
    return (
        f"A timeline of {len(found):,} events from {found[0].when} to {found[-1].when}, by caller. "
        f"{said}."
    )


def _x(time: float, between: tuple[float, float]) -> float:
    start, end = between
    return _LEFT + (time - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)


def _y(place: int) -> int:
    return _TOP + _STEP * place + _STEP // 2
