"""IAM through its own boto3 client: what it answers, refuses, asks the authorizer and records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asking import allow
from expect import invalid, refused
from stage import ALLOW, DENY, Folk

from kmslab.accounts.iam import OPERATIONS
from kmslab.cloudtrail.events import read_events
from kmslab.errors import AwsError

DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})
OTHER = json.dumps({"Version": "2012-10-17", "Statement": [DENY]})
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
KINDS = ("user", "group", "role")
NOBODY = "The {} with name nobody cannot be found."


@pytest.fixture
def folk(tmp_path: Path) -> Folk:
    """Everybody in a lab's accounts."""
    return Folk(tmp_path)


@pytest.fixture
def iam(folk: Folk) -> Any:
    """The admin's client."""
    return folk.client("iam")


def trust(folk: Folk) -> str:
    """A trust policy for the account."""
    allow = {"Effect": "Allow", "Principal": {"AWS": folk.account}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": allow})


def make(folk: Folk, kind: str, name: str) -> dict[str, str]:
    """A user, group or role; gives the parameter that names it."""
    getattr(folk, kind)(name)
    return {f"{kind.title()}Name": name}


def test_a_user_is_shown_as_it_was_made(folk: Folk, iam: Any) -> None:
    made = iam.create_user(
        UserName="alice",
        Path="/team/a/",
        Tags=[{"Key": "a", "Value": "b"}],
        PermissionsBoundary=ADMINISTRATOR,
    )["User"]
    assert made == iam.get_user(UserName="alice")["User"]
    assert made["Arn"] == f"arn:aws:iam::{folk.account}:user/team/a/alice"
    assert made["Tags"] == [{"Key": "a", "Value": "b"}]
    assert made["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": ADMINISTRATOR,
    }
    listed = iam.list_users(PathPrefix="/team/")["Users"]
    shown = {name: made[name] for name in ("Path", "UserName", "UserId", "Arn", "CreateDate")}
    assert listed == [shown]


def test_a_user_who_asks_for_nobody_gets_itself(folk: Folk) -> None:
    alice = folk.user("alice")
    assert alice.client("iam").get_user()["User"]["UserId"] == alice.unique_id
    with refused("ValidationError"):
        folk.role("app").client("iam").get_user()


def test_a_role_is_shown_with_its_documents_decoded(folk: Folk, iam: Any) -> None:
    made = iam.create_role(
        RoleName="app",
        AssumeRolePolicyDocument=trust(folk),
        Description="of the app",
        MaxSessionDuration=7200,
    )["Role"]
    assert made["AssumeRolePolicyDocument"] == json.loads(trust(folk))
    assert (made["Description"], made["MaxSessionDuration"]) == ("of the app", 7200)
    assert made == iam.get_role(RoleName="app")["Role"]
    assert iam.list_roles()["Roles"] == [made]
    iam.update_role(RoleName="app", MaxSessionDuration=3600)
    changed = trust(folk).replace("Allow", "Deny")
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=changed)
    made = iam.get_role(RoleName="app")["Role"]
    assert (made["Description"], made["MaxSessionDuration"]) == ("of the app", 3600)
    assert made["AssumeRolePolicyDocument"] == json.loads(changed)


def test_a_group_has_users_and_a_user_groups(folk: Folk, iam: Any) -> None:
    group = iam.create_group(GroupName="nurses", Path="/x/")["Group"]
    folk.user("alice")
    for _ in range(2):
        iam.add_user_to_group(GroupName="nurses", UserName="alice")
    shown = iam.get_group(GroupName="nurses")
    assert (shown["Group"], shown["IsTruncated"]) == (group, False)
    assert [each["UserName"] for each in shown["Users"]] == ["alice"]
    assert iam.list_groups_for_user(UserName="alice")["Groups"] == [group]
    assert iam.list_groups()["Groups"] == [group]
    iam.remove_user_from_group(GroupName="nurses", UserName="alice")
    assert iam.get_group(GroupName="nurses")["Users"] == []
    with refused("NoSuchEntity"):
        iam.remove_user_from_group(GroupName="nurses", UserName="alice")


