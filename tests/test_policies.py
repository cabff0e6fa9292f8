"""Key policies as documents: what is saved, what is shown, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused

from kmslab import Lab

LOCKOUT = "The new key policy will not allow you to update the key policy in the future."


def statement(**changes: Any) -> dict[str, Any]:
    """A statement that lets everybody do everything, but for some changes; None takes one out."""
    whole = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", **changes}
    return {name: value for name, value in whole.items() if value is not None}


def policy(*statements: Any) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _put(kms: Any, key: str, document: str, **more: Any) -> None:
    kms.put_key_policy(KeyId=key, Policy=document, **more)


def _get(kms: Any, key: str) -> str:
    document: str = kms.get_key_policy(KeyId=key)["Policy"]
    return document


def _kept(lab: Lab, key: str) -> str:
    """A key's policy, whoever may read it."""
    row = lab._rooms.store.row("SELECT document FROM policy WHERE key_id = ?", (key,))
    assert row
    return str(row[0])


def test_a_key_without_policy_has_awss_default_one(lab: Lab, kms: Any, key: str) -> None:
    answer = kms.get_key_policy(KeyId=key)
    assert answer["PolicyName"] == "default"
    assert answer["Policy"] == (
        '{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n  "Statement" : [ {\n'
        '    "Sid" : "Enable IAM User Permissions",\n    "Effect" : "Allow",\n'
        f'    "Principal" : {{\n      "AWS" : "arn:aws:iam::{lab.account}:root"\n    }},\n'
        '    "Action" : "kms:*",\n    "Resource" : "*"\n  } ]\n}'
    )
    assert kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] == answer["Policy"]


def test_a_policy_is_shown_as_it_was_put(kms: Any, other_key: str) -> None:
    for document in (policy(statement()), " " + policy(statement(Sid="ümläut\t")) + "\n"):
        _put(kms, other_key, document)
        assert _get(kms, other_key) == document
    made = kms.create_key(Policy=policy(statement(Sid="made")))["KeyMetadata"]["KeyId"]
    assert "made" in _get(kms, made)


def test_a_key_has_one_policy_named_default(kms: Any, key: str) -> None:
    answer = kms.list_key_policies(KeyId=key)
    assert (answer["PolicyNames"], answer["Truncated"]) == (["default"], False)
    pages = list(kms.get_paginator("list_key_policies").paginate(KeyId=key))
    assert [page["PolicyNames"] for page in pages] == [["default"]]


def test_another_name_of_a_policy_is_refused(kms: Any, key: str) -> None:
    with refused("NotFoundException", "No such policy exists"):
        _put(kms, key, policy(statement()), PolicyName="mine")
    for name in ("mine", "AWS_RAM", "Default"):
        with refused("NotFoundException", "No such policy exists"):
            kms.get_key_policy(KeyId=key, PolicyName=name)
    message = "The AWS_RAM policy can only be managed by the RAM service"
    with refused("ValidationException", message):
        _put(kms, key, policy(statement()), PolicyName="AWS_RAM")
    with refused("ValidationException"):
        kms.get_key_policy(KeyId=key, PolicyName="no word")


