"""The operations on KMS keys: describing and listing them, switching them on and off."""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.kms import generations, material, paging, records, rotation, states
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.specs import LISTED_AS, OLD_SPECS
from kmslab.kms.stores import records as key_stores
from kmslab.kms.timing import when

LIMIT = paging.Limit(default=100, most=1000)


def describe_key(request: Request) -> Output:
    """DescribeKey: what is known of a key, never its material.

    Origin AWS_KMS means that the material was made in an HSM of the lab. SoftHSM2 holds and uses
    all kinds but these: an ML-DSA, ML-KEM or Ed25519ph private key leaves the HSM for the time of
    one call, and RSAES_OAEP_SHA_256 is unpadded outside (hsm/outside.py). In AWS none does.
    """
    return {"KeyMetadata": metadata(request.rooms, request.key)}


def list_keys(request: Request) -> Output:
    """ListKeys: the keys of the caller's account and Region, a page at a time.

    ResourceOwners can ask for keys that other accounts share through AWS RAM; the lab has none.
    """
    page = paging.page(request, LIMIT)
    owners = request.get("ResourceOwners", ["SELF"])
    rows = request.rooms.store.rows(
        "SELECT key_id FROM kms_key WHERE account = ? AND region = ? AND key_id > ? "
        "ORDER BY key_id LIMIT ?",
        (request.call.account, request.call.region, page.after, page.size + 1),
    )
    names = [{"KeyId": name, "KeyArn": request.call.arn(f"key/{name}")} for (name,) in rows]
    return page.cut("Keys", names if "SELF" in owners else [], "KeyId")


def enable_key(request: Request) -> Output:
    """EnableKey: sets the key's state to Enabled; a rotation that it missed is made up for."""
    records.change(request.rooms, request.key, state=states.ENABLED)
    rotation.resume(request.rooms, request.key)
    return {}


def disable_key(request: Request) -> Output:
    """DisableKey: the key refuses to encrypt and decrypt until it is enabled again."""
    records.change(request.rooms, request.key, state=states.DISABLED)
    return {}


def update_key_description(request: Request) -> Output:
    """UpdateKeyDescription: replaces the description."""
    records.change(request.rooms, request.key, description=request.get("Description"))
    return {}


def metadata(rooms: Rooms, key: Key) -> Output:
    """The key as DescribeKey shows it (KeyMetadata)."""
    shown = {
        "AWSAccountId": key.account,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": when(key.created),
        "Enabled": key.state == states.ENABLED,
        "Description": key.description,
        "KeyUsage": key.usage_name,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": key.manager,
        "KeySpec": key.spec_name,
        LISTED_AS[key.usage_name]: list(key.usage.algorithms),
        "MultiRegion": bool(key.primary_region),
    }
    if key.spec_name in OLD_SPECS:
        shown["CustomerMasterKeySpec"] = key.spec_name
    if key.shows_material and key.material_id:
        shown["CurrentKeyMaterialId"] = key.material_id
    more = (_deletion(key), _expiry(rooms, key), _regions(rooms, key), _store(rooms, key))
    return {name: value for part in (shown, *more) for name, value in part.items()}


def _store(rooms: Rooms, key: Key) -> Output:
    """Of a key in a custom key store: which one, and what is behind it."""
    store = key_stores.of_key(rooms, key)
    if store is None:
        return {}
    if key.external_id:
        behind: Output = {"XksKeyConfiguration": {"Id": key.external_id}}
    else:
        behind = {"CloudHsmClusterId": store.cluster_id}
    return {"CustomKeyStoreId": store.store_id, **behind}


def _deletion(key: Key) -> Output:
    if key.state == states.PENDING_REPLICA_DELETION:
        return {"PendingDeletionWindowInDays": key.window}
    return {"DeletionDate": when(key.deletion)} if key.deletion is not None else {}


def _expiry(rooms: Rooms, key: Key) -> Output:
    """Of imported material: whether it expires, and when the first of it does.

    What only waits for a rotation does not count.
    """
    if key.origin != "EXTERNAL" or not generations.complete(rooms, key):
        return {}
    own = [each for each in material.of(rooms, key) if each.state not in material.WAITING]
    dates = [each.expires for each in own if each.expires is not None]
    if not dates:
        return {"ExpirationModel": material.DOES_NOT_EXPIRE}
    return {"ExpirationModel": material.EXPIRES, "ValidTo": when(min(dates))}


def _regions(rooms: Rooms, key: Key) -> Output:
    """Of a multi-Region key: which of the set it is, and where the others are."""
    if not key.primary_region:
        return {}
    names = [{"Arn": each.arn, "Region": each.region} for each in records.related(rooms, key)]
    primary = [name for name in names if name["Region"] == key.primary_region]
    return {
        "MultiRegionConfiguration": {
            "MultiRegionKeyType": "PRIMARY" if key.is_primary else "REPLICA",
            "PrimaryKey": primary[0],
            "ReplicaKeys": [name for name in names if name not in primary],
        }
    }
