"""The Action and Resource elements: patterns, of which one has to fit, or none (NotAction)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kmslab.iam import variables
from kmslab.iam.request import NO_RESOURCE
from kmslab.iam.variables import Lookup, Text
from kmslab.iam.wildcards import Patterns, matches

_NAME_PART = 5  # colons before the part of an ARN in which variables work


class Place(StrEnum):
    """Which element it is."""

    ACTION = "Action"
    RESOURCE = "Resource"


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a statement."""

    place: Place
    negated: bool
    patterns: Patterns
    variable: tuple[Text, ...]  # patterns with variables in them
    written: tuple[str, ...]

    @classmethod
    def of(
        cls, place: Place, written: Sequence[str], *, negated: bool, takes_variables: bool
    ) -> Element:
        """Compiles an element. Action names are compared without regard to case."""
        texts = [_read(each, takes_variables) for each in written]
        fixed = [each.written for each in texts if not each.parts]
        is_action = place is Place.ACTION
        return cls(
            place=place,
            negated=negated,
            patterns=Patterns.of(map(str.lower, fixed) if is_action else fixed),
            variable=tuple(each for each in texts if each.parts),
            written=tuple(written),
        )

    @property
    def name(self) -> str:
        """As it stands in the statement: Action, NotAction, Resource, NotResource."""
        return f"{'Not' if self.negated else ''}{self.place}"

    def fits(self, asked: str, lookup: Lookup) -> bool:
        """Whether a request's action (in small letters) or resource is among those it is for.

        A pattern whose variable has no value fits nothing.
        """
        if asked == NO_RESOURCE and self.place is Place.RESOURCE:
            return self.patterns.everything is not self.negated
        return (self.patterns.fit(asked) or self._fits_one(asked, lookup)) is not self.negated

    def _fits_one(self, asked: str, lookup: Lookup) -> bool:
        patterns = (text.resolve(lookup) for text in self.variable)
        return any(pattern is not None and matches(pattern, asked) for pattern in patterns)


def _read(written: str, takes_variables: bool) -> Text:
    """A pattern; variables work only in the last part of an ARN."""
    if not takes_variables or written.count(":") < _NAME_PART:
        return Text(written)
    *head, tail = written.split(":", _NAME_PART)
    text = variables.read(tail, variables=True)
    before = ":".join(head) + ":"
    if not text.parts:
        return Text(before + text.written)
    return Text(written, (before, *text.parts))
