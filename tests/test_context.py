"""The condition keys that every request carries: seen by policies that compare them."""

from __future__ import annotations

from typing import Any

import pytest
from asking import allow, allowed, answer, deny

from kmslab import Lab
from kmslab.access.ask import Ask
from kmslab.access.context import KEYS, SERVICE_ADDRESS, Context
from kmslab.accounts.applying import applying
from kmslab.accounts.callers import Caller
from kmslab.accounts.records import Accounts
from kmslab.aws.call import Call, Endpoint, Way

ENDPOINT = Endpoint("vpce-1", "{}")


def _context(lab: Lab, who: Caller, way: Way | None = None, **ask: Any) -> Context:
    accounts = Accounts(lab._rooms.store, lab._rooms.settings)
    call = Call(who.principal, "kms", "Decrypt", "eu-west-1", {}, way=way or who._way(Way()))
    return Context(call, Ask("kms:Decrypt", **ask), applying(accounts, who.principal), accounts)


@pytest.fixture(scope="module")
def staff(lab: Lab) -> dict[str, Caller]:
    """One caller of each kind."""
    role = lab.role("app", tags={"Team": "billing", "floor": "2"}, path="/apps/")
    return {
        "user": lab.user("alice", tags={"Team": "x-ray"}),
        "session": role.session("one", tags={"team": "archive"}, source_identity="alice"),
        "root": lab.root,
        "service": lab.service(
            "s3.amazonaws.com", source_arn="arn:aws:s3:::b", source_account="1" * 12
        ),
    }


def test_who_calls_is_known_of_each_kind_of_caller(lab: Lab, staff: dict[str, Caller]) -> None:
    values = {kind: {key: _context(lab, who)(key) for key in KEYS} for kind, who in staff.items()}
    own = f"arn:aws:iam::{lab.account}"
    user, session, root, service = (values[kind] for kind in ("user", "session", "root", "service"))
    assert user["aws:principalarn"] == (f"{own}:user/alice",)
    assert session["aws:principalarn"] == (f"{own}:role/apps/app",)
    assert root["aws:principalarn"] == (f"{own}:root",)
    assert service["aws:principalarn"] == ("s3.amazonaws.com",)
    kinds = [each["aws:principaltype"] for each in (user, session, root, service)]
    assert kinds == [("User",), ("AssumedRole",), ("Account",), ("Service",)]
    assert user["aws:principalaccount"] == root["aws:principalaccount"] == (str(lab.account),)
    assert service["aws:principalaccount"] is None
    assert user["aws:username"] == ("alice",)
    assert session["aws:username"] is root["aws:username"] is service["aws:username"] is None
    assert user["aws:userid"] == (staff["user"].unique_id,)
    assert session["aws:userid"] == (staff["session"].unique_id,)
    assert session["aws:userid"][0].endswith(":one")
    assert service["aws:principalisawsservice"] == ("true",)
    assert user["aws:principalisawsservice"] == ("false",)
    assert service["aws:principalservicename"] == ("s3.amazonaws.com",)
    assert service["aws:sourcearn"] == ("arn:aws:s3:::b",)
    assert service["aws:sourceaccount"] == ("1" * 12,)
    assert user["aws:sourcearn"] is user["aws:sourceaccount"] is None


def test_a_sessions_tags_hide_those_of_its_role(lab: Lab, staff: dict[str, Caller]) -> None:
    session = _context(lab, staff["session"])
    assert session("aws:principaltag/team") == ("archive",)
    assert session("aws:principaltag/floor") == ("2",)
    assert session("aws:principaltag/none") is None
    assert _context(lab, staff["user"])("aws:principaltag/team") == ("x-ray",)


def test_only_temporary_credentials_say_when_they_were_issued_and_whether_with_mfa(
    lab: Lab, staff: dict[str, Caller]
) -> None:
    user, session = _context(lab, staff["user"]), _context(lab, staff["session"])
    assert user("aws:multifactorauthpresent") is user("aws:tokenissuetime") is None
    assert session("aws:multifactorauthpresent") == ("false",)
    assert session("aws:tokenissuetime") is not None
    assert session("aws:sourceidentity") == ("alice",)
    with_mfa = _context(lab, staff["user"], Way(mfa=True))
    assert with_mfa("aws:multifactorauthpresent") == ("true",)


