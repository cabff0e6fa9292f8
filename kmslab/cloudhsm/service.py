"""AWS CloudHSM for every account and Region of a lab: boto3's `cloudhsmv2`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from botocore.model import ServiceModel

from kmslab.aws.call import Answer, Call
from kmslab.aws.call import Service as Answering
from kmslab.cloudhsm.estate import Estate
from kmslab.cloudhsm.operations import OPERATIONS, WORDS
from kmslab.cloudhsm.request import Rooms
from kmslab.integrated.service import IntegratedService
from kmslab.kms.request import Rooms as KmsRooms
from kmslab.kms.service_keys import Service

# AWS encrypts backups once more under a key of its own, of which nobody sees anything.
_BACKUPS = Service("cloudhsm", "CloudHSM", "CloudHSM backups", owned=True)


class CloudHsm(IntegratedService[Rooms]):
    """The service. IAM, ARNs and CloudTrail call it cloudhsm, boto3 cloudhsmv2."""

    def __init__(self, rooms: Rooms, load: Callable[[str], ServiceModel]) -> None:
        super().__init__("cloudhsmv2", rooms, OPERATIONS, load, WORDS)

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that CloudHSM would answer with."""
        return super().__call__(replace(call, service="cloudhsm"))


def cloudhsm(
    estate: Estate, kms: Answering, rooms: KmsRooms, load: Callable[[str], ServiceModel]
) -> CloudHsm:
    """CloudHSM beside a KMS, in the same lab."""
    return CloudHsm(Rooms.beside(kms, rooms, _BACKUPS, estate=estate), load)
