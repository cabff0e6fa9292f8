"""Every operation of EC2 that the lab answers, and what each has to be allowed.

EC2 asks about the volume, and where one is attached about the instance too. It words a refusal in
its own way (`access/refusal.py`) and adds an encoded message, which is left out. Source: Service
Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kmslab.access.ask import Ask
from kmslab.aws.call import Output
from kmslab.aws.failures import Failures
from kmslab.errors import AwsError
from kmslab.iam.request import values
from kmslab.iam.variables import Values
from kmslab.integrated.request import Operation, Request, Rooms
from kmslab.integrated.service import Words
from kmslab.integrated.volumes import attaching, making, records

WORDS = Words(
    Failures(
        busy=("Unavailable", 503),
        broken=("InternalError", 500),
        text=("InvalidParameterValue", 400),
        renamed={
            "UnrecognizedClientException": ("AuthFailure", 401),
            "ExpiredTokenException": ("RequestExpired", 400),
            "UnsupportedOperationException": ("UnsupportedOperation", 400),
            "InvalidNextTokenException": ("InvalidNextToken", 400),
        },
    ),
    invalid="InvalidParameterValue",
    unknown="UnsupportedOperation",
)
_DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "ec2:volumesize": "Size",
        "ec2:volumetype": "VolumeType",
        "ec2:availabilityzone": "AvailabilityZone",
    }
)


@dataclass(frozen=True, slots=True)
class _Keys:
    """EC2's condition keys about a volume: of its record, or of the request that makes it."""

    request: Request[Rooms]
    volume: records.Volume | None

    def __call__(self, key: str) -> Values | None:
        """The values of a key, which is given in small letters."""
        volume = self.volume
        if key in _DETAILS:
            name = _DETAILS[key]
            value = volume.details.get(name) if volume else self.request.get(name)
        elif key == "ec2:encrypted":
            encrypted = volume.data_key is not None if volume else None
            value = self.request.get("Encrypted", False) if encrypted is None else encrypted
        else:
            value = {"ec2:volumeid": volume.id}.get(key) if volume else None
        return None if value is None else values(value)


def _creating(request: Request[Rooms]) -> Iterator[Ask]:
    arn = request.call.arn("volume/*")
    yield Ask("ec2:CreateVolume", arn, lookup=_Keys(request, None))


def _about_volume(request: Request[Rooms]) -> Iterator[Ask]:
    call, volume_id = request.call, request.get("VolumeId")
    volume = records.find(request, volume_id)
    arn = call.arn(f"volume/{volume_id}")
    yield Ask(f"ec2:{call.operation}", arn, lookup=_Keys(request, volume))


def _about_both(request: Request[Rooms]) -> Iterator[Ask]:
    """The volume and the instance."""
    yield from _about_volume(request)
    call, volume = request.call, records.find(request, request.get("VolumeId"))
    there = volume.attachment.instance if volume and volume.attachment else None
    instance = request.get("InstanceId", there)
    if instance is not None:
        own: dict[str, Values] = {"ec2:instanceid": (instance,)}
        yield Ask(f"ec2:{call.operation}", call.arn(f"instance/{instance}"), lookup=own.get)


def _about_none(request: Request[Rooms]) -> Iterator[Ask]:
    yield Ask(f"ec2:{request.call.operation}")


def _or_dry(perform: Callable[[Request[Rooms]], Output]) -> Callable[[Request[Rooms]], Output]:
    """An operation that a DryRun ends before it begins."""

    def performed(request: Request[Rooms]) -> Output:
        if request.get("DryRun", False):
            message = "Request would have succeeded, but DryRun flag is set."
            raise AwsError("DryRunOperation", message, 412)
        return perform(request)

    return performed


OPERATIONS: Mapping[str, Operation[Rooms]] = MappingProxyType(
    {
        "CreateVolume": Operation(_or_dry(making.create_volume), _creating),
        "DescribeVolumes": Operation(_or_dry(making.describe_volumes), _about_none),
        "DeleteVolume": Operation(_or_dry(making.delete_volume), _about_volume),
        "AttachVolume": Operation(_or_dry(attaching.attach_volume), _about_both),
        "DetachVolume": Operation(_or_dry(attaching.detach_volume), _about_both),
    }
)