def test_the_way_of_a_call_is_known(lab: Lab, staff: dict[str, Caller]) -> None:
    who = staff["user"]
    direct = _context(lab, who, Way(source_ip="203.0.113.9"))
    through = _context(lab, who, Way(endpoint=ENDPOINT))
    service = _context(lab, who, Way(service="s3.amazonaws.com"))
    assert direct("aws:sourceip") == ("203.0.113.9",)
    assert through("aws:sourceip") is None
    assert service("aws:sourceip") == (SERVICE_ADDRESS,)
    assert through("aws:sourcevpce") == ("vpce-1",)
    assert direct("aws:sourcevpce") is None
    assert direct("aws:viaawsservice") == ("false",)
    assert service("aws:viaawsservice") == ("true",)
    for key in ("aws:calledvia", "aws:calledviafirst", "aws:calledvialast"):
        assert direct(key) is None
        assert service(key) == ("s3.amazonaws.com",)
    assert direct("aws:securetransport") == ("true",)
    assert direct("aws:useragent") is not None


def test_region_resource_and_organisation_are_known(fresh: Lab) -> None:
    who = fresh.user("alice")
    plain = _context(fresh, who)
    assert plain("aws:requestedregion") == ("eu-west-1",)
    assert plain("aws:resourceaccount") == (str(fresh.account),)
    for key in ("aws:principalorgid", "aws:principalorgpaths", "aws:resourceorgid"):
        assert plain(key) is None
    organization = fresh.organization
    organization.join("222222222222", ou="clinics") if fresh.account("222222222222") else None
    bob = fresh.account("222222222222").user("bob")
    inside = _context(fresh, bob, account=str(fresh.account), region="us-west-2")
    assert inside("aws:requestedregion") == ("us-west-2",)
    assert inside("aws:resourceaccount") == (str(fresh.account),)
    assert inside("aws:principalorgid") == inside("aws:resourceorgid") == (organization.id,)
    (path,) = inside("aws:principalorgpaths") or ("",)
    assert path.startswith(f"{organization.id}/r-")
    assert path.endswith("/")
    assert path.count("/") == 3


def test_time_is_the_labs_time(fresh: Lab) -> None:
    context = _context(fresh, fresh.admin)
    fresh.clock.advance(days=365)
    (seconds,) = context("aws:epochtime") or ("0",)
    assert abs(float(seconds) - fresh.clock.now().timestamp()) < 5
    (text,) = context("aws:currenttime") or ("",)
    assert text.startswith(str(fresh.clock.now().year))
    assert text.endswith("Z")


CASES = [
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"source_ip": "10.1.2.3"}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"source_ip": "192.0.2.1"}, False),
    (
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"vpc_endpoint": [allow("*", Principal="*")]},
        False,
    ),
    ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {"mfa": True}, True),
    ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {}, False),
    ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, {}, True),
    ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {}, True),
    ({"StringEquals": {"aws:PrincipalTag/team": "x-ray"}}, {}, True),
    ({"StringEquals": {"aws:username": "${aws:PrincipalTag/name}"}}, {}, False),
    ({"StringLike": {"aws:userid": "AIDA*"}}, {}, True),
]


@pytest.mark.parametrize(("condition", "way", "ok"), CASES)
def test_policies_compare_what_the_service_filled_in(
    fresh: Lab, condition: Any, way: Any, ok: bool
) -> None:
    key = fresh.client("kms").create_key()["KeyMetadata"]["KeyId"]
    alice = fresh.user("alice", tags={"team": "x-ray"})
    alice.put_policy("p", [allow("kms:DescribeKey", Condition=condition)])
    assert allowed(alice.client("kms", **way).describe_key, KeyId=key) is ok


def test_tags_of_key_and_caller_decide_together(fresh: Lab) -> None:
    same = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    kms = fresh.client("kms")
    keys = {
        team: kms.create_key(Tags=[{"TagKey": "team", "TagValue": team}])["KeyMetadata"]["KeyId"]
        for team in ("x-ray", "billing")
    }
    alice = fresh.user("alice", tags={"team": "x-ray"})
    alice.put_policy("p", [allow("kms:DescribeKey", Condition=same)])
    client = alice.client("kms")
    assert allowed(client.describe_key, KeyId=keys["x-ray"])
    assert not allowed(client.describe_key, KeyId=keys["billing"])
    kms.tag_resource(KeyId=keys["billing"], Tags=[{"TagKey": "team", "TagValue": "x-ray"}])
    assert allowed(client.describe_key, KeyId=keys["billing"])


def test_a_deny_by_request_tag_reaches_create_key(fresh: Lab) -> None:
    tagged = {"Null": {"aws:RequestTag/owner": "true"}}
    alice = fresh.user("alice", policy=[allow("kms:*"), deny("kms:CreateKey", Condition=tagged)])
    client = alice.client("kms")
    assert answer(client.create_key) == "AccessDeniedException"
    owned = [{"TagKey": "Owner", "TagValue": "alice"}]
    assert answer(client.create_key, Tags=owned) == "ok"
