"""What the tests of services that encrypt with KMS share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from expect import files

from kmslab import Lab

Statement = dict[str, Any]


def allow(*actions: str, resource: str = "*", **condition: dict[str, str]) -> Statement:
    """A statement that allows actions; `condition` by operator, as in StringEquals={…}."""
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str) -> Statement:
    """A statement that denies actions on everything."""
    return {"Effect": "Deny", "Action": list(actions), "Resource": "*"}


def flip(lab: Lab, table: str, column: str, place: int = -1) -> None:
    """Changes one byte (of bytes) or one character (of Base64) in each row of a table."""
    with sqlite3.connect(lab.path / "records.sqlite") as connection:
        for rowid, value in connection.execute(f"SELECT {_id(table)}, {column} FROM {table}"):
            changed = _flipped(value, place)
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {_id(table)} = ?", (changed, rowid)
            )
    connection.close()


def _id(table: str) -> str:
    return {"secret_value": "number", "volume": "id", "parameter": "name"}[table]


def _flipped(value: bytes | str, place: int) -> bytes | str:
    if isinstance(value, str):
        middle = len(value) // 2
        return value[:middle] + ("A" if value[middle] != "A" else "B") + value[middle + 1 :]
    changed = bytearray(value)
    changed[place] ^= 1
    return bytes(changed)


def events(lab: Lab, name: str, account: str = "") -> list[dict[str, Any]]:
    """The events of one operation, oldest first."""
    return [each for each in lab.trail(account) if each["eventName"] == name]


def last(lab: Lab, name: str) -> dict[str, Any]:
    """The newest event of an operation."""
    return events(lab, name)[-1]


def holding(folder: Path, secrets: Iterable[bytes]) -> list[tuple[Path, bytes]]:
    """The files below a folder that hold one of these texts, and which."""
    return [
        (path, secret)
        for path, content in files(folder).items()
        for secret in secrets
        if secret in content
    ]
