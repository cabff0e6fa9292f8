"""The tables of the course's notes on authorization, row by row, where a case can state them."""

from __future__ import annotations

from typing import Any

import pytest
from policy_asking import (
    ALICE,
    ALLOWED,
    APP,
    AWAY,
    AWAY_ROOT,
    BOB,
    BUCKET,
    EVE,
    EXPLICIT,
    FRED,
    HOME,
    IMPLICIT,
    KEY,
    LINKED,
    OBJECT,
    ROOT,
    S1,
    S2,
    Decide,
    allow,
    both,
    case,
    conditioned,
    denied,
    deny,
    document,
)

pytestmark = both
ACCOUNT, IAM = allow("kms:*", to={"AWS": ROOT}), allow("kms:*")
ROLE = f"arn:aws:iam::{HOME}:role/target"

# --- Evaluation order -------------------------------------------------------------------------


def test_the_start_is_an_implicit_deny_even_for_the_root_user_of_a_key(decide: Decide) -> None:
    assert decide(case(ALICE)) == IMPLICIT
    assert decide(case(ROOT, key=allow("kms:*", to={"AWS": BOB}))) == IMPLICIT


def test_only_an_rcps_deny_matters(decide: Decide) -> None:
    granted = allow("kms:*", to={"AWS": EVE})
    asked: dict[str, Any] = {"key": granted, "identity": IAM}
    assert decide(case(EVE, **asked, rcps=[[allow("s3:*", to="*")]])) == ALLOWED
    assert decide(case(EVE, **asked, rcps=[[deny("kms:*", to="*")]])) == EXPLICIT


def test_scps_limit_the_callers_account_but_no_service_linked_role(decide: Decide) -> None:
    for caller, expected in ((S1, IMPLICIT), (ROOT, IMPLICIT), (LINKED, ALLOWED)):
        granted = allow("kms:*", to={"AWS": caller})
        assert decide(case(caller, key=granted, scps=[[allow("s3:*")]])) == expected
    granted = allow("kms:*", to={"AWS": LINKED})
    assert decide(case(LINKED, key=granted, rcps=[[deny("kms:*", to="*")]])) == ALLOWED


def test_an_iam_deny_always_counts(decide: Decide) -> None:
    assert decide(case(ALICE, key=allow(to={"AWS": ALICE}), identity=deny("kms:*"))) == EXPLICIT


def test_boundary_and_session_policy_intersect_with_identity_policies(decide: Decide) -> None:
    asked: dict[str, Any] = {"key": ACCOUNT, "identity": IAM}
    for boundary, session, expected in (
        ("kms:*", "kms:*", ALLOWED),
        ("kms:*", "s3:*", IMPLICIT),
        ("s3:*", "kms:*", IMPLICIT),
    ):
        limits: dict[str, Any] = {"boundary": allow(boundary), "session": allow(session)}
        assert decide(case(S1, **asked, **limits)) == expected


@pytest.mark.parametrize("action", ["kms:CreateKey", "kms:ListKeys", "kms:GenerateRandom"])
def test_operations_without_a_key_need_iam_policies_only(decide: Decide, action: str) -> None:
    assert decide(case(ALICE, action, "*", identity=allow(action))) == ALLOWED
    assert decide(case(ALICE, action, "*")) == IMPLICIT


# --- How boundaries and session policies limit a key policy's Allow ---------------------------


@pytest.mark.parametrize(
    ("caller", "name", "limit", "expected"),
    [
        (S1, APP, "boundary", IMPLICIT),
        (S1, APP, "session", IMPLICIT),
        (S1, S1, "boundary", ALLOWED),
        (S1, S1, "session", ALLOWED),
        (ALICE, ALICE, "boundary", ALLOWED),
        (FRED, FRED, "session", ALLOWED),
        (S1, "*", "boundary", ALLOWED),
        (S1, "*", "session", ALLOWED),
    ],
)
def test_silence_of_a_limit_counts_by_how_the_key_policy_names_the_caller(
    decide: Decide, caller: str, name: str, limit: str, expected: str
) -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HOME}:role/app"}}
    more = {"Condition": condition} if name == "*" else {}
    asked: dict[str, Any] = {"key": allow("kms:*", to={"AWS": name}, **more)}
    asked[limit] = allow("s3:*")
    assert decide(case(caller, **asked)) == expected
    asked[limit] = [allow(), deny("kms:*")]
    assert decide(case(caller, **asked)) == EXPLICIT


