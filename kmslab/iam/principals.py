"""The Principal element: whom a statement of a resource's policy is for, and in which way.

How a statement names its caller decides what else can limit an Allow:

    ACCOUNT  arn:aws:iam::111122223333:root or 111122223333   the account may pass it on by IAM
             policies; nobody in it has it yet, but its root user
    ROLE     arn:aws:iam::111122223333:role/app               each session of the role; its boundary
             and session policies still cap it
    DIRECT   a user, one session, a service, "*"              this caller, whatever its own policies
             do not say

Source: IAM User Guide, "IAM JSON policy elements: Principal", "… NotPrincipal".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

_ARN = re.compile(r"arn:(aws[a-z-]*):(iam|sts)::(\d{12}):(.+)", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}", re.ASCII)  # what a deleted principal leaves
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", re.ASCII)
EVERYONE, ROOT = "*", "root"


class Way(IntEnum):
    """How a statement names a caller, the widest first."""

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller, as principals of policies are compared with it."""

    arn: str  # or the name of a service
    account: str  # of a service: empty
    names: frozenset[str]  # entries that name it directly
    role: str = ""  # of a role session: the account and name of its role
    is_root: bool = False
    is_service: bool = False

    @classmethod
    def of(cls, arn: str, account: str = "") -> Caller:
        """A caller by its ARN, or by the name of a service; `ValueError` for anything else."""
        if _SERVICE.fullmatch(arn):
            return cls(arn, "", frozenset({f"service {arn}"}), is_service=True)
        found = _ARN.fullmatch(arn)
        if found is None:
            raise ValueError(f"principal={arn!r}: the ARN of a principal is due")
        _, _, own, rest = found.groups()
        kind, _, name = rest.partition("/")
        role = name.partition("/")[0] if kind == "assumed-role" else ""
        if kind == "role":
            role = name.rpartition("/")[2]
        names = {arn} if kind != ROOT else {arn, f"account {own}"}
        return cls(arn, account or own, frozenset(names), role and f"{own} {role}", kind == ROOT)

    @property
    def is_linked(self) -> bool:
        """Whether it is a service-linked role, which no organisation's policy limits."""
        return self.role.partition(" ")[2].startswith("AWSServiceRoleFor")


@dataclass(frozen=True, slots=True)
class PrincipalElement:
    """The callers that a Principal or NotPrincipal element lists."""

    written: tuple[str, ...]
    everyone: bool
    accounts: frozenset[str]
    roles: frozenset[str]
    names: frozenset[str]  # users, sessions, services: each is named whole
    negated: bool = False  # NotPrincipal

    def way(self, caller: Caller, *, deny: bool = False, bounded: bool = False) -> Way:
        """How a statement with this element names the caller; `NONE` where it doesn't.

        `bounded`: the caller has a permissions boundary. A Deny with NotPrincipal hits it always.
        """
        if not self.negated:
            return self._named(caller)
        spared = self._spared(caller, bounded=bounded) if deny else self._named(caller) > Way.NONE
        return Way.NONE if spared else Way.DIRECT

    def _named(self, caller: Caller) -> Way:
        if self.everyone or not self.names.isdisjoint(caller.names):
            return Way.DIRECT
        if caller.account in self.accounts:
            return Way.DIRECT if caller.is_root else Way.ACCOUNT
        return Way.NONE if caller.role not in self.roles else Way.ROLE

    def _spared(self, caller: Caller, *, bounded: bool) -> bool:
        """Whether a Deny leaves it alone: its account, its role and itself have to be listed.

        AWS "might validate the account first, then the role, and then the assumed-role user".
        """
        if self.everyone:
            return True
        if bounded:
            return False
        if caller.is_service:
            return not self.names.isdisjoint(caller.names)
        in_account = caller.account in self.accounts
        in_role = not caller.role or caller.role in self.roles
        is_itself = caller.is_root or caller.arn in self.names or _is_role(caller)
        return in_account and in_role and is_itself


def read(element: object, *, negated: bool) -> PrincipalElement:
    """A Principal element, compiled; `ValueError` where it isn't one."""
    entries = list(_entries(element))
    marks = [_mark(kind, name) for kind, name in entries]
    return PrincipalElement(
        written=tuple(name for _, name in entries),
        everyone=EVERYONE in marks,
        accounts=_of(marks, "account "),
        roles=_of(marks, "role "),
        names=frozenset(mark for mark in marks if mark.startswith(("arn:", "service "))),
        negated=negated,
    )


def _entries(element: object) -> Iterator[tuple[str, str]]:
    if element == EVERYONE:
        yield "AWS", EVERYONE
    elif isinstance(element, dict) and element:
        for kind, names in element.items():
            if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
                raise ValueError(f"{kind!r} is no kind of principal")
            for name in names if isinstance(names, list) else [names]:
                if not isinstance(name, str):
                    raise ValueError(f"a principal is a text, not {name!r}")
                yield kind, name
    else:
        raise ValueError(f'a Principal is "*" or an object, not {element!r}')


def _mark(kind: str, name: str) -> str:
    """What of an entry is compared: one text for each form; empty for what nobody here has."""
    if kind == "Service":
        return f"service {name}"
    if kind != "AWS":
        return ""
    if name == EVERYONE:
        return EVERYONE
    if _ACCOUNT.fullmatch(name):
        return f"account {name}"
    found = _ARN.fullmatch(name)
    if found is None:
        if _UNIQUE_ID.fullmatch(name):
            return ""
        raise ValueError(f"{name!r} is no principal")
    _, service, account, rest = found.groups()
    kind, _, path = rest.partition("/")
    if service == "iam" and rest == ROOT:
        return f"account {account}"
    return f"role {account} {path.rpartition('/')[2]}" if kind == "role" else name


def _of(marks: Iterable[str], kind: str) -> frozenset[str]:
    return frozenset(mark.removeprefix(kind) for mark in marks if mark.startswith(kind))


def _is_role(caller: Caller) -> bool:
    """Whether it was given as a role, without a session."""
    return ":role/" in caller.arn
