"""Which secret a request is about, and whether it may be used at all."""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.secretsmanager import records
from kmslab.integrated.secretsmanager.records import Secret


def found(request: Request[Rooms]) -> Secret:
    """The secret that the request names, deleted or not; ResourceNotFoundException without one."""
    secret = records.find(request.rooms, request.call, request.get("SecretId"))
    if secret is None:
        raise AwsError(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    return secret


def usable(request: Request[Rooms]) -> Secret:
    """The same; InvalidRequestException for one that waits for its deletion."""
    secret = found(request)
    if secret.deletion is not None:
        raise AwsError(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    return secret


def named(secret: Secret) -> Output:
    """What every answer about a secret begins with."""
    return {"ARN": secret.arn, "Name": secret.name}
