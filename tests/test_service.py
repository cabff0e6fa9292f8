"""A request's way from top to bottom: what comes first, what is recorded, what isn't there yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name
from expect import UNKNOWN_ID, refused

from kmslab import Lab
from kmslab.errors import StoreError
from kmslab.kms.operations import OPERATIONS

DRY = "The request would have succeeded, but the DryRun option is set."

# Which parameters make a dry run: of the key, or of a blob, or of both.
DRY_RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Encrypt": ("KeyId", "", {"Plaintext": b"x"}),
    "Decrypt": ("", "CiphertextBlob", {}),
    "ReEncrypt": ("DestinationKeyId", "CiphertextBlob", {}),
    "GenerateDataKey": ("KeyId", "", {"KeySpec": "AES_256"}),
    "GenerateDataKeyWithoutPlaintext": ("KeyId", "", {"KeySpec": "AES_256"}),
}


@pytest.fixture(scope="module")
def blob(kms: Any, key: str) -> bytes:
    """A blob of the module's key."""
    return kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


@pytest.mark.parametrize("operation", DRY_RUNS)
def test_a_dry_run_that_would_work_says_so(
    lab: Lab, kms: Any, key: str, blob: bytes, operation: str
) -> None:
    of_key, of_blob, parameters = DRY_RUNS[operation]
    parameters = {**parameters, of_key: key, of_blob: blob}
    parameters.pop("", None)
    with refused("DryRunOperationException", DRY) as caught:
        getattr(kms, xform_name(operation))(DryRun=True, **parameters)
    assert isinstance(caught.value, kms.exceptions.DryRunOperationException)
    event = lab.trail()[-1]
    assert (event["eventName"], event["errorCode"]) == (operation, "DryRunOperationException")
    assert event["requestParameters"]["dryRun"] is True


def test_a_dry_run_that_would_not_work_says_why(kms: Any, key: str, blob: bytes) -> None:
    with refused("NotFoundException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"x", DryRun=True)
    with refused("ValidationException"):
        kms.encrypt(KeyId=key, Plaintext=b"", DryRun=True)
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"}, DryRun=True)


def test_dry_run_false_runs(kms: Any, key: str) -> None:
    assert kms.encrypt(KeyId=key, Plaintext=b"x", DryRun=False)["CiphertextBlob"]


NOT_YET: dict[str, Callable[[Any, str], Any]] = {
    "Sign": lambda kms, key: kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256"),
    "ScheduleKeyDeletion": lambda kms, key: kms.schedule_key_deletion(KeyId=key),
    "ListGrants": lambda kms, key: kms.list_grants(KeyId=key),
    "GetKeyPolicy": lambda kms, key: kms.get_key_policy(KeyId=key),
    "TagResource": lambda kms, key: kms.tag_resource(
        KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]
    ),
}


@pytest.mark.parametrize("operation", NOT_YET)
def test_an_operation_that_is_not_there_yet_names_itself(
    kms: Any, key: str, operation: str
) -> None:
    with refused("UnknownOperationException") as caught:
        NOT_YET[operation](kms, key)
    assert f"kms:{operation} yet" in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "parameters", "name"),
    [
        ("create_key", {"Policy": "{}"}, "Policy"),
        ("create_key", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}, "Tags"),
        ("create_key", {"CustomKeyStoreId": "cks-1"}, "CustomKeyStoreId"),
        ("create_key", {"XksKeyId": "x"}, "XksKeyId"),
        ("list_keys", {"ResourceOwners": ["SELF"]}, "ResourceOwners"),
        ("decrypt", {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}, "DryRunModifiers"),
        ("generate_random", {"NumberOfBytes": 8, "CustomKeyStoreId": "cks-1"}, "CustomKeyStoreId"),
        ("generate_random", {"NumberOfBytes": 8, "Recipient": {}}, "Recipient"),
    ],
)
def test_a_parameter_that_is_not_heard_yet_names_itself(
    kms: Any, operation: str, parameters: dict[str, Any], name: str
) -> None:
    with refused("UnsupportedOperationException") as caught:
        getattr(kms, operation)(**parameters)
    assert f"the parameter {name} of" in str(caught.value)


def test_every_member_of_an_operation_is_answered_or_named(kms: Any) -> None:
    heard = {
        *("KeyId", "Description", "KeySpec", "CustomerMasterKeySpec", "KeyUsage", "Origin"),
        *("MultiRegion", "Limit", "Marker", "AliasName", "TargetKeyId", "Plaintext"),
        *("CiphertextBlob", "EncryptionContext", "EncryptionAlgorithm", "GrantTokens", "DryRun"),
        *("NumberOfBytes", "SourceKeyId", "DestinationKeyId", "SourceEncryptionContext"),
        *("DestinationEncryptionContext", "SourceEncryptionAlgorithm"),
        "DestinationEncryptionAlgorithm",
    }
    for name, operation in OPERATIONS.items():
        members = set(kms.meta.service_model.operation_model(name).input_shape.members)
        assert members - heard - set(operation.not_yet) == set(), name


def test_a_grant_token_that_nobody_made_is_invalid(kms: Any, key: str) -> None:
    with refused("InvalidGrantTokenException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["made-up"])
    assert kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[])["CiphertextBlob"]


def test_shape_comes_before_the_key_and_the_key_before_its_state(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    with refused("ValidationException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"")
    with refused("NotFoundException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"x")
    with refused("DisabledException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1")


def test_a_call_that_fails_halfway_changes_nothing(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = fresh.client("kms")
    write = fresh._rooms.store.write

    def failing(sql: str, *values: Any) -> int:
        if "backing_key" in sql:
            raise StoreError("the disk is full")
        return write(sql, *values)

    monkeypatch.setattr(fresh._rooms.store, "write", failing)
    with refused("KMSInternalException", "the disk is full"):
        kms.create_key()
    monkeypatch.undo()
    assert kms.list_keys()["Keys"] == []
    assert kms.create_key()["KeyMetadata"]["Enabled"]


def test_after_close_a_call_is_an_internal_error() -> None:
    lab = Lab()
    kms = lab.client("kms")
    lab.close()
    with refused("KMSInternalException"):
        kms.list_keys()
