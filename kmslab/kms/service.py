"""The KMS service: how a request travels, from top to bottom.

0 time       what became due since the last call?      kms/due.py
1 validate   is its shape right?                       aws/validation.py, botocore's model
2 find       which KMS keys is it about?               kms/finding.py
3 authorize  may this caller do that with them?        kms/permissions.py, access/, iam/
4 kind       is it a key for that?                     kms/algorithms.py
5 state      is the key in a state that allows it?     kms/states.py
6 perform    the operation itself                      kms/operations.py says where
7 record     what CloudTrail keeps of it               cloudtrail/recorder.py
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from botocore.model import ServiceModel

from kmslab.aws.call import Answer, Call, Output
from kmslab.aws.failures import Failures
from kmslab.aws.validation import validate
from kmslab.errors import AwsError
from kmslab.kms import algorithms, due, finding, grants, permissions, states
from kmslab.kms.key import Key
from kmslab.kms.operations import OPERATIONS, Operation
from kmslab.kms.request import Request, Rooms
from kmslab.kms.stores import keys as stored
from kmslab.kms.stores import locking

_FAILURES = Failures(
    busy=("DependencyTimeoutException", 500),
    broken=("KMSInternalException", 500),
    text=("SerializationException", 400),
    down=("KeyUnavailableException", 500),
)


class Kms:
    """KMS for every account and Region of a lab."""

    def __init__(self, rooms: Rooms, model: ServiceModel) -> None:
        self._rooms = rooms
        self._model = model

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that AWS would answer with."""
        try:
            return self._answer(call)
        except AwsError as error:
            self._declare(call, error)
            raise

    def _answer(self, call: Call) -> Answer:
        rooms, keys, noted, ids = self._rooms, list[Key](), dict[str, Any](), list[str]()
        try:
            with _FAILURES.translated():
                due.happen(rooms)
                operation = _operation(call)
                validate(self._model.operation_model(call.operation), call.parameters)
                _check_dry_run(call)
                if operation.is_about_no_key:
                    self._authorize(call, keys)
                prepared = operation.prepare(rooms, call) if operation.prepare else None
                with self._transaction(operation, call):
                    keys += operation.find(rooms, call)
                    if not operation.is_about_no_key:
                        self._authorize(call, keys)
                    _check_keys(operation, call, keys)
                    noted |= stored.noted(keys) if operation.usage else {}
                    request = Request(call, rooms, tuple(keys), prepared, noted, ids)
                    output = _perform(operation, request)
                    request_id = rooms.recorder.success(
                        call, _arns(keys), output, noted, request_id="".join(ids)
                    )
                if operation.changes:
                    due.happen(rooms)
        except AwsError as error:
            self._declare(call, error)
            with _FAILURES.translated():
                error.request_id = rooms.recorder.failure(
                    call, _arns(keys), error, noted, "".join(ids)
                )
            raise
        return Answer(output, request_id)

    def _transaction(self, operation: Operation, call: Call) -> AbstractContextManager[None]:
        """What changes records does all or nothing of it; what only reads needs no lock."""
        return self._changing(call) if operation.changes else nullcontext()

    @contextmanager
    def _changing(self, call: Call) -> Iterator[None]:
        with locking.for_call(self._rooms, call), self._rooms.store.transaction():
            yield

    def _authorize(self, call: Call, keys: list[Key]) -> None:
        """Asks for every permission that the call needs; the first no refuses it."""
        grants.check_tokens(self._rooms, call.parameters.get("GrantTokens") or [])
        bare = call.without_bytes()
        for ask in permissions.asks(self._rooms, bare, keys):
            try:
                self._rooms.authorizer.check(bare, ask)
            except AwsError as error:
                raise finding.unseen(call, ask, error) from None

    def _declare(self, call: Call, error: AwsError) -> None:
        """An error that AWS's model of the operation does not have becomes the one that it has."""
        if call.operation not in self._model.operation_names:
            return
        declared = {
            shape.name for shape in self._model.operation_model(call.operation).error_shapes
        }
        if error.code in _INSTEAD and error.code not in declared:
            error.code = _INSTEAD[error.code]


# Errors that only some operations declare, and what the others answer in their place.
_INSTEAD = {
    "InvalidArnException": "NotFoundException",
    "KeyUnavailableException": "KMSInternalException",
    "DependencyTimeoutException": "KMSInternalException",
    "InvalidAliasNameException": "ValidationException",
    "InvalidGrantTokenException": "ValidationException",
    "InvalidMarkerException": "ValidationException",
}


def _operation(call: Call) -> Operation:
    operation = OPERATIONS.get(call.operation)
    if operation is None:
        raise AwsError(
            "UnsupportedOperationException",
            f"kmslab does not answer kms:{call.operation} yet.",
        )
    for name in operation.not_yet:
        if call.parameters.get(name) not in (None, False):
            raise AwsError(
                "UnsupportedOperationException",
                f"kmslab does not answer the parameter {name} of {call.operation} yet.",
            )
    return operation


def _check_dry_run(call: Call) -> None:
    if call.parameters.get("DryRunModifiers") and not call.parameters.get("DryRun"):
        raise AwsError("ValidationException", "DryRunModifiers is valid only with DryRun.")


def _check_keys(operation: Operation, call: Call, keys: list[Key]) -> None:
    for key in keys:
        algorithms.check_kind(key, call.operation, operation.usage, operation.origin)
        states.check(call.operation, key)


def _perform(operation: Operation, request: Request) -> Output:
    """Runs the operation. A dry run always ends in an exception, and its transaction is undone."""
    ignored = finding.ignores_ciphertext(request.call)
    output = {} if ignored else operation.perform(request)
    if request.call.parameters.get("DryRun"):
        raise AwsError(
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set.",
        )
    return output


def _arns(keys: list[Key]) -> list[str]:
    return [key.arn for key in keys]
