"""The operations on KMS keys: making, finding, listing, switching on and off."""

from __future__ import annotations

from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import paging
from kmslab.kms.key import SYMMETRIC, USAGE, Key
from kmslab.kms.request import Request, Rooms

LIMIT = paging.Limit(default=100, most=1000)
_COLUMNS = "account, region, key_id, created, description, state, material_id"


def create_key(request: Request) -> Output:
    """CreateKey: makes key material in an HSM and a KMS key that stands for it."""
    _only_symmetric(request)
    rooms, call = request.rooms, request.call
    key = Key(
        account=call.account,
        region=call.region,
        key_id=rooms.settings.new_id(),
        created=rooms.settings.now(),
        description=request.get("Description", ""),
        state="Enabled",
        material_id=rooms.settings.new_material_id(),
    )
    from kmslab.hsm.session import AES; token = rooms.fleet.generate(AES).token
    rooms.store.write(
        f"INSERT INTO kms_key ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(key.account, key.region, key.key_id, key.created, key.description, key.state),
            key.material_id,
        ),
    )
    rooms.store.write(
        "INSERT INTO backing_key VALUES (?, ?, ?, ?)",
        (key.material_id, key.key_id, token, key.created),
    )
    return {"KeyMetadata": key.metadata()}


def describe_key(request: Request) -> Output:
    """DescribeKey: what is known of a key, never its material."""
    return {"KeyMetadata": request.key.metadata()}


def list_keys(request: Request) -> Output:
    """ListKeys: the keys of the caller's account and Region, a page at a time."""
    page = paging.page(request, LIMIT)
    rows = request.rooms.store.rows(
        "SELECT key_id FROM kms_key WHERE account = ? AND region = ? AND key_id > ? "
        "ORDER BY key_id LIMIT ?",
        (request.call.account, request.call.region, page.after, page.size + 1),
    )
    names = [{"KeyId": name, "KeyArn": request.call.arn(f"key/{name}")} for (name,) in rows]
    return page.cut("Keys", names, "KeyId")


def enable_key(request: Request) -> Output:
    """EnableKey: sets the key's state to Enabled; on an enabled key it changes nothing."""
    return _update(request, "state", "Enabled")


def disable_key(request: Request) -> Output:
    """DisableKey: the key refuses to encrypt and decrypt until it is enabled again."""
    return _update(request, "state", "Disabled")


def update_key_description(request: Request) -> Output:
    """UpdateKeyDescription: replaces the description."""
    return _update(request, "description", request.get("Description"))


def find(rooms: Rooms, account: str, region: str, key_id: str) -> Key | None:
    """The key with this id in an account and Region, or None."""
    row = rooms.store.row(
        f"SELECT {_COLUMNS} FROM kms_key WHERE account = ? AND region = ? AND key_id = ?",
        (account, region, key_id),
    )
    return Key(*row) if row else None


def material(rooms: Rooms, key: Key, material_id: str) -> bytes | None:
    """The exported key token of one generation of a key's material, or None."""
    row = rooms.store.row(
        "SELECT token FROM backing_key WHERE material_id = ? AND key_id = ?",
        (material_id, key.key_id),
    )
    return row[0] if row else None


def _update(request: Request, column: str, value: Any) -> Output:
    key = request.key
    request.rooms.store.write(
        f"UPDATE kms_key SET {column} = ? WHERE account = ? AND region = ? AND key_id = ?",
        (value, key.account, key.region, key.key_id),
    )
    return {}


def _only_symmetric(request: Request) -> None:
    """Refuses, by name, the kinds of key that this kmslab can't make."""
    asked = {
        "KeySpec": request.get("KeySpec", request.get("CustomerMasterKeySpec", SYMMETRIC)),
        "KeyUsage": request.get("KeyUsage", USAGE),
        "Origin": request.get("Origin", "AWS_KMS"),
        "MultiRegion": request.get("MultiRegion", False),
    }
    made = {"KeySpec": SYMMETRIC, "KeyUsage": USAGE, "Origin": "AWS_KMS", "MultiRegion": False}
    for name, value in asked.items():
        if value != made[name]:
            raise AwsError(
                "UnsupportedOperationException",
                f"kmslab does not make keys with {name} {value} yet, only {made[name]}.",
            )
