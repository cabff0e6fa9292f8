"""AWS's conditions, wildcards and policy variables, written down straight from its documentation.

Nothing here is fast or clever: it is the second opinion on `kmslab.iam`. Sources, all in the IAM
User Guide: "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys
or values", "Single-valued vs. multivalued context keys", "IAM policy elements: Variables and tags".
Where they are silent the reading that refuses more stands, with a note.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator as relations
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Values = str | Sequence[str]
Pieces = list[tuple[str, bool]]  # text, and whether it is a wildcard

NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": relations.eq,
    "LessThan": relations.lt,
    "LessThanEquals": relations.le,
    "GreaterThan": relations.gt,
    "GreaterThanEquals": relations.ge,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a value in a policy is read in: the request's context and whether variables work."""

    context: Mapping[str, Values]  # names in lower case
    variables: bool  # Version 2012-10-17


def items(value: Any) -> list[Any]:
    """ "Grammar of the IAM JSON policy language": one item may stand without its list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def words(value: Any) -> list[str]:
    """The same for texts: quotation marks are optional for numbers and Booleans."""
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items(value)]


class Conditions:
    """Each method is one rule, so that a test can put a mistake in its place."""

    def fold(self, name: str) -> str:
        """ "Variables and tags": key names are case-insensitive."""
        return name.lower()

    # --- wildcards and variables ------------------------------------------------------------

    def match(self, pattern: Pieces, text: str) -> bool:
        """ "Resource": `*` is any combination of characters, `?` any single character."""
        reached = {0}
        for piece, wild in pattern:
            if wild and piece == "*":
                reached = set(range(min(reached), len(text) + 1))
            elif wild:
                reached = {at + 1 for at in reached if at < len(text)}
            else:
                reached = {at + len(piece) for at in reached if text.startswith(piece, at)}
            if not reached:
                return False
        return len(text) in reached

    def read(self, text: str, scope: Scope, wildcards: bool = True) -> Pieces | None:
        """The text in pieces, its variables replaced; None when one of them has no value."""
        pieces: Pieces = []
        at = 0
        while at < len(text):
            end = text.find("}", at) if scope.variables and text.startswith("${", at) else -1
            if end > 0:
                value = self.variable(text[at + 2 : end], scope.context)
                if value is None:
                    return None
                pieces.append((value, False))
                at = end + 1
                continue
            wild = wildcards and text[at] in "*?"
            if pieces and not wild and not pieces[-1][1]:
                pieces[-1] = (pieces[-1][0] + text[at], False)
            else:
                pieces.append((text[at], wild))
            at += 1
        return pieces

    def variable(self, inside: str, context: Mapping[str, Values]) -> str | None:
        """ "Variables and tags": special characters, context keys, default values.

        A multivalued key cannot be a variable ("Single-valued vs. multivalued context keys").
        """
        if inside in ("*", "?", "$"):
            return inside
        name, comma, default = inside.partition(", ")
        value = context.get(self.fold(name))
        if isinstance(value, str):
            return value
        return default.strip("'") if comma else self.no_value()

    def no_value(self) -> str | None:
        """ "Policy variables with no value": nothing is equal to it or like it."""
        return None

    # --- one value of the policy against one of the request ----------------------------------

    def same(self, wanted: str, value: str, scope: Scope) -> bool:
        """StringEquals: exact matching, case sensitive; no wildcards."""
        pieces = self.read(wanted, scope, wildcards=False)
        return pieces is not None and "".join(text for text, _ in pieces) == value

    def same_in_any_case(self, wanted: str, value: str, scope: Scope) -> bool:
        """StringEqualsIgnoreCase."""
        pieces = self.read(wanted, scope, wildcards=False)
        return pieces is not None and "".join(text for text, _ in pieces).lower() == value.lower()

    def like(self, wanted: str, value: str, scope: Scope) -> bool:
        """StringLike: case-sensitive, with wildcards."""
        pieces = self.read(wanted, scope)
        return pieces is not None and self.match(pieces, value)

    def arn(self, wanted: str, value: str, scope: Scope) -> bool:
        """ArnEquals and ArnLike: each of the six parts is compared alone.

        A text of fewer parts is no ARN and matches nothing (silent; this refuses more).
        """
        pieces = self.read(wanted, scope)
        if pieces is None:
            return False
        parts: list[Pieces] = [[]]
        for text, wild in pieces:
            head, *rest = text.split(":", 6 - len(parts))
            parts[-1].append((head, wild))
            parts += [[(part, wild)] for part in rest]
        fields = value.split(":", 5)
        pairs = zip(parts, fields, strict=False)
        return len(parts) == len(fields) == 6 and all(self.match(*pair) for pair in pairs)

    def number(self, relation: str, wanted: str, value: str) -> bool:
        """Numeric operators: integers or decimals. What is no number matches nothing."""
        try:
            return RELATIONS[relation](Decimal(value), Decimal(wanted))
        except InvalidOperation:
            return False

    def date(self, relation: str, wanted: str, value: str) -> bool:
        """Date operators. What is no date matches nothing."""
        try:
            return RELATIONS[relation](self.moment(value), self.moment(wanted))
        except ValueError:
            return False

    def moment(self, text: str) -> float:
        """Seconds since 1970: a W3C form of ISO 8601, or such seconds themselves."""
        if text.lstrip("-").isdigit():
            return float(text)
        whole = text + "-01" if len(text) == 7 else text
        moment = datetime.fromisoformat(whole)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def boolean(self, wanted: str, value: str, scope: Scope) -> bool:
        """Bool: `true` or `false`. Variables work (the operators' page says so, another not)."""
        pieces = self.read(wanted, scope, wildcards=False)
        text = None if pieces is None else "".join(piece for piece, _ in pieces).lower()
        return text in ("true", "false") and text == value.lower()

    def binary(self, wanted: str, value: str) -> bool:
        """BinaryEquals: byte for byte; both are base64."""
        try:
            return base64.b64decode(wanted, validate=True) == base64.b64decode(value, validate=True)
        except binascii.Error:
            return False

    def address(self, wanted: str, value: str) -> bool:
        """IpAddress: IPv4 or IPv6, a range or (without a prefix) one address."""
        try:
            network = ipaddress.ip_network(wanted, strict=False)
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    def compare(self, operator: str, wanted: str, value: str, scope: Scope) -> bool:
        """One positive operator. An operator that AWS doesn't have matches nothing."""
        if operator.startswith("Numeric"):
            return self.number(operator.removeprefix("Numeric"), wanted, value)
        if operator.startswith("Date"):
            return self.date(operator.removeprefix("Date"), wanted, value)
        if operator in ("BinaryEquals", "IpAddress"):
            return (self.binary if operator == "BinaryEquals" else self.address)(wanted, value)
        texts = {
            "StringEquals": self.same,
            "StringEqualsIgnoreCase": self.same_in_any_case,
            "StringLike": self.like,
            "ArnEquals": self.arn,
            "ArnLike": self.arn,
            "Bool": self.boolean,
        }
        return operator in texts and texts[operator](wanted, value, scope)

    # --- a whole condition -------------------------------------------------------------------

    def satisfied(self, operator: str, wanted: list[str], value: str, scope: Scope) -> bool:
        """ "Evaluation logic for multiple values": OR, and NOR for a negated operator."""
        base = NEGATED.get(operator, operator)
        matched = any(self.compare(base, one, value, scope) for one in wanted)
        return not matched if operator in NEGATED else matched

    def null(self, wanted: list[str], values: Values | None) -> bool:
        """Null: "true" is an absent key (or one without a value), "false" one that has a value."""
        return ("true" if values is None or self.is_empty(values) else "false") in wanted

    def is_empty(self, values: Values) -> bool:
        """ "Set operators": a value may be "a null dataset, such as an empty string"."""
        return not any(items(values))

    def missing(self, quantifier: str, operator: str) -> bool:
        """A missing key: false, true when negated; ForAllValues true, ForAnyValue false."""
        if quantifier:
            return quantifier == "ForAllValues"
        return operator in NEGATED

    def missing_if_exists(self, operator: str) -> bool:
        """...IfExists: a missing key is true, also for a negated operator."""
        del operator
        return True

    def quantified(self, quantifier: str, each: list[bool], operator: str) -> bool:
        """ "Set operators for multivalued context keys".

        Without values ForAllValues is true and ForAnyValue false, also with IfExists: the key is
        there. Several values without a set operator, which the documentation forbids, satisfy
        nothing (silent; this refuses more).
        """
        if quantifier == "ForAllValues":
            return all(each)
        if quantifier == "ForAnyValue":
            return any(each)
        return operator in NEGATED if not each else len(each) == 1 and each[0]

    def holds(self, name: str, key: str, wanted: list[str], scope: Scope) -> bool:
        """One operator with one key."""
        quantifier, _, rest = name.rpartition(":")
        operator = rest.removesuffix("IfExists")
        values = scope.context.get(self.fold(key))
        if operator == "Null":
            return rest == "Null" and self.null(wanted, values)
        if values is None:
            exists = rest != operator
            return (
                self.missing_if_exists(operator) if exists else self.missing(quantifier, operator)
            )
        given = [] if quantifier and self.is_empty(values) else items(values)
        each = [self.satisfied(operator, wanted, value, scope) for value in given]
        return self.quantified(quantifier, each, operator)

    def conditions(self, block: Mapping[str, Mapping[str, Any]], scope: Scope) -> bool:
        """ "Evaluation logic for multiple context keys": operators and keys are joined by AND."""
        return self.both(
            self.holds(name, key, words(wanted), scope)
            for name, keys in block.items()
            for key, wanted in keys.items()
        )

    both = staticmethod(all)
