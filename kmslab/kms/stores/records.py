"""Custom key stores as records.

    DISCONNECTED ──Connect──▶ CONNECTING ──▶ CONNECTED      KMS keys in it are usable here only,
         ▲                        │              │          and Unavailable in all other states
         │                        ▼              │
         │◀────Disconnect────── FAILED           │          FAILED: why is in `error`
         │                                       │
         └──── DISCONNECTING ◀────Disconnect─────┘

What KMS has to tell the other side (the password of kmsuser, the secret of a proxy's credential)
is kept sealed under an HSM's key of its own (`sealing.py`). Source: ConnectCustomKeyStore,
CustomKeyStoresListEntry in the API reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

CLOUDHSM, EXTERNAL = "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"
CONNECTED, CONNECTING, DISCONNECTED = "CONNECTED", "CONNECTING", "DISCONNECTED"
DISCONNECTING, FAILED = "DISCONNECTING", "FAILED"
_COLUMNS = (
    "account, region, store_id, name, kind, created, state, error, details, token, secret, "
    "next_secret"
)
_DETAILS = _COLUMNS.split(", ").index("details")
_MARKS = ", ".join("?" * len(_COLUMNS.split(",")))
_OF_STORE = "account = ? AND region = ? AND store_id = ?"


@dataclass(frozen=True, slots=True)
class KeyStore:
    """A custom key store."""

    account: str
    region: str
    store_id: str  # as in cks-1234567890abcdef0
    name: str
    kind: str  # CLOUDHSM or EXTERNAL; keys in it have it as their Origin
    created: float
    state: str  # ConnectionState
    error: str  # ConnectionErrorCode; empty unless FAILED
    details: Mapping[str, Any]  # of its kind, by AWS's names
    token: bytes  # exported key token of the key that seals its secrets
    secret: bytes  # password or secret access key, sealed
    next_secret: bytes | None  # the password that connecting is about to set, sealed

    @property
    def cluster_id(self) -> str:
        """Its CloudHSM cluster; empty for an external key store."""
        cluster: str = self.details.get("CloudHsmClusterId", "")
        return cluster


def add(rooms: Rooms, store: KeyStore) -> None:
    """Keeps a new key store."""
    rooms.store.write(
        f"INSERT INTO key_store ({_COLUMNS}) VALUES ({_MARKS})",
        (
            *(store.account, store.region, store.store_id, store.name, store.kind),
            *(store.created, store.state, store.error, json.dumps(store.details)),
            *(store.token, store.secret, store.next_secret),
        ),
    )


def change(rooms: Rooms, store: KeyStore, **values: Any) -> None:
    """Changes columns of a key store: `change(rooms, store, state=CONNECTED)`."""
    if "details" in values:
        values["details"] = json.dumps(values["details"])
    settings = ", ".join(f"{name} = ?" for name in values)
    rooms.store.write(
        f"UPDATE key_store SET {settings} WHERE {_OF_STORE}", (*values.values(), *_names(store))
    )


def find(rooms: Rooms, account: str, region: str, store_id: str) -> KeyStore | None:
    """The key store of this id in an account and Region, or None."""
    return rooms.store.known(
        f"SELECT {_COLUMNS} FROM key_store WHERE {_OF_STORE}", (account, region, store_id), _store
    )


def of_key(rooms: Rooms, key: Key) -> KeyStore | None:
    """The key store that a KMS key is in; None for one in KMS itself."""
    return find(rooms, key.account, key.region, key.store_id) if key.store_id else None


def every(rooms: Rooms, account: str, region: str) -> list[KeyStore]:
    """All key stores of an account and Region, by id."""
    rows = rooms.store.rows(
        f"SELECT {_COLUMNS} FROM key_store WHERE account = ? AND region = ? ORDER BY store_id",
        (account, region),
    )
    return [_store(*row) for row in rows]


def remove(rooms: Rooms, store: KeyStore) -> None:
    """Forgets a key store."""
    rooms.store.write(f"DELETE FROM key_store WHERE {_OF_STORE}", _names(store))


def has_keys(rooms: Rooms, store: KeyStore) -> bool:
    """Whether KMS keys are in it, those in deletion too."""
    row = rooms.store.row(
        "SELECT 1 FROM kms_key WHERE account = ? AND region = ? AND store = ? LIMIT 1",
        _names(store),
    )
    return row is not None


def key_with(rooms: Rooms, store: KeyStore, external_id: str) -> bool:
    """Whether a KMS key in the key store has this external key already."""
    row = rooms.store.row(
        "SELECT 1 FROM kms_key WHERE account = ? AND region = ? AND store = ? AND external = ?",
        (*_names(store), external_id),
    )
    return row is not None


def note_lost(rooms: Rooms, key: Key, lost: bool = True) -> None:
    """A key whose material is gone from its cluster is Unavailable from now on."""
    rooms.store.write(
        "UPDATE kms_key SET lost = ? WHERE account = ? AND region = ? AND key_id = ?",
        (lost, key.account, key.region, key.key_id),
    )


def find_all_again(rooms: Rooms, store: KeyStore) -> None:
    """After connecting, maybe to another cluster: whether a key is lost has yet to be seen."""
    rooms.store.write(
        "UPDATE kms_key SET lost = 0 WHERE account = ? AND region = ? AND store = ? AND lost = 1",
        _names(store),
    )


def address(rooms: Rooms, host: str) -> tuple[int, str] | None:
    """Where the lab's proxy of this name listens, and its certificate; None where there is none."""
    return rooms.store.known(
        "SELECT port, certificate FROM xks_host WHERE host = ?",
        (host,),
        lambda port, certificate: (port, certificate),
    )


def _names(store: KeyStore) -> tuple[str, str, str]:
    return store.account, store.region, store.store_id


def _store(*row: Any) -> KeyStore:
    values = list(row)
    values[_DETAILS] = json.loads(values[_DETAILS])
    return KeyStore(*values)
