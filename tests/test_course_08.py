"""Lesson 08: the sieve of policy layers, its widget and picture, and what the checks accept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from policy_asking import (
    ALICE,
    APP,
    AWAY_ROOT,
    EVE,
    HOME,
    KEY,
    ROOT,
    S1,
    allow,
    deny,
)

from kmslab import Lab
from kmslab.course import check, layers, layers_view, shorthand, widgets
from kmslab.course.layers import Fall, State
from kmslab.iam.decision import Decision, Named, Policies
from kmslab.iam.documents import compiled
from kmslab.iam.evaluate import decide
from kmslab.iam.principals import Caller
from kmslab.iam.request import Request

FULL, S3 = allow(), allow("s3:*")
ACCOUNT, IAM = allow("kms:*", to={"AWS": ROOT}), allow("kms:*")
PASSES, STOPS, UNNEEDED, UNREACHED = State


def named(policy: Any, kind: Any = "identity") -> Named:
    statements = policy if isinstance(policy, list) else [policy]
    return Named("it", compiled(shorthand.document(*statements), kind))


def decided(caller: str, key: Any = ACCOUNT, **given: Any) -> Decision:
    """The decision on kms:Decrypt; `scps` is one policy for each level."""
    policies = Policies(
        resource=named(key, "resource"),
        identity=tuple(named(each) for each in (given.get("identity"),) if each),
        boundary=named(given["boundary"]) if "boundary" in given else None,
        session=tuple(named(each) for each in (given.get("session"),) if each),
        scps=tuple((named(each),) for each in given.get("scps", ())),
        rcps=tuple((named(each, "control"),) for each in given.get("rcps", ())),
    )
    return decide(Request.of(Caller.of(caller), "kms:Decrypt", KEY, HOME), policies)


def fell(caller: str, key: Any = ACCOUNT, **given: Any) -> Fall:
    return layers.fall(decided(caller, key, **given))


def states(fall: Fall) -> dict[str, State]:
    return {step.title: step.state for side in fall.sides for step in side.steps}


# --- The sieve ---------------------------------------------------------------------------------


def test_a_request_that_is_allowed_passes_every_layer() -> None:
    fall = fell(ALICE, identity=IAM, scps=[FULL, FULL, FULL], boundary=FULL)
    assert fall.allowed
    assert fall.stops == ()
    assert set(states(fall).values()) == {PASSES}
    assert list(states(fall)) == [
        *("SCPs of the organisation", "SCPs of the unit", "SCPs of the account"),
        *("key policy", "identity policies", "permissions boundary"),
    ]


@pytest.mark.parametrize(
    ("place", "given"),
    [
        ("SCPs of the unit", {"scps": [FULL, S3, FULL]}),
        ("SCPs of the account", {"scps": [FULL, FULL, S3]}),
        ("key policy", {"key": allow("kms:Encrypt", to={"AWS": ROOT})}),
        ("identity policies", {"identity": S3}),
        ("permissions boundary", {"boundary": S3}),
        ("session policy", {"session": S3}),
    ],
)
def test_the_layer_that_is_silent_stops_it_and_what_is_below_is_not_reached(
    place: str, given: Mapping[str, Any]
) -> None:
    all_allow = {"identity": IAM, "scps": [FULL] * 3, "boundary": FULL, "session": FULL}
    found = states(fall := fell(S1, **{**all_allow, **given}))
    at = list(found).index(place)
    assert list(found.values()) == [PASSES] * at + [STOPS] + [UNREACHED] * (len(found) - at - 1)
    assert fall.outcome.startswith(f"denied at the {place}, because no ")


def test_a_deny_is_asked_first_wherever_it_stands() -> None:
    refused = [FULL, deny("kms:Decrypt")]
    fall = fell(S1, identity=IAM, scps=[FULL, S3, FULL], session=refused)
    assert fall.deny == "A Deny fits, in the session policy"
    found = states(fall)
    assert found.pop("session policy") is STOPS
    assert set(found.values()) == {UNREACHED}


def test_a_resource_control_policy_only_denies() -> None:
    fall = fell(ALICE, identity=IAM, rcps=[allow(to="*")])
    assert "resource control policies: nothing against it, passes" in fall.told
    fall = fell(ALICE, identity=IAM, rcps=[[allow(to="*"), deny("kms:*", to="*")]])
    assert fall.deny == "A Deny fits, in the resource control policies"


def test_what_a_key_policy_that_names_the_user_makes_unneeded() -> None:
    fall = fell(ALICE, [ACCOUNT, allow("kms:Decrypt", to={"AWS": ALICE})], boundary=S3)
    assert fall.allowed
    found = states(fall)
    assert (found["identity policies"], found["permissions boundary"]) == (UNNEEDED, UNNEEDED)


def test_a_key_policy_that_names_a_role_leaves_it_under_its_session_policy() -> None:
    fall = fell(S1, allow("kms:Decrypt", to={"AWS": APP}), session=S3)
    found = states(fall)
    assert (found["identity policies"], found["session policy"]) == (UNNEEDED, STOPS)


def test_another_accounts_sides_are_judged_each_for_itself() -> None:
    fall = fell(EVE)
    ours, theirs = fall.sides[1], fall.sides[0]
    assert (theirs.title, ours.title) == (
        f"The caller's account {Caller.of(EVE).account}",
        f"The key's account {HOME}",
    )
    assert [step.state for step in (*theirs.steps, *ours.steps)] == [STOPS, STOPS]
    assert fall.outcome == (
        "denied at the key policy, because no resource-based policy allows the kms:Decrypt action "
        "(and stopped at the identity policies)"
    )


@pytest.mark.parametrize("key", [allow("kms:*", to={"AWS": EVE}), allow("kms:*", to={"AWS": "*"})])
def test_across_accounts_the_silent_side_alone_is_marked(key: Any) -> None:
    found = states(fell(EVE, key))
    assert found == {"key policy": PASSES, "identity policies": STOPS}
    found = states(fell(EVE, identity=IAM))
    assert found == {"key policy": STOPS, "identity policies": PASSES}
    assert fell(EVE, allow("kms:*", to={"AWS": AWAY_ROOT}), identity=IAM).allowed


# --- The picture -------------------------------------------------------------------------------


def test_the_picture_says_in_words_which_layer_decided() -> None:
    picture = layers_view.picture(fell(S1, identity=IAM, session=S3), "app asks for Decrypt")
    assert picture.alt.startswith("app asks for Decrypt. No Deny fits, in any layer. Account ")
    assert "session policy: nothing allows it, stops here." in picture.alt
    assert picture.alt.endswith("It does not reach the KMS key.")
    words = re.findall(r"<text[^>]*>(.*?)</text>", picture.data.decode())
    assert sum(word.endswith("stops here") for word in words) == 1


@pytest.mark.parametrize("rows", [layers_view.RULES])
def test_the_figure_tells_each_rule_in_its_alternative_text(rows: Any) -> None:
    alt = layers_view.rules().alt
    assert all(f"{name}: {does}" in alt for name, does in rows)


# --- The widget --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def key(lab: Lab) -> str:
    arn: str = lab.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_the_widget_asks_the_lab_and_ask_again_sees_a_changed_policy(lab: Lab, key: str) -> None:
    ann = lab.user("ann", policy=shorthand.allow("kms:Encrypt", key))
    actions = ("kms:Decrypt", "kms:Encrypt")
    sieve = widgets.PolicySieve(lab, key, {"ann": ann, "admin": lab.admin}, actions)
    assert sieve.text.startswith("ann asks for kms:Decrypt: denied at the identity policies")
    sieve.action = "kms:Encrypt"
    assert sieve.text.startswith("ann asks for kms:Encrypt: allowed by")
    assert sieve.choices["action"].value == "kms:Encrypt"
    ann.put_policy("policy", shorthand.deny("kms:*"))
    sieve.again.click()
    assert sieve.text.startswith("ann asks for kms:Encrypt: denied at the identity policies, with")
    sieve.choices["value"].value = "admin"
    assert sieve.text.startswith("admin asks for kms:Encrypt: allowed")
    assert 'alt="admin asks for kms:Encrypt.' in sieve.still()


@pytest.mark.parametrize(
    ("grantee", "operation", "expected"),
    [
        ("arn:aws:iam::222222222222:role/lent", "Decrypt", (UNNEEDED, UNNEEDED, PASSES)),
        ("arn:aws:iam::222222222222:root", "Decrypt", (STOPS, UNNEEDED, PASSES)),
        ("arn:aws:iam::222222222222:role/lent", "Encrypt", (STOPS, STOPS, UNREACHED)),
    ],
)
def test_a_grant_stands_in_for_the_key_policy(
    lab: Lab, key: str, grantee: str, operation: str, expected: tuple[State, ...]
) -> None:
    role = lab.account("222222222222").role("lent")
    kms = lab.client("kms")
    kms.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=[operation])
    lab.clock.advance(minutes=6)
    found = states(layers.fall(lab.simulate(role, "kms:Decrypt", key).decision))
    names = ("identity policies", "key policy", "grants")
    assert tuple(found[name] for name in names) == expected


def test_a_condition_value_goes_with_the_request(lab: Lab, key: str) -> None:
    via = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    policy = shorthand.allow("kms:Decrypt", key, Condition={"StringEquals": via})
    given = {"directly": {}, "through S3": via}
    sieve = widgets.PolicySieve(
        lab, key, {"ben": lab.user("ben", policy=policy)}, ["kms:Decrypt"], given
    )
    assert "denied" in sieve.text
    sieve.given = "through S3"
    assert sieve.text.startswith("ben asks for kms:Decrypt, through S3: allowed")


def test_an_unknown_choice_is_refused_by_name_and_changes_nothing(lab: Lab, key: str) -> None:
    sieve = widgets.PolicySieve(lab, key, {"admin": lab.admin}, ["kms:Decrypt"])
    with pytest.raises(ValueError, match="'nobody': one of admin is due"):
        sieve.value = "nobody"
    assert sieve.value == "admin"


def test_who_is_another_name_of_the_value(lab: Lab, key: str) -> None:
    who = {"admin": lab.admin, "root": lab.root}
    sieve = widgets.PolicySieve(lab, key, who, ["kms:Decrypt"])
    sieve.who = "root"
    assert (sieve.value, sieve.who) == ("root", "root")
    assert sieve.text.startswith("root asks for kms:Decrypt")
    with pytest.raises(ValueError, match="one of admin, root is due"):
        sieve.who = "nobody"


# --- The checks: other right answers than the solutions' ----------------------------------------

MFA = "aws:MultiFactorAuthPresent"
NO_BILLING = {
    "StringNotEquals": {"aws:PrincipalTag/dept": "billing"},
    "StringLike": {"aws:PrincipalTag/dept": "*"},
}


def test_a_condition_of_the_allow_mends_the_second_factor_too(lab: Lab, key: str) -> None:
    when = {**NO_BILLING, "Bool": {MFA: "true"}}
    account = shorthand.allow("kms:*", Principal={"AWS": str(lab.account)})
    answer = {
        "key": account,
        "readers": shorthand.document(shorthand.allow("kms:Decrypt", key, Condition=when)),
    }
    assert repr(check.lesson08.ex1(lab, key, answer)).startswith("done: ")


def test_a_condition_on_the_role_of_a_whole_account_is_as_narrow(lab: Lab, key: str) -> None:
    role = lab.account("222222222222").role("results")
    when = {
        "ArnEquals": {"aws:PrincipalArn": role.arn},
        "StringEquals": {"kms:EncryptionContext:kind": "blood"},
        "ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "kind"},
    }
    to = {"AWS": f"arn:aws:iam::{role.account}:root"}
    answer = {
        "key": [shorthand.allow("kms:Decrypt", Principal=to, Condition=when)],
        "role": [shorthand.allow("kms:Decrypt", key, Condition={
            "StringEquals": {"kms:EncryptionContext:kind": "blood"}})],
    }  # fmt: skip
    assert repr(check.lesson08.ex2(lab, key, role, answer)).startswith("done: ")


def test_checks_leave_the_lab_as_it_was_whatever_they_say(lab: Lab, key: str) -> None:
    role = lab.account("222222222222").role("results")
    wide = {"key": [shorthand.allow("kms:*", Principal={"AWS": role.arn})],
            "role": [shorthand.allow("kms:*")]}  # fmt: skip
    account = shorthand.allow("kms:*", Principal={"AWS": str(lab.account)})
    others = {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/break-glass"}}
    reading = [shorthand.allow("kms:Decrypt", key)]
    before = records(lab)
    said = [
        check.lesson08.ex1(lab, key, {"key": [account], "readers": reading}),
        check.lesson08.ex2(lab, key, role, wide),
        check.lesson08.ex3(lab, shorthand.allow("*")),
        check.lesson08.ex3(lab, shorthand.deny("kms:ScheduleKeyDeletion", Condition=others)),
    ]
    assert [each.state for each in said] == ["not yet"] * 3 + ["done"]
    assert records(lab) == before
    assert not lab.who_can(key, "kms:Decrypt")[2:]


def records(lab: Lab) -> dict[str, Any]:
    """All that a lab keeps."""
    names = lab._rooms.store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: lab._rooms.store.rows(f"SELECT * FROM {name}") for (name,) in names}


@pytest.mark.parametrize(
    "spared",
    [
        {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::{}:role/break-glass"}},
        {"ArnNotEquals": {"aws:PrincipalArn": ["arn:aws:iam::{}:role/break-glass", "{}"]}},
    ],
)
def test_other_operators_spare_the_role_as_well(lab: Lab, spared: Any) -> None:
    text = shorthand.document(shorthand.deny("kms:ScheduleKeyDeletion", Condition=spared))
    answer = text.replace("{}", str(lab.account))
    assert repr(check.lesson08.ex3(lab, answer)).startswith("done: ")


def test_checks_take_anything_and_hint_on_a_second_try(lab: Lab, key: str) -> None:
    again = [repr(check.lesson08.ex3(lab, answer)) for answer in (None, 5, "{", [1], {})]
    assert all(said.startswith("not yet: ") for said in again)
    assert not any("Hint: " in said for said in again)
    again = [repr(check.lesson08.ex3(lab, shorthand.allow("*"))) for _ in "12"]
    assert "Hint: " in again[-1]
    assert repr(check.lesson08.ex3(lab, ...)).startswith("not started: ")
    for answer in (
        {},
        {"key": ..., "readers": []},
        {"key": [{"Effect": object()}], "readers": [{}]},
    ):
        assert repr(check.lesson08.ex1(lab, key, answer)).startswith("not yet: ")
