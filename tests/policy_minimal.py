"""The smallest case that still shows something: what an assertion prints when evaluators differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Case = Mapping[str, Any]
NEEDED = frozenset({"principal", "account", "action", "resource", "resource_account"})
ELEMENTS = frozenset({"Statement", "Effect", "AWS"})  # without them it is no document
ELEMENTS |= {"Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"}


def smaller(value: Any) -> Iterator[Any]:
    """The value with one part less, at any depth; large parts go first."""
    if isinstance(value, dict):
        for gone in value.keys() - ELEMENTS:
            yield {name: part for name, part in value.items() if name != gone}
        for name, part in value.items():
            yield from (value | {name: less} for less in smaller(part) if less != {})
    if isinstance(value, list):
        for at in range(len(value) if len(value) > 1 else 0):
            yield value[:at] + value[at + 1 :]
        for at, part in enumerate(value):
            yield from ([*value[:at], less, *value[at + 1 :]] for less in smaller(part))


def candidates(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Smaller cases that still are cases."""
    for gone in case.keys() - NEEDED:
        yield {name: part for name, part in case.items() if name != gone}
    for name in case.keys() - NEEDED:
        yield from (case | {name: less} for less in smaller(case[name]))


def minimal(case: Case, shows: Callable[[Case], bool]) -> dict[str, Any]:
    """The case cut down as far as it still shows it; an error counts as not showing it."""

    def still(smaller_case: dict[str, Any]) -> bool:
        try:
            return shows(smaller_case)
        except Exception:
            return False

    found = {name: value for name, value in case.items() if name in NEEDED or value}
    while (less := next(filter(still, candidates(found)), None)) is not None:
        found = less
    return found


def facts(case: Case, shows: Callable[[Case], bool]) -> str:
    """The smallest case as text."""
    return json.dumps(minimal(case, shows), indent=1)
