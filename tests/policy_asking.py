"""Cases written by hand, and the two evaluators that every test of a rule asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import naive
import pytest

from kmslab.iam.lines import answer

Statement = dict[str, Any]
Decide = Callable[[Mapping[str, Any]], str]

HOME, AWAY = "111122223333", "444455556666"
ALICE, BOB = f"arn:aws:iam::{HOME}:user/alice", f"arn:aws:iam::{HOME}:user/bob"
EVE = f"arn:aws:iam::{AWAY}:user/eve"
ROOT, AWAY_ROOT = f"arn:aws:iam::{HOME}:root", f"arn:aws:iam::{AWAY}:root"
APP = f"arn:aws:iam::{HOME}:role/team/app"
S1, S2 = (f"arn:aws:sts::{HOME}:assumed-role/app/{name}" for name in ("s1", "s2"))
FRED = f"arn:aws:sts::{HOME}:federated-user/fred"
LINKED = f"arn:aws:sts::{HOME}:assumed-role/AWSServiceRoleForAutoScaling/s1"
KEY = f"arn:aws:kms:us-east-1:{HOME}:key/1234abcd"
OTHER_KEY = f"arn:aws:kms:us-east-1:{HOME}:key/5678efab"
OBJECT, BUCKET = "arn:aws:s3:::b/folder/report.txt", "arn:aws:s3:::b"
ALLOWED, IMPLICIT, EXPLICIT = "Allowed", "ImplicitlyDenied", "ExplicitlyDenied"

FIELDS = {"boundary": "boundary", "session": "session_policy", "identity": "identity_policies"}
FIELDS |= dict.fromkeys(("key", "bucket", "trust"), "resource_policy")


def ours(case: Mapping[str, Any]) -> str:
    """What kmslab.iam decides."""
    decision: str = answer(case)["decision"]
    return decision


both = pytest.mark.parametrize("decide", [naive.decide, ours], ids=["naive", "kmslab"])


def allow(action: Any = "*", *, on: Any = "*", to: Any = None, **more: Any) -> Statement:
    """An Allow; `to` is its Principal, for a resource's policy."""
    principal = {} if to is None else {"Principal": to}
    return {"Effect": "Allow", **principal, "Action": action, "Resource": on, **more}


def deny(action: Any = "*", *, on: Any = "*", to: Any = None, **more: Any) -> Statement:
    """The same with Deny."""
    return {**allow(action, on=on, to=to), "Effect": "Deny", **more}


def document(statements: Any, version: str | None = "2012-10-17") -> dict[str, Any]:
    """A document of one statement or several; a document stays what it is."""
    if isinstance(statements, dict) and "Statement" in statements:
        return statements
    listed = statements if isinstance(statements, list) else [statements]
    return {"Version": version, "Statement": listed} if version else {"Statement": listed}


def case(
    principal: str, action: str = "kms:Decrypt", resource: str = KEY, **policies: Any
) -> dict[str, Any]:
    """A case. Policies are statements: key (or bucket, trust), identity, boundary, session.

    `scps` and `rcps` are levels of lists of statements; `owner` is the resource's account.
    """
    account = principal.split(":")[4]
    owner = account if resource == "*" else resource.split(":")[4]
    found: dict[str, Any] = {
        "id": "by hand",
        "principal": principal,
        "account": account,
        "action": action,
        "resource": resource,
        "resource_account": policies.pop("owner", owner or HOME),
        "context": policies.pop("context", {}),
    }
    for name, value in policies.items():
        if name in ("scps", "rcps"):
            found[name] = [[document(one) for one in level] for level in value]
        else:
            found[FIELDS[name]] = [document(value)] if name == "identity" else document(value)
    return found


def conditioned(condition: Mapping[str, Any], context: Mapping[str, Any], **more: Any) -> Any:
    """Alice, who may decrypt under a condition; `more` goes into the statement."""
    granted = allow("kms:Decrypt", to={"AWS": ALICE}, Condition=condition, **more)
    return case(ALICE, key=granted, context=context)


def denied(condition: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
    """Alice, who may decrypt but for a Deny under a condition."""
    refused = deny("kms:Decrypt", to="*", Condition=condition)
    return case(ALICE, key=[allow("kms:*", to={"AWS": ALICE}), refused], context=context)
