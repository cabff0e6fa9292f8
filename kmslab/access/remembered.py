"""An answer of the evaluator, to be given again while nothing changed that it depended on.

A decision depends only on the policies, which are records, and on the condition keys that were
looked at on the way to it. So it is remembered with those keys and their values, until a record
changes; a request with the same values gets the same answer. A condition on aws:CurrentTime makes
each request a new one, and is decided anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kmslab.iam.decision import Layer, Outcome, Policies, Source
from kmslab.iam.evaluate import decide
from kmslab.iam.request import Request
from kmslab.iam.variables import Lookup, Values

Seen = tuple[tuple[str, Values | None], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and the condition keys that it depended on."""

    policies: Policies  # without grants, which know their request
    seen: Seen
    seen_by_resource: Seen
    outcome: Outcome
    layer: Layer
    sources: tuple[Source, ...]

    @property
    def depends_on_nothing(self) -> bool:
        """Whether no condition key was looked at: every request gets this answer."""
        return not self.seen and not self.seen_by_resource

    def holds(self, request: Request) -> bool:
        """Whether the request has the same values as the one that was decided."""
        return all(request.lookup(key) == values for key, values in self.seen) and all(
            request.by_resource(key) == values for key, values in self.seen_by_resource
        )


def answer(request: Request, policies: Policies) -> Answer:
    """Decides, and notes what was looked at."""
    seen, seen_by_resource = dict[str, Values | None](), dict[str, Values | None]()
    watched = replace(
        request,
        lookup=_watching(request.lookup, seen),
        resource_lookup=_watching(request.by_resource, seen_by_resource),
    )
    made = decide(watched, policies)
    return Answer(
        policies=replace(policies, grants=()),
        seen=tuple(seen.items()),
        seen_by_resource=tuple(seen_by_resource.items()),
        outcome=made.outcome,
        layer=made.layer,
        sources=made.sources,
    )


def _watching(lookup: Lookup, seen: dict[str, Values | None]) -> Lookup:
    """The same lookup, that notes what it was asked and what it answered."""

    def watched(key: str) -> Values | None:
        seen[key] = values = lookup(key)
        return values

    return watched
