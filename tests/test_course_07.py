"""Lesson 07: the figure of a key policy's ways, the playground, and what its checks accept."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kmslab import Lab
from kmslab.accounts.callers import Caller
from kmslab.course import check, playground, playground_view, policy_ways, widgets
from kmslab.course.check import rights
from kmslab.course.playground import Playground

ALL = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
Statement = dict[str, Any]


@pytest.fixture(scope="module")
def clinic() -> Iterator[Lab]:
    """A lab with callers of every kind."""
    with Lab() as lab:
        lab.user("alice"), lab.user("bob", policy=ALL)
        lab.account("222222222222").user("dana", policy=ALL)
        lab.account("222222222222").user("dora")
        yield lab


@pytest.fixture(scope="module")
def key(clinic: Lab) -> str:
    made: str = clinic.client("kms").create_key()["KeyMetadata"]["KeyId"]
    return made


def statement(who: str, *actions: str, **more: Any) -> Statement:
    named = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": list(actions)}
    return {**named, "Resource": "*", **more}


def text(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def root(lab: Lab) -> str:
    return f"arn:aws:iam::{lab.account}:root"


def people(lab: Lab) -> dict[str, Caller]:
    other = lab.account("222222222222")
    return {
        "alice": lab.user("alice"),
        "bob": lab.user("bob"),
        "root": lab.root,
        "run": lab.role("app").session("run-1"),
        "dana": other.user("dana"),
        "dora": other.user("dora"),
    }


# --- The figure --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "named", "end"),
    [
        ("alice", "alice", policy_ways.NAMED),
        ("bob", "alice", policy_ways.CLOSED),
        ("alice", "account", policy_ways.NO_IAM),
        ("bob", "account", policy_ways.BY_IAM),
        ("root", "account", policy_ways.NAMED),
        ("root", "alice", policy_ways.CLOSED),
        ("run", "run", policy_ways.NAMED),
        ("dana", "dana", policy_ways.BY_IAM),
        ("dora", "dora", policy_ways.NO_IAM),
        ("dana", "alice", policy_ways.CLOSED),
    ],
)
def test_a_decision_comes_to_the_end_that_the_figure_shows(
    clinic: Lab, key: str, who: str, named: str, end: str
) -> None:
    callers = people(clinic)
    name = root(clinic) if named == "account" else callers[named].arn
    policy = text(statement(name, "kms:Decrypt"))
    found = clinic.simulate(callers[who], "kms:Decrypt", key, policy=policy)
    assert policy_ways.way(found.decision) == end
    assert policy_ways.ENDS[end].endswith("allowed" if found.allowed else "denied")


def test_a_deny_is_the_first_end_whatever_else_allows(clinic: Lab, key: str) -> None:
    never = statement("*", "kms:*", Effect="Deny")
    policy = text(statement(root(clinic), "kms:*"), never)
    for who in people(clinic).values():
        found = clinic.simulate(who, "kms:Decrypt", key, policy=policy)
        assert policy_ways.way(found.decision) == policy_ways.FORBIDDEN


def test_an_end_is_marked_in_words_and_the_whole_figure_marks_none() -> None:
    for end, words in policy_ways.ENDS.items():
        marked = policy_ways.picture(at=end)
        assert marked.data.count(b"(here)") == 1
        assert marked.alt.endswith(f"This request: {words}.")
    assert b"(here)" not in policy_ways.picture().data


def test_a_boundary_that_keeps_silent_is_no_end_of_the_figure(clinic: Lab, key: str) -> None:
    held = clinic.user("held", policy=ALL, boundary="AWSKeyManagementServicePowerUser")
    found = clinic.simulate(held, "kms:Decrypt", key)
    assert (found.allowed, policy_ways.way(found.decision)) == (False, "")


# --- A policy that isn't saved -----------------------------------------------------------------


def test_a_simulation_takes_another_policy_and_saves_nothing(clinic: Lab, key: str) -> None:
    kms, alice = clinic.client("kms"), clinic.user("alice")
    before = kms.get_key_policy(KeyId=key)["Policy"]
    policy = text(statement(alice.arn, "kms:Decrypt"))
    assert clinic.simulate(alice, "kms:Decrypt", key, policy=policy).allowed
    assert clinic.simulate(alice, "kms:Decrypt", key, policy=json.loads(policy)).allowed
    assert not clinic.simulate(alice, "kms:Decrypt", key).allowed
    assert kms.get_key_policy(KeyId=key)["Policy"] == before
    with pytest.raises(ValueError, match="Statement"):
        clinic.simulate(alice, "kms:Decrypt", key, policy="{}")


# --- The playground ----------------------------------------------------------------------------


def test_the_playground_answers_as_the_lab_does_once_the_policy_is_saved(clinic: Lab) -> None:
    kms = clinic.client("kms")
    own: str = kms.create_key()["KeyMetadata"]["KeyId"]
    ground = Playground(clinic, own, people(clinic).values())
    heart = {"StringEquals": {"kms:EncryptionContext:dept": "heart"}}
    policy = text(
        statement(root(clinic), "kms:*"),
        statement(clinic.user("alice").arn, "kms:*", Condition=heart),
        statement(f"arn:aws:iam::{clinic.account}:role/app", "kms:Decrypt"),
    )
    answers = {
        (who, action, context): ground.ask(policy, who, action, context).verdict
        for who in ground.callers
        for action in playground.ACTIONS
        for context in ("", "dept=heart", "dept=lung")
    }
    assert ground.save(policy) == "saved"
    for (who, action, context), verdict in answers.items():
        pairs = playground.read_context(context) if action in playground.WITH_CONTEXT else {}
        given = {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
        saved = clinic.simulate(ground.callers[who], action, own, given)
        assert verdict == ("Allowed" if saved.allowed else "Denied"), (who, action, context)
    assert answers["user/alice", "kms:Decrypt", "dept=heart"] == "Allowed"
    assert answers["user/alice", "kms:DescribeKey", "dept=heart"] == "Denied"


@pytest.mark.parametrize("policy", ["", "{", "[]", "{}", "7", '{"Statement": 7}', "[" * 3_000])
def test_what_is_no_policy_gets_an_answer_that_says_so(clinic: Lab, key: str, policy: str) -> None:
    ground = Playground(clinic, key, [clinic.root])
    answer = ground.ask(policy, "root", "kms:Decrypt")
    assert (answer.verdict, answer.end) == ("No policy", "")
    assert answer.why
    assert answer.findings
    assert "lint: 1 finding" in answer.line
    assert ground.save(policy) != "saved"
    assert "<table" in playground_view.page(answer)


def test_a_context_is_read_with_its_spaces_trimmed() -> None:
    assert playground.read_context(" a = 1 ,b=x=y,, ") == {"a": "1", "b": "x=y"}
    for bad in ("dept", "=1", "a=1,b"):
        with pytest.raises(ValueError, match="name=value is due"):
            playground.read_context(bad)


@pytest.mark.parametrize("pairs", [{}, {"a": "1"}, {"dept": "heart", "patient": "17", "x": "y=z"}])
def test_a_context_is_written_as_it_is_read(pairs: dict[str, str]) -> None:
    assert playground.read_context(playground.written_context(pairs)) == pairs
    bad: dict[Any, Any]
    for bad in ({"a": "1, 2"}, {"a": 1}, {"": "1"}, {"a": " 1"}):
        with pytest.raises(ValueError, match="texts are due, without commas"):
            playground.written_context(bad)


def test_saving_says_what_aws_says_and_changes_nothing_then(clinic: Lab) -> None:
    own = clinic.client("kms").create_key()["KeyMetadata"]["KeyId"]
    ground = Playground(clinic, own, [clinic.root])
    before = ground.saved()
    locked = ground.save(text(statement(clinic.user("alice").arn, "kms:Decrypt")))
    assert locked.startswith("MalformedPolicyDocumentException: The new key policy will not allow")
    nobody = ground.save(text(statement(f"{root(clinic)[:-4]}user/nobody", "kms:*")))
    assert "invalid principals" in nobody
    assert ground.saved() == before


def test_the_page_lights_the_statement_that_decides_and_escapes_all(clinic: Lab, key: str) -> None:
    alice = clinic.user("alice").arn
    policy = text(
        statement(root(clinic), "kms:*"),
        statement(alice, "kms:Decrypt", Sid="<b>lit</b>"),
        statement(alice, "kms:Encrypt", Sid="other"),
    )
    ground = Playground(clinic, key, [clinic.user("alice")])
    page = playground_view.page(ground.ask(policy, "user/alice", "kms:Decrypt"), "<i>said</i>")
    rows = [row for row in re.findall(r"<tr>.*?</tr>", page) if "<td" in row]
    lit = [row for row in rows if "▶ decides" in row]
    assert len(lit) == 1
    assert "&lt;b&gt;lit&lt;/b&gt;" in lit[0]
    assert "box-shadow" in lit[0]
    assert page.count("box-shadow") == 1
    assert "<b>lit" not in page
    assert "<i>" not in page
    assert "✗ Action kms:Encrypt" in page
    assert "This request: an Allow names the caller: allowed." in page


def test_the_page_says_what_would_turn_a_denial(clinic: Lab, key: str) -> None:
    ground = Playground(clinic, key, [clinic.user("alice")])
    page = playground_view.page(ground.ask(ground.saved(), "user/alice", "kms:Decrypt"))
    assert "What would turn it: allow kms:Decrypt on " in page
    assert "lab.lint: nothing found." in page


def test_the_widget_is_driven_by_its_fields_and_buttons(clinic: Lab) -> None:
    own = clinic.client("kms").create_key()["KeyMetadata"]["KeyId"]
    widget = widgets.PolicyPlayground(clinic, own, people(clinic).values())
    assert widget.text.startswith("user/alice asks for kms:Decrypt: Denied, because no identity")
    widget.fields["who"].value = "user/bob"
    assert widget.text.startswith("user/bob asks for kms:Decrypt: Allowed, by ")
    widget.fields["value"].value = text(statement(clinic.user("alice").arn, "kms:Encrypt"))
    assert "Denied, because no resource-based policy" in widget.text
    widget.buttons["Save (PutKeyPolicy)"].click()
    assert widget.text.startswith("PutKeyPolicy: MalformedPolicyDocumentException: ")
    widget.who, widget.action, widget.context = "user/alice", "kms:Encrypt", "dept=heart"
    assert widget.text.startswith("user/alice asks for kms:Encrypt with dept=heart: Allowed")
    assert repr(widget) == "<PolicyPlayground: user/alice asks for kms:Encrypt with dept=heart>"
    widget.context = {"dept": "heart", "patient": "17"}
    assert widget.fields["context"].value == widget.context == "dept=heart, patient=17"
    assert " with dept=heart, patient=17: Allowed" in widget.text
    widget.context = "dept"
    assert widget.text.startswith("context 'dept': name=value is due")
    widget.buttons["Start again"].click()
    assert widget.value == widget.playground.saved()
    widget.buttons["Ask"].click()
    assert widget.still() in widget.view.value


def test_the_widget_names_what_there_is(clinic: Lab, key: str) -> None:
    widget = widgets.PolicyPlayground(clinic, key, [clinic.root])
    for name, known in (("who", "one of root is due"), ("action", "one of kms:Decrypt, ")):
        with pytest.raises(ValueError, match=known):
            setattr(widget, name, "nobody")


@pytest.mark.parametrize("cell", ["ground.value = 3", "ground.action = 3", "ground.context = 3"])
def test_a_value_of_another_kind_is_refused_in_one_line(
    clinic: Lab, key: str, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "kmslab.course")
    shell.user_ns["ground"] = widgets.PolicyPlayground(clinic, key, [clinic.root])
    shell.run_cell(cell)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("TraitError: ")


def test_callers_of_other_accounts_are_told_apart(clinic: Lab) -> None:
    assert playground.short(clinic, clinic.root) == "root"
    other = clinic.account("222222222222")
    assert playground.short(clinic, other.root) == "root of 222222222222"
    assert playground.short(clinic, clinic.role("app").session("run-1")) == "assumed-role/app/run-1"


# --- The checks --------------------------------------------------------------------------------


def test_exercise_1_has_one_hole_that_gives_the_whole_key(clinic: Lab) -> None:
    policy = check.lesson07.leaky(clinic)
    made = clinic.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["KeyId"]
    erins = clinic.user("erin").client("kms")
    mine = text(statement(clinic.user("erin").arn, "kms:*"))
    erins.put_key_policy(KeyId=made, Policy=mine)
    blob = erins.encrypt(KeyId=made, Plaintext=b"x")["CiphertextBlob"]
    assert erins.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_exercise_1_accepts_a_deny_and_every_form_of_a_policy(clinic: Lab) -> None:
    policy = check.lesson07.leaky(clinic)
    erin = clinic.user("erin").arn
    never = statement(erin, "kms:PutKeyPolicy", Effect="Deny")
    denied = {**policy, "Statement": [*policy["Statement"], never]}
    for answer in (denied, denied["Statement"], json.dumps(denied)):
        assert check.lesson07.ex1(clinic, answer).state == "done"
    listed = json.loads(json.dumps(policy))
    listed["Statement"][3]["Action"] = ["kms:Describe*", "kms:L*", "kms:Get*"]
    assert check.lesson07.ex1(clinic, listed).state == "done"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"kms:EncryptionContext:kind": ["phone"]}},
        {"StringLike": {"KMS:EncryptionContext:Kind": "phone"}},
        {"ForAnyValue:StringEquals": {"kms:EncryptionContext:kind": "phone"}},
    ],
)
def test_exercise_2_accepts_every_condition_that_does_it(
    clinic: Lab, condition: dict[str, Any]
) -> None:
    old = check.lesson07.before(clinic)
    role = clinic.role("reminders").arn
    for who, more in ((role, {}), ("*", {"ArnEquals": {"aws:PrincipalArn": role}})):
        new = statement(who, "kms:Decrypt", Condition={**condition, **more})
        answer = {**old, "Statement": [new, *old["Statement"]]}
        assert "done: " in repr(check.lesson07.ex2(clinic, answer))


def test_exercise_3_accepts_a_deny_of_all_but_the_root_user(clinic: Lab) -> None:
    alice, bob = clinic.user("alice").arn, clinic.user("bob").arn
    users = ["kms:Encrypt", "kms:Decrypt"]
    keeping = ["kms:DescribeKey", "kms:DisableKey", "kms:EnableKey"]
    not_root = {"ArnNotEquals": {"aws:PrincipalArn": [root(clinic), alice, bob]}}
    put = {"ArnNotEquals": {"aws:PrincipalArn": root(clinic)}}
    answer = [
        statement(root(clinic), "kms:*"),
        statement(alice, *users),
        statement("*", "kms:*", Effect="Deny", Condition=not_root),
        statement("*", "kms:PutKeyPolicy", "kms:CreateGrant", Effect="Deny", Condition=put),
        {**statement(bob, Effect="Deny"), "NotAction": keeping},
    ]
    answer[-1].pop("Action")
    assert "done: " in repr(check.lesson07.ex3(clinic, answer))


def test_everything_knows_reencrypt_for_other_accounts(clinic: Lab) -> None:
    policy = text(statement("*", "kms:*"))
    made = clinic.client("kms").create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    stranger = rights.short(rights.stranger(clinic))
    found = {action for who, action, _ in rights.everything(clinic, made) if who == stranger}
    assert {"kms:ReEncryptFrom", "kms:CreateGrant"} <= found
    assert "kms:PutKeyPolicy" not in found


def test_checks_leave_the_lab_as_it_was_whatever_they_say(clinic: Lab) -> None:
    rights.everything(clinic, clinic.client("kms").create_key()["KeyMetadata"]["KeyId"])
    policies = check.lesson07.leaky(clinic), check.lesson07.before(clinic)
    before = records(clinic)
    never = statement(clinic.user("erin").arn, "kms:PutKeyPolicy", Effect="Deny")
    mended = [*policies[0]["Statement"], never]
    phone = {"StringEquals": {"kms:EncryptionContext:kind": "phone"}}
    more = statement(clinic.role("reminders").arn, "kms:Decrypt", Condition=phone)
    said = [
        check.lesson07.ex1(clinic, mended),
        check.lesson07.ex1(clinic, policies[0]),
        check.lesson07.ex2(clinic, [*policies[1]["Statement"], more]),
        check.lesson07.ex3(clinic, [statement(root(clinic), "kms:*")]),
    ]
    assert [each.state for each in said] == ["done", "not yet", "done", "not yet"]
    assert records(clinic) == before


def records(lab: Lab) -> dict[str, Any]:
    """All that a lab keeps."""
    names = lab._rooms.store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: lab._rooms.store.rows(f"SELECT * FROM {name}") for (name,) in names}


def test_an_answer_of_another_form_gets_no_hint_and_counts_as_no_try(clinic: Lab) -> None:
    ex2 = copy.copy(check.lesson07.ex2)
    ex2._missed = 0
    old = check.lesson07.before(clinic)
    for _ in range(3):
        assert repr(ex2(clinic, [])) == "not yet: it has no statement."
    assert "Hint" not in repr(ex2(clinic, old))
    assert "Hint: the statement names the role" in repr(ex2(clinic, old))
    assert repr(ex2(clinic, 7)) == "not yet: a policy is due, not 7."
