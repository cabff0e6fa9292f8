"""CloudTrail's events: their shape, what they show, what they never show."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused

from kmslab import Lab
from kmslab.cloudtrail.trail import Trail

FIELDS = {
    *("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion"),
    *("sourceIPAddress", "userAgent", "requestParameters", "responseElements", "requestID"),
    *("eventID", "readOnly", "resources", "eventType", "managementEvent", "recipientAccountId"),
    "eventCategory",
}
CONTEXT = {"Dept": "hr", "aNumber": "1"}


def last(lab: Lab) -> dict[str, Any]:
    """The newest event."""
    return lab.trail()[-1]


@pytest.fixture(scope="module")
def arn(kms: Any, key: str) -> str:
    """The ARN of the module's key."""
    return kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]


def test_an_event_has_cloudtrails_shape(lab: Lab, kms: Any, key: str, arn: str) -> None:
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)
    event = last(lab)
    assert set(event) == FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("eventTime"))
    for name in ("requestID", "eventID"):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event.pop(name))
    event.pop("userAgent")
    assert event == {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": lab.admin.unique_id,
            "arn": f"arn:aws:iam::{lab.account}:user/admin",
            "accountId": lab.account,
            "accessKeyId": lab.admin.access_key_id,
            "userName": "admin",
        },
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "127.0.0.1",
        "requestParameters": {
            "keyId": key,
            "encryptionContext": CONTEXT,
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        "responseElements": None,
        "readOnly": True,
        "resources": [{"accountId": lab.account, "type": "AWS::KMS::Key", "ARN": arn}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": lab.account,
    }


def test_the_key_is_shown_as_the_caller_wrote_it(lab: Lab, kms: Any, key: str, arn: str) -> None:
    kms.create_alias(AliasName="alias/shown", TargetKeyId=key)
    assert last(lab)["requestParameters"] == {"aliasName": "alias/shown", "targetKeyId": key}
    for name in (key, arn, "alias/shown"):
        kms.encrypt(KeyId=name, Plaintext=b"x")
        assert last(lab)["requestParameters"]["keyId"] == name
        assert [each["ARN"] for each in last(lab)["resources"]] == [arn]


def test_decrypt_shows_algorithm_and_material(lab: Lab, kms: Any, key: str, arn: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    material = kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"]
    event = last(lab)
    assert event["requestParameters"] == {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    assert event["additionalEventData"] == {"keyMaterialId": material}
    assert event["responseElements"] is None
    assert [each["ARN"] for each in event["resources"]] == [arn]


def test_generate_data_key_shows_spec_context_and_material(lab: Lab, kms: Any, key: str) -> None:
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    event = last(lab)
    assert event["requestParameters"] == {
        "keyId": key,
        "keySpec": "AES_256",
        "encryptionContext": CONTEXT,
    }
    assert event["additionalEventData"] == {"keyMaterialId": made["KeyMaterialId"]}
    kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=7)
    assert last(lab)["requestParameters"] == {"keyId": key, "numberOfBytes": 7}


def test_re_encrypt_lists_source_then_destination(
    lab: Lab, kms: Any, key: str, other_key: str, arn: str
) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(
        CiphertextBlob=blob,
        DestinationKeyId=other_key,
        DestinationEncryptionContext=CONTEXT,
    )
    event = last(lab)
    assert event["requestParameters"] == {
        "destinationKeyId": other_key,
        "destinationEncryptionContext": CONTEXT,
        "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }
    assert [each["ARN"] for each in event["resources"]] == [arn, arn.replace(key, other_key)]


def test_generate_random_and_list_keys_are_about_no_key(lab: Lab, kms: Any) -> None:
    for call in (lambda: kms.generate_random(NumberOfBytes=8), kms.list_keys):
        call()
        event = last(lab)
        assert (event["requestParameters"], event["responseElements"]) == (None, None)
        assert event["resources"] == []
        assert event["readOnly"] is True


def test_create_key_shows_the_metadata_it_answered_with(lab: Lab, kms: Any) -> None:
    made = kms.create_key(Description="shown")["KeyMetadata"]
    event = last(lab)
    assert event["readOnly"] is False
    assert event["requestParameters"] == {"description": "shown"}
    shown = event["responseElements"]["keyMetadata"]
    assert shown["keyId"] == made["KeyId"]
    assert shown["keyState"] == "Enabled"
    when = made["CreationDate"]
    assert shown["creationDate"].startswith(f"{when:%b} {when.day}, {when.year}, ")
    assert re.fullmatch(r"\w{3} \d{1,2}, \d{4}, \d{1,2}:\d\d:\d\d [AP]M", shown["creationDate"])
    assert [each["ARN"] for each in event["resources"]] == [made["Arn"]]


@pytest.mark.parametrize("operation", ["enable_key", "disable_key", "update_key_description"])
def test_changes_are_not_read_only(lab: Lab, kms: Any, operation: str) -> None:
    made = kms.create_key()["KeyMetadata"]
    more = {"Description": "new"} if "description" in operation else {}
    getattr(kms, operation)(KeyId=made["KeyId"], **more)
    event = last(lab)
    assert event["readOnly"] is False
    shown = None if more else {"keyId": made["Arn"]}  # since December 2022, but not for every one
    assert event["responseElements"] == shown
    assert [each["ARN"] for each in event["resources"]] == [made["Arn"]]


def test_reads_are_read_only(lab: Lab, kms: Any, key: str) -> None:
    for call in (lambda: kms.describe_key(KeyId=key), kms.list_aliases, kms.list_keys):
        call()
        assert last(lab)["readOnly"] is True


def test_a_failed_call_is_recorded_with_its_error(lab: Lab, kms: Any) -> None:
    with refused("NotFoundException") as caught:
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"x", EncryptionContext=CONTEXT)
    event = last(lab)
    assert set(event) == FIELDS | {"errorCode", "errorMessage"}
    assert event["errorCode"] == "NotFoundException"
    assert event["errorMessage"] == caught.value.response["Error"]["Message"]
    assert event["requestParameters"]["keyId"] == UNKNOWN_ID
    assert event["requestParameters"]["encryptionContext"] == CONTEXT
    assert event["responseElements"] is None
    assert event["resources"] == []


def test_a_failure_after_the_key_was_found_shows_the_key(lab: Lab, kms: Any) -> None:
    made = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=made["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert (last(lab)["errorCode"], last(lab)["errorMessage"]) == (
        *("InvalidCiphertextException", None),
    )
    kms.disable_key(KeyId=made["KeyId"])
    with refused("DisabledException"):
        kms.decrypt(CiphertextBlob=blob)
    assert last(lab)["errorCode"] == "DisabledException"
    assert [each["ARN"] for each in last(lab)["resources"]] == [made["Arn"]]


def test_a_denied_call_is_recorded_without_its_parameters(lab: Lab, kms: Any) -> None:
    with refused("AccessDeniedException") as caught:
        kms.encrypt(KeyId=f"arn:aws:kms:us-east-1:111122223333:key/{UNKNOWN_ID}", Plaintext=b"x")
    event = last(lab)
    assert event["errorCode"] == "AccessDenied"
    assert event["errorMessage"] == caught.value.response["Error"]["Message"]
    assert (event["requestParameters"], event["responseElements"]) == (None, None)


def test_tags_and_tokens_of_a_refused_call(lab: Lab, kms: Any, key: str) -> None:
    with refused("TagException"):
        kms.create_key(Tags=[{"TagKey": "aws:a", "TagValue": "b"}])
    assert last(lab)["requestParameters"] == {"tags": [{"tagKey": "aws:a", "tagValue": "b"}]}
    with refused("InvalidGrantTokenException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["a-grant-token"])
    assert "a-grant-token" not in json.dumps(last(lab))


def test_no_two_events_have_the_same_id(lab: Lab) -> None:
    ids = [event[name] for event in lab.trail() for name in ("eventID", "requestID")]
    assert len(ids) == len(set(ids)) > 20


def test_a_trail_is_read_like_a_list(lab: Lab, kms: Any, key: str) -> None:
    kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.list_keys()
    trail = lab.trail()
    assert trail[-1]["eventName"] == "ListKeys"
    assert len(trail) == len(list(trail)) == len(trail[:])
    assert [event["eventName"] for event in trail.tail(2)] == ["Encrypt", "ListKeys"]
    assert len(trail.tail(0)) == 0
    assert {event["eventName"] for event in trail.named("Encrypt")} == {"Encrypt"}
    assert len(trail.named()) == 0
    before = len(trail)
    kms.list_keys()
    assert len(trail) == before


def test_a_trail_prints_one_line_an_event(lab: Lab, kms: Any, key: str) -> None:
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})
    with refused("NotFoundException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"x")
    first, second = repr(lab.trail().tail(2)).splitlines()
    assert f'Encrypt  admin  {key[:8]}…  {{"a": "b"}}' in first
    assert second.endswith("NotFoundException")
    assert repr(Trail([])) == "no events"


def test_a_trail_as_a_table_escapes_what_it_shows(lab: Lab, kms: Any, key: str) -> None:
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"<script>": "&"})
    table = lab.trail().tail(1)._repr_html_()
    assert "<script>" not in table
    assert "&lt;script&gt;" in table
    assert table.count("<tr>") == 2
    assert table.startswith("<table>")
