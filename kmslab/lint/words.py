"""Words of messages: texts that may hold anything, lists that may be long, names nearly right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache

_LONGEST = 60  # characters of a learner's text in a message
_MOST = 4  # names of a list
_ALIKE = 0.75


def shown(text: object) -> str:
    """A learner's text for a message: one line, not too long, nothing that can't be printed."""
    found = str(text)
    found = found if len(found) <= _LONGEST else f"{found[: _LONGEST - 1]}…"
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in found)


def listed(names: Iterable[str]) -> str:
    """Some names, and how many more there are."""
    found = list(names)
    more = len(found) - _MOST
    if more <= 1:
        return ", ".join(map(shown, found))
    return f"{', '.join(map(shown, found[:_MOST]))} and {more} more"


def near(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one in small letters, if one is much like it."""
    return _near(name.lower()[:_LONGEST], tuple(known))


@lru_cache(maxsize=1024)
def _near(name: str, known: Sequence[str]) -> str | None:
    by_small = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name, by_small, n=1, cutoff=_ALIKE)
    return by_small[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Advice for a name that nobody knows."""
    found = near(name, known)
    return f"did you mean {found}?" if found else otherwise