MALFORMED = {
    "no JSON": "{",
    "a text": '"kms:*"',
    "a number": "7",
    "null": "null",
    "a list": "[]",
    "no statement": '{"Version": "2012-10-17"}',
    "a statement that is text": '{"Statement": "Allow"}',
    "a statement that is null": '{"Statement": null}',
    "a statement that is a number": '{"Statement": 1}',
    "a list of texts": '{"Statement": ["Allow"]}',
    "a list of lists": '{"Statement": [[]]}',
    "no effect": policy(statement(Effect=None)),
    "another effect": policy(statement(Effect="allow")),
    "an effect that is a list": policy(statement(Effect=["Allow"])),
    "no principal": policy(statement(Principal=None)),
    "a principal that is a number": policy(statement(Principal=1)),
    "a principal of objects": policy(statement(Principal={"AWS": [{}]})),
    "a principal of a number": policy(statement(Principal={"AWS": 1})),
    "actions that are numbers": policy(statement(Action=[1])),
    "an action that is a number": policy(statement(Action=1)),
    "an action that is an object": policy(statement(Action={"kms:*": 1})),
    "no statements": policy(),
    "a condition that is no operator": policy(statement(Condition={"Equals": {"a": "b"}})),
    "both Action and NotAction": policy(statement(NotAction="kms:*")),
    "a name that stands twice": '{"Statement": {"Effect": "Allow", "Effect": "Deny"}}',
    "an element that is none": policy(statement(Who="*")),
    "a version that is none": '{"Version": "2020-01-01", "Statement": []}',
    "a bottomless nest": "[" * 30_000,
    "a bottomless object": '{"a":' * 6_000,
    "a huge number": "1" * 30_000,
}


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.parametrize("bypass", [False, True])
def test_what_is_no_policy_is_malformed(kms: Any, key: str, case: str, bypass: bool) -> None:
    before = _get(kms, key)
    more = {"BypassPolicyLockoutSafetyCheck": bypass}
    with refused("MalformedPolicyDocumentException") as caught:
        _put(kms, key, MALFORMED[case], **more)
    message = caught.value.response["Error"]["Message"]
    assert message
    assert "object has no" not in message
    with refused("MalformedPolicyDocumentException", message):
        kms.create_key(Policy=MALFORMED[case], **more)
    assert _get(kms, key) == before


SAVED = {
    "everybody": statement(),
    "everybody, in another form": statement(Principal={"AWS": "*"}),
    "the account": statement(Principal={"AWS": "arn:aws:iam::ACCOUNT:root"}),
    "the account by its number": statement(Principal={"AWS": ["ACCOUNT"]}),
    "the caller": statement(Principal={"AWS": ["arn:aws:iam::ACCOUNT:user/admin", "ACCOUNT"]}),
    "one action": statement(Action=["kms:Encrypt", "kms:PutKeyPolicy"]),
    "an action in any case": statement(Action="KMS:putkeypolicy"),
    "every action": statement(Action="*"),
    "actions by their beginning": statement(Action="kms:Put*"),
}


@pytest.mark.parametrize("case", SAVED)
def test_a_policy_that_lets_the_caller_change_it_is_saved(lab: Lab, kms: Any, case: str) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    deny = statement(Effect="Deny", Principal={"AWS": "ACCOUNT"}, Action="kms:Encrypt")
    document = policy(deny, SAVED[case]).replace("ACCOUNT", lab.account)
    _put(kms, key, document)
    _put(kms, key, document.replace("2012-10-17", "2008-10-17"))
    assert "2008-10-17" in _kept(lab, key)


LOCKED = {
    "only a denial": [statement(Effect="Deny")],
    "somebody else": [statement(Principal={"AWS": "arn:aws:iam::ACCOUNT:role/other"})],
    "another account": [statement(Principal={"AWS": "arn:aws:iam::111122223333:root"})],
    "the account, with a condition that it can't meet": [
        statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-nobody"}})
    ],
    "a service": [statement(Principal={"Service": "s3.amazonaws.com"})],
    "another action": [statement(Action=["kms:Encrypt", "kms:PutKeyPolicyX"])],
    "no action": [statement(Action=None)],
    "all but somebody": [statement(Principal=None, NotPrincipal={"AWS": "*"})],
}


@pytest.mark.parametrize("case", LOCKED)
def test_a_policy_that_locks_the_caller_out_is_saved_only_on_demand(
    lab: Lab, kms: Any, case: str
) -> None:
    lab.account("111122223333")
    lab.role("other")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    before, document = _get(kms, key), policy(*LOCKED[case]).replace("ACCOUNT", lab.account)
    for more in ({}, {"BypassPolicyLockoutSafetyCheck": False}):
        with refused("MalformedPolicyDocumentException", LOCKOUT):
            _put(kms, key, document, **more)
    assert _get(kms, key) == before
    _put(kms, key, document, BypassPolicyLockoutSafetyCheck=True)
    assert _kept(lab, key) == document
    with refused("AccessDeniedException"):
        _put(kms, key, policy(statement()))


