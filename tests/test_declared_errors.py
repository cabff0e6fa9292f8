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
import stores
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
from kmslab.cloudhsm.access import ActiveHsm
from kmslab.errors import StoreError
from kmslab.kms import aliases, creating, grants, rotation
from kmslab.kms.operations import OPERATIONS
from kmslab.kms.stores import creating as new_stores
from kmslab.xks.proxy import XksProxy

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

# --- custom key stores --------------------------------------------------------------------------

_VPC = {
    "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
    "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-1234567890abcdef0",
}
_OTHER_PATH = {"XksProxyUriPath": "/other/kms/xks/v1"}
_OTHER_HOST = {"XksProxyUriEndpoint": "https://other.example.com"}
_ONE_ZONE = [ActiveHsm("hsm-1", "us-east-1a"), ActiveHsm("hsm-2", "us-east-1a")]


def _proxied(world: World, name: str = "first", **more: Any) -> str:
    """A new external key store, the first or one more."""
    if name == "first":
        stores.asked(world.lab)
    configuration = {**stores.proxy(world.lab).configuration, **more}
    kind = {"CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE"}
    made: str = world.kms.create_custom_key_store(**kind, **configuration)["CustomKeyStoreId"]
    return made


def _twice_proxied(first: Parameters, second: Parameters) -> Scenario:
    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        _proxied(world, **first)
        _proxied(world, "second", **second)

    return ask


def _changed(first: Parameters, second: Parameters, change: Parameters) -> Scenario:
    """Two external key stores, and a change of the second."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        _proxied(world, **first)
        store = _proxied(world, "second", **second)
        world.kms.update_custom_key_store(CustomKeyStoreId=store, **change)

    return ask


def _with_proxy(trouble: Callable[[XksProxy], None], *, update: bool) -> Scenario:
    """A store over a proxy that misbehaves, or a store whose proxy does so before a change."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        proxy = stores.proxy(world.lab)
        asked = stores.asked(world.lab)
        made = world.kms.create_custom_key_store(**asked) if update else {}
        trouble(proxy)
        try:
            if update:
                path = proxy.configuration["XksProxyUriPath"]
                world.kms.update_custom_key_store(**_id_of(made), XksProxyUriPath=path)
            else:
                world.kms.create_custom_key_store(**asked)
        finally:
            proxy.plug_in()
            proxy.lie()

    return ask


def _id_of(made: Parameters) -> Parameters:
    """The id of a store in an answer, as a parameter."""
    return {"CustomKeyStoreId": made["CustomKeyStoreId"]}


def _other_credential(update: bool) -> Scenario:
    credential = {"AccessKeyId": "A" * 24, "RawSecretAccessKey": "s" * 44}
    more = {"XksProxyAuthenticationCredential": credential}

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        if update:
            store = _proxied(world)
            world.kms.update_custom_key_store(CustomKeyStoreId=store, **more)
        _proxied(world, **more)

    return ask


def _clustered(world: World, **values: Any) -> tuple[stores.Cluster, Parameters]:
    """A cluster, and a request for a key store over it."""
    stores.asked(world.lab)  # other stores go
    cluster = stores.pretend(world.lab).make(world.lab, **values)
    return cluster, stores.asked_of(cluster)


def _create_over(asked: Parameters, **values: Any) -> Scenario:
    return lambda world, _patch, _op: world.kms.create_custom_key_store(
        **{**_clustered(world, **values)[1], **asked}
    )


