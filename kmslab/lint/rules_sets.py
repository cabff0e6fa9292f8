"""Rules about keys with several values, and about keys that a request may lack.

Sources: IAM User Guide, "Single-valued vs. multivalued context keys", "IAM JSON policy elements:
Condition operators", "IAM policy validation check reference" (ForAllValues with single valued key);
KMS Developer Guide, "AWS KMS condition keys" (OverlyPermissiveCondition).
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam.conditions import FOR_ALL, Condition
from kmslab.lint import known_keys
from kmslab.lint.asked import demands, is_hidden, is_true_without_by_accident, may_be_absent
from kmslab.lint.document import KEY_POLICY, Found, Part
from kmslab.lint.known_keys import known
from kmslab.lint.words import shown

# KMS refuses ForAllValues on these: see `kms/saving_policies.py`.
_REFUSED = ("kms:encryptioncontext:", "aws:requesttag/")


def set_of_one(part: Part, condition: Condition) -> Iterator[Found]:
    """A set operator on a key that has one value."""
    fact = known(condition.lookup_key)
    if fact is None or fact.several or not condition.over or _is_open(condition):
        return
    refused = part.kind == KEY_POLICY and condition.lookup_key.startswith(_REFUSED)
    if condition.over == FOR_ALL:
        yield Found(
            part.of(condition),
            "error" if refused else "security warning" if part.good.allows else "warning",
            f"{shown(condition.key)} has one value or none, and ForAllValues is true of none"
            + ": KMS refuses this (OverlyPermissiveCondition)" * refused,
            "remove ForAllValues:",
        )
    else:
        what = f"{shown(condition.key)} has one value: ForAnyValue is for keys with several"
        yield Found(part.of(condition), "suggestion", what, "remove ForAnyValue:")


def several_without_set(part: Part, condition: Condition) -> Iterator[Found]:
    """A key with several values without a set operator."""
    fact = known(condition.lookup_key)
    if fact is None or not fact.several or condition.over or condition.operator is None:
        return
    yield Found(
        part.of(condition),
        "error",
        f"{fact.name} may have several values: {shown(condition.name)} compares one alone",
        "put ForAnyValue: (one fits) or ForAllValues: (each fits) before the operator",
    )


def true_of_none(part: Part, condition: Condition) -> Iterator[Found]:
    """ForAllValues in an Allow on a key that a request may lack."""
    fact = known(condition.lookup_key)
    if fact is not None and not fact.several and not _is_open(condition):
        return  # that it has one value is what to say
    if condition.over == FOR_ALL and _gives_without(part, condition):
        yield Found(
            part.of(condition),
            "security warning",
            f"ForAllValues is true of a request without {shown(condition.key)}: it is allowed too",
            f'add "Null": {{"{shown(condition.key)}": "false"}}',
        )


def negated(part: Part, condition: Condition) -> Iterator[Found]:
    """A negated operator in an Allow on a key that a request may lack."""
    if condition.over != FOR_ALL and _gives_without(part, condition):
        yield Found(
            part.of(condition),
            "security warning",
            f"{shown(condition.name)} is true of a request without {shown(condition.key)}: "
            "it is allowed too",
            f'add "Null": {{"{shown(condition.key)}": "false"}}, or …IfExists if that is meant',
        )


def _gives_without(part: Part, condition: Condition) -> bool:
    """Whether the statement allows requests without the key, and nothing says it is meant."""
    return (
        part.allows
        and not is_hidden(part, condition)
        and is_true_without_by_accident(condition)
        and may_be_absent(part, condition.lookup_key)
        and not demands(part, condition.lookup_key)
    )


def _is_open(condition: Condition) -> bool:
    """kms:GrantConstraintType has one value in AWS's table, though a grant may have two."""
    return condition.lookup_key == known_keys.GRANT_CONSTRAINT