@pytest.mark.parametrize("kind", KINDS)
def test_inline_policies_come_back_as_they_were_put(folk: Folk, iam: Any, kind: str) -> None:
    named = make(folk, kind, "someone")
    text = DOCUMENT.replace("kms", "k%20 ä+")
    for name, document in (("b", DOCUMENT), ("a", DOCUMENT), ("a", text)):
        getattr(iam, f"put_{kind}_policy")(**named, PolicyName=name, PolicyDocument=document)
    shown = getattr(iam, f"get_{kind}_policy")(**named, PolicyName="a")
    assert shown["PolicyDocument"] == json.loads(text)
    assert {name: shown[name] for name in named} == named
    assert getattr(iam, f"list_{kind}_policies")(**named)["PolicyNames"] == ["a", "b"]
    getattr(iam, f"delete_{kind}_policy")(**named, PolicyName="a")
    for verb in ("get", "delete"):
        with refused("NoSuchEntity", f"The {kind} policy with name a cannot be found."):
            getattr(iam, f"{verb}_{kind}_policy")(**named, PolicyName="a")


@pytest.mark.parametrize("kind", KINDS)
def test_managed_policies_are_attached_and_detached(folk: Folk, iam: Any, kind: str) -> None:
    named = make(folk, kind, "someone")
    for _ in range(2):
        getattr(iam, f"attach_{kind}_policy")(**named, PolicyArn=ADMINISTRATOR)
    listed = getattr(iam, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]
    assert listed == [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}]
    getattr(iam, f"detach_{kind}_policy")(**named, PolicyArn=ADMINISTRATOR)
    with refused("NoSuchEntity", f"Policy {ADMINISTRATOR} was not found."):
        getattr(iam, f"detach_{kind}_policy")(**named, PolicyArn=ADMINISTRATOR)
    missing = f"arn:aws:iam::{folk.account}:policy/nothing"
    with refused("NoSuchEntity", f"Policy {missing} does not exist or is not attachable."):
        getattr(iam, f"attach_{kind}_policy")(**named, PolicyArn=missing)


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_boundary_is_one_managed_policy(folk: Folk, iam: Any, kind: str) -> None:
    named = make(folk, kind, "someone")
    power = ADMINISTRATOR.replace("AdministratorAccess", "PowerUserAccess")
    put = getattr(iam, f"put_{kind}_permissions_boundary")
    for arn in (ADMINISTRATOR, power):
        put(**named, PermissionsBoundary=arn)
    shown = getattr(iam, f"get_{kind}")(**named)[kind.title()]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == power
    with refused("NoSuchEntity", f"Scope ARN: {power}X does not exist or is not attachable."):
        put(**named, PermissionsBoundary=f"{power}X")
    getattr(iam, f"delete_{kind}_permissions_boundary")(**named)
    assert "PermissionsBoundary" not in getattr(iam, f"get_{kind}")(**named)[kind.title()]


@pytest.mark.parametrize("kind", ["user", "role"])
def test_tags_are_told_apart_without_case_and_kept_as_written(
    folk: Folk, iam: Any, kind: str
) -> None:
    named = make(folk, kind, "someone")
    tag = getattr(iam, f"tag_{kind}")
    for key, value in (("Team", "a"), ("cost", "ä é"), ("team", "b")):
        tag(**named, Tags=[{"Key": key, "Value": value}])
    listed = getattr(iam, f"list_{kind}_tags")(**named)["Tags"]
    assert listed == [{"Key": "cost", "Value": "ä é"}, {"Key": "team", "Value": "b"}]
    getattr(iam, f"untag_{kind}")(**named, TagKeys=["TEAM", "other"])
    assert [each["Key"] for each in getattr(iam, f"list_{kind}_tags")(**named)["Tags"]] == ["cost"]
    with refused("InvalidInput"):
        tag(**named, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    with refused("InvalidInput"):
        tag(**named, Tags=[{"Key": "aws:x", "Value": "1"}])
    with refused("ValidationError"):
        tag(**named, Tags=[{"Key": "a*", "Value": "1"}])
    with refused("LimitExceeded"):
        tag(**named, Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)])


