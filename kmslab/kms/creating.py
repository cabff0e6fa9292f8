"""CreateKey: a KMS key of any kind, with material from an HSM or waiting for the caller's own."""

from __future__ import annotations

from kmslab.aws.call import Call, Output
from kmslab.errors import AwsError
from kmslab.hsm.kinds import NewKey
from kmslab.kms import keys, material, policies, records, saving_policies, states, tags
from kmslab.kms.key import Key
from kmslab.kms.material import Material
from kmslab.kms.request import Request, Rooms
from kmslab.kms.specs import ENCRYPT, SPECS, SYMMETRIC, Spec
from kmslab.kms.stores import keys as stored

MOST_KEYS = 100_000  # customer managed keys in an account and Region


def prepare(rooms: Rooms, call: Call) -> NewKey | None:
    """The key material, made before the records are locked: an RSA pair takes seconds."""
    spec, usage = _kind(call)
    stored.check_request(call)
    if _origin(call) != "AWS_KMS":
        return None
    return material.make(rooms, spec.usages[usage].kind)


def create_key(request: Request) -> Output:
    """CreateKey: makes a KMS key. With Origin EXTERNAL it waits for the caller's key material.

    In a custom key store, its material is made there, or an external key stands for it.
    """
    rooms, call = request.rooms, request.call
    room_for_one_more(rooms, call)
    stored.check_store(request)
    new_tags = tags.checked({}, request.get("Tags", []))
    key = add(rooms, call, request.prepared)
    policy = saving_policies.of_new_key(request, key)
    policies.put(rooms, key, policy)
    tags.put(rooms, key, new_tags)
    if key.store_id:
        stored.furnish(request, key)
    return {"KeyMetadata": keys.metadata(rooms, key)}


def add(rooms: Rooms, call: Call, made: NewKey | None, manager: str = "CUSTOMER") -> Key:
    """Keeps a new key with its material, as the parameters of a CreateKey call describe it."""
    (spec, usage), settings, asked = _kind(call), rooms.settings, call.parameters
    multi_region, origin = bool(asked.get("MultiRegion")), _origin(call)
    key = Key(
        account=call.account,
        region=call.region,
        key_id=settings.new_multi_region_id() if multi_region else settings.new_id(),
        created=settings.now(),
        description=asked.get("Description") or "",
        state=states.PENDING_IMPORT if origin == "EXTERNAL" else states.ENABLED,
        material_id="" if origin == "EXTERNAL" else settings.new_material_id(),
        spec_name=spec.name,
        usage_name=usage,
        origin=origin,
        manager=manager,
        primary_region=call.region if multi_region else "",
        deletion=None,
        window=None,
        store_id=asked.get("CustomKeyStoreId") or "",
        external_id=asked.get("XksKeyId") or "",
    )
    records.add(rooms, key)
    if made:
        first = Material(key.material_id, 1, made.token, made.public, material.CURRENT)
        material.add(rooms, key, first)
    return key


def _origin(call: Call) -> str:
    return call.parameters.get("Origin") or "AWS_KMS"


def _kind(call: Call) -> tuple[Spec, str]:
    """The spec and usage that a CreateKey call asks for."""
    new, old = call.parameters.get("KeySpec"), call.parameters.get("CustomerMasterKeySpec")
    if new and old:
        raise AwsError(
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated.",
        )
    name = new or old or SYMMETRIC
    if name not in SPECS:
        raise AwsError(
            "UnsupportedOperationException", f"KeySpec {name} is not supported in this Region"
        )
    usage = call.parameters.get("KeyUsage") or (ENCRYPT if name == SYMMETRIC else None)
    if usage is None:
        raise AwsError(
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption "
            "keys.",
        )
    if usage not in SPECS[name].usages:
        raise AwsError(
            "ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {name}"
        )
    return SPECS[name], usage


def room_for_one_more(rooms: Rooms, call: Call) -> None:
    """LimitExceededException where the account has as many keys in the Region as it may have."""
    if records.count(rooms, call.account, call.region) >= MOST_KEYS:
        raise AwsError(
            "LimitExceededException",
            f"The account has {MOST_KEYS:,} KMS keys in {call.region} already",
        )
