"""Mistakes in condition operators, one rule each, for `test_iam_mutants.py`.

A class is a mistake; its docstring says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from naive import Rules
from naive_conditions import NEGATED, RELATIONS, Scope, Values


class NumbersAreText(Rules):
    """Numbers compare as text."""

    def number(self, relation: str, wanted: str, value: str) -> bool:
        return RELATIONS[relation](value, wanted)


class NumbersAreIntegers(Rules):
    """Only integers are numbers."""

    def number(self, relation: str, wanted: str, value: str) -> bool:
        return "." not in wanted + value and super().number(relation, wanted, value)


class LessThanIncludesEqual(Rules):
    """NumericLessThan includes equal numbers."""

    def number(self, relation: str, wanted: str, value: str) -> bool:
        wider = "LessThanEquals" if relation == "LessThan" else relation
        return super().number(wider, wanted, value)


class DatesAreText(Rules):
    """Dates compare as text."""

    def date(self, relation: str, wanted: str, value: str) -> bool:
        return RELATIONS[relation](value, wanted)


class DatesHaveNoZones(Rules):
    """The zone of a date is ignored."""

    def moment(self, text: str) -> float:
        if text.isdigit() or len(text) == 7:
            return super().moment(text)
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class EpochIsNoDate(Rules):
    """Seconds since 1970 are no date."""

    def moment(self, text: str) -> float:
        if text.isdigit():
            raise ValueError(text)
        return super().moment(text)


class GreaterEqualsExcludesEqual(Rules):
    """DateGreaterThanEquals excludes equal dates."""

    def date(self, relation: str, wanted: str, value: str) -> bool:
        strict = "GreaterThan" if relation == "GreaterThanEquals" else relation
        return super().date(strict, wanted, value)


class BinaryIgnoresCase(Rules):
    """BinaryEquals compares base64 without case."""

    def binary(self, wanted: str, value: str) -> bool:
        return wanted.lower() == value.lower()


class BareAddressIsARange(Rules):
    """A bare address is a /24."""

    def address(self, wanted: str, value: str) -> bool:
        return super().address(wanted if "/" in wanted else wanted + "/24", value)


class HostBitsAreWrong(Rules):
    """A range with host bits set matches nothing."""

    def address(self, wanted: str, value: str) -> bool:
        try:
            return ip_address(value) in ip_network(wanted)
        except ValueError:
            return False


class OnlyIpv4(Rules):
    """IPv6 ranges match nothing."""

    def address(self, wanted: str, value: str) -> bool:
        return ":" not in wanted and super().address(wanted, value)


class AddressesKeepCase(Rules):
    """IPv6 ranges in capitals match nothing."""

    def address(self, wanted: str, value: str) -> bool:
        return wanted == wanted.lower() and super().address(wanted, value)


class NegatedValuesAreOr(Rules):
    """A negated operator holds when one of its values doesn't match."""

    def satisfied(self, operator: str, wanted: list[str], value: str, scope: Scope) -> bool:
        one = super().satisfied
        return any(one(operator, [each], value, scope) for each in wanted)


class ValuesAreAnd(Rules):
    """Every value of the policy must match."""

    def satisfied(self, operator: str, wanted: list[str], value: str, scope: Scope) -> bool:
        one = super().satisfied
        return all(one(operator, [each], value, scope) for each in wanted)


class OnlyTheFirstValue(Rules):
    """Only the first value of the policy counts."""

    def satisfied(self, operator: str, wanted: list[str], value: str, scope: Scope) -> bool:
        return super().satisfied(operator, wanted[:1], value, scope)


class NegatedIsFalseOnAMissingKey(Rules):
    """A negated operator is false on a missing key."""

    def missing(self, quantifier: str, operator: str) -> bool:
        return quantifier == "ForAllValues"


class PositiveIsTrueOnAMissingKey(Rules):
    """A positive operator is true on a missing key."""

    def missing(self, quantifier: str, operator: str) -> bool:
        return quantifier != "ForAnyValue"


class ForAllValuesIsFalseWhenMissing(Rules):
    """ForAllValues is false on a missing key."""

    def missing(self, quantifier: str, operator: str) -> bool:
        return not quantifier and operator in NEGATED


class NegatedForAnyValueIsTrueWhenMissing(Rules):
    """ForAnyValue with a negated operator is true on a missing key."""

    def missing(self, quantifier: str, operator: str) -> bool:
        return quantifier == "ForAllValues" or operator in NEGATED


class IfExistsIsFalse(Rules):
    """...IfExists is false on a missing key."""

    def missing_if_exists(self, operator: str) -> bool:
        return False


class IfExistsOnNegatedIsFalse(Rules):
    """...IfExists is false on a missing key for a negated operator."""

    def missing_if_exists(self, operator: str) -> bool:
        return operator not in NEGATED


class ForAllValuesIsForAny(Rules):
    """ForAllValues needs one value only."""

    def quantified(self, quantifier: str, each: list[bool], operator: str) -> bool:
        return any(each) if quantifier and each else super().quantified(quantifier, each, operator)


class ForAnyValueIsForAll(Rules):
    """ForAnyValue needs all values."""

    def quantified(self, quantifier: str, each: list[bool], operator: str) -> bool:
        return all(each) if quantifier and each else super().quantified(quantifier, each, operator)


class ForAllValuesIsFalseWhenEmpty(Rules):
    """ForAllValues is false on a key without values."""

    def quantified(self, quantifier: str, each: list[bool], operator: str) -> bool:
        return bool(each) and super().quantified(quantifier, each, operator)


class NegatedForAnyValueIsNone(Rules):
    """ForAnyValue with a negated operator means that no value matches."""

    def quantified(self, quantifier: str, each: list[bool], operator: str) -> bool:
        every = quantifier == "ForAnyValue" and operator in NEGATED
        return all(each) if every and each else super().quantified(quantifier, each, operator)


class NullIsTurnedRound(Rules):
    """Null "true" means that the key is there."""

    def null(self, wanted: list[str], values: Values | None) -> bool:
        return ("false" if not values else "true") in wanted


class NullSeesEmptyAsPresent(Rules):
    """Null takes a key without values for one that has some."""

    def null(self, wanted: list[str], values: Values | None) -> bool:
        return ("true" if values is None else "false") in wanted


class EmptyTextIsAValue(Rules):
    """An empty text is a value to set operators and Null."""

    def is_empty(self, values: Values) -> bool:
        return values == []


class KeyNamesKeepCase(Rules):
    """Names of condition keys do not ignore case."""

    def fold(self, name: str) -> str:
        return name.lower() if name.startswith("aws:Principal") else name


class ConditionsAreOr(Rules):
    """One condition that holds is enough."""

    def conditions(self, block: Mapping[str, Mapping[str, object]], scope: Scope) -> bool:
        one = super().conditions
        parts = [{name: {key: keys[key]}} for name, keys in block.items() for key in keys]
        return not parts or any(one(part, scope) for part in parts)