def test_a_managed_policy_has_up_to_five_versions_one_of_which_counts(folk: Folk, iam: Any) -> None:
    policy = iam.create_policy(PolicyName="read", PolicyDocument=DOCUMENT, Path="/x/")["Policy"]
    arn = policy["Arn"]
    assert arn == f"arn:aws:iam::{folk.account}:policy/x/read"
    assert (policy["DefaultVersionId"], policy["AttachmentCount"]) == ("v1", 0)
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=OTHER, SetAsDefault=True)
    assert made["PolicyVersion"]["VersionId"] == "v2"
    assert made["PolicyVersion"]["IsDefaultVersion"]
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=OTHER)
    listed = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in listed] == [
        *(("v5", False), ("v4", False), ("v3", False), ("v2", True), ("v1", False)),
    ]
    with refused("LimitExceeded"):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=OTHER)
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    again = iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT)["PolicyVersion"]
    assert again["VersionId"] == "v6"  # a number is not used twice
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    shown = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert shown["Document"] == json.loads(DOCUMENT)
    with refused("NoSuchEntity"):
        iam.get_policy_version(PolicyArn=arn, VersionId="v9")


def test_a_policy_is_deleted_last(folk: Folk, iam: Any) -> None:
    arn = iam.create_policy(PolicyName="read", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    alice = folk.user("alice", policy=arn)
    attached = "Cannot delete a policy attached to entities."
    with refused("DeleteConflict", attached):
        iam.delete_policy(PolicyArn=arn)
    alice.detach("read")
    folk.user("alice", boundary="read")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with refused("DeleteConflict", attached):
        iam.delete_policy(PolicyArn=arn)
    iam.delete_user_permissions_boundary(UserName="alice")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=OTHER)
    with refused("DeleteConflict") as caught:
        iam.delete_policy(PolicyArn=arn)
    assert "more than one version" in str(caught.value)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found."):
        iam.get_policy(PolicyArn=arn)


def test_awss_policies_can_be_read_and_not_changed(iam: Any) -> None:
    names = [each["PolicyName"] for each in iam.list_policies(Scope="AWS")["Policies"]]
    assert names == ["AWSKeyManagementServicePowerUser", "AdministratorAccess", "PowerUserAccess"]
    assert iam.list_policies(Scope="Local")["Policies"] == []
    (used,) = iam.list_policies(OnlyAttached=True)["Policies"]
    assert used["Arn"] == ADMINISTRATOR
    arn = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])
    (statement,) = version["PolicyVersion"]["Document"]["Statement"]
    assert "kms:CreateKey" in statement["Action"]
    assert "kms:Decrypt" not in statement["Action"]
    for change in (
        lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT),
        lambda: iam.delete_policy(PolicyArn=arn),
    ):
        with refused("AccessDenied"):
            change()


def test_another_accounts_policy_can_not_be_used(folk: Folk, iam: Any) -> None:
    theirs = folk.account("222222222222").client("iam")
    arn = theirs.create_policy(PolicyName="p", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    folk.user("alice")
    for use in (
        lambda: iam.get_policy(PolicyArn=arn),
        lambda: iam.delete_policy(PolicyArn=arn),
        lambda: iam.attach_user_policy(UserName="alice", PolicyArn=arn),
        lambda: iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn),
    ):
        with refused("NoSuchEntity"):
            use()


