"""The organisation as a learner holds it: who is in it, and what caps whom.

The lab's own account is a member; the management account is another one, which nobody works in,
since service control policies don't bind it.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace

from kmslab.accounts import founding, organization, records
from kmslab.accounts.account import Account
from kmslab.accounts.callers import Stage
from kmslab.accounts.documents import Policy, checked_document, written
from kmslab.accounts.organization import FULL, ROOT, Cap
from kmslab.errors import KmslabError

# "Quotas for AWS Organizations": policies of a kind at one place, characters of one with its white
# space. Newer pages are reported to allow more of both for service control policies.
MOST_AT = 5
MOST_CHARACTERS = 5_120
_ONE_STAYS = "AWS keeps one, attach another one first"
_TITLES: dict[Cap, str] = {"scp": "service control policy", "rcp": "resource control policy"}
Change = Callable[[organization.Organization], organization.Organization]


class Organization:
    """An organisation, with units ("clinics", or "clinics/berlin" in it), accounts and policies."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def id(self) -> str:
        """As in o-…: the value of aws:PrincipalOrgID for its accounts."""
        return self._now().id

    @property
    def accounts(self) -> tuple[str, ...]:
        """The numbers of its member accounts."""
        return tuple(self._now().members)

    def path(self, account: str | Account) -> str:
        """Where an account is, as in o-…/r-…/ou-…/: the value of aws:PrincipalOrgPaths."""
        found, number = self._now(), str(account)
        if number not in found.members:
            raise ValueError(f"account={number!r}: one of its members is due, {self._members()}")
        return found.path(number)

    def join(self, account: str | Account, ou: str = "") -> None:
        """Takes an account into a unit, or moves it there; by default, right under the root.

        Units are made when they are named. `ou` may be a path, as in "clinics/berlin".
        """
        number = str(account)
        if not records.has_account(self._stage.accounts, number):
            raise ValueError(
                f"account={number!r}: an account of the lab is due, as lab.account({number!r}) "
                "makes it"
            )
        if ou.strip("/") != ou or "//" in ou or ou == ROOT:
            raise ValueError(f'ou={ou!r}: the name of a unit is due, as in "clinics" or "a/b"')

        def change(now: organization.Organization) -> organization.Organization:
            if number == now.management:
                raise ValueError(f"account={number!r}: the management account stays at the root")
            for path in organization.above(ou):
                now = self._with_unit(now, path)
            here = replace(now, members={**now.members, number: ou})
            return _full_access(here, number)

        self._change(change)

    def scp(self, name: str, document: Policy, at: str | Account = ROOT) -> None:
        """Attaches a service control policy to the root, a unit or an account; or replaces it."""
        self._attach("scp", name, document, str(at))

    def rcp(self, name: str, document: Policy, at: str | Account = ROOT) -> None:
        """Attaches a resource control policy, which caps what is done with an account's keys."""
        self._attach("rcp", name, document, str(at))

    def remove(self, name: str, at: str | Account | None = None) -> None:
        """Detaches a policy everywhere, or at one place alone.

        As in AWS, one service control policy at least stays at each place, and RCPFullAWSAccess
        stays everywhere.
        """
        cap: Cap = "rcp" if self._is(name, "rcp") else "scp"
        if name == FULL["rcp"]:
            raise ValueError(f"name={name!r}: AWS does not let it be detached")

        def change(now: organization.Organization) -> organization.Organization:
            places = [place for place, names in now.attached[cap].items() if name in names]
            places = places if at is None else [place for place in places if place == str(at)]
            if not places:
                raise ValueError(f"name={name!r}, at={at!r}: no such policy is attached there")
            for place in places:
                kept = tuple(each for each in now.names(cap, place) if each != name)
                if not kept:
                    raise KmslabError(f"{name} is the last {_TITLES[cap]} at {place}: {_ONE_STAYS}")
                now = now.with_attached(cap, place, kept)
            return now

        self._change(change)

    def _attach(self, cap: Cap, name: str, document: Policy, at: str) -> None:
        text = checked_document(written(document), cap)
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"name={name!r}: a policy has at most {MOST_CHARACTERS} characters")

        def change(now: organization.Organization) -> organization.Organization:
            if at not in (ROOT, *now.units, *now.members):
                places = ", ".join((ROOT, *now.units, *now.members))
                raise ValueError(f"at={at!r}: one of these is due: {places}")
            names = now.names(cap, at)
            if name in FULL.values():
                return now.with_attached(cap, at, (*names, name) if name not in names else names)
            if name not in names and len(names) >= MOST_AT:
                raise ValueError(f"at={at!r}: at most {MOST_AT} policies are attached to a place")
            policies = {**now.policies, cap: {**now.policies[cap], name: text}}
            names = names if name in names else (*names, name)
            return replace(now, policies=policies).with_attached(cap, at, names)

        self._change(change)

    def _with_unit(self, now: organization.Organization, path: str) -> organization.Organization:
        if path in now.units:
            return now
        new = self._stage.accounts.settings.new_unique_id("", 8).lower()
        unit = f"ou-{now.root.removeprefix('r-')}-{new}"
        return _full_access(replace(now, units={**now.units, path: unit}), path)

    def _is(self, name: str, cap: Cap) -> bool:
        return any(name in names for names in self._now().attached[cap].values())

    def _change(self, change: Change) -> None:
        accounts = self._stage.accounts
        with accounts.store.transaction():
            organization.keep(accounts, change(self._now()))

    def _now(self) -> organization.Organization:
        found = organization.read(self._stage.accounts)
        if found is None:
            raise KmslabError("the lab has no organisation: lab.organization makes it")
        return found

    def _members(self) -> str:
        return ", ".join(self._now().members)

    def _rows(self) -> list[tuple[str, str, str]]:
        """Each place with its policies, from the root down."""
        now, accounts = self._now(), self._stage.accounts
        places = [(ROOT, ROOT), *((path, f"unit {path}") for path in sorted(now.units))]
        places += [
            (number, f"account {number} {founding.name(accounts, number)}, in {unit or ROOT}")
            for number, unit in now.members.items()
        ]
        return [
            (title, ", ".join(now.names("scp", place)), ", ".join(now.names("rcp", place)))
            for place, title in places
        ]

    def _repr_html_(self) -> str:
        heads = ("".join(f"<th>{name}</th>" for name in (self.id, "SCPs", "RCPs")),)
        cells = (
            "".join(f"<td style='text-align: left'>{html.escape(cell)}</td>" for cell in row)
            for row in self._rows()
        )
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in (*heads, *cells))}</table>"

    def __repr__(self) -> str:
        return f"<Organization {self.id}, {len(self.accounts)} accounts>"


def opened(stage: Stage, account: str) -> Organization:
    """The lab's organisation; made at first use, with this account as its first member."""
    accounts = stage.accounts
    if organization.read(accounts) is None:
        with accounts.store.transaction():
            if organization.read(accounts) is None:
                management = accounts.settings.new_account()
                founding.found(accounts, management, "management")
                organization.keep(accounts, organization.new(accounts, management))
                Organization(stage).join(account)
    return Organization(stage)


def _full_access(now: organization.Organization, place: str) -> organization.Organization:
    """The same with full access at a place that is new."""
    for cap, name in FULL.items():
        if place not in now.attached[cap]:
            now = now.with_attached(cap, place, (name,))
    return now
