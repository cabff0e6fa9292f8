"""Patterns of policies: `*` stands for any characters, `?` for one, everything else for itself.

No regular expression: those take `.` and `[` for something else, and a pattern with many stars can
keep them busy for ever. Here the text between two stars is looked for from left to right, once, so
that no pattern takes longer than its length times the text's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ANY, ONE = "*", "?"
# Stand for a `*` or `?` that means itself: variables put them there (see variables.py).
LITERAL_ANY, LITERAL_ONE = "\ue000", "\ue001"
_PLAIN = str.maketrans({LITERAL_ANY: ANY, LITERAL_ONE: ONE})


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern."""
    first, *rest = pattern.split(ANY)
    if not rest:
        return len(first) == len(text) and _fits(first, text, 0)
    last = rest.pop()
    end = len(text) - len(last)
    if end < len(first) or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    at = len(first)
    for piece in rest:
        at = _find(piece, text, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def literal(text: str) -> str:
    """A text in which the stars and question marks mean themselves."""
    return text.replace(ANY, LITERAL_ANY).replace(ONE, LITERAL_ONE)


def plain(text: str) -> str:
    """A text as it reads, with its literal stars and question marks."""
    return text.translate(_PLAIN)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Several patterns, of which one has to fit; sorted so that most texts need no search."""

    everything: bool
    exact: frozenset[str]
    beginnings: tuple[str, ...]  # of patterns whose only wildcard is a star at the end
    others: tuple[str, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Patterns:
        """Sorts the patterns."""
        exact, beginnings, others, everything = set[str](), list[str](), list[str](), False
        for pattern in patterns:
            head = pattern.rstrip(ANY)
            if ANY in head or ONE in head:
                others.append(pattern)
            elif head == pattern:
                exact.add(plain(pattern))
            elif head:
                beginnings.append(plain(head))
            else:
                everything = True
        return cls(everything, frozenset(exact), tuple(beginnings), tuple(others))

    def fit(self, text: str) -> bool:
        """Whether one of the patterns fits the text."""
        return (
            self.everything
            or text in self.exact
            or text.startswith(self.beginnings)
            or any(matches(pattern, text) for pattern in self.others)
        )


def _find(piece: str, text: str, start: int, end: int) -> int:
    """Where the piece first fits between start and end of the text; -1 where nowhere."""
    if ONE not in piece:
        return text.find(plain(piece), start, end)
    fitting = (at for at in range(start, end - len(piece) + 1) if _fits(piece, text, at))
    return next(fitting, -1)


def _fits(piece: str, text: str, at: int) -> bool:
    if ONE not in piece:
        return text.startswith(plain(piece), at)
    return all(
        wanted in (ONE, found) or plain(wanted) == found
        for wanted, found in zip(piece, text[at : at + len(piece)], strict=True)
    )
