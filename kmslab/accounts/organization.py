"""An organisation as records: units, accounts in them, and the policies that cap them.

    root ─┬─ unit "clinics" ─── unit "clinics/berlin" ─── account
          └─ account

A policy attached to the root, a unit or an account counts for everything below. A caller's action
needs an Allow on every level (SCP); so does a request to a resource (RCP). FullAWSAccess is
attached at each level from the start, and RCPFullAWSAccess can't be detached. The management
account is bound by neither.

Source: AWS Organizations User Guide, "SCP evaluation" and "Resource control policies (RCPs)".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from kmslab.accounts.named import Named
from kmslab.accounts.records import Accounts

Cap = Literal["scp", "rcp"]
ROOT = "root"
FULL: Mapping[Cap, str] = {"scp": "FullAWSAccess", "rcp": "RCPFullAWSAccess"}
_EVERYTHING: Mapping[Cap, str] = {
    "scp": '{"Version": "2012-10-17", "Statement": '
    '[{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
    "rcp": '{"Version": "2012-10-17", "Statement": '
    '[{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}',
}
_KEY = ("organization",)


@dataclass(frozen=True, slots=True)
class Organization:
    """The lab's organisation."""

    id: str  # as in o-…
    root: str  # the id of its root, as in r-…
    management: str  # the number of the account that it was made from
    units: Mapping[str, str] = field(default_factory=dict)  # ids (ou-…) by path, as in "a/b"
    members: Mapping[str, str] = field(default_factory=dict)  # the unit's path by account; "": root
    policies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # documents, by cap
    attached: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def targets(self, account: str) -> tuple[str, ...]:
        """What lies over an account, the root first: "root", paths of units, the account."""
        return (ROOT, *above(self.members[account]), account)

    def names(self, cap: Cap, target: str) -> tuple[str, ...]:
        """The names of the policies that are attached to a target."""
        return tuple(self.attached[cap].get(target, ()))

    def with_attached(self, cap: Cap, target: str, names: tuple[str, ...]) -> Organization:
        """The organisation with these policies at a target."""
        targets = {**self.attached[cap], target: names}
        return replace(self, attached={**self.attached, cap: targets})

    def path(self, account: str) -> str:
        """As in o-…/r-…/ou-…/: the value of aws:PrincipalOrgPaths."""
        units = [self.units[path] for path in above(self.members.get(account, ""))]
        return "/".join((self.id, self.root, *units, ""))


def above(path: str) -> tuple[str, ...]:
    """A unit's path and all paths over it, the highest first: "a", "a/b" for "a/b"."""
    parts = path.split("/") if path else []
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))


def document(organization: Organization, cap: Cap, name: str) -> str:
    """A policy's document by its name."""
    return _EVERYTHING[cap] if name == FULL[cap] else organization.policies[cap][name]


def read(accounts: Accounts) -> Organization | None:
    """The organisation, if the lab has one."""

    def make() -> Organization | None:
        row = accounts.store.row("SELECT details FROM organization")
        return Organization(**json.loads(row[0])) if row else None

    return accounts.store.remembered(_KEY, make)


def keep(accounts: Accounts, organization: Organization) -> None:
    """Keeps the organisation as it is now."""
    accounts.store.write(
        "INSERT OR REPLACE INTO organization VALUES (?, ?)",
        (organization.id, json.dumps(asdict(organization))),
    )


def new(accounts: Accounts, management: str) -> Organization:
    """A new organisation around its management account, with nothing but full access."""
    new_id = accounts.settings.new_unique_id
    full: Mapping[str, Mapping[str, tuple[str, ...]]] = {
        cap: {ROOT: (name,)} for cap, name in FULL.items()
    }
    return Organization(
        id="o-" + new_id("", 10).lower(),
        root="r-" + new_id("", 4).lower(),
        management=management,
        policies={"scp": {}, "rcp": {}},
        attached=full,
    )


def levels(accounts: Accounts, account: str, cap: Cap) -> tuple[tuple[Named, ...], ...]:
    """The policies over a member account, level by level; () for any other account."""

    def make() -> tuple[tuple[Named, ...], ...]:
        found = read(accounts)
        if found is None or account not in found.members:
            return ()
        return tuple(
            tuple(Named(name, document(found, cap, name)) for name in found.names(cap, target))
            for target in found.targets(account)
        )

    return accounts.store.remembered(("levels", account, cap), make)


def place(accounts: Accounts, account: str) -> tuple[str, str]:
    """The organisation's id and the account's path in it; two empty texts outside of it."""
    found = read(accounts)
    if found is None or account not in (*found.members, found.management):
        return "", ""
    return found.id, found.path(account)
