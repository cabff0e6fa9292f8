"""What is in the accounts, as records: users, groups, roles, managed policies, and their links.

An entity is one row; which groups it is in, which managed policies it has and its permissions
boundary are links. Names are unique in an account without regard to case ("IAM identifiers"); a
lookup here wants the case in which the name was made. Whether AWS's lookups do is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kmslab.aws.principal import Tags
from kmslab.settings import Settings
from kmslab.store import Store

Kind = Literal["user", "group", "role", "policy"]
What = Literal["policy", "boundary", "group"]
PREFIXES: Mapping[Kind, str] = {
    "user": "AIDA",
    "group": "AGPA",
    "role": "AROA",
    "policy": "ANPA",
}
_COLUMNS = "account, kind, name, path, id, created, details"
_NAMED = "account = ? AND kind = ? AND name = ?"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of a lab: their records, and the lab's clock and ids."""

    store: Store
    settings: Settings


@dataclass(frozen=True, slots=True)
class Entity:
    """A user, group, role or managed policy."""

    account: str
    kind: Kind
    name: str
    path: str
    id: str  # as in AIDA…: never used again, whoever gets the name next
    created: float
    details: Mapping[str, Any]  # what only its kind has: inline policies, tags, versions …

    @property
    def arn(self) -> str:
        """As in arn:aws:iam::111122223333:user/path/alice."""
        return f"arn:aws:iam::{self.account}:{self.kind}{self.path}{self.name}"

    @property
    def tags(self) -> Tags:
        """Its tags, as they were put."""
        return tuple((key, value) for key, value in self.details.get("tags", ()))

    @property
    def inline(self) -> Mapping[str, str]:
        """Its inline policies: documents by name."""
        inline: Mapping[str, str] = self.details.get("inline", {})
        return inline


def find(accounts: Accounts, account: str, kind: Kind, name: str) -> Entity | None:
    """An entity by its name, or None."""
    found = accounts.store.known(
        f"SELECT {_COLUMNS} FROM entity WHERE {_NAMED}", (account, kind, name), _entity
    )
    return found if found and found.name == name else None


def find_id(accounts: Accounts, unique_id: str) -> Entity | None:
    """An entity by its unique id, or None."""
    return accounts.store.known(
        f"SELECT {_COLUMNS} FROM entity WHERE id = ?", (unique_id,), _entity
    )


def is_taken(accounts: Accounts, account: str, kind: Kind, name: str) -> bool:
    """Whether a name is taken, in whatever case."""
    row = accounts.store.row(f"SELECT 1 FROM entity WHERE {_NAMED}", (account, kind, name))
    return row is not None


def count(accounts: Accounts, account: str, kind: Kind) -> int:
    """How many of a kind an account has."""
    row = accounts.store.row(
        "SELECT count(*) FROM entity WHERE account = ? AND kind = ?", (account, kind)
    )
    return row[0] if row else 0


def named_after(
    accounts: Accounts, account: str, kind: Kind, after: str, prefix: str, most: int
) -> list[Entity]:
    """Up to `most` entities whose path begins with a prefix, by name, after a name."""
    rows = accounts.store.rows(
        f"SELECT {_COLUMNS} FROM entity WHERE account = ? AND kind = ? AND name > ? "
        "AND substr(path, 1, length(?)) = ? ORDER BY name LIMIT ?",
        (account, kind, after, prefix, prefix, most),
    )
    return [_entity(*row) for row in rows]


def add(accounts: Accounts, entity: Entity) -> Entity:
    """Keeps a new entity."""
    accounts.store.write(
        f"INSERT INTO entity ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(entity.account, entity.kind, entity.name, entity.path, entity.id, entity.created),
            json.dumps(entity.details),
        ),
    )
    return entity


def change(accounts: Accounts, entity: Entity, **details: Any) -> None:
    """Changes details of an entity: `change(accounts, role, max_session=7200)`."""
    accounts.store.write(
        "UPDATE entity SET details = ? WHERE id = ?",
        (json.dumps({**entity.details, **details}), entity.id),
    )


def remove(accounts: Accounts, entity: Entity) -> None:
    """Forgets an entity, and its links."""
    accounts.store.write("DELETE FROM entity WHERE id = ?", (entity.id,))
    accounts.store.write(f"DELETE FROM link WHERE {_NAMED}", _names(entity))


def targets(accounts: Accounts, entity: Entity, what: What) -> tuple[str, ...]:
    """What an entity is linked to: its groups' names, its policies' ARNs, its boundary's."""
    rows = accounts.store.rows(
        f"SELECT target FROM link WHERE {_NAMED} AND what = ? ORDER BY target",
        (*_names(entity), what),
    )
    return tuple(target for (target,) in rows)


def linked_to(accounts: Accounts, account: str, what: What, target: str) -> list[tuple[Kind, str]]:
    """Kind and name of everything in an account that is linked to a target."""
    rows: Iterable[Any] = accounts.store.rows(
        "SELECT kind, name FROM link WHERE account = ? AND what = ? AND target = ? "
        "ORDER BY kind, name",
        (account, what, target),
    )
    return [(kind, name) for kind, name in rows]


def link(accounts: Accounts, entity: Entity, what: What, target: str) -> None:
    """Links an entity; a link that is there already stays."""
    accounts.store.write(
        "INSERT OR IGNORE INTO link VALUES (?, ?, ?, ?, ?)", (*_names(entity), what, target)
    )


def unlink(accounts: Accounts, entity: Entity, what: What, target: str) -> bool:
    """Takes a link away; whether it was there."""
    return (
        accounts.store.write(
            f"DELETE FROM link WHERE {_NAMED} AND what = ? AND target = ?",
            (*_names(entity), what, target),
        )
        > 0
    )


def has_account(accounts: Accounts, number: str) -> bool:
    """Whether the lab has an account of this number."""
    sql = "SELECT name FROM account WHERE number = ?"
    return accounts.store.known(sql, (number,), str) is not None


def _names(entity: Entity) -> tuple[str, str, str]:
    return entity.account, entity.kind, entity.name


def _entity(*row: Any) -> Entity:
    account, kind, name, path, unique_id, created, details = row
    return Entity(account, kind, name, path, unique_id, created, json.loads(details))
