"""Every error that AWS's model declares for an operation: raised here for real, or said why not.

A family is one way to an error that all its operations share: an unknown key, a disabled key, no
HSM, records that another process holds. `SPECIAL` has the rest, one by one, and `CANNOT` the pairs
that do not arise in this lab; where the way of a family could be thought to lead there, a test
shows that it does not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError
from expect import UNKNOWN_ID
from working import (
    IMPORTED,
    MACS,
    MODEL,
    SHARED,
    SYMMETRIC,
    THERE,
    Parameters,
    World,
    import_request,
    kind,
    one_rsa_key,
    prepare,
)

from kmslab import Lab
from kmslab.errors import StoreError
from kmslab.kms import aliases, creating, grants, rotation
from kmslab.kms.operations import OPERATIONS

Scenario = Callable[[World, pytest.MonkeyPatch, str], Any]
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


# --- families ----------------------------------------------------------------------------------

_NAMES = ("KeyId", "TargetKeyId", "DestinationKeyId")  # members that name a key


def _renamed(parameters: Parameters, name: str) -> Parameters:
    """The same request about a key of another name."""
    if "AliasName" in parameters and "TargetKeyId" not in parameters:
        return {**parameters, "AliasName": "alias/nobody"}
    members = [each for each in _NAMES if each in parameters] or ["KeyId"]
    return {**parameters, members[0]: name}


def _unknown(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, _renamed(_by_id(world, operation), world.arn(UNKNOWN_ID)))


def _no_arn(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, _renamed(_by_id(world, operation), "arn:aws:s3:::bucket"))


def _by_id(world: World, operation: str) -> Parameters:
    """A request that works and names what it is about by id, where there is a choice."""
    if operation == "RetireGrant":
        return prepare(world, "RevokeGrant")
    return prepare(world, operation)


def _disabled(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    key = world.key(**kind(operation))
    parameters = prepare(world, operation, key)
    world.kms.disable_key(KeyId=key)
    world.call(operation, parameters)


def _in_deletion(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    key = world.key(**kind(operation))
    parameters = prepare(world, operation, key)
    if operation == "UpdatePrimaryRegion":  # no replica may be left, or the primary would wait
        world.client(THERE).schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        world.lab.clock.advance(days=8)
    world.kms.schedule_key_deletion(KeyId=key)
    world.call(operation, parameters)


def _dry(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, {**prepare(world, operation), "DryRun": True})


def _made_up_token(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, {**prepare(world, operation), "GrantTokens": ["made-up"]})


def _made_up_marker(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, {**prepare(world, operation), "Marker": "made-up"})


def _other_usage(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    other = world.key(**(SYMMETRIC if kind(operation) == MACS else MACS))
    if operation == "Decrypt":  # by default the blob names its key
        other = world.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        more = {"KeyId": other, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        world.call(operation, {**prepare(world, operation), **more})
    world.call(operation, _renamed(prepare(world, operation), other))


@cache
def _dark() -> tuple[World, dict[str, Parameters]]:
    """A lab whose HSMs are all off, and requests that worked before."""
    world = World(Lab())
    declared = {operation for operation, code in DECLARED if code == "KeyUnavailableException"}
    parameters = {operation: prepare(world, operation) for operation in declared}
    world.lab.hsms.switch_off()
    return world, parameters


def _no_hsm(_world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world, parameters = _dark()
    world.call(operation, parameters[operation])


def _busy_records(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    parameters, store = prepare(world, operation), world.lab._rooms.store
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.rows("PRAGMA busy_timeout = 0")
        try:
            world.call(operation, parameters)
        finally:
            store.rows("PRAGMA busy_timeout = 30000")
            other.execute("ROLLBACK")


def _broken_records(world: World, patch: pytest.MonkeyPatch, operation: str) -> None:
    parameters = prepare(world, operation)

    def full(*_: object) -> int:
        raise StoreError("database or disk is full")

    for name in ("write", "append"):
        patch.setattr(world.lab._rooms.store, name, full)
    world.call(operation, parameters)


FAMILIES: dict[str, Scenario] = {
    "NotFoundException": _unknown,
    "InvalidArnException": _no_arn,
    "DisabledException": _disabled,
    "KMSInvalidStateException": _in_deletion,
    "DryRunOperationException": _dry,
    "InvalidGrantTokenException": _made_up_token,
    "InvalidMarkerException": _made_up_marker,
    "InvalidKeyUsageException": _other_usage,
    "KeyUnavailableException": _no_hsm,
    "DependencyTimeoutException": _busy_records,
    "KMSInternalException": _broken_records,
}

# --- one by one --------------------------------------------------------------------------------


def _with(operation: str, **more: Any) -> Scenario:
    """A request that works, but for some parameters."""
    return lambda world, _patch, _op: world.call(operation, {**prepare(world, operation), **more})


def _about(operation: str, of: Parameters, **more: Any) -> Scenario:
    """A request that works, but about a key of another kind."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        other = {"KeyId": world.key(**of), **more}
        world.call(operation, {**prepare(world, operation), **other})

    return ask


