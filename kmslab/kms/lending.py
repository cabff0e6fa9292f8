"""Grants at work: which of a key's grants lend a caller what is asked for.

    for whom     the grantee: a user, a role (each of its sessions), a session, a service; an
                 account may pass it on by its IAM policies
    what         the operations of the grant
    for what     its constraints: the whole encryption context, a part of it, the resource for
                 which a service calls; none of them counts for RetireGrant, the contexts not for
                 DescribeKey
    from when    some time after CreateGrant, since AWS has to spread it; with the grant token, at
                 once

AWS says "usually less than five minutes"; here it is always `SETTLE_SECONDS` of the lab's time. A
grant that is retired or revoked ends at once here, where AWS may take as long again. Sources:
"Grants in AWS KMS", "Grant tokens", "Using grant constraints".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kmslab.accounts.applying import now
from kmslab.accounts.records import Accounts
from kmslab.aws.call import Call
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request
from kmslab.kms import constraints, grant_rules, tokens
from kmslab.kms.conditions import Keys
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

SETTLE_SECONDS = 300
_WITHOUT_CONTEXT = ("kms:DescribeKey", "kms:RetireGrant")


@dataclass(frozen=True, slots=True)
class Loan:
    """One grant, as it meets one request."""

    name: str
    level: Way
    details: Mapping[str, Any]  # members of its CreateGrant request
    keys: Keys  # of the request

    def way(self, _caller: Caller) -> Way:
        """How the grant names the caller: an account as grantee only passes it on."""
        return self.level

    def covers(self, request: Request) -> bool:
        """Whether the constraints hold; and for CreateGrant, whether the child lends no more."""
        wanted = self.details.get("Constraints", {})
        if request.action == "kms:CreateGrant":
            return self._covers_child(wanted)
        apart = request.action in _WITHOUT_CONTEXT
        return (apart or constraints.holds(wanted, self.keys.context())) and _source_holds(
            wanted, request
        )

    def _covers_child(self, wanted: Mapping[str, Any]) -> bool:
        """A grant made through this one lends no operation more, and is as strict at least."""
        operations = set(self.keys.get("Operations", ()))
        inner = self.keys.get("Constraints", {})
        return operations <= set(self.details["Operations"]) and constraints.no_wider(inner, wanted)


def loans(rooms: Rooms, keys: Keys, key: Key) -> tuple[Loan, ...]:
    """The grants on a key that name the caller and the operation, and are in force."""
    call, operation = keys.call, keys.action.removeprefix("kms:")
    if operation not in grant_rules.GRANTABLE:
        return ()
    found = [
        Loan(grant_id, level, details, keys)
        for level, grantee in _grantees(call)
        for grant_id, created, details in _of(rooms, key, grantee, operation, keys)
        if _in_force(rooms, call, key, grant_id, created)
    ]
    return tuple(found)


def _grantees(call: Call) -> list[tuple[Way, str]]:
    """The names under which a caller can be a grantee."""
    who = call.principal
    names = dict.fromkeys((who.arn, who.policy_arn))
    root = f"arn:aws:iam::{who.account}:root"
    account = Way.DIRECT if who.kind == "root" else Way.ACCOUNT
    passed_on = [(account, root), (account, who.account)] if who.account else []
    return [(Way.DIRECT, name) for name in names if name != root] + passed_on


def _of(
    rooms: Rooms, key: Key, grantee: str, operation: str, keys: Keys
) -> tuple[tuple[str, float, Mapping[str, Any]], ...]:
    """A grantee's grants for an operation whose constraint on the context may hold.

    A key with very many grants is asked for few of them (`constraints.pin`).
    """
    pins = constraints.pins(keys.context()) if keys.action not in _WITHOUT_CONTEXT else ()
    marks = ", ".join("?" * (len(pins) + 1))
    anyway = "OR 1" if keys.action in (*_WITHOUT_CONTEXT, "kms:CreateGrant") else ""

    def read() -> tuple[tuple[str, float, Mapping[str, Any]], ...]:
        rows = rooms.store.rows(
            "SELECT grant_id, created, details FROM key_grant WHERE account = ? AND region = ? "
            f"AND key_id = ? AND grantee = ? AND (pin IN ({marks}) {anyway}) ORDER BY grant_id",
            (key.account, key.region, key.key_id, grantee, "", *pins),
        )
        loaded = [(grant_id, created, json.loads(text)) for grant_id, created, text in rows]
        return tuple(row for row in loaded if operation in row[2]["Operations"])

    return rooms.store.remembered(("grants", key.arn, grantee, operation, pins), read)


def _in_force(rooms: Rooms, call: Call, key: Key, grant_id: str, created: float) -> bool:
    if created + SETTLE_SECONDS <= now(Accounts(rooms.store, rooms.settings)):
        return True
    given = (tokens.read(rooms, "grant", each) for each in call.parameters.get("GrantTokens") or ())
    return any(
        facts is not None and (facts["key"], facts["grant"]) == (key.arn, grant_id)
        for facts in given
    )


def _source_holds(wanted: Mapping[str, Any], request: Request) -> bool:
    if constraints.SOURCE not in wanted or request.action == "kms:RetireGrant":
        return True
    return request.lookup("aws:sourcearn") == (wanted[constraints.SOURCE],)
