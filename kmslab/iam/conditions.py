"""The Condition element: every operator and every key in it has to hold.

    "StringEquals": {"kms:CallerAccount": ["111122223333", "444455556666"]}
     operator         key                  values: one has to fit; of a negated operator, none

A key that the request doesn't carry: an operator is false, a negated one true, …IfExists true.
Set operators are for keys with several values: ForAllValues (each value fits; true without a value)
and ForAnyValue (one fits; false without a value). A key with several values under no set operator
fits nothing, negated or not. `Null` asks whether a key is absent.
Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys".
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from kmslab.iam.operators import OPERATORS, Operator, truth
from kmslab.iam.variables import Lookup, Text, Values

FOR_ALL, FOR_ANY = "forallvalues", "foranyvalue"
IF_EXISTS, NULL = "ifexists", "null"
_EMPTY = ("",)  # "a null data set, such as an empty string": no value for set operators and Null


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator with one key and its values."""

    name: str  # the operator as it was written
    key: str  # as it was written
    wanted: tuple[Text, ...]
    operator: Operator | None  # None for Null
    over: str = ""  # FOR_ALL or FOR_ANY
    if_exists: bool = False
    lookup_key: str = ""  # the key in small letters

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is true of a request."""
        values = lookup(self.lookup_key)
        if values == _EMPTY and (self.over or self.operator is None):
            values = ()
        if self.operator is None:
            absent = not values
            return any(truth(each.written) is absent for each in self.wanted)
        if not values:
            return self._without_value(self.operator, is_absent=values is None)
        if not self.over:
            return len(values) == 1 and self._fits(self.operator, values[0], lookup)
        each = (self._fits(self.operator, value, lookup) for value in values)
        return all(each) if self.over == FOR_ALL else any(each)

    def _without_value(self, operator: Operator, *, is_absent: bool) -> bool:
        """A key that is there without a value is not absent: …IfExists looks at it."""
        if self.over == FOR_ALL or (self.if_exists and is_absent):
            return True
        return operator.negated and self.over != FOR_ANY

    def _fits(self, operator: Operator, value: str, lookup: Lookup) -> bool:
        """Whether a value equals one that is wanted; negated: differs from all of them.

        A wanted value whose variable has no value equals nothing.
        """
        wanted = (text.resolve(lookup) for text in self.wanted)
        equal = any(each is not None and operator.compare(value, each) for each in wanted)
        return equal is not operator.negated

    def seen(self, lookup: Lookup) -> Values | None:
        """The values that the request has for its key."""
        return lookup(self.lookup_key)


def operator_of(written: str) -> tuple[str, Operator | None, bool]:
    """Set operator, operator, and whether it ends in IfExists; `ValueError` for anything else.

    The names are compared without regard to case, as IAM does.
    """
    over, colon, name = written.lower().rpartition(":")
    if colon and over not in (FOR_ALL, FOR_ANY):
        raise ValueError(f"{written} is no condition operator: a set operator is due before the :")
    if name == NULL:
        return over, None, False
    operator = OPERATORS.get(name.removesuffix(IF_EXISTS))
    if operator is None:
        names = [each.name for each in OPERATORS.values()]
        near = get_close_matches(written.rpartition(":")[2], names, 1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise ValueError(f"{written} is no condition operator{hint}")
    return over, operator, name.endswith(IF_EXISTS)
