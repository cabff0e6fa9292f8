"""Policy documents, read once: JSON in, statements out that can be compared with a request.

A document is compiled the first time it is met and remembered by its content. Whatever isn't a
policy raises `MalformedPolicy`, which says where. Source: IAM User Guide, "IAM JSON policy elements
reference" and "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from kmslab.iam import principals, request, variables
from kmslab.iam.conditions import Condition, operator_of
from kmslab.iam.elements import Element, Place
from kmslab.iam.principals import PrincipalElement

CURRENT, OLD = "2012-10-17", "2008-10-17"
MOST_REMEMBERED = 20_000  # documents
_MOST_DIGITS = 1_000
ELEMENTS = frozenset(
    {
        *("Sid", "Effect", "Condition", "Principal", "NotPrincipal"),
        *("Action", "NotAction", "Resource", "NotResource"),
    }
)
_TOP = frozenset({"Version", "Id", "Statement"})
# Where a document stands: "control" is a resource control policy, whose Principal is always "*".
Kind = Literal["resource", "trust", "control", "identity"]


class MalformedPolicy(ValueError):
    """A document that is no policy: its message says where and why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. An element that it lacks is None: without action or resource it is idle."""

    number: int  # from 1
    sid: str
    allows: bool
    principal: PrincipalElement | None
    action: Element | None
    resource: Element | None
    conditions: tuple[Condition, ...]

    @property
    def name(self) -> str:
        """Its Sid, or its place in the document."""
        return self.sid or f"statement {self.number}"

    @property
    def is_idle(self) -> bool:
        """Whether it can match nothing: AWS saves a key policy without Action, and ignores it."""
        return self.action is None or self.resource is None


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled document: what it denies and what it allows."""

    denies: tuple[Statement, ...]
    allows: tuple[Statement, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements, in the order of the document."""
        return tuple(sorted((*self.denies, *self.allows), key=lambda each: each.number))


@lru_cache(maxsize=MOST_REMEMBERED)
def compiled(document: str, kind: Kind) -> Policy:
    """The policy that a document holds; `kind` says where it stands.

    A resource's policy and a role's trust policy name principals, an identity's has none. The
    resource of a trust policy is its role: its statements name none.
    """
    statements = tuple(_statements(load(document), kind))
    return Policy(
        tuple(each for each in statements if not each.allows),
        tuple(each for each in statements if each.allows),
    )


def load(document: str) -> Mapping[str, Any]:
    """The document as JSON; `MalformedPolicy` where it isn't an object of JSON."""
    try:
        loaded = json.loads(document, object_pairs_hook=_once, parse_int=_number)
    except json.JSONDecodeError as error:
        raise MalformedPolicy(f"it is no JSON: {error}") from None
    except RecursionError:
        raise MalformedPolicy("it is nested too deep") from None
    if not isinstance(loaded, dict):
        raise MalformedPolicy("a policy is an object")
    return loaded


def _number(digits: str) -> int:
    """Python refuses to read very long numbers; no policy needs them."""
    if len(digits) > _MOST_DIGITS:
        raise MalformedPolicy(f"a number has at most {_MOST_DIGITS} digits")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a name stand twice in an object; which of the two counts would be a riddle."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedPolicy("a name stands twice in one object")
    return found


def _statements(loaded: Mapping[str, Any], kind: Kind) -> Iterator[Statement]:
    version = loaded.get("Version", OLD)
    if not isinstance(version, str) or version not in (CURRENT, OLD):
        raise MalformedPolicy(f"Version {version!r}: {CURRENT} or {OLD} is due")
    if unknown := loaded.keys() - _TOP:
        raise MalformedPolicy(f"{', '.join(sorted(unknown))}: no element of a policy")
    statements = loaded.get("Statement")
    if statements is None:
        raise MalformedPolicy("a policy has a Statement")
    for number, each in enumerate(_listed(statements), start=1):
        try:
            yield _statement(number, each, kind, variables_too=version == CURRENT)
        except ValueError as error:
            raise MalformedPolicy(f"statement {number}: {error}") from None


def _statement(number: int, written: Any, kind: Kind, *, variables_too: bool) -> Statement:
    if not isinstance(written, dict):
        raise ValueError(f"a statement is an object, not {written!r}")
    if unknown := written.keys() - ELEMENTS:
        raise ValueError(f"{', '.join(sorted(unknown))}: no element of a statement")
    if written.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("its Effect is Allow or Deny")
    resource = _element(written, "Resource", variables_too=variables_too)
    if kind == "trust" and resource is None:
        resource = Element.of(Place.RESOURCE, ["*"], negated=False, takes_variables=False)
    sid = written.get("Sid", "")
    if not isinstance(sid, str):
        raise ValueError("its Sid is a text")
    return Statement(
        number=number,
        sid=sid,
        allows=written["Effect"] == "Allow",
        principal=_principal(written, kind),
        action=_element(written, "Action", variables_too=False),
        resource=resource,
        conditions=tuple(_conditions(written.get("Condition", {}), variables_too)),
    )


def _principal(written: Mapping[str, Any], kind: Kind) -> PrincipalElement | None:
    name = _one_of(written, "Principal")
    if kind == "identity":
        if name:
            raise ValueError(f"a {name} has no place in this policy: it is its bearer's")
        return None
    if not name and kind == "control":
        return None
    if not name:
        raise ValueError("it names no Principal")
    return principals.read(written[name], negated=name.startswith("Not"))


def _element(written: Mapping[str, Any], name: str, *, variables_too: bool) -> Element | None:
    name = _one_of(written, name)
    if not name:
        return None
    texts = [written[name]] if isinstance(written[name], str) else written[name]
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise ValueError(f"its {name} is a text or a list of texts")
    negated = name.startswith("Not")
    return Element.of(
        Place(name.removeprefix("Not")), texts, negated=negated, takes_variables=variables_too
    )


def _one_of(written: Mapping[str, Any], name: str) -> str:
    """The name of an element or of its opposite, whichever there is; not both."""
    found = [each for each in (name, f"Not{name}") if each in written]
    if len(found) > 1:
        raise ValueError(f"it has both {' and '.join(found)}")
    return found[0] if found else ""


def _conditions(written: Mapping[str, Any], variables_too: bool) -> Iterator[Condition]:
    for name, keys in _object("its Condition", written).items():
        over, operator, if_exists = operator_of(name)
        takes_variables = variables_too and operator is not None and operator.variables
        for key, wanted in _object(name, keys).items():
            texts = request.values(wanted)
            yield Condition(
                name=name,
                key=key,
                wanted=tuple(variables.read(each, variables=takes_variables) for each in texts),
                operator=operator,
                over=over,
                if_exists=if_exists,
                lookup_key=key.lower(),
            )


def _object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is an object, not {value!r}")
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
