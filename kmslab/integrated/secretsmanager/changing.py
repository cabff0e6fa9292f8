"""CreateSecret, PutSecretValue, UpdateSecret: each value is sealed before anything is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.answers import not_yet
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.secretsmanager import records, values
from kmslab.integrated.secretsmanager.finding import named, usable
from kmslab.integrated.secretsmanager.records import CURRENT, PENDING, PREVIOUS, Secret, Version

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+", re.ASCII)
_KINDS = ("SecretString", "SecretBinary")


@dataclass(frozen=True, slots=True)
class _New:
    """A value that a request brings: its version and its bytes."""

    version: Version
    value: bytes


def create_secret(request: Request[Rooms]) -> Output:
    """CreateSecret, with or without a first value."""
    not_yet(request, "Tags", "AddReplicaRegions", "Type", "CrossAccountPrimaryARN")
    rooms, call, name = request.rooms, request.call, request.get("Name")
    if not _NAME.fullmatch(name):
        raise AwsError("ValidationException", _BAD_NAME)
    _check_free(request, name)
    arn, key, now = records.new_arn(rooms, call, name), _key(request), rooms.settings.now()
    if request.get("KmsKeyId"):
        values.validate(request, arn, key)
    new = _brought(request)
    sealed = values.seal(request, arn, key, new.version, new.value) if new else None
    secret = Secret(arn, name, now, now, None, _details(request, {}))
    with rooms.store.transaction():
        _check_free(request, name)
        records.put(rooms, secret)
        if new and sealed:
            records.add_version(rooms, arn, new.version, sealed)
            records.move(rooms, arn, CURRENT, new.version.version_id)
    return _answer(secret, new)


def put_secret_value(request: Request[Rooms]) -> Output:
    """PutSecretValue: a new version; with the token of one that is there, only if it's the same."""
    not_yet(request, "RotationToken")
    rooms, secret, new = request.rooms, usable(request), _brought(request)
    if new is None:
        raise AwsError(
            "InvalidParameterException", "You must provide either SecretString or SecretBinary."
        )
    if (old := records.version(rooms, secret.arn, new.version.version_id)) is not None:
        _check_same(request, secret, old, new)
    else:
        _add(request, secret, new, request.get("VersionStages", [CURRENT]))
    stages = records.stages(rooms, secret.arn).get(new.version.version_id, [])
    return {**_answer(secret, new), "VersionStages": stages}


def update_secret(request: Request[Rooms]) -> Output:
    """UpdateSecret: another description, another key, another value."""
    not_yet(request, "Type")
    rooms, secret, new = request.rooms, usable(request), _brought(request)
    if new and records.version(rooms, secret.arn, new.version.version_id) is not None:
        raise _taken(secret, new)
    changed = replace(secret, details=_details(request, secret.details))
    again: list[tuple[str, records.Sealed]] = []
    if request.get("KmsKeyId") is not None and changed.key != secret.key:
        values.validate(request, secret.arn, changed.key)
        again = _labelled_again(request, changed)
    if new:
        _add(request, changed, new, [CURRENT], again)
    else:
        with rooms.store.transaction():
            _write(request, again)
    return _answer(secret, new)


def _labelled_again(request: Request[Rooms], secret: Secret) -> list[tuple[str, records.Sealed]]:
    """The versions under AWS's labels, sealed under the secret's key of now."""
    again = []
    for version_id, stages in records.stages(request.rooms, secret.arn).items():
        version = records.version(request.rooms, secret.arn, version_id)
        if version and {CURRENT, PENDING, PREVIOUS} & set(stages):
            sealed = values.seal_again(request, secret.arn, secret.key, version)
            again += [(version_id, sealed)] if sealed else []
    return again


def _add(
    request: Request[Rooms],
    secret: Secret,
    new: _New,
    stages: list[str],
    again: list[tuple[str, records.Sealed]] | None = None,
) -> None:
    rooms, arn, version_id = request.rooms, secret.arn, new.version.version_id
    sealed = values.seal(request, arn, secret.key, new.version, new.value)
    with rooms.store.transaction():
        _write(request, again or [])
        if records.version(rooms, arn, version_id) is not None:
            raise _taken(secret, new)
        first = [] if records.stages(rooms, arn) else [CURRENT]
        records.add_version(rooms, arn, new.version, sealed)
        for stage in dict.fromkeys([*stages, *first]):
            records.move(rooms, arn, stage, version_id)


def _write(request: Request[Rooms], again: list[tuple[str, records.Sealed]]) -> None:
    """Writes what the request changes of the secret as it is now, if it is still there."""
    secret, now = usable(request), request.rooms.settings.now()
    details = _details(request, secret.details)
    records.put(request.rooms, replace(secret, changed=now, details=details))
    for version_id, sealed in again:
        records.add_value(request.rooms, secret.arn, version_id, sealed)


def _brought(request: Request[Rooms]) -> _New | None:
    kinds = [kind for kind in _KINDS if request.get(kind) is not None]
    if len(kinds) > 1:
        raise AwsError(
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value in the same "
            "secret.",
        )
    if not kinds:
        return None
    value = request.get(kinds[0])
    version_id = request.get("ClientRequestToken") or records.new_version_id(request.rooms)
    version = Version(version_id, request.rooms.settings.now(), kinds[0])
    return _New(version, value.encode() if isinstance(value, str) else value)


def _check_free(request: Request[Rooms], name: str) -> None:
    """AWS answers the same request with the same token as before; here a name is taken once."""
    there = records.find(request.rooms, request.call, name)
    if there is None:
        return
    if there.deletion is not None:
        raise AwsError(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled "
            "for deletion.",
        )
    raise AwsError(
        "ResourceExistsException",
        f"The operation failed because the secret {name} already exists.",
    )


def _check_same(request: Request[Rooms], secret: Secret, old: Version, new: _New) -> None:
    same = old.kind == new.version.kind
    if not same or values.unseal(request, secret.arn, old) != new.value:
        raise _taken(secret, new)


def _taken(secret: Secret, new: _New) -> AwsError:
    return AwsError(
        "ResourceExistsException",
        f"You can't use ClientRequestToken {new.version.version_id} because that value is already "
        f"in use for a version of secret {secret.arn}.",
    )


def _key(request: Request[Rooms]) -> str:
    """The key as the request names it; empty for aws/secretsmanager."""
    named_key = str(request.get("KmsKeyId", ""))
    return "" if named_key == values.MANAGED else named_key


def _details(request: Request[Rooms], before: Any) -> dict[str, Any]:
    details = dict(before)
    if request.get("Description") is not None:
        details["Description"] = request.get("Description")
    if request.get("KmsKeyId") is not None:
        details["KmsKeyId"] = _key(request)
    return details


def _answer(secret: Secret, new: _New | None) -> Output:
    return named(secret) | ({"VersionId": new.version.version_id} if new else {})


_BAD_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
    "following: -/_+=.@!"
)
