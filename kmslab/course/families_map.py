"""The map of key families as a picture and as tables; the figure `key-families` (lesson 02)."""

from __future__ import annotations

import html
from functools import lru_cache
from itertools import groupby
from typing import Any

from matplotlib.patches import FancyArrowPatch

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.families import FAMILIES, NEEDS, USAGES, Row, need, rows
from kmslab.course.picture import Picture

_BOX, _STEP = 4.8, 5.8  # how tall a box is, and from one box to the next
_NAME, _GAP = 3.6, 0.9  # room for a family's name, and between two families
_LEFT, _RIGHT, _HEAD = (3.0, 50.0), (68.0, 31.0), 7.4  # boxes: where they begin, how wide they are


class _Map(Diagram):
    """A sheet for boxes and the lines between them; strong ones are on the chosen path."""

    def station(self, corner: Point, width: float, words: str, strong: bool, keys: int) -> None:
        """A box with words, and with `keys` key pictures before them; the second is public."""
        fill, edge = "#CDE3F2" if strong else "#F2F5F8", style.KMS_KEY if keys else style.INK
        line = 3 if strong else 1
        self._frame(corner, (width, _BOX), facecolor=fill, edgecolor=edge, linewidth=line)
        x, middle = corner[0], corner[1] + _BOX / 2
        for place in range(keys):
            self.key((x + 5 + 8.8 * place, middle), public=place == 1)
        room = 19 if keys else 0
        self.text((x + (width + room) / 2, middle), words, size=11, bold=strong)

    def line(self, start: Point, end: Point, strong: bool) -> None:
        """From a key to its usage."""
        looks: dict[str, Any] = {"arrowstyle": "-", "color": style.QUIET, "linewidth": 0.9}
        if strong:
            looks = {"arrowstyle": "-|>", "color": style.INK, "linewidth": 3, "mutation_scale": 16}
        patch = FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **looks)
        self._add(patch, 6 if strong else 2)


@lru_cache(maxsize=32)
def picture(kind: str = "svg", chosen: str = "") -> Picture:
    """The whole map; with the name of a need, its path is drawn strong."""
    row = need(chosen).row if chosen else None
    groups = [list(each) for _, each in groupby(_stations(), lambda station: station.family)]
    tall = [_NAME + _STEP * len(each) for each in groups]
    height = _HEAD + sum(tall) + _GAP * len(groups)
    sheet = _Map(100, height)
    sheet.text((28, height - 2.4), "a KMS key's KeySpec …", size=11, bold=True)
    sheet.text((83.5, height - 2.4), "… and its one KeyUsage", size=11, bold=True)
    sheet.text((28, height - 5.2), _LEGEND, size=10, color=style.QUIET)
    places: dict[tuple[str, ...], float] = {}
    top = height - _HEAD
    for group, size in zip(groups, tall, strict=True):
        places |= _family(sheet, group, top, size, row)
        top -= size + _GAP
    _usages(sheet, places, row, height - _HEAD)
    return sheet.picture(_alt(chosen), kind)


_LEGEND = "full: stays in the HSM · hollow: its public half, for everyone"


def _family(
    sheet: _Map, group: list[Row], top: float, tall: float, chosen: Row | None
) -> dict[tuple[str, ...], float]:
    """One family in its frame; returns how high the middle of each box is."""
    family, places = group[0].family, {}
    sheet.place((1, top - tall), (54, tall), f"{family}: {FAMILIES[family]}")
    for number, each in enumerate(group, start=1):
        floor = top - _NAME - _STEP * number + 0.9
        strong = chosen is not None and chosen.specs == each.specs
        keys = 2 if "public" in FAMILIES[family] else 1
        sheet.station((_LEFT[0], floor), _LEFT[1], each.name, strong, keys)
        places[each.specs] = floor + _BOX / 2
    return places


