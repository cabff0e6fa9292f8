"""PutParameter: a new parameter, or a new version of one. Of the standard tier only."""

from __future__ import annotations

import re
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.answers import not_yet
from kmslab.integrated.parameters import records, values
from kmslab.integrated.parameters.records import SECURE, Parameter
from kmslab.integrated.request import Request, Rooms

MOST_BYTES = 4096
_NAME = re.compile(r"[a-zA-Z0-9_./-]+", re.ASCII)
_MOST_LEVELS = 15
# As the API's reference words the error; the message of the service itself is not published.
_CHANGED_TYPE = (
    "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you "
    "can't change a parameter from a String type to a SecureString type. You must create a new, "
    "unique parameter."
)
_TOO_LONG = (
    "Standard tier parameters support a maximum parameter value of 4096 characters. To create a "
    "larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more "
    "information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "parameter-store-advanced-parameters.html"
)


def put_parameter(request: Request[Rooms]) -> Output:
    """PutParameter. Without a KeyId, a SecureString is under aws/ssm, each time anew."""
    _check(request)
    rooms, call, name = request.rooms, request.call, request.get("Name")
    before = _before(request)
    kind = _kind(request, before)
    arn, value = records.arn_of(call.account, call.region, name), request.get("Value")
    key = request.get("KeyId", values.MANAGED)
    kept = values.encrypted(request, arn, key, value) if kind == SECURE else value
    version = before.version + 1 if before else 1
    details = _details(request, before, kind, key)
    with rooms.store.transaction():
        now = _before(request)
        if (now.version if now else 0) != version - 1:
            raise AwsError("TooManyUpdates", "The parameter is being updated by another request.")
        modified = rooms.settings.now()
        one = Parameter(call.account, call.region, name, version, modified, kind, kept, details)
        records.add(rooms, one)
    return {"Version": version, "Tier": "Standard"}


def _before(request: Request[Rooms]) -> Parameter | None:
    """The parameter as it is, if there is one and it may be overwritten."""
    call = request.call
    there = records.find(request.rooms, call.account, call.region, request.get("Name"))
    if there is not None and not request.get("Overwrite", False):
        raise AwsError(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in "
            "the request to true.",
        )
    return there


def _kind(request: Request[Rooms], before: Parameter | None) -> str:
    kind: str | None = request.get("Type") or (before.kind if before else None)
    if kind is None:
        _invalid("A parameter type is required when you create a parameter.")
    if before and before.kind != kind:
        raise AwsError("HierarchyTypeMismatchException", _CHANGED_TYPE)
    if kind != SECURE and request.get("KeyId") is not None:
        _invalid("KeyId is required for SecureString type parameter only.")
    return str(kind)


def _check(request: Request[Rooms]) -> None:
    """The rules for names and values that the model doesn't have."""
    not_yet(request, "AllowedPattern", "Tags", "Policies")
    if request.get("Tier", "Standard") != "Standard":
        not_yet(request, "Tier")
    if request.get("DataType", "text") != "text":
        not_yet(request, "DataType")
    name, value = request.get("Name"), request.get("Value")
    _check_name(name)
    if not value:
        _invalid(
            "1 validation error detected: Value at 'value' failed to satisfy constraint: Member "
            "must have length greater than or equal to 1"
        )
    if len(value.encode()) > MOST_BYTES:
        _invalid(_TOO_LONG)


def _check_name(name: str) -> None:
    if "/" in name and not name.startswith("/"):
        _invalid("Parameter name must be a fully qualified name.")
    bare = name.removeprefix("/").lower()
    if not _NAME.fullmatch(name) or bare.startswith(("aws", "ssm")) or name.endswith("/"):
        _invalid(
            'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive). If '
            "formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path "
            "can be formed as a mix of letters, numbers and the following 3 symbols .-_"
        )
    if name.count("/") > _MOST_LEVELS:
        raise AwsError(
            "HierarchyLevelLimitExceededException",
            f"A hierarchy can have a maximum of {_MOST_LEVELS} levels.",
        )


def _details(
    request: Request[Rooms], before: Parameter | None, kind: str, key: str
) -> dict[str, Any]:
    described = request.get("Description", before.details.get("Description") if before else None)
    details = {
        "Description": described,
        "KeyId": key if kind == SECURE else None,
        "LastModifiedUser": request.call.principal.arn,
    }
    return {name: value for name, value in details.items() if value is not None}


def _invalid(message: str) -> None:
    raise AwsError("ValidationException", message)
