"""Pitfalls of policy evaluation 25 to 47, 53 and 54: conditions, variables and the keys of KMS.

Each number is a row of what the course collected from AWS's documentation; both evaluators are
asked. 48, 49 and 51 are about grants and about operations of two decisions: not a case's matter.
"""

from __future__ import annotations

from typing import Any

import pytest
from policy_asking import (
    ALICE,
    ALLOWED,
    APP,
    BUCKET,
    EXPLICIT,
    HOME,
    IMPLICIT,
    ROOT,
    S1,
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
DEPT, KEYS = "kms:EncryptionContext:dept", "kms:EncryptionContextKeys"
VIA, TEAM, IP = "kms:ViaService", "aws:PrincipalTag/team", "aws:SourceIp"


def holds(decide: Decide, operator: str, key: str, wanted: Any, value: Any = None) -> bool:
    """Whether a condition holds; no value means that the key is missing."""
    context = {} if value is None else {key: value}
    return decide(conditioned({operator: {key: wanted}}, context)) == ALLOWED


def test_values_are_or_keys_and_operators_are_and_and_negated_values_are_nor(
    decide: Decide,
) -> None:
    # 25
    assert holds(decide, "StringEquals", DEPT, ["a", "b"], "b")
    assert not holds(decide, "StringNotEquals", DEPT, ["a", "b"], "b")
    assert holds(decide, "StringNotEquals", DEPT, ["a", "b"], "c")
    context = {DEPT: "a", TEAM: "x", "s3:max-keys": "5"}
    assert decide(conditioned({"StringEquals": {DEPT: "a", TEAM: "y"}}, context)) == IMPLICIT
    two = {"StringEquals": {DEPT: "a"}, "NumericEquals": {"s3:max-keys": "6"}}
    assert decide(conditioned(two, context)) == IMPLICIT


@pytest.mark.parametrize("negated", ["StringNotEquals", "StringNotLike", "NumericNotEquals"])
def test_a_missing_key_fails_plain_operators_and_satisfies_negated_ones(
    decide: Decide, negated: str
) -> None:
    # 26
    positive = negated.replace("Not", "")
    assert not holds(decide, positive, TEAM, "5")
    assert holds(decide, negated, TEAM, "5")
    assert holds(decide, positive + "IfExists", TEAM, "5")
    assert holds(decide, negated + "IfExists", TEAM, "5")


def test_a_deny_with_bool_misses_callers_without_the_key(decide: Decide) -> None:
    # 27
    mfa = {"aws:MultiFactorAuthPresent": "false"}
    assert decide(denied({"Bool": mfa}, {})) == ALLOWED
    assert decide(denied({"BoolIfExists": mfa}, {})) == EXPLICIT
    assert decide(denied({"Bool": mfa}, mfa)) == EXPLICIT


@pytest.mark.parametrize("context", [{}, {KEYS: []}])
def test_forallvalues_is_true_without_values(decide: Decide, context: Any) -> None:
    # 28
    condition = {"ForAllValues:StringEquals": {KEYS: "dept"}}
    assert decide(conditioned(condition, context)) == ALLOWED
    assert decide(denied(condition, context)) == EXPLICIT


def test_foranyvalue_is_false_without_the_key_and_negated_needs_one_that_differs(
    decide: Decide,
) -> None:
    # 29
    assert not holds(decide, "ForAnyValue:StringEquals", KEYS, "a")
    assert not holds(decide, "ForAnyValue:StringNotEquals", KEYS, "a")
    assert holds(decide, "ForAnyValue:StringNotEquals", KEYS, "a", ["a", "b"])
    assert not holds(decide, "ForAllValues:StringNotEquals", KEYS, "a", ["a", "b"])


def test_null_true_means_that_the_key_is_absent(decide: Decide) -> None:
    # 30
    assert holds(decide, "Null", TEAM, "true")
    assert not holds(decide, "Null", TEAM, "true", "blue")
    assert holds(decide, "Null", TEAM, False, "blue")
    assert not holds(decide, "Null", TEAM, "false")


def test_names_of_keys_ignore_case_and_values_do_not(decide: Decide) -> None:
    # 31
    condition = {"StringEquals": {"AWS:requestedregion": "us-east-1"}}
    assert decide(conditioned(condition, {"aws:RequestedRegion": "us-east-1"})) == ALLOWED
    assert decide(conditioned({"StringEquals": {DEPT.upper(): "it"}}, {DEPT: "it"})) == ALLOWED
    for key in (TEAM, DEPT):
        assert not holds(decide, "StringEquals", key, "blue", "Blue")


def test_stringequals_takes_variables_only_and_arnequals_takes_wildcards(
    decide: Decide,
) -> None:
    # 32
    assert not holds(decide, "StringEquals", DEPT, "a*", "abc")
    assert holds(decide, "StringEquals", DEPT, "${aws:username}", "alice")
    assert holds(decide, "ArnEquals", "aws:SourceArn", "arn:aws:s3:::b*", BUCKET)


def test_arnlike_compares_six_fields_one_by_one(decide: Decide) -> None:
    # 33
    wanted = "arn:aws:lambda:us-east-1:*:fn-1"
    value = f"arn:aws:lambda:us-east-1:{HOME}:function:fn-1"
    assert not holds(decide, "ArnLike", "aws:SourceArn", wanted, value)
    assert holds(decide, "StringLike", "aws:SourceArn", wanted, value)


def test_numbers_compare_as_numbers(decide: Decide) -> None:
    # 34
    assert holds(decide, "NumericLessThan", "aws:MultiFactorAuthAge", "3600", "900")
    assert holds(decide, "NumericEquals", "aws:MultiFactorAuthAge", "5.0", "5")


def test_dates_carry_zones_and_epoch_meets_iso(decide: Decide) -> None:
    # 35
    now = "aws:CurrentTime"
    early = "2024-03-01T00:30:00+01:00"
    assert holds(decide, "DateLessThan", now, "2024-03-01T00:00:00Z", early)
    assert holds(decide, "DateEquals", now, "1704067200", "2024-01-01T00:00:00Z")
    assert holds(decide, "DateGreaterThan", now, "2023-12-31", "1704067200")


def test_a_bare_address_is_one_address_and_host_bits_are_ignored(decide: Decide) -> None:
    # 36
    assert holds(decide, "IpAddress", IP, "10.1.2.3", "10.1.2.3")
    assert not holds(decide, "IpAddress", IP, "10.1.2.3", "10.1.2.4")
    assert holds(decide, "IpAddress", IP, "10.1.2.3/8", "10.200.0.1")
    assert holds(decide, "IpAddress", IP, "0.0.0.0/0", "203.0.113.9")


def test_an_ipv4_caller_does_not_match_an_ipv6_range(decide: Decide) -> None:
    # 37
    assert not holds(decide, "IpAddress", IP, "2001:DB8::/32", "10.1.2.3")
    assert holds(decide, "NotIpAddress", IP, "2001:DB8::/32", "10.1.2.3")
    assert holds(decide, "IpAddress", IP, "2001:DB8::/32", "2001:db8::1")


def test_behind_a_vpc_endpoint_there_is_no_source_address(decide: Decide) -> None:
    # 38
    assert not holds(decide, "IpAddress", IP, "10.0.0.0/8")
    assert holds(decide, "NotIpAddress", IP, "10.0.0.0/8")


def test_variables_work_in_resources_after_the_fifth_colon_and_in_texts_and_arns(
    decide: Decide,
) -> None:
    # 39
    own = allow("s3:*", on=f"{BUCKET}/${{aws:username}}/*")
    assert decide(case(ALICE, "s3:GetObject", f"{BUCKET}/alice/1", identity=own)) == ALLOWED
    early = allow("s3:*", on="arn:aws:${example:Service}:::b/*")
    context = {"example:Service": "s3", "example:Op": "GetObject", "s3:max-keys": "5"}
    asked = {"principal": ALICE, "action": "s3:GetObject", "resource": f"{BUCKET}/1"}
    assert decide(case(**asked, identity=early, context=context)) == IMPLICIT
    action = allow("s3:${example:Op}")
    assert decide(case(**asked, identity=action, context=context)) == IMPLICIT
    number = {"NumericEquals": {"s3:max-keys": "${s3:max-keys}"}}
    assert decide(conditioned(number, context)) == IMPLICIT
    role = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::${aws:username}"}}
    assert decide(conditioned(role, {"aws:SourceArn": "arn:aws:s3:::alice"})) == ALLOWED


@pytest.mark.parametrize(
    ("version", "expected"), [("2012-10-17", ALLOWED), ("2008-10-17", IMPLICIT), (None, IMPLICIT)]
)
def test_variables_need_the_newer_version(
    decide: Decide, version: str | None, expected: str
) -> None:
    # 40
    own = document(allow("s3:*", on=f"{BUCKET}/${{aws:username}}/*"), version)
    assert decide(case(ALICE, "s3:GetObject", f"{BUCKET}/alice/1", identity=own)) == expected


def test_a_variable_without_a_value_matches_nothing_and_is_not_empty(decide: Decide) -> None:
    # 41
    own = allow("s3:*", on=f"{BUCKET}/${{aws:username}}*")
    assert decide(case(S1, "s3:GetObject", f"{BUCKET}/app", identity=own)) == IMPLICIT
    assert not holds(decide, "StringLike", DEPT, f"${{{TEAM}}}it", "it")
    assert holds(decide, "StringLike", DEPT, [f"${{{TEAM}}}it", "it"], "it")
    assert holds(decide, "StringNotLike", DEPT, f"${{{TEAM}}}it", "it")


def test_a_variable_may_have_a_default_and_special_characters_are_literal(
    decide: Decide,
) -> None:
    # 42
    team = f"${{{TEAM}, 'none'}}"
    assert holds(decide, "StringEquals", DEPT, team, "none")
    tagged = {TEAM: "blue", DEPT: "none"}
    assert decide(conditioned({"StringEquals": {DEPT: team}}, tagged)) == IMPLICIT
    for mark in "*?$":
        assert holds(decide, "StringLike", DEPT, f"a${{{mark}}}b", f"a{mark}b")
        assert not holds(decide, "StringLike", DEPT, f"a${{{mark}}}b", "axb")


def test_a_multivalued_key_is_no_variable(decide: Decide) -> None:
    # 43
    context = {KEYS: ["it", "hr"], DEPT: "it"}
    condition = {"StringEquals": {DEPT: f"${{{KEYS}}}"}}
    assert decide(conditioned(condition, context)) == IMPLICIT


def test_the_principals_arn_of_a_session_is_its_role(decide: Decide) -> None:
    # 44
    for name, expected in ((APP, ALLOWED), (S1, IMPLICIT)):
        condition = {"ArnEquals": {"aws:PrincipalArn": name}}
        granted = allow("kms:*", to="*", Condition=condition)
        asked = case(S1, key=granted, context={"aws:PrincipalArn": APP})
        assert decide(asked) == expected
    bare = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HOME}:role/app"}}
    assert decide(case(S1, key=allow("kms:*", to="*", Condition=bare))) == ALLOWED


