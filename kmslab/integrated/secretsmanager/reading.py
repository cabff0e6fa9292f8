"""GetSecretValue, DescribeSecret, ListSecrets."""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.answers import cut, not_yet
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.secretsmanager import records, values
from kmslab.integrated.secretsmanager.finding import found, named, usable
from kmslab.integrated.secretsmanager.records import CURRENT, Secret, Version
from kmslab.kms.timing import when

_PAGE = 100


def get_secret_value(request: Request[Rooms]) -> Output:
    """GetSecretValue: the value of a version, by its id or its label; else of AWSCURRENT."""
    secret = usable(request)
    version = _asked(request, secret)
    value = values.unseal(request, secret.arn, version)
    shown = value.decode() if version.kind == "SecretString" else value
    return {
        **named(secret),
        "VersionId": version.version_id,
        version.kind: shown,
        "VersionStages": records.stages(request.rooms, secret.arn).get(version.version_id, []),
        "CreatedDate": when(version.created),
    }


def describe_secret(request: Request[Rooms]) -> Output:
    """DescribeSecret: everything but the values. The last access is not kept."""
    secret = found(request)
    stages = records.stages(request.rooms, secret.arn)
    return {**_entry(secret), **({"VersionIdsToStages": stages} if stages else {})}


def list_secrets(request: Request[Rooms]) -> Output:
    """ListSecrets, by name; those that wait for their deletion only if they are asked for."""
    not_yet(request, "Filters", "SortBy", "SortOrder")
    planned = request.get("IncludePlannedDeletion", False)
    rooms = request.rooms
    entries = []
    for secret in records.all_of(rooms, request.call):
        if planned or secret.deletion is None:
            stages = records.stages(rooms, secret.arn)
            shown = {"SecretVersionsToStages": stages} if stages else {}
            entries.append((secret.name, {**_entry(secret), **shown}))
    return cut(request, "SecretList", entries, _PAGE)


def _asked(request: Request[Rooms], secret: Secret) -> Version:
    rooms, wanted, stage = request.rooms, request.get("VersionId"), request.get("VersionStage")
    if wanted is None:
        label = stage or CURRENT
        version_id = records.staged(rooms, secret.arn, label)
        missing = f"staging label: {label}"
    else:
        version_id, missing = wanted, f"VersionId: {wanted}"
    version = records.version(rooms, secret.arn, version_id) if version_id else None
    if version is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"Secrets Manager can't find the specified secret value for {missing}",
        )
    if wanted and stage and records.staged(rooms, secret.arn, stage) != wanted:
        raise AwsError(
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        )
    return version


def _entry(secret: Secret) -> Output:
    """A secret as it is described; of aws/secretsmanager no key is shown."""
    shown = {name: value for name, value in secret.details.items() if value}
    deleted = {} if secret.deletion is None else {"DeletedDate": when(secret.deletion)}
    return {
        **named(secret),
        **shown,
        "LastChangedDate": when(secret.changed),
        **deleted,
        "CreatedDate": when(secret.created),
    }
