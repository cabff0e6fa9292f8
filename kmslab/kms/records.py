"""KMS keys as records: keeping, changing and finding them."""

from __future__ import annotations

from typing import Any

from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

_KEPT = (
    "account, region, key_id, created, description, state, material_id, spec, usage, origin, "
    "manager, primary_region, deletion, window, store, external"
)
_MARKS = ", ".join("?" * len(_KEPT.split(",")))
# A key in a custom key store that isn't connected, or whose material is lost, is Unavailable. The
# state that is kept is the one it has again afterwards, and what EnableKey and DisableKey change.
_STATE = (
    "CASE WHEN store = '' OR state NOT IN ('Enabled', 'Disabled') THEN state "
    "WHEN lost OR NOT EXISTS (SELECT 1 FROM key_store AS s WHERE s.account = kms_key.account "
    "AND s.region = kms_key.region AND s.store_id = kms_key.store AND s.state = 'CONNECTED') "
    "THEN 'Unavailable' ELSE state END"
)
_COLUMNS = _KEPT.replace(" state,", f" {_STATE},")
# Tables whose rows belong to a key, and go with it.
_BELONGINGS = ("material", "policy", "tag", "alias", "key_grant", "due", "kms_key")


def add(rooms: Rooms, key: Key) -> None:
    """Keeps a new key."""
    rooms.store.write(
        f"INSERT INTO kms_key ({_KEPT}) VALUES ({_MARKS})",
        (
            *(key.account, key.region, key.key_id, key.created, key.description, key.state),
            *(key.material_id, key.spec_name, key.usage_name, key.origin, key.manager),
            *(key.primary_region, key.deletion, key.window, key.store_id, key.external_id),
        ),
    )
    _count(rooms, key, 1)


def count(rooms: Rooms, account: str, region: str) -> int:
    """How many customer managed keys an account has in a Region.

    Counting rows would take longer with every key, and each CreateKey asks.
    """
    row = rooms.store.row(
        "SELECT keys FROM key_count WHERE account = ? AND region = ?", (account, region)
    )
    return row[0] if row else 0


def change(rooms: Rooms, key: Key, **values: Any) -> None:
    """Changes columns of a key: `change(rooms, key, state="Disabled")`."""
    settings = ", ".join(f"{name} = ?" for name in values)
    rooms.store.write(
        f"UPDATE kms_key SET {settings} WHERE account = ? AND region = ? AND key_id = ?",
        (*values.values(), key.account, key.region, key.key_id),
    )


def find(rooms: Rooms, account: str, region: str, key_id: str) -> Key | None:
    """The key with this id in an account and Region, or None."""
    return rooms.store.known(
        f"SELECT {_COLUMNS} FROM kms_key WHERE account = ? AND region = ? AND key_id = ?",
        (account, region, key_id),
        Key,
    )


def find_anywhere(rooms: Rooms, region: str, key_id: str) -> Key | None:
    """The key with this id in a Region, in any account: a ciphertext says only the id."""
    return rooms.store.known(
        f"SELECT {_COLUMNS} FROM kms_key WHERE account IN (SELECT number FROM account) "
        "AND region = ? AND key_id = ?",
        (region, key_id),
        Key,
    )


def related(rooms: Rooms, key: Key) -> list[Key]:
    """A multi-Region key in all its Regions, primary first; a single-Region key alone."""
    rows = rooms.store.rows(
        f"SELECT {_COLUMNS} FROM kms_key WHERE account = ? AND key_id = ? "
        "ORDER BY region <> primary_region, region",
        (key.account, key.key_id),
    )
    return [Key(*row) for row in rows]


def delete(rooms: Rooms, key: Key) -> None:
    """Deletes a key with all that belongs to it."""
    names = key.account, key.region, key.key_id
    for table in _BELONGINGS:
        rooms.store.write(
            f"DELETE FROM {table} WHERE account = ? AND region = ? AND key_id = ?", names
        )
    _count(rooms, key, -1)
    if not related(rooms, key):
        rooms.store.write(
            "DELETE FROM rotation WHERE account = ? AND key_id = ?", (key.account, key.key_id)
        )


def _count(rooms: Rooms, key: Key, more: int) -> None:
    if key.manager == "CUSTOMER":
        rooms.store.write(
            "INSERT INTO key_count VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET keys = keys + excluded.keys",
            (key.account, key.region, more),
        )
