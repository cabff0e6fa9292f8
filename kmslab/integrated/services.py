"""The services of this room but S3, built for a lab: each loads its model at its first call."""

from __future__ import annotations

from collections.abc import Callable

from botocore.model import ServiceModel

from kmslab.aws.call import Service
from kmslab.integrated.parameters import operations as of_parameters
from kmslab.integrated.request import Rooms
from kmslab.integrated.secretsmanager import operations as of_secrets
from kmslab.integrated.service import IntegratedService
from kmslab.integrated.volumes import operations as of_volumes
from kmslab.kms.request import Rooms as KmsRooms
from kmslab.kms.service_keys import SERVICES

_TABLES = {
    "secretsmanager": ("secretsmanager", of_secrets.OPERATIONS, of_secrets.WORDS),
    "ssm": ("ssm", of_parameters.OPERATIONS, of_parameters.WORDS),
    "ec2": ("ebs", of_volumes.OPERATIONS, of_volumes.WORDS),
}


def services(
    rooms: KmsRooms, kms: Service, load: Callable[[str], ServiceModel]
) -> dict[str, Service]:
    """Secrets Manager, Parameter Store and EBS by botocore's names; `kms` is the lab's KMS."""
    return {
        name: IntegratedService(
            name, Rooms.beside(kms, rooms, SERVICES[key]), operations, load, words
        )
        for name, (key, operations, words) in _TABLES.items()
    }
