"""What was decided lately, for explanations: the last call's decisions, and the last refusals.

Kept in this process only. A decision knows the condition keys of its request, and no bytes of it.
"""

from __future__ import annotations

from collections import deque

from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.iam.decision import Decision

MOST_REFUSALS = 100


class History:
    """The last decisions. Appending to a deque is safe between threads."""

    def __init__(self) -> None:
        self._last: tuple[Call | None, tuple[Decision, ...]] = (None, ())
        self._refusals: deque[AwsError] = deque(maxlen=MOST_REFUSALS)

    def note(self, call: Call, decision: Decision) -> tuple[Decision, ...]:
        """Notes a decision; returns all those of the same call so far."""
        before, decisions = self._last
        found = (*decisions, decision) if before is call else (decision,)
        self._last = (call, found)
        return found

    def refused(self, error: AwsError) -> None:
        """Notes a refusal, whose `decisions` say why."""
        self._refusals.append(error)

    @property
    def last(self) -> tuple[Decision, ...]:
        """The decisions of the last call that was decided, in order."""
        return self._last[1]

    def of(self, request_id: str) -> tuple[Decision, ...]:
        """The decisions of a refused call, by the request id that its error carries."""
        found = (each.decisions for each in self._refusals if each.request_id == request_id)
        return next(found, ())
