"""How many decisions a second, and does it stay so with many grants and many users?

A typical request: a key policy of five statements, three IAM policies, two grants, conditions in
some of them, decided whole each time: nothing but the compiled documents is remembered. Then calls
of the lab with 50,000 grants on a key and 10,000 users, against calls with few.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from bench.measure import Result, repeated, seconds, side_by_side
from kmslab import Lab
from kmslab.iam.decision import Named, Policies
from kmslab.iam.documents import compiled
from kmslab.iam.evaluate import decide
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LEAST = 10_000  # decisions a second
DECISIONS, CALLS, ROUNDS = 5_000, 100, 15
GRANTS, USERS = 50_000, 10_000
CONTEXT = {"patient": "17", "kind": "letter"}


def ask() -> list[Result]:
    """Decisions a second; then a call beside many grants and many users."""
    return [_decisions(), *_flat()]


def _decisions() -> Result:
    request, policies = _typical()
    assert decide(request, policies).allowed

    def work() -> None:
        for _ in range(DECISIONS):
            decide(request, policies)

    best = min(seconds(work) for _ in range(5))
    return Result("decisions of a typical request", DECISIONS / best, "a second", LEAST)


def _typical() -> tuple[Request, Policies]:
    root, app = f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/app"
    hr = {"StringEquals": {"kms:EncryptionContext:dept": "hr"}}
    here = {"StringLike": {"aws:RequestedRegion": "us-*"}}
    strangers = {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}
    service = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    key_policy = [
        _statement("Allow", "kms:*", Principal={"AWS": root}),
        _statement("Allow", ["kms:Create*", "kms:Put*"], Principal={"AWS": app}),
        _statement("Allow", ["kms:Encrypt", "kms:Decrypt"], Principal={"AWS": app}, Condition=hr),
        _statement("Allow", "kms:CreateGrant", Principal={"AWS": app}, Condition=service),
        _statement("Deny", "kms:*", Principal="*", Condition=strangers),
    ]
    identity = ["s3:*", ["kms:List*", "kms:Describe*"], ["kms:Encrypt", "kms:Decrypt"]]
    policies = Policies(
        resource=_named([*key_policy], "resource"),
        identity=tuple(
            _named([_statement("Allow", each, Condition=here)], "identity") for each in identity
        ),
        grants=(_Grant("one"), _Grant("two")),
    )
    caller = Caller.of(f"arn:aws:iam::{ACCOUNT}:user/alice")
    context = {"aws:RequestedRegion": "us-east-1", "kms:EncryptionContext:dept": "hr"}
    return Request.of(caller, "kms:Decrypt", KEY, ACCOUNT, context), policies


class _Grant:
    """A grant to somebody for something else."""

    def __init__(self, name: str) -> None:
        self.name = name

    def way(self, _caller: Caller) -> Way:
        """It names the caller."""
        return Way.DIRECT

    def covers(self, request: Request) -> bool:
        """It lends another operation."""
        return request.action == "kms:Encrypt"

    def looks(self, _request: Request) -> tuple[tuple[str, str, str, bool], ...]:
        """Nothing to explain."""
        return ()


def _statement(effect: str, action: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


def _named(statements: list[dict[str, Any]], kind: Any) -> Named:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return Named(kind, compiled(document, kind))


def _flat() -> list[Result]:
    """Encrypt by a grant, in a lab with few of everything and in one with very many."""
    with Lab() as few, Lab() as many:
        small, large = _lent(few, 2), _lent(many, GRANTS)
        _more_users(many)
        ratio, _, _ = side_by_side(repeated(small, CALLS), repeated(large, CALLS), ROUNDS)
        again = _after_a_change(many, large) / _after_a_change(few, small)
        name = f"encrypt by one of {GRANTS:,} grants, {USERS:,} users ÷ by one of 2"
        return [
            Result(f"speed of {name}", ratio, "x", 0.8),
            Result("time of the first call after a change, the same", again, "x", at_most=2),
        ]


def _lent(lab: Lab, count: int) -> Any:
    """A call that one of `count` grants on a key allows; the others are for other contexts."""
    kms, store = lab.client("kms"), lab._rooms.store
    key, who = kms.create_key()["KeyMetadata"]["KeyId"], lab.user("app")
    subset = {"EncryptionContextSubset": CONTEXT}
    kms.create_grant(
        KeyId=key, GranteePrincipal=who.arn, Operations=["Encrypt"], Constraints=subset
    )
    with store.transaction():
        store.write(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO key_grant (account, region, key_id, grant_id, created, retiring, details, "
            "grantee, pin) SELECT account, region, key_id, printf('%064x', i), created, retiring, "
            "replace(details, '\"17\"', '\"p' || i || '\"'), grantee, replace(pin, 'letter', i) "
            "FROM key_grant, n",
            (count - 1,),
        )
    lab.clock.advance(minutes=6)
    parameters = {"KeyId": key, "Plaintext": b"x" * 1024, "EncryptionContext": CONTEXT}
    return partial(who.client("kms").encrypt, **parameters)


def _more_users(lab: Lab) -> None:
    store = lab._rooms.store
    store.write(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "INSERT INTO entity SELECT account, kind, name || i, path, id || i, created, details "
        "FROM entity, n WHERE kind = 'user' AND name = 'app'",
        (USERS,),
    )


def _after_a_change(lab: Lab, call: Any) -> float:
    """Seconds of a call when nothing is remembered any more."""

    def changed() -> float:
        lab.clock.advance(seconds=1)
        return seconds(call)

    return sorted(changed() for _ in range(15))[7]
