"""Lists a page at a time: Limit, Marker, NextMarker, Truncated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kmslab.aws import markers
from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms.request import Request


@dataclass(frozen=True, slots=True)
class Limit:
    """How many entries a page of an operation has: by default, and at most."""

    default: int
    most: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page: up to `size` entries that come after the name `after`."""

    after: str
    size: int

    def cut(self, name: str, entries: list[Output], by: str) -> Output:
        """The answer, from one entry more than the page holds (if there is one more)."""
        return self.cut_named(name, [(entry[by], entry) for entry in entries])

    def cut_named(self, name: str, entries: list[tuple[str, Any]]) -> Output:
        """The same where an entry does not hold the name that it is sorted by."""
        shown = [entry for _, entry in entries[: self.size]]
        if len(entries) <= self.size:
            return {name: shown, "Truncated": False}
        last, _ = entries[self.size - 1]
        return {name: shown, "Truncated": True, "NextMarker": markers.marker(last)}


def page(request: Request, limit: Limit) -> Page:
    """The page that a request asks for; a made-up marker gets InvalidMarkerException."""
    size = min(request.get("Limit", limit.default), limit.most)
    marker = request.get("Marker")
    return Page("" if marker is None else _read(marker), size)


def _read(marker: str) -> str:
    after = markers.after(marker)
    if after is None:
        raise AwsError("InvalidMarkerException", f"Invalid marker '{marker}'")
    return after
