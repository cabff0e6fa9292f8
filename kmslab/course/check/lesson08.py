"""Checks of lesson 08, IAM, accounts and conditions: each tries the learner's policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kmslab.accounts.callers import Caller
from kmslab.accounts.members import Role
from kmslab.course.check.exercise import need, opened
from kmslab.course.check.policies import (
    ALL_OF_KMS,
    Asked,
    Statements,
    kept,
    put_key_policy,
    rehearsal,
    statements,
    two,
    without_principal,
)
from kmslab.course.check.rights import Allowed, called, need_no_more, who_may
from kmslab.lab import Lab

BREAK_GLASS = "break-glass"
_ELSEWHERE, _SISTER = "333333333333", "444444444444"
_DECRYPT, _DELETE = "kms:Decrypt", "kms:ScheduleKeyDeletion"
_OTHERS = tuple(
    f"kms:{name}"
    for name in ("Encrypt", "ReEncryptFrom", "GenerateDataKey", "DescribeKey", "CreateGrant")
)
_MFA = "aws:MultiFactorAuthPresent"
_SHOWN = {_MFA: "true", "aws:MultiFactorAuthAge": 60}
_KIND, _KEYS = "kms:EncryptionContext:kind", "kms:EncryptionContextKeys"
_BLOOD: Mapping[str, object] = {_KIND: "blood", _KEYS: ["kind"]}
_OTHER_KINDS = ("x-ray", "blood-2", "no-blood", "Blood")
_OF_A_DEPT: Mapping[str, object] = {
    "Effect": "Allow",
    "Action": _DECRYPT,
    "Condition": {
        "Null": {"aws:PrincipalTag/dept": "false"},
        "StringNotEquals": {"aws:PrincipalTag/dept": "billing"},
    },
}


@rehearsal(
    'set answer to {"key": …, "readers": …}: two lists of statements, without the holes.',
    "what do Bool and StringNotEquals say where the key is absent?",
    'BoolIfExists in the Deny; {"Null": {"aws:PrincipalTag/dept": "false"}} with StringNotEquals.',
)
def ex1(lab: Lab, key: str, answer: object) -> str:
    """A key policy and a group's policy whose conditions missed keys that are absent."""
    for_key, for_readers = two(answer, "key", "readers")
    without_principal(for_readers, "readers")
    others = list(_strangers(lab))
    readers = {dept: _reader(lab, dept) for dept in ("ward", "kitchen")}
    due = _readers_rights(lab, key, [_account(lab.account)], [{**_OF_A_DEPT, "Resource": key}])
    found = _readers_rights(lab, key, for_key, for_readers)
    asked = Asked(lab, key)
    for dept, reader in readers.items():
        name = f"a reader of the {dept}"
        asked.may(reader, f"{name}, with a second factor,", _SHOWN)
        asked.may_not(reader, f"{name} who showed no second factor", {_MFA: "false"})
        asked.may_not(reader, f"{name} with an access key, where {_MFA} is absent,")
    for who, name in others:
        asked.may_not(who, f"{name}, with a second factor,", _SHOWN)
    need_no_more(found - due)
    return "the same people get in, and nobody by a key that is absent"


def _readers_rights(lab: Lab, key: str, for_key: Statements, for_readers: Statements) -> Allowed:
    """Who may do what with the key and with another one, once these policies are saved."""
    put_key_policy(lab, key, for_key)
    kept("readers", lambda: lab.group("readers").put_policy("policy", for_readers))
    keys = {"the X-rays' key": key, "another key": _new_key(lab.client("kms"))}
    return who_may(lab, (_DECRYPT, *_OTHERS), keys, _SHOWN)


def _reader(lab: Lab, dept: str) -> Caller:
    return lab.user(f"reader-of-{dept}", groups=["readers"], tags={"dept": dept})


