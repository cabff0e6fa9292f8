"""LookupEvents with a real boto3 client: what is found, in which order, a page at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from expect import refused
from recorded import (
    ALICE,
    APP,
    CARL,
    HERE,
    KEY,
    MINE,
    ROLE,
    ROOT,
    SERVICE,
    THEIR_KEY,
    THEIRS,
    THERE,
    Records,
)

from kmslab.aws.call import Call
from kmslab.aws.principal import Principal
from kmslab.cloudtrail.events import event_id
from kmslab.errors import AwsError

BOB = Principal(THEIRS, "user", "bob", "AIDABOB", "AKIABOB")
OTHER_KEY = KEY.replace("1234abcd", "9999abcd")


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Empty records."""
    return Records(tmp_path)


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Records with events of several callers, services, keys and Regions."""
    records = Records(tmp_path_factory.mktemp("varied"))
    records.success(ALICE, "Encrypt")
    records.success(APP, "Decrypt")
    records.success(ROOT, "DisableKey")
    records.success(CARL, "Encrypt", arns=(OTHER_KEY,))
    records.success(SERVICE, "GenerateDataKey")
    records.success(ALICE, "Encrypt", arns=(THEIR_KEY,))
    records.success(ALICE, "Encrypt", region=THERE)
    records.success(ALICE, "CreateUser", {"UserName": "dave"}, service="iam", arns=())
    records.success(
        ALICE,
        "AssumeRole",
        {"RoleArn": ROLE, "RoleSessionName": "run-1"},
        service="sts",
        arns=(ROLE,),
        output={
            "Credentials": {"AccessKeyId": "ASIAAPP", "SessionToken": "never"},
            "AssumedRoleUser": {"AssumedRoleId": "AROAROLE:run-1", "Arn": APP.arn},
        },
    )
    records.failure("AccessDeniedException", APP, "ScheduleKeyDeletion")
    return records


def found(records: Records, key: str, value: str, **more: Any) -> list[dict[str, Any]]:
    """The entries that one lookup attribute finds, looks at the trail left out."""
    attributes = [{"AttributeKey": key, "AttributeValue": value}]
    answer = records.client(**more).lookup_events(LookupAttributes=attributes)
    return [entry for entry in answer["Events"] if entry["EventName"] != "LookupEvents"]


def names(entries: list[dict[str, Any]]) -> list[str]:
    """The operations of some entries, in their order."""
    return [entry["EventName"] for entry in entries]


def test_an_entry_has_cloudtrails_shape_and_carries_the_event(records: Records) -> None:
    records.success(ALICE, "Encrypt")
    (entry,) = records.client().lookup_events()["Events"]
    event = json.loads(entry.pop("CloudTrailEvent"))
    assert event == records.events()[0]
    assert entry == {
        "EventId": event["eventID"],
        "EventName": "Encrypt",
        "ReadOnly": "true",
        "AccessKeyId": "AKIAALICE",
        "EventTime": datetime.fromisoformat(event["eventTime"]),
        "EventSource": "kms.amazonaws.com",
        "Username": "alice",
        "Resources": [{"ResourceType": "AWS::KMS::Key", "ResourceName": KEY}],
    }


def test_the_newest_event_comes_first(records: Records) -> None:
    for operation in ("Encrypt", "Decrypt", "Sign"):
        records.success(ALICE, operation)
    assert names(records.client().lookup_events()["Events"]) == ["Sign", "Decrypt", "Encrypt"]


def test_a_look_at_the_trail_is_an_event_too(records: Records) -> None:
    client = records.client()
    assert client.lookup_events()["Events"] == []
    asked = [{"AttributeKey": "Username", "AttributeValue": "alice"}]
    answer = client.lookup_events(LookupAttributes=asked, MaxResults=5)
    assert names(answer["Events"]) == ["LookupEvents"]
    event = records.last()
    assert event["eventSource"] == "cloudtrail.amazonaws.com"
    assert event["requestParameters"] == {
        "lookupAttributes": [{"attributeKey": "Username", "attributeValue": "alice"}],
        "maxResults": 5,
    }
    assert (event["readOnly"], event["responseElements"]) == (True, None)
    assert event["requestID"] == answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    ("key", "value", "operations"),
    [
        ("EventName", "Decrypt", ["Decrypt"]),
        ("EventName", "decrypt", []),
        ("ReadOnly", "false", ["ScheduleKeyDeletion", "CreateUser", "DisableKey"]),
        ("Username", "root", ["DisableKey"]),
        ("Username", "run-1", ["ScheduleKeyDeletion", "Decrypt"]),
        ("Username", "carl", ["Encrypt"]),
        ("Username", "alice", ["AssumeRole", "CreateUser", "Encrypt", "Encrypt"]),
        ("Username", "ali", []),
        ("EventSource", "sts.amazonaws.com", ["AssumeRole"]),
        ("EventSource", "kms", []),
        ("AccessKeyId", "ASIAAPP", ["ScheduleKeyDeletion", "Decrypt"]),
        ("AccessKeyId", "ASIA", []),
        ("ResourceName", OTHER_KEY, ["Encrypt"]),
        ("ResourceName", THEIR_KEY, ["Encrypt"]),
        ("ResourceName", "dave", ["CreateUser"]),
        ("ResourceName", ROLE, ["AssumeRole"]),
        ("ResourceName", "ASIAAPP", ["AssumeRole"]),
        ("ResourceName", APP.arn, ["AssumeRole"]),
        ("ResourceName", "arn:aws:kms", []),
        ("ResourceType", "AWS::IAM::Role", ["AssumeRole"]),
        ("ResourceType", "AWS::STS::AssumedRole", ["AssumeRole"]),
        ("ResourceType", "AWS::IAM::User", ["CreateUser"]),
        ("ResourceType", "AWS::S3::Bucket", []),
        ("ResourceType", "nonsense", []),
        ("EventId", "11111111-2222-4333-8444-555555555555", []),
        ("EventId", "no id", []),
    ],
)
def test_an_attribute_finds_its_events_and_no_others(
    varied: Records, key: str, value: str, operations: list[str]
) -> None:
    assert names(found(varied, key, value)) == operations


def test_every_event_is_found_by_its_id(varied: Records) -> None:
    own = [event for event in varied.events() if event["eventName"] != "LookupEvents"]
    assert len(own) == 10
    for event in own:
        region = event["awsRegion"]
        (entry,) = found(varied, "EventId", event["eventID"], region=region)
        assert json.loads(entry["CloudTrailEvent"]) == event


def test_what_reads_and_what_changes_is_everything(varied: Records) -> None:
    both = [*found(varied, "ReadOnly", "true"), *found(varied, "ReadOnly", "false")]
    mine = [
        event["eventID"]
        for event in varied.events()
        if event["awsRegion"] == HERE and event["eventName"] != "LookupEvents"
    ]
    assert sorted(entry["EventId"] for entry in both) == sorted(mine)


def test_resources_of_assume_role_are_those_that_aws_shows(varied: Records) -> None:
    (entry,) = found(varied, "EventName", "AssumeRole")
    assert [(each["ResourceType"], each["ResourceName"]) for each in entry["Resources"]] == [
        ("AWS::IAM::AccessKey", "ASIAAPP"),
        ("AWS::STS::AssumedRole", "run-1"),
        ("AWS::STS::AssumedRole", "AROAROLE:run-1"),
        ("AWS::STS::AssumedRole", APP.arn),
        ("AWS::IAM::Role", ROLE),
    ]


def test_a_resource_is_named_once(records: Records) -> None:
    policy = f"arn:aws:iam::{MINE}:policy/keys"
    asked = {"UserName": "dave", "PolicyArn": policy}
    records.success(ALICE, "AttachUserPolicy", asked, service="iam", arns=(policy,))
    (entry,) = found(records, "ResourceName", policy)
    assert [each["ResourceName"] for each in entry["Resources"]] == ["dave", policy]


def test_an_event_is_found_at_the_time_that_it_shows(records: Records) -> None:
    records.success(ALICE, "Encrypt")  # within a second, of which only the second shows
    client = records.client()
    (entry,) = client.lookup_events()["Events"]
    again = client.lookup_events(StartTime=entry["EventTime"], EndTime=entry["EventTime"])
    assert entry in again["Events"]


def test_a_service_has_no_user_name_and_no_access_key(varied: Records) -> None:
    (entry,) = found(varied, "EventName", "GenerateDataKey")
    assert not {"Username", "AccessKeyId"} & entry.keys()


def test_each_account_and_region_sees_its_own(varied: Records) -> None:
    assert [event["awsRegion"] for event in varied.events() if "sharedEventID" not in event] != []
    assert names(found(varied, "EventName", "Encrypt", region=THERE)) == ["Encrypt"]
    theirs = found(varied, "EventName", "Encrypt", who=BOB)
    assert names(theirs) == ["Encrypt"]
    assert "Username" not in theirs[0]
    assert json.loads(theirs[0]["CloudTrailEvent"])["recipientAccountId"] == THEIRS
    assert found(varied, "EventName", "CreateUser", region=THERE) == []


# --- pages -------------------------------------------------------------------------------------


def test_pages_give_every_event_once(records: Records) -> None:
    ids = [records.success(ALICE, "Encrypt") for _ in range(123)]
    paginator = records.client().get_paginator("lookup_events")
    asked = [{"AttributeKey": "EventName", "AttributeValue": "Encrypt"}]
    pages = list(paginator.paginate(LookupAttributes=asked))
    assert [len(page["Events"]) for page in pages] == [50, 50, 23]
    assert "NextToken" not in pages[-1]
    seen = [json.loads(each["CloudTrailEvent"])["requestID"] for p in pages for each in p["Events"]]
    assert seen == ids[::-1]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_page_is_filled_although_what_fits_is_far_apart(records: Records, size: int) -> None:
    for number in range(60):
        name = "u1" if number % 5 == 0 else f"u1-{number}"
        records.success(ALICE, "GetUser", {"UserName": name}, service="iam", arns=())
    asked = [{"AttributeKey": "ResourceName", "AttributeValue": "u1"}]
    paginator = records.client().get_paginator("lookup_events")
    pages = list(paginator.paginate(LookupAttributes=asked, PaginationConfig={"PageSize": size}))
    counts = [len(page["Events"]) for page in pages]
    assert sum(counts) == 12
    assert set(counts[:-1]) == {size}


def test_a_full_last_page_has_no_token(records: Records) -> None:
    for _ in range(2):
        records.success(ALICE, "Encrypt")
    assert "NextToken" not in records.client().lookup_events(MaxResults=2)


def test_a_token_goes_with_its_request_alone(records: Records) -> None:
    for _ in range(9):
        records.success(ALICE, "Encrypt")
        records.success(BOB, "Encrypt", arns=(THEIR_KEY,))
    client = records.client()
    token = client.lookup_events(MaxResults=2)["NextToken"]
    assert client.lookup_events(MaxResults=2, NextToken=token)["Events"]
    asked = [{"AttributeKey": "EventName", "AttributeValue": "Encrypt"}]
    for attempt in (
        {"MaxResults": 3},
        {"MaxResults": 2, "LookupAttributes": asked},
        {"MaxResults": 2, "EndTime": datetime.now(UTC)},
    ):
        with refused("InvalidNextTokenException"):
            client.lookup_events(NextToken=token, **attempt)
    for stranger in (records.client(BOB), records.client(region=THERE)):
        with refused("InvalidNextTokenException"):
            stranger.lookup_events(MaxResults=2, NextToken=token)
    for made_up in ("", "x", "ä", "\ud800", token[:-4], token + token, f" {token}"):
        with refused("InvalidNextTokenException"):
            client.lookup_events(MaxResults=2, NextToken=made_up)


# --- times -------------------------------------------------------------------------------------


@pytest.fixture
def hours(tmp_path: Path) -> Records:
    """One event an hour, 9:00 to 12:00 on 5 January 2026."""
    records = Records(tmp_path, seed=1)
    for _ in range(4):
        records.success(ALICE, "Encrypt")
        records.settings.advance(timedelta(seconds=3599))  # and one for the event
    return records


def at(hour: int, **more: int) -> datetime:
    """A time of that day."""
    return datetime(2026, 1, 5, hour, **more, tzinfo=UTC)


def test_both_ends_of_a_time_range_belong_to_it(hours: Records) -> None:
    client = hours.client()

    def count(**asked: Any) -> int:
        events = client.lookup_events(**asked)["Events"]
        return names(events).count("Encrypt")

    assert count() == 4
    assert count(StartTime=at(10)) == 3
    assert count(StartTime=at(10, second=1)) == 2
    assert count(EndTime=at(10)) == 2
    assert count(StartTime=at(10), EndTime=at(11)) == 2
    assert count(StartTime=at(11), EndTime=at(11)) == 1


def test_a_time_range_that_cannot_be_is_refused(hours: Records) -> None:
    client = hours.client()
    with refused("InvalidTimeRangeException"):
        client.lookup_events(StartTime=at(11), EndTime=at(10))
    with refused("InvalidTimeRangeException"):
        client.lookup_events(EndTime=at(9) - timedelta(days=91))
    assert client.lookup_events(StartTime=at(9) - timedelta(days=999))["Events"]


def test_the_history_goes_back_90_days_of_the_labs_time(hours: Records) -> None:
    client = hours.client()
    hours.settings.advance(timedelta(days=90) - timedelta(hours=2, minutes=30))
    asked = [{"AttributeKey": "EventName", "AttributeValue": "Encrypt"}]
    assert len(client.lookup_events(LookupAttributes=asked)["Events"]) == 2
    assert len(client.lookup_events(LookupAttributes=asked, StartTime=at(9))["Events"]) == 2
    assert len(hours.trail().named("Encrypt")) == 4


# --- refusals ----------------------------------------------------------------------------------


def test_at_most_one_attribute_and_only_one_that_there_is(records: Records) -> None:
    client = records.client()
    name = {"AttributeKey": "EventName", "AttributeValue": "Encrypt"}
    with refused("InvalidLookupAttributesException"):
        client.lookup_events(LookupAttributes=[name, name])
    with refused("InvalidLookupAttributesException"):
        client.lookup_events(LookupAttributes=[{**name, "AttributeKey": "Colour"}])
    assert client.lookup_events(LookupAttributes=[])["Events"]
    assert records.events()[0]["errorCode"] == "InvalidLookupAttributesException"


def test_a_page_has_at_most_fifty_events(records: Records) -> None:
    with refused("InvalidMaxResultsException"):
        records.client().lookup_events(MaxResults=51)
    assert records.last()["errorCode"] == "InvalidMaxResultsException"


def test_a_value_that_is_too_long_is_refused(records: Records) -> None:
    long = {"AttributeKey": "EventName", "AttributeValue": "x" * 2001}
    with refused("ValidationException"):
        records.client().lookup_events(LookupAttributes=[long])


def test_a_value_that_is_no_unicode_text_is_refused(records: Records) -> None:
    half = {"AttributeKey": "EventName", "AttributeValue": "\ud800"}
    with refused("SerializationException"):
        records.client().lookup_events(LookupAttributes=[half])


def test_the_lab_has_no_insights_events(records: Records) -> None:
    records.success(ALICE, "Encrypt")
    client = records.client()
    assert client.lookup_events(EventCategory="insight")["Events"] == []
    with refused("InvalidEventCategoryException"):
        client.lookup_events(EventCategory="data")


def test_other_operations_are_not_answered(records: Records) -> None:
    with refused("UnsupportedOperationException"):
        records.client().describe_trails()
    assert records.last()["eventName"] == "DescribeTrails"


def test_whoever_may_not_look_is_refused_and_recorded(records: Records) -> None:
    asked: list[tuple[str, str, str]] = []

    def authorize(call: Call, action: str, resource: str, **_: Any) -> None:
        asked.append((call.principal.name, action, resource))
        raise AwsError("AccessDeniedException", "not you")

    with refused("AccessDeniedException", "not you"):
        records.client(authorize=authorize).lookup_events(MaxResults=3)
    assert asked == [("alice", "cloudtrail:LookupEvents", "*")]
    event = records.last()
    assert (event["errorCode"], event["requestParameters"]) == ("AccessDenied", None)


def test_records_that_are_gone_are_a_failure_of_the_service(records: Records) -> None:
    client = records.client()
    records.store.close()
    with refused("InternalFailure"):
        client.lookup_events()


# --- many --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """100,000 events, the first of them the only one of its kind."""
    records = Records(tmp_path_factory.mktemp("many"))
    records.success(ROOT, "DisableKey", arns=(OTHER_KEY,))
    records.success(ALICE, "Encrypt", {"KeyId": KEY, "EncryptionContext": {"dept": "hr"}})
    columns = "time, service, operation, region, recipient, user_agent, identity, resources"
    records.store.write(
        f"INSERT INTO event (request_id, {columns}, details) "
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        "SELECT printf('%08x-1111-4111-8111-111111111111', i), "
        f"{columns}, details FROM n, event WHERE operation = 'Encrypt'"
    )
    yield records
    records.store.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("EventName", "DisableKey"),
        ("ReadOnly", "false"),
        ("Username", "root"),
        ("Username", "ali"),
        ("ResourceName", OTHER_KEY),
        ("AccessKeyId", "AKIAROOT"),
        ("EventSource", "iam.amazonaws.com"),
        ("ResourceType", "AWS::IAM::Role"),
        ("EventId", "the first's"),
        ("EventName", "Encrypt"),
    ],
)
def test_one_in_100_000_events_is_found_in_no_time(many: Records, key: str, value: str) -> None:
    client = many.client()
    if key == "EventId":
        first = many.store.rows("SELECT request_id FROM event WHERE number = 1")[0][0]
        value = event_id(first)
    start = time.perf_counter()
    asked = [{"AttributeKey": key, "AttributeValue": value}]
    answer = client.lookup_events(LookupAttributes=asked)
    spent = time.perf_counter() - start
    expected = {"Encrypt": 50, "iam.amazonaws.com": 0, "AWS::IAM::Role": 0, "ali": 0}.get(value, 1)
    assert len(answer["Events"]) == expected
    assert spent < 2.0, f"{key}: {spent:.2f} s"
    print(f"{key}={value}: {spent * 1e3:.0f} ms")
