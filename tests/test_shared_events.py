"""Calls on what belongs to another account: two events, or one, and who sees what."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import (
    ALICE,
    APP,
    HERE,
    KEY,
    MINE,
    ROOT,
    SERVICE,
    THEIR_KEY,
    THEIR_ROLE,
    THEIRS,
    THIRD,
    Records,
)

from kmslab import Lab
from kmslab.aws.call import Way


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Empty records."""
    return Records(tmp_path)


def test_a_call_on_a_strangers_key_leaves_an_event_in_both_accounts(records: Records) -> None:
    request_id = records.success(arns=(THEIR_KEY,), parameters={"KeyId": THEIR_KEY})
    (mine,), (theirs,) = records.events(MINE), records.events(THEIRS)
    assert mine["sharedEventID"] == theirs["sharedEventID"]
    assert mine["eventID"] != theirs["eventID"]
    assert mine["requestID"] == theirs["requestID"] == request_id
    assert [each["recipientAccountId"] for each in (mine, theirs)] == [MINE, THEIRS]
    own = {"eventID", "recipientAccountId", "userIdentity"}
    records.success()
    assert mine.keys() - records.last().keys() == {"sharedEventID"}
    assert {name: mine[name] for name in mine.keys() - own} == {
        name: theirs[name] for name in theirs.keys() - own
    }
    assert mine["resources"] == [{"accountId": THEIRS, "type": "AWS::KMS::Key", "ARN": THEIR_KEY}]


def test_the_owner_sees_a_strangers_account_and_id_and_no_name(records: Records) -> None:
    for who in (ALICE, APP, ROOT):
        records.success(who, arns=(THEIR_KEY,))
        assert records.last(THEIRS)["userIdentity"] == {
            "type": "AWSAccount",
            "principalId": who.unique_id,
            "accountId": MINE,
        }
        assert records.last(MINE)["userIdentity"]["arn"] == who.arn


def test_the_owner_sees_through_which_service_a_stranger_called(records: Records) -> None:
    records.success(arns=(THEIR_KEY,), way=Way(service="s3.amazonaws.com"))
    assert records.last(THEIRS)["userIdentity"]["invokedBy"] == "fas.s3.amazonaws.com"


def test_a_denied_call_on_a_strangers_key_is_the_callers_event_alone(records: Records) -> None:
    records.failure("AccessDeniedException", arns=(THEIR_KEY,))
    assert records.events(THEIRS) == []
    event = records.last(MINE)
    assert event["errorCode"] == "AccessDenied"
    assert "sharedEventID" not in event


def test_any_other_failure_on_a_strangers_key_is_in_both_accounts(records: Records) -> None:
    records.failure("DisabledException", arns=(THEIR_KEY,))
    mine, theirs = records.last(MINE), records.last(THEIRS)
    assert mine["errorCode"] == theirs["errorCode"] == "DisabledException"
    assert mine["sharedEventID"] == theirs["sharedEventID"]


def test_a_call_in_ones_own_account_is_shared_with_nobody(records: Records) -> None:
    records.success(arns=(KEY,))
    assert "sharedEventID" not in records.last()
    assert len(records.store.rows("SELECT number FROM event")) == 1


def test_what_belongs_to_aws_or_to_no_account_is_shared_with_nobody(records: Records) -> None:
    for arn in ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:s3:::bucket"):
        records.success(service="iam", arns=(arn,))
        assert "sharedEventID" not in records.last()
    assert len(records.store.rows("SELECT number FROM event")) == 2


def test_each_owner_gets_one_copy_whatever_number_of_keys(records: Records) -> None:
    third = KEY.replace(MINE, THIRD)
    records.success(operation="ReEncrypt", arns=(THEIR_KEY, third))
    records.success(operation="ReEncrypt", arns=(THEIR_KEY, THEIR_KEY))
    assert [len(records.events(account)) for account in (MINE, THEIRS, THIRD)] == [2, 2, 1]
    first = [records.events(account)[0] for account in (MINE, THEIRS, THIRD)]
    assert len({event["sharedEventID"] for event in first}) == 1
    assert len({event["eventID"] for event in first}) == 3


def test_a_services_own_call_is_the_owners_event_alone(records: Records) -> None:
    records.success(SERVICE, arns=(KEY,))
    (event,) = records.events(MINE)
    assert event["userIdentity"] == {"type": "AWSService", "invokedBy": "logs.amazonaws.com"}
    assert "sharedEventID" in event
    assert records.store.rows("SELECT recipient FROM event") == [(MINE,)]


def test_a_strangers_role_that_is_assumed_leaves_an_event_with_its_owner(records: Records) -> None:
    asked = {"RoleArn": THEIR_ROLE, "RoleSessionName": "look"}
    records.success(ALICE, "AssumeRole", asked, service="sts", arns=())
    event = records.last(THEIRS)
    assert event["userIdentity"]["type"] == "AWSAccount"
    assert event["resources"] == [
        {"accountId": THEIRS, "type": "AWS::IAM::Role", "ARN": THEIR_ROLE}
    ]


def test_both_events_of_a_call_have_one_time(tmp_path: Path) -> None:
    records = Records(tmp_path, seed=3)  # its clock moves with each event
    records.success(arns=(THEIR_KEY,))
    assert records.last(MINE)["eventTime"] == records.last(THEIRS)["eventTime"]


def test_a_seeded_trail_with_shared_events_repeats(tmp_path: Path) -> None:
    seen = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        records = Records(tmp_path / name, seed=3)
        for arns in ((THEIR_KEY,), (KEY,), (THEIR_KEY,)):
            records.success(arns=arns)
        seen.append((records.events(MINE), records.events(THEIRS)))
    assert seen[0] == seen[1]
    ids = [event["eventID"] for events in seen[0] for event in events]
    assert len(set(ids)) == len(ids) == 5


def test_a_labs_trail_is_its_own_accounts_unless_another_is_asked_for(lab: Lab) -> None:
    lab.client("kms").list_keys()
    assert {event["recipientAccountId"] for event in lab.trail()} == {lab.account}
    assert HERE in {event["awsRegion"] for event in lab.trail()}
    assert type(lab.trail()).read(lab._rooms.store, THEIRS)[:] == []
