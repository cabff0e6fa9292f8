"""Making, describing, listing, switching on and off KMS keys."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from expect import UNKNOWN_ID, invalid, refused

from kmslab import Lab
from kmslab.kms import creating

METADATA = {
    *("AWSAccountId", "Arn", "CreationDate", "CustomerMasterKeySpec", "Description", "Enabled"),
    *("EncryptionAlgorithms", "KeyId", "KeyManager", "KeySpec", "KeyState", "KeyUsage"),
    *("MultiRegion", "Origin", "CurrentKeyMaterialId"),
}


def test_create_key_answers_with_the_metadata_that_aws_gives(lab: Lab, kms: Any) -> None:
    made = kms.create_key(Description="payroll")["KeyMetadata"]
    assert set(made) == METADATA
    assert made["Arn"] == f"arn:aws:kms:us-east-1:{lab.account}:key/{made['KeyId']}"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["KeyId"])
    assert re.fullmatch(r"[0-9a-f]{64}", made["CurrentKeyMaterialId"])
    assert isinstance(made["CreationDate"], datetime)
    assert made["CreationDate"].utcoffset() is not None
    assert made == made | {
        "AWSAccountId": lab.account,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": "payroll",
        "Enabled": True,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": False,
        "Origin": "AWS_KMS",
    }


def test_a_key_without_description_has_an_empty_one(kms: Any) -> None:
    assert kms.create_key()["KeyMetadata"]["Description"] == ""


def test_defaults_may_be_said_aloud(kms: Any) -> None:
    said = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS"}
    assert kms.create_key(**said, MultiRegion=False)["KeyMetadata"]["Enabled"]
    assert kms.create_key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT")["KeyMetadata"]["Enabled"]


MESSAGES: dict[str, tuple[dict[str, str], str, str]] = {
    "a usage that the spec has not": (
        {"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"},
        "ValidationException",
        "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
    ),
    "no usage": (
        {"KeySpec": "HMAC_256"},
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    ),
    "two specs": (
        {"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        "ValidationException",
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
        "CustomerMasterKeySpec is deprecated.",
    ),
    "a spec of China": (
        {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"},
        "UnsupportedOperationException",
        "KeySpec SM2 is not supported in this Region",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_a_kind_of_key_that_there_is_not_is_refused_and_nothing_is_made(
    fresh: Lab, case: str
) -> None:
    kms, (parameters, code, message) = fresh.client("kms"), MESSAGES[case]
    with refused(code, message):
        kms.create_key(**parameters)
    assert kms.list_keys()["Keys"] == []


@pytest.mark.parametrize("origin", ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
def test_an_origin_in_a_key_store_needs_the_key_store(kms: Any, origin: str) -> None:
    before = len(kms.list_keys()["Keys"])
    with refused("ValidationException", f"CustomKeyStoreId is required for the Origin {origin}."):
        kms.create_key(Origin=origin)
    assert len(kms.list_keys()["Keys"]) == before


def test_the_deprecated_name_of_key_spec_is_heard(kms: Any) -> None:
    made = kms.create_key(CustomerMasterKeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    assert made["KeyMetadata"]["KeySpec"] == "ECC_NIST_P256"
    assert made["KeyMetadata"]["CustomerMasterKeySpec"] == "ECC_NIST_P256"
    assert made["KeyMetadata"]["SigningAlgorithms"] == ["ECDSA_SHA_256"]


def test_list_keys_shows_the_keys_of_the_owners_asked_for(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    shared = "OTHER_ACCOUNTS_VIA_RAM"
    for owners, expected in ((["SELF"], [key]), ([shared], []), ([shared, "SELF"], [key])):
        answer = kms.list_keys(ResourceOwners=owners)
        assert [entry["KeyId"] for entry in answer["Keys"]] == expected
        assert answer["Truncated"] is False


def test_aws_managed_keys_are_listed_and_do_not_count(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = fresh.client("kms")
    monkeypatch.setattr(creating, "MOST_KEYS", 2)
    for service in ("s3", "ebs", "ssm"):
        fresh.first_use(service)
    kms.create_key()
    kms.create_key(Origin="EXTERNAL")
    message = "The account has 2 KMS keys in us-east-1 already"
    with refused("LimitExceededException", message):
        kms.create_key()
    assert len(kms.list_keys()["Keys"]) == 5
    fresh.client("kms", region="eu-central-1").create_key()  # the quota is of one Region
    fresh.first_use("secretsmanager")


def test_a_key_that_is_gone_makes_room_for_another(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = fresh.client("kms")
    monkeypatch.setattr(creating, "MOST_KEYS", 1)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with refused("LimitExceededException"):
        kms.create_key()
    fresh.clock.advance(days=7, seconds=1)
    kms.create_key()


def test_describe_key_shows_what_create_key_showed(kms: Any) -> None:
    made = kms.create_key(Description="ünïcode ✓")["KeyMetadata"]
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made


def test_a_description_has_at_most_8192_characters(kms: Any, key: str) -> None:
    assert kms.create_key(Description="ä" * 8192)["KeyMetadata"]["Description"] == "ä" * 8192
    failure = "Member must have length less than or equal to 8192"
    text = "a" * 8193
    wording = invalid(f"Value '{text}' at 'description' failed to satisfy constraint: {failure}")
    with refused("ValidationException", wording):
        kms.create_key(Description=text)
    with refused("ValidationException", wording):
        kms.update_key_description(KeyId=key, Description=text)


def test_update_key_description_replaces_it(kms: Any) -> None:
    made = kms.create_key(Description="old")["KeyMetadata"]
    for text in ("new", ""):
        kms.update_key_description(KeyId=made["KeyId"], Description=text)
        assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made | {"Description": text}


def test_a_text_that_is_no_unicode_is_refused_and_changes_nothing(kms: Any, key: str) -> None:
    before = kms.describe_key(KeyId=key)["KeyMetadata"], len(kms.list_keys()["Keys"])
    with refused("SerializationException"):
        kms.update_key_description(KeyId=key, Description="half a pair: \ud800")
    with refused("SerializationException"):
        kms.create_key(Description="\udfff")
    assert before == (kms.describe_key(KeyId=key)["KeyMetadata"], len(kms.list_keys()["Keys"]))


def test_disabling_and_enabling_show_in_the_metadata(kms: Any) -> None:
    made = kms.create_key()["KeyMetadata"]
    for change, state in (("disable_key", "Disabled"), ("enable_key", "Enabled")):
        for _twice in range(2):
            answer = getattr(kms, change)(KeyId=made["Arn"])
            assert set(answer) == {"ResponseMetadata"}
            shown = kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
            assert shown == made | {"KeyState": state, "Enabled": state == "Enabled"}


def test_a_disabled_key_may_be_described_named_and_changed(kms: Any) -> None:
    name = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=name)
    kms.update_key_description(KeyId=name, Description="off")
    kms.create_alias(AliasName="alias/of-a-disabled-key", TargetKeyId=name)
    kms.update_alias(AliasName="alias/of-a-disabled-key", TargetKeyId=name)
    assert kms.list_aliases(KeyId=name)["Aliases"]
    kms.delete_alias(AliasName="alias/of-a-disabled-key")
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Description"] == "off"


@pytest.mark.parametrize("operation", ["describe_key", "enable_key", "disable_key"])
def test_an_unknown_key_does_not_exist(lab: Lab, kms: Any, operation: str) -> None:
    arn = f"arn:aws:kms:us-east-1:{lab.account}:key/{UNKNOWN_ID}"
    with refused("NotFoundException", f"Key '{arn}' does not exist") as caught:
        getattr(kms, operation)(KeyId=UNKNOWN_ID)
    assert isinstance(caught.value, kms.exceptions.NotFoundException)


def test_list_keys_shows_each_key_by_id_and_arn(fresh: Lab) -> None:
    kms = fresh.client("kms")
    assert kms.list_keys()["Keys"] == []
    made = [kms.create_key()["KeyMetadata"] for _ in range(5)]
    answer = kms.list_keys()
    assert answer["Truncated"] is False
    assert "NextMarker" not in answer
    expected = {(key["KeyId"], key["Arn"]) for key in made}
    assert {(entry["KeyId"], entry["KeyArn"]) for entry in answer["Keys"]} == expected


def test_each_region_has_keys_of_its_own(fresh: Lab) -> None:
    here = fresh.client("kms")
    there = fresh.session().client("kms", region_name="eu-central-1")
    key = here.create_key()["KeyMetadata"]
    assert there.list_keys()["Keys"] == []
    with refused("NotFoundException", "Invalid arn us-east-1"):
        there.describe_key(KeyId=key["Arn"])
    made = there.create_key()["KeyMetadata"]
    assert made["Arn"].startswith(f"arn:aws:kms:eu-central-1:{fresh.account}:key/")
    blob = here.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        there.decrypt(CiphertextBlob=blob)
