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

from kmslab.aws.call import Call
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request
from kmslab.kms import constraints, grant_rules, tokens
from kmslab.kms.conditions import Keys
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

SETTLE_SECONDS = 300
MOST_AT_ONCE = 50  # grants of one grantee that are looked at one by one
_Row = tuple[str, float, Mapping[str, Any]]  # grant id, time of making, details
_WITHOUT_CONTEXT = ("kms:DescribeKey", "kms:RetireGrant")


@dataclass(frozen=True, slots=True)
class Loan:
    """One grant, as it meets one request."""

    name: str
    level: Way
    grantee: str
    details: Mapping[str, Any]  # members of its CreateGrant request
    keys: Keys  # of the request
    waits: float = 0.0  # seconds until it is in force

    def way(self, _caller: Caller) -> Way:
        """How the grant names the caller: an account as grantee only passes it on."""
        return self.level

    def covers(self, request: Request) -> bool:
        """Whether it is in force, lends the operation, and its constraints hold."""
        operation = request.action.removeprefix("kms:")
        return (
            not self.waits
            and operation in self.details["Operations"]
            and self._constraints_hold(request, self.details.get("Constraints", {}))
        )

    def looks(self, request: Request) -> tuple[tuple[str, str, str, bool], ...]:
        """What the grant wants and what the request has, part by part."""
        operations, wanted = self.details["Operations"], self.details.get("Constraints", {})
        operation = request.action.removeprefix("kms:")
        found = [
            ("Principal", self.grantee, request.caller.arn, True),
            ("Action", ", ".join(operations), operation, operation in operations),
        ]
        if request.action == "kms:CreateGrant":
            found += self._child_looks(wanted)
        elif wanted:
            asked = json.dumps(dict(self.keys.context()))
            holds = self._constraints_hold(request, wanted)
            found.append(("Constraints", json.dumps(wanted), asked, holds))
        if self.waits:
            found.append(("In force", f"in {self.waits:.0f} s", "no grant token", False))
        return tuple(found)

    def _constraints_hold(self, request: Request, wanted: Mapping[str, Any]) -> bool:
        if request.action == "kms:CreateGrant":
            return self._covers_child(wanted)
        apart = request.action in _WITHOUT_CONTEXT
        holds = apart or constraints.holds(wanted, self.keys.context())
        return holds and _source_holds(wanted, request)

    def _covers_child(self, wanted: Mapping[str, Any]) -> bool:
        """A grant made through this one lends no operation more, and is as strict at least."""
        return all(fits for *_, fits in self._child_looks(wanted))

    def _child_looks(self, wanted: Mapping[str, Any]) -> list[tuple[str, str, str, bool]]:
        operations, inner = self.keys.get("Operations", ()), self.keys.get("Constraints", {})
        own = self.details["Operations"]
        lent = ("Lends on", ", ".join(own), ", ".join(operations), set(operations) <= set(own))
        strict = constraints.no_wider(inner, wanted)
        narrow = ("Constraints", f"at least {json.dumps(wanted)}", json.dumps(inner), strict)
        return [lent, narrow] if wanted else [lent]


def loans(rooms: Rooms, keys: Keys, key: Key) -> tuple[Loan, ...]:
    """The grants on a key that name the caller."""
    call = keys.call
    if not _has_any(rooms, key) or keys.action.removeprefix("kms:") not in grant_rules.GRANTABLE:
        return ()
    return tuple(
        Loan(grant_id, level, grantee, details, keys, _waits(rooms, call, key, grant_id, created))
        for level, grantee in _grantees(call)
        for grant_id, created, details in _of(rooms, key, grantee, keys)
    )


def _has_any(rooms: Rooms, key: Key) -> bool:
    """Most keys have no grants."""
    found = rooms.store.known(
        "SELECT 1 FROM key_grant WHERE account = ? AND region = ? AND key_id = ? LIMIT 1",
        (key.account, key.region, key.key_id),
        bool,
    )
    return found is not None


def _grantees(call: Call) -> list[tuple[Way, str]]:
    """The names under which a caller can be a grantee."""
    who = call.principal
    names = dict.fromkeys((who.arn, who.policy_arn))
    root = f"arn:aws:iam::{who.account}:root"
    account = Way.DIRECT if who.kind == "root" else Way.ACCOUNT
    passed_on = [(account, root), (account, who.account)] if who.account else []
    return [(Way.DIRECT, name) for name in names if name != root] + passed_on


def _of(rooms: Rooms, key: Key, grantee: str, keys: Keys) -> tuple[_Row, ...]:
    """A grantee's grants on a key; if there are many, those whose context may fit the request."""
    names = (key.account, key.region, key.key_id, grantee)
    few = rooms.store.remembered(
        ("grants", names), lambda: _read(rooms, names, f"LIMIT {MOST_AT_ONCE + 1}")
    )
    if len(few) <= MOST_AT_ONCE:
        return few
    if keys.action in (*_WITHOUT_CONTEXT, "kms:CreateGrant"):
        return rooms.store.remembered(("all grants", names), lambda: _read(rooms, names, ""))
    pins = ("", *constraints.pins(keys.context()))
    marks = ", ".join("?" * len(pins))
    return rooms.store.remembered(
        ("grants", names, pins), lambda: _read(rooms, (*names, *pins), f"AND pin IN ({marks})")
    )


def _read(rooms: Rooms, values: tuple[str, ...], more: str) -> tuple[_Row, ...]:
    rows = rooms.store.rows(
        "SELECT grant_id, created, details FROM key_grant INDEXED BY grant_of_grantee "
        "WHERE account = ? AND region = ? "
        f"AND key_id = ? AND grantee = ? {more}",
        values,
    )
    return tuple((grant_id, created, json.loads(text)) for grant_id, created, text in rows)


def _waits(rooms: Rooms, call: Call, key: Key, grant_id: str, created: float) -> float:
    """Seconds until a grant is in force: none with its token, or when it has settled."""
    left = created + SETTLE_SECONDS - rooms.settings.now_in_call()
    if left <= 0:
        return 0.0
    given = (tokens.read(rooms, "grant", each) for each in call.parameters.get("GrantTokens") or ())
    named = any(
        facts is not None and (facts["key"], facts["grant"]) == (key.arn, grant_id)
        for facts in given
    )
    return 0.0 if named else left


def _source_holds(wanted: Mapping[str, Any], request: Request) -> bool:
    if constraints.SOURCE not in wanted or request.action == "kms:RetireGrant":
        return True
    return request.lookup("aws:sourcearn") == (wanted[constraints.SOURCE],)
