"""The table of key states, against AWS's own and against real keys in each state.

`TABLE` was written down from "Key states of AWS KMS keys", apart from kmslab/kms/states.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stores
from expect import refused
from working import (
    HERE,
    IMPORTED,
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
from kmslab.kms import records, states
from kmslab.kms.operations import OPERATIONS

# A cell says what the operation meets: ok, or an error. A dash: no such key gets into that state.
CELLS = {
    "D": ("DisabledException", "is disabled"),
    "pd": ("KMSInvalidStateException", "is pending deletion"),
    "not": ("KMSInvalidStateException", "is not pending deletion"),
    "imp": ("KMSInvalidStateException", "is pending import"),
    "una": ("KMSInvalidStateException", "is unavailable"),
    "cre": ("KMSInvalidStateException", "is creating"),
    "upd": ("KMSInvalidStateException", "is updating"),
    "sto": (
        "UnsupportedOperationException",
        "origin is EXTERNAL_KEY_STORE which is not valid for this operation",
    ),
    "ext": (
        "UnsupportedOperationException",
        "origin is EXTERNAL which is not valid for this operation",
    ),
}
# For PendingReplicaDeletion AWS's table has the cells of PendingDeletion.
REPLICA_CELLS = {**CELLS, "pd": ("KMSInvalidStateException", "is pending replica deletion")}
COLUMNS = (
    *("Enabled", "Disabled", "PendingDeletion", "PendingImport", "Unavailable", "Creating"),
    "Updating",
)
# GetKeyRotationStatus of a key that waits for material was an error until such keys could rotate.
ROWS = {
    "Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair "
    "GenerateDataKeyPairWithoutPlaintext Sign Verify GetPublicKey GenerateMac VerifyMac "
    "DeriveSharedSecret Encapsulate Decapsulate": "ok D pd imp una cre ok",
    "CreateGrant": "ok D pd imp ok cre ok",
    "CancelKeyDeletion": "not not ok not not not not",
    "ScheduleKeyDeletion": "ok ok pd ok ok ok upd",
    "EnableKey DisableKey": "ok ok pd imp ok cre upd",
    "EnableKeyRotation DisableKeyRotation": "ok D pd ext sto cre ok",
    "GetKeyRotationStatus": "ok ok ok ok sto ok ok",
    "RotateKeyOnDemand": "ok D pd imp sto cre ok",
    "GetParametersForImport": "ok ok pd ok sto cre upd",
    "ImportKeyMaterial": "ok ok pd ok sto cre ok",
    "DeleteImportedKeyMaterial": "ok ok ok ok sto cre upd",
    "CreateAlias UpdateAlias TagResource UntagResource UpdateKeyDescription": (
        "ok ok pd ok ok ok ok"
    ),
    "DeleteAlias DescribeKey GetKeyPolicy PutKeyPolicy RetireGrant RevokeGrant ListAliases "
    "ListGrants ListKeyPolicies ListResourceTags ListKeyRotations GetKeyLastUsage": (
        "ok ok ok ok ok ok ok"
    ),
    "ReplicateKey": "ok D pd imp - cre upd",
    "UpdatePrimaryRegion": "ok D pd imp - cre ok",
}
TABLE: dict[tuple[str, str], tuple[str, str] | None] = {}
for _operations, _cells in ROWS.items():
    for _operation in _operations.split():
        for _state, _cell in zip(COLUMNS, _cells.split(), strict=True):
            if _cell == "-":
                continue
            TABLE[_operation, _state] = CELLS.get(_cell)
            if _state == "PendingDeletion":
                TABLE[_operation, "PendingReplicaDeletion"] = REPLICA_CELLS.get(_cell)
# Of keys in custom key stores, which alone are ever Unavailable, there are symmetric ones only.
REACHED = [
    (operation, state)
    for operation, state in TABLE
    if state != "Unavailable" or kind(operation) in (SYMMETRIC, IMPORTED)
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab whose clock moves with its calls alone: a key stays Creating for five of them."""
    with Lab(seed=11) as lab, one_rsa_key():
        yield lab


