"""Events of IAM, AWS STS and CloudTrail itself: what they show, and the secrets they don't."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from recorded import ALICE, EVERYONE, HERE, MINE, ROLE, THERE, Records

POLICY = '{"Version": "2012-10-17", "Statement": []}'
SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG/SECRET", "IQoJb3JpZ2luX2VjTOKEN"
UNTIL = datetime(2026, 1, 5, 16, 7, 39, tzinfo=UTC)
CREDENTIALS = {
    "AccessKeyId": "ASIANEW",
    "SecretAccessKey": SECRET,
    "SessionToken": TOKEN,
    "Expiration": UNTIL,
}
ASSUME = {"RoleArn": ROLE, "RoleSessionName": "run-1", "DurationSeconds": 900}
ASSUMED = {
    "Credentials": CREDENTIALS,
    "AssumedRoleUser": {"AssumedRoleId": "AROAROLE:run-1", "Arn": f"{ROLE}/run-1"},
}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Empty records."""
    return Records(tmp_path)


def event(
    records: Records,
    service: str,
    operation: str,
    parameters: dict[str, Any] | None = None,
    output: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The event of an answered call."""
    records.success(
        ALICE, operation, parameters or {}, service=service, output=output, **{"arns": (), **more}
    )
    return records.last()


@pytest.mark.parametrize("service", ["kms", "iam", "sts", "cloudtrail"])
def test_an_event_names_its_service(records: Records, service: str) -> None:
    shown = event(records, service, "ListThings")
    assert shown["eventSource"] == f"{service}.amazonaws.com"


def test_events_of_iam_are_in_us_east_1_whatever_region_asked(records: Records) -> None:
    assert event(records, "iam", "CreateUser", region=THERE)["awsRegion"] == HERE
    assert event(records, "sts", "GetCallerIdentity", region=THERE)["awsRegion"] == THERE


@pytest.mark.parametrize(
    ("service", "operation", "read_only"),
    [
        ("iam", "CreateUser", False),
        ("iam", "PutRolePolicy", False),
        ("iam", "AttachUserPolicy", False),
        ("iam", "GetRole", True),
        ("iam", "ListUsers", True),
        ("iam", "SimulatePrincipalPolicy", True),
        ("iam", "TagRole", False),
        ("sts", "AssumeRole", True),
        ("sts", "AssumeRoleWithSAML", True),
        ("sts", "GetCallerIdentity", True),
        ("sts", "GetFederationToken", False),
        ("cloudtrail", "LookupEvents", True),
        ("cloudtrail", "CreateTrail", False),
        ("iam", "DecryptNothing", False),
        ("kms", "Decrypt", True),
    ],
)
def test_an_event_says_whether_its_operation_only_reads(
    records: Records, service: str, operation: str, read_only: bool
) -> None:
    assert event(records, service, operation)["readOnly"] is read_only


def test_a_new_user_shows_in_the_answer(records: Records) -> None:
    made = {"Path": "/", "UserName": "bob", "UserId": "AIDABOB", "CreateDate": UNTIL}
    shown = event(records, "iam", "CreateUser", {"UserName": "bob"}, {"User": made})
    assert shown["requestParameters"] == {"userName": "bob"}
    assert shown["responseElements"] == {
        "user": {
            "path": "/",
            "userName": "bob",
            "userId": "AIDABOB",
            "createDate": "Jan 5, 2026, 4:07:39 PM",
        }
    }
    assert shown["resources"] == []


def test_a_policy_shows_as_the_text_that_it_is(records: Records) -> None:
    asked = {"UserName": "bob", "PolicyName": "keys", "PolicyDocument": POLICY}
    shown = event(records, "iam", "PutUserPolicy", asked)
    assert shown["requestParameters"] == {
        "userName": "bob",
        "policyName": "keys",
        "policyDocument": POLICY,
    }
    assert shown["responseElements"] is None
    asked = {"RoleName": "app", "AssumeRolePolicyDocument": POLICY}
    shown = event(records, "iam", "CreateRole", asked, {"Role": {"RoleName": "app"}})
    assert shown["requestParameters"]["assumeRolePolicyDocument"] == POLICY


def test_reads_of_iam_show_no_answer(records: Records) -> None:
    shown = event(records, "iam", "GetUser", {"UserName": "bob"}, {"User": {"UserName": "bob"}})
    assert shown["responseElements"] is None
    assert shown["requestParameters"] == {"userName": "bob"}


def test_assume_role_shows_the_new_access_key_id_and_the_session(records: Records) -> None:
    shown = event(records, "sts", "AssumeRole", ASSUME, ASSUMED)
    assert shown["requestParameters"] == {
        "roleArn": ROLE,
        "roleSessionName": "run-1",
        "durationSeconds": 900,
    }
    assert shown["responseElements"] == {
        "credentials": {"accessKeyId": "ASIANEW", "expiration": "Jan 5, 2026, 4:07:39 PM"},
        "assumedRoleUser": {"assumedRoleId": "AROAROLE:run-1", "arn": f"{ROLE}/run-1"},
    }
    assert shown["resources"] == [{"accountId": MINE, "type": "AWS::IAM::Role", "ARN": ROLE}]


@pytest.mark.parametrize("service", ["iam", "sts"])
def test_a_denied_call_of_any_service_shows_no_parameters(records: Records, service: str) -> None:
    records.failure("AccessDenied", operation="GetRole", arns=(), service=service)
    shown = records.last()
    assert (shown["errorCode"], shown["errorMessage"]) == ("AccessDenied", "no")
    assert (shown["requestParameters"], shown["responseElements"]) == (None, None)


def test_errors_of_iam_have_the_names_of_their_exceptions(records: Records) -> None:
    for code in ("NoSuchEntity", "EntityAlreadyExists", "DeleteConflict", "LimitExceeded"):
        records.failure(code, operation="GetRole", arns=(), service="iam")
        assert records.last()["errorCode"] == f"{code}Exception"
    records.failure("NoSuchEntity", operation="GetRole", arns=(), service="sts")
    assert records.last()["errorCode"] == "NoSuchEntity"
    records.failure("ValidationError", operation="GetRole", arns=(), service="iam")
    assert records.last()["errorCode"] == "ValidationError"


# --- never kept --------------------------------------------------------------------------------

# Requests and answers with a secret in them: whoever asks, and answered or not.
SECRETIVE: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("iam", "CreateAccessKey", {"UserName": "bob"}, {"AccessKey": CREDENTIALS}),
    ("iam", "CreateLoginProfile", {"UserName": "bob", "Password": SECRET}, {}),
    ("iam", "ChangePassword", {"OldPassword": SECRET, "NewPassword": TOKEN}, {}),
    ("iam", "UploadServerCertificate", {"PrivateKey": SECRET}, {}),
    (
        *("iam", "CreateServiceSpecificCredential", {"UserName": "bob"}),
        {"ServiceSpecificCredential": {"ServicePassword": SECRET}},
    ),
    (
        *("iam", "CreateVirtualMFADevice", {}),
        {"VirtualMFADevice": {"Base32StringSeed": SECRET.encode(), "QRCodePNG": TOKEN.encode()}},
    ),
    ("sts", "AssumeRole", {**ASSUME, "TokenCode": SECRET}, ASSUMED),
    ("sts", "AssumeRoleWithWebIdentity", {**ASSUME, "WebIdentityToken": SECRET}, ASSUMED),
    ("sts", "AssumeRoleWithSAML", {**ASSUME, "SAMLAssertion": SECRET}, ASSUMED),
    ("sts", "GetSessionToken", {"TokenCode": SECRET}, {"Credentials": CREDENTIALS}),
    ("sts", "GetFederationToken", {"Name": "carl"}, {"Credentials": CREDENTIALS}),
    ("sts", "DecodeAuthorizationMessage", {"EncodedMessage": "x"}, {"DecodedMessage": SECRET}),
    (
        *("kms", "Decrypt", {"CiphertextBlob": SECRET.encode(), "GrantTokens": [TOKEN]}),
        {"Plaintext": TOKEN.encode()},
    ),
    ("kms", "GetKeyPolicy", {"KeyId": "x"}, {"Policy": SECRET}),
    ("kms", "CreateGrant", {"KeyId": "x"}, {"GrantToken": SECRET, "GrantId": "ab"}),
    ("s3", "PutObject", {"Body": SECRET.encode(), "Parts": [TOKEN.encode()]}, {}),
]


@pytest.mark.parametrize("who", EVERYONE)
def test_no_secret_of_any_service_gets_into_the_records(records: Records, who: Any) -> None:
    for service, operation, asked, answered in SECRETIVE:
        given = json.dumps([asked, answered], default=str)
        assert SECRET in given or TOKEN in given
        arns = (f"arn:aws:kms:{HERE}:{MINE}:key/x",)
        records.success(who, operation, asked, service=service, output=answered, arns=arns)
        for code in ("AccessDenied", "ValidationError"):
            records.failure(code, who, operation, parameters=asked, service=service)
    kept = b"".join(path.read_bytes() for path in records.store.path.parent.iterdir())
    assert b"CreateLoginProfile" in kept
    assert b"ASIANEW" in kept
    found = [text for text in (SECRET, TOKEN) if text.encode() in kept]
    assert found == []


def test_where_a_list_goes_on_is_no_secret(records: Records) -> None:
    shown = event(records, "cloudtrail", "LookupEvents", {"NextToken": "page-2"})
    assert shown["requestParameters"] == {"nextToken": "page-2"}
