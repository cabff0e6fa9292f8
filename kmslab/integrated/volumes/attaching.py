"""AttachVolume and DetachVolume. Instances are not simulated: any id of one will do.

What is attached goes on whatever happens to the KMS key: on AWS the host has the plaintext data key
in memory. Once detached, a volume needs KMS again ("How unusable KMS keys affect data keys").
"""

from __future__ import annotations

import re
from dataclasses import replace

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.answers import not_yet
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.volumes import host, records
from kmslab.integrated.volumes.making import attached, check_id
from kmslab.integrated.volumes.records import Attachment, Volume

_INSTANCE = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)


def attach_volume(request: Request[Rooms]) -> Output:
    """AttachVolume: KMS lends the host the volume's data key first."""
    not_yet(request, "EbsCardIndex")
    rooms, instance = request.rooms, request.get("InstanceId")
    if not _INSTANCE.fullmatch(instance):
        raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance}"')
    volume = _free(request, instance)
    grant_id = host.lend(request, volume, instance) if volume.data_key is not None else ""
    now = rooms.settings.now()
    try:
        with rooms.store.transaction():
            attachment = Attachment(instance, request.get("Device"), now, grant_id)
            volume = replace(_free(request, instance), attachment=attachment)
            records.put(rooms, volume)
    except AwsError:
        if grant_id:
            host.take_back(request, volume, grant_id)
        raise
    return attached(volume, "attaching")


def detach_volume(request: Request[Rooms]) -> Output:
    """DetachVolume: the grant ends, and the host forgets the data key."""
    rooms, volume = request.rooms, records.found(request, check_id(request.get("VolumeId")))
    there = _where(request, volume)
    if there.grant_id:
        host.take_back(request, volume, there.grant_id)
    with rooms.store.transaction():
        volume = records.found(request, volume.id)
        if volume.attachment == there:
            records.put(rooms, replace(volume, attachment=None))
    return attached(replace(volume, attachment=there), "detaching")


def _free(request: Request[Rooms], instance: str) -> Volume:
    """The volume, if it and the device are free."""
    volume = records.found(request, check_id(request.get("VolumeId")))
    if volume.attachment:
        raise AwsError("VolumeInUse", f"{volume.id} is already attached to an instance")
    device = request.get("Device")
    for other in records.all_of(request):
        taken = other.attachment
        if taken and (taken.instance, taken.device) == (instance, device):
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid value '{device}' for unixDevice. Attachment point {device} is already "
                "in use",
            )
    return volume


def _where(request: Request[Rooms], volume: Volume) -> Attachment:
    """The attachment that is to end."""
    there = volume.attachment
    if there is None:
        raise AwsError("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    asked = (request.get("InstanceId", there.instance), request.get("Device", there.device))
    if asked != (there.instance, there.device):
        raise AwsError(
            "InvalidAttachment.NotFound",
            f"The volume '{volume.id}' is not attached to instance '{asked[0]}' as device "
            f"'{asked[1]}'.",
        )
    return there
