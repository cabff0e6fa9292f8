"""What the answers of such services share: refusals of KMS in words, lists in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kmslab.aws import markers
from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.request import Request


def worded(error: AwsError) -> str:
    """KMS's refusal as the Java client of a service words it, in what it tells its own caller.

    As in "arn:… is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException;
    Request ID: …; Proxy: null)", which users of Secrets Manager and Parameter Store report.
    """
    message = f"{error.message} " if error.message else ""
    return (
        f"{message}(Service: AWSKMS; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {error.request_id}; Proxy: null)"
    )


def because(error: AwsError, code: str, message: str, status: int = 400) -> AwsError:
    """A service's own error for KMS's refusal; it carries KMS's decisions, which say why."""
    own = AwsError(code, message, status)
    own.decisions = error.decisions
    return own


def not_yet(request: Request[Any], *names: str) -> None:
    """Refuses parameters that the lab doesn't know; False counts as left out."""
    for name in names:
        if request.get(name, False) is not False:
            raise AwsError(
                "UnsupportedOperationException",
                f"kmslab does not answer the parameter {name} of {request.call.operation} yet.",
            )


def cut(
    request: Request[Any],
    name: str,
    entries: Sequence[tuple[str, Any]],
    default: int,
    invalid: str = "InvalidNextTokenException",
) -> Output:
    """One page of a list: MaxResults, NextToken. Entries are sorted, each with its name.

    `invalid` is the service's code for a token that it didn't make.
    """
    after = _read(request.get("NextToken", ""), invalid)
    left = [entry for entry in entries if entry[0] > after]
    size = request.get("MaxResults", default)
    answer: Output = {name: [entry for _, entry in left[:size]]}
    if len(left) > size:
        answer["NextToken"] = markers.marker(left[size - 1][0])
    return answer


def _read(token: str, invalid: str) -> str:
    if not token:
        return ""
    after = markers.after(token)
    if after is None:
        raise AwsError(invalid, "The specified token is not valid.")
    return after
