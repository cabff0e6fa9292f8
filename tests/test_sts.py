"""STS through its own boto3 client: who I am, sessions of roles, federated users, their end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from expect import refused
from stage import ALLOW, DENY, Folk

from kmslab.accounts.applying import applying
from kmslab.accounts.callers import Caller
from kmslab.accounts.sessions import bearer
from kmslab.aws.principal import Principal
from kmslab.cloudtrail.events import read_events
from kmslab.errors import KmslabError

CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
    "chaining."
)
LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})


@pytest.fixture
def folk(tmp_path: Path) -> Folk:
    """Everybody in a lab's accounts."""
    return Folk(tmp_path)


def assume(who: Caller, role: str, **more: Any) -> dict[str, Any]:
    """What AssumeRole answers to a caller."""
    return who.client("sts").assume_role(RoleArn=role, RoleSessionName="run-1", **more)


def principal(folk: Folk, answer: dict[str, Any]) -> Principal:
    """The principal of the credentials in an answer."""
    return bearer(folk.accounts, answer["Credentials"])


def test_everybody_may_ask_who_they_are(folk: Folk) -> None:
    folk.asked.refused = {"sts:GetCallerIdentity"}
    alice, app = folk.user("alice", path="/x/"), folk.role("app", path="/y/")
    for who, user_id, arn in (
        (alice, alice.unique_id, f"arn:aws:iam::{folk.account}:user/x/alice"),
        (folk.root, folk.account, f"arn:aws:iam::{folk.account}:root"),
        (
            app.session("run-1"),
            f"{app.unique_id}:run-1",
            f"arn:aws:sts::{folk.account}:assumed-role/app/run-1",
        ),
        (app, f"{app.unique_id}:kmslab", f"arn:aws:sts::{folk.account}:assumed-role/app/kmslab"),
    ):
        answer = who.client("sts").get_caller_identity()
        assert (answer["UserId"], answer["Account"], answer["Arn"]) == (user_id, folk.account, arn)


def test_a_role_is_assumed_for_an_hour_unless_asked(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app", policy=[ALLOW])
    now = folk.clock.now()
    answer = assume(alice, app.arn)
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{app.unique_id}:run-1",
        "Arn": f"arn:aws:sts::{folk.account}:assumed-role/app/run-1",
    }
    assert 3_590 < (answer["Credentials"]["Expiration"] - now).total_seconds() < 3_610
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert len(answer["Credentials"]["AccessKeyId"]) == 20
    assert "PackedPolicySize" not in answer
    applied = applying(folk.accounts, principal(folk, answer))
    assert [each.name for each in applied.identity] == ["app/policy"]


