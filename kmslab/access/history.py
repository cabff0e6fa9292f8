"""What was decided lately, for explanations: the last call's decisions, and the last refusals.

Kept in this process only. A decision knows the condition keys of its request, and no bytes of it.
"""

from __future__ import annotations

from collections import deque

from kmslab.access.ask import Ask
from kmslab.access.remembered import Answer
from kmslab.accounts.applying import Applying
from kmslab.aws.call import Answer as Reply
from kmslab.aws.call import Call, Service
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
        """Notes what a call asked, and the answer; a service's call of KMS belongs to its call."""
        self.error = None
        before = self.last if self.last and _is_part(call, self.last[-1][0]) else ()
        self.last = (*before, (call, ask, who, answer))

    def refused(self, error: AwsError) -> None:
        """Notes a refusal, whose `decisions` say why."""
        self._refusals.append(error)

    def failed(self, error: AwsError) -> None:
        """Notes what a call ended in: every service's errors pass here on their way out."""
        if not error.decisions:
            self.error = error
        elif all(error is not known for known in self._refusals):
            self._refusals.append(error)

    def of(self, request_id: str) -> tuple[Decision, ...]:
        """The decisions of a refused call, by the request id that its error carries."""
        found = (each.decisions for each in self._refusals if each.request_id == request_id)
        return next(found, ())


def remembering(service: Service, history: History) -> Service:
    """The same service; what its calls end in is noted."""

    def answer(call: Call) -> Reply:
        """Answers a call."""
        try:
            return service(call)
        except AwsError as error:
            history.failed(error)
            raise

    return answer


def _is_part(call: Call, last: Call) -> bool:
    """Whether a question belongs to the same request as the one before."""
    through = call.way.service.partition(".")[0]  # the service that passed the call on
    return call is last or (
        bool(through)
        and call.principal == last.principal
        and through in (last.service, last.way.service.partition(".")[0])
    )