def _strangers(lab: Lab) -> Iterator[tuple[Caller, str]]:
    """Who must not get in, second factor or not."""
    ward, elsewhere = {"dept": "ward"}, lab.account(_ELSEWHERE)
    yield _reader(lab, "billing"), "a reader of billing"
    yield lab.user("reader-of-nothing", groups=["readers"]), "a reader without a department"
    yield lab.user("no-reader", tags=ward), "somebody of the ward who is no reader"
    yield elsewhere.user("stranger", policy=ALL_OF_KMS, tags=ward), f"a user of {_ELSEWHERE}"


@rehearsal(
    'set answer to {"key": …, "role": …}: statements for the key policy, and the role\'s policy.',
    "the key policy names the role's ARN; the role's policy names the key's ARN as its Resource.",
    f'"Condition": {{"StringEquals": {{"{_KIND}": "blood"}}}} in the key policy.',
)
def ex2(lab: Lab, key: str, role: Role, answer: object) -> str:
    """Another account's role that may decrypt with one encryption context, and no more."""
    for_key, for_role = two(answer, "key", "role")
    without_principal(for_role, "role")
    kms, asked = lab.client("kms"), Asked(lab, key)
    put_key_policy(lab, key, [_account(lab.account)])
    before = _rights(lab, key)
    put_key_policy(lab, key, [_account(lab.account), *for_key])
    kept("role", lambda: role.put_policy("policy", for_role))
    asked.may(role, "the role, with kind = blood,", _BLOOD)
    for kind in _OTHER_KINDS:
        asked.may_not(role, f"the role, with kind = {kind},", _of(kind))
    asked.may_not(role, "the role, without a context,")
    _least_of_key(lab, asked, role)
    new, name = _rights(lab, key) - before, called(lab, role.arn)
    need_no_more(frozenset(each for each in new if each[0] != name))
    context = {"kind": "blood"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"glucose", EncryptionContext=context)["CiphertextBlob"]
    opened(role.client("kms"), blob, context)
    put_key_policy(lab, key, [_account(lab.account), _account(role.account)])
    _least_of_role(lab, asked, role)
    return "the key's owner gives one thing to one role, and the role's account adds nothing"


def _of(kind: str) -> dict[str, object]:
    """The condition keys of an encryption context with this kind alone."""
    return {_KIND: kind, _KEYS: ["kind"]}


def _rights(lab: Lab, key: str) -> Allowed:
    """Who may do what with a key, with blood's context."""
    return who_may(lab, (_DECRYPT, *_OTHERS), {"blood's key": key}, _BLOOD)


def _least_of_key(lab: Lab, asked: Asked, role: Role) -> None:
    """What the key policy gives, whatever IAM policies there are in the other account."""
    other = lab.account(role.account).role("another-role", policy=ALL_OF_KMS)
    asked.may_not(other, "by your key policy, another role of that account", _BLOOD)
    role.put_policy("wide", ALL_OF_KMS)
    asked.may_not(role, "by your key policy, the role without a context")
    for kind in _OTHER_KINDS:
        asked.may_not(role, f"by your key policy, the role with kind = {kind}", _of(kind))
    for action in _OTHERS:
        asked.may_not(role, "by your key policy, the role", _BLOOD, action)
    role.delete_policy("wide")


def _least_of_role(lab: Lab, asked: Asked, role: Role) -> None:
    """What the role's policy gives, whatever the key's owner would allow."""
    for action in _OTHERS:
        asked.may_not(role, "by its own policy, the role", _BLOOD, action)
    made = _new_key(lab.client("kms"))
    put_key_policy(lab, made, [_account(lab.account), _account(role.account)])
    Asked(lab, made).may_not(role, "by its own policy, on another key, the role", _BLOOD)


def _account(number: str) -> dict[str, object]:
    return {**ALL_OF_KMS, "Principal": {"AWS": f"arn:aws:iam::{number}:root"}}


@rehearsal(
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
    kept("answer", lambda: lab.organization.scp("exercise 3", policy))
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