def _limited(operation: str, module: Any, name: str, most: int) -> Scenario:
    """A request that works, but for a quota that is full."""

    def ask(world: World, patch: pytest.MonkeyPatch, _operation: str) -> None:
        parameters = prepare(world, operation)
        patch.setattr(module, name, most)
        world.call(operation, parameters)

    return ask


def _twice(operation: str) -> Scenario:
    """A request that works once."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        parameters = prepare(world, operation)
        world.call(operation, parameters)
        world.call(operation, parameters)

    return ask


def _with_another_key(operation: str, member: str) -> Scenario:
    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        world.call(operation, {**prepare(world, operation), member: world.key()})

    return ask


def _altered(operation: str, member: str, **more: Any) -> Scenario:
    """A request that works, but for the last bit of a blob."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        parameters = prepare(world, operation)
        blob = parameters[member]
        changed = blob[:-1] + bytes([blob[-1] ^ 1])
        world.call(operation, {**parameters, member: changed, **more})

    return ask


def _update_a_full_key(world: World, patch: pytest.MonkeyPatch, _operation: str) -> None:
    moved = prepare(world, "UpdateAlias")
    patch.setattr(aliases, "MOST_A_KEY", 0)
    world.kms.update_alias(**moved)


def _fill_with_tags(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
    key, tags = world.key(), [{"TagKey": str(number), "TagValue": ""} for number in range(51)]
    world.kms.tag_resource(KeyId=key, Tags=tags[:50])
    world.kms.tag_resource(KeyId=key, Tags=tags[50:])


def _too_near(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
    key = world.key()
    world.kms.enable_key_rotation(KeyId=key)
    world.lab.clock.advance(days=365, minutes=-19)
    world.kms.rotate_key_on_demand(KeyId=key)


def _late_import(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    parameters = prepare(world, operation)
    world.lab.clock.advance(hours=25)
    world.call(operation, parameters)


def _import_short(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, import_request(world, world.key(**IMPORTED), b"not 32 bytes"))


def _enabled(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    world.call(operation, {"KeyId": world.key()})


def _delete_material_of_a_new_replica(
    world: World, _patch: pytest.MonkeyPatch, operation: str
) -> None:
    key = world.key(**IMPORTED, **SHARED)
    world.kms.import_key_material(**import_request(world, key))
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.call(operation, {"KeyId": key}, THERE)


def _sm2_pair(operation: str) -> Scenario:
    return _with(operation, KeyPairSpec="SM2")


_LONG = json.dumps({"Statement": [], "Id": "x" * 33_000})
_TWINS = [{"TagKey": "a", "TagValue": value} for value in "bc"]

SPECIAL: dict[Pair, Scenario] = {
    ("CancelKeyDeletion", "KMSInvalidStateException"): _enabled,
    ("CreateAlias", "AlreadyExistsException"): _twice("CreateAlias"),
    ("CreateAlias", "InvalidAliasNameException"): _with("CreateAlias", AliasName="alias/aws/mine"),
    ("CreateAlias", "LimitExceededException"): _limited("CreateAlias", aliases, "MOST_A_KEY", 0),
    ("CreateGrant", "LimitExceededException"): _limited("CreateGrant", grants, "MOST_A_KEY", 0),
    ("CreateKey", "LimitExceededException"): _limited("CreateKey", creating, "MOST_KEYS", 0),
    ("CreateKey", "MalformedPolicyDocumentException"): _with("CreateKey", Policy="no JSON"),
    ("CreateKey", "TagException"): _with("CreateKey", Tags=_TWINS),
    ("CreateKey", "UnsupportedOperationException"): _with("CreateKey", KeySpec="SM2"),
    ("Decapsulate", "InvalidCiphertextException"): _with(
        "Decapsulate", SharedSecretCiphertextBlob=b"too short"
    ),
    ("Decrypt", "IncorrectKeyException"): _with_another_key("Decrypt", "KeyId"),
    ("Decrypt", "InvalidCiphertextException"): _altered("Decrypt", "CiphertextBlob"),
    ("DeleteImportedKeyMaterial", "KMSInvalidStateException"): _delete_material_of_a_new_replica,
    ("DeleteImportedKeyMaterial", "UnsupportedOperationException"): _about(
        "DeleteImportedKeyMaterial", SYMMETRIC
    ),
    ("DisableKeyRotation", "UnsupportedOperationException"): _about("DisableKeyRotation", IMPORTED),
    ("EnableKeyRotation", "UnsupportedOperationException"): _about("EnableKeyRotation", MACS),
    ("GenerateDataKeyPair", "UnsupportedOperationException"): _sm2_pair("GenerateDataKeyPair"),
    ("GenerateDataKeyPairWithoutPlaintext", "UnsupportedOperationException"): _sm2_pair(
        "GenerateDataKeyPairWithoutPlaintext"
    ),
    ("GenerateRandom", "UnsupportedOperationException"): _with(
        "GenerateRandom", CustomKeyStoreId="cks-1"
    ),
    ("GetParametersForImport", "UnsupportedOperationException"): _about(
        "GetParametersForImport", SYMMETRIC
    ),
    ("GetPublicKey", "UnsupportedOperationException"): _about("GetPublicKey", SYMMETRIC),
    ("ImportKeyMaterial", "ExpiredImportTokenException"): _late_import,
    ("ImportKeyMaterial", "IncorrectKeyMaterialException"): _import_short,
    ("ImportKeyMaterial", "InvalidCiphertextException"): _altered(
        "ImportKeyMaterial", "EncryptedKeyMaterial"
    ),
    ("ImportKeyMaterial", "InvalidImportTokenException"): _altered(
        "ImportKeyMaterial", "ImportToken"
    ),
    ("ImportKeyMaterial", "UnsupportedOperationException"): _about("ImportKeyMaterial", SYMMETRIC),
    ("ListGrants", "InvalidGrantIdException"): _with("ListGrants", GrantId="not hexadecimal"),
    ("ListKeyRotations", "UnsupportedOperationException"): _about(
        "ListKeyRotations", MACS, IncludeKeyMaterial="ALL_KEY_MATERIAL"
    ),
    ("ListRetirableGrants", "InvalidArnException"): _with(
        "ListRetirableGrants", RetiringPrincipal="alice"
    ),
    ("PutKeyPolicy", "LimitExceededException"): _with("PutKeyPolicy", Policy=_LONG),
    ("PutKeyPolicy", "MalformedPolicyDocumentException"): _with("PutKeyPolicy", Policy="no JSON"),
    ("ReEncrypt", "IncorrectKeyException"): _with_another_key("ReEncrypt", "SourceKeyId"),
    ("ReEncrypt", "InvalidCiphertextException"): _altered("ReEncrypt", "CiphertextBlob"),
    ("ReplicateKey", "AlreadyExistsException"): _twice("ReplicateKey"),
    ("ReplicateKey", "LimitExceededException"): _with("ReplicateKey", Policy=_LONG),
    ("ReplicateKey", "MalformedPolicyDocumentException"): _with("ReplicateKey", Policy="no JSON"),
    ("ReplicateKey", "TagException"): _with("ReplicateKey", Tags=_TWINS),
    ("ReplicateKey", "UnsupportedOperationException"): _about("ReplicateKey", SYMMETRIC),
    ("RetireGrant", "InvalidGrantIdException"): lambda world, _patch, _op: world.kms.retire_grant(
        KeyId=world.key(), GrantId="not hexadecimal"
    ),
    ("RetireGrant", "InvalidGrantTokenException"): _with("RetireGrant", GrantToken="made-up"),
    ("RevokeGrant", "InvalidGrantIdException"): _with("RevokeGrant", GrantId="not hexadecimal"),
    ("RotateKeyOnDemand", "ConflictException"): _too_near,
    ("RotateKeyOnDemand", "LimitExceededException"): _limited(
        "RotateKeyOnDemand", rotation, "MOST_ON_DEMAND", 0
    ),
    ("RotateKeyOnDemand", "UnsupportedOperationException"): _about("RotateKeyOnDemand", MACS),
    ("TagResource", "LimitExceededException"): _fill_with_tags,
    ("TagResource", "TagException"): _with("TagResource", Tags=_TWINS),
    ("UpdateAlias", "LimitExceededException"): _update_a_full_key,
    ("UpdatePrimaryRegion", "UnsupportedOperationException"): _about(
        "UpdatePrimaryRegion", SYMMETRIC
    ),
    ("Verify", "KMSInvalidSignatureException"): _with("Verify", Message=b"another"),
    ("VerifyMac", "KMSInvalidMacException"): _altered("VerifyMac", "Mac"),
}

# --- what does not arise here ------------------------------------------------------------------

_NO_STORES = "it waits for custom key stores"
_ANY_STATE = "AWS's table of key states allows it in every state"
_PUBLIC = "the public key is in the records: no HSM is needed"
CANNOT: dict[Pair, str] = {
    **{
        ("CreateKey", f"{name}Exception"): _NO_STORES
        for name in (
            *("CustomKeyStoreNotFound", "CustomKeyStoreInvalidState"),
            *("CloudHsmClusterInvalidConfiguration", "XksKeyInvalidConfiguration"),
            *("XksKeyAlreadyInUse", "XksKeyNotFound"),
        )
    },
    ("GenerateRandom", "CustomKeyStoreNotFoundException"): _NO_STORES,
    ("GenerateRandom", "CustomKeyStoreInvalidStateException"): _NO_STORES,
    **{
        (operation, "KMSInvalidStateException"): _ANY_STATE
        for operation in (
            *("DeleteAlias", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants"),
            *("ListKeyPolicies", "ListKeyRotations", "PutKeyPolicy", "RetireGrant", "RevokeGrant"),
        )
    },
    ("GetPublicKey", "KeyUnavailableException"): _PUBLIC,
    ("Verify", "KeyUnavailableException"): _PUBLIC,
    ("Encapsulate", "KeyUnavailableException"): _PUBLIC,
    ("CreateKey", "InvalidArnException"): "principals in a key policy are not looked up yet",
    ("EnableKey", "LimitExceededException"): "AWS names no quota that it would exceed",
    ("GetKeyRotationStatus", "UnsupportedOperationException"): (
        "recorded answers of AWS for keys that do not rotate say false"
    ),
    ("GetPublicKey", "InvalidKeyUsageException"): "every use of a key pair has a public key",
    ("ListRetirableGrants", "NotFoundException"): "a principal without grants gets an empty list",
    ("PutKeyPolicy", "UnsupportedOperationException"): "AWS does not say when",
    ("UntagResource", "TagException"): "a tag that is not there is no error",
}

# --- the test ----------------------------------------------------------------------------------


DECLARED = sorted(
    (operation, shape.name)
    for operation in OPERATIONS
    for shape in MODEL.operation_model(operation).error_shapes
)
RAISED = [pair for pair in DECLARED if pair not in CANNOT]
DISPROVED = [
    pair
    for pair in CANNOT
    if pair[1].startswith(("KMSInvalidState", "KeyUnavailable", "InvalidKeyUsage"))
]


def test_every_declared_error_is_raised_or_said_to_be_out_of_reach() -> None:
    ways = {pair for pair in DECLARED if pair[1] in FAMILIES} | set(SPECIAL)
    assert set(DECLARED) - ways - set(CANNOT) == set()
    assert (set(SPECIAL) | set(CANNOT)) - set(DECLARED) == set()
    assert set(SPECIAL) & set(CANNOT) == set()
    assert all(CANNOT.values())


@pytest.mark.parametrize(("operation", "code"), RAISED)
def test_a_declared_error_is_raised(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str, code: str
) -> None:
    way = SPECIAL.get((operation, code)) or FAMILIES[code]
    with pytest.raises(ClientError) as caught:
        way(world, monkeypatch, operation)
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert caught.value.operation_name == operation
    assert type(caught.value).__name__ == code
    fault = code in (
        *("KMSInternalException", "KeyUnavailableException", "DependencyTimeoutException"),
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == (500 if fault else 400)


@pytest.mark.parametrize(("operation", "code"), DISPROVED)
def test_what_does_not_arise_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str, code: str
) -> None:
    raised = ""
    try:
        FAMILIES[code](world, monkeypatch, operation)
    except ClientError as error:
        raised = error.response["Error"]["Code"]
    assert raised != code
