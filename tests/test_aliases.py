"""Names for keys: making, moving, deleting, listing them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from expect import UNKNOWN_ID, invalid, refused

from kmslab import Lab

PREFIX = 'Alias must start with the prefix "alias/".'


def test_an_alias_is_listed_with_its_key(lab: Lab, kms: Any, key: str) -> None:
    assert set(kms.create_alias(AliasName="alias/listed", TargetKeyId=key)) == {"ResponseMetadata"}
    (entry,) = kms.list_aliases(KeyId=key)["Aliases"]
    created, updated = entry.pop("CreationDate"), entry.pop("LastUpdatedDate")
    assert entry == {
        "AliasName": "alias/listed",
        "AliasArn": f"arn:aws:kms:us-east-1:{lab.account}:alias/listed",
        "TargetKeyId": key,
    }
    assert isinstance(created, datetime)
    assert created == updated
    kms.delete_alias(AliasName="alias/listed")


def test_an_alias_moves_to_another_key(fresh: Lab) -> None:
    kms = fresh.client("kms")
    first, second = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName="alias/app", TargetKeyId=first)
    fresh.clock.advance(hours=1)
    kms.update_alias(AliasName="alias/app", TargetKeyId=second)
    assert kms.list_aliases(KeyId=first)["Aliases"] == []
    (entry,) = kms.list_aliases(KeyId=second)["Aliases"]
    assert (entry["LastUpdatedDate"] - entry["CreationDate"]).total_seconds() >= 3600
    assert kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] == second
    assert kms.encrypt(KeyId="alias/app", Plaintext=b"x")["KeyId"].endswith(second)


@pytest.mark.parametrize(
    "other",
    [
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "SYMMETRIC_DEFAULT"},
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    ],
    ids=lambda other: "-".join(other.values()),
)
def test_an_alias_moves_only_to_a_key_of_the_same_type_and_usage(
    kms: Any, other: dict[str, str]
) -> None:
    """UpdateAlias: "both symmetric or both asymmetric or both HMAC", and the same key usage."""
    key = kms.create_key(**other)["KeyMetadata"]["KeyId"]
    signing = {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"}
    stays = kms.create_key(**signing)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/signs", TargetKeyId=stays)
    try:
        if other.get("KeyUsage") == "SIGN_VERIFY":  # another spec of the same type is fine
            kms.update_alias(AliasName="alias/signs", TargetKeyId=key)
            stays = key
        else:
            with refused("ValidationException"):
                kms.update_alias(AliasName="alias/signs", TargetKeyId=key)
        assert kms.describe_key(KeyId="alias/signs")["KeyMetadata"]["KeyId"] == stays
    finally:
        kms.delete_alias(AliasName="alias/signs")


def test_deleting_an_alias_leaves_the_key(kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/short-lived", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/short-lived")
    with refused("NotFoundException"):
        kms.describe_key(KeyId="alias/short-lived")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]


def test_an_alias_that_exists_is_not_made_again(
    lab: Lab, kms: Any, key: str, other_key: str
) -> None:
    kms.create_alias(AliasName="alias/taken", TargetKeyId=key)
    arn = f"arn:aws:kms:us-east-1:{lab.account}:alias/taken"
    for target in (key, other_key):
        with refused("AlreadyExistsException", f"An alias with the name {arn} already exists"):
            kms.create_alias(AliasName="alias/taken", TargetKeyId=target)
    assert kms.describe_key(KeyId="alias/taken")["KeyMetadata"]["KeyId"] == key
    kms.delete_alias(AliasName="alias/taken")


@pytest.mark.parametrize("name", ["payroll", "alias/", "Alias/payroll", "alias"])
def test_an_alias_needs_its_prefix(kms: Any, key: str, name: str) -> None:
    with refused("ValidationException") as caught:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    assert caught.value.response["Error"]["Message"].startswith(PREFIX)
    with refused("ValidationException"):
        kms.update_alias(AliasName=name, TargetKeyId=key)
    with refused("ValidationException"):
        kms.delete_alias(AliasName=name)


@pytest.mark.parametrize("name", ["alias/aws/s3", "alias/aws/mine"])
def test_names_of_aws_are_not_for_customers(kms: Any, key: str, name: str) -> None:
    with refused("InvalidAliasNameException") as caught:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    assert isinstance(caught.value, kms.exceptions.InvalidAliasNameException)


def test_a_name_near_that_of_aws_is_free(kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/aws-payroll", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/aws-payroll")


@pytest.mark.parametrize("name", ["alias/a b", "alias/ü", "alias/a.b", "alias/x\n"])
def test_an_alias_has_letters_digits_and_few_signs(kms: Any, key: str, name: str) -> None:
    constraint = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
    failure = f"Value '{name}' at 'aliasName' failed to satisfy constraint: {constraint}"
    with refused("ValidationException", invalid(failure)):
        kms.create_alias(AliasName=name, TargetKeyId=key)


def test_an_alias_has_at_most_256_characters(kms: Any, key: str) -> None:
    longest = "alias/" + "x" * 250
    kms.create_alias(AliasName=longest, TargetKeyId=key)
    assert kms.describe_key(KeyId=longest)["KeyMetadata"]["KeyId"] == key
    kms.delete_alias(AliasName=longest)
    with refused("ValidationException") as caught:
        kms.create_alias(AliasName=longest + "x", TargetKeyId=key)
    assert "Member must have length less than or equal to 256" in str(caught.value)


def test_a_key_has_at_most_50_aliases(fresh: Lab) -> None:
    kms = fresh.client("kms")
    full, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    for number in range(50):
        kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=full)
    kms.create_alias(AliasName="alias/elsewhere", TargetKeyId=other)
    with refused("LimitExceededException") as caught:
        kms.create_alias(AliasName="alias/one-too-many", TargetKeyId=full)
    assert isinstance(caught.value, kms.exceptions.LimitExceededException)
    with refused("LimitExceededException"):
        kms.update_alias(AliasName="alias/elsewhere", TargetKeyId=full)
    kms.update_alias(AliasName="alias/7", TargetKeyId=full)
    assert len(kms.list_aliases(KeyId=full, Limit=100)["Aliases"]) == 50
    kms.delete_alias(AliasName="alias/7")
    kms.create_alias(AliasName="alias/one-too-many", TargetKeyId=full)


def test_an_alias_of_an_unknown_key_is_not_made(kms: Any) -> None:
    for name in (UNKNOWN_ID, "nonsense"):
        with refused("NotFoundException"):
            kms.create_alias(AliasName="alias/dangling", TargetKeyId=name)
    assert "alias/dangling" not in str(kms.list_aliases())


def test_an_unknown_alias_is_neither_moved_nor_deleted(lab: Lab, kms: Any, key: str) -> None:
    message = f"Alias arn:aws:kms:us-east-1:{lab.account}:alias/nobody is not found."
    with refused("NotFoundException", message):
        kms.update_alias(AliasName="alias/nobody", TargetKeyId=key)
    with refused("NotFoundException", message):
        kms.delete_alias(AliasName="alias/nobody")


def test_an_alias_of_an_unknown_key_is_not_moved(kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/stays", TargetKeyId=key)
    with refused("NotFoundException"):
        kms.update_alias(AliasName="alias/stays", TargetKeyId=UNKNOWN_ID)
    assert kms.describe_key(KeyId="alias/stays")["KeyMetadata"]["KeyId"] == key
    kms.delete_alias(AliasName="alias/stays")


def test_aliases_of_an_unknown_key_are_not_listed(kms: Any) -> None:
    with refused("NotFoundException"):
        kms.list_aliases(KeyId=UNKNOWN_ID)


def test_the_alias_name_in_a_request_is_no_arn(lab: Lab, kms: Any, key: str) -> None:
    arn = f"arn:aws:kms:us-east-1:{lab.account}:alias/x"
    with refused("ValidationException"):
        kms.create_alias(AliasName=arn, TargetKeyId=key)
