"""Accounts as records: what applies to whom, who may be named, what deletion leaves."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from stage import ALLOW, DENY, Folk

from kmslab import Lab
from kmslab.accounts import applying as module
from kmslab.accounts import principals, records
from kmslab.accounts.applying import applying
from kmslab.accounts.callers import Caller
from kmslab.accounts.documents import renamed
from kmslab.accounts.records import Entity
from kmslab.accounts.sessions import bearer
from kmslab.aws.principal import Principal
from kmslab.errors import AwsError
from kmslab.settings import Settings

GONE = "The security token included in the request is invalid."


@pytest.fixture
def folk(tmp_path: Path) -> Folk:
    """Everybody in a lab's accounts."""
    return Folk(tmp_path)


def refused_with(folk: Folk, who: Caller, code: str) -> str:
    """The message with which a caller's credentials are refused."""
    with pytest.raises(AwsError) as caught:
        folk.applying(who)
    assert (caught.value.code, caught.value.status) == (code, 400)
    return caught.value.message


def test_a_new_account_has_an_administrator_and_nobody_else(folk: Folk) -> None:
    for account in (folk.account(), folk.account("222222222222", name="partner")):
        assert [each.name for each in folk.applying(account.admin).identity] == [
            "AdministratorAccess"
        ]
        users = account.client("iam").list_users()["Users"]
        assert [user["UserName"] for user in users] == ["admin"]
    document = json.loads(folk.applying(folk.admin).identity[0].document)
    assert document["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


def test_a_lab_from_before_accounts_were_kept_gets_its_administrator(tmp_path: Path) -> None:
    with Lab(tmp_path, seed=6) as lab:
        before, number = lab.admin, str(lab.account)
    with sqlite3.connect(tmp_path / "records.sqlite") as connection:
        connection.executescript("DELETE FROM account; DELETE FROM entity; DELETE FROM link")
    with Lab(tmp_path) as lab:
        assert (lab.admin, lab.account) == (before, number)
        assert lab.client("iam").get_user()["User"]["UserId"] == before.unique_id


def test_an_administrators_ids_are_made_from_the_accounts_number(tmp_path: Path) -> None:
    first, second = Folk(tmp_path / ".", seed=6), Folk(tmp_path / ".")
    assert first.admin == second.admin
    assert first.admin.unique_id.startswith("AIDA")
    assert first.admin.access_key_id == "AKIA" + first.admin.unique_id[4:]
    assert first.account("222222222222").admin.unique_id != first.admin.unique_id


def test_a_users_policies_are_its_own_the_attached_and_those_of_its_groups(folk: Folk) -> None:
    folk.group("nurses", policy=[ALLOW])
    alice = folk.user("alice", policy=["PowerUserAccess", DENY], groups=["nurses"])
    alice.put_policy("read", ALLOW)
    names = [each.name for each in folk.applying(alice).identity]
    assert names == ["alice/policy", "alice/read", "PowerUserAccess", "nurses/policy"]
    documents = [json.loads(each.document)["Statement"] for each in folk.applying(alice).identity]
    assert (documents[0], documents[1], documents[3]) == ([DENY], [ALLOW], [ALLOW])
    folk.group("nurses").remove(alice)
    alice.delete_policy("policy")
    alice.detach("PowerUserAccess")
    assert [each.name for each in folk.applying(alice).identity] == ["alice/read"]


def test_a_policys_default_version_is_the_one_that_applies(folk: Folk) -> None:
    iam = folk.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document(ALLOW))["Policy"]["Arn"]
    alice = folk.user("alice", policy=arn, boundary="p")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(DENY))
    assert folk.applying(alice).identity[0].document == document(ALLOW)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    applied = folk.applying(alice)
    assert applied.identity[0].document == document(DENY)
    assert applied.boundary == applied.identity[0]


