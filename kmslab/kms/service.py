"""The KMS service: how a request travels, from top to bottom.

1 validate   is its shape right?                       aws/validation.py, botocore's model
2 find       which KMS keys is it about?               kms/finding.py
3 authorize  may this caller do that with them?        everyone's own account only, so far
4 state      is the key in a state that allows it?     below
5 perform    the operation itself                      kms/operations.py says where
6 record     what CloudTrail keeps of it               cloudtrail/recorder.py
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from botocore.model import ServiceModel

from kmslab.aws.call import Answer, Call
from kmslab.aws.validation import validate
from kmslab.cloudtrail.recorder import Recorder
from kmslab.errors import AwsError, HsmError, StoreError
from kmslab.kms.key import Key
from kmslab.kms.operations import OPERATIONS, Operation
from kmslab.kms.request import Request, Rooms


class Kms:
    """KMS for every account and Region of a lab."""

    def __init__(self, rooms: Rooms, model: ServiceModel) -> None:
        self._rooms = rooms
        self._model = model
        self._recorder = Recorder(rooms.store, rooms.settings)

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that AWS would answer with."""
        keys: tuple[Key, ...] = ()
        try:
            with _as_aws_errors():
                operation = self._operation(call)
                with self._rooms.store.transaction() if operation.changes else nullcontext():
                    validate(self._model.operation_model(call.operation), call.parameters)
                    keys = operation.find(self._rooms, call)
                    self._authorize(call)
                    _check_states(operation, keys)
                    output = operation.perform(Request(call, self._rooms, keys))
                    _stop_dry_run(call)
                    request_id = self._recorder.success(call, _arns(keys), output)
        except AwsError as error:
            with _as_aws_errors():
                error.request_id = self._recorder.failure(call, _arns(keys), error)
            raise
        return Answer(output, request_id)

    def _operation(self, call: Call) -> Operation:
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise AwsError(
                "UnknownOperationException",
                f"kmslab does not answer kms:{call.operation} yet, only {', '.join(OPERATIONS)}.",
            )
        for name in operation.not_yet:
            if call.parameters.get(name) not in (None, False):
                raise AwsError(
                    "UnsupportedOperationException",
                    f"kmslab does not answer the parameter {name} of {call.operation} yet.",
                )
        return operation

    def _authorize(self, call: Call) -> None:
        """Policies and grants will decide here. So far an account's admin is its only caller.

        Nobody has made a grant yet, so a grant token can only be an invalid one.
        """
        if call.parameters.get("GrantTokens"):
            raise AwsError("InvalidGrantTokenException")


def _check_states(operation: Operation, keys: tuple[Key, ...]) -> None:
    for key in keys:
        if operation.uses_key and key.state == "Disabled":
            raise AwsError("DisabledException", f"{key.arn} is disabled.")


def _stop_dry_run(call: Call) -> None:
    """A dry run always ends in an exception; its transaction, if there is one, is taken back."""
    if call.parameters.get("DryRun"):
        raise AwsError(
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set.",
        )


def _arns(keys: tuple[Key, ...]) -> list[str]:
    return [key.arn for key in keys]


@contextmanager
def _as_aws_errors() -> Iterator[None]:
    """What fails inside is KMSInternalException to the client, with the reason in its message.

    A text with half a surrogate pair passes through JSON, and is no Unicode text all the same.
    """
    try:
        yield
    except (HsmError, StoreError) as error:
        raise AwsError("KMSInternalException", str(error), 500) from error
    except UnicodeEncodeError:
        raise AwsError("SerializationException", "A text is not valid Unicode.") from None
