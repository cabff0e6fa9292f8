"""What the linter says: findings with their lines, as plain text and as a table.

The levels are IAM Access Analyzer's: an error keeps a policy from being saved or a statement from
ever doing anything; a security warning gives more than it seems; a warning may not do what was
meant; a suggestion could be written better. Source: IAM User Guide, "IAM policy validation check
reference".
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

from kmslab.lint.words import shown

Level = Literal["error", "security warning", "warning", "suggestion"]
LEVELS: tuple[Level, ...] = ("error", "security warning", "warning", "suggestion")
_WIDTH = 100  # characters a line of plain text
_LONGEST_NAME = 24
_LEFT = 'style="text-align:left;vertical-align:top"'
_HEAD = ("line", "statement", "what", "what to do")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    line: int  # of the policy's text, from 1
    statement: str  # its Sid, or "statement 2"; empty: the whole document
    level: Level
    rule: str  # the rule's name, as in "everyone"
    message: str  # what is so
    advice: str  # what to do

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among others: by line, the gravest of a line first."""
        return self.line, LEVELS.index(self.level)


@dataclass(frozen=True, slots=True, repr=False)
class Findings(Sequence[Finding]):
    """All that was found in a policy, by line."""

    found: tuple[Finding, ...]
    kind: str  # of policy, as in "key policy"

    @overload
    def __getitem__(self, at: int) -> Finding: ...
    @overload
    def __getitem__(self, at: slice) -> Findings: ...
    def __getitem__(self, at: int | slice) -> Finding | Findings:
        if isinstance(at, slice):
            return Findings(self.found[at], self.kind)
        return self.found[at]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return "\n".join(self._lines()) or f"nothing found in this {self.kind}"

    def _repr_html_(self) -> str:
        if not self.found:
            return f"<p>{html.escape(repr(self))}</p>"
        head = "".join(f'<th scope="col" {_LEFT}>{each}</th>' for each in _HEAD)
        body = "".join(map(_row, self.found))
        # JupyterLab shows the first line of a folded output: a word, not the markup of a table.
        return (
            f"Found in this {html.escape(self.kind)}:\n"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _lines(self) -> Iterator[str]:
        """A finding's message beside its place and level, its advice below the message."""
        names = [_cut(each.statement) for each in self.found]
        width = max(map(len, names), default=0)
        for finding, name in zip(self.found, names, strict=True):
            before = f"{finding.line:>4}  {name:<{width}}  {finding.level:<16}  "
            texts = (before + finding.message, f"→ {finding.advice}")
            for text, first in zip(texts, ("", " " * len(before)), strict=True):
                yield from textwrap.wrap(
                    text,
                    _WIDTH,
                    initial_indent=first,
                    subsequent_indent=" " * len(before) + "  " * bool(first),
                    break_on_hyphens=False,
                    drop_whitespace=True,
                    expand_tabs=False,
                    replace_whitespace=False,
                ) or [first]


def _row(finding: Finding) -> str:
    """A row of the table: the words carry the level, so that it reads in any colours."""
    cells = (
        str(finding.line),
        html.escape(shown(finding.statement)),
        f"<b>{finding.level}</b>: {html.escape(finding.message)}",
        html.escape(finding.advice),
    )
    return "<tr>" + "".join(f"<td {_LEFT}>{each}</td>" for each in cells) + "</tr>"


def _cut(name: str) -> str:
    name = shown(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