def test_accounts_do_not_see_each_others_people(folk: Folk, iam: Any) -> None:
    folk.account("222222222222").user("carl")
    with refused("NoSuchEntity", "The user with name carl cannot be found."):
        iam.get_user(UserName="carl")
    iam.create_user(UserName="carl")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_can_not_be_found(folk: Folk, iam: Any, kind: str) -> None:
    named = {f"{kind.title()}Name": "nobody"}
    make(folk, kind, "Nobody")
    get = getattr(iam, f"get_{kind}")
    with refused("NoSuchEntity", NOBODY.format(kind)) as caught:
        get(**named)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert isinstance(caught.value, iam.exceptions.NoSuchEntityException)
    for call in (
        lambda: getattr(iam, f"delete_{kind}")(**named),
        lambda: getattr(iam, f"list_{kind}_policies")(**named),
        lambda: getattr(iam, f"attach_{kind}_policy")(**named, PolicyArn=ADMINISTRATOR),
    ):
        with refused("NoSuchEntity", NOBODY.format(kind)):
            call()


def test_a_name_that_is_taken_is_refused_in_any_case(folk: Folk, iam: Any) -> None:
    for kind in KINDS:
        make(folk, kind, "someone")
    iam.create_policy(PolicyName="someone", PolicyDocument=DOCUMENT)
    message = "{} with name SomeOne already exists."
    with refused("EntityAlreadyExists", message.format("User")) as caught:
        iam.create_user(UserName="SomeOne")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    with refused("EntityAlreadyExists", message.format("Group")):
        iam.create_group(GroupName="SomeOne")
    with refused("EntityAlreadyExists", message.format("Role")):
        iam.create_role(RoleName="SomeOne", AssumeRolePolicyDocument=trust(folk))
    called = "A policy called SomeOne already exists. Duplicate names are not allowed."
    with refused("EntityAlreadyExists", called):
        iam.create_policy(PolicyName="SomeOne", PolicyDocument=DOCUMENT)


def test_whoever_still_has_something_is_not_deleted(folk: Folk, iam: Any) -> None:
    folk.user("alice", policy=[ADMINISTRATOR, ALLOW], groups=["nurses"])
    conflict = "Cannot delete entity, must {} first."
    for call in (
        lambda: iam.delete_user(UserName="alice"),
        lambda: iam.delete_group(GroupName="nurses"),
    ):
        with refused("DeleteConflict", conflict.format("remove users from group")):
            call()
    iam.remove_user_from_group(GroupName="nurses", UserName="alice")
    with refused("DeleteConflict", conflict.format("detach all policies")):
        iam.delete_user(UserName="alice")
    iam.detach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    with refused("DeleteConflict", conflict.format("delete policies")):
        iam.delete_user(UserName="alice")
    iam.delete_user_policy(UserName="alice", PolicyName="policy")
    iam.delete_user(UserName="alice")
    iam.delete_group(GroupName="nurses")
    assert [each["UserName"] for each in iam.list_users()["Users"]] == ["admin"]


BAD_DOCUMENTS = {
    "no JSON": ("{", "This policy contains invalid Json"),
    "a list": ("[]", "Syntax errors in policy."),
    "no statement": ("{}", "Syntax errors in policy."),
    "a text as statement": ('{"Statement": "x"}', "Syntax errors in policy."),
    "very deep": ("[" * 100_000, "This policy contains invalid Json"),
}


