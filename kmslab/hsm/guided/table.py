"""Objects and attributes of an HSM as tables: as text, and as HTML with what each means."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from pkcs11 import Attribute

from kmslab.hsm.guided import words

_WORDS = {True: "True", False: "False", None: "none"}
_LEFT = 'style="text-align:left"'


@dataclass(frozen=True, slots=True)
class Attributes:
    """One key's attributes, a row each, with what they mean."""

    label: str
    flags: tuple[tuple[Attribute, bool | None], ...]

    def __repr__(self) -> str:
        width = max(len(name.name) for name, _ in self.flags)
        return "\n".join(
            f"{name.name.ljust(width)}  {_WORDS[flag].ljust(5)}  {words.MEANINGS[name]}"
            for name, flag in self.flags
        )

    def _repr_html_(self) -> str:
        rows = [(name.name, _WORDS[flag], words.MEANINGS[name]) for name, flag in self.flags]
        return _table(f"The key {self.label!r}", ("attribute", "value", "what it means"), rows)


@dataclass(frozen=True, slots=True)
class Objects:
    """The keys that a session sees, side by side: a row an attribute, with its meaning."""

    who: str
    labels: tuple[str, ...]
    rows: tuple[tuple[Attribute, tuple[bool | None, ...]], ...]

    def __repr__(self) -> str:
        if not self.labels:
            return f"{self.who} sees no key"
        lines = [("", *self.labels), *((n.name, *map(_WORDS.get, f)) for n, f in self.rows)]
        widths = [max(len(str(each)) for each in column) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(str(e).ljust(w) for e, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        if not self.labels:
            return f"<p>{html.escape(self.who)} sees no key</p>"
        rows = [
            (name.name, *(_WORDS[flag] for flag in flags), words.MEANINGS[name])
            for name, flags in self.rows
        ]
        head = ("attribute", *self.labels, "what it means")
        return _table(f"What the {self.who} sees", head, rows)


def _table(name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col" {_LEFT}>{html.escape(each)}</th>' for each in head)
    body = "".join(
        f'<tr title="{html.escape(row[-1])}"><th scope="row" {_LEFT}>{html.escape(row[0])}</th>'
        + "".join(f"<td {_LEFT}>{html.escape(each)}</td>" for each in row[1:])
        + "</tr>"
        for row in rows
    )
    # JupyterLab shows the first line of a folded output: a word, not the markup of a table.
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    return f"{html.escape(name)}:\n{table}"
