"""Grants as records: who lends which operations with a key to whom. What they do: `lending.py`.

Source: "Grants in AWS KMS", CreateGrant, RetireGrant, RevokeGrant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kmslab.aws.call import Call, Output
from kmslab.errors import AwsError
from kmslab.kms import grant_rules, paging, tokens
from kmslab.kms.constraints import pin
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.timing import when

MOST_A_KEY = 50_000
LIMIT = paging.Limit(default=50, most=100)
_COLUMNS = "account, region, key_id, grant_id, created, details"
# What of a CreateGrant request is kept, and shown by ListGrants.
_KEPT = (
    *("Name", "GranteePrincipal", "RetiringPrincipal", "Operations", "Constraints"),
    *("GranteeServicePrincipal", "RetiringServicePrincipal"),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant."""

    account: str
    region: str
    key_id: str
    grant_id: str
    created: float
    details: dict[str, Any]  # members of the CreateGrant request

    def entry(self) -> Output:
        """The grant as ListGrants shows it."""
        return {
            "KeyId": f"arn:aws:kms:{self.region}:{self.account}:key/{self.key_id}",
            "GrantId": self.grant_id,
            "CreationDate": when(self.created),
            "IssuingAccount": f"arn:aws:iam::{self.account}:root",
            **self.details,
        }


def create_grant(request: Request) -> Output:
    """CreateGrant: a grant and its token. With a Name, asking again finds the same grant."""
    grant_rules.check(request)
    asked = {name: request.get(name) for name in _KEPT if request.get(name) is not None}
    grant_id = _named(request, asked) or _add(request, asked)
    facts = {"key": request.key.arn, "grant": grant_id}
    return {"GrantToken": tokens.issue(request.rooms, "grant", facts), "GrantId": grant_id}


def list_grants(request: Request) -> Output:
    """ListGrants: the grants on a key, or those of one grantee, or one of them."""
    page, key = paging.page(request, LIMIT), request.key
    grant_rules.one_principal(request, "Grantee", required=False)
    wanted = request.get("GrantId")
    if wanted is not None:
        grant_rules.check_id(wanted)
    condition, values = _filters(
        grant_id=wanted,
        GranteePrincipal=request.get("GranteePrincipal"),
        GranteeServicePrincipal=request.get("GranteeServicePrincipal"),
    )
    grants = _select(
        request.rooms,
        f"key_id = ? AND region = ? AND account = ? AND grant_id > ? {condition} "
        "ORDER BY grant_id LIMIT ?",
        (key.key_id, key.region, key.account, page.after, *values, page.size + 1),
    )
    return page.cut("Grants", [each.entry() for each in grants], "GrantId")


def list_retirable_grants(request: Request) -> Output:
    """ListRetirableGrants: the grants in a Region, of any account, that a principal may retire."""
    page, call = paging.page(request, LIMIT), request.call
    principal = grant_rules.one_principal(request, "Retiring", required=True)
    grants = _select(
        request.rooms,
        "region = ? AND retiring = ? AND grant_id > ? ORDER BY grant_id LIMIT ?",
        (call.region, principal, page.after, page.size + 1),
    )
    return page.cut("Grants", [each.entry() for each in grants], "GrantId")


def retire_grant(request: Request) -> Output:
    """RetireGrant: the end of a grant, by its token or by key ARN and grant id."""
    grant_id = to_retire(request.rooms, request.call)
    _end(request, grant_id)
    request.noted["grantId"] = grant_id
    return {}


def to_retire(rooms: Rooms, call: Call) -> str:
    """The id of the grant that a RetireGrant names, by its token or by its id."""
    facts = tokens.read(rooms, "grant", call.parameters.get("GrantToken") or "")
    grant_id: str = facts["grant"] if facts else call.parameters.get("GrantId") or ""
    grant_rules.check_id(grant_id)
    return grant_id


def revoke_grant(request: Request) -> Output:
    """RevokeGrant: the end of a grant, decided by who manages the key."""
    _end(request, request.get("GrantId"))
    return {}


def find(rooms: Rooms, key: Key, grant_id: str) -> Grant | None:
    """A grant on a key by its id, or None."""
    found = _select(
        rooms,
        "account = ? AND region = ? AND key_id = ? AND grant_id = ?",
        (key.account, key.region, key.key_id, grant_id),
    )
    return next(iter(found), None)


def check_tokens(rooms: Rooms, given: list[str]) -> None:
    """InvalidGrantTokenException for a grant token that KMS did not issue."""
    if any(tokens.read(rooms, "grant", token) is None for token in given):
        raise AwsError("InvalidGrantTokenException")


def _named(request: Request, asked: dict[str, Any]) -> str | None:
    """The id of the grant that the same request made before, where it has a name."""
    if "Name" not in asked:
        return None
    condition, values = _filters(Name=asked["Name"])
    key = request.key
    same = _select(
        request.rooms,
        f"account = ? AND region = ? AND key_id = ? {condition}",
        (key.account, key.region, key.key_id, *values),
    )
    found = [each.grant_id for each in same if each.details == asked]
    return found[0] if found else None


def _add(request: Request, asked: dict[str, Any]) -> str:
    rooms, key = request.rooms, request.key
    count = rooms.store.row(
        "SELECT count(*) FROM key_grant WHERE account = ? AND region = ? AND key_id = ?",
        (key.account, key.region, key.key_id),
    )
    if count and count[0] >= MOST_A_KEY:
        raise AwsError("LimitExceededException", f"{key.arn} has {MOST_A_KEY:,} grants already")
    grant_id = rooms.settings.new_grant_id()
    retiring = asked.get("RetiringPrincipal") or asked.get("RetiringServicePrincipal") or ""
    grantee = asked.get("GranteePrincipal") or asked.get("GranteeServicePrincipal") or ""
    rooms.store.write(
        f"INSERT INTO key_grant ({_COLUMNS}, retiring, grantee, pin) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(key.account, key.region, key.key_id, grant_id, rooms.settings.now()),
            *(json.dumps(asked), retiring, grantee, pin(asked.get("Constraints", {}))),
        ),
    )
    return grant_id


def _end(request: Request, grant_id: str) -> None:
    key = request.key
    grant_rules.check_id(grant_id)
    if find(request.rooms, key, grant_id) is None:
        raise AwsError("NotFoundException", f"{key.arn} has no grant {grant_id}.")
    request.rooms.store.write(
        "DELETE FROM key_grant WHERE account = ? AND region = ? AND key_id = ? AND grant_id = ?",
        (key.account, key.region, key.key_id, grant_id),
    )


def _filters(**wanted: str | None) -> tuple[str, list[str]]:
    """SQL for the members that have to have a value, and the values."""
    given = {name: value for name, value in wanted.items() if value is not None}
    columns = [
        name if name == "grant_id" else f"json_extract(details, '$.{name}')" for name in given
    ]
    return "".join(f"AND {column} = ? " for column in columns), list(given.values())


def _select(rooms: Rooms, condition: str, values: tuple[Any, ...]) -> list[Grant]:
    rows = rooms.store.rows(f"SELECT {_COLUMNS} FROM key_grant WHERE {condition}", values)
    return [Grant(*row[:5], **{"details": json.loads(row[5])}) for row in rows]
