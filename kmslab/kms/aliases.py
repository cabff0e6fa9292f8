"""Aliases: names for keys that can be moved from one key to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kmslab.aws.call import Call, Output
from kmslab.errors import AwsError
from kmslab.kms import paging, records
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms

PREFIX, AWS_PREFIX = "alias/", "alias/aws/"
MOST_A_KEY = 50
LIMIT = paging.Limit(default=50, most=100)
_COLUMNS = "name, key_id, created, updated"


@dataclass(frozen=True, slots=True)
class Alias:
    """A name, and the key it stands for now."""

    name: str
    key_id: str
    created: float
    updated: float

    def entry(self, call: Call) -> Output:
        """The alias as ListAliases shows it."""
        return {
            "AliasName": self.name,
            "AliasArn": call.arn(self.name),
            "TargetKeyId": self.key_id,
            "CreationDate": datetime.fromtimestamp(self.created, UTC),
            "LastUpdatedDate": datetime.fromtimestamp(self.updated, UTC),
        }


def create_alias(request: Request) -> Output:
    """CreateAlias: gives a key one more name, unique in its account and Region."""
    name, call = request.prepared, request.call
    if find(request.rooms, call, name):
        raise AwsError(
            "AlreadyExistsException", f"An alias with the name {call.arn(name)} already exists"
        )
    _room_for_one_more(request)
    add(request.rooms, call, name, request.key)
    return {}


def update_alias(request: Request) -> Output:
    """UpdateAlias: from now on the name stands for another key, of the same type and usage."""
    name, call = request.prepared, request.call
    alias = find(request.rooms, call, name)
    if alias is None:
        raise not_found(call, name)
    _check_same_kind(request, alias)
    _room_for_one_more(request)
    request.rooms.store.write(
        "UPDATE alias SET key_id = ?, updated = ? WHERE account = ? AND region = ? AND name = ?",
        (request.key.key_id, request.rooms.settings.now(), call.account, call.region, name),
    )
    return {}


def delete_alias(request: Request) -> Output:
    """DeleteAlias: the name is gone, the key stays."""
    name, call = request.get("AliasName"), request.call
    request.rooms.store.write(
        "DELETE FROM alias WHERE account = ? AND region = ? AND name = ?",
        (call.account, call.region, name),
    )
    return {}


def list_aliases(request: Request) -> Output:
    """ListAliases: the names in the caller's account and Region, or those of one key."""
    page, call = paging.page(request, LIMIT), request.call
    one_key = "AND key_id = ?" if request.keys else ""
    rows = request.rooms.store.rows(
        f"SELECT {_COLUMNS} FROM alias WHERE account = ? AND region = ? AND name > ? "
        f"{one_key} ORDER BY name LIMIT ?",
        (
            call.account,
            call.region,
            page.after,
            *(key.key_id for key in request.keys),
            page.size + 1,
        ),
    )
    return page.cut("Aliases", [Alias(*row).entry(call) for row in rows], "AliasName")


def add(rooms: Rooms, call: Call, name: str, key: Key) -> None:
    """Keeps a new alias."""
    now = rooms.settings.now()
    rooms.store.write(
        "INSERT INTO alias VALUES (?, ?, ?, ?, ?, ?)",
        (call.account, call.region, name, key.key_id, now, now),
    )


def find(rooms: Rooms, call: Call, name: str) -> Alias | None:
    """The alias with this name in the caller's account and Region, or None."""
    return find_in(rooms, call.account, call.region, name)


def find_in(rooms: Rooms, account: str, region: str, name: str) -> Alias | None:
    """The alias with this name in an account and Region, or None."""
    return rooms.store.known(
        f"SELECT {_COLUMNS} FROM alias WHERE account = ? AND region = ? AND name = ?",
        (account, region, name),
        Alias,
    )


def of_key(rooms: Rooms, key: Key) -> tuple[str, ...]:
    """The names of the aliases that stand for a key."""

    def names() -> tuple[str, ...]:
        rows = rooms.store.rows(
            "SELECT name FROM alias WHERE account = ? AND region = ? AND key_id = ? ORDER BY name",
            (key.account, key.region, key.key_id),
        )
        return tuple(name for (name,) in rows)

    return rooms.store.remembered(("aliases of", key.arn), names)


def check_prefix(name: str) -> None:
    """ValidationException for an alias name that doesn't begin with alias/."""
    if not name.startswith(PREFIX) or name == PREFIX:
        raise AwsError("ValidationException", f'Alias must start with the prefix "{PREFIX}".')


def checked_name(_rooms: Rooms, call: Call) -> str:
    """The alias name of a request that makes or moves it; the error of one that is none."""
    name: str = call.parameters["AliasName"]
    check_prefix(name)
    if name.startswith(AWS_PREFIX):
        raise AwsError(
            "InvalidAliasNameException", f"{name}: names under {AWS_PREFIX} are AWS's own"
        )
    return name


def not_found(call: Call, name: str) -> AwsError:
    """NotFoundException for an alias that isn't there."""
    return AwsError("NotFoundException", f"Alias {call.arn(name)} is not found.")


def _check_same_kind(request: Request, alias: Alias) -> None:
    """ValidationException (our wording) where programs that name the alias would fail."""
    new, call = request.key, request.call
    old = records.find(request.rooms, call.account, call.region, alias.key_id)
    if old and (old.spec.family, old.usage_name) != (new.spec.family, new.usage_name):
        raise AwsError(
            "ValidationException",
            f"{alias.name} stands for a key of type {old.spec.family} and key usage "
            f"{old.usage_name}. The new key must have the same, and it is {new.spec.family}, "
            f"{new.usage_name}.",
        )


def _room_for_one_more(request: Request) -> None:
    key = request.key
    row = request.rooms.store.row(
        "SELECT count(*) FROM alias WHERE account = ? AND region = ? AND key_id = ? AND name <> ?",
        (key.account, key.region, key.key_id, request.get("AliasName")),
    )
    if row and row[0] >= MOST_A_KEY:
        raise AwsError("LimitExceededException", f"{key.arn} has {MOST_A_KEY} aliases already")