def _usages(
    sheet: _Map, places: dict[tuple[str, ...], float], chosen: Row | None, top: float
) -> None:
    """The usages on the right, and the lines that lead to them."""
    gap = top / len(USAGES)
    middles = {usage: top - gap * (place + 0.5) for place, usage in enumerate(USAGES)}
    for usage, middle in middles.items():
        strong = chosen is not None and chosen.usage == usage
        words = f"{usage}\n{USAGES[usage]}"
        sheet.station((_RIGHT[0], middle - _BOX / 2), _RIGHT[1], words, strong, keys=0)
    for row in rows():
        start = (_LEFT[0] + _LEFT[1], places[row.specs])
        sheet.line(start, (_RIGHT[0], middles[row.usage]), strong=row == chosen)


def _stations() -> list[Row]:
    """One row for each group of specs."""
    return list({row.specs: row for row in rows()}.values())


def _alt(chosen: str) -> str:
    said = "; ".join(f"{row.family}, {_spoken(row)}" for row in rows())
    text = f"The families of KMS keys, from key spec to key usage. {said}."
    return text + (f" Chosen: {_spoken(need(chosen).row)}." if chosen else "")


def _spoken(row: Row) -> str:
    """A row without the underscores, which nobody wants read aloud."""
    return f"{row.name} for {row.usage}".replace(", _", ", ").replace("_", " ")


# JupyterLab gives each row a ground of its own, dark in a dark theme: so each cell brings one.
_GROUND = f"color:{style.INK};background:{style.PAPER}"
_CELL = (
    f"padding:0.35em 0.8em;text-align:left;border-bottom:1px solid #BBBBBB;vertical-align:top;"
    f"{_GROUND}"
)


def card(name: str) -> str:
    """A need as HTML: the key for it in words, and its path on the map."""
    return words(name) + picture(chosen=name).html()


def words(name: str) -> str:
    """A need as an HTML table: the key for it, its limits, and the call that makes it."""
    wanted = need(name)
    others = [spec for spec in wanted.row.specs if spec != wanted.spec]
    facts = {
        "family": f"{wanted.row.family}: {FAMILIES[wanted.row.family]}",
        "KeySpec": wanted.spec + (f" (also {', '.join(others)})" if others else ""),
        "KeyUsage": wanted.usage,
        "algorithms": ", ".join(wanted.algorithms),
        "sizes in bytes": wanted.sizes,
        "it can't": wanted.cannot,
    }
    body = "".join(
        f'<tr><th scope="row" style="{_CELL};white-space:nowrap">{name}</th>'
        f'<td style="{_CELL};overflow-wrap:anywhere">{html.escape(text)}</td></tr>'
        for name, text in facts.items()
    )
    code = (
        f'<tr><th scope="row" style="{_CELL}">to make it</th>'
        f'<td style="{_CELL};overflow-wrap:anywhere">'
        f"<code>{html.escape(wanted.call, quote=False)}</code></td></tr>"
    )
    return _table(f"To {wanted.wish}", "", body + code)


def overview() -> str:
    """Every need with its key as one HTML table, under the whole map."""
    heads = ("to …", "KeySpec, KeyUsage", "sizes in bytes", "it can't")
    head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row" style="{_CELL};font-weight:normal;min-width:9em">'
        f'{html.escape(each.wish)}</th><td style="{_CELL}">{_breakable(each.spec)}<br>'
        f"{_breakable(each.usage)}</td>"
        f'<td style="{_CELL}">{html.escape(each.sizes)}</td>'
        f'<td style="{_CELL}">{html.escape(each.cannot)}</td></tr>'
        for each in NEEDS.values()
    )
    return picture().html() + _table("Which key for what", f"<thead><tr>{head}</tr></thead>", body)


def _breakable(name: str) -> str:
    """A long name that may go on in the next line after each underscore."""
    return name.replace("_", "_<wbr>")


def _table(caption: str, head: str, body: str) -> str:
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.4;'
        f'{_GROUND}"><caption style="text-align:left;padding:0.4em 0.8em;{_GROUND}">'
        f"<b>{html.escape(caption)}</b></caption>{head}<tbody>{body}</tbody></table></div>"
    )
