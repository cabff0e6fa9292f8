"""Who may do what with a KMS key: everybody, every action. For checks that compare two policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kmslab.accounts.callers import Caller
from kmslab.course.check.exercise import NotYet
from kmslab.lab import Lab

Allowed = frozenset[tuple[str, str, str]]  # who, which action, with which context
_USERS, _ROLES = ("alice", "bob", "erin"), ("backup", "reminders")
_ELSEWHERE = "999999999999"
_NO_KEY = ("Create", "Custom", "GenerateRandom", "ListKeys", "ListAliases", "ListRetirable")
_WITH_CONTEXT = ("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "CreateGrant")
CONTEXTS: tuple[dict[str, str], ...] = ({}, {"kind": "phone"}, {"kind": "diagnosis"})


def everything(lab: Lab, key: str) -> Allowed:
    """All that everybody may do with a key, with and without an encryption context."""
    people: list[Caller] = [lab.admin, lab.root, stranger(lab)]
    people += [lab.user(name) for name in _USERS]
    people += [lab.role(name).session("any") for name in _ROLES]
    return frozenset(
        (short(who), f"kms:{name}", " ".join(map("=".join, context.items())))
        for who in people
        for name in _operations(lab)
        for context in (CONTEXTS if name.startswith(_WITH_CONTEXT) else ({},))
        if may(lab, who, name, key, context)
    )


def who_may(
    lab: Lab, actions: Iterable[str], keys: Mapping[str, str], given: Mapping[str, object]
) -> Allowed:
    """Everybody in all accounts who may do one of the actions; `keys` are by what to call them."""
    return frozenset(
        (called(lab, who), action, name)
        for action in actions
        for name, key in keys.items()
        for who in lab.who_can(key, action, given)
    )


def called(lab: Lab, arn: str) -> str:
    """A principal by the end of its ARN, with its account if that is another."""
    return arn.split(":", 4)[-1].removeprefix(f"{lab.account}:")


def _operations(lab: Lab) -> Iterator[str]:
    """The permissions that are about a KMS key."""
    names = lab.client("kms").meta.service_model.operation_names
    found = [each for each in names if not any(part in each for part in _NO_KEY)]
    yield from (each for each in found if each != "ReEncrypt")
    yield from ("ReEncryptFrom", "ReEncryptTo", "CreateGrant", "CreateAlias")


def may(
    lab: Lab, who: Caller, name: str, key: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether somebody may do an operation with a key; nothing is done."""
    pairs = context or {}
    given: dict[str, Any] = {f"kms:EncryptionContext:{at}": value for at, value in pairs.items()}
    if pairs:
        given["kms:EncryptionContextKeys"] = list(pairs)
    return lab.simulate(who, f"kms:{name}", key, given).allowed


def stranger(lab: Lab) -> Caller:
    """The admin of another account, who may do everything there."""
    return lab.account(_ELSEWHERE, name="somebody else").admin


def short(who: Caller) -> str:
    """A caller by the end of its ARN."""
    name = who.arn.split(":", 5)[-1]
    return f"{name} of another account" if who.account == _ELSEWHERE else name


def need_no_more(found: Allowed) -> None:
    """`NotYet` where something is allowed now that was not before."""
    for who, action, context in sorted(found):
        raise NotYet(f"now {who} may {action}{context and f' with {context}'} as well")


def need_no_less(found: Allowed) -> None:
    """`NotYet` where something is not allowed any more."""
    for who, action, context in sorted(found):
        raise NotYet(f"{who} may not {action}{context and f' with {context}'} any more")