def test_a_root_user_and_a_service_have_no_policies_of_their_own(folk: Folk) -> None:
    for who in (folk.root, folk.service("logs.amazonaws.com")):
        applied = folk.applying(who)
        assert (applied.identity, applied.boundary, applied.session) == ((), None, ())


def test_a_sessions_tags_hide_the_roles_own_of_the_same_key_in_any_case(folk: Folk) -> None:
    app = folk.role("app", tags={"Team": "a", "cost": "1"})
    session = app.session("run-1", tags={"team": "b"})
    assert folk.applying(session).tags == (("team", "b"), ("cost", "1"))
    assert folk.applying(app).tags == (("Team", "a"), ("cost", "1"))


def test_session_policies_apply_beside_the_roles(folk: Folk) -> None:
    app = folk.role("app", policy=[ALLOW])
    applied = folk.applying(app.session("run-1", policy=DENY))
    assert [json.loads(each.document)["Statement"] for each in applied.session] == [[DENY]]
    assert [each.name for each in applied.identity] == ["app/policy"]
    assert folk.applying(app.session("run-2")).session == ()


def test_a_federated_user_without_session_policies_has_one_that_allows_nothing(folk: Folk) -> None:
    folk.user("alice", policy=[ALLOW])
    sts = folk.user("alice").client("sts")
    plain = folk._stage.accounts
    for given, statements in (({}, []), ({"Policy": document(ALLOW)}, [ALLOW])):
        answer = sts.get_federation_token(Name="carl", **given)
        applied = applying(plain, bearer(plain, answer["Credentials"]))
        shown = [json.loads(each.document)["Statement"] for each in applied.session]
        assert shown == [statements]
        assert [each.name for each in applied.identity] == ["alice/policy"]


def test_a_deleted_users_credentials_are_of_nobody_even_if_the_name_comes_back(folk: Folk) -> None:
    alice = folk.user("alice")
    folk.client("iam").delete_user(UserName="alice")
    assert refused_with(folk, alice, "UnrecognizedClientException") == GONE
    again = folk.user("alice")
    assert again.arn == alice.arn
    assert again.unique_id != alice.unique_id
    assert folk.applying(again).identity == ()
    assert refused_with(folk, alice, "UnrecognizedClientException") == GONE


def test_a_deleted_roles_sessions_end(folk: Folk) -> None:
    app = folk.role("app")
    session = app.session("run-1")
    folk.client("iam").delete_role(RoleName="app")
    folk.role("app")
    for who in (app, session):
        assert refused_with(folk, who, "UnrecognizedClientException") == GONE


def test_a_session_ends_at_its_time_on_the_labs_clock_with_no_record_changed(folk: Folk) -> None:
    session = folk.role("app").session("run-1", duration=900)
    folk.clock.advance(seconds=890)
    folk.applying(session)
    folk.clock.advance(seconds=11)
    message = "The security token included in the request is expired"
    assert refused_with(folk, session, "ExpiredTokenException") == message


def test_time_ends_a_session_without_any_write(folk: Folk, monkeypatch: pytest.MonkeyPatch) -> None:
    session = folk.role("app").session("run-1", duration=900)
    folk.applying(session)
    monkeypatch.setattr(Settings, "unmoved", lambda _: time.time() + 901)
    refused_with(folk, session, "ExpiredTokenException")


