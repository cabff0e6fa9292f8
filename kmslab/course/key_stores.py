"""Who has to be there for a ciphertext to open, for each place of a KMS key (lesson 14)."""

from __future__ import annotations

from functools import lru_cache

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.picture import Picture

ALT = (
    "Three places for the material of a KMS key, and who has to be there for a ciphertext to open. "
    "Default key store: your program asks KMS, whose own HSMs hold the key; what you give up is "
    "sight of the HSMs. CloudHSM key store: KMS asks your cluster, where the key lies and which "
    "you run; the key does not rotate, and without your HSMs nothing opens. External key store: "
    "KMS encrypts with a key of its own and asks your proxy, outside of AWS, to encrypt once more "
    "with yours; both keys are needed, and without your proxy nothing opens. In both custom key "
    "stores there are symmetric keys of one Region only: no rotation, no import."
)
_ROW = 20.0


@lru_cache
def picture(kind: str = "svg") -> Picture:
    """The figure `key-stores`."""
    sheet = Diagram(100, 3 * _ROW + 2)
    _default(sheet, (1, 2 * _ROW + 1))
    _cluster(sheet, (1, _ROW + 1))
    _external(sheet, (1, 1))
    return sheet.picture(ALT, kind)


def _default(sheet: Diagram, corner: Point) -> None:
    x, y = _row(sheet, corner, "default key store", "you give up: a say in whose HSMs they are")
    sheet.hsm((x + 38, y + 3.3), (16, 12.1), "KMS's HSMs")
    sheet.key((x + 45, y + 8.9), "KMS key")


def _cluster(sheet: Diagram, corner: Point) -> None:
    x, y = _row(
        sheet,
        corner,
        "CloudHSM key store",
        "you give up: rotation, and that others keep it running",
    )
    sheet.box((x + 38, y + 6), (12, 7), style.KMS_KEY, "KMS")
    sheet.arrow((x + 50, y + 9.5), (x + 66, y + 9.5), "kmsuser")
    sheet.hsm((x + 66, y + 3.3), (16, 12.1), "your cluster")
    sheet.key((x + 73, y + 8.9), "KMS key")


def _external(sheet: Diagram, corner: Point) -> None:
    x, y = _row(
        sheet,
        corner,
        "external key store",
        "you give up: all that, and the speed of one data centre",
    )
    sheet.hsm((x + 36, y + 3.3), (16, 12.1), "KMS's HSMs")
    sheet.key((x + 43, y + 8.9), "inner key")
    sheet.arrow((x + 52, y + 9.5), (x + 66, y + 9.5), "HTTPS")
    sheet.hsm((x + 66, y + 3.3), (16, 12.1), "your proxy")
    sheet.key((x + 73, y + 8.9), "outer key", color=style.INK)


def _row(sheet: Diagram, corner: Point, name: str, given_up: str) -> Point:
    """A dashed frame with your program in it, and what this place costs, at the bottom."""
    x, y = corner
    sheet.place(corner, (98, _ROW - 1), name)
    sheet.principal((x + 10, y + 9.5), "your program")
    sheet.arrow((x + 15, y + 9.5), (x + 36, y + 9.5), "Decrypt")
    sheet.text((x + 49, y + 1.8), given_up, size=9)
    return corner
