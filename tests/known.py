"""Known answers from outside (tests/vectors): what a test is made of, with bytes for hex."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parent / "vectors"
_BYTES = frozenset(
    ("msg", "sig", "tag", "ct", "kek", "public", "private", "shared", "secret", "d", "mu", "seed")
) | {"c", "K", "pk", "ek"}


class Known(dict[str, Any]):
    """One test vector, or one key of it: `known["msg"]` is bytes, `known["comment"]` text."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(
            {name: bytes.fromhex(text) if name in _BYTES else text for name, text in values.items()}
        )
        if name := values.get("key"):  # of HMAC it is the key itself, elsewhere a key's name
            self["key"] = bytes.fromhex(name) if "tag" in values else name

    @property
    def is_valid(self) -> bool:
        """Whether its source says that it must work."""
        return bool(self.get("result", "valid") == "valid")

    def __repr__(self) -> str:
        parts = (self.get(name) for name in ("curve", "set", "hash", "name", "tcId", "comment"))
        return " ".join(str(part) for part in parts if part)


def vectors(name: str, part: str = "tests") -> list[Known]:
    """The vectors of a file."""
    return [Known(each) for each in _read(name)[part]]


def keys(name: str) -> dict[str, Any]:
    """The keys of a file: bytes, or what a key consists of."""
    return {
        key: Known(value) if isinstance(value, dict) else bytes.fromhex(value)
        for key, value in _read(name)["keys"].items()
    }


def each(name: str, wanted: Callable[[Known], bool] = lambda _: True, part: str = "tests") -> Any:
    """Runs a test with each vector of a file that is wanted."""
    chosen = list(filter(wanted, vectors(name, part)))
    return pytest.mark.parametrize("known", chosen, ids=_ids(chosen))


def _ids(chosen: list[Known]) -> Iterator[str]:
    return (f"{repr(known)[:40]} {known.get('result', '')}".strip() for known in chosen)


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return content