def test_what_applies_costs_no_query_once_it_is_remembered(
    folk: Folk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folk.organization.join(str(folk.account))
    folk.group("nurses", policy=[ALLOW])
    callers = [folk.user("alice", groups=["nurses"]), folk.role("app").session("run-1")]
    before = [folk.applying(who) for who in callers]

    def no_query(*_: object) -> None:
        raise AssertionError("SQL")

    monkeypatch.setattr(folk.store, "_execute", no_query)
    assert [folk.applying(who) for who in callers] == before
    assert module.rcps(folk.accounts, str(folk.account)) is not None


def test_another_processs_change_is_seen_after_catching_up(folk: Folk, tmp_path: Path) -> None:
    alice = folk.user("alice")
    assert folk.applying(alice).identity == ()
    Folk(tmp_path).user("alice", policy=[ALLOW])
    folk.store.catch_up()
    assert len(folk.applying(alice).identity) == 1


def test_a_lookup_among_ten_thousand_users_is_as_fast_as_among_ten(tmp_path: Path) -> None:
    def seconds(folk: Folk, users: int) -> float:
        account = str(folk.account)
        with folk.store.transaction():
            for number in range(users):
                entity = Entity(
                    *(account, "user", f"user{number}", "/", f"AIDA{account}{number}", 0.0),
                    {"key": f"AKIA{number}"},
                )
                records.add(folk.accounts, entity)
        best = 9.0
        for number in range(users - 5, users):
            start = time.perf_counter()
            for _ in range(200):
                folk.store._known.clear()
                assert records.find(folk.accounts, account, "user", f"user{number}")
                assert records.find_id(folk.accounts, f"AIDA{account}{number}")
            best = min(best, time.perf_counter() - start)
        return best

    (tmp_path / "few").mkdir()
    (tmp_path / "many").mkdir()
    few, many = seconds(Folk(tmp_path / "few"), 10), seconds(Folk(tmp_path / "many"), 10_000)
    assert many < 3 * few


NAMED = {
    "arn:aws:iam::ACCOUNT:root": True,
    "ACCOUNT": True,
    "*": True,
    "arn:aws:iam::ACCOUNT:user/admin": True,
    "arn:aws:iam::ACCOUNT:user/team/alice": True,
    "arn:aws:iam::ACCOUNT:role/app": True,
    "arn:aws:sts::ACCOUNT:assumed-role/app/any-session": True,
    "arn:aws:sts::ACCOUNT:federated-user/carl": True,
    "222222222222": True,
    "arn:aws:iam::222222222222:root": True,
    "333333333333": False,
    "arn:aws:iam::333333333333:root": False,
    "arn:aws:iam::ACCOUNT:user/alice": False,  # without her path
    "arn:aws:iam::ACCOUNT:user/Admin": False,
    "arn:aws:iam::ACCOUNT:user/*": False,
    "arn:aws:iam::ACCOUNT:role/nobody": False,
    "arn:aws:iam::ACCOUNT:role/app/": False,
    "arn:aws:sts::ACCOUNT:assumed-role/nobody/x": False,
    "arn:aws:sts::ACCOUNT:assumed-role/app": False,
    "arn:aws:sts::ACCOUNT:federated-user/x/carl": False,
    "arn:aws:iam::ACCOUNT:group/nurses": False,
    "arn:aws:iam::ACCOUNT:root/x": False,
    "arn:aws:kms:us-east-1:ACCOUNT:key/x": False,
    "admin": False,
    "": False,
}


@pytest.mark.parametrize(("name", "known"), NAMED.items())
def test_a_policy_may_name_only_who_is_there(folk: Folk, name: str, known: bool) -> None:
    folk.account("222222222222")
    folk.user("alice", path="/team/")
    folk.role("app")
    folk.group("nurses")
    assert principals.exists(folk.accounts, name.replace("ACCOUNT", folk.account)) is known


def test_a_unique_id_belongs_to_an_arn_as_long_as_its_bearer_is_there(folk: Folk) -> None:
    alice, app = folk.user("alice", path="/a/b/"), folk.role("app")
    for who, prefix in ((alice, "AIDA"), (app, "AROA")):
        assert principals.unique_id(folk.accounts, who.arn) == who.unique_id
        assert len(who.unique_id) == 21
        assert who.unique_id.startswith(prefix)
        assert principals.exists(folk.accounts, who.unique_id)
    for arn in (folk.root.arn, app.session("run-1").arn, "x", alice.arn.replace("/a/b/", "/")):
        assert principals.unique_id(folk.accounts, arn) is None
    folk.client("iam").delete_user(UserName="alice")
    assert principals.unique_id(folk.accounts, alice.arn) is None
    assert not principals.exists(folk.accounts, alice.unique_id)


def document(*statements: Any) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_policies_that_name_a_deleted_user_name_its_unique_id_from_then_on(folk: Folk) -> None:
    alice, bob = folk.user("alice"), folk.user("bob")
    allow = {**ALLOW, "Principal": {"AWS": [alice.arn, bob.arn]}}
    deny = {**DENY, "NotPrincipal": {"AWS": alice.arn}}
    condition = {**ALLOW, "Principal": "*", "Condition": {"x": {"aws:PrincipalArn": alice.arn}}}
    escaped = document(allow, deny, condition).replace("alice", "\\u0061lice")
    bobs = document({**ALLOW, "Principal": {"AWS": bob.arn}})
    with folk.store.transaction():
        for name, text in (("a", document(allow, deny, condition)), ("b", escaped), ("c", bobs)):
            folk.store.write("INSERT INTO policy VALUES ('1', 'r', ?, ?)", (name, text))
    folk.client("iam").delete_user(UserName="alice")
    kept = dict(folk.store.rows("SELECT key_id, document FROM policy"))
    for name in "ab":
        changed = json.loads(kept[name])["Statement"]
        assert changed[0]["Principal"] == {"AWS": [alice.unique_id, bob.arn]}
        assert changed[1]["NotPrincipal"] == {"AWS": alice.unique_id}
        assert changed[2] == condition
    assert kept["c"] == bobs


def test_a_trust_policy_does_not_trust_a_role_that_was_made_again(folk: Folk) -> None:
    trusted = folk.role("trusted")
    trust = {"Effect": "Allow", "Principal": {"AWS": trusted.arn}, "Action": "sts:AssumeRole"}
    folk.role("app", trust=trust)
    iam = folk.client("iam")
    iam.delete_role(RoleName="trusted")
    folk.role("trusted")
    shown = iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": trusted.unique_id}


def test_a_document_without_the_name_stays_as_it_was_written() -> None:
    text = '{ "Statement":  {"Principal": "*", "Effect":"Allow"} }'
    assert renamed(text, "arn:aws:iam::111122223333:user/alice", "AIDA1") == text


def test_names_differ_in_more_than_case(folk: Folk) -> None:
    folk.user("alice")
    with pytest.raises(AwsError, match="User with name Alice already exists"):
        folk.user("Alice")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from stage import ALLOW, Folk
folk = Folk(Path(sys.argv[1]))
left = int(sys.argv[3])
execute = folk.store._execute
def counting(sql, values=()):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, values)
folk.store._execute = counting
folk.user("alice", policy=[ALLOW, ], groups=["nurses"], tags={"a": "b"})
print("done")
"""


def test_a_kill_in_the_middle_leaves_a_user_whole_or_not_at_all(tmp_path: Path) -> None:
    here, done = str(Path(__file__).parent), False
    for count in range(1, 60, 6):
        folder = tmp_path / str(count)
        folder.mkdir()
        Folk(folder).group("nurses")
        command = [sys.executable, "-c", KILLED, str(folder), here, str(count)]
        done = subprocess.run(command, capture_output=True, check=False).returncode == 0
        folk = Folk(folder)
        found = records.find(folk.accounts, str(folk.account), "user", "alice")
        if found is None:
            assert not done
        else:
            assert (list(found.inline), found.tags) == (["policy"], (("a", "b"),))
            assert records.targets(folk.accounts, found, "group") == ("nurses",)
    assert done


def test_a_principal_of_an_account_that_is_not_there_is_nobody(folk: Folk) -> None:
    with pytest.raises(AwsError, match="UnrecognizedClientException"):
        applying(folk.accounts, Principal("333333333333", "root", "root", "3", "AKIA"))