def test_a_policy_has_at_most_32_kilobytes(kms: Any, other_key: str) -> None:
    short = policy(statement(Sid=""))
    fits = policy(statement(Sid="x" * (32_768 - len(short))))
    assert len(fits) == 32_768
    _put(kms, other_key, fits)
    with refused("LimitExceededException"):
        _put(kms, other_key, fits + " ")
    with refused("LimitExceededException"):
        kms.create_key(Policy=fits + " ")
    with refused("LimitExceededException"):  # bytes count, not characters
        _put(kms, other_key, fits.replace("x", "ü", 1))
    with refused("ValidationException"):
        _put(kms, other_key, "x" * 131_073)
    assert _get(kms, other_key) == fits


def test_a_policy_has_latin_letters_only(kms: Any, key: str) -> None:
    with refused("ValidationException"):
        _put(kms, key, policy(statement()).replace("kms", "k\u0100s"))


def test_the_policy_of_an_unknown_key_is_not_found(kms: Any) -> None:
    for call in (kms.get_key_policy, kms.list_key_policies):
        with refused("NotFoundException"):
            call(KeyId=UNKNOWN_ID)
    with refused("NotFoundException"):
        _put(kms, UNKNOWN_ID, policy(statement()))


def test_a_policy_is_changed_in_every_state(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key)
    _put(kms, key, policy(statement(Sid="late")))
    assert "late" in _get(kms, key)


STRANGERS = {
    "a user that isn't there": {"AWS": "arn:aws:iam::ACCOUNT:user/nobody"},
    "a role that isn't there": {"AWS": "arn:aws:iam::ACCOUNT:role/nobody"},
    "a session of a role that isn't there": {"AWS": "arn:aws:sts::ACCOUNT:assumed-role/nobody/x"},
    "an account that isn't there": {"AWS": "arn:aws:iam::999999999999:root"},
    "an account that isn't there, by its number": {"AWS": "999999999999"},
    "a group": {"AWS": "arn:aws:iam::ACCOUNT:group/nurses"},
    "a pattern": {"AWS": "arn:aws:iam::ACCOUNT:user/*"},
    "one of two": {"AWS": ["ACCOUNT", "arn:aws:iam::ACCOUNT:user/nobody"]},
    "another case": {"AWS": "arn:aws:iam::ACCOUNT:user/ADMIN"},
    "somebody who was deleted": {"AWS": "AIDAIOSFODNN7EXAMPLE1"},
}


@pytest.mark.parametrize("case", STRANGERS)
@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_a_principal_has_to_exist(lab: Lab, kms: Any, case: str, element: str) -> None:
    lab.group("nurses")
    named = {"Principal": None, element: STRANGERS[case]}
    stranger = statement(Effect="Deny", **named)
    document = policy(statement(), stranger).replace("ACCOUNT", lab.account)
    with refused(
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
    ):
        kms.create_key(Policy=document, BypassPolicyLockoutSafetyCheck=True)


@pytest.mark.parametrize("name", ["kms:EncryptionContext:dept", "aws:RequestTag/team"])
def test_for_all_values_with_a_key_of_one_value_is_overly_permissive(kms: Any, name: str) -> None:
    for over, ok in (("ForAllValues:", False), ("ForAnyValue:", True), ("", True)):
        condition = {f"{over}StringEquals": {name: "x"}}
        document = policy(statement(), statement(Condition=condition))
        if ok:
            kms.create_key(Policy=document)
            continue
        with refused("MalformedPolicyDocumentException") as caught:
            kms.create_key(Policy=document)
        assert "OverlyPermissiveCondition" in str(caught.value)
