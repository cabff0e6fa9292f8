"""The generations of one KMS key's material, and which of them opens which blob (lesson 10)."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from kmslab.course import style
from kmslab.course.diagrams import Diagram
from kmslab.kms.ciphertext import Ciphertext

_HOW = {"": "the key was made", "AUTOMATIC": "rotated by itself", "ON_DEMAND": "rotated on demand"}
_LOOK = f"color:{style.INK};background:{style.PAPER}"
_CELL = (
    f"{_LOOK};padding:0.3em 0.8em;text-align:left;white-space:nowrap;"
    "border-bottom:1px solid #BBBBBB"
)
_COLUMNS = ("generation", "opens", "its work", "since", "KeyMaterialId")


@dataclass(frozen=True, slots=True)
class Generation:
    """Key material: its number from 1, since when, and the names of the blobs that it opens."""

    number: int
    material_id: str
    since: datetime
    how: str  # "", AUTOMATIC or ON_DEMAND
    current: bool
    blobs: tuple[str, ...]


def read(kms: Any, key: str, blobs: Mapping[str, bytes]) -> list[Generation]:
    """The generations of a symmetric key, oldest first, from ListKeyRotations and the blobs."""
    made = kms.describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL"
    )
    entries = [entry for page in pages for entry in page["Rotations"]]
    under = {name: Ciphertext.unpack(blob).material_id for name, blob in blobs.items()}
    return [
        Generation(
            number,
            entry["KeyMaterialId"],
            entry.get("RotationDate", made),
            entry.get("RotationType", ""),
            entry["KeyMaterialState"] == "CURRENT",
            tuple(name for name, each in under.items() if each == entry["KeyMaterialId"]),
        )
        for number, entry in enumerate(entries, start=1)
    ]


def line(generations: Sequence[Generation]) -> str:
    """The pile in one line of text."""
    now = next(each.number for each in generations if each.current)
    opens = [f"{each.number} opens {', '.join(each.blobs)}" for each in generations if each.blobs]
    return f"{now} of {len(generations)} is current; " + "; ".join(opens or ["no blobs yet"])


def table(generations: Sequence[Generation]) -> str:
    """The pile as an HTML table, newest generation on top."""
    heads = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _COLUMNS)
    rows = "".join(map(_row, reversed(generations)))
    return (
        f'<div style="width:0;min-width:100%;overflow-x:auto">'
        f'<table style="border-collapse:collapse;line-height:1.4;{_LOOK}">'
        f'<caption style="text-align:left;padding:0.4em 0.8em;{_LOOK}">The key material of one KMS '
        f"key, newest on top</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
        "</table></div>"
    )


def _row(each: Generation) -> str:
    mark = f"box-shadow:inset 5px 0 {style.KMS_KEY};font-weight:bold;" if each.current else ""
    blobs = " ".join(f"{_icon('blob')} {html.escape(name)}" for name in each.blobs)
    cells = (
        blobs or "nothing of yours",
        "encrypts and decrypts" if each.current else "decrypts only",
        f"{each.since:%Y-%m-%d}, {_HOW[each.how]}",
        f"{each.material_id[:8]} …",
    )
    return (
        f'<tr><th scope="row" style="{mark}{_CELL}">{_icon("key")} {each.number}'
        f"{', current' if each.current else ''}</th>"
        + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
        + "</tr>"
    )


@lru_cache
def _icon(what: str) -> str:
    """A small picture of a key or a ciphertext; the words beside it say what it is."""
    if what == "key":
        sheet = Diagram(9, 5)
        sheet.key((4.6, 2.6))
    else:
        sheet = Diagram(6, 7.4)
        sheet.page((3, 3.7), secret=True)
    return sheet.picture("").icon()
