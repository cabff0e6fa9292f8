"""Checks of lesson 09, Grants."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kmslab.accounts.callers import RoleSession
from kmslab.course import tries
from kmslab.course.check.exercise import NotYet, exercise, need
from kmslab.lab import Lab

_KINDS = ("letter", "bill", "blood")
_BILL = {"patient": "31", "kind": "bill"}
_BLOOD = {"patient": "23", "kind": "blood"}
_NEEDED = frozenset({"Decrypt", "RetireGrant", "DescribeKey"})
# Who may have a loan on the shelf: for what, with which operations, and for which of 31's records.
_RULES: Mapping[str, tuple[str, frozenset[str], tuple[str, ...]]] = {
    "laboratory": ("read", _NEEDED, _KINDS),
    "billing": ("read", _NEEDED, ("bill",)),
    "auditor": ("look", _NEEDED - {"Decrypt"}, ()),
}
_SETTLED = 6  # minutes
Grants = dict[str, dict[str, str]]  # by name: GrantId and GrantToken


def shelf(lab: Lab) -> str:
    """A key of the clinic with four loans on it, all in force; returns its ARN."""
    key, _ = _shelf(lab)
    lab.clock.advance(minutes=_SETTLED)
    return key


@exercise(
    'set answer to {"revoke": [names], "lend": [parameters of CreateGrant]}.',
    "compare each loan with the rules: which operation and which grantee have no place in them?",
    "the trail says who made a grant: lab.trail().named('CreateGrant'). A grant made through "
    "another one outlives it.",
)
def ex1(lab: Lab, answer: object) -> str:
    """What to revoke and what to lend instead, tried on another key with the same loans."""
    revoke, lend = _two_lists(answer)
    need(len(revoke) == len(set(revoke)), "it names a loan twice")
    kms = lab.client("kms")
    key, loans = _shelf(lab)
    for name in revoke:
        need(name in loans, f"no loan is called {name!r}; there are {', '.join(loans)}")
        kms.revoke_grant(KeyId=key, GrantId=loans[name]["GrantId"])
    tokens = [each["GrantToken"] for each in loans.values()]
    tokens += [_lent(kms, key, asked)["GrantToken"] for asked in lend]
    need(len(tokens) <= 10, "fewer loans will do")
    for grant in kms.list_grants(KeyId=key)["Grants"]:
        _need_by_rule(lab, grant)
    _rules(lab, key, tokens)
    return (
        "a borrower who may lend is as many borrowers as it likes; and ending a loan does not end "
        "those that were made through it"
    )


@exercise(
    "set answer to a dict with the parameters of CreateGrant; KeyId is not needed.",
    "GranteePrincipal, Operations, Constraints: what does the task need of each?",
    "to end the loan, the laboratory retires it: name RetireGrant, or a RetiringPrincipal.",
)
def ex2(lab: Lab, laboratory: RoleSession, answer: object) -> str:
    """A loan of one patient's blood values that its borrower ends, tried on a new key."""
    asked = _parameters(answer)
    more = set(asked.get("Operations", ())) - _NEEDED
    need(not more, f"the task does not need {', '.join(sorted(more))}")
    clinic, key = lab.client("kms"), _key(lab, "blood values")
    made = _lent(clinic, key, asked)
    mine, tokens = laboratory.client("kms"), [made["GrantToken"]]
    got = _decrypt(lab, mine, key, _BLOOD, tokens)
    need(got == tries.OK, f"with the grant token, the laboratory's Decrypt says {got}")
    for context in ({**_BLOOD, "patient": "17"}, {**_BLOOD, "kind": "letter"}, {}):
        got = _decrypt(lab, mine, key, context, tokens)
        need(got != tries.OK, f"it also opens what has the context {context}")
    wider = {**_BLOOD, "room": "4"}
    more_pairs = f"it also opens what has the context {wider}: Equals wants no pair more"
    need(_decrypt(lab, mine, key, wider, tokens) != tries.OK, more_pairs)
    another = lab.role("laboratory").session("check").client("kms")
    got = _decrypt(lab, another, key, _BLOOD, tokens)
    need(got != tries.OK, "another session of the laboratory can read it, too")
    got = tries.outcome(mine.retire_grant, GrantToken=made["GrantToken"])
    need(got == tries.OK, f"the laboratory is done, and its RetireGrant says {got}")
    got = _decrypt(lab, mine, key, _BLOOD, tokens)
    need(got != tries.OK, "it was retired, and the laboratory can still read")
    return "one reader, one patient, one kind, and the borrower gives it back: no policy changed"


