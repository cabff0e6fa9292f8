"""Does a value fit a shape of botocore's model? Written apart from kmslab's check of requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.model import OperationModel, Shape

_TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "blob": bytes,
    "boolean": bool,
    "integer": int,
    "timestamp": datetime,
}
# What any operation may answer with, beside the errors that its model declares.
GENERIC = frozenset({"ValidationException", "AccessDeniedException", "SerializationException"})


def misfits(shape: Shape | None, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value, one text for each thing."""
    if shape is None:
        if value:
            yield f"{path}: {sorted(value)} in an answer that has no members"
        return
    kind = _TYPES[shape.type_name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{path}: a {type(value).__name__} where a {shape.type_name} is due"
        return
    yield from (f"{path}: {rule} is broken" for rule in _broken(shape, value))
    if shape.type_name == "structure":
        yield from _members(shape, value, path)
    for number, each in enumerate(value if shape.type_name == "list" else ()):
        yield from misfits(shape.member, each, f"{path}[{number}]")
    for name, each in value.items() if shape.type_name == "map" else ():
        yield from misfits(shape.key, name, f"{path}[{name!r}]")
        yield from misfits(shape.value, each, f"{path}[{name!r}]")


def undeclared(model: OperationModel, code: str) -> bool:
    """Whether an operation may not answer with this error."""
    return code not in GENERIC | {shape.name for shape in model.error_shapes}


def _members(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in set(shape.required_members) - set(value):
        yield f"{path}.{name}: missing"
    for name, each in value.items():
        if name in shape.members:
            yield from misfits(shape.members[name], each, f"{path}.{name}")
        else:
            yield f"{path}.{name}: not in the model"


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    rules = shape.metadata
    size = len(value) if hasattr(value, "__len__") else value
    if "min" in rules and size < rules["min"]:
        yield f"min {rules['min']}"
    if "max" in rules and size > rules["max"]:
        yield f"max {rules['max']}"
    if "enum" in rules and value not in rules["enum"]:
        yield f"enum ({value})"
    if "pattern" in rules and not re.fullmatch(rules["pattern"].strip("^$"), value):
        yield f"pattern {rules['pattern']}"
    if shape.type_name == "timestamp" and value.utcoffset() is None:
        yield "a time zone"
