"""Pitfalls of policy evaluation 1 to 24, 50 and 52: principals, and how policies limit each other.

Each number is a row of what the course collected from AWS's documentation; both evaluators are
asked.
"""

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
    HOME,
    IMPLICIT,
    KEY,
    OBJECT,
    OTHER_KEY,
    ROOT,
    S1,
    S2,
    Decide,
    allow,
    both,
    case,
    deny,
)

pytestmark = both
ACCOUNT = allow("kms:*", to={"AWS": ROOT})
IAM = allow("kms:*")


def test_iam_counts_only_after_a_statement_for_the_account(decide: Decide) -> None:
    # 1
    assert decide(case(ALICE, key=allow("kms:*", to={"AWS": BOB}), identity=IAM)) == IMPLICIT
    assert decide(case(ALICE, key=ACCOUNT, identity=IAM)) == ALLOWED


def test_the_account_statement_grants_nobody_by_itself(decide: Decide) -> None:
    # 2
    assert decide(case(ALICE, key=ACCOUNT)) == IMPLICIT


def test_the_account_statement_limits_what_iam_may_grant(decide: Decide) -> None:
    # 3
    only = allow("kms:Encrypt", to={"AWS": ROOT})
    assert decide(case(ALICE, key=only, identity=IAM)) == IMPLICIT
    assert decide(case(ALICE, "kms:Encrypt", key=only, identity=IAM)) == ALLOWED
    via = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    conditional = allow("kms:*", to={"AWS": ROOT}, Condition=via)
    assert decide(case(ALICE, key=conditional, identity=IAM)) == IMPLICIT


@pytest.mark.parametrize("name", [HOME, ROOT])
def test_an_account_id_and_its_root_arn_mean_the_account(decide: Decide, name: str) -> None:
    # 4
    account = allow("kms:*", to={"AWS": name})
    assert decide(case(ALICE, key=account, identity=IAM)) == ALLOWED
    assert decide(case(ALICE, key=account)) == IMPLICIT


def test_in_a_deny_the_account_is_everyone_in_it(decide: Decide) -> None:
    # 5
    policy = [allow("kms:*", to={"AWS": ALICE}), deny("kms:Decrypt", to={"AWS": ROOT})]
    assert decide(case(ALICE, key=policy)) == EXPLICIT
    policy[1] = deny("kms:Decrypt", to={"AWS": AWAY_ROOT})
    assert decide(case(ALICE, key=policy)) == ALLOWED


@pytest.mark.parametrize("star", ["*", {"AWS": "*"}])
def test_principal_star_is_a_direct_grant(decide: Decide, star: Any) -> None:
    # 6
    assert decide(case(ALICE, key=allow("kms:*", to=star))) == ALLOWED
    assert decide(case(ALICE, "s3:GetObject", OBJECT, bucket=allow("s3:*", to=star))) == ALLOWED


def test_a_star_in_a_principals_arn_is_no_pattern(decide: Decide) -> None:
    # 7
    pattern = allow("kms:*", to={"AWS": f"arn:aws:iam::{HOME}:user/*"})
    assert decide(case(ALICE, key=pattern)) == IMPLICIT
    for star in ("*", {"AWS": "*"}):
        assert decide(case(S1, key=deny("kms:*", to=star))) == EXPLICIT


def test_a_role_covers_its_sessions_and_a_session_only_itself(decide: Decide) -> None:
    # 8
    assert decide(case(S1, key=allow("kms:*", to={"AWS": APP}))) == ALLOWED
    assert decide(case(S1, key=allow("kms:*", to={"AWS": S1}))) == ALLOWED
    assert decide(case(S2, key=allow("kms:*", to={"AWS": S1}))) == IMPLICIT


@pytest.mark.parametrize(("caller", "name"), [(ALICE, ALICE), (S1, S1), (ALICE, "*"), (S1, "*")])
def test_silence_of_iam_does_not_matter_to_a_direct_grant(
    decide: Decide, caller: str, name: str
) -> None:
    # 9
    other: dict[str, Any] = {"boundary": allow("s3:*")}
    other |= {"session": allow("s3:*")} if caller == S1 else {}
    granted = allow("kms:*", to={"AWS": name})
    assert decide(case(caller, key=granted, **other)) == ALLOWED