@pytest.fixture(scope="module")
def world(lab: Lab) -> World:
    """The module's lab."""
    return World(lab)


def _ready(world: World, operation: str, key: str) -> Parameters:
    """A request that works, about a key in whatever state allows to prepare it."""
    if operation == "CancelKeyDeletion":
        return {"KeyId": key}
    if operation == "UpdatePrimaryRegion" and world.region == THERE:
        return {"KeyId": key, "PrimaryRegion": HERE}
    return prepare(world, operation, key)


def _made(world: World, operation: str, **more: object) -> str:
    """A key of the kind that the operation needs, with material in it."""
    key = world.key(**kind(operation), **more)
    if kind(operation) == IMPORTED:
        world.kms.import_key_material(**import_request(world, key))
    return key


Asked = tuple[World, Parameters, str]  # from which Region, what, about which key


def _enabled(world: World, operation: str) -> Asked:
    key = _made(world, operation)
    return world, _ready(world, operation, key), key


def _disabled(world: World, operation: str) -> Asked:
    _, parameters, key = _enabled(world, operation)
    world.kms.disable_key(KeyId=key)
    return world, parameters, key


def _in_deletion(world: World, operation: str) -> Asked:
    key = _made(world, operation)
    parameters = {"KeyId": key, "PrimaryRegion": THERE}
    if operation != "UpdatePrimaryRegion":  # with a replica it would be PendingReplicaDeletion
        parameters = _ready(world, operation, key)
    world.kms.schedule_key_deletion(KeyId=key)
    return world, parameters, key


def _with_replicas_in_deletion(world: World, operation: str) -> Asked:
    key = _made(world, operation, **_more(operation))
    parameters = _ready(world, operation, key)
    if operation != "UpdatePrimaryRegion":
        world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.kms.schedule_key_deletion(KeyId=key)
    return world, parameters, key


# What they need is made before the material is deleted again.
_NEED_MATERIAL = ("Decrypt", "ReEncrypt", "RetireGrant", "RevokeGrant")
# Enough of a request to come as far as the key's state.
_ENOUGH: dict[str, Parameters] = {
    "Verify": {"Message": b"x", "Signature": b"x", "SigningAlgorithm": "ECDSA_SHA_256"},
    "VerifyMac": {"Message": b"x", "Mac": b"x", "MacAlgorithm": "HMAC_SHA_256"},
    "Decapsulate": {"SharedSecretCiphertextBlob": b"x", "EncapsulationAlgorithm": "ML_KEM"},
    "UpdatePrimaryRegion": {"PrimaryRegion": THERE},
    "ImportKeyMaterial": {"ImportToken": b"x", "EncryptedKeyMaterial": b"x"},
    "DeleteImportedKeyMaterial": {},
}


def _waiting(world: World, operation: str) -> Asked:
    if operation in _NEED_MATERIAL:
        key = world.key(**IMPORTED)
        world.kms.import_key_material(**import_request(world, key))
        parameters = _ready(world, operation, key)
        world.kms.delete_imported_key_material(KeyId=key)
        return world, parameters, key
    key = world.key(**{**kind(operation), **IMPORTED})
    if operation in _ENOUGH and operation != "ImportKeyMaterial":
        return world, {"KeyId": key, **_ENOUGH[operation]}, key
    return world, _ready(world, operation, key), key


def _creating(world: World, operation: str) -> Asked:
    there, key = World(world.lab, THERE), world.key(**kind(operation), **_more(operation))
    enough = {"KeyId": key, **_ENOUGH.get(operation, {})}
    if operation in ("Decrypt", "ReEncrypt"):
        enough = _ready(world, operation, key)
    if kind(operation) == IMPORTED:
        world.kms.import_key_material(**import_request(world, key))
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    if operation in ("RetireGrant", "RevokeGrant"):  # no grant is made on a key that is Creating
        world.settle()
        parameters = _ready(there, operation, key)
        rooms = world.lab._rooms
        made = records.find(rooms, world.lab.account, THERE, key)
        assert made is not None
        records.change(rooms, made, state=states.CREATING)
        return there, parameters, key
    if operation in _ENOUGH or operation in ("Decrypt", "ReEncrypt"):
        return there, enough, key
    return there, _ready(there, operation, key), key


