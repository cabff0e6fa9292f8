"""The learner's short forms: users, groups, roles, accounts, and clients that are theirs."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError as Invalid
from expect import refused
from stage import ALLOW, DENY, Folk

from kmslab import Lab
from kmslab.accounts import ways
from kmslab.accounts.account import Account
from kmslab.aws.call import DIRECT, Answer, Call, Endpoint
from kmslab.errors import AwsError, KmslabError

PARTNER = "222222222222"


@pytest.fixture
def folk(tmp_path: Path) -> Folk:
    """Everybody in a lab's accounts."""
    return Folk(tmp_path)


def who(client: Any) -> str:
    """The ARN that an sts client calls under."""
    arn: str = client.get_caller_identity()["Arn"]
    return arn


def test_the_labs_account_is_a_text_that_gives_accounts_when_called(folk: Folk) -> None:
    number = folk.settings.account
    account = folk.account
    assert account == number
    assert isinstance(account, str)
    assert f"{account}" == str(account) == "".join(account) == number
    assert repr(account) == repr(number)
    assert json.loads(json.dumps({account: [account]})) == {number: [number]}
    assert {account: 1}[number] == 1
    assert pickle.loads(pickle.dumps(account)) == copy.deepcopy(account) == number
    assert type(copy.deepcopy(account)) is str
    partner = account(PARTNER, name="partner")
    assert (partner.number, partner.name, f"{partner}") == (PARTNER, "partner", PARTNER)
    assert account() == account(number) == Account(folk._stage, number)


def test_an_account_is_made_once(folk: Folk) -> None:
    assert folk.account(PARTNER, name="partner") == folk.account(PARTNER)
    assert folk.account(PARTNER).name == "partner"
    with pytest.raises(ValueError, match=r"name='other'.*named 'partner'"):
        folk.account(PARTNER, name="other")
    for wrong in ("22222222222", "partner", "\uff12" * 12, 222222222222, "1" * 13):
        with pytest.raises(ValueError, match="twelve digits"):
            folk.account(wrong)  # type: ignore[arg-type]


def test_accounts_have_people_of_their_own(folk: Folk) -> None:
    partner = folk.account(PARTNER, name="partner")
    assert partner.user("alice").arn == f"arn:aws:iam::{PARTNER}:user/alice"
    assert partner.role("app").arn == f"arn:aws:iam::{PARTNER}:role/app"
    assert partner.group("nurses").arn == f"arn:aws:iam::{PARTNER}:group/nurses"
    assert partner.root.arn == f"arn:aws:iam::{PARTNER}:root"
    assert who(partner.client("sts")) == partner.admin.arn == f"arn:aws:iam::{PARTNER}:user/admin"
    assert partner.user("alice") != folk.user("alice")


def test_a_user_is_made_or_found_and_what_is_given_is_put(folk: Folk) -> None:
    alice = folk.user("alice", path="/x/")
    assert folk.applying(alice).identity == ()
    again = folk.user(
        "alice", policy=[ALLOW], groups=["nurses"], boundary="PowerUserAccess", tags={"a": "1"}
    )
    assert again == alice
    applied = folk.applying(alice)
    assert [each.name for each in applied.identity] == ["alice/policy"]
    assert applied.boundary is not None
    assert (applied.boundary.name, applied.tags) == ("PowerUserAccess", (("a", "1"),))
    folk.user("alice", policy=[DENY], tags={"a": "2"})
    applied = folk.applying(alice)
    assert json.loads(applied.identity[0].document)["Statement"] == [DENY]
    assert (len(applied.identity), applied.tags) == (1, (("a", "2"),))
    with pytest.raises(ValueError, match=r"path='/y/'.*at /x/"):
        folk.user("alice", path="/y/")


GIVEN: dict[str, tuple[Any, list[str]]] = {
    "a statement": (ALLOW, ["alice/policy"]),
    "statements": ([ALLOW, DENY], ["alice/policy"]),
    "a document": ({"Version": "2012-10-17", "Statement": ALLOW}, ["alice/policy"]),
    "a text": (json.dumps({"Statement": [ALLOW]}), ["alice/policy"]),
    "two documents": ([{"Statement": ALLOW}] * 2, ["alice/policy", "alice/policy-2"]),
    "a name": ("PowerUserAccess", ["PowerUserAccess"]),
    "an ARN": ("arn:aws:iam::aws:policy/PowerUserAccess", ["PowerUserAccess"]),
    "both": (["PowerUserAccess", {"Statement": ALLOW}], ["alice/policy", "PowerUserAccess"]),
    "nothing": ([], []),
}


