"""Constraints of grants: what a grant says of the encryption context, and how it is found by it.

    EncryptionContextEquals  the whole context of a request
    EncryptionContextSubset  pairs that a request's context has among others

The keys of pairs are compared without regard to case, their values with it ("Using grant
constraints"). A key can have 50,000 grants, of which a request concerns few. So each grant
is kept with a `pin`: the whole context of an Equals, or one pair of a Subset. A request's context
has few possible pins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

EQUALS, SUBSET, SOURCE = "EncryptionContextEquals", "EncryptionContextSubset", "SourceArn"
Pairs = frozenset[tuple[str, str]]


def holds(constraints: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Whether a request's context is as the constraints want it."""
    asked = pairs(context)
    exact = EQUALS not in constraints or asked == pairs(constraints[EQUALS])
    return exact and pairs(constraints.get(SUBSET, {})) <= asked


def no_wider(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    """Whether a grant that is made through another one is at least as strict."""
    exact = EQUALS not in outer or pairs(inner.get(EQUALS, {})) == pairs(outer[EQUALS])
    least = pairs(inner.get(SUBSET, {})) | pairs(inner.get(EQUALS, {}))
    source = SOURCE not in outer or inner.get(SOURCE) == outer[SOURCE]
    return exact and source and pairs(outer.get(SUBSET, {})) <= least


def pin(constraints: Mapping[str, Any]) -> str:
    """What a grant is kept under; empty without a constraint on the context."""
    if EQUALS in constraints:
        return _whole(pairs(constraints[EQUALS]))
    least = pairs(constraints.get(SUBSET, {}))
    return _pair(*min(least)) if least else ""


def pins(context: Mapping[str, str]) -> tuple[str, ...]:
    """The pins of grants whose constraint can hold for a context, besides the empty one."""
    asked = pairs(context)
    return (_whole(asked), *(_pair(*each) for each in sorted(asked)))


def pairs(context: Mapping[str, str]) -> Pairs:
    """A context as it is compared."""
    return frozenset((key.lower(), value) for key, value in context.items())


def _whole(asked: Pairs) -> str:
    return "=" + json.dumps(sorted(asked))


def _pair(key: str, value: str) -> str:
    return json.dumps([key, value])
