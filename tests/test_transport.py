"""boto3 clients that are answered in the process: types, ids, errors."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from expect import UNKNOWN_ID, refused

from kmslab import Lab
from kmslab.errors import AwsError

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_an_answer_has_the_metadata_of_a_response(lab: Lab, kms: Any) -> None:
    metadata = kms.list_keys()["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 200
    assert metadata["RetryAttempts"] == 0
    assert UUID.fullmatch(metadata["RequestId"])
    assert metadata["HTTPHeaders"]["x-amzn-requestid"] == metadata["RequestId"]
    assert lab.trail()[-1]["requestID"] == metadata["RequestId"]


def test_an_error_has_it_too_and_a_type_of_its_own(lab: Lab, kms: Any) -> None:
    with pytest.raises(kms.exceptions.NotFoundException) as caught:
        kms.describe_key(KeyId=UNKNOWN_ID)
    assert isinstance(caught.value, ClientError)
    assert caught.value.operation_name == "DescribeKey"
    metadata = caught.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 400
    assert lab.trail()[-1]["requestID"] == metadata["RequestId"]
    assert not isinstance(caught.value, AwsError)


def test_no_two_requests_have_the_same_id(kms: Any) -> None:
    ids = [kms.list_keys()["ResponseMetadata"]["RequestId"] for _ in range(20)]
    assert len(set(ids)) == 20


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("encrypt", {"KeyId": b"bytes", "Plaintext": b"x"}),
        ("encrypt", {"KeyId": UNKNOWN_ID, "Plaintext": 5}),
        ("encrypt", {"KeyId": UNKNOWN_ID, "Plaintext": None}),
        ("encrypt", {"KeyId": UNKNOWN_ID}),
        ("encrypt", {"KeyId": UNKNOWN_ID, "Plaintext": b"x", "EncryptionContext": {"a": b"b"}}),
        ("encrypt", {"KeyId": UNKNOWN_ID, "Plaintext": b"x", "EncryptionContext": {b"a": "b"}}),
        ("encrypt", {"KeyId": UNKNOWN_ID, "Plaintext": b"x", "EncryptionContext": "a=b"}),
        ("encrypt", {"KeyId": UNKNOWN_ID, "Plaintext": b"x", "Unknown": 1}),
        ("create_alias", {"AliasName": b"alias/x", "TargetKeyId": UNKNOWN_ID}),
        ("generate_random", {"NumberOfBytes": "8"}),
        ("generate_random", {"NumberOfBytes": 0}),
        ("create_key", {"Description": b"bytes"}),
    ],
)
def test_boto3_itself_refuses_wrong_types_before_anything_is_asked(
    lab: Lab, kms: Any, operation: str, parameters: dict[str, Any]
) -> None:
    before = len(lab.trail())
    with pytest.raises(ParamValidationError):
        getattr(kms, operation)(**parameters)
    assert len(lab.trail()) == before


def test_the_learners_parameters_are_left_as_they_are(kms: Any, key: str) -> None:
    context, plaintext = {"b": "1", "a": "2"}, bytearray(b"x")
    kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext=context)
    assert list(context.items()) == [("b", "1"), ("a", "2")]
    assert plaintext == b"x"


def test_a_user_agent_is_recorded(lab: Lab, kms: Any) -> None:
    kms.list_keys()
    assert lab.trail()[-1]["userAgent"] == f"Boto3/{boto3.__version__}"


def test_two_clients_of_one_lab_see_the_same_keys(lab: Lab, key: str) -> None:
    assert lab.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key


def test_a_key_of_one_lab_is_unknown_in_another(lab: Lab, fresh: Lab, key: str) -> None:
    with refused("NotFoundException"):
        fresh.client("kms").describe_key(KeyId=key)
    assert lab.account != fresh.account