def _updating(world: World, operation: str) -> Asked:
    there, key = World(world.lab, THERE), _made(world, operation, **_more(operation))
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.settle()
    if kind(operation) == IMPORTED:
        there.kms.import_key_material(**import_request(there, key))
    parameters = _ready(there, operation, key)
    if operation == "DeleteImportedKeyMaterial":  # preparing it imported once more
        parameters = {"KeyId": key}
    world.kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)
    return there, parameters, key


def _more(operation: str) -> Parameters:
    return SYMMETRIC if kind(operation) == SHARED else SHARED


def _unavailable(world: World, operation: str) -> Asked:
    store = stores.external(world.lab, world.kms)
    key = stores.external_key(world.lab, world.kms, store)
    if operation in _ENOUGH:
        parameters = {"KeyId": key, **_ENOUGH[operation]}
    else:
        parameters = _ready(world, operation, key)
    world.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    return world, parameters, key


WAYS = {
    "Unavailable": _unavailable,
    "Enabled": _enabled,
    "Disabled": _disabled,
    "PendingDeletion": _in_deletion,
    "PendingReplicaDeletion": _with_replicas_in_deletion,
    "PendingImport": _waiting,
    "Creating": _creating,
    "Updating": _updating,
}


def test_the_table_has_every_operation_on_a_key_and_every_state() -> None:
    without = {"CreateKey", "ListKeys", "ListRetirableGrants", "GenerateRandom"}
    without |= {each for each in OPERATIONS if "CustomKeyStore" in each}
    assert {operation for operation, _ in TABLE} == set(OPERATIONS) - without
    assert {state for _, state in TABLE} == set(states.STATES)
    assert set(states.REFUSED) <= {operation for operation, _ in TABLE}


@pytest.mark.parametrize(("operation", "state"), TABLE)
def test_the_code_has_the_cells_of_aws(operation: str, state: str) -> None:
    cell = TABLE[operation, state]
    of_origin = cell in (CELLS["ext"], CELLS["sto"])  # and not of the state
    expected = None if of_origin else cell
    assert states.refuse(operation, state) == expected


@pytest.mark.parametrize(("operation", "state"), REACHED)
def test_a_real_key_in_this_state_answers_as_the_table_says(
    world: World, operation: str, state: str
) -> None:
    asked, parameters, key = WAYS[state](world, operation)
    shown = asked.kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], shown["Enabled"]) == (state, state == "Enabled")
    cell = TABLE[operation, state]
    if cell is None:
        asked.call(operation, parameters)
        return
    code, words = cell
    with refused(code, f"{asked.arn(key)} {words}."):
        asked.call(operation, parameters)
    assert asked.kms.describe_key(KeyId=key)["KeyMetadata"] == shown


@pytest.mark.parametrize("end", ["source", "destination"])
def test_re_encrypt_needs_both_its_keys_enabled(world: World, end: str) -> None:
    source, destination = world.key(), world.key()
    blob = world.kms.encrypt(KeyId=source, Plaintext=b"x")["CiphertextBlob"]
    off = source if end == "source" else destination
    world.kms.disable_key(KeyId=off)
    with refused("DisabledException", f"{world.arn(off)} is disabled."):
        world.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=destination)


def test_an_alias_moves_away_from_a_key_in_deletion_and_not_to_it(world: World) -> None:
    old, new = world.key(), world.key()
    world.kms.create_alias(AliasName="alias/moved", TargetKeyId=old)
    world.kms.schedule_key_deletion(KeyId=old)
    world.kms.update_alias(AliasName="alias/moved", TargetKeyId=new)
    with refused("KMSInvalidStateException", f"{world.arn(old)} is pending deletion."):
        world.kms.update_alias(AliasName="alias/moved", TargetKeyId=old)