@pytest.mark.parametrize("case", BAD_DOCUMENTS)
def test_a_malformed_policy_is_refused_wherever_it_is_saved(
    folk: Folk, iam: Any, case: str
) -> None:
    text, message = BAD_DOCUMENTS[case]
    folk.user("alice")
    folk.role("app")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    for save in (
        lambda: iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=text),
        lambda: iam.create_policy(PolicyName="q", PolicyDocument=text),
        lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=text),
        lambda: iam.create_role(RoleName="r", AssumeRolePolicyDocument=text),
        lambda: iam.update_assume_role_policy(RoleName="app", PolicyDocument=text),
    ):
        with refused("MalformedPolicyDocument") as caught:
            save()
        assert caught.value.response["Error"]["Message"].startswith(message)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_trust_policy_names_only_principals_that_are_there(folk: Folk, iam: Any) -> None:
    text = trust(folk).replace(str(folk.account), f"arn:aws:iam::{folk.account}:user/nobody")
    message = f'Invalid principal in policy: "AWS":"arn:aws:iam::{folk.account}:user/nobody"'
    with refused("MalformedPolicyDocument", message):
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=text)
    folk.user("nobody")
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=text)
    for broken in ({"AWS": 5}, {"AWS": [5]}, 5, {"AWS": None}):
        bad = json.dumps({"Statement": {"Effect": "Allow", "Principal": broken}})
        with refused("MalformedPolicyDocument"):
            iam.update_assume_role_policy(RoleName="app", PolicyDocument=bad)


def big(size: int, more: str = "") -> str:
    """A document with so many characters that count, and white space beside them."""
    whole = '"Effect":"Allow","Action":"*:*","Resource":"*"' + more
    empty = '{"Version":"2012-10-17","Statement":[{"Sid":"",' + whole + "}]}"
    return empty.replace('""', '"' + "x" * (size - len(empty)) + '"').replace(",", ",  \n ")


LIMITS = {
    "user": (2_048, "Maximum policy size of 2048 bytes exceeded for user someone"),
    "group": (5_120, "Maximum policy size of 5120 bytes exceeded for group someone"),
    "role": (10_240, "Maximum policy size of 10240 bytes exceeded for role someone"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_inline_policies_have_room_together(folk: Folk, iam: Any, kind: str) -> None:
    most, message = LIMITS[kind]
    named = make(folk, kind, "someone")
    put = getattr(iam, f"put_{kind}_policy")
    put(**named, PolicyName="a", PolicyDocument=big(most - 100))
    put(**named, PolicyName="b", PolicyDocument=big(100))
    with refused("LimitExceeded", message) as caught:
        put(**named, PolicyName="b", PolicyDocument=big(101))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_managed_and_trust_policies_have_a_size(iam: Any) -> None:
    everyone = ',"Principal":"*"'
    iam.create_policy(PolicyName="fits", PolicyDocument=big(6_144))
    with refused("LimitExceeded", "Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName="p", PolicyDocument=big(6_145))
    iam.create_role(RoleName="fits", AssumeRolePolicyDocument=big(2_048, everyone))
    with refused("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=big(2_049, everyone))


def test_ten_policies_and_ten_groups_are_the_most(folk: Folk, iam: Any) -> None:
    for number in range(11):
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=DOCUMENT)
        folk.group(f"g{number}")
    alice = folk.user(
        "alice",
        policy=[f"p{number}" for number in range(10)],
        groups=[f"g{number}" for number in range(10)],
    )
    arn = f"arn:aws:iam::{folk.account}:policy/p"
    iam.attach_user_policy(UserName=alice.name, PolicyArn=f"{arn}9")
    with refused("LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10"):
        iam.attach_user_policy(UserName=alice.name, PolicyArn=f"{arn}10")
    with refused("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10"):
        iam.add_user_to_group(UserName=alice.name, GroupName="g10")


def test_an_account_has_a_quota_of_groups(folk: Folk, iam: Any) -> None:
    with folk.store.transaction():
        for number in range(300):
            folk.group(f"g{number}")
    with refused("LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 300"):
        iam.create_group(GroupName="one-more")
    folk.account("222222222222").client("iam").create_group(GroupName="one-more")


BAD_PARAMETERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a name with a space": (
        "create_user",
        {"UserName": "a b"},
        "Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [\\w+=,.@-]+",
    ),
    "a long name": (
        "create_user",
        {"UserName": "a" * 65},
        f"Value '{'a' * 65}' at 'userName' failed to satisfy constraint: Member must have length "
        "less than or equal to 64",
    ),
    "a path without its last slash": (
        "create_group",
        {"GroupName": "a", "Path": "/x"},
        "Value '/x' at 'path' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)",
    ),
    "too many items": (
        "list_users",
        {"MaxItems": 1001},
        "Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than "
        "or equal to 1000",
    ),
}


@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_a_parameter_of_the_wrong_shape_is_named(iam: Any, case: str) -> None:
    operation, parameters, failure = BAD_PARAMETERS[case]
    with refused("ValidationError", invalid(failure)):
        getattr(iam, operation)(**parameters)


def test_lists_come_a_page_at_a_time(folk: Folk, iam: Any) -> None:
    names = sorted(["admin", *(f"user{number:02}" for number in range(23))])
    for name in names[1:]:
        folk.user(name, groups=["all"])
    first = iam.list_users(MaxItems=10)
    assert (len(first["Users"]), first["IsTruncated"]) == (10, True)
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 10})
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [
        *(names[:10], names[10:20], names[20:]),
    ]
    pages = list(iam.get_paginator("get_group").paginate(GroupName="all", MaxItems=10))
    assert [user["UserName"] for page in pages for user in page["Users"]] == names[1:]
    for marker in ("x", "YWZ0ZXI=", "!"):
        with refused("ValidationError"):
            iam.list_users(Marker=marker)


