"""The actions of KMS by name, and which of them a policy's patterns cover.

Sources: KMS Developer Guide, "AWS KMS permissions" (permissions reference); botocore's model of
KMS, of which `kms/operations.py` holds every operation.
"""

from __future__ import annotations

from functools import lru_cache

from kmslab.iam.documents import Statement
from kmslab.iam.elements import Element
from kmslab.iam.wildcards import ANY, ONE, matches
from kmslab.kms.operations import OPERATIONS

# ReEncrypt is an operation that asks for two permissions, and none of its own name.
HALVES = ("ReEncryptFrom", "ReEncryptTo")
ACTIONS = tuple(f"kms:{name}" for name in sorted({*OPERATIONS, *HALVES} - {"ReEncrypt"}))
_BY_SMALL = {action.lower(): action for action in ACTIONS}
_ALIAS_ACTIONS = frozenset({"kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"})


def operation_of(action: str) -> str:
    """The operation that asks for an action."""
    name = action.removeprefix("kms:")
    return "ReEncrypt" if name in HALVES else name


def is_about_no_key(action: str) -> bool:
    """Whether its resource is "*" alone. ListAliases takes a key, and is still about none."""
    operation = OPERATIONS.get(operation_of(action))
    return operation is None or operation.is_about_no_key or action == "kms:ListAliases"


# IAM policies alone decide these, and a grant alone decides RetireGrant: key policies have no say.
NOT_IN_KEY_POLICIES = frozenset(
    each for each in ACTIONS if is_about_no_key(each) or each == "kms:RetireGrant"
)
ABOUT_NO_KEY = frozenset(filter(is_about_no_key, ACTIONS))
ABOUT_ALIASES = _ALIAS_ACTIONS


@lru_cache(maxsize=1024)
def of_pattern(pattern: str) -> frozenset[str]:
    """The actions of KMS that one pattern covers."""
    small = pattern.lower()
    if ANY not in small and ONE not in small:
        return frozenset({_BY_SMALL[small]} if small in _BY_SMALL else ())
    return frozenset(action for each, action in _BY_SMALL.items() if matches(small, each))


@lru_cache(maxsize=1024)
def _of_element(written: tuple[str, ...], negated: bool) -> frozenset[str]:
    found = frozenset[str]().union(*map(of_pattern, written))
    return frozenset(ACTIONS) - found if negated else found


def of_element(element: Element) -> frozenset[str]:
    """The actions of KMS that an Action or NotAction element is for."""
    return _of_element(element.written, element.negated)


def in_key_policies(statement: Statement) -> frozenset[str]:
    """The actions of a statement that key policies decide."""
    return of_statement(statement) - NOT_IN_KEY_POLICIES


def of_statement(statement: Statement) -> frozenset[str]:
    """The actions of KMS that a statement is for."""
    return of_element(statement.action) if statement.action is not None else frozenset()


def is_for_kms_alone(statement: Statement) -> bool:
    """Whether it names nothing of another service."""
    action = statement.action
    return action is not None and not action.negated and all(map(_is_of_kms, action.written))


def named_exactly(statement: Statement) -> frozenset[str]:
    """The actions of KMS that it names without a wildcard."""
    action = statement.action
    if action is None or action.negated:
        return frozenset()
    plain = [each for each in action.written if ANY not in each and ONE not in each]
    return frozenset[str]().union(*map(of_pattern, plain))


def _is_of_kms(pattern: str) -> bool:
    return pattern.lower().startswith("kms:")


def short(actions: frozenset[str]) -> list[str]:
    """Their names without service, in order."""
    return sorted(each.removeprefix("kms:") for each in actions)
