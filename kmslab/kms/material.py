"""The key material of KMS keys: one generation after another, each an exported key token.

A symmetric encryption key has as many generations as it was rotated, plus one; any other key has
one. Only the current one encrypts; each decrypts what it encrypted. Material that was imported and
then deleted, or that expired, leaves its row here, without a token.
"""

from __future__ import annotations

from dataclasses import dataclass

from kmslab import busy
from kmslab.errors import AwsError
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

CURRENT, NON_CURRENT = "CURRENT", "NON_CURRENT"
PENDING_ROTATION = "PENDING_ROTATION"
PENDING_REPLICAS = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
WAITING = (PENDING_ROTATION, PENDING_REPLICAS)  # not yet the key's own for good
EXPIRES, DOES_NOT_EXPIRE = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"
_COLUMNS = "material_id, number, token, public, state, rotated, rotation, description, expires"
_OF_KEY = "account = ? AND region = ? AND key_id = ?"


@dataclass(frozen=True, slots=True)
class Material:
    """One generation of a key's material."""

    material_id: str
    number: int  # 1, 2, 3 … as they came
    token: bytes | None  # None: imported material that is not there, or a key in a cluster
    public: bytes | None  # of a key pair: its public key in DER
    state: str
    rotated: float | None = None  # when it became current, if by rotation
    rotation: str | None = None  # AUTOMATIC or ON_DEMAND
    description: str | None = None
    expires: float | None = None


def make(rooms: Rooms, kind: Kind) -> NewKey:
    """Makes key material in an HSM; says so where it takes long."""
    if kind.family == "RSA":
        busy.making_rsa(kind.size)
    return rooms.fleet.generate(kind)


def add(rooms: Rooms, key: Key, material: Material) -> None:
    """Keeps one more generation of a key's material, under the domain key of now."""
    token = material.token and rooms.fleet.renewed(key.usage.kind, material.token)
    rooms.store.write(
        f"INSERT INTO material (account, region, key_id, {_COLUMNS}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(key.account, key.region, key.key_id, material.material_id, material.number),
            *(token, material.public, material.state, material.rotated),
            *(material.rotation, material.description, material.expires),
        ),
    )


def of(rooms: Rooms, key: Key) -> list[Material]:
    """All generations of a key's material, oldest first."""
    rows = rooms.store.rows(
        f"SELECT {_COLUMNS} FROM material WHERE {_OF_KEY} ORDER BY number", _names(key)
    )
    return [Material(*row) for row in rows]


def token(rooms: Rooms, key: Key, material_id: str) -> bytes | None:
    """The exported key token of one generation, or None where it isn't there."""
    return rooms.store.known(
        f"SELECT token FROM material WHERE {_OF_KEY} AND material_id = ?",
        (*_names(key), material_id),
        lambda token: token,
    )


def current(rooms: Rooms, key: Key) -> bytes:
    """The exported key token of the current generation."""
    found = token(rooms, key, key.material_id)
    if found is None:
        raise AwsError("KMSInternalException", f"{key.arn} has no key material", 500)
    return found


def public(rooms: Rooms, key: Key) -> bytes:
    """A key pair's public key, in DER (SubjectPublicKeyInfo)."""
    row = rooms.store.row(
        f"SELECT public FROM material WHERE {_OF_KEY} AND material_id = ?",
        (*_names(key), key.material_id),
    )
    if row is None or row[0] is None:
        raise AwsError("KMSInternalException", f"{key.arn} has no public key", 500)
    der: bytes = row[0]
    return der


def change(rooms: Rooms, key: Key, material_id: str, **values: object) -> None:
    """Changes columns of one generation: `change(rooms, key, id, state=CURRENT)`."""
    settings = ", ".join(f"{name} = ?" for name in values)
    rooms.store.write(
        f"UPDATE material SET {settings} WHERE {_OF_KEY} AND material_id = ?",
        (*values.values(), *_names(key), material_id),
    )


def drop(rooms: Rooms, key: Key, material_id: str) -> None:
    """Deletes one generation as if it had never been."""
    rooms.store.write(
        f"DELETE FROM material WHERE {_OF_KEY} AND material_id = ?", (*_names(key), material_id)
    )


def _names(key: Key) -> tuple[str, str, str]:
    return key.account, key.region, key.key_id
