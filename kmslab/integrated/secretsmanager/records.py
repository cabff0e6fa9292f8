"""Secrets as records: what is known of a secret, its versions, their labels, and sealed values.

    secret          its ARN, description, key, times               one row a secret
    secret_version  when it was made, text or bytes                one row a version
    secret_stage    which version a label is on                    one row a label
    secret_value    an encrypted data key, and the value under it  one row a key of a version

A version whose secret got another key has a value under each of them: see `values.py`.
"""

from __future__ import annotations

import json
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kmslab.aws.call import Call
from kmslab.integrated.request import Rooms

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
_ENDING = string.ascii_letters + string.digits
_COLUMNS = "arn, name, created, changed, deletion, details"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, without its values."""

    arn: str
    name: str
    created: float
    changed: float
    deletion: float | None  # when its recovery window ends, if it was deleted
    details: Mapping[str, Any]  # Description, KmsKeyId

    @property
    def key(self) -> str:
        """Its key as it was named; empty for aws/secretsmanager."""
        return str(self.details.get("KmsKeyId", ""))


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret, without its value."""

    version_id: str
    created: float
    kind: str  # SecretString or SecretBinary


@dataclass(frozen=True, slots=True)
class Sealed:
    """A version's value as it is kept: nonce, ciphertext and tag; the key to it encrypted."""

    data_key: bytes
    value: bytes


def new_arn(rooms: Rooms, call: Call, name: str) -> str:
    """The ARN of a new secret: its name, a hyphen, six random characters."""
    with rooms.store.transaction():
        number = int(rooms.settings.new_hex("secret", 16), 16)
    ending = "".join(_ENDING[number // 62**place % 62] for place in range(6))
    return call.arn(f"secret:{name}-{ending}")


def new_version_id(rooms: Rooms) -> str:
    """A UUID for a new version, where the caller gave no ClientRequestToken."""
    with rooms.store.transaction():
        return str(uuid.UUID(hex=rooms.settings.new_hex("secret version", 32), version=4))


def find(rooms: Rooms, call: Call, named: str) -> Secret | None:
    """The secret of a name or ARN; one whose recovery window is over is gone.

    An ARN without its six characters finds it too.
    """
    drop_due(rooms)
    if named.startswith("arn:"):
        row = rooms.store.row(f"SELECT {_COLUMNS} FROM secret WHERE arn = ?", (named,))
        if row is None:
            row = rooms.store.row(
                f"SELECT {_COLUMNS} FROM secret WHERE substr(arn, 1, length(arn) - 7) = ?",
                (named,),
            )
    else:
        row = rooms.store.row(
            f"SELECT {_COLUMNS} FROM secret WHERE account = ? AND region = ? AND name = ?",
            (call.account, call.region, named),
        )
    return _secret(row) if row else None


def all_of(rooms: Rooms, call: Call) -> list[Secret]:
    """The secrets of the caller's account and Region, by name."""
    drop_due(rooms)
    rows = rooms.store.rows(
        f"SELECT {_COLUMNS} FROM secret WHERE account = ? AND region = ? ORDER BY name",
        (call.account, call.region),
    )
    return [_secret(row) for row in rows]


def put(rooms: Rooms, secret: Secret) -> None:
    """Writes a secret, new or changed."""
    _, _, _, region, account, _ = secret.arn.split(":", 5)
    rooms.store.write(
        f"INSERT INTO secret (account, region, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET changed = excluded.changed, deletion = excluded.deletion, "
        "details = excluded.details",
        (
            *(account, region, secret.arn, secret.name, secret.created, secret.changed),
            *(secret.deletion, json.dumps(dict(secret.details))),
        ),
    )


def drop(rooms: Rooms, arn: str) -> None:
    """Takes a secret away, with all its versions."""
    for table in ("secret", "secret_version", "secret_stage", "secret_value"):
        rooms.store.write(f"DELETE FROM {table} WHERE arn = ?", (arn,))


def drop_due(rooms: Rooms) -> None:
    """Takes away the secrets whose recovery window is over."""
    due = "SELECT arn FROM secret WHERE deletion <= ?"
    if rooms.store.row(due, (rooms.settings.now(),)) is None:
        return
    with rooms.store.transaction():
        for (arn,) in rooms.store.rows(due, (rooms.settings.now(),)):
            drop(rooms, arn)


def version(rooms: Rooms, arn: str, version_id: str) -> Version | None:
    """A version of a secret, or None."""
    row = rooms.store.row(
        "SELECT version, created, kind FROM secret_version WHERE arn = ? AND version = ?",
        (arn, version_id),
    )
    return Version(*row) if row else None


def stages(rooms: Rooms, arn: str) -> dict[str, list[str]]:
    """The labels of each version that has any: version id → labels."""
    found: dict[str, list[str]] = {}
    for stage, version_id in rooms.store.rows(
        "SELECT stage, version FROM secret_stage WHERE arn = ? ORDER BY stage", (arn,)
    ):
        found.setdefault(version_id, []).append(stage)
    return found


def staged(rooms: Rooms, arn: str, stage: str) -> str | None:
    """The id of the version that a label is on, or None."""
    row = rooms.store.row(
        "SELECT version FROM secret_stage WHERE arn = ? AND stage = ?", (arn, stage)
    )
    return row[0] if row else None


def move(rooms: Rooms, arn: str, stage: str, version_id: str) -> None:
    """Puts a label on a version; AWSPREVIOUS goes where AWSCURRENT was."""
    before = staged(rooms, arn, stage)
    if before == version_id:
        return
    rooms.store.write(
        "INSERT OR REPLACE INTO secret_stage (arn, stage, version) VALUES (?, ?, ?)",
        (arn, stage, version_id),
    )
    if stage == CURRENT and before is not None:
        move(rooms, arn, PREVIOUS, before)


def add_version(rooms: Rooms, arn: str, version: Version, sealed: Sealed) -> None:
    """Writes a new version and its value."""
    rooms.store.write(
        "INSERT INTO secret_version (arn, version, created, kind) VALUES (?, ?, ?, ?)",
        (arn, version.version_id, version.created, version.kind),
    )
    add_value(rooms, arn, version.version_id, sealed)


def add_value(rooms: Rooms, arn: str, version_id: str, sealed: Sealed) -> None:
    """Writes a version's value as it is under one more key."""
    rooms.store.write(
        "INSERT INTO secret_value (arn, version, data_key, value) VALUES (?, ?, ?, ?)",
        (arn, version_id, sealed.data_key, sealed.value),
    )


def values(rooms: Rooms, arn: str, version_id: str) -> list[Sealed]:
    """A version's value under each of its keys, the newest first."""
    rows = rooms.store.rows(
        "SELECT data_key, value FROM secret_value WHERE arn = ? AND version = ? "
        "ORDER BY number DESC",
        (arn, version_id),
    )
    return [Sealed(*row) for row in rows]


def _secret(row: tuple[Any, ...]) -> Secret:
    return Secret(*row[:5], **{"details": json.loads(row[5])})
