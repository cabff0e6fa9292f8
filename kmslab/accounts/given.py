"""The policies that a learner gives: documents, statements, or names of managed policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kmslab.accounts import managed, records
from kmslab.accounts.documents import written
from kmslab.accounts.records import Accounts

Given = str | Mapping[str, Any] | Sequence[Any] | None
FIRST_NAME = "policy"  # of an inline policy that was given without a name


def sort(policy: Given) -> tuple[dict[str, str], tuple[str, ...]]:
    """Inline documents by name, and names of managed policies, from whatever was given."""
    documents, names = list[str](), list[str]()
    for each in _one_by_one(policy):
        if isinstance(each, str) and not each.lstrip().startswith("{"):
            names.append(each)
        else:
            documents.append(written(each))
    named = {
        FIRST_NAME if number == 1 else f"{FIRST_NAME}-{number}": text
        for number, text in enumerate(documents, start=1)
    }
    return named, tuple(names)


def policy_arn(accounts: Accounts, account: str, policy: str) -> str:
    """The ARN of a managed policy that is named by its ARN, or by its name alone."""
    if not isinstance(policy, str):
        raise TypeError(f"policy={policy!r}: the name or ARN of a managed policy is due")
    if policy.startswith("arn:"):
        return policy
    for each in managed.all_of_aws():
        if each.name == policy:
            return each.arn
    own = records.find(accounts, account, "policy", policy)
    if own is not None:
        return own.arn
    known = ", ".join(each.name for each in managed.all_of_aws())
    raise ValueError(
        f"policy={policy!r}: a policy document is due, or the ARN or name of a managed policy of "
        f"account {account}, or one of AWS's: {known}"
    )


def _one_by_one(policy: Given) -> Sequence[Any]:
    if policy is None:
        return ()
    if isinstance(policy, str | Mapping) or not isinstance(policy, Sequence):
        return (policy,)
    if all(isinstance(each, Mapping) and "Statement" not in each for each in policy):
        return (policy,) if policy else ()  # statements of one document
    return policy
