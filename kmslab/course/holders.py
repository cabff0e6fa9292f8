"""Who holds what after each call: a data key's life in four columns (lesson 05)."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from kmslab.course import style
from kmslab.course.diagrams import Diagram
from kmslab.course.stepper import Step, Story

COLUMNS = {
    "plaintext data key": style.DATA_KEY,
    "encrypted data key": style.KMS_KEY,
    "data": style.PLAINTEXT,
    "KMS": style.INK,
}
_NAMES = (
    "Before",
    "GenerateDataKey",
    "Encrypt the data yourself",
    "Drop the plaintext data key",
    "Decrypt the data key",
    "Decrypt the data yourself",
)


def story(data_key: Mapping[str, Any], data: bytes, sealed: bytes) -> Story:
    """The steps with a learner's own values: GenerateDataKey's answer, the data, its ciphertext.

    The plaintext data key itself is never shown, only how long it is.
    """
    blob = data_key["CiphertextBlob"]
    rows = _rows(len(data_key["Plaintext"]), blob, len(data), len(sealed))
    texts = (
        "The data lies in the open, and there is no data key yet.",
        "One answer holds both forms of a new data key. KMS made it, encrypted it and forgot it.",
        "KMS takes no part in this: the data does not go there.",
        "What is left can lie on any disk: nobody reads it without asking KMS.",
        "KMS opens the encrypted data key, for whoever may use the KMS key, and forgets it again.",
        "The data is back, and the plaintext data key is dropped once more.",
    )
    steps = [
        Step(name, text, partial(table, rows[: number + 1]))
        for number, (name, text) in enumerate(zip(_NAMES, texts, strict=True))
    ]
    return Story("Who holds what", steps)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of (after, plaintext data key, encrypted data key, data, KMS) as an HTML table."""
    cell = (
        f"color:{style.INK};background:{style.PAPER};padding:0.4em 0.8em;text-align:left;"
        "border-bottom:1px solid #BBBBBB"
    )
    heads = "".join(
        f'<th scope="col" style="{cell};border-top:4px solid {color}">{_icon(name)}<br>{name}</th>'
        for name, color in COLUMNS.items()
    )
    body = "".join(
        f'<tr><th scope="row" style="{cell}">{html.escape(row[0])}</th>'
        + "".join(f'<td style="{cell}">{html.escape(text)}</td>' for text in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.4;'
        f'color:{style.INK};background:{style.PAPER}"><caption style="text-align:left;'
        f'padding:0.4em 0.8em;background:{style.PAPER}">Who holds what after each step</caption>'
        f'<thead><tr><th scope="col" style="{cell}">after</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _rows(key: int, blob: bytes, data: int, sealed: int) -> tuple[tuple[str, ...], ...]:
    wrapped = f"{len(blob)} bytes, {blob[:3].hex(' ')} …"
    plain, secret = f"plaintext, {data:,} bytes", f"ciphertext, {sealed:,} bytes"
    return (
        (_NAMES[0], "none", "none", plain, "the KMS key"),
        (_NAMES[1], f"{key} bytes", wrapped, plain, "the KMS key, no data key"),
        (_NAMES[2], f"{key} bytes", wrapped, secret, "the KMS key, saw no data"),
        (_NAMES[3], "gone", wrapped, secret, "the KMS key"),
        (_NAMES[4], f"{key} bytes again", wrapped, secret, "the KMS key, no data key"),
        (_NAMES[5], "gone", wrapped, f"{plain} in memory; {secret} on disk", "the KMS key"),
    )


@lru_cache
def _icon(column: str) -> str:
    sheet = Diagram(14, 14)
    if column == "plaintext data key":
        sheet.key((6.2, 7), color=style.DATA_KEY)
    elif column == "encrypted data key":
        sheet.sealed((7, 6.5))
    elif column == "data":
        sheet.page((7, 7))
    else:
        sheet.hsm((0.8, 1), (12.4, 12), "")
        sheet.key((6.2, 7.5))
    words = sheet.picture("").html()  # the column's name stands below it, so no words here
    return words.replace("width:100%;max-width:140px", "width:64px;height:64px")
