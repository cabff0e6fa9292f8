"""Levels, tenancy, costs and duties, read from `levels.toml`: no such number stands anywhere else.

    levels.history()   which HSMs have which certificate, since when
    levels.stores()    four ways to have keys in an HSM of AWS's, side by side

Prices are ratios to one customer managed key, since AWS changes prices and they differ by Region.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from kmslab.course.tries import Table

_FILE = Path(__file__).with_suffix(".toml")
_LEVELS: Mapping[str, str] = {
    "since": "since",
    "what": "HSMs",
    "level": "validated",
    "source": "source",
}
_STORES: Mapping[str, str] = {
    "name": "keys in",
    "tenancy": "whose HSMs",
    "interface": "interface",
    "services": "AWS's services use them",
    "export": "keys leave",
    "price": "price, in KMS keys",
    "duties": "your duties",
}


@cache
def facts() -> dict[str, list[dict[str, str]]]:
    """All facts, as the file has them."""
    return tomllib.loads(_FILE.read_text())


def history() -> Table:
    """Which HSMs have which FIPS certificate, since when."""
    return _table("level", _LEVELS)


def stores() -> Table:
    """The ways to have keys in an HSM, side by side."""
    return _table("store", _STORES)


def markdown() -> str:
    """Both tables as README has them."""
    return "\n\n".join(_markdown(kind, names) for kind, names in _KINDS)


_KINDS = (("store", _STORES), ("level", _LEVELS))


def _rows(kind: str, names: Mapping[str, str]) -> list[tuple[str, ...]]:
    return [tuple(fact[name] for name in names) for fact in facts()[kind]]


def _table(kind: str, names: Mapping[str, str]) -> Table:
    return Table(tuple(names.values()), _rows(kind, names))


def _markdown(kind: str, names: Mapping[str, str]) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    head = list(names.values())
    return "\n".join(map(line, [head, ["---"] * len(head), *_rows(kind, names)]))
