"""Multi-Region keys: one key in several Regions, with the same id and the same material.

    Region A  primary key ──ReplicateKey──▶  Region B  replica key

Shared: key id, material, spec, usage, origin, rotation. Each Region's own: policy, grants, aliases,
tags, description, state. A blob made in one Region opens in another; there is no other tie between
them. In AWS each Region has HSMs of its own; here one fleet serves all Regions of a lab.
Source: "Multi-Region keys in AWS KMS", ReplicateKey, UpdatePrimaryRegion.
"""

from __future__ import annotations

from dataclasses import replace

from kmslab.aws import regions
from kmslab.aws.call import Call, Output
from kmslab.errors import AwsError
from kmslab.kms import (
    agenda,
    creating,
    generations,
    keys,
    material,
    policies,
    records,
    saving_policies,
    states,
    tags,
)
from kmslab.kms.agenda import Due
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.timing import SETTLING_SECONDS


def replicate_key(request: Request) -> Output:
    """ReplicateKey: makes a replica of a primary key in another Region.

    It is Creating for a few seconds. A replica of a key with imported material has none yet.
    """
    rooms, primary, region = request.rooms, request.key, request.get("ReplicaRegion")
    _check(rooms, primary, region)
    creating.room_for_one_more(rooms, replace(request.call, region=region))
    new_tags = tags.checked({}, request.get("Tags", []))
    replica = replace(
        primary,
        region=region,
        created=rooms.settings.now(),
        description=request.get("Description", ""),
        state=states.CREATING,
    )
    records.add(rooms, replica)
    for each in material.of(rooms, primary):
        own = each if primary.origin == "AWS_KMS" else replace(each, token=None, expires=None)
        material.add(rooms, replica, own)
    generations.settle(rooms, replica)
    policy = saving_policies.of_new_key(request, replica)
    policies.put(rooms, replica, policy)
    tags.put(rooms, replica, new_tags)
    agenda.schedule(rooms, replica, replica.created + SETTLING_SECONDS, "settle", _born(primary))
    shown = keys.metadata(rooms, replica)
    _record_creation(request, replica, shown)
    return {"ReplicaKeyMetadata": shown, "ReplicaPolicy": policy, "ReplicaTags": new_tags}


def update_primary_region(request: Request) -> Output:
    """UpdatePrimaryRegion: a replica becomes the primary key, and the primary key a replica.

    Both are Updating for a few seconds, and work all the same.
    """
    rooms, primary, region = request.rooms, request.key, request.get("PrimaryRegion")
    _is_primary(primary)
    replica = records.find(rooms, primary.account, region, primary.key_id)
    if replica is None or replica == primary:
        raise AwsError(
            "NotFoundException", f"Key '{replace(primary, region=region).arn}' does not exist"
        )
    states.check(request.call.operation, replica)
    for each in records.related(rooms, primary):
        records.change(rooms, each, primary_region=region)
    for each in (primary, replica):
        date = rooms.settings.now() + SETTLING_SECONDS
        records.change(rooms, each, state=states.UPDATING)
        agenda.cancel(rooms, each, "settle")  # of a change of primary just before
        agenda.schedule(rooms, each, date, "settle", states.ENABLED)
    agenda.move(rooms, primary, region)
    asked = {**request.call.parameters, "KeyId": replica.arn}
    other = replace(request.call, region=region, parameters=asked)
    rooms.recorder.success(other, [replica.arn], {}, invoked_by="kms.amazonaws.com")
    return {}


def settle_when_due(rooms: Rooms, key: Key, due: Due) -> None:
    """The end of Creating and Updating: `detail` is the state that follows."""
    if key.state in (states.CREATING, states.UPDATING):
        records.change(rooms, key, state=due.detail)
    if key.state == states.CREATING:
        primary = replace(key, region=key.primary_region)  # the event names no replica
        rooms.recorder.happened(primary.arn, "SynchronizeMultiRegionKey", due.time)


def _check(rooms: Rooms, primary: Key, region: str) -> None:
    _is_primary(primary)
    if region not in regions.names():
        raise AwsError("ValidationException", f"{region} is not a Region of this partition.")
    if records.find(rooms, primary.account, region, primary.key_id):
        raise AwsError(
            "AlreadyExistsException",
            f"A replica for this multi-Region key already exists in {region}.",
        )


def _is_primary(key: Key) -> None:
    if not key.is_primary:
        raise AwsError(
            "UnsupportedOperationException", f"{key.arn} is not a multi-Region primary key."
        )


def _born(primary: Key) -> str:
    return states.ENABLED if primary.origin == "AWS_KMS" else states.PENDING_IMPORT


def _record_creation(request: Request, replica: Key, shown: Output) -> None:
    """CloudTrail shows a CreateKey in the replica's Region too."""
    call: Call = replace(
        request.call,
        region=replica.region,
        operation="CreateKey",
        parameters={
            "KeySpec": replica.spec_name,
            "KeyUsage": replica.usage_name,
            "Origin": replica.origin,
            "MultiRegion": True,
            "Description": replica.description,
        },
    )
    request.rooms.recorder.success(call, [replica.arn], {"KeyMetadata": shown})
