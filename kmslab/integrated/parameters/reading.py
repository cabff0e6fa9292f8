"""GetParameter, GetParameters, GetParametersByPath, DescribeParameters, and both deletions."""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.answers import cut, not_yet
from kmslab.integrated.parameters import records, values
from kmslab.integrated.parameters.naming import Named, named
from kmslab.integrated.parameters.records import Parameter
from kmslab.integrated.request import Request, Rooms
from kmslab.kms.timing import when

_PAGE, _PATH_PAGE = 50, 10
_INVALID = "InvalidNextToken"


def get_parameter(request: Request[Rooms]) -> Output:
    """GetParameter: the newest version, or the one of a selector, as in name:3."""
    asked = named(request.call, request.get("Name"))
    parameter = _find(request, asked)
    if parameter is None:
        raise _missing(request, asked)
    return {"Parameter": _shown(request, parameter, asked)}


def get_parameters(request: Request[Rooms]) -> Output:
    """GetParameters: those that are there, and the names of those that aren't."""
    found, invalid = [], []
    for name in dict.fromkeys(request.get("Names")):
        asked = named(request.call, name)
        parameter = _find(request, asked)
        if parameter is None:
            invalid.append(name)
        else:
            found.append(_shown(request, parameter, asked))
    return {"Parameters": found, "InvalidParameters": invalid}


def get_parameters_by_path(request: Request[Rooms]) -> Output:
    """GetParametersByPath: what lies right under a path, or anywhere under it."""
    not_yet(request, "ParameterFilters")
    call, path = request.call, request.get("Path").rstrip("/") + "/"
    under = [
        one
        for one in records.all_of(request.rooms, call.account, call.region)
        if one.name.startswith(path)
        and (request.get("Recursive", False) or "/" not in one.name.removeprefix(path))
    ]
    answer = cut(request, "Parameters", [(one.name, one) for one in under], _PATH_PAGE, _INVALID)
    shown = [_shown(request, one, Named(call.account, one.name)) for one in answer["Parameters"]]
    return {**answer, "Parameters": shown}


def describe_parameters(request: Request[Rooms]) -> Output:
    """DescribeParameters: everything but the values."""
    not_yet(request, "Filters", "ParameterFilters", "Shared")
    call = request.call
    found = records.all_of(request.rooms, call.account, call.region)
    return cut(
        request, "Parameters", [(one.name, _described(one)) for one in found], _PAGE, _INVALID
    )


def delete_parameter(request: Request[Rooms]) -> Output:
    """DeleteParameter: with all its versions."""
    call = request.call
    if not records.drop(request.rooms, call.account, call.region, request.get("Name")):
        raise AwsError("ParameterNotFound")
    return {}


def delete_parameters(request: Request[Rooms]) -> Output:
    """DeleteParameters: up to ten; the names of those that weren't there come back."""
    rooms, call = request.rooms, request.call
    deleted: list[str] = []
    invalid: list[str] = []
    with rooms.store.transaction():
        for name in dict.fromkeys(request.get("Names")):
            gone = records.drop(rooms, call.account, call.region, name)
            (deleted if gone else invalid).append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": invalid}


def _find(request: Request[Rooms], asked: Named) -> Parameter | None:
    region = request.call.region
    return records.find(request.rooms, asked.account, region, asked.name, asked.version)


def _missing(request: Request[Rooms], asked: Named) -> AwsError:
    """AWS gives ParameterNotFound no message."""
    newest = records.find(request.rooms, asked.account, request.call.region, asked.name)
    if newest is None or asked.version is None:
        return AwsError("ParameterNotFound")
    return AwsError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find version {asked.version} of {asked.name}. Verify the "
        "version and try again.",
    )


def _shown(request: Request[Rooms], one: Parameter, asked: Named) -> Output:
    selector = {} if asked.version is None else {"Selector": f":{asked.version}"}
    return {
        "Name": one.name,
        "Type": one.kind,
        "Value": values.shown(request, one),
        "Version": one.version,
        **selector,
        "LastModifiedDate": when(one.modified),
        "ARN": one.arn,
        "DataType": "text",
    }


def _described(one: Parameter) -> Output:
    return {
        "Name": one.name,
        "ARN": one.arn,
        "Type": one.kind,
        **one.details,
        "LastModifiedDate": when(one.modified),
        "Version": one.version,
        "Tier": "Standard",
        "Policies": [],
        "DataType": "text",
    }
