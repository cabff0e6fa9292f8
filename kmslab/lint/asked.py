"""What a condition asks, in the words that several rules need.

A key that a request lacks makes a plain operator false, and a negated one true; so are …IfExists,
ForAllValues and Null "true". Source: IAM User Guide, "IAM JSON policy elements: Condition
operators".
"""

from __future__ import annotations

from kmslab.iam.conditions import FOR_ALL, FOR_ANY, Condition
from kmslab.lint import actions
from kmslab.lint.carried import OF_KEY, always, carries, depends_on_action
from kmslab.lint.document import KEY_POLICY, TRUST, Part
from kmslab.lint.known_keys import known


def is_true_without(condition: Condition) -> bool:
    """Whether it holds for a request that doesn't carry its key."""
    return condition.holds(_nothing)


def is_true_without_by_accident(condition: Condition) -> bool:
    """The same, where nothing in it says that this is meant."""
    if condition.operator is None or condition.if_exists or condition.over == FOR_ANY:
        return False
    return condition.over == FOR_ALL or condition.operator.negated


def demands(part: Part, key: str) -> bool:
    """Whether another condition of the statement wants the key to be there."""
    return any(
        each.lookup_key == key and not is_true_without(each) for each in part.good.conditions
    )


def may_be_absent(part: Part, key: str) -> bool:
    """Whether a request that the statement is for may lack a key, given in small letters."""
    fact = known(key)
    if fact is None or fact.always or part.kind == TRUST:
        return fact is None or not fact.always
    found = asked_actions(part)
    if not found or not actions.is_for_kms_alone(part.good):
        return True
    return not all(key in always(each) for each in found)


def asked_actions(part: Part) -> frozenset[str]:
    """The actions of KMS that the statement is asked about, where it stands."""
    if part.kind == KEY_POLICY:
        return actions.in_key_policies(part.good)
    return actions.of_statement(part.good)


def without_key(part: Part, key: str) -> frozenset[str]:
    """The actions of the statement whose requests never carry a key that others' do."""
    if not depends_on_action(key):
        return frozenset()
    return frozenset(each for each in asked_actions(part) if not carries(each, key))


def is_hidden(part: Part, condition: Condition) -> bool:
    """Whether it asks, in a key policy, for what only IAM policies see of a KMS key."""
    return part.kind == KEY_POLICY and condition.lookup_key.startswith(OF_KEY)


def _nothing(_key: str) -> None:
    return