def test_viaservice_is_absent_on_a_direct_call(decide: Decide) -> None:
    # 45
    service = {VIA: "s3.us-east-1.amazonaws.com"}
    assert decide(conditioned({"StringEquals": service}, {})) == IMPLICIT
    assert decide(denied({"StringNotEquals": service}, {})) == EXPLICIT
    assert decide(denied({"StringNotEquals": service}, service)) == ALLOWED


def test_a_pair_of_the_encryption_context_is_one_key_and_all_names_are_another(
    decide: Decide,
) -> None:
    # 46
    context = {DEPT: "it", KEYS: ["dept", "case"]}
    assert decide(conditioned({"StringEquals": {DEPT: "it"}}, context)) == ALLOWED
    for wanted, expected in ((["dept", "case"], ALLOWED), (["dept"], IMPLICIT)):
        names = {"ForAllValues:StringEquals": {KEYS: wanted}}
        assert decide(conditioned(names, context)) == expected


def test_a_condition_on_the_context_never_covers_calls_without_one(decide: Decide) -> None:
    # 47
    granted = allow("kms:*", to={"AWS": ALICE}, Condition={"StringEquals": {DEPT: "it"}})
    assert decide(case(ALICE, key=granted, context={DEPT: "it"})) == ALLOWED
    assert decide(case(ALICE, "kms:DescribeKey", key=granted)) == IMPLICIT


