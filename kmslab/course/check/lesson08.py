"""Checks of lesson 08, IAM, accounts and conditions: each tries the learner's policies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kmslab.accounts.callers import Caller
from kmslab.accounts.members import Role
from kmslab.course.check.exercise import exercise, need, opened
from kmslab.course.check.policies import (
    ALL_OF_KMS,
    Asked,
    Statements,
    kept,
    put_key_policy,
    statements,
    two,
)
from kmslab.lab import Lab

BREAK_GLASS = "break-glass"
_ELSEWHERE, _SISTER = "333333333333", "444444444444"
_DECRYPT, _DELETE = "kms:Decrypt", "kms:ScheduleKeyDeletion"
_OTHERS = ("Encrypt", "ReEncryptFrom", "GenerateDataKey", "DescribeKey", "CreateGrant")
_MFA = "aws:MultiFactorAuthPresent"
_SHOWN = {_MFA: "true", "aws:MultiFactorAuthAge": 60}
_KIND, _KEYS = "kms:EncryptionContext:kind", "kms:EncryptionContextKeys"
_BLOOD = {_KIND: "blood", _KEYS: ["kind"]}
_X_RAY = {_KIND: "x-ray", _KEYS: ["kind"]}


@exercise(
    'set answer to {"key": …, "readers": …}: two lists of statements, without the holes.',
    "what do Bool and StringNotEquals say where the key is absent?",
    'BoolIfExists in the Deny; {"Null": {"aws:PrincipalTag/dept": "false"}} with StringNotEquals.',
)
def ex1(lab: Lab, key: str, answer: object) -> str:
    """A key policy and a group's policy whose conditions missed keys that are absent."""
    for_key, for_readers = two(answer, "key", "readers")
    put_key_policy(lab, key, for_key)
    readers = lab.group("readers")
    kept("readers", lambda: readers.put_policy("policy", for_readers))
    asked = Asked(lab, key)
    for dept in ("ward", "kitchen"):
        reader = lab.user(f"of-{dept}", groups=[readers], tags={"dept": dept})
        name = f"a reader of the {dept}"
        asked.may(reader, f"{name}, with a second factor,", _SHOWN)
        asked.may_not(reader, f"{name} who showed no second factor", {_MFA: "false"})
        asked.may_not(reader, f"{name} with an access key, where {_MFA} is absent,")
    for who, name in _strangers(lab):
        asked.may_not(who, f"{name}, with a second factor,", _SHOWN)
    return "the same people get in, and nobody by a key that is absent"


def _strangers(lab: Lab) -> Iterator[tuple[Caller, str]]:
    """Who must not get in, second factor or not."""
    ward, elsewhere = {"dept": "ward"}, lab.account(_ELSEWHERE)
    of_billing = lab.user("of-billing", groups=["readers"], tags={"dept": "billing"})
    yield of_billing, "a reader of billing"
    yield lab.user("of-no-department", groups=["readers"]), "a reader without a department"
    yield lab.user("no-reader", tags=ward), "somebody of the ward who is no reader"
    yield elsewhere.user("stranger", policy=ALL_OF_KMS, tags=ward), f"a user of {_ELSEWHERE}"


@exercise(
    'set answer to {"key": …, "role": …}: statements for the key policy, and the role\'s policy.',
    "the key policy names the role's ARN; the role's policy names the key's ARN as its Resource.",
    f'"Condition": {{"StringEquals": {{"{_KIND}": "blood"}}}} in the key policy.',
)
def ex2(lab: Lab, key: str, role: Role, answer: object) -> str:
    """Another account's role that may decrypt with one encryption context, and no more."""
    for_key, for_role = two(answer, "key", "role")
    kms, asked = lab.client("kms"), Asked(lab, key)
    put_key_policy(lab, key, [_account(lab.account), *for_key])
    kept("role", lambda: role.put_policy("policy", for_role))
    asked.may(role, "the role, with kind = blood,", _BLOOD)
    asked.may_not(role, "the role, with kind = x-ray,", _X_RAY)
    asked.may_not(role, "the role, without a context,")
    _least_of_key(lab, asked, role)
    put_key_policy(lab, key, [_account(lab.account), _account(role.account)])
    try:
        _least_of_role(lab, asked, role)
    finally:
        put_key_policy(lab, key, [_account(lab.account), *for_key])
    context = {"kind": "blood"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"glucose", EncryptionContext=context)["CiphertextBlob"]
    opened(role.client("kms"), blob, context)
    return "the key's owner gives one thing to one role, and the role's account adds nothing"