def _create_two_over_one(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
    cluster, asked = _clustered(world)
    world.kms.create_custom_key_store(**asked)
    world.kms.create_custom_key_store(**stores.asked_of(cluster, "second"))


def _after_creating(later: Parameters, call: str, **parameters: Any) -> Scenario:
    """A cluster that changes once its store is there."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        cluster, asked = _clustered(world)
        made = world.kms.create_custom_key_store(**asked)
        cluster.change(**later)
        world.call(call, {**_id_of(made), **parameters})

    return ask


def _move_to(**values: Any) -> Scenario:
    """A change to another cluster."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        cluster, asked = _clustered(world)
        made = world.kms.create_custom_key_store(**asked)
        other = "cluster-zzzzzzz2345"
        related = {"fingerprint": cluster.view.fingerprint, **values}
        world.lab._rooms.connections.clusters.make(world.lab, other, **related)
        if values.get("state") == "gone":
            other = "cluster-nnnnnnn2345"
        world.kms.update_custom_key_store(**_id_of(made), CloudHsmClusterId=other)

    return ask


def _key_in_hsm_store(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
    cluster, asked = _clustered(world)
    store = world.kms.create_custom_key_store(**asked)["CustomKeyStoreId"]
    stores.bring(world.lab, world.kms, store)
    cluster.change(hsms=cluster.view.hsms[:1])
    world.kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")


def _key_in_proxy_store(state: str = "CONNECTED", **key: Any) -> Scenario:
    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        store = stores.external(world.lab, world.kms, state)
        named = key.get("key_id") or stores.proxy(world.lab).new_key(**key)
        asked = {"CustomKeyStoreId": store, "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": named}
        world.kms.create_key(**asked)
        world.kms.create_key(**asked)

    return ask


def _unknown_store(world: World, _patch: pytest.MonkeyPatch, operation: str) -> None:
    asked = {**prepare(world, operation), "CustomKeyStoreId": "cks-1"}
    if operation == "CreateKey":
        asked["Origin"] = "AWS_CLOUDHSM"
    world.call(operation, asked)


def _again(operation: str) -> Scenario:
    """An operation on a store in a state in which it has no place."""

    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        wrong = {
            "ConnectCustomKeyStore": "FAILED",
            "DisconnectCustomKeyStore": "DISCONNECTED",
            "UpdateCustomKeyStore": "CONNECTING",
            "DeleteCustomKeyStore": "CONNECTED",
        }
        store = stores.external(world.lab, world.kms, "DISCONNECTED")
        write = world.lab._rooms.store.write
        write("UPDATE key_store SET state = ?", (wrong[operation],))
        more = {"NewCustomKeyStoreName": "new"} if operation.startswith("Update") else {}
        world.call(operation, {"CustomKeyStoreId": store, **more})

    return ask


def _delete_full(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
    store = stores.external(world.lab, world.kms)
    stores.external_key(world.lab, world.kms, store)
    world.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    world.kms.delete_custom_key_store(CustomKeyStoreId=store)


def _random_of(kind: str, state: str) -> Scenario:
    def ask(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
        if kind == "EXTERNAL":
            store = stores.external(world.lab, world.kms, state)
        else:
            _, asked = _clustered(world)
            store = world.kms.create_custom_key_store(**asked)["CustomKeyStoreId"]
        world.kms.generate_random(NumberOfBytes=8, CustomKeyStoreId=store)

    return ask


def _status_in_store(world: World, _patch: pytest.MonkeyPatch, _operation: str) -> None:
    store = stores.external(world.lab, world.kms)
    world.kms.get_key_rotation_status(KeyId=stores.external_key(world.lab, world.kms, store))


_PROXY_TROUBLE: dict[str, Callable[[XksProxy], None]] = {
    "XksProxyUriUnreachableException": lambda proxy: proxy.unplug(),
    "XksProxyInvalidResponseException": lambda proxy: proxy.lie("garbage"),
}
_CREATE, _UPDATE = "CreateCustomKeyStore", "UpdateCustomKeyStore"
_NO_STORE = "CustomKeyStoreNotFoundException"
_BAD_STATE = "CustomKeyStoreInvalidStateException"
_NOT_ACTIVE, _UNFIT = (
    "CloudHsmClusterNotActiveException",
    ("CloudHsmClusterInvalidConfigurationException"),
)

SPECIAL |= {
    **{(_CREATE, code): _with_proxy(how, update=False) for code, how in _PROXY_TROUBLE.items()},
    **{(_UPDATE, code): _with_proxy(how, update=True) for code, how in _PROXY_TROUBLE.items()},
    (_CREATE, "XksProxyInvalidConfigurationException"): _twice_proxied(_OTHER_PATH, {}),
    (_UPDATE, "XksProxyInvalidConfigurationException"): _changed(
        {**_VPC, **_OTHER_HOST}, {}, _OTHER_PATH
    ),
    (_CREATE, "XksProxyIncorrectAuthenticationCredentialException"): _other_credential(False),
    (_UPDATE, "XksProxyIncorrectAuthenticationCredentialException"): _other_credential(True),
    (_CREATE, "XksProxyUriInUseException"): _twice_proxied({}, {}),
    (_UPDATE, "XksProxyUriInUseException"): _changed(
        {},
        {**_VPC, **_OTHER_HOST},
        {"XksProxyUriEndpoint": f"https://{stores.HOST}"},
    ),
    (_CREATE, "XksProxyUriEndpointInUseException"): _twice_proxied({}, {**_VPC, **_OTHER_PATH}),
    (_UPDATE, "XksProxyUriEndpointInUseException"): _changed(
        {},
        {**_VPC, **_OTHER_HOST, **_OTHER_PATH},
        {"XksProxyUriEndpoint": f"https://{stores.HOST}"},
    ),
    (_CREATE, "XksProxyVpcEndpointServiceInUseException"): _twice_proxied(
        _VPC, {**_VPC, **_OTHER_HOST}
    ),
    (_UPDATE, "XksProxyVpcEndpointServiceInUseException"): _changed(
        _VPC,
        {
            **_VPC,
            **_OTHER_HOST,
            "XksProxyVpcEndpointServiceName": f"{'com.amazonaws.vpce'}.us-east-1.vpce-svc-2",
        },
        _VPC,
    ),
    (_UPDATE, "XksProxyVpcEndpointServiceNotFoundException"): _changed(
        {**_VPC, **_OTHER_HOST},
        {},
        {**_VPC, "XksProxyVpcEndpointServiceName": ("com.amazonaws.vpce.us-east-1.vpce-svc-2")},
    ),
    (_CREATE, "CloudHsmClusterInUseException"): _create_two_over_one,
    (_CREATE, "CloudHsmClusterNotFoundException"): _create_over(
        {"CloudHsmClusterId": "cluster-nnnnnnn2345"}
    ),
    (_CREATE, _NOT_ACTIVE): _create_over({}, state="INITIALIZED"),
    (_CREATE, _UNFIT): _create_over({}, hsms=tuple(_ONE_ZONE)),
    (_CREATE, "IncorrectTrustAnchorException"): _create_over(
        {"TrustAnchorCertificate": stores.anchor("another CA")}
    ),
    (_CREATE, "CustomKeyStoreNameInUseException"): lambda world, _patch, _op: (
        _proxied(world),
        _proxied(world, "second", **_VPC, **_OTHER_HOST),
        world.kms.create_custom_key_store(
            CustomKeyStoreName="second",
            CustomKeyStoreType="EXTERNAL_KEY_STORE",
            **stores.proxy(world.lab).configuration,
        ),
    ),
    (_CREATE, "LimitExceededException"): _limited(_CREATE, new_stores, "MOST_STORES", 0),
    ("ConnectCustomKeyStore", _NOT_ACTIVE): _after_creating(
        {"state": "UPDATE_IN_PROGRESS"}, "ConnectCustomKeyStore"
    ),
    ("ConnectCustomKeyStore", _UNFIT): _after_creating(
        {"network_type": "DUALSTACK"}, "ConnectCustomKeyStore"
    ),
    **{
        (operation, _BAD_STATE): _again(operation)
        for operation in (
            *("ConnectCustomKeyStore", "DisconnectCustomKeyStore", _UPDATE),
            "DeleteCustomKeyStore",
        )
    },
    **{
        (operation, _NO_STORE): _unknown_store
        for operation in (
            *("ConnectCustomKeyStore", "DisconnectCustomKeyStore", _UPDATE),
            *("DeleteCustomKeyStore", "DescribeCustomKeyStores", "GenerateRandom", "CreateKey"),
        )
    },
    (_UPDATE, "CustomKeyStoreNameInUseException"): _changed(
        {}, {**_VPC, **_OTHER_HOST}, {"NewCustomKeyStoreName": "first"}
    ),
    (_UPDATE, "CloudHsmClusterNotFoundException"): _move_to(state="gone"),
    (_UPDATE, "CloudHsmClusterNotRelatedException"): _move_to(fingerprint="another"),
    (_UPDATE, _NOT_ACTIVE): _move_to(state="INITIALIZED"),
    (_UPDATE, _UNFIT): _move_to(zones=("us-east-1a",)),
    ("DeleteCustomKeyStore", "CustomKeyStoreHasCMKsException"): _delete_full,
    ("CreateKey", _BAD_STATE): _key_in_proxy_store("CONNECTING"),
    ("CreateKey", _UNFIT): _key_in_hsm_store,
    ("CreateKey", "XksKeyInvalidConfigurationException"): _key_in_proxy_store(bits=128),
    ("CreateKey", "XksKeyAlreadyInUseException"): _key_in_proxy_store(),
    ("CreateKey", "XksKeyNotFoundException"): _key_in_proxy_store(key_id="nobody"),
    ("GenerateRandom", _BAD_STATE): _random_of("CLOUDHSM", "DISCONNECTED"),
    ("GenerateRandom", "UnsupportedOperationException"): _random_of("EXTERNAL", "CONNECTED"),
    ("GetKeyRotationStatus", "UnsupportedOperationException"): _status_in_store,
}

# --- what does not arise here ------------------------------------------------------------------

_ANY_STATE = "AWS's table of key states allows it in every state"
_PUBLIC = "the public key is in the records: no HSM is needed"
CANNOT: dict[Pair, str] = {
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
    ("GetPublicKey", "InvalidKeyUsageException"): "every use of a key pair has a public key",
    ("ListRetirableGrants", "NotFoundException"): "a principal without grants gets an empty list",
    ("PutKeyPolicy", "UnsupportedOperationException"): "AWS does not say when",
    ("UntagResource", "TagException"): "a tag that is not there is no error",
    ("CreateCustomKeyStore", "XksProxyVpcEndpointServiceNotFoundException"): (
        "AWS looks for the service when the key store is connected or changed"
    ),
    **{
        (f"{verb}CustomKeyStore", "XksProxyVpcEndpointServiceInvalidConfigurationException"): (
            "the lab has no VPC endpoint services"
        )
        for verb in ("Create", "Update")
    },
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
