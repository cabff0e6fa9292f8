"""IAM's lists a page at a time: MaxItems, Marker, IsTruncated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kmslab.accounts.request import Request
from kmslab.aws import markers
from kmslab.aws.call import Output
from kmslab.errors import AwsError

DEFAULT = 100
Entries = Sequence[tuple[str, Any]]  # each with the name by which it is sorted


@dataclass(frozen=True, slots=True)
class Page:
    """One page: up to `size` entries that come after the name `after`."""

    after: str
    size: int

    def cut(self, name: str, entries: Entries) -> Output:
        """The answer, from one entry more than the page holds (if there is one more)."""
        shown = [entry for _, entry in entries[: self.size]]
        if len(entries) <= self.size:
            return {name: shown, "IsTruncated": False}
        marker = markers.marker(entries[self.size - 1][0])
        return {name: shown, "IsTruncated": True, "Marker": marker}

    def cut_all(self, name: str, entries: Entries) -> Output:
        """The answer, from all entries, sorted."""
        return self.cut(name, [entry for entry in entries if entry[0] > self.after])


def page(request: Request) -> Page:
    """The page that a request asks for.

    IAM's wording for a made-up marker is not documented.
    """
    marker = request.get("Marker")
    return Page("" if marker is None else _read(marker), request.get("MaxItems", DEFAULT))


def _read(marker: str) -> str:
    after = markers.after(marker)
    if after is None:
        raise AwsError("ValidationError", "Invalid Marker.")
    return after
