"""Checks of lesson 07, Key policies: each answer is saved as a key's policy, and asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kmslab.accounts.callers import Caller
from kmslab.accounts.documents import written
from kmslab.course import tries
from kmslab.course.check.exercise import NotYet, need
from kmslab.course.check.policies import WrongForm, rehearsal, statements
from kmslab.course.check.rights import everything, may, need_no_less, need_no_more, short, stranger
from kmslab.lab import Lab

Policy = dict[str, Any]
_PHONE = {"kind": "phone"}
_OTHER_KINDS = ("diagnosis", "Phone", "phone-2", "telephone")
_OTHERS: tuple[dict[str, str], ...] = (*({"kind": each} for each in _OTHER_KINDS), {})
_USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
_READING = ("Decrypt", "ReEncryptFrom", "CreateGrant", "PutKeyPolicy")


def leaky(lab: Lab) -> Policy:
    """The policy of exercise 1, in which one person has too much; makes those whom it names."""
    bob, alice, erin = (lab.user(name).arn for name in ("bob", "alice", "erin"))
    backup = lab.role("backup").arn
    manage = ["kms:Enable*", "kms:Disable*", "kms:Put*", "kms:Update*", "kms:ScheduleKeyDeletion"]
    clinic = {"StringEquals": {"kms:CallerAccount": str(lab.account)}}
    return _policy(
        _statement("account", _root(lab), "kms:*"),
        _statement("administrators", bob, *manage),
        _statement("doctors", alice, *_USE),
        _statement("auditors", erin, "kms:Describe*", "kms:List*", "kms:Get*", "kms:Put*"),
        _statement("backups", backup, "kms:ReEncrypt*"),
        {**_statement("clinic", "*", "kms:DescribeKey"), "Condition": clinic},
    )


def before(lab: Lab) -> Policy:
    """The policy of exercise 2, under which the role reminders, made here, may do nothing."""
    lab.role("reminders")
    return _policy(
        _statement("account", _root(lab), "kms:*"),
        _statement("doctors", lab.user("alice").arn, *_USE),
    )


@rehearsal(
    "set answer to a repaired policy: leaky, with one statement changed.",
    "lab.lint is no help: nothing is wrong with the form. Whose actions end in *?",
    "kms:Put* is kms:PutKeyPolicy, and whoever may do that may do everything.",
)
def ex1(lab: Lab, answer: object) -> str:
    """The policy without its hole, and with everything else."""
    old = everything(lab, _key(lab, leaky(lab)))
    new = everything(lab, _key(lab, answer))
    hole = frozenset(each for each in old if each[:2] == ("user/erin", "kms:PutKeyPolicy"))
    need_no_more(new - old)
    need_no_less(old - hole - new)
    need(not new & hole, "somebody who is no administrator can still take the whole key over")
    return "erin would have put a policy of her own; an auditor needs to read policies only"


@rehearsal(
    "set answer to before with one statement more.",
    "the statement names the role, one action, and a condition as in the lesson.",
    'Condition={"StringEquals": {"kms:EncryptionContext:kind": "phone"}}',
)
def ex2(lab: Lab, answer: object) -> str:
    """A role may decrypt with one context, in every session, and nothing else changes."""
    key = _key(lab, before(lab))
    old, kms = everything(lab, key), lab.client("kms")
    blobs = [_sealed(kms, key, context) for context in (_PHONE, *_OTHERS)]
    _key(lab, answer)  # AWS's own words, if it refuses to save it
    kms.put_key_policy(KeyId=key, Policy=written(_known(answer)))
    for name in ("monday", "tuesday"):
        role = lab.role("reminders").session(name).client("kms")
        said = [tries.outcome(role.decrypt, **blob) for blob in blobs]
        need(said[0] == tries.OK, f"a session {name} of reminders asks with {_PHONE}: {said[0]}")
        for context, each in zip(_OTHERS, said[1:], strict=True):
            need(each != tries.OK, f"reminders can decrypt with {context or 'no context'} as well")
    new = everything(lab, key)
    wanted = {(_REMINDERS, "kms:Decrypt", "kind=phone")}
    need_no_more(new - old - wanted)
    need_no_less(old - new)
    return "two of its sessions were let in, with this context only, and nobody else got more"


@rehearsal(
    "set answer to a policy: JSON text, a dict, or a list of statements.",
    "an account statement with kms:* lets the admin in. Whom may the statement for root mean?",
    "aws:PrincipalArn = …:root as a condition of the account statement means the root user only.",
)
def ex3(lab: Lab, answer: object) -> str:
    """A policy under which those who manage the key can't read, and can't make themselves able."""
    alice, bob = lab.user("alice"), lab.user("bob")
    newcomer = lab.user("newcomer", policy="AdministratorAccess")
    key = _key(lab, answer, lab.root)
    needs: tuple[tuple[Caller, tuple[str, ...]], ...] = (
        (alice, ("Encrypt", "Decrypt")),
        (bob, ("DescribeKey", "DisableKey", "EnableKey")),
        (lab.root, ("PutKeyPolicy",)),
    )
    for who, names in needs:
        for name in names:
            need(may(lab, who, name, key), f"{short(who)} may not {name}")
    for who in (bob, lab.admin, newcomer):
        for name in _READING:
            how = "read" if name == "Decrypt" else f"read, by way of {name}"
            about = ", who is an administrator by IAM," if who == newcomer else ""
            need(not may(lab, who, name, key), f"{short(who)}{about} can {how}")
    for who in (alice, lab.role("backup").session("any"), stranger(lab)):
        need(not may(lab, who, "PutKeyPolicy", key), f"{short(who)} can put another policy")
    need(not may(lab, stranger(lab), "Decrypt", key), "another account's admin can read")
    return "what is left: whoever manages IAM could make an access key for alice (lesson 08)"


_REMINDERS = "assumed-role/reminders/any"


def _statement(sid: str, who: str, *actions: str) -> Policy:
    named = {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": who}}
    return {**named, "Action": list(actions), "Resource": "*"}


def _policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _root(lab: Lab) -> str:
    return f"arn:aws:iam::{lab.account}:root"


def _known(answer: object) -> Any:
    """The answer, which has the form of a policy."""
    if not isinstance(answer, str | Mapping | list | tuple):
        raise WrongForm(f"a policy is due, not {answer!r}")
    statements(answer, "it")
    return answer


def _key(lab: Lab, answer: object, who: Caller | None = None) -> str:
    """A new KMS key under the answer; `NotYet` where AWS refuses to save it."""
    kms = (who or lab.admin).client("kms")
    try:
        made = kms.create_key(Policy=written(_known(answer)), Description="a check of lesson 07")
    except ClientError as error:
        raise NotYet(f"AWS refuses to save it: {error.response['Error']['Message']}") from error
    except (BotoCoreError, TypeError) as error:
        raise NotYet(f"it is no policy: {error}") from error
    key: str = made["KeyMetadata"]["KeyId"]
    return key


def _sealed(kms: Any, key: str, context: Mapping[str, str]) -> dict[str, Any]:
    """What Decrypt takes to open a new blob."""
    named = {"KeyId": key, "EncryptionContext": dict(context)}
    return {**named, "CiphertextBlob": kms.encrypt(Plaintext=b"0", **named)["CiphertextBlob"]}
