"""What figures are made of: a few shapes, each with one meaning and one colour.

    key        a ring with a bit: a KMS key (blue) or a data key (orange); hollow: a public key
    sealed     a data key inside a closed padlock: encrypted
    page       a sheet: lines for plaintext (green), a grid of blocks for ciphertext (pink)
    hsm        a box with a double wall and rivets
    place      a dashed frame: whose side something is on
    principal  head and shoulders
    arrow      what goes from where to where, with its number and name
    cross      not any more, or refused

Coordinates are in units of about 1/10 inch from the lower left. The same calls make the same bytes
on every run: no date, no random ids.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle, Wedge

from kmslab.course import style
from kmslab.course.picture import TYPES, Picture

Point = tuple[float, float]
_SETTINGS: Any = {"svg.hashsalt": "kmslab", "svg.fonttype": "none", "font.size": 10}


class Diagram:
    """A sheet to draw on, `width` by `height` units."""

    def __init__(self, width: float, height: float) -> None:
        self._figure = Figure(figsize=(width / 10, height / 10), facecolor=style.PAPER)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(0, height)
        self._axes.set_axis_off()

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: float = 10,
        color: str = style.INK,
        bold: bool = False,
        below: bool = False,
    ) -> None:
        """Words, centred on a point, or with `below` hanging from it."""
        weight, hang = ("bold" if bold else "normal"), ("top" if below else "center")
        self._axes.text(
            *at, words, size=size, color=color, weight=weight, ha="center", va=hang, zorder=9
        )

    def place(self, corner: Point, size: Point, name: str) -> None:
        """A dashed frame with a name: whose side this is."""
        (x, y), (width, height) = corner, size
        self._frame(corner, size, edgecolor=style.QUIET, linestyle=(0, (4, 3)), facecolor="none")
        self.text((x + width / 2, y + height - 2.2), name, bold=True, size=11)

    def hsm(self, corner: Point, size: Point, name: str) -> None:
        """A box with a double wall and rivets: nothing gets out of it in the clear."""
        (x, y), (width, height) = corner, size
        self._frame(corner, size, edgecolor=style.INK, linewidth=2.4, facecolor="#F2F5F8")
        inner = (x + 0.8, y + 0.8), (width - 1.6, height - 1.6)
        self._frame(*inner, edgecolor=style.INK, linewidth=0.8, facecolor="none")
        for rivet in ((x + 2, y + 2), (x + width - 2, y + 2)):
            self._add(Circle(rivet, 0.45, color=style.QUIET))
        self.text((x + width / 2, y + height - 2.6), name, size=9, color=style.QUIET)

    def key(
        self, at: Point, name: str = "", *, color: str = style.KMS_KEY, public: bool = False
    ) -> None:
        """A key: a ring, a shaft and a bit, with its name below; a `public` one is hollow."""
        x, y = at
        looks: list[dict[str, Any]] = [{"color": color}]
        if public:
            looks = [{"color": color, "linewidth": 3}, {"color": style.PAPER, "linewidth": 0}]
        for look in looks:
            self._add(Wedge((x - 2.2, y), 1.9, 0, 360, width=0.9, **look))
            self._add(Rectangle((x - 0.5, y - 0.4), 4.4, 0.8, **look))
            for tooth in (x + 1.9, x + 3.1):
                self._add(Rectangle((tooth, y - 1.5), 0.7, 1.3, **look))
        self.text((x, y - 2.5), name, size=9, below=True)

    def sealed(self, at: Point, name: str = "") -> None:
        """A data key in a closed padlock: encrypted under a KMS key."""
        x, y = at
        self._add(Wedge((x, y + 1.4), 2.3, 0, 180, width=0.75, color=style.KMS_KEY))
        self._frame(
            (x - 3.4, y - 2.6), (6.8, 4.2), edgecolor=style.KMS_KEY, facecolor=style.PAPER, z=4
        )
        self._add(Wedge((x - 1.2, y - 0.5), 1.0, 0, 360, width=0.5, color=style.DATA_KEY), 5)
        self._add(Rectangle((x - 0.3, y - 0.75), 2.4, 0.5, color=style.DATA_KEY), 5)
        self._add(Rectangle((x + 1.4, y - 1.4), 0.5, 0.8, color=style.DATA_KEY), 5)
        self.text((x, y - 3.2), name, size=9, below=True)

    def page(self, at: Point, name: str = "", *, secret: bool = False) -> None:
        """A sheet: readable lines, or with `secret` a grid of blocks that says nothing."""
        x, y = at
        color = style.CIPHERTEXT if secret else style.PLAINTEXT
        corners = [(-2.4, -3.2), (2.4, -3.2), (2.4, 1.8), (1.0, 3.2), (-2.4, 3.2)]
        outline = [(x + dx, y + dy) for dx, dy in corners]
        self._add(Polygon(outline, facecolor=style.PAPER, edgecolor=color, linewidth=1.8))
        for row in range(4):
            height = y + 1.5 - 1.25 * row
            if secret:
                for column in range(4):
                    full = (row * 3 + column * 5) % 4 != 0
                    block = (x - 1.8 + 0.95 * column, height - 0.4)
                    self._add(Rectangle(block, 0.75, 0.8, color=color, fill=full, linewidth=0.6))
            else:
                self._add(Rectangle((x - 1.7, height - 0.15), 3.4 - row % 2, 0.35, color=color))
        self.text((x, y - 3.8), name, size=9, below=True)

    def principal(self, at: Point, name: str) -> None:
        """Head and shoulders: somebody, or a program, who asks."""
        x, y = at
        self._add(Circle((x, y + 1.6), 1.3, color=style.PRINCIPAL))
        self._add(Wedge((x, y - 1.9), 2.6, 0, 180, color=style.PRINCIPAL))
        self.text((x, y - 2.5), name, size=9, below=True)

    def arrow(
        self, start: Point, end: Point, name: str = "", *, number: int = 0, shift: float = 1.5
    ) -> None:
        """Something goes from `start` to `end`; its name stands `shift` above the middle."""
        self._add(
            FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=style.INK), 6
        )
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + shift)
        if number:
            self.number((middle[0], middle[1] + 2.4 if name else middle[1]), number)
        self.text(middle, name, size=9)

    def number(self, at: Point, number: int) -> None:
        """The number of a step, in a dark circle."""
        self._add(Circle(at, 1.15, color=style.INK), 7)
        self.text(at, str(number), size=9, color=style.PAPER, bold=True)

    def cross(self, at: Point, size: float = 3.2) -> None:
        """A cross over what is gone or refused."""
        x, y = at
        for rise in (1, -1):
            self._axes.plot(
                (x - size, x + size), (y - rise * size * 0.7, y + rise * size * 0.7),
                color=style.DENIED, linewidth=3, solid_capstyle="round", zorder=8,
            )  # fmt: skip

    def box(self, corner: Point, size: Point, color: str, name: str = "") -> None:
        """A plain box in a light tint, with a name in it."""
        self._frame(corner, size, edgecolor=color, facecolor=_tint(color), linewidth=1.4)
        self.text((corner[0] + size[0] / 2, corner[1] + size[1] / 2), name, size=9)

    def picture(self, alt: str, kind: str = "svg") -> Picture:
        """The finished picture; `alt` says in words what it shows. `kind` is svg or png."""
        out = io.BytesIO()
        how: dict[str, Any] = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 150}
        with mpl.rc_context(_SETTINGS):
            self._figure.savefig(out, format=kind, **how)
        width = round(self._figure.get_figwidth() * 100)
        return Picture(out.getvalue(), alt, TYPES[f".{kind}"], width)

    def _frame(self, corner: Point, size: Point, *, z: float = 1, **look: Any) -> None:
        rounded = "round,pad=0,rounding_size=0.9"
        self._add(FancyBboxPatch(corner, *size, boxstyle=rounded, **look), z)

    def _add(self, patch: Any, z: float = 3) -> None:
        patch.set_zorder(z)
        self._axes.add_patch(patch)


def _tint(color: str) -> tuple[float, ...]:
    """A colour mixed with four parts of white."""
    return tuple(0.8 + 0.2 * int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
