"""A request's way from top to bottom: what comes first, what is recorded, what a dry run does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from working import MODEL, World, grant, one_rsa_key, prepare

from kmslab import Lab
from kmslab.errors import HsmRefused, StoreError
from kmslab.kms.operations import OPERATIONS

DRY = "The request would have succeeded, but the DryRun option is set."
DRY_RUNS = [
    operation
    for operation in OPERATIONS
    if "DryRun" in MODEL.operation_model(operation).input_shape.members
]


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


@pytest.fixture(scope="module")
def blob(kms: Any, key: str) -> bytes:
    """A blob of the module's key."""
    return kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


def test_seventeen_operations_have_a_dry_run() -> None:
    assert len(DRY_RUNS) == 17


@pytest.mark.parametrize("operation", DRY_RUNS)
def test_a_dry_run_that_would_work_says_so(world: World, operation: str) -> None:
    parameters = prepare(world, operation)
    with refused("DryRunOperationException", DRY):
        world.call(operation, parameters | {"DryRun": True})
    event = world.lab.trail()[-1]
    assert (event["eventName"], event["errorCode"]) == (operation, "DryRunOperationException")
    if operation != "RetireGrant":  # its parameters are never shown
        assert event["requestParameters"]["dryRun"] is True
    assert event["responseElements"] is None
    world.call(operation, parameters | {"DryRun": False})


def test_a_dry_run_that_would_not_work_says_why(kms: Any, key: str, blob: bytes) -> None:
    with refused("NotFoundException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"x", DryRun=True)
    with refused("ValidationException"):
        kms.encrypt(KeyId=key, Plaintext=b"", DryRun=True)
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"}, DryRun=True)


def test_a_dry_run_changes_nothing(world: World) -> None:
    key = world.key()
    kept = grant(world, key)
    for operation, parameters in (
        ("CreateGrant", prepare(world, "CreateGrant", key)),
        ("RetireGrant", {"GrantToken": kept["GrantToken"]}),
        ("RevokeGrant", {"KeyId": key, "GrantId": kept["GrantId"]}),
    ):
        with refused("DryRunOperationException"):
            world.call(operation, parameters | {"DryRun": True})
    grants = world.kms.list_grants(KeyId=key)["Grants"]
    assert [each["GrantId"] for each in grants] == [kept["GrantId"]]


def test_a_grant_token_that_nobody_made_is_invalid(kms: Any, key: str) -> None:
    with refused("InvalidGrantTokenException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["made-up"])
    assert kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[])["CiphertextBlob"]


def test_shape_comes_before_the_key_the_key_before_its_usage_and_usage_before_state(
    fresh: Lab,
) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    with refused("ValidationException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"")
    with refused("NotFoundException"):
        kms.encrypt(KeyId=UNKNOWN_ID, Plaintext=b"x")
    with refused("InvalidKeyUsageException"):
        kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
    with refused("DisabledException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1")


def test_the_origin_comes_before_the_state(world: World) -> None:
    key = world.key()
    world.kms.schedule_key_deletion(KeyId=key)
    origin = f"{world.arn(key)} origin is AWS_KMS which is not valid for this operation."
    with refused("UnsupportedOperationException", origin):
        world.kms.delete_imported_key_material(KeyId=key)


@pytest.mark.parametrize("table", ["INSERT INTO material", "INTO policy", "INSERT INTO event"])
def test_a_call_that_fails_halfway_changes_nothing(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    kms = fresh.client("kms")
    execute = fresh._rooms.store._execute

    def failing(sql: str, *values: Any) -> Any:
        if table in sql:
            raise StoreError("the disk is full")
        return execute(sql, *values)

    monkeypatch.setattr(fresh._rooms.store, "_execute", failing)
    with refused("KMSInternalException", "the disk is full"):
        kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])
    monkeypatch.undo()
    assert kms.list_keys()["Keys"] == []
    for left in ("kms_key", "material", "policy", "tag"):
        assert fresh._rooms.store.rows(f"SELECT * FROM {left}") == []
    assert kms.create_key()["KeyMetadata"]["Enabled"]


def test_an_hsm_that_refuses_for_no_known_reason_is_an_internal_error(
    kms: Any, key: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise HsmRefused("hsm-a refused: DeviceError")

    monkeypatch.setattr(type(lab.hsms), "encrypt", refuse)
    with refused("KMSInternalException", "hsm-a refused: DeviceError") as caught:
        kms.encrypt(KeyId=key, Plaintext=b"x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_after_close_a_call_is_an_internal_error() -> None:
    lab = Lab()
    kms = lab.client("kms")
    lab.close()
    with refused("KMSInternalException"):
        kms.list_keys()
