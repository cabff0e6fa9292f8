"""How KMS keeps the secrets of key stores: sealed in an HSM, each store's under a key of its own.

The store's id is covered by the tag: a secret that is moved to another row does not open there.
"""

from __future__ import annotations

import secrets

from kmslab.hsm.kinds import Kind
from kmslab.kms.request import Rooms
from kmslab.kms.stores.records import KeyStore

_KIND = Kind("AES", "DERIVE", 256)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 32  # characters of a password that KMS makes; a cluster takes 7 to 32


def new_key(rooms: Rooms) -> bytes:
    """The exported key token of a new store's key."""
    return rooms.fleet.renewed(_KIND, rooms.fleet.generate(_KIND).token)


def seal(rooms: Rooms, token: bytes, store_id: str, secret: str) -> bytes:
    """A secret as it is kept."""
    return rooms.fleet.encrypt(token, secret.encode(), _covered(store_id))


def unseal(rooms: Rooms, store: KeyStore, sealed: bytes | None = None) -> str:
    """A store's secret, or what else was sealed for it."""
    kept = store.secret if sealed is None else sealed
    return rooms.fleet.decrypt(store.token, kept, _covered(store.store_id)).decode()


def new_password() -> str:
    """A password for kmsuser that nobody but KMS ever knows."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _covered(store_id: str) -> bytes:
    return b"key store\0" + store_id.encode()
