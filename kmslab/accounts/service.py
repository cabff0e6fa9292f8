"""IAM and STS as services: how a request travels, from top to bottom.

1 caller     is it still there, is its session not over?   applying.py
2 validate   is the request's shape right?                  aws/validation.py, botocore's model
3 authorize  may this caller do that?                       aws/authorize.py
4 perform    the operation itself                           iam.py and sts.py say where
5 record     what CloudTrail keeps of it                    cloudtrail/recorder.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

from botocore.exceptions import ParamValidationError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from kmslab.accounts.applying import applying
from kmslab.accounts.request import Operation, Request, Rooms
from kmslab.aws import regions
from kmslab.aws.authorize import let_pass
from kmslab.aws.call import Answer, Call, Output
from kmslab.aws.failures import Failures
from kmslab.aws.principal import Principal
from kmslab.aws.validation import validate
from kmslab.errors import AwsError

_FAILURES = Failures(
    busy=("ServiceUnavailable", 503),
    broken=("ServiceFailure", 500),
    text=("ValidationError", 400),
    renamed={  # as the query services word what KMS words otherwise
        "UnrecognizedClientException": ("InvalidClientTokenId", 403),
        "ExpiredTokenException": ("ExpiredToken", 403),
        "AccessDeniedException": ("AccessDenied", 403),
    },
)


class AccountService:
    """IAM or STS, for every account of a lab."""

    def __init__(
        self,
        name: str,
        rooms: Rooms,
        operations: Mapping[str, Operation],
        load: Callable[[str], ServiceModel],
    ) -> None:
        self.name = name
        self._rooms = rooms
        self._operations = operations
        self._load = load

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that AWS would answer with."""
        rooms, store = self._rooms, self._rooms.accounts.store
        if self.name == "iam":
            call = replace(call, region=regions.DEFAULT)  # IAM is global: its events are there
        try:
            with _FAILURES.translated():
                store.catch_up()
                operation = self._operation(call.operation)
                self._check_caller(call)
                self._validate(call)
                with store.transaction() if operation.changes else nullcontext():
                    request = Request(call, rooms)
                    self._authorize(request, operation)
                    output = operation.perform(request)
                    request_id = rooms.recorder.success(call, [], output)
        except AwsError as error:
            with _FAILURES.translated():
                error.request_id = rooms.recorder.failure(call, [], error)
            raise
        return Answer(output, request_id)

    def direct(self, who: Principal, operation: str, **parameters: Any) -> Output:
        """Performs an operation with the same checks, but decided by nobody and not recorded.

        Lessons set their stage with it. Types are checked by botocore, as boto3 does.
        """
        call = Call(who, self.name, operation, regions.DEFAULT, parameters)
        shape = self._model.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        self._validate(call)
        rooms = replace(self._rooms, authorize=let_pass)
        with rooms.accounts.store.transaction():
            return self._operations[operation].perform(Request(call, rooms))

    @cached_property
    def _model(self) -> ServiceModel:
        return self._load(self.name)

    def _operation(self, name: str) -> Operation:
        if name not in self._operations:
            raise AwsError(
                "UnsupportedOperation", f"kmslab does not answer {self.name}:{name} yet."
            )
        return self._operations[name]

    def _check_caller(self, call: Call) -> None:
        applying(self._rooms.accounts, call.principal)
        if self.name == "iam" and not _may_use_iam(call):
            raise AwsError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )

    def _validate(self, call: Call) -> None:
        validate(self._model.operation_model(call.operation), call.parameters, "ValidationError")

    def _authorize(self, request: Request, operation: Operation) -> None:
        call = request.call
        if not operation.decides:
            self._rooms.authorize(
                call,
                f"{self.name}:{call.operation}",
                operation.resource(request),
                context=operation.context(request),
            )


def _may_use_iam(call: Call) -> bool:
    """Not with a federation token, nor with a session token without MFA.

    Source: IAM User Guide, "Compare AWS STS credentials".
    """
    who = call.principal
    if who.kind in ("user", "root") and who.session is not None:
        return bool(call.way.mfa)
    return who.kind != "federated user"
