"""Every operation that this Secrets Manager answers, and what each has to be allowed.

A question is about the secret's ARN. Where there is no such secret (yet), six question marks stand
for the ARN's last characters: policies end in -?????? or -* there, and fit. Resource policies of
secrets, tags, rotation and replicas are left out, so no other account gets at a secret. Source:
Service Authorization Reference, "Actions, resources, and condition keys for AWS Secrets Manager".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from kmslab.access.ask import Ask
from kmslab.aws.failures import Failures
from kmslab.iam.request import values
from kmslab.iam.variables import Values
from kmslab.integrated.request import Operation, Request, Rooms
from kmslab.integrated.secretsmanager import changing, deleting, reading, records
from kmslab.integrated.service import Words

WORDS = Words(
    Failures(
        busy=("InternalServiceError", 500),
        broken=("InternalServiceError", 500),
        text=("SerializationException", 400),
    )
)
# Condition keys that are parameters of the request, in small letters.
_PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        f"secretsmanager:{name.lower()}": name
        for name in (
            *("Name", "Description", "KmsKeyId", "VersionId", "VersionStage"),
            *("RecoveryWindowInDays", "ForceDeleteWithoutRecovery"),
        )
    }
)


def _about_secret(request: Request[Rooms]) -> Iterator[Ask]:
    """The permission of the operation's name, on the secret."""
    call, named = request.call, request.get("SecretId") or request.get("Name")
    secret = None if request.get("Name") else records.find(request.rooms, call, named)
    arn = secret.arn if secret else _expected(request, named)

    def lookup(key: str) -> Values | None:
        if key == "secretsmanager:secretid" and request.get("SecretId"):
            return (arn,)
        value = request.get(_PARAMETERS[key]) if key in _PARAMETERS else None
        return None if value is None else values(value)

    owner = arn.split(":")[4]
    yield Ask(f"secretsmanager:{call.operation}", arn, owner, lookup=lookup)


def _expected(request: Request[Rooms], named: str) -> str:
    is_arn = named.startswith("arn:") and named.count(":") >= 6
    return named if is_arn else request.call.arn(f"secret:{named}-??????")


def _about_none(request: Request[Rooms]) -> Iterator[Ask]:
    yield Ask(f"secretsmanager:{request.call.operation}")


OPERATIONS: Mapping[str, Operation[Rooms]] = MappingProxyType(
    {
        "CreateSecret": Operation(changing.create_secret, _about_secret),
        "PutSecretValue": Operation(changing.put_secret_value, _about_secret),
        "UpdateSecret": Operation(changing.update_secret, _about_secret),
        "GetSecretValue": Operation(reading.get_secret_value, _about_secret),
        "DescribeSecret": Operation(reading.describe_secret, _about_secret),
        "ListSecrets": Operation(reading.list_secrets, _about_none),
        "DeleteSecret": Operation(deleting.delete_secret, _about_secret),
        "RestoreSecret": Operation(deleting.restore_secret, _about_secret),
    }
)