@pytest.mark.parametrize("case", GIVEN)
def test_policies_are_given_in_many_forms(folk: Folk, case: str) -> None:
    given, names = GIVEN[case]
    alice = folk.user("alice", policy=given)
    assert [each.name for each in folk.applying(alice).identity] == names


WRONG: dict[str, tuple[Callable[[Folk], object], type[Exception], str]] = {
    "name": (lambda folk: folk.user(5), TypeError, "name=5"),  # type: ignore[arg-type]
    "spaces": (lambda folk: folk.user("a b"), AwsError, "'a b' at 'userName'"),
    "policy": (lambda folk: folk.user("a", policy=5), TypeError, "policy=5"),  # type: ignore[arg-type]
    "a set": (lambda folk: folk.user("a", policy={"Sid": {1}}), TypeError, "JSON can't hold it"),
    "a list": (lambda folk: folk.user("a", policy=[5]), TypeError, "policy=5"),
    "unknown": (lambda folk: folk.user("a", policy="Power"), ValueError, "'Power'.*PowerUserAcc"),
    "no JSON": (lambda folk: folk.user("a", policy="{"), AwsError, "MalformedPolicyDocument"),
    "boundary": (lambda folk: folk.user("a", boundary="x"), ValueError, "policy='x'"),
    "member": (lambda folk: folk.group("g").add("alice"), TypeError, "'alice'.*lab.user"),  # type: ignore[arg-type]
    "service": (lambda folk: folk.service("ec2"), ValueError, "'ec2'.*logs.amazonaws.com"),
    "acting": (lambda folk: folk.acting_as("alice").__enter__(), TypeError, "'alice'.*lab.user"),  # type: ignore[arg-type]
    "session": (lambda folk: folk.session("alice"), TypeError, "'alice'"),  # type: ignore[arg-type]
    "short": (lambda folk: folk.role("a").session("run", duration=5), Invalid, "DurationSeconds"),
    "session name": (lambda folk: folk.role("a").session(5), Invalid, "RoleSessionName, value: 5"),  # type: ignore[arg-type]
    "policy name": (lambda folk: folk.user("a").put_policy(5, ALLOW), Invalid, "PolicyName"),  # type: ignore[arg-type]
    "groups": (lambda folk: folk.user("a", groups="nurses"), TypeError, "groups='nurses'"),
    "tags": (lambda folk: folk.user("a", tags=[("a", "b")]), TypeError, "tags=.*a dict is due"),  # type: ignore[arg-type]
    "a tag": (lambda folk: folk.user("a", tags={"a": 5}), Invalid, "Value, value: 5"),  # type: ignore[dict-item]
    "long": (lambda folk: folk.role("a").session("run", duration=7200), AwsError, "MaxSession"),
    "ip": (lambda folk: folk.client("sts", source_ip="home"), ValueError, "source_ip='home'"),
    "mfa": (lambda folk: folk.client("sts", mfa="yes"), TypeError, "mfa='yes'"),  # type: ignore[arg-type]
    "endpoint": (lambda folk: folk.client("sts", vpc_endpoint=5), TypeError, "policy=5"),  # type: ignore[arg-type]
    "region": (lambda folk: folk.client("sts", "mars-1"), ValueError, "region='mars-1'"),
    "nothing": (lambda folk: folk.client("s3"), ValueError, "no service 's3'; it has: iam, sts"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_named_with_what_is_due(folk: Folk, case: str) -> None:
    attempt, kind, match = WRONG[case]
    with pytest.raises(kind, match=match):
        attempt(folk)


def test_a_user_that_could_not_be_made_whole_is_not_there(folk: Folk) -> None:
    with pytest.raises(ValueError, match="policy='x'"):
        folk.user("alice", policy=[ALLOW], boundary="x")
    with refused("NoSuchEntity"):
        folk.client("iam").get_user(UserName="alice")


def test_a_groups_users_come_and_go(folk: Folk) -> None:
    alice, nurses = folk.user("alice"), folk.group("nurses", policy=[ALLOW])
    nurses.add(alice)
    assert [each.name for each in folk.applying(alice).identity] == ["nurses/policy"]
    nurses.put_policy("policy", DENY)
    assert json.loads(folk.applying(alice).identity[0].document)["Statement"] == [DENY]
    nurses.remove(alice)
    assert folk.applying(alice).identity == ()
    assert not hasattr(nurses, "client")


def test_a_role_trusts_its_account_unless_told_otherwise(folk: Folk) -> None:
    iam = folk.client("iam")

    def trusted(name: str) -> Any:
        document = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        return document["Statement"][0]["Principal"]

    folk.role("app")
    assert trusted("app") == {"AWS": f"arn:aws:iam::{folk.account}:root"}
    ec2 = {"Service": "ec2.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": ec2, "Action": "sts:AssumeRole"}
    folk.role("app", trust=trust)
    assert trusted("app") == {"Service": "ec2.amazonaws.com"}
    folk.role("app")
    assert trusted("app") == {"Service": "ec2.amazonaws.com"}


def test_a_role_calls_in_sessions(folk: Folk) -> None:
    app = folk.role("app")
    start = f"arn:aws:sts::{folk.account}:assumed-role/app"
    assert app.arn == f"arn:aws:iam::{folk.account}:role/app"
    assert who(app.client("sts")) == f"{start}/kmslab"
    session = app.session("run-1", tags={"a": "b"}, source_identity="alice")
    assert who(session.client("sts")) == session.arn == f"{start}/run-1"
    assert (session.name, session.account) == ("run-1", folk.account)
    assert session.principal.session is not None
    assert session.principal.session.source_identity == "alice"
    assert session.principal.policy_arn == app.arn


def test_a_roles_own_session_does_not_end_and_an_opened_one_does(folk: Folk) -> None:
    app = folk.role("app")
    own, opened = app.client("sts"), app.session("run-1").client("sts")
    folk.clock.advance(days=400)
    assert who(own).endswith("/kmslab")
    with refused("ExpiredToken"):
        who(opened)


def test_a_session_is_boto3s_for_every_caller(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    run = app.session("run-1")
    for session, arn in (
        (folk.session(), folk.admin.arn),
        (folk.session(alice), alice.arn),
        (alice.session(), alice.arn),
        (folk.session(run), run.arn),
        (folk.session(app), run.arn.replace("run-1", "kmslab")),
        (folk.session(folk.root), folk.root.arn),
    ):
        assert isinstance(session, boto3.Session)
        assert who(session.client("sts")) == arn
    assert folk.session(alice) is alice.session()
    assert alice.session().get_credentials().token is None
    assert run.session().get_credentials().token


def test_acting_as_somebody_makes_their_clients_and_ends(folk: Folk) -> None:
    alice, bob = folk.user("alice"), folk.user("bob")
    before = folk.client("sts")
    with folk.acting_as(alice) as acting:
        assert acting is alice
        inside = folk.client("sts")
        assert who(inside) == who(folk.session().client("sts")) == alice.arn
        assert who(before) == folk.admin.arn
        with folk.acting_as(bob):
            assert who(folk.client("sts")) == bob.arn
        assert who(folk.client("sts")) == alice.arn
    assert who(folk.client("sts")) == folk.admin.arn
    assert who(inside) == alice.arn
    with pytest.raises(KeyError), folk.acting_as(alice):
        raise KeyError
    assert who(folk.client("sts")) == folk.admin.arn


def test_acting_in_one_thread_is_not_acting_in_another(folk: Folk) -> None:
    seen = []
    with folk.acting_as(folk.user("alice")):
        thread = threading.Thread(target=lambda: seen.append(folk._who().name))
        thread.start()
        thread.join()
    assert seen == ["admin"]


@pytest.fixture
def calls(folk: Folk, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The calls that reach sts."""
    kept: list[Call] = []
    sts = folk._stage.sts

    def keep(call: Call) -> Answer:
        kept.append(call)
        return sts(call)

    folk._stage.clients.serve({"sts": keep})
    monkeypatch.setattr(folk._stage.clients, "_sessions", {})
    return kept


def test_a_call_carries_the_way_it_came(folk: Folk, calls: list[Call]) -> None:
    alice = folk.user("alice")
    policy = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    who(alice.client("sts"))
    who(alice.client("sts", source_ip="203.0.113.7", mfa=True))
    who(folk.client("sts", vpc_endpoint=policy))
    who(folk.client("sts", "eu-central-1", vpc_endpoint="vpce-1a2b"))
    plain, far, door, other = calls
    assert (plain.way, plain.principal) == (DIRECT, alice.principal)
    assert (far.way.source_ip, far.way.mfa, far.way.endpoint) == ("203.0.113.7", True, None)
    assert door.way.endpoint is not None
    assert json.loads(door.way.endpoint.policy)["Statement"] == [policy]
    assert door.way.endpoint.endpoint_id.startswith("vpce-0")
    assert other.way.endpoint is not None
    assert (other.way.endpoint.endpoint_id, other.region) == ("vpce-1a2b", "eu-central-1")
    assert json.loads(other.way.endpoint.policy)["Statement"] == [policy]


def test_a_service_calls_for_a_resource_of_an_account(folk: Folk, calls: list[Call]) -> None:
    arn = f"arn:aws:logs:us-east-1:{folk.account}:log-group:x"
    logs = folk.service("logs.amazonaws.com", source_arn=arn, source_account=folk.account)
    logs.client("sts").get_caller_identity()
    (call,) = calls
    assert (call.principal.kind, call.principal.arn) == ("service", "logs.amazonaws.com")
    assert (call.way.source_arn, call.way.source_account) == (arn, folk.account)


def test_an_endpoint_may_be_given_whole() -> None:
    endpoint = Endpoint("vpce-1", "{}")
    assert ways.way(vpc_endpoint=endpoint).endpoint is endpoint
    assert ways.way() is DIRECT
    assert ways.way(source_ip="2001:db8::1").source_ip == "2001:db8::1"


def test_nobody_is_shown_with_a_secret(folk: Folk) -> None:
    alice = folk.user("alice", policy=[ALLOW], groups=["nurses"], tags={"a": "b"})
    run = folk.role("app", boundary="PowerUserAccess").session("run-1", tags={"a": "b"})
    logs = folk.service("logs.amazonaws.com", source_account=PARTNER)
    shown = [alice, run, folk.role("app"), folk.group("nurses"), folk.root, logs, folk.account()]
    credentials = [each.session().get_credentials() for each in (alice, run)]
    for each in shown:
        for text in (repr(each), each._repr_html_()):
            for known in credentials:
                assert known.secret_key not in text
                assert not known.token or known.token not in text
    assert repr(alice) == f"<User {alice.arn}>"
    assert repr(run) == f"<RoleSession {run.arn}>"
    for text in ("alice", alice.unique_id, "policy", "nurses", "a=b"):
        assert text in alice._repr_html_()
    assert "PowerUserAccess" in folk.role("app")._repr_html_()
    assert "alice" in folk.group("nurses")._repr_html_()
    assert "admin, alice" in folk.account()._repr_html_()


def test_completion_offers_what_a_caller_can_do(folk: Folk) -> None:
    names = {name for name in dir(folk.user("alice")) if not name.startswith("_")}
    assert {"arn", "account", "name", "client", "session", "put_policy", "attach"} <= names
    assert not any("secret" in name or "token" in name for name in names)


def test_callers_are_kept_over_a_restart_with_the_same_ids(tmp_path: Path) -> None:
    with Lab(tmp_path, seed=6) as lab:
        alice = lab.user("alice", policy=[ALLOW])
        given = lab.role("app").session("run-1").principal
        credentials = lab.client("sts").assume_role(
            RoleArn=lab.role("app").arn, RoleSessionName="run-2"
        )["Credentials"]
    with Lab(tmp_path) as lab:
        assert lab.user("alice").principal == alice.principal
        assert who(lab.session(credentials).client("sts")).endswith("/run-2")
        assert lab.role("app").session("run-1").principal.unique_id == given.unique_id
        with pytest.raises(KmslabError):
            lab.session({**credentials, "SessionToken": "x"})


def test_a_seed_repeats_everybodys_ids(tmp_path: Path) -> None:
    shown = []
    for name in "ab":
        (tmp_path / name).mkdir()
        folk = Folk(tmp_path / name, seed=6)
        run = folk.role("app").session("run-1")
        shown.append([folk.user("alice").principal, run.principal, folk.role("app").principal])
    assert shown[0] == shown[1]


def test_a_lab_has_everybody(lab: Lab) -> None:
    assert who(lab.client("sts")) == lab.admin.arn
    assert lab.admin.access_key_id == lab.session().get_credentials().access_key
    assert lab.root.arn == f"arn:aws:iam::{lab.account}:root"
    alice = lab.user("alice")
    with lab.acting_as(alice):
        assert who(lab.client("sts")) == alice.arn
    assert lab.account(PARTNER, name="partner").admin.client("kms").list_keys()["Keys"] == []
    lab.client("cloudtrail").lookup_events()