def test_a_session_lasts_as_long_as_its_role_lets_it(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    folk.client("iam").update_role(RoleName="app", MaxSessionDuration=7_200)
    assume(alice, app.arn, DurationSeconds=7_200)
    with refused("ValidationError", LONG):
        assume(alice, app.arn, DurationSeconds=7_201)
    with refused("ValidationError"):
        assume(alice, app.arn, DurationSeconds=43_201)


def test_a_role_that_is_assumed_by_a_session_lasts_an_hour_at_most(folk: Folk) -> None:
    app = folk.role("app")
    folk.client("iam").update_role(RoleName="app", MaxSessionDuration=7_200)
    session = folk.role("first").session("run-1")
    assume(session, app.arn, DurationSeconds=3_600)
    with refused("ValidationError", CHAINED):
        assume(session, app.arn, DurationSeconds=3_601)


def test_the_end_of_a_session_is_on_the_labs_clock(folk: Folk) -> None:
    session = folk.session(assume(folk.user("alice"), folk.role("app").arn)["Credentials"])
    sts = session.client("sts")
    sts.get_caller_identity()
    folk.clock.advance(hours=1, seconds=1)
    with refused("ExpiredToken", "The security token included in the request is expired") as caught:
        sts.get_caller_identity()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_credentials_of_somebody_deleted_are_no_ones(folk: Folk) -> None:
    sts = folk.user("alice").client("sts")
    folk.client("iam").delete_user(UserName="alice")
    message = "The security token included in the request is invalid."
    with refused("InvalidClientTokenId", message) as caught:
        sts.get_caller_identity()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_root_user_can_not_assume_a_role(folk: Folk) -> None:
    with refused("AccessDenied", "Roles may not be assumed by root accounts."):
        assume(folk.root, folk.role("app").arn)


def test_a_role_that_is_not_there_looks_like_one_that_may_not_be_assumed(folk: Folk) -> None:
    alice = folk.user("alice")
    folk.role("app", path="/x/")
    for arn in (f"arn:aws:iam::{folk.account}:role/{name}" for name in ("nobody", "app", "X/app")):
        message = (
            f"User: {alice.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        )
        with refused("AccessDenied", message):
            assume(alice, arn)


def test_the_authorizer_decides_with_the_trust_policy_and_the_conditions(folk: Folk) -> None:
    partner = folk.account("222222222222")
    trust = {"Effect": "Allow", "Principal": {"AWS": folk.account}, "Action": "sts:AssumeRole"}
    app = partner.role("app", trust=trust)
    alice = folk.user("alice")
    assume(alice, app.arn, ExternalId="x-1")
    (asked,) = folk.asked.questions
    assert (asked["who"], asked["action"]) == (alice.arn, "sts:AssumeRole")
    assert (asked["resource"], asked["account"]) == (app.arn, "222222222222")
    assert json.loads(asked["policy"])["Statement"][0]["Principal"] == {"AWS": folk.account}
    keys = {"sts:externalid": ("x-1",), "sts:rolesessionname": ("run-1",)}
    assert asked["context"] == keys


def test_tags_and_a_source_identity_need_permissions_of_their_own(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    more = {
        "Tags": [{"Key": "Team", "Value": "a"}],
        "TransitiveTagKeys": ["team"],
        "SourceIdentity": "alice",
    }
    assume(alice, app.arn, **more)
    actions = [each["action"] for each in folk.asked.questions]
    assert actions == ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    keys = {
        "aws:requesttag/team": ("a",),
        "aws:tagkeys": ("Team",),
        "sts:transitivetagkeys": ("team",),
        "sts:sourceidentity": ("alice",),
        "sts:rolesessionname": ("run-1",),
    }
    assert all(each["context"] == keys for each in folk.asked.questions)
    for action in actions:
        folk.asked.refused = {action}
        with refused("AccessDenied", f"{action} was refused"):
            assume(alice, app.arn, **more)


def test_transitive_tags_and_the_source_identity_go_down_a_chain_of_roles(folk: Folk) -> None:
    first, second, third = (folk.role(name) for name in ("first", "second", "third"))
    answer = assume(
        folk.user("alice"),
        first.arn,
        Tags=[{"Key": "Team", "Value": "a"}, {"Key": "own", "Value": "1"}],
        TransitiveTagKeys=["Team"],
        SourceIdentity="alice",
    )
    assert answer["SourceIdentity"] == "alice"
    sts = folk.session(answer["Credentials"]).client("sts")
    names = {"RoleArn": second.arn, "RoleSessionName": "run-2"}
    chained = sts.assume_role(**names, Tags=[{"Key": "own", "Value": "2"}])
    who = principal(folk, chained)
    assert who.session is not None
    assert dict(who.session.tags) == {"own": "2", "Team": "a"}
    assert (who.session.transitive, who.session.source_identity) == (("Team",), "alice")
    last = (
        folk.session(chained["Credentials"])
        .client("sts")
        .assume_role(RoleArn=third.arn, RoleSessionName="run-3")
    )
    last_session = principal(folk, last).session
    assert last_session is not None
    assert last_session.tags == (("Team", "a"),)
    with refused("InvalidParameterValue"):
        sts.assume_role(**names, Tags=[{"Key": "team", "Value": "mine"}])
    with refused("AccessDenied"):
        sts.assume_role(**names, SourceIdentity="bob")


def test_a_transitive_key_is_a_tag_of_the_request(folk: Folk) -> None:
    with refused(
        "InvalidParameterValue",
        "The specified transitive tag key must be included in the requested tags.",
    ):
        assume(folk.user("alice"), folk.role("app").arn, TransitiveTagKeys=["Team"])
    with refused("InvalidInput"):
        both = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "1"}]
        assume(folk.user("alice"), folk.role("app").arn, Tags=both)


def test_session_policies_are_checked_and_have_room_together(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    power = {"arn": "arn:aws:iam::aws:policy/PowerUserAccess"}
    answer = assume(alice, app.arn, Policy=DOCUMENT, PolicyArns=[power])
    session = principal(folk, answer).session
    assert session is not None
    assert session.policies[0] == DOCUMENT
    assert "NotAction" in session.policies[1]
    assert 0 < answer["PackedPolicySize"] <= 100
    with refused("MalformedPolicyDocument"):
        assume(alice, app.arn, Policy="{}")
    with refused("ValidationError"):
        assume(alice, app.arn, PolicyArns=[{"arn": f"{power['arn']}X"}])
    with refused("ValidationError"):
        assume(alice, app.arn, PolicyArns=[power] * 11)
    with refused("PackedPolicyTooLarge"):
        assume(alice, app.arn, Policy=DOCUMENT.replace("kms", "k" * 2_048))


def test_a_session_token_is_its_user_with_credentials_that_end(folk: Folk) -> None:
    alice = folk.user("alice", policy=[ALLOW])
    answer = alice.client("sts").get_session_token(DurationSeconds=900)
    who = principal(folk, answer)
    assert (who.arn, who.unique_id) == (alice.arn, alice.unique_id)
    assert who.access_key_id.startswith("ASIA")
    assert applying(folk.accounts, who).identity == folk.applying(alice).identity
    session = folk.session(answer["Credentials"])
    assert session.client("sts").get_caller_identity()["Arn"] == alice.arn
    assert session.client("sts").assume_role(RoleArn=folk.role("app").arn, RoleSessionName="run-1")[
        "Credentials"
    ]
    for call in ("get_session_token", "get_federation_token"):
        name = "".join(word.title() for word in call.split("_"))
        with refused("AccessDenied", f"Cannot call {name} with session credentials"):
            getattr(session.client("sts"), call)(**({"Name": "carl"} if "fed" in call else {}))
    with refused("InvalidClientTokenId"):
        session.client("iam").list_users()
    folk.clock.advance(seconds=901)
    with refused("ExpiredToken"):
        session.client("sts").get_caller_identity()


def test_a_roots_session_token_lasts_an_hour_at_most(folk: Folk) -> None:
    answer = folk.root.client("sts").get_session_token(DurationSeconds=129_600)
    lasts = answer["Credentials"]["Expiration"] - folk.clock.now()
    assert lasts.total_seconds() < 3_610
    assert principal(folk, answer).kind == "root"


def test_a_federated_user_is_named_by_a_user(folk: Folk) -> None:
    alice = folk.user("alice", policy=[ALLOW])
    answer = alice.client("sts").get_federation_token(
        Name="carl", Policy=DOCUMENT, Tags=[{"Key": "team", "Value": "a"}]
    )
    arn = f"arn:aws:sts::{folk.account}:federated-user/carl"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{folk.account}:carl", "Arn": arn}
    (asked,) = folk.asked.questions
    assert (asked["action"], asked["resource"]) == ("sts:GetFederationToken", arn)
    assert asked["context"] == {"aws:requesttag/team": ("a",), "aws:tagkeys": ("team",)}
    assert applying(folk.accounts, principal(folk, answer)).tags == (("team", "a"),)
    session = folk.session(answer["Credentials"])
    assert session.client("sts").get_caller_identity()["Arn"] == arn
    with refused("InvalidClientTokenId"):
        session.client("iam").list_users()
    with refused("AccessDenied"):
        session.client("sts").assume_role(RoleArn=folk.role("app").arn, RoleSessionName="run-1")
    folk.user("alice").delete_policy("policy")
    folk.client("iam").delete_user(UserName="alice")
    with refused("InvalidClientTokenId"):
        session.client("sts").get_caller_identity()


def test_a_code_of_a_second_factor_is_never_right(folk: Folk) -> None:
    alice = folk.user("alice")
    for call in (
        lambda **more: assume(alice, folk.role("app").arn, **more),
        alice.client("sts").get_session_token,
    ):
        with refused("AccessDenied") as caught:
            call(SerialNumber=f"arn:aws:iam::{folk.account}:mfa/alice", TokenCode="123456")
        assert "invalid MFA one time pass code" in str(caught.value)


def test_no_secret_and_no_token_is_kept_or_recorded(folk: Folk, tmp_path: Path) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    given = [
        assume(alice, app.arn)["Credentials"],
        alice.client("sts").get_session_token()["Credentials"],
        alice.client("sts").get_federation_token(Name="carl")["Credentials"],
    ]
    folk.store.scrub()
    kept = (tmp_path / "records.sqlite").read_bytes()
    for credentials in given:
        assert credentials["AccessKeyId"].encode() in kept
        for name in ("SecretAccessKey", "SessionToken"):
            assert credentials[name].encode() not in kept
            assert credentials[name] not in str(read_events(folk.store))


FORGED: dict[str, dict[str, Any]] = {
    "another token": {"SessionToken": "x"},
    "no token": {"SessionToken": None},
    "no text as token": {"SessionToken": b"x"},
    "an unknown key": {"AccessKeyId": "ASIAXXXXXXXXXXXXXXXX"},
    "a user's key": {"AccessKeyId": "AKIAXXXXXXXXXXXXXXXX"},
    "no key": {"AccessKeyId": None},
}


@pytest.mark.parametrize("case", FORGED)
def test_credentials_that_sts_did_not_give_open_no_session(folk: Folk, case: str) -> None:
    credentials = assume(folk.user("alice"), folk.role("app").arn)["Credentials"]
    folk.session(credentials)
    with pytest.raises(KmslabError) as caught:
        folk.session({**credentials, **FORGED[case]})
    assert credentials["SessionToken"] not in str(caught.value)
    with pytest.raises(KmslabError):
        folk.session({})


def test_one_sessions_token_does_not_open_another(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    first, second = (assume(alice, app.arn)["Credentials"] for _ in range(2))
    with pytest.raises(KmslabError, match="does not belong"):
        folk.session({**first, "SessionToken": second["SessionToken"]})


def test_credentials_open_the_same_session_in_another_process(folk: Folk, tmp_path: Path) -> None:
    answer = assume(
        folk.user("alice"),
        folk.role("app").arn,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [DENY]}),
        Tags=[{"Key": "a", "Value": "b"}],
    )
    other = Folk(tmp_path)
    assert principal(other, answer) == principal(folk, answer)
    session = other.session(answer["Credentials"])
    assert session.get_credentials().token == answer["Credentials"]["SessionToken"]
    assert session.get_credentials().secret_key == answer["Credentials"]["SecretAccessKey"]


def test_sessions_that_are_long_over_are_forgotten(folk: Folk) -> None:
    alice, app = folk.user("alice"), folk.role("app")
    old = assume(alice, app.arn)["Credentials"]
    folk.clock.advance(days=2)
    assume(alice, app.arn)
    assert folk.store.rows("SELECT count(*) FROM temporary") == [(1,)]
    with pytest.raises(KmslabError):
        folk.session(old)