def test_pages_fit_where_names_differ_in_the_case_of_their_first_letter(
    folk: Folk, iam: Any
) -> None:
    for name in ("Zoe", "bob", "Carl"):
        folk.user(name)
    names, marker = [], {}
    while True:
        page = iam.list_users(MaxItems=1, **marker)
        names += [user["UserName"] for user in page["Users"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert names == ["admin", "bob", "Carl", "Zoe"]


def test_the_authorizer_is_asked_with_the_action_the_arn_and_the_condition_keys(
    folk: Folk, iam: Any
) -> None:
    iam.create_user(
        UserName="alice",
        Path="/a/",
        Tags=[{"Key": "Team", "Value": "x"}, {"Key": "cost", "Value": "1"}],
        PermissionsBoundary=ADMINISTRATOR,
    )
    tags = {"aws:resourcetag/team": ("x",), "aws:resourcetag/cost": ("1",)}
    there = {**tags, **{key.replace("aws:", "iam:"): value for key, value in tags.items()}}
    alice = f"arn:aws:iam::{folk.account}:user/a/alice"
    assert folk.asked.questions[-1] == {
        "who": folk.admin.arn,
        "action": "iam:CreateUser",
        "resource": alice,
        "policy": None,
        "account": "",
        "context": {
            "aws:requesttag/team": ("x",),
            "aws:requesttag/cost": ("1",),
            "aws:tagkeys": ("Team", "cost"),
            "iam:permissionsboundary": (ADMINISTRATOR,),
        },
    }
    iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    asked = folk.asked.questions[-1]
    assert (asked["action"], asked["resource"]) == ("iam:AttachUserPolicy", alice)
    assert asked["context"] == {
        **there,
        "iam:policyarn": (ADMINISTRATOR,),
        "iam:permissionsboundary": (ADMINISTRATOR,),
    }
    iam.untag_user(UserName="alice", TagKeys=["Team"])
    assert folk.asked.questions[-1]["context"]["aws:tagkeys"] == ("Team",)
    for call, resource in (
        (lambda: iam.list_users(), "user/"),
        (lambda: iam.list_roles(PathPrefix="/x/"), "role/x/"),
        (
            lambda: iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT, Path="/b/"),
            "policy/b/p",
        ),
        (lambda: iam.get_policy(PolicyArn=ADMINISTRATOR), ADMINISTRATOR),
    ):
        call()
        asked = folk.asked.questions[-1]["resource"]
        assert asked in (f"arn:aws:iam::{folk.account}:{resource}", resource)


def test_what_the_authorizer_refuses_does_not_happen_and_is_recorded(folk: Folk, iam: Any) -> None:
    folk.asked.refused = {"iam:CreateUser", "iam:GetUser"}
    with refused("AccessDenied", "iam:CreateUser was refused") as caught:
        iam.create_user(UserName="alice")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with refused("AccessDenied"):  # whether it is there or not
        iam.get_user(UserName="nobody")
    assert [each["UserName"] for each in iam.list_users()["Users"]] == ["admin"]
    event = read_events(folk.store)[-3]
    assert (event["eventSource"], event["eventName"]) == ("iam.amazonaws.com", "CreateUser")
    assert event["errorCode"] == "AccessDenied"


def test_every_operation_is_asked_for_and_recorded_in_the_global_region(folk: Folk) -> None:
    iam = folk.client("iam", "eu-central-1")
    iam.create_user(UserName="alice")
    (event,) = read_events(folk.store)
    assert (event["awsRegion"], event["eventName"]) == ("us-east-1", "CreateUser")
    assert [each["action"] for each in folk.asked.questions] == ["iam:CreateUser"]
    assert folk.asked.regions == {"us-east-1"}


def test_short_forms_ask_nobody_and_leave_no_event(folk: Folk) -> None:
    folk.user(
        "alice", policy=[ALLOW], groups=["nurses"], boundary="PowerUserAccess", tags={"a": "b"}
    )
    folk.role("app").session("run-1")
    assert folk.asked.questions == []
    assert read_events(folk.store) == []


def test_an_operation_that_is_not_answered_says_so(iam: Any) -> None:
    with refused("UnsupportedOperation", "kmslab does not answer iam:CreateAccessKey yet."):
        iam.create_access_key(UserName="admin")


def test_every_operation_of_the_table_is_one_of_iams(iam: Any) -> None:
    assert set(OPERATIONS) <= set(iam.meta.service_model.operation_names)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Folk, Folk]:
    """The same lab, opened twice."""
    return Folk(tmp_path), Folk(tmp_path)


