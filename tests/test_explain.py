"""Explanations: the deciding statement first, and a change that really turns the answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from asking import account, allow, answer, deny, document
from botocore.exceptions import ClientError

from kmslab import Lab
from kmslab.explain.advice import Advice
from kmslab.explain.explanation import Explanation
from kmslab.iam.trace import Verdict

HR = {"StringEquals": {"kms:EncryptionContext:dept": "hr"}}


@pytest.fixture
def made(fresh: Lab) -> tuple[Lab, Any, str]:
    """A lab, alice and a key."""
    return fresh, fresh.user("alice"), fresh.client("kms").create_key()["KeyMetadata"]["Arn"]


def _refused(call: Any, **parameters: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value


def _explained(lab: Lab, error: ClientError | None = None) -> Explanation:
    found = lab.explain(error)
    assert isinstance(found, Explanation)
    return found


def test_a_refusal_names_the_layer_that_keeps_silent(made: Any) -> None:
    lab, alice, key = made
    error = _refused(alice.client("kms").encrypt, KeyId=key, Plaintext=b"secret")
    told = _explained(lab, error)
    assert not told.allowed
    assert told.reason in error.response["Error"]["Message"]
    verdicts = {str(each.layer): each.verdict for each in told.layers}
    assert verdicts["resource-based policy"] is Verdict.DELEGATES
    assert verdicts["identity-based policy"] is Verdict.ABSENT
    assert "secret" not in repr(told) + told._repr_html_()


def test_the_statement_that_decided_stands_first(made: Any) -> None:
    lab, alice, key = made
    alice.put_policy("a", [allow("s3:*"), allow("kms:*"), deny("kms:Encrypt", Condition=HR)])
    client = alice.client("kms")
    context = {"EncryptionContext": {"dept": "hr"}}
    _refused(client.encrypt, KeyId=key, Plaintext=b"x", **context)
    first, *others = _explained(lab).statements
    assert (first.effect, first.name, first.decides) == ("Deny", "statement 3", True)
    assert not any(each.decides for each in others)
    client.encrypt(KeyId=key, Plaintext=b"x")
    assert [each.effect for each in _explained(lab).statements if each.decides] == ["Allow"] * 2


def test_what_would_turn_an_answer_turns_it(made: Any) -> None:
    lab, alice, key = made
    client, call = alice.client("kms"), {"KeyId": key, "Plaintext": b"x"}
    alice.put_policy("use", [allow("kms:Encrypt", Condition=HR)])
    _refused(client.encrypt, **call)
    first, second = _explained(lab).changes
    assert "kms:EncryptionContext:dept = hr (it is absent)" in str(first)
    assert str(second).startswith("allow kms:Encrypt on")
    assert answer(client.encrypt, EncryptionContext={"dept": "hr"}, **call) == "ok"
    alice.put_policy("more", [allow("kms:Encrypt", resource=key)])
    assert answer(client.encrypt, **call) == "ok"


def test_several_layers_that_keep_silent_are_several_steps_of_one_change(made: Any) -> None:
    lab, _, key = made
    lab.organization.scp("only-s3", [allow("s3:*")], at=lab.account)
    lab.organization.remove("FullAWSAccess", at=lab.account)
    bob = lab.account("222222222222").user("bob", boundary="PowerUserAccess")
    _refused(bob.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    (change,) = _explained(lab).changes
    assert len(change.steps) == 2
    assert f"of account {lab.account}" in change.steps[0]
    assert bob.arn in change.steps[1]
    _refused(lab.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    (change,) = _explained(lab).changes
    assert change.steps == ("allow kms:Encrypt in a service control policy of level 2",)


def test_a_deny_has_to_go(made: Any) -> None:
    lab, _, key = made
    lab.client("kms").put_key_policy(
        KeyId=key, Policy=document(account(lab), deny("kms:Encrypt", Sid="never", Principal="*"))
    )
    _refused(lab.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    (change,) = _explained(lab).changes
    assert change.steps == ('take "never" of key policy out, which denies it',)


def test_a_grant_that_is_not_in_force_says_when_it_will_be(made: Any) -> None:
    lab, alice, key = made
    lab.client("kms").create_grant(KeyId=key, GranteePrincipal=alice.arn, Operations=["Encrypt"])
    _refused(alice.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    told = _explained(lab)
    assert re.search(r"In force +in \d+ s", repr(told))
    assert str(told.changes[0]).startswith("show the token of grant")


def test_a_constraint_that_fails_says_what_would_fit(made: Any) -> None:
    lab, alice, key = made
    hr = {"EncryptionContextEquals": {"dept": "hr"}}
    lab.client("kms").create_grant(
        KeyId=key, GranteePrincipal=alice.arn, Operations=["Encrypt"], Constraints=hr
    )
    lab.clock.advance(minutes=6)
    _refused(alice.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    assert '{"EncryptionContextEquals": {"dept": "hr"}}' in str(_explained(lab).changes[0])


def test_an_earlier_error_is_explained_by_its_own_decision(made: Any) -> None:
    lab, alice, key = made
    first = _refused(alice.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    _refused(alice.client("kms").describe_key, KeyId=key)
    assert _explained(lab, first).decision.request.action == "kms:Encrypt"
    assert _explained(lab).decision.request.action == "kms:DescribeKey"


def test_both_questions_of_a_call_are_told(made: Any) -> None:
    lab, alice, key = made
    blob = lab.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    alice.put_policy("p", [allow("kms:ReEncryptFrom")])
    _refused(alice.client("kms").re_encrypt, CiphertextBlob=blob, DestinationKeyId=key)
    text = repr(_explained(lab))
    assert "Before that, kms:ReEncryptFrom: Allowed" in text
    assert "asks for kms:ReEncryptTo" in text


def test_an_error_that_no_policy_made_gets_advice(made: Any) -> None:
    lab, _, key = made
    kms = lab.client("kms")
    kms.disable_key(KeyId=key)
    error = _refused(kms.encrypt, KeyId=key, Plaintext=b"x")
    told = lab.explain(error)
    assert isinstance(told, Advice)
    assert repr(lab.explain()) == repr(told)
    _refused(kms.decrypt, CiphertextBlob=b"junk")
    assert "InvalidCiphertextException" in repr(lab.explain())
    assert "key's state decides" in repr(told)
    assert "<strong>DisabledException</strong>" in told._repr_html_()


def test_a_lockout_is_explained_by_the_question_behind_it(made: Any) -> None:
    lab, alice, key = made
    only_alice = document(allow("kms:*", Principal={"AWS": alice.arn}))
    error = _refused(lab.client("kms").put_key_policy, KeyId=key, Policy=only_alice)
    assert not _explained(lab).allowed
    told = _explained(lab, error)
    assert told.decision.request.action == "kms:PutKeyPolicy"
    assert "could still change the policy" in repr(told)


def test_what_is_no_error_of_aws_is_refused(fresh: Lab) -> None:
    with pytest.raises(TypeError, match="an error of a boto3 client is due"):
        fresh.explain(ValueError("x"))


def test_text_of_policies_is_no_html(made: Any) -> None:
    lab, alice, key = made
    alice.put_policy("p", [allow("kms:Encrypt", Sid="script<b>", Condition=HR)])
    _refused(alice.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    assert "script<b>" not in _explained(lab)._repr_html_()


def test_a_typical_refusal_fits_a_screen(made: Any) -> None:
    lab, alice, key = made
    alice.put_policy("p", [allow(f"s3:Get{number}") for number in range(30)])
    _refused(alice.client("kms").encrypt, KeyId=key, Plaintext=b"x")
    lines = repr(_explained(lab)).splitlines()
    assert len(lines) < 20
    assert lines[-1] == "… and 30 statements more, about something else"


def test_who_can_lists_those_who_can_and_nobody_else(made: Any) -> None:
    lab, alice, key = made
    lab.user("bob", policy=allow("kms:Decrypt", Condition=HR))
    lab.role("app", policy=allow("kms:Decrypt"))
    root, admin = (f"arn:aws:iam::{lab.account}:{name}" for name in ("root", "user/admin"))
    app, bob = (f"arn:aws:iam::{lab.account}:{name}" for name in ("role/app", "user/bob"))
    assert sorted(lab.who_can(key, "kms:Decrypt")) == sorted([root, admin, app])
    context = {"kms:EncryptionContext:dept": "hr"}
    assert bob in lab.who_can(key, "kms:Decrypt", context)
    assert alice.arn not in lab.who_can(key, "kms:Decrypt", context)
    for who in (root, admin, app):
        assert who in repr(lab.who_can(key, "kms:Decrypt"))


def test_a_simulation_answers_as_the_call_would(made: Any) -> None:
    lab, alice, key = made
    alice.put_policy("p", [allow("kms:Encrypt", Condition=HR)])
    client, call = alice.client("kms"), {"KeyId": key, "Plaintext": b"x"}
    before = len(lab.trail())
    for context in ({}, {"dept": "hr"}, {"dept": "it"}):
        given = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
        supposed = lab.simulate(alice, "kms:Encrypt", key, given).allowed
        assert supposed is (answer(client.encrypt, EncryptionContext=context, **call) == "ok")
    assert len(lab.trail()) == before + 3
    for resource in (key.split("/")[1], key):
        assert not lab.simulate(alice, "kms:Decrypt", resource).allowed
    assert lab.simulate(lab.admin, "kms:ListKeys").allowed
    assert not lab.simulate(alice, "s3:GetObject", "arn:aws:s3:::b/k").allowed


def test_a_simulation_of_nonsense_says_what_would_be_right(made: Any) -> None:
    lab, alice, key = made
    with pytest.raises(ValueError, match="as in kms:Decrypt"):
        lab.simulate(alice, "Decrypt", key)
    with pytest.raises(TypeError, match="a caller is due"):
        lab.simulate("alice", "kms:Decrypt", key)
    with pytest.raises(ValueError, match="does not exist"):
        lab.simulate(alice, "kms:Decrypt", "11111111-2222-4333-8444-555555555555")


def test_a_locked_key_has_no_way_in_and_the_explanation_says_so(made: Any) -> None:
    lab, alice, key = made
    kms = lab.client("kms")
    only_alice = document(allow("kms:Decrypt", Principal={"AWS": alice.arn}))
    kms.put_key_policy(KeyId=key, Policy=only_alice, BypassPolicyLockoutSafetyCheck=True)
    _refused(lab.root.client("kms").describe_key, KeyId=key)
    told = _explained(lab)
    assert told.changes == ()
    assert "only AWS Support could help" in repr(told)
    _refused(alice.client("kms").describe_key, KeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    assert "AWS Support" not in repr(_explained(lab))


WISHES = [
    (
        allow,
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        "with aws:MultiFactorAuthPresent = true",
    ),
    (
        deny,
        {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        "with aws:MultiFactorAuthPresent = true (it is absent)",
    ),
    (
        deny,
        {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}},
        "with aws:RequestedRegion = eu-west-1",
    ),
    (
        deny,
        {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
        "without aws:RequestedRegion = us-east-1",
    ),
    (
        deny,
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        'for which "aws:SourceIp NotIpAddress 10.0.0.0/8" is false (it is 127.0.0.1)',
    ),
    (
        allow,
        {"StringEquals": {"aws:PrincipalTag/dept": "x"}},
        "ask as a caller with aws:PrincipalTag",
    ),
    (
        allow,
        {"StringEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/home}"}},
        "${aws:PrincipalTag/home} has no value here",
    ),
]


@pytest.mark.parametrize(("effect", "condition", "words"), WISHES)
def test_a_condition_is_told_as_what_the_request_would_need(
    made: Any, effect: Any, condition: Any, words: str
) -> None:
    lab, alice, key = made
    rights = [effect("kms:DescribeKey", Condition=condition)]
    alice.put_policy("p", rights if effect is allow else [allow("kms:*"), *rights])
    _refused(alice.client("kms").describe_key, KeyId=key)
    assert words in str(_explained(lab).changes[0])


def test_levels_that_all_allow_are_one_layer(made: Any) -> None:
    lab, alice, key = made
    lab.organization.join(lab.account, ou="clinics")
    _refused(alice.client("kms").describe_key, KeyId=key)
    assert "service control policies ✓ allow on all 3 levels" in repr(_explained(lab))


def test_names_that_no_service_has_are_refused_with_a_near_one(made: Any) -> None:
    lab, alice, key = made
    with pytest.raises(ValueError, match=r"did you mean kms:Encrypt\?"):
        lab.simulate(alice, "kms:Encript", key)
    with pytest.raises(ValueError, match="an action are due"):
        lab.who_can("kms:Decrypt", key)
    with pytest.raises(ValueError, match="a condition key is due"):
        lab.simulate(alice, "kms:Decrypt", key, {"dept": "hr"})
    with pytest.raises(TypeError, match="condition keys and their values"):
        lab.simulate(alice, "kms:Decrypt", key, "s3")
