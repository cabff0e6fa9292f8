"""CreateVolume, DescribeVolumes, DeleteVolume.

CreateVolume answers before the KMS key was asked: with a key that can't be used, the answer says
`creating`, and the volume is gone when it is asked for. So it is here, as in "CreateVolume"
(KmsKeyId: EC2 authenticates the KMS key asynchronously). The trail shows what KMS said. The data
key has 64 bytes, as EBS's events show it. Snapshots, Outposts and tags are left out, and so are the
most GiB of a type.
"""

from __future__ import annotations

import re
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.answers import cut, not_yet
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.volumes import records
from kmslab.integrated.volumes.records import Volume
from kmslab.kms.timing import when

_DATA_KEY_BYTES = 64
_PAGE = 1000
_LEFT_OUT = (
    *("AvailabilityZoneId", "Iops", "OutpostArn", "SnapshotId", "TagSpecifications", "Throughput"),
    *("MultiAttachEnabled", "ClientToken", "VolumeInitializationRate", "Operator"),
)
_ID = re.compile(r"vol-([0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)


def create_volume(request: Request[Rooms]) -> Output:
    """CreateVolume: an empty volume, with a data key of its own if it is to be encrypted."""
    not_yet(request, *_LEFT_OUT)
    details = _details(request)
    call, created = request.call, request.rooms.settings.now()
    volume_id = records.new_id(request.rooms)
    volume = Volume(volume_id, call.account, call.region, created, None, details)
    if request.get("Encrypted", False):
        encrypted = _encrypted(request, volume)
        if encrypted is None:
            return _shown(volume) | {"Encrypted": True, "State": "creating"}
        volume = encrypted
    records.put(request.rooms, volume)
    return _shown(volume) | {"State": "creating"}


def describe_volumes(request: Request[Rooms]) -> Output:
    """DescribeVolumes: those that are named, or all."""
    not_yet(request, "Filters", "IncludeManagedResources")
    ids = request.get("VolumeIds", [])
    volumes = [records.found(request, check_id(each)) for each in ids] or records.all_of(request)
    return cut(request, "Volumes", [(one.id, _shown(one)) for one in sorted_by_id(volumes)], _PAGE)


def delete_volume(request: Request[Rooms]) -> Output:
    """DeleteVolume: of one that isn't attached. Its data key is gone with it."""
    volume_id = check_id(request.get("VolumeId"))
    with request.rooms.store.transaction():
        volume = records.found(request, volume_id)
        if volume.attachment:
            raise AwsError(
                "VolumeInUse",
                f"Volume {volume_id} is currently attached to {volume.attachment.instance}",
            )
        records.drop(request.rooms, volume_id)
    return {}


def check_id(volume_id: str) -> str:
    """InvalidParameterValue for a text that is no volume's id."""
    if not _ID.fullmatch(volume_id):
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({volume_id}) for parameter volumeId is invalid. Expected: 'vol-...'.",
        )
    return volume_id


def sorted_by_id(volumes: list[Volume]) -> list[Volume]:
    """Each volume once, by id."""
    return sorted({one.id: one for one in volumes}.values(), key=lambda one: one.id)


def _encrypted(request: Request[Rooms], volume: Volume) -> Volume | None:
    """The volume with its data key; None where KMS refuses."""
    key = request.get("KmsKeyId") or request.rooms.keys.managed(request.call)
    try:
        made = request.kms(
            "GenerateDataKeyWithoutPlaintext",
            KeyId=key,
            NumberOfBytes=_DATA_KEY_BYTES,
            EncryptionContext=volume.context,
        )
    except AwsError as error:
        if error.status >= 500:
            raise AwsError("InternalError", error.message, 500) from error
        return None
    details = {**volume.details, "KmsKeyId": made["KeyId"]}
    head = (volume.id, volume.account, volume.region, volume.created)
    return Volume(*head, made["CiphertextBlob"], details)


def _details(request: Request[Rooms]) -> dict[str, Any]:
    """What the request says of the volume, checked."""
    zone, size = request.get("AvailabilityZone"), request.get("Size")
    for name, value in (("AvailabilityZone", zone), ("size/snapshot", size)):
        if not value and value != 0:
            raise AwsError("MissingParameter", f"The request must contain the parameter {name}")
    if not re.fullmatch(re.escape(request.call.region) + "[a-f]", zone):
        raise AwsError("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    if size < 1:
        raise AwsError(
            "InvalidParameterValue", f"Volume of {size}GiB is too small; minimum is 1GiB."
        )
    key = request.get("KmsKeyId")
    if key is not None and not request.get("Encrypted", False):
        raise AwsError(
            "InvalidParameterDependency",
            "The parameter [KmsKeyId] requires the parameter Encrypted to be set.",
        )
    details = {"Size": size, "VolumeType": request.get("VolumeType", "gp2")}
    return {**details, "AvailabilityZone": zone, **({} if key is None else {"KmsKeyId": key})}


def _shown(volume: Volume) -> Output:
    attachments = [attached(volume)] if volume.attachment else []
    return {
        "VolumeId": volume.id,
        **volume.details,
        "SnapshotId": "",
        "State": "in-use" if volume.attachment else "available",
        "CreateTime": when(volume.created),
        "Attachments": attachments,
        "Encrypted": volume.data_key is not None,
        "MultiAttachEnabled": False,
    }


def attached(volume: Volume, state: str = "attached") -> Output:
    """A volume's attachment as EC2 shows it."""
    attachment = volume.attachment
    if attachment is None:
        return {}
    return {
        "VolumeId": volume.id,
        "InstanceId": attachment.instance,
        "Device": attachment.device,
        "State": state,
        "AttachTime": when(attachment.time),
        "DeleteOnTermination": False,
    }