def test_what_one_process_does_the_other_sees(two: tuple[Folk, Folk]) -> None:
    here, there = two
    alice = here.user("alice", policy=[ALLOW])
    assert there.client("iam").get_user(UserName="alice")["User"]["UserId"] == alice.unique_id
    there.user("alice").delete_policy("policy")
    assert here.client("iam").list_user_policies(UserName="alice")["PolicyNames"] == []


REFUSED = {
    "a principal": (allow("kms:*", Principal="*"), "should not specify a principal"),
    "an effect that is none": ({**allow("kms:*"), "Effect": "alow"}, "Effect is Allow or Deny"),
    "an operator that is none": (
        allow("kms:*", Condition={"StringEqual": {"a": "b"}}),
        "StringEqual is no condition operator",
    ),
    "an element that is none": ({**allow("kms:*"), "Actions": "*"}, "Actions"),
    "no action": ({"Effect": "Allow", "Resource": "*"}, "must contain actions"),
    "no resource": ({"Effect": "Allow", "Action": "kms:*"}, "must contain resources"),
    "an action of no service": (allow("Decrypt"), "must be prefaced by a vendor"),
    "a resource that is no ARN": (allow("kms:*", resource="records"), "must be in ARN format"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_not_be_read_later_is_not_saved(folk: Folk, case: str) -> None:
    statement, message = REFUSED[case]
    alice, organization = folk.user("alice"), folk.organization
    for save in (
        lambda: alice.put_policy("p", statement),
        lambda: folk.group("nurses", policy=statement),
        lambda: folk.role("app", policy=statement),
        lambda: organization.scp("p", statement),
    ):
        with pytest.raises(AwsError, match="MalformedPolicyDocument") as caught:
            save()
        assert message in str(caught.value)
    door = {**statement, "Principal": "*"}
    if case != "a principal":
        with pytest.raises(ValueError, match="vpc_endpoint="):
            alice.client("kms", vpc_endpoint=door)