def test_boundary_and_session_policy_cap_a_grant_to_the_role(decide: Decide) -> None:
    # 10
    granted = allow("kms:*", to={"AWS": APP})
    assert decide(case(S1, key=granted)) == ALLOWED
    assert decide(case(S1, key=granted, boundary=allow("s3:*"))) == IMPLICIT
    assert decide(case(S1, key=granted, session=allow("s3:*"))) == IMPLICIT
    assert decide(case(S1, key=granted, boundary=IAM, session=IAM)) == ALLOWED


def test_scps_cap_direct_grants_and_only_their_deny_is_explicit(decide: Decide) -> None:
    # 11
    granted = allow("kms:*", to={"AWS": ALICE})
    assert decide(case(ALICE, key=granted, scps=[[allow("s3:*")]])) == IMPLICIT
    assert decide(case(ALICE, key=granted, scps=[[[allow(), deny("kms:*")]]])) == EXPLICIT


def test_every_scp_level_must_allow_and_one_levels_policies_add_up(decide: Decide) -> None:
    # 12
    levels = [[allow()], [allow("ec2:*")], [allow()]]
    assert decide(case(ALICE, key=ACCOUNT, identity=IAM, scps=levels)) == IMPLICIT
    levels[1].append(allow("kms:*"))
    assert decide(case(ALICE, key=ACCOUNT, identity=IAM, scps=levels)) == ALLOWED
    assert decide(case(ALICE, key=ACCOUNT, identity=IAM, scps=[[allow()], []])) == IMPLICIT


def test_across_accounts_both_sides_must_allow_and_limits_cap(decide: Decide) -> None:
    # 13
    for name in (EVE, AWAY_ROOT, AWAY, "*"):
        granted = allow("kms:*", to={"AWS": name})
        assert decide(case(EVE, key=granted)) == IMPLICIT
        assert decide(case(EVE, key=granted, identity=IAM)) == ALLOWED
        for limit in ({"boundary": allow("s3:*")}, {"scps": [[allow("s3:*")]]}):
            assert decide(case(EVE, key=granted, identity=IAM, **limit)) == IMPLICIT
    assert decide(case(EVE, key=ACCOUNT, identity=IAM)) == IMPLICIT
    session = f"arn:aws:sts::{AWAY}:assumed-role/app/s1"
    granted = allow("kms:*", to={"AWS": session})
    assert decide(case(session, key=granted, identity=IAM, session=allow("s3:*"))) == IMPLICIT


def test_a_boundary_never_grants(decide: Decide) -> None:
    # 14
    assert decide(case(ALICE, key=ACCOUNT, boundary=IAM)) == IMPLICIT


@pytest.mark.parametrize("place", ["boundary", "session", "identity", "scps", "rcps", "key"])
def test_an_explicit_deny_anywhere_beats_every_allow(decide: Decide, place: str) -> None:
    # 15
    to = "*" if place in ("key", "rcps") else None
    policy = [deny("kms:*", to=to)]
    found: dict[str, Any] = {"key": allow("kms:*", to={"AWS": S1}), "scps": [[allow("s3:*")]]}
    found[place] = [[policy]] if place in ("scps", "rcps") else policy
    assert decide(case(S1, **found)) == EXPLICIT


def test_the_order_of_statements_is_meaningless(decide: Decide) -> None:
    # 16
    statements = [allow("kms:*", to={"AWS": ALICE}), deny("kms:Decrypt", to={"AWS": ALICE})]
    assert decide(case(ALICE, key=statements)) == EXPLICIT
    assert decide(case(ALICE, key=statements[::-1])) == EXPLICIT


def test_deny_with_notprincipal_hits_the_unlisted_and_the_account_must_be_listed(
    decide: Decide,
) -> None:
    # 17
    refused: dict[str, Any] = deny("kms:*", NotPrincipal={"AWS": [ALICE, ROOT]})
    policy = [allow("kms:*", to="*"), refused]
    assert decide(case(BOB, key=policy)) == EXPLICIT
    assert decide(case(ALICE, key=policy)) == ALLOWED
    refused["NotPrincipal"] = {"AWS": ALICE}
    assert decide(case(ALICE, key=policy)) == EXPLICIT


def test_deny_with_notprincipal_hits_whoever_has_a_boundary(decide: Decide) -> None:
    # 18
    policy = [allow("kms:*", to="*"), deny("kms:*", NotPrincipal={"AWS": [ALICE, ROOT]})]
    assert decide(case(ALICE, key=policy, boundary=allow())) == EXPLICIT