def test_one_item_may_stand_without_its_list_and_numbers_without_quotes(
    decide: Decide,
) -> None:
    # 53
    context = {"s3:max-keys": "5", "aws:SecureTransport": "true", TEAM: "blue"}
    one: Any = {"NumericEquals": {"s3:max-keys": 5}, "Bool": {"aws:SecureTransport": True}}
    granted = allow("kms:Decrypt", to={"AWS": ALICE}, Condition=one)
    single = {"Version": "2012-10-17", "Statement": granted}
    assert decide(case(ALICE, key=single, context=context)) == ALLOWED
    listed = {"NumericEquals": {"s3:max-keys": ["5"]}, "Bool": {"aws:SecureTransport": ["true"]}}
    many = allow(["kms:Decrypt"], on=["*"], to={"AWS": [ALICE]}, Condition=listed)
    assert decide(case(ALICE, key=[many], context=context)) == ALLOWED


@pytest.mark.parametrize("place", ["boundary", "session", "scps"])
def test_silence_is_implicit_and_only_a_matching_deny_is_explicit(
    decide: Decide, place: str
) -> None:
    # 54
    found: dict[str, Any] = {"key": allow("kms:*", to={"AWS": ROOT}), "identity": allow("kms:*")}
    for statements, expected in (
        ([allow("s3:*")], IMPLICIT),
        ([allow(), deny("s3:*")], ALLOWED),
        ([allow(), deny("kms:*")], EXPLICIT),
    ):
        found[place] = [[statements]] if place == "scps" else statements
        assert decide(case(S1, **found)) == expected