def _shelf(lab: Lab) -> tuple[str, Grants]:
    """The key of exercise 1 and its loans; the third was lent on by the laboratory."""
    kms, key = lab.client("kms"), _key(lab, "shelf")
    laboratory = lab.role("laboratory")
    whole, bill = {"EncryptionContextSubset": {"patient": "31"}}, {"EncryptionContextEquals": _BILL}
    loans: Grants = {}

    def lend(name: str, by: Any, role: str, operations: list[str], **more: Any) -> None:
        asked = {"Name": name, "Operations": operations, **more}
        loans[name] = by.create_grant(KeyId=key, GranteePrincipal=lab.role(role).arn, **asked)

    lend("results", kms, "laboratory", ["Decrypt", "CreateGrant"], Constraints=whole)
    lend("bills", kms, "billing", ["Decrypt"], Constraints=bill)
    token = [loans["results"]["GrantToken"]]
    borrower = laboratory.session("night").client("kms")
    lend("results-2", borrower, "courier", ["Decrypt"], Constraints=whole, GrantTokens=token)
    lend("look", kms, "auditor", ["DescribeKey"])
    return key, loans


def _need_by_rule(lab: Lab, grant: Mapping[str, Any]) -> None:
    """`NotYet` where a grant's borrower, or one of its operations, has no place in the rules."""
    who: str = grant.get("GranteePrincipal") or grant["GranteeServicePrincipal"]
    [name] = [each for each in _RULES if _is_role(lab, each, who)] or [""]
    need(name, f"{who} has a loan, and by the rules it has none")
    purpose, operations, _ = _RULES[name]
    more = set(grant["Operations"]) - operations
    need("CreateGrant" not in more, f"{name} can still lend the key on: CreateGrant")
    need(not more, f"{name} may do more than {purpose}: {', '.join(sorted(more))}")


def _is_role(lab: Lab, name: str, arn: str) -> bool:
    """Whether an ARN is that of a role of this lab, or of one of its sessions."""
    sessions = f"arn:aws:sts::{lab.account}:assumed-role/{name}/"
    return arn == lab.role(name).arn or arn.startswith(sessions)


def _rules(lab: Lab, key: str, tokens: list[str]) -> None:
    """What each role must be able to do with the key of exercise 1, and what not; or `NotYet`."""
    for name, (_, _, kinds) in _RULES.items():
        kms = lab.role(name).session("check").client("kms")
        for kind in _KINDS:
            got = _decrypt(lab, kms, key, {"patient": "31", "kind": kind}, tokens)
            need(got == tries.OK or kind not in kinds, f"{name} can't read 31's {kind}: {got}")
            need(got != tries.OK or kind in kinds, f"{name} can still read 31's {kind}")
            got = _decrypt(lab, kms, key, {"patient": "17", "kind": kind}, tokens)
            need(got != tries.OK, f"{name} can read what belongs to patient 17")
    auditor = lab.role("auditor").session("check").client("kms")
    got = tries.outcome(auditor.describe_key, KeyId=key, GrantTokens=tokens)
    need(got == tries.OK, f"the auditor can't look at the key any more: {got}")


def _decrypt(
    lab: Lab, kms: Any, key: str, context: Mapping[str, str], tokens: Sequence[str]
) -> str:
    """What a caller's Decrypt of a new record with this context comes to."""
    asked = {"KeyId": key, "EncryptionContext": dict(context)}
    blob = lab.client("kms").encrypt(Plaintext=b"a record", **asked)["CiphertextBlob"]
    return tries.outcome(kms.decrypt, CiphertextBlob=blob, GrantTokens=list(tokens), **asked)


def _key(lab: Lab, name: str) -> str:
    key: str = lab.client("kms").create_key(Description=name)["KeyMetadata"]["Arn"]
    return key


def _lent(kms: Any, key: str, asked: Mapping[str, Any]) -> dict[str, str]:
    """CreateGrant's answer; or `NotYet`, where it is refused or not even sent."""
    try:
        made: dict[str, str] = kms.create_grant(**{**asked, "KeyId": key})
    except (ClientError, BotoCoreError, TypeError) as error:
        raise NotYet(f"CreateGrant does not take {dict(asked)}: {error}") from error
    return made


def _parameters(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict) or not all(isinstance(name, str) for name in answer):
        raise NotYet(f"a dict of CreateGrant's parameters is due, not {type(answer).__name__}")
    return answer


def _two_lists(answer: object) -> tuple[list[str], list[dict[str, Any]]]:
    """The names to revoke and the parameters of the grants to make; one alone needs no list."""
    match answer:
        case {"revoke": names, "lend": loans, **rest} if not rest:
            return [_name(each) for each in _all(names)], [
                _parameters(each) for each in _all(loans)
            ]
        case _:
            raise NotYet('a dict with two lists is due: {"revoke": [...], "lend": [...]}')


def _all(given: object) -> list[object]:
    if isinstance(given, str | dict):
        return [given] if given else []
    if not isinstance(given, Collection):
        raise NotYet(f"two lists are due; {type(given).__name__} is none")
    return list(given)


def _name(given: object) -> str:
    if not isinstance(given, str):
        raise NotYet(f'under "revoke" names are due, not {type(given).__name__}')
    need(not re.fullmatch("[0-9a-f]{64}", given), 'under "revoke" names are due, not ids')
    return given