def test_a_federated_user_has_nothing_by_iam_without_a_session_policy(decide: Decide) -> None:
    assert decide(case(FRED, key=ACCOUNT, identity=IAM)) == IMPLICIT
    assert decide(case(FRED, key=ACCOUNT, identity=IAM, session=IAM)) == ALLOWED


# --- Cross-account ----------------------------------------------------------------------------


def test_the_other_accounts_root_delegates_at_most_the_actions_listed(decide: Decide) -> None:
    granted = allow("kms:Encrypt", to={"AWS": AWAY_ROOT})
    assert decide(case(EVE, "kms:Encrypt", key=granted, identity=IAM)) == ALLOWED
    assert decide(case(EVE, "kms:Decrypt", key=granted, identity=IAM)) == IMPLICIT


def test_the_callers_policy_must_match_the_keys_arn_not_an_alias(decide: Decide) -> None:
    granted = allow("kms:*", to={"AWS": AWAY_ROOT})
    alias = f"arn:aws:kms:us-east-1:{HOME}:alias/app"
    assert decide(case(EVE, key=granted, identity=allow("kms:*", on=alias))) == IMPLICIT
    assert decide(case(EVE, key=granted, identity=allow("kms:*", on=KEY))) == ALLOWED


def test_another_accounts_bucket_needs_both_sides_and_the_own_one_either(decide: Decide) -> None:
    asked: dict[str, Any] = {"action": "s3:GetObject", "resource": OBJECT}
    bucket, iam = allow("s3:*", to={"AWS": ALICE}), allow("s3:*")
    for owner, one in ((HOME, ALLOWED), (AWAY, IMPLICIT)):
        assert decide(case(ALICE, **asked, owner=owner, bucket=bucket)) == one
        assert decide(case(ALICE, **asked, owner=owner, identity=iam)) == one
        assert decide(case(ALICE, **asked, owner=owner, bucket=bucket, identity=iam)) == ALLOWED


def test_a_trust_policy_must_allow_and_may_do_so_alone(decide: Decide) -> None:
    asked: dict[str, Any] = {"action": "sts:AssumeRole", "resource": ROLE}
    named = {"Effect": "Allow", "Principal": {"AWS": ALICE}, "Action": "sts:AssumeRole"}
    account = named | {"Principal": {"AWS": ROOT}}
    may = allow("sts:AssumeRole", on=ROLE)
    assert decide(case(ALICE, **asked, identity=may)) == IMPLICIT
    assert decide(case(ALICE, **asked, trust=named)) == ALLOWED
    assert decide(case(ALICE, **asked, trust=account)) == IMPLICIT
    assert decide(case(ALICE, **asked, trust=account, identity=may)) == ALLOWED


# --- Principal forms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        (ALICE, {"AWS": ALICE}, ALLOWED),
        (ALICE, {"AWS": ALICE.replace("alice", "Alice")}, IMPLICIT),
        (S1, {"AWS": APP}, ALLOWED),
        (S2, {"AWS": APP}, ALLOWED),
        (S1, {"AWS": S1.replace("/s1", "/*")}, IMPLICIT),
        (FRED, {"AWS": FRED}, ALLOWED),
        (ALICE, {"Service": "cloudtrail.amazonaws.com"}, IMPLICIT),
        (ALICE, {"Federated": f"arn:aws:iam::{HOME}:saml-provider/corp"}, IMPLICIT),
        (ALICE, {"CanonicalUser": "79a59df900b949e5"}, IMPLICIT),
        (ALICE, {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}, IMPLICIT),
        (ALICE, {"AWS": [BOB, ALICE]}, ALLOWED),
        (EVE, "*", IMPLICIT),
    ],
)
def test_a_principal_covers_whom_it_names(
    decide: Decide, caller: str, principal: Any, expected: str
) -> None:
    assert decide(case(caller, key=allow("kms:*", to=principal))) == expected


