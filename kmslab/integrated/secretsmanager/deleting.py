"""DeleteSecret and RestoreSecret."""

from __future__ import annotations

from dataclasses import replace

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.secretsmanager import records
from kmslab.integrated.secretsmanager.finding import found, named, usable
from kmslab.kms.timing import when

_DAY = 86_400
_DEFAULT, _LEAST, _MOST = 30, 7, 30  # days of a recovery window


def delete_secret(request: Request[Rooms]) -> Output:
    """DeleteSecret: after a recovery window, or at once. At once also works on one that is gone."""
    rooms, now = request.rooms, request.rooms.settings.now()
    force, days = request.get("ForceDeleteWithoutRecovery", False), _days(request)
    with rooms.store.transaction():
        if force:
            secret = records.find(rooms, request.call, request.get("SecretId"))
            if secret is None:
                return {"Name": request.get("SecretId"), "DeletionDate": when(now)}
            records.drop(rooms, secret.arn)
            return {**named(secret), "DeletionDate": when(now)}
        secret = usable(request)
        records.put(rooms, replace(secret, deletion=now + days * _DAY))
    return {**named(secret), "DeletionDate": when(now + days * _DAY)}


def restore_secret(request: Request[Rooms]) -> Output:
    """RestoreSecret: takes the deletion back."""
    rooms = request.rooms
    with rooms.store.transaction():
        secret = found(request)
        records.put(rooms, replace(secret, deletion=None))
    return named(secret)


def _days(request: Request[Rooms]) -> int:
    days = request.get("RecoveryWindowInDays")
    if request.get("ForceDeleteWithoutRecovery", False) and days is not None:
        raise AwsError(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )
    if days is not None and not _LEAST <= days <= _MOST:
        raise AwsError(
            "InvalidParameterException",
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        )
    return int(days or _DEFAULT)
