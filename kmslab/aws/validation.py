"""Is a request's shape right? Judged by botocore's own model of the service, in AWS's wording.

The model gives each member its type, length, range, pattern and values. boto3 checks types and
minima before it sends; the service checks everything, as other clients don't.

    1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint:
    Member must have value greater than or equal to 1

Wording from recorded answers of AWS; the value of a secret or a blob is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from botocore.model import OperationModel, Shape

from kmslab.aws.call import Parameters, camel
from kmslab.errors import AwsError

_LENGTHS = ("string", "blob", "list", "map")
_NUMBERS = ("integer", "long", "float", "double")


def validate(operation: OperationModel, parameters: Parameters) -> None:
    """Raises ValidationException with every constraint that the request fails."""
    shape = operation.input_shape
    failures = list(_structure(shape, parameters, "")) if shape is not None else []
    if failures:
        count = f"{len(failures)} validation error{'s' if len(failures) > 1 else ''}"
        raise AwsError("ValidationException", f"{count} detected: {'; '.join(failures)}")


def _structure(shape: Shape, value: Any, path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failure("Value null", prefix + camel(name), "Member must not be null")
    for name, member in value.items():
        known = shape.members.get(name)
        if known is not None and member is not None:
            yield from _check(known, member, prefix + camel(name))


def _check(shape: Shape, value: Any, path: str) -> Iterator[str]:
    yield from (_failure(_shown(shape, value), path, each) for each in _broken(shape, value))
    if shape.type_name == "structure":
        yield from _structure(shape, value, path)
    elif shape.type_name == "list":
        for number, member in enumerate(value, start=1):
            yield from _check(shape.member, member, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _check(shape.value, member, f"{path}.{key}.member")


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints of the shape that the value fails, as AWS words them."""
    rules = shape.metadata
    if shape.type_name in _LENGTHS:
        size, measure = len(value), "length"
    elif shape.type_name in _NUMBERS:
        size, measure = value, "value"
    else:
        return
    if size < rules.get("min", size):
        yield f"Member must have {measure} greater than or equal to {rules['min']}"
    if size > rules.get("max", size):
        yield f"Member must have {measure} less than or equal to {rules['max']}"
    if "enum" in rules and value not in rules["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]"
    if "pattern" in rules and not _pattern(rules["pattern"]).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {rules['pattern']}"


def _shown(shape: Shape, value: Any) -> str:
    hidden = shape.type_name == "blob" or shape.metadata.get("sensitive")
    return "Value" if hidden else f"Value '{value}'"


def _failure(value: str, path: str, constraint: str) -> str:
    return f"{value} at '{path}' failed to satisfy constraint: {constraint}"


@lru_cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII)
