"""What is read out of a shape of botocore's model is read once, and kept as long as the shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from botocore.model import Shape

AnyShape = TypeVar("AnyShape", bound=Shape)
Read = TypeVar("Read")


def once_a_shape(read: Callable[[AnyShape], Read]) -> Callable[[AnyShape], Read]:
    """Remembers a function's result for each shape.

    Every client has a model of its own, several megabytes that must go with it: so the shapes are
    held weakly, and a result must not hold its own shape.
    """
    known: WeakKeyDictionary[AnyShape, Read] = WeakKeyDictionary()

    @wraps(read)
    def remembered(shape: AnyShape) -> Read:
        """What was read, or is read now."""
        try:
            return known[shape]
        except KeyError:
            return known.setdefault(shape, read(shape))

    return remembered