def test_notresource_matches_everything_but_what_is_listed(decide: Decide) -> None:
    for listed, expected in ((f"{BUCKET}/other/*", ALLOWED), (f"{BUCKET}/*", IMPLICIT)):
        granted = {"Effect": "Allow", "Action": "s3:*", "NotResource": listed}
        assert decide(case(ALICE, "s3:GetObject", OBJECT, identity=granted)) == expected


@pytest.mark.parametrize("missing", ["Action", "Resource"])
def test_a_statement_of_a_key_policy_without_action_or_resource_does_nothing(
    decide: Decide, missing: str
) -> None:
    granted = allow("kms:*", to={"AWS": ALICE})
    void = {name: value for name, value in granted.items() if name != missing}
    assert decide(case(ALICE, key=void)) == IMPLICIT
    assert decide(case(ALICE, key=[granted, {**void, "Effect": "Deny"}])) == ALLOWED


# --- Condition operators ----------------------------------------------------------------------

ARN = f"arn:aws:sns:us-east-1:{HOME}:topic"
OPERATORS = [
    ("StringEquals", "blue", "blue", "Blue"),
    ("StringNotEquals", "blue", "Blue", "blue"),
    ("StringEqualsIgnoreCase", "blue", "BLUE", "red"),
    ("StringNotEqualsIgnoreCase", "blue", "red", "BLUE"),
    ("StringLike", "b?u*", "blue", "Blue"),
    ("StringNotLike", "b?u*", "Blue", "blue"),
    ("NumericEquals", "5", "5.0", "50"),
    ("NumericNotEquals", "5", "50", "5.0"),
    ("NumericLessThan", "10", "9", "10"),
    ("NumericLessThanEquals", "10", "10", "11"),
    ("NumericGreaterThan", "9", "10", "9"),
    ("NumericGreaterThanEquals", "9", "9", "8"),
    ("DateEquals", "2024-01-01T00:00:00Z", "1704067200", "1704067201"),
    ("DateNotEquals", "2024-01-01", "1704067201", "1704067200"),
    ("DateLessThan", "1704067200", "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z"),
    ("DateLessThanEquals", "1704067200", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"),
    ("DateGreaterThan", "2024-01-01", "1704067201", "1704067200"),
    ("DateGreaterThanEquals", "2024-01-01", "1704067200", "1704067199"),
    ("Bool", "true", "true", "false"),
    ("Bool", "${aws:SecureTransport, 'true'}", "true", "false"),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", "qmluYXJ5"),
    ("IpAddress", "203.0.113.9", "203.0.113.9", "203.0.113.8"),
    ("NotIpAddress", "203.0.113.0/24", "203.0.114.9", "203.0.113.8"),
    ("ArnEquals", ARN.replace("us-east-1", "*"), ARN, ARN.upper()),
    ("ArnLike", "arn:aws:sns:*:*:t?pic", ARN, "arn:aws:sns:us-east-1::a:topic"),
    ("ArnNotEquals", ARN, ARN + "s", ARN),
    ("ArnNotLike", ARN[:-1] + "?", ARN + "s", ARN),
]


@pytest.mark.parametrize(("operator", "wanted", "good", "bad"), OPERATORS)
def test_an_operator_compares_as_its_family_does(
    decide: Decide, operator: str, wanted: str, good: str, bad: str
) -> None:
    condition = {operator: {"example:Key": wanted}}
    assert decide(conditioned(condition, {"example:Key": good})) == ALLOWED
    assert decide(conditioned(condition, {"example:Key": bad})) == IMPLICIT


def test_a_deny_with_a_negated_ifexists_denies_on_a_missing_key(decide: Decide) -> None:
    assert decide(denied({"StringNotEqualsIfExists": {"aws:RequestedRegion": "x"}}, {})) == EXPLICIT


def test_variables_are_literal_text_in_another_version(decide: Decide) -> None:
    own = document(allow("s3:*", Condition={"StringLike": {"s3:prefix": "${*}"}}), "2008-10-17")
    for prefix, expected in (("${any}", ALLOWED), ("*", IMPLICIT)):
        context = {"s3:prefix": prefix}
        asked = case(ALICE, "s3:ListBucket", BUCKET, identity=own, context=context)
        assert decide(asked) == expected
