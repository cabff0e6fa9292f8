"""A heading, some lines and a table, as plain text or as HTML for a notebook.

The colours come from the notebook itself, so light and dark JupyterLab both read well; the row that
decided is bold and has a mark, since colour alone says nothing.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_LEFT = "text-align:left;vertical-align:top"
_WIDEST = 44


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    cells: tuple[str, ...]
    marked: bool = False


def as_text(head: Sequence[str], rows: Sequence[Row]) -> str:
    """A table with aligned columns; long cells are cut."""
    lines = [head, *([_cut(cell) for cell in row.cells] for row in rows)]
    used = [any(line[at] for line in lines[1:]) for at in range(len(head))]
    columns = [[line[at] for line in lines] for at in range(len(head)) if used[at]]
    widths = [max(map(len, column)) for column in columns]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    )


def as_html(
    heading: str,
    lines: Sequence[str],
    head: Sequence[str],
    rows: Sequence[Row],
    folded: Sequence[Row],
) -> str:
    """The same for a notebook; `folded` rows open on a click."""
    parts = [f"<p><strong>{html.escape(heading)}</strong></p>"]
    parts += [f"<p style='margin:0.2em 0'>{html.escape(line)}</p>" for line in lines]
    if rows:
        parts.append(_table(head, rows))
    if folded:
        count = more(len(folded))
        parts.append(f"<details><summary>{count}</summary>{_table(head, folded)}</details>")
    return "\n".join(parts)


def short(text: str) -> str:
    """ARNs in a text by what tells them apart: the part after the account."""
    return " ".join(
        part.split(":", 5)[-1] if part.startswith("arn:") else part for part in text.split(" ")
    )


def more(count: int) -> str:
    """What is folded away, in words."""
    return f"{count} statement{'' if count == 1 else 's'} more, about something else"


def _table(head: Sequence[str], rows: Sequence[Row]) -> str:
    used = [at for at in range(len(head)) if any(row.cells[at] for row in rows)]
    titles = "".join(_cell("th scope='col'", head[at]) for at in used)
    body = "".join(
        "<tr>" + "".join(_cell("td", row.cells[at], row.marked) for at in used) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, text: str, marked: bool = False) -> str:
    look = ";font-weight:bold" if marked else ""
    look += ";overflow-wrap:anywhere" if tag == "td" else ";white-space:nowrap"
    escaped = html.escape(text).replace("\n", "<br>")
    return f"<{tag} style='{_LEFT}{look}'>{escaped}</{tag.split()[0]}>"


def _cut(text: str) -> str:
    line = "; ".join(text.splitlines())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
