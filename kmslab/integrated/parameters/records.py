"""Parameters as records: one row a version. A SecureString is there as KMS's ciphertext alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kmslab.integrated.request import Rooms

MOST_VERSIONS = 100  # that are kept of a parameter
SECURE = "SecureString"
_COLUMNS = "account, region, name, version, modified, kind, value, details"
_NAMED = "account = ? AND region = ? AND name = ?"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One version of a parameter."""

    account: str
    region: str
    name: str
    version: int
    modified: float
    kind: str  # String, StringList, SecureString
    value: str  # of a SecureString the ciphertext, in Base64
    details: Mapping[str, Any]  # Description, KeyId, LastModifiedUser

    @property
    def arn(self) -> str:
        """As in arn:aws:ssm:us-east-1:111122223333:parameter/path/name."""
        return arn_of(self.account, self.region, self.name)


def arn_of(account: str, region: str, name: str) -> str:
    """The ARN of a parameter: a slash before its name, also where the name begins with one."""
    return f"arn:aws:ssm:{region}:{account}:parameter/{name.removeprefix('/')}"


def find(
    rooms: Rooms, account: str, region: str, name: str, version: int | None = None
) -> Parameter | None:
    """A version of a parameter, by default the newest; or None."""
    condition, more = ("AND version = ? ", [version]) if version is not None else ("", [])
    row = rooms.store.row(
        f"SELECT {_COLUMNS} FROM parameter WHERE {_NAMED} {condition}ORDER BY version DESC",
        (account, region, name, *more),
    )
    return _parameter(row) if row else None


def all_of(rooms: Rooms, account: str, region: str) -> list[Parameter]:
    """The newest version of each parameter of an account in a Region, by name."""
    rows = rooms.store.rows(
        f"SELECT {_COLUMNS} FROM parameter AS one WHERE account = ? AND region = ? AND version = "
        "(SELECT max(version) FROM parameter AS other WHERE other.account = one.account "
        "AND other.region = one.region AND other.name = one.name) ORDER BY name",
        (account, region),
    )
    return [_parameter(row) for row in rows]


def add(rooms: Rooms, one: Parameter) -> None:
    """Writes a new version; the oldest goes when there are too many."""
    rooms.store.write(
        f"INSERT INTO parameter ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(one.account, one.region, one.name, one.version, one.modified, one.kind, one.value),
            json.dumps(dict(one.details)),
        ),
    )
    rooms.store.write(
        f"DELETE FROM parameter WHERE {_NAMED} AND version <= ?",
        (one.account, one.region, one.name, one.version - MOST_VERSIONS),
    )


def drop(rooms: Rooms, account: str, region: str, name: str) -> bool:
    """Takes a parameter away with all its versions; whether it was there."""
    values = (account, region, name)
    return rooms.store.write(f"DELETE FROM parameter WHERE {_NAMED}", values) > 0


def _parameter(row: tuple[Any, ...]) -> Parameter:
    return Parameter(*row[:7], **{"details": json.loads(row[7])})
