"""CloudTrail's event of every operation, what KMS records by itself, and what is never kept."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from expect import UNKNOWN_ID, refused
from working import (
    ELSEWHERE,
    GRANTEE,
    HERE,
    IMPORTED,
    SHARED,
    THERE,
    World,
    grant,
    import_request,
    one_rsa_key,
    prepare,
    work,
)

from kmslab import Lab
from kmslab.kms.operations import OPERATIONS


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


def _last(world: World, name: str) -> dict[str, Any]:
    """The newest event of an operation."""
    event: dict[str, Any] = world.lab.trail().named(name)[-1]
    return event


# Members of requestParameters and of responseElements, for the requests of working.py.
SHOWN: dict[str, tuple[str | None, str | None]] = {
    "CreateKey": (None, "keyMetadata"),
    "DescribeKey": ("keyId", None),
    "ListKeys": (None, None),
    "EnableKey": ("keyId", "keyId"),
    "DisableKey": ("keyId", "keyId"),
    "UpdateKeyDescription": ("keyId description", None),
    "GetKeyLastUsage": ("keyId", None),
    "ScheduleKeyDeletion": ("keyId", "keyId keyState deletionDate"),
    "CancelKeyDeletion": ("keyId", "keyId"),
    "CreateAlias": ("aliasName targetKeyId", "keyId"),
    "UpdateAlias": ("aliasName targetKeyId", "keyId"),
    "DeleteAlias": ("aliasName", "keyId"),
    "ListAliases": ("keyId", None),
    "TagResource": ("keyId tags", None),
    "UntagResource": ("keyId tagKeys", "keyId"),
    "ListResourceTags": ("keyId", None),
    "PutKeyPolicy": ("keyId policy", None),
    "GetKeyPolicy": ("keyId", None),
    "ListKeyPolicies": ("keyId", None),
    "CreateGrant": ("keyId granteePrincipal operations", "grantId keyId"),
    "ListGrants": ("keyId", None),
    "ListRetirableGrants": ("retiringPrincipal", None),
    "RetireGrant": (None, None),
    "RevokeGrant": ("keyId grantId", None),
    "EnableKeyRotation": ("keyId", "keyId"),
    "DisableKeyRotation": ("keyId", "keyId"),
    "GetKeyRotationStatus": ("keyId", None),
    "RotateKeyOnDemand": ("keyId", "keyId"),
    "ListKeyRotations": ("keyId", None),
    "GetParametersForImport": ("keyId wrappingAlgorithm wrappingKeySpec", None),
    "ImportKeyMaterial": ("keyId expirationModel", "keyId keyMaterialId"),
    "DeleteImportedKeyMaterial": ("keyId", "keyId keyMaterialId"),
    "ReplicateKey": ("keyId replicaRegion", "replicaKeyMetadata replicaPolicy replicaTags"),
    "UpdatePrimaryRegion": ("keyId primaryRegion", "keyId"),
    "Encrypt": ("keyId encryptionAlgorithm", None),
    "Decrypt": ("encryptionAlgorithm", None),
    "ReEncrypt": (
        "destinationKeyId sourceEncryptionAlgorithm destinationEncryptionAlgorithm",
        None,
    ),
    "GenerateDataKey": ("keyId keySpec", None),
    "GenerateDataKeyWithoutPlaintext": ("keyId keySpec", None),
    "GenerateDataKeyPair": ("keyId keyPairSpec", None),
    "GenerateDataKeyPairWithoutPlaintext": ("keyId keyPairSpec", None),
    "GenerateRandom": (None, None),
    "Sign": ("keyId signingAlgorithm", None),
    "Verify": ("keyId signingAlgorithm", None),
    "GetPublicKey": ("keyId", None),
    "GenerateMac": ("keyId macAlgorithm", None),
    "VerifyMac": ("keyId macAlgorithm", None),
    "DeriveSharedSecret": ("keyId keyAgreementAlgorithm", None),
    "Encapsulate": ("keyId encapsulationAlgorithm", None),
    "Decapsulate": ("keyId encapsulationAlgorithm", None),
    "CreateCustomKeyStore": (
        "customKeyStoreName customKeyStoreType xksProxyUriEndpoint xksProxyUriPath "
        "xksProxyConnectivity",
        "customKeyStoreId",
    ),
    "ConnectCustomKeyStore": ("customKeyStoreId", None),
    "DisconnectCustomKeyStore": ("customKeyStoreId", None),
    "DescribeCustomKeyStores": ("customKeyStoreId", None),
    "UpdateCustomKeyStore": ("customKeyStoreId newCustomKeyStoreName", None),
    "DeleteCustomKeyStore": ("customKeyStoreId", None),
}
# They change a resource; all others only read, and so does all cryptography.
CHANGES = {
    *("CreateKey", "EnableKey", "DisableKey", "UpdateKeyDescription", "ScheduleKeyDeletion"),
    *("CancelKeyDeletion", "CreateAlias", "UpdateAlias", "DeleteAlias", "TagResource"),
    *("UntagResource", "PutKeyPolicy", "CreateGrant", "RetireGrant", "RevokeGrant"),
    *("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ImportKeyMaterial"),
    *("DeleteImportedKeyMaterial", "ReplicateKey", "UpdatePrimaryRegion"),
    *("CreateCustomKeyStore", "ConnectCustomKeyStore", "DisconnectCustomKeyStore"),
    *("UpdateCustomKeyStore", "DeleteCustomKeyStore"),
}
KEYLESS = {"ListKeys", "ListRetirableGrants", "GenerateRandom"}
KEYLESS |= {each for each in OPERATIONS if "CustomKeyStore" in each}


def test_the_table_has_every_operation() -> None:
    assert set(SHOWN) == set(OPERATIONS)
    assert set(OPERATIONS) >= CHANGES | KEYLESS


@pytest.mark.parametrize("operation", SHOWN)
def test_an_event_shows_what_cloudtrail_shows(world: World, operation: str) -> None:
    parameters = prepare(world, operation)
    answer = world.call(operation, parameters)
    event = world.lab.trail()[-1]
    request_id = answer["ResponseMetadata"]["RequestId"]
    names = [set(text.split()) if text else None for text in SHOWN[operation]]
    shown = event["requestParameters"], event["responseElements"]
    assert event["eventName"] == operation
    assert [set(each) if each else None for each in shown] == names
    assert (event["requestID"], event["awsRegion"]) == (request_id, HERE)
    assert event["eventType"] == "AwsApiCall"
    assert event["readOnly"] is (operation not in CHANGES)
    assert {resource["type"] for resource in event["resources"]} <= {"AWS::KMS::Key"}
    assert bool(event["resources"]) is (operation not in KEYLESS)


def test_key_ids_in_answers_are_arns_but_for_one(world: World) -> None:
    for operation, (_, shown) in SHOWN.items():
        if shown and "keyId" in shown.split() and operation != "UpdatePrimaryRegion":
            work(world, operation)
            event = _last(world, operation)
            (resource,) = event["resources"]
            arn = resource["ARN"]
            expected = arn.split("/")[1] if operation == "RotateKeyOnDemand" else arn
            assert event["responseElements"]["keyId"] == expected


def test_dates_are_written_as_cloudtrail_writes_them() -> None:
    with Lab(seed=5) as lab, one_rsa_key():  # its clock starts at 5 January 2026, 9:00
        world = World(lab)
        key = world.key(**IMPORTED)
        until = lab.clock.now().replace(hour=17, minute=5, second=9) + timedelta(days=3)
        world.kms.import_key_material(
            **import_request(world, key)
            | {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": until}
        )
        event = _last(world, "ImportKeyMaterial")
        assert event["requestParameters"]["validTo"] == "Jan 8, 2026, 5:05:09 PM"
        lab.clock.advance(hours=15)
        made = world.kms.create_key()["KeyMetadata"]["CreationDate"]
        shown = _last(world, "CreateKey")["responseElements"]["keyMetadata"]["creationDate"]
        assert shown == f"Jan 6, 2026, 12:00:{made.second:02} AM"
        world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        shown = _last(world, "ScheduleKeyDeletion")["responseElements"]["deletionDate"]
        assert shown.startswith("Jan 13, 2026, 12:00:")


def test_a_grants_event_shows_its_id_and_constraints_and_not_its_token(world: World) -> None:
    key, context = world.key(), {"Dept": "HR", "aCase": "X"}
    made = world.kms.create_grant(
        KeyId=key,
        Name="payroll",
        GranteePrincipal=GRANTEE,
        RetiringPrincipal=GRANTEE,
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": context},
        GrantTokens=[grant(world, key)["GrantToken"]],
    )
    event = _last(world, "CreateGrant")
    assert event["requestParameters"] == {
        "keyId": key,
        "name": "payroll",
        "granteePrincipal": GRANTEE,
        "retiringPrincipal": GRANTEE,
        "operations": ["Decrypt"],
        "constraints": {"encryptionContextSubset": context},
    }
    assert event["responseElements"] == {"grantId": made["GrantId"], "keyId": world.arn(key)}
    for by_token in (True, False):
        one = grant(world, key)
        named = {"KeyId": world.arn(key), "GrantId": one["GrantId"]}
        world.kms.retire_grant(**({"GrantToken": one["GrantToken"]} if by_token else named))
        event = _last(world, "RetireGrant")
        assert (event["requestParameters"], event["responseElements"]) == (None, None)
        assert event["additionalEventData"] == {"grantId": one["GrantId"]}
        assert [each["ARN"] for each in event["resources"]] == [world.arn(key)]


def test_crypto_shows_the_key_material_that_was_used(world: World) -> None:
    for operation in ("Decrypt", "GenerateDataKey", "GenerateDataKeyPair"):
        answer = work(world, operation)
        event = _last(world, operation)
        assert event["additionalEventData"] == {"keyMaterialId": answer["KeyMaterialId"]}
    for operation in ("ImportKeyMaterial", "Sign", "GenerateMac", "DescribeKey"):
        work(world, operation)
        assert "additionalEventData" not in _last(world, operation)


def test_a_replica_leaves_an_event_in_both_regions(world: World) -> None:
    key = world.key(**SHARED)
    world.kms.replicate_key(KeyId=key, ReplicaRegion=ELSEWHERE, Description="there")
    made, asked = world.lab.trail().tail(2)
    assert (made["eventName"], made["awsRegion"]) == ("CreateKey", ELSEWHERE)
    assert (asked["eventName"], asked["awsRegion"]) == ("ReplicateKey", HERE)
    arn = world.arn(key).replace(HERE, ELSEWHERE)
    assert [each["ARN"] for each in made["resources"]] == [arn]
    assert [each["ARN"] for each in asked["resources"]] == [world.arn(key)]
    assert made["requestParameters"]["description"] == "there"
    shown = asked["responseElements"]["replicaKeyMetadata"]
    assert shown == made["responseElements"]["keyMetadata"]
    assert (shown["keyState"], shown["aWSAccountId"]) == ("Creating", world.lab.account)
    assert shown["multiRegionConfiguration"]["multiRegionKeyType"] == "REPLICA"


def test_a_new_primary_region_leaves_an_event_in_both_regions(world: World) -> None:
    key = world.key(**SHARED)
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.settle()
    world.kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)
    there, here = sorted(world.lab.trail().tail(2), key=lambda event: str(event["awsRegion"]))
    assert [there["awsRegion"], here["awsRegion"]] == [THERE, HERE]
    assert here["requestParameters"] == {"keyId": key, "primaryRegion": THERE}
    arn = world.arn(key).replace(HERE, THERE)
    assert there["requestParameters"] == {"keyId": arn, "primaryRegion": THERE}
    assert there["userIdentity"] == {**here["userIdentity"], "invokedBy": "kms.amazonaws.com"}
    assert there["responseElements"] == {"keyId": arn}


# --- what KMS does by itself -------------------------------------------------------------------

SERVICE_EVENT = {
    "eventVersion": "1.11",
    "eventSource": "kms.amazonaws.com",
    "sourceIPAddress": "AWS Internal",
    "userAgent": "AWS Internal",
    "requestParameters": None,
    "responseElements": None,
    "readOnly": False,
    "eventType": "AwsServiceEvent",
    "managementEvent": True,
    "eventCategory": "Management",
}


def _by_itself(world: World, name: str, region: str, key: str) -> dict[str, Any]:
    """The details of an event of KMS's own; its shape is that of AWS's samples."""
    event = dict(_last(world, name))
    arn = world.arn(key).replace(HERE, region)
    uuid.UUID(event.pop("eventID"))
    assert event.pop("eventTime").endswith("Z")
    details: dict[str, Any] = event.pop("serviceEventDetails")
    assert event == SERVICE_EVENT | {
        "userIdentity": {"accountId": world.lab.account, "invokedBy": "AWS Internal"},
        "eventName": name,
        "awsRegion": region,
        "resources": [{"ARN": arn, "accountId": world.lab.account, "type": "AWS::KMS::Key"}],
        "recipientAccountId": world.lab.account,
    }
    return details


@pytest.mark.parametrize("how", ["AUTOMATIC", "ON_DEMAND"])
def test_a_rotation_is_an_event_of_the_service(world: World, how: str) -> None:
    key = world.key()
    before = world.kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    if how == "AUTOMATIC":
        world.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        world.lab.clock.advance(days=90, seconds=1)
    else:
        world.kms.rotate_key_on_demand(KeyId=key)
        world.settle()
    after = world.kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert before != after
    assert _by_itself(world, "RotateKey", HERE, key) == {
        "keyId": key,
        "rotationType": how,
        "keyOrigin": "AWS_KMS",
        "previousKeyMaterialId": before,
        "currentKeyMaterialId": after,
    }
    world.kms.disable_key_rotation(KeyId=key)


def test_a_deletion_is_an_event_of_the_service(world: World) -> None:
    key = world.key()
    due = world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["DeletionDate"]
    world.lab.clock.advance(days=8)
    world.kms.list_keys()
    assert _by_itself(world, "DeleteKey", HERE, key) == {"keyId": key}
    when = _last(world, "DeleteKey")["eventTime"]
    assert when == f"{due:%Y-%m-%dT%H:%M:%SZ}"


def test_material_that_expires_is_an_event_of_the_service(world: World) -> None:
    key = world.key(**IMPORTED)
    until = world.lab.clock.now() + timedelta(days=1)
    material = world.kms.import_key_material(
        **import_request(world, key) | {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": until}
    )["KeyMaterialId"]
    world.lab.clock.advance(days=2)
    world.kms.list_keys()
    details = _by_itself(world, "DeleteExpiredKeyMaterial", HERE, key)
    assert details == {"keyId": key, "keyMaterialId": material}


def test_a_replica_that_is_ready_is_a_call_of_the_service_itself(world: World) -> None:
    key = world.key(**SHARED)
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.settle()
    world.kms.list_keys()
    event = _last(world, "SynchronizeMultiRegionKey")
    (resource,) = event["resources"]
    assert resource["ARN"].endswith(f":{HERE}:{world.lab.account}:key/{key}")  # the primary's
    assert event == event | SERVICE_EVENT | {
        "eventType": "AwsApiCall",
        "responseElements": {"keyId": resource["ARN"]},
        "userIdentity": {"accountId": world.lab.account, "invokedBy": "AWS Internal"},
    }
    assert uuid.UUID(event["requestID"])
    assert "serviceEventDetails" not in event


def test_keys_that_aws_owns_leave_no_event(fresh: Lab) -> None:
    kms = fresh.client("kms")
    fresh.first_use("dynamodb")
    fresh.first_use("s3")
    fresh.clock.advance(days=366)
    kms.list_keys()
    assert [event["eventName"] for event in fresh.trail()] == ["RotateKey", "ListKeys"]
    assert {event["recipientAccountId"] for event in fresh.trail()} == {fresh.account}


def test_a_trail_prints_what_kms_did_by_itself(world: World) -> None:
    key = world.key()
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    world.lab.clock.advance(days=8)
    world.kms.list_keys()
    line = repr(world.lab.trail().named("DeleteKey").tail(1))
    assert line.endswith(f"DeleteKey  AWS Internal  {key[:8]}…")
    assert "AWS Internal" in world.lab.trail().named("DeleteKey")._repr_html_()


# --- never kept --------------------------------------------------------------------------------

# Members that hold no secret, whatever else is in bytes or is a token.
PUBLIC = {"PublicKey"}


def _secrets(members: dict[str, Any]) -> Iterator[bytes]:
    """Bytes and tokens in a request or an answer, in every form in which text could hold them."""
    for name, value in members.items():
        if name == "XksProxyAuthenticationCredential":
            yield value["RawSecretAccessKey"].encode()
        tokens = value if name == "GrantTokens" else [value] if name.endswith("Token") else []
        values = [value] if isinstance(value, bytes) and name not in PUBLIC else tokens
        for each in values:
            raw = each if isinstance(each, bytes) else each.encode()
            yield from (raw, raw.hex().encode(), base64.b64encode(raw))
            yield from (base64.urlsafe_b64encode(raw), json.dumps(raw.decode("latin-1")).encode())


def _records(world: World) -> bytes:
    """All bytes of the records on disk, the write-ahead log too."""
    files = world.lab.path.glob("records.sqlite*")
    return b"".join(path.read_bytes() for path in sorted(files))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_secret_of_a_call_gets_into_the_records(world: World, operation: str) -> None:
    parameters = prepare(world, operation)
    answer = world.call(operation, parameters)
    with suppress(ClientError, ParamValidationError):  # and once more where it is refused
        world.call(operation, parameters | {"KeyId": UNKNOWN_ID})
    kept = _records(world)
    assert operation.encode() in kept
    found = [each for each in (*_secrets(parameters), *_secrets(answer)) if each in kept]
    assert found == []


def test_grant_tokens_of_a_call_are_not_kept(world: World) -> None:
    key = world.key()
    token = grant(world, key)["GrantToken"]
    world.kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[token])
    assert "grantTokens" not in _last(world, "Encrypt")["requestParameters"]
    assert token.encode() not in _records(world)


def test_passwords_and_credentials_of_key_stores_are_not_kept(world: World) -> None:
    with refused("ValidationException"):
        world.kms.create_custom_key_store(
            CustomKeyStoreName="mine",
            KeyStorePassword="kmsPswd-never-kept",
            XksProxyAuthenticationCredential={
                "AccessKeyId": "ABCDEFGHIJKLMNOPQRSTUVWX",
                "RawSecretAccessKey": "DDDDDsecretDDDDDsecretDDDDDsecretDDDDDsecret",
            },
        )
    event = _last(world, "CreateCustomKeyStore")
    assert event["requestParameters"] == {"customKeyStoreName": "mine"}
    with refused("UnsupportedOperationException"):
        world.kms.generate_data_key(
            KeyId=world.key(), KeySpec="AES_256", Recipient={"AttestationDocument": "as a text"}
        )
    assert _last(world, "GenerateDataKey")["requestParameters"]["recipient"] == {}
    kept = _records(world)
    for secret in (b"kmsPswd", b"DDDDDsecret", b"as a text"):
        assert secret not in kept
