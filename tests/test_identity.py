"""CloudTrail's userIdentity for every kind of caller, and how a call came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded import ALICE, APP, BORN, CARL, EVERYONE, MINE, ROLE, ROOT, SERVICE, Records

from kmslab.aws.call import Endpoint, Way
from kmslab.aws.principal import Principal

CREATED = "2026-01-05T09:00:00Z"
ISSUER = {
    "type": "Role",
    "principalId": "AROAROLE",
    "arn": ROLE,
    "accountId": MINE,
    "userName": "app",
}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Empty records."""
    return Records(tmp_path)


def identity(records: Records, who: Principal, **way: Any) -> dict[str, Any]:
    """The userIdentity that a call leaves."""
    records.success(who, way=Way(**way))
    shown: dict[str, Any] = records.last()["userIdentity"]
    return shown


def test_a_user_is_shown_with_its_name_and_path(records: Records) -> None:
    assert identity(records, ALICE) == {
        "type": "IAMUser",
        "principalId": "AIDAALICE",
        "arn": f"arn:aws:iam::{MINE}:user/hr/alice",
        "accountId": MINE,
        "accessKeyId": "AKIAALICE",
        "userName": "alice",
    }


def test_root_is_shown_by_its_account_and_has_no_name(records: Records) -> None:
    assert identity(records, ROOT) == {
        "type": "Root",
        "principalId": MINE,
        "arn": f"arn:aws:iam::{MINE}:root",
        "accountId": MINE,
        "accessKeyId": "AKIAROOT",
    }


def test_a_role_session_is_shown_with_the_role_that_issued_it(records: Records) -> None:
    assert identity(records, APP) == {
        "type": "AssumedRole",
        "principalId": "AROAROLE:run-1",
        "arn": f"arn:aws:sts::{MINE}:assumed-role/app/run-1",
        "accountId": MINE,
        "accessKeyId": "ASIAAPP",
        "sessionContext": {
            "sessionIssuer": ISSUER,
            "attributes": {"creationDate": CREATED, "mfaAuthenticated": "false"},
        },
    }


def test_a_federated_user_is_shown_with_the_user_who_asked_for_it(records: Records) -> None:
    shown = identity(records, CARL)
    assert shown["type"] == "FederatedUser"
    assert shown["principalId"] == f"{MINE}:carl"
    assert shown["arn"] == f"arn:aws:sts::{MINE}:federated-user/carl"
    assert shown["sessionContext"]["sessionIssuer"] == {
        "type": "IAMUser",
        "principalId": "AIDAALICE",
        "arn": ALICE.arn,
        "accountId": MINE,
        "userName": "alice",
    }


def test_a_federated_user_of_root_has_an_issuer_without_a_name(records: Records) -> None:
    assert CARL.session is not None
    of_root = replace(CARL, session=replace(CARL.session, issuer=ROOT.arn, issuer_id=MINE))
    issuer = identity(records, of_root)["sessionContext"]["sessionIssuer"]
    assert issuer == {"type": "Root", "principalId": MINE, "arn": ROOT.arn, "accountId": MINE}


def test_a_service_is_shown_by_its_name_alone(records: Records) -> None:
    assert identity(records, SERVICE) == {
        "type": "AWSService",
        "invokedBy": "logs.amazonaws.com",
    }
    event = records.last()
    assert (event["sourceIPAddress"], event["userAgent"]) == ("logs.amazonaws.com",) * 2


@pytest.mark.parametrize(("mfa", "shown"), [(True, "true"), (False, "false"), (None, "false")])
def test_a_session_says_whether_it_began_with_mfa(
    records: Records, mfa: bool | None, shown: str
) -> None:
    attributes = identity(records, APP, mfa=mfa)["sessionContext"]["attributes"]
    assert attributes["mfaAuthenticated"] == shown


def test_a_user_with_temporary_credentials_stays_a_user(records: Records) -> None:
    session = replace(APP.session, issuer=ALICE.arn, issuer_id="AIDAALICE")  # type: ignore[type-var]
    shown = identity(records, replace(ALICE, access_key_id="ASIAALICE", session=session), mfa=True)
    assert (shown["type"], shown["userName"]) == ("IAMUser", "alice")
    assert shown["sessionContext"] == {
        "attributes": {"creationDate": CREATED, "mfaAuthenticated": "true"}
    }


def test_a_session_shows_its_source_identity(records: Records) -> None:
    assert APP.session is not None
    named = replace(APP, session=replace(APP.session, source_identity="alice"))
    assert identity(records, named)["sessionContext"]["sourceIdentity"] == "alice"


def test_two_sessions_of_a_role_are_told_apart(records: Records) -> None:
    assert APP.session is not None
    later = replace(APP, session=replace(APP.session, created=BORN + 60))
    first, second = identity(records, APP), identity(records, later)
    assert first["sessionContext"]["attributes"]["creationDate"] == CREATED
    assert second["sessionContext"]["attributes"]["creationDate"] == "2026-01-05T09:01:00Z"


# --- how a call came ---------------------------------------------------------------------------


@pytest.mark.parametrize("who", [ALICE, APP])
def test_a_call_by_s3_with_the_callers_rights_shows_both(records: Records, who: Principal) -> None:
    direct = identity(records, who)
    through = identity(records, who, service="s3.amazonaws.com")
    assert through == {**direct, "invokedBy": "fas.s3.amazonaws.com"}
    event = records.last()
    assert (event["sourceIPAddress"], event["userAgent"]) == ("fas.s3.amazonaws.com",) * 2


def test_other_services_show_their_own_name(records: Records) -> None:
    shown = identity(records, ALICE, service="secretsmanager.amazonaws.com")
    assert shown["invokedBy"] == "secretsmanager.amazonaws.com"
    assert records.last()["sourceIPAddress"] == "secretsmanager.amazonaws.com"


def test_an_event_shows_the_address_and_the_vpc_endpoint_of_its_call(records: Records) -> None:
    door = Endpoint("vpce-1a2b3c", "{}")
    records.success(way=Way(source_ip="10.0.0.7", endpoint=door))
    event = records.last()
    assert (event["sourceIPAddress"], event["vpcEndpointId"]) == ("10.0.0.7", "vpce-1a2b3c")
    assert event["userAgent"].startswith("Boto3/")
    records.success()
    assert "vpcEndpointId" not in records.last()
    assert records.last()["sourceIPAddress"] == "127.0.0.1"


def test_a_refused_call_shows_how_it_came_too(records: Records) -> None:
    records.failure("AccessDeniedException", way=Way(source_ip="198.51.100.9"))
    assert records.last()["sourceIPAddress"] == "198.51.100.9"


@pytest.mark.parametrize("who", EVERYONE)
def test_no_event_makes_up_tls(records: Records, who: Principal) -> None:
    records.success(who)
    assert "tlsDetails" not in records.last()