def _least_of_key(lab: Lab, asked: Asked, role: Role) -> None:
    """What the key policy gives, whatever IAM policies there are in the other account."""
    other = lab.account(role.account).role("another-role", policy=ALL_OF_KMS)
    asked.may_not(other, "by your key policy, another role of that account", _BLOOD)
    role.put_policy("wide", ALL_OF_KMS)
    try:
        asked.may_not(role, "by your key policy, the role without a context")
        asked.may_not(role, "by your key policy, the role with another context", _X_RAY)
        for action in _OTHERS:
            asked.may_not(role, "by your key policy, the role", _BLOOD, f"kms:{action}")
    finally:
        role.delete_policy("wide")


def _least_of_role(lab: Lab, asked: Asked, role: Role) -> None:
    """What the role's policy gives, whatever the key's owner would allow."""
    for action in _OTHERS:
        asked.may_not(role, "by its own policy, the role", _BLOOD, f"kms:{action}")
    made = lab.client("kms").create_key(Description="another key")["KeyMetadata"]["Arn"]
    put_key_policy(lab, made, [_account(lab.account), _account(role.account)])
    Asked(lab, made).may_not(role, "by its own policy, on another key, the role", _BLOOD)


def _account(number: str) -> dict[str, object]:
    return {**ALL_OF_KMS, "Principal": {"AWS": f"arn:aws:iam::{number}:root"}}


@exercise(
    "set answer to the statements of a service control policy.",
    "a Deny with a condition that spares one principal: a negated operator and aws:PrincipalArn.",
    '"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/break-glass"}}.',
)
def ex3(lab: Lab, answer: object) -> str:
    """A service control policy that leaves the deletion of keys to one role."""
    policy = statements(answer, "answer")
    need(
        not any("Principal" in each or "NotPrincipal" in each for each in policy),
        "a service control policy names no Principal: whom it spares, a condition says",
    )
    glass, other = (lab.role(name, policy=ALL_OF_KMS) for name in (BREAK_GLASS, "no-break-glass"))
    sister = lab.account(_SISTER, name="sister clinic")
    lab.organization.join(sister)
    mine, theirs = (Asked(lab, _new_key(each.client("kms"))) for each in (lab, sister))
    with _attached(lab, policy):
        mine.may_not(lab.admin, "the admin", action=_DELETE)
        mine.may_not(lab.root, "the account's root user", action=_DELETE)
        mine.may_not(other, "the role no-break-glass", action=_DELETE)
        user = lab.user(BREAK_GLASS, policy=ALL_OF_KMS)
        mine.may_not(user, "a user (not the role) named break-glass", action=_DELETE)
        theirs.may_not(sister.admin, "the admin of another member account", action=_DELETE)
        mine.may(glass.session("fire"), "the role break-glass", action=_DELETE)
        for who, name in ((lab.admin, "the admin"), (glass, "the role break-glass")):
            for action in (_DECRYPT, "kms:CreateGrant", "kms:CancelKeyDeletion"):
                mine.may(who, name, action=action)
    return "no administrator gets round it; so guard who may assume break-glass"


def _new_key(kms: Any) -> str:
    key: str = kms.create_key()["KeyMetadata"]["Arn"]
    return key


@contextmanager
def _attached(lab: Lab, policy: Statements) -> Iterator[None]:
    """A service control policy at the organisation's root, for a while."""
    name = "exercise 3"
    kept("answer", lambda: lab.organization.scp(name, policy))
    try:
        yield
    finally:
        lab.organization.remove(name)
