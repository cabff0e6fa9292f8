"""An account as a learner holds it, and makes its users, groups and roles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kmslab.accounts import founding, given, records
from kmslab.accounts.callers import Facts, Root, Shown, Stage
from kmslab.accounts.documents import Policy, written
from kmslab.accounts.given import Given
from kmslab.accounts.members import Group, Holder, Role, User
from kmslab.accounts.records import Entity, Kind
from kmslab.accounts.subjects import find, title

_NUMBER = re.compile(r"[0-9]{12}")


class Account(Shown):
    """An account. In a text it is its number: f"arn:aws:iam::{account}:root"."""

    def __init__(self, stage: Stage, number: str) -> None:
        self._stage = stage
        self.number = number

    @property
    def name(self) -> str:
        """What it was called when it was made."""
        return founding.name(self._stage.accounts, self.number)

    @property
    def root(self) -> Root:
        """The root user."""
        return Root(self._stage, founding.root(self.number))

    @property
    def admin(self) -> User:
        """The user "admin", who may do everything in the account from the start."""
        return User(self._stage, find(self._stage.accounts, self.number, "user", founding.ADMIN))

    def client(self, service: str, *arguments: Any, **more: Any) -> Any:
        """A boto3 client of the account's admin."""
        return self.admin.client(service, *arguments, **more)

    def user(
        self,
        name: str,
        *,
        policy: Given = None,
        groups: Iterable[str | Group] = (),
        boundary: str | None = None,
        tags: Mapping[str, str] | None = None,
        path: str = "/",
    ) -> User:
        """The user of that name, made if there is none; what is given is put either way."""
        if isinstance(groups, str):
            raise TypeError(f"groups={groups!r}: a list of groups is due")
        with self._stage.accounts.store.transaction():
            entity = self._one("user", name, path)
            user = User(self._stage, entity)
            self._equip(user, "User", name, policy, boundary, tags)
            for group in groups:
                known = group if isinstance(group, Group) else self.group(group)
                known.add(user)
        return user

    def group(self, name: str, *, policy: Given = None, path: str = "/") -> Group:
        """The group of that name, made if there is none."""
        with self._stage.accounts.store.transaction():
            group = Group(self._stage, self._one("group", name, path))
            self._equip(group, "Group", name, policy, None, None)
        return group

    def role(
        self,
        name: str,
        *,
        policy: Given = None,
        trust: Policy | None = None,
        boundary: str | None = None,
        tags: Mapping[str, str] | None = None,
        path: str = "/",
    ) -> Role:
        """The role of that name, made if there is none.

        By default its trust policy leaves to the account's own policies who may assume it.
        """
        document = json.dumps(_OWN_ACCOUNT).replace("ACCOUNT", self.number)
        document = document if trust is None else written(trust)
        with self._stage.accounts.store.transaction():
            entity = self._one("role", name, path, AssumeRolePolicyDocument=document)
            if trust is not None:
                self._do("UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=document)
            role = Role(self._stage, entity)
            self._equip(role, "Role", name, policy, boundary, tags)
        return role

    def _one(self, kind: Kind, name: str, path: str, **more: Any) -> Entity:
        if not isinstance(name, str):
            raise TypeError(f"name={name!r}: the name of a {kind} is due, a text")
        accounts = self._stage.accounts
        known = records.find(accounts, self.number, kind, name)
        if known is None:
            word = title(kind)
            self._do(f"Create{word}", **{f"{word}Name": name, "Path": path}, **more)
            return find(accounts, self.number, kind, name)
        if path not in ("/", known.path):
            raise ValueError(f"path={path!r}: {kind} {name} is there already, at {known.path}")
        return known

    def _equip(
        self,
        holder: Holder,
        word: str,
        name: str,
        policy: Given,
        boundary: str | None,
        tags: Mapping[str, str] | None,
    ) -> None:
        inline, managed = given.sort(policy)
        for called, document in inline.items():
            holder.put_policy(called, document)
        for each in managed:
            holder.attach(each)
        if boundary is not None:
            arn = given.policy_arn(self._stage.accounts, self.number, boundary)
            named = {f"{word}Name": name, "PermissionsBoundary": arn}
            self._do(f"Put{word}PermissionsBoundary", **named)
        if tags is not None and not isinstance(tags, Mapping):
            raise TypeError(f'tags={tags!r}: a dict is due, as in {{"team": "a"}}')
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            self._do(f"Tag{word}", **{f"{word}Name": name, "Tags": pairs})

    def _do(self, operation: str, **parameters: Any) -> None:
        self._stage.iam.direct(founding.root(self.number), operation, **parameters)

    def _facts(self) -> Facts:
        accounts = self._stage.accounts
        yield "Account", self.number
        yield "Name", self.name
        for kind in ("user", "group", "role"):
            found = records.named_after(accounts, self.number, kind, "", "/", 100)
            yield f"{title(kind)}s", ", ".join(each.name for each in found)

    def __str__(self) -> str:
        return self.number

    def __repr__(self) -> str:
        return f"<Account {self.number} {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Account) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)


class AccountNumber(str):
    """The number of the lab's own account. Called, it gives accounts: lab.account("222222222222").

    It is a text like every other, in comparisons, f-strings, JSON and files.
    """

    _open: Callable[[str, str], Account]

    def __new__(cls, number: str, open_account: Callable[[str, str], Account]) -> AccountNumber:
        """The text, and what opens accounts."""
        made = super().__new__(cls, number)
        made._open = open_account
        return made

    def __call__(self, number: str | None = None, name: str = "") -> Account:
        """The account of that number, made if there is none; without a number, the lab's own."""
        return self._open(str(self) if number is None else number, name)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """A copy is a text alone."""
        return str, (str(self),)


def opened(stage: Stage, number: str, name: str) -> Account:
    """An account of the lab by its number, made if there is none."""
    if not isinstance(number, str | Account) or not _NUMBER.fullmatch(str(number)):
        raise ValueError(f"number={number!r}: an account number is due, a text of twelve digits")
    founding.found(stage.accounts, str(number), name or f"account {number}")
    account = Account(stage, str(number))
    if name and account.name != name:
        raise ValueError(
            f"name={name!r}: account {number} is there already, named {account.name!r}"
        )
    return account


_OWN_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::ACCOUNT:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}
