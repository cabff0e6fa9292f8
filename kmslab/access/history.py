"""What was decided lately, for explanations: the last call's decisions, and the last refusals.

Kept in this process only. A decision knows the condition keys of its request, and no bytes of it.
"""

from __future__ import annotations

from collections import deque

from kmslab.access.ask import Ask
from kmslab.access.remembered import Answer
from kmslab.accounts.applying import Applying
from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.iam.decision import Decision

MOST_REFUSALS = 100
Noted = tuple[Call, Ask, Applying, Answer]


class History:
    """The last decisions. Appending to a deque is safe between threads."""

    def __init__(self) -> None:
        self.last: tuple[Noted, ...] = ()  # of the last call that was decided, in order
        self.error: AwsError | None = None  # of a later call, or of the same one after that
        self._refusals: deque[AwsError] = deque(maxlen=MOST_REFUSALS)

    def note(self, call: Call, ask: Ask, who: Applying, answer: Answer) -> None:
        """Notes what a call asked, and the answer."""
        self.error = None
        before = self.last if self.last and self.last[0][0] is call else ()
        self.last = (*before, (call, ask, who, answer))

    def refused(self, error: AwsError) -> None:
        """Notes a refusal, whose `decisions` say why."""
        self._refusals.append(error)

    def failed(self, error: AwsError) -> None:
        """Notes what a call ended in that no policy refused."""
        if not error.decisions:
            self.error = error

    def of(self, request_id: str) -> tuple[Decision, ...]:
        """The decisions of a refused call, by the request id that its error carries."""
        found = (each.decisions for each in self._refusals if each.request_id == request_id)
        return next(found, ())
