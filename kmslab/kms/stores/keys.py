"""KMS keys in key stores: making one, its cryptography, its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.kms import material
from kmslab.kms.key import Key
from kmslab.kms.material import Material
from kmslab.kms.request import Request, Rooms
from kmslab.kms.specs import ENCRYPT, SPECS, SYMMETRIC
from kmslab.kms.stores import clusters, external, finding, records
from kmslab.kms.stores.failures import ProxyTrouble
from kmslab.kms.stores.records import CLOUDHSM, EXTERNAL, KeyStore

if TYPE_CHECKING:
    from kmslab.cloudhsm.access import ClusterView

ORIGINS = (CLOUDHSM, EXTERNAL)
_BAD = "XksKeyInvalidConfigurationException"


def check_request(call: Call) -> None:
    """Whether a CreateKey request says the same of its key store in all its parameters."""
    asked = call.parameters
    origin, store_id = asked.get("Origin") or "AWS_KMS", asked.get("CustomKeyStoreId")
    external_id = asked.get("XksKeyId")
    if (origin in ORIGINS) != (store_id is not None):
        raise AwsError(
            "ValidationException",
            f"A CustomKeyStoreId goes with the Origin {CLOUDHSM} or {EXTERNAL}, not with {origin}."
            if store_id is not None
            else f"CustomKeyStoreId is required for the Origin {origin}.",
        )
    if (origin == EXTERNAL) != (external_id is not None):
        raise AwsError(
            "ValidationException",
            f"XksKeyId is required for the Origin {EXTERNAL}, and not valid for any other.",
        )
    spec = asked.get("KeySpec") or asked.get("CustomerMasterKeySpec") or SYMMETRIC
    if store_id is not None and (spec != SYMMETRIC or asked.get("MultiRegion")):
        raise AwsError(
            "UnsupportedOperationException",
            "A custom key store holds symmetric encryption keys of a single Region only.",
        )


def check_store(request: Request) -> None:
    """Whether the key store, and the external key in it, are fit for a new KMS key."""
    if request.get("CustomKeyStoreId") is None:
        return
    store = finding.named(request)
    if store.kind != request.get("Origin"):
        raise AwsError(
            "ValidationException",
            f"The Origin of KMS keys in the custom key store {store.store_id} is {store.kind}.",
        )
    finding.check_connected(store)
    if store.kind == CLOUDHSM:
        clusters.check(_view(request, store))
    else:
        _check_external(request, store, request.get("XksKeyId"))


def furnish(request: Request, key: Key) -> None:
    """Makes the material of a new KMS key: the last thing that happens to it.

    In a CloudHSM key store, whoever is killed right here leaves a key in the cluster that no KMS
    key knows; its label says which one it was for.
    """
    rooms = request.rooms
    token = None  # nothing of it is here
    if key.origin == EXTERNAL:  # KMS's own half of the double encryption
        token = material.make(rooms, SPECS[SYMMETRIC].usages[ENCRYPT].kind).token
    material.add(rooms, key, Material(key.material_id, 1, token, None, material.CURRENT))
    if key.origin == CLOUDHSM:
        clusters.make_key(rooms, finding.named(request), key.arn)


def encrypt(request: Request, key: Key, plaintext: bytes, aad: bytes) -> bytes:
    """What a standard key has an HSM of the fleet do."""
    if key.origin == EXTERNAL:
        return external.encrypt(request, key, plaintext, aad)
    return clusters.encrypt(request.rooms, key, plaintext, aad)


def decrypt(request: Request, key: Key, material_id: str, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of what `encrypt` made."""
    if material_id != key.material_id:  # such a key has one material for ever
        raise AwsError("InvalidCiphertextException")
    if key.origin == EXTERNAL:
        return external.decrypt(request, key, sealed, aad)
    return clusters.decrypt(request.rooms, key, sealed, aad)


def end(rooms: Rooms, key: Key) -> dict[str, str]:
    """Tries to delete the material of a KMS key that is deleted; what its event shows of that.

    Copies in the cluster's backups stay, and so does an external key.
    """
    store = records.of_key(rooms, key)
    if store is None or store.kind != CLOUDHSM:
        return {} if store is None else {"customKeyStoreId": store.store_id}
    handles = clusters.destroy(rooms, store, key.arn)
    named = [{"keyHandle": handle, "backingKeyId": key.material_id} for handle, _ in handles]
    ends = ["SUCCESS" if gone else "FAILURE" for _, gone in handles]
    status = [{**each, "deletionStatus": how} for each, how in zip(named, ends, strict=True)]
    return {
        "customKeyStoreId": store.store_id,
        "clusterId": store.cluster_id,
        "backingKeys": json.dumps(named),
        "backingKeysDeletionStatus": json.dumps(status),
    }


def noted(keys: list[Key]) -> dict[str, str]:
    """What events of cryptography with such a key show besides (additionalEventData)."""
    found = next((key for key in keys if key.store_id), None)
    if found is None:
        return {}
    external_id = {"xksKeyId": found.external_id} if found.external_id else {}
    return {"customKeyStoreId": found.store_id, **external_id}


def _view(request: Request, store: KeyStore) -> ClusterView:
    try:
        return clusters.find(request.rooms, request.call, store.cluster_id)
    except AwsError as error:  # CreateKey has no error for a cluster that is gone
        raise AwsError("CloudHsmClusterInvalidConfigurationException", error.message) from None


def _check_external(request: Request, store: KeyStore, external_id: str) -> None:
    if records.key_with(request.rooms, store, external_id):
        raise AwsError(
            "XksKeyAlreadyInUseException",
            f"The external key {external_id} is already associated with another KMS key in this "
            "external key store.",
        )
    try:
        spec, usage, status = external.describe(request, store, external_id)
    except ProxyTrouble as trouble:
        raise trouble.creating() from None
    _wants("key spec", "be AES_256", spec == "AES_256", spec)
    _wants("status", "be ENABLED", status == "ENABLED", status)
    both = {"ENCRYPT", "DECRYPT"} <= set(usage)
    _wants("key usage", "include ENCRYPT and DECRYPT", both, ", ".join(usage))


def _wants(what: str, how: str, is_so: bool, found: str) -> None:
    if not is_so:
        raise AwsError(
            _BAD,
            f"The {what} of the external key must {how}. The {what} of specified external key is "
            f"{found}.",
        )
