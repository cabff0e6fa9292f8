"""Is a request's shape right? Judged by botocore's own model of the service, in AWS's wording.

The model gives each member its type, length, range, pattern and values. boto3 checks types and
minima before it sends; the service checks everything, as other clients don't.

    1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint:
    Member must have value greater than or equal to 1

Wording from recorded answers of AWS; the value of a secret or a blob is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, Shape

from kmslab.aws.call import Parameters, camel
from kmslab.aws.shapes import once_a_shape
from kmslab.errors import AwsError

_MEASURES = {
    **dict.fromkeys(("string", "blob", "list", "map"), "length"),
    **dict.fromkeys(("integer", "long", "float", "double"), "value"),
}
_ENDLESS = float("inf")


# botocore's models write character classes in Java's way, of which Python knows none.
_JAVA_CLASSES = {
    r"\p{L}": r"\w",  # letters; wherever it stands, numbers and "_" are allowed too
    r"\p{N}": "",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",  # separators
}


def validate(
    operation: OperationModel, parameters: Parameters, code: str = "ValidationException"
) -> None:
    """Raises ValidationException with every constraint that the request fails.

    `code` is ValidationError for the services that call it so.
    """
    shape = operation.input_shape
    failures = list(_structure(_rules(shape), parameters, "")) if shape is not None else []
    if failures:
        count = f"{len(failures)} validation error{'s' if len(failures) > 1 else ''}"
        raise AwsError(code, f"{count} detected: {'; '.join(failures)}")


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the model says of a shape, read once: botocore looks it up at each question."""

    kind: str
    is_hidden: bool
    measure: str  # "length" or "value", which lies between least and most; else empty
    least: float
    most: float
    enum: tuple[str, ...]
    pattern: re.Pattern[str] | None
    pattern_text: str  # as the model has it
    required: tuple[str, ...]
    members: Mapping[str, Shape]
    each: Shape | None  # of a list's members, or of a map's values


@once_a_shape
def _rules(shape: Shape) -> _Rules:
    rules, kind = shape.metadata, shape.type_name
    is_structure, pattern = kind == "structure", rules.get("pattern")
    return _Rules(
        kind=kind,
        is_hidden=kind == "blob" or bool(rules.get("sensitive")),
        measure=_MEASURES.get(kind, ""),
        least=rules.get("min", -_ENDLESS),
        most=rules.get("max", _ENDLESS),
        enum=tuple(rules.get("enum", ())),
        pattern=_compiled(pattern) if pattern else None,
        pattern_text=pattern or "",
        required=tuple(shape.required_members) if is_structure else (),
        members=shape.members if is_structure else {},
        each=shape.member if kind == "list" else shape.value if kind == "map" else None,
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    flags = re.NOFLAG if any(name in pattern for name in _JAVA_CLASSES) else re.ASCII
    for name, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(name, python)
    return re.compile(pattern, flags)


def _structure(rules: _Rules, value: Any, path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in rules.required:
        if value.get(name) is None:
            yield _failure("Value null", prefix + camel(name), "Member must not be null")
    for name, member in value.items():
        known = rules.members.get(name)
        if known is not None and member is not None:
            yield from _check(_rules(known), member, prefix + camel(name))


def _check(rules: _Rules, value: Any, path: str) -> Iterator[str]:
    if rules.measure and not hasattr(value, "read"):  # a stream is measured by who reads it
        for constraint in _broken(rules, value):
            yield _failure("Value" if rules.is_hidden else f"Value '{value}'", path, constraint)
    if rules.kind == "structure":
        yield from _structure(rules, value, path)
    elif rules.each is not None:
        each = _rules(rules.each)
        for name, member in value.items() if rules.kind == "map" else enumerate(value, start=1):
            yield from _check(each, member, f"{path}.{name}.member")


def _broken(rules: _Rules, value: Any) -> Iterator[str]:
    """The constraints that the value fails, as AWS words them."""
    size = len(value) if rules.measure == "length" else value
    if size < rules.least:
        yield f"Member must have {rules.measure} greater than or equal to {rules.least}"
    if size > rules.most:
        yield f"Member must have {rules.measure} less than or equal to {rules.most}"
    if rules.enum and value not in rules.enum:
        yield f"Member must satisfy enum value set: [{', '.join(rules.enum)}]"
    if rules.pattern and not rules.pattern.fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {rules.pattern_text}"


def _failure(value: str, path: str, constraint: str) -> str:
    return f"{value} at '{path}' failed to satisfy constraint: {constraint}"