def test_notaction_is_everything_else(decide: Decide) -> None:
    # 19
    other = {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}
    assert decide(case(ALICE, key=ACCOUNT, identity=[IAM, other])) == EXPLICIT
    assert decide(case(ALICE, key=ACCOUNT, identity={**other, "Effect": "Allow"})) == ALLOWED
    reading = case(ALICE, "s3:GetObject", OBJECT, identity={**other, "Effect": "Allow"})
    assert decide(reading) == IMPLICIT


def test_actions_ignore_case_and_take_wildcards_and_resources_keep_case(decide: Decide) -> None:
    # 20
    for action in ("KMS:dEcRyPt", "kms:Decryp?", "kms:De*"):
        assert decide(case(ALICE, key=ACCOUNT, identity=allow(action))) == ALLOWED
    assert decide(case(ALICE, key=ACCOUNT, identity=allow("kms:*", on=KEY.upper()))) == IMPLICIT
    capitals = {"StringEquals": {"kms:EncryptionContext:dept": "IT"}}
    context = {"kms:EncryptionContext:dept": "it"}
    granted = allow("kms:*", to={"AWS": ALICE}, Condition=capitals)
    assert decide(case(ALICE, key=granted, context=context)) == IMPLICIT


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b/c", ALLOWED),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/key", IMPLICIT),
        ("arn:aws:s3:::b*", "arn:aws:s3:::b2", ALLOWED),
        ("arn:aws:s3:::b*", "arn:aws:s3:::b2/key", ALLOWED),
    ],
)
def test_a_star_in_a_resource_crosses_slashes(
    decide: Decide, pattern: str, resource: str, expected: str
) -> None:
    # 21
    assert decide(case(ALICE, "s3:GetObject", resource, identity=allow(on=pattern))) == expected


@pytest.mark.parametrize(
    ("pattern", "other"), [("a.b", "axb"), ("x+y", "xxy"), ("q(1)", "q1"), ("team[2]", "team2")]
)
def test_other_characters_than_wildcards_are_literal(
    decide: Decide, pattern: str, other: str
) -> None:
    # 22
    granted = allow(on=f"{BUCKET}/{pattern}*")
    for name, expected in ((pattern, ALLOWED), (other, IMPLICIT)):
        asked = case(ALICE, "s3:GetObject", f"{BUCKET}/{name}/1", identity=granted)
        assert decide(asked) == expected
        like = {"StringLike": {"s3:prefix": pattern + "*"}}
        listing = allow("s3:*", Condition=like)
        asked = case(ALICE, "s3:ListBucket", BUCKET, identity=listing, context={"s3:prefix": name})
        assert decide(asked) == expected


def test_an_action_without_a_resource_needs_resource_star(decide: Decide) -> None:
    # 23
    for pattern in (KEY, f"arn:aws:kms:us-east-1:{HOME}:*", "arn:aws:kms:*"):
        asked = case(ALICE, "kms:ListKeys", "*", identity=allow("kms:*", on=pattern))
        assert decide(asked) == IMPLICIT
    assert decide(case(ALICE, "kms:ListKeys", "*", identity=IAM)) == ALLOWED


def test_resource_star_in_a_key_policy_means_this_key(decide: Decide) -> None:
    # 24
    assert decide(case(ALICE, key=allow("kms:*", to={"AWS": ALICE}, on="*"))) == ALLOWED
    other = allow("kms:*", to={"AWS": ALICE}, on=OTHER_KEY)
    assert decide(case(ALICE, key=other)) == IMPLICIT


def test_an_iam_policy_satisfies_the_callers_account(decide: Decide) -> None:
    # 50
    granted = allow("kms:*", to={"AWS": AWAY_ROOT})
    assert decide(case(EVE, key=granted, identity=allow("kms:Decrypt", on=KEY))) == ALLOWED


def test_the_root_user_may_everything_but_use_a_key_that_names_no_account(
    decide: Decide,
) -> None:
    # 52
    assert decide(case(ROOT, "s3:GetObject", f"{BUCKET}/1")) == ALLOWED
    assert decide(case(ROOT, key=allow("kms:*", to={"AWS": ALICE}))) == IMPLICIT
    assert decide(case(ROOT, key=allow("kms:*", to={"AWS": ROOT}))) == ALLOWED
