"""Rules about the values of conditions: those that mean something else than they seem to.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "AWS global condition
context keys" (MFA, sensitive condition keys), "IAM policy validation check reference" (Empty array
condition …).
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam.conditions import Condition
from kmslab.iam.operators import truth
from kmslab.iam.variables import Text, Values
from kmslab.lint.asked import is_true_without
from kmslab.lint.document import Found, Part
from kmslab.lint.known_keys import known
from kmslab.lint.words import shown

_WHOLE = ("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase")
_EXACT = ("StringEquals", "Bool", "NumericEquals")
_MFA = "aws:multifactorauthpresent"


def wildcard(part: Part, condition: Condition) -> Iterator[Found]:
    """A star or question mark in a value of StringEquals, where it means itself."""
    if condition.operator is None or condition.operator.name not in _WHOLE:
        return
    for at, text in enumerate(condition.wanted):
        if _has_wildcard(text):
            like = condition.operator.name.replace("EqualsIgnoreCase", "Like")
            yield Found(
                part.of(condition, at),
                "warning",
                f"in {shown(condition.name)} the * or ? of {shown(text.written)} stands for itself",
                f"use {like.replace('Equals', 'Like')} if a wildcard is meant",
            )


def sensitive_wildcard(part: Part, condition: Condition) -> Iterator[Found]:
    """A wildcard in the name of an account, an organization or a network."""
    fact = known(condition.lookup_key)
    if condition.operator is None or "Like" not in condition.operator.name:
        return
    for at, text in enumerate(condition.wanted):
        if fact is not None and fact.sensitive and _has_wildcard(text):
            yield Found(
                part.of(condition, at),
                "security warning",
                f"{shown(text.written)} fits ids of others: a wildcard has no good use here",
                f"write each value of {fact.name} whole",
            )


def no_values(part: Part, condition: Condition) -> Iterator[Found]:
    """A list of values without any."""
    if not condition.wanted:
        always = is_true_without(condition) or bool(
            condition.operator and condition.operator.negated
        )
        yield Found(
            part.of(condition),
            "warning",
            f"{shown(condition.key)} lists no value: "
            f"{'it forbids nothing' if always else 'nothing equals it'}",
            'list values, or ask with Null whether the key is there ("false") or not ("true")',
        )


def mfa(part: Part, condition: Condition) -> Iterator[Found]:
    """A Deny without MFA that spares those who have no session at all."""
    if part.good.allows or condition.lookup_key != _MFA or condition.if_exists:
        return
    name = condition.operator.name if condition.operator else ""
    if name == "Bool" and any(truth(each.written) is False for each in condition.wanted):
        yield Found(
            part.of(condition),
            "security warning",
            "a user's access key carries no aws:MultiFactorAuthPresent: this doesn't deny it",
            "use BoolIfExists",
        )


def contradictory(part: Part) -> Iterator[Found]:
    """Conditions on one key that can't all be true of one request."""
    by_key = dict[str, list[Condition]]()
    for condition in part.good.conditions:
        if not _varies(condition):
            by_key.setdefault(condition.lookup_key, []).append(condition)
    for key, conditions in by_key.items():
        exact, fact = next(filter(_is_exact, conditions), None), known(key)
        if exact is None or len(conditions) < 2 or (fact is not None and fact.several):
            continue
        candidates: list[Values | None] = [(each.written,) for each in exact.wanted]
        if exact.wanted and not any(_all_hold(conditions, each) for each in [*candidates, None]):
            yield Found(
                part.of(conditions[-1]),
                "error",
                f"no value of {shown(exact.key)} fulfils all conditions on it",
                "join them: several values of one condition are alternatives",
            )


def _is_exact(condition: Condition) -> bool:
    """Whether a request's value has to be one of those that it lists."""
    operator = condition.operator
    return operator is not None and operator.name in _EXACT and not condition.over


def _all_hold(conditions: list[Condition], value: Values | None) -> bool:
    def lookup(_key: str) -> Values | None:
        return value

    return all(each.holds(lookup) for each in conditions)


def _varies(condition: Condition) -> bool:
    return any(text.parts for text in condition.wanted)


def _has_wildcard(text: Text) -> bool:
    """Whether a wildcard stands in it, outside of its variables."""
    parts = text.parts or (text.written,)
    return any(isinstance(each, str) and ("*" in each or "?" in each) for each in parts)
