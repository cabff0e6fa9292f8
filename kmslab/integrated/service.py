"""A service that encrypts with KMS: how a request travels, from top to bottom.

1 caller     is it still there, is its session not over?       accounts/applying.py
2 validate   is the request's shape right?                      aws/validation.py, botocore's model
3 authorize  may this caller do that, by the service's rules?   access/, iam/
4 perform    the operation itself; where it needs a key, KMS is asked with the caller's rights, and
             decides for itself                                 integrated/keys.py
5 record     what CloudTrail keeps of it; data events such as GetObject are not in the event
             history, as long as no trail is told to record them
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from botocore.model import ServiceModel

from kmslab.accounts.applying import applying
from kmslab.aws.call import Answer, Call
from kmslab.aws.failures import Failures
from kmslab.aws.validation import validate
from kmslab.errors import AwsError
from kmslab.integrated.request import Operation, R, Request


@dataclass(frozen=True, slots=True)
class Words:
    """A service's own codes."""

    failures: Failures
    invalid: str = "ValidationException"  # a request of the wrong shape
    unknown: str = "UnsupportedOperationException"  # an operation that the lab doesn't have
    unrecorded: frozenset[str] = frozenset()  # errors of which CloudTrail keeps no event


class IntegratedService(Generic[R]):
    """One service, for every account and Region of a lab."""

    def __init__(
        self,
        name: str,
        rooms: R,
        operations: Mapping[str, Operation[R]],
        load: Callable[[str], ServiceModel],
        words: Words,
    ) -> None:
        self.name = name
        self._rooms = rooms
        self._operations = operations
        self._load = load
        self._words = words

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that AWS would answer with."""
        operation, translated = (
            self._operations.get(call.operation),
            self._words.failures.translated,
        )
        is_data = operation is not None and operation.is_data
        try:
            with translated():
                self._rooms.store.catch_up()
                applying(self._rooms.accounts, call.principal)
                request = self._checked(call, operation)
                output = operation.perform(request) if operation else {}
            with translated():
                return Answer(output, self._id(call) if is_data else self._success(call, output))
        except AwsError as error:
            with translated():
                error.request_id = self._id(call) if is_data else self._failure(call, error)
            raise

    @cached_property
    def _model(self) -> ServiceModel:
        return self._load(self.name)

    def _checked(self, call: Call, operation: Operation[R] | None) -> Request[R]:
        """The request, if its shape is right and the caller may make it."""
        if operation is None:
            raise AwsError(
                self._words.unknown, f"kmslab does not answer {self.name}:{call.operation} yet."
            )
        self._check_shape(call)
        request = Request(call, self._rooms)
        bare = call.without_bytes()
        for ask in operation.asks(request):
            self._rooms.authorizer.check(bare, ask)
        return request

    def _check_shape(self, call: Call) -> None:
        """Raises the error for a request of the wrong shape."""
        validate(self._model.operation_model(call.operation), call.parameters, self._words.invalid)

    def _success(self, call: Call, output: dict[str, object]) -> str:
        return self._rooms.recorder.success(call, self._arns(call), output)

    def _failure(self, call: Call, error: AwsError) -> str:
        if error.code in self._words.unrecorded:
            return self._id(call)
        return self._rooms.recorder.failure(call, self._arns(call), error)

    def _arns(self, _call: Call) -> list[str]:
        """What the call was about, for its event; empty where the service doesn't say."""
        return []

    def _id(self, _call: Call) -> str:
        """The id of a request of which no event is kept."""
        return secrets.token_hex(8).upper()
