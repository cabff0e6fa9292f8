"""The host of an instance: how it gets the data key of a volume, and gives it back.

    AttachVolume   CreateGrant, with the caller's rights: Decrypt, for this volume's context only,
                   to the instance's identity-only role; ec2.REGION.amazonaws.com may retire it
                   Decrypt of the volume's data key, by that role, with the grant's token
    DetachVolume   RetireGrant, by EC2

The identity-only role is arn:aws:sts::ACCOUNT:assumed-role/aws:ec2-infrastructure/INSTANCE: AWS
makes it, no policies are attached to it, service control policies and key policies reach it. On AWS
the host keeps the plaintext data key in memory while the volume is attached. Hosts aren't simulated
here: the data key is dropped once KMS gave it out.

Differences: AWS's event of CreateGrant calls the service that may retire the grant its
retiringPrincipal, here it is retiringServicePrincipal, as in the API; the Decrypt event of AWS has
`inScopeOf` too. Not documented: when EC2 retires the grant (here when the volume is detached), and
how the event of that names EC2. Sources: "Requirements for Amazon EBS encryption", "Amazon EC2
example two", "Examining grants", and events that users published.
"""

from __future__ import annotations

from contextlib import suppress

from kmslab.aws.call import Call, Output
from kmslab.aws.principal import Principal, Session
from kmslab.errors import AwsError
from kmslab.integrated.answers import because, worded
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.volumes.records import Volume
from kmslab.kms.service_keys import AWS_ACCOUNT

_ROLE = "aws:ec2-infrastructure"
_INTERNAL = "AWS Internal"  # where such calls come from, as events show it
_HOUR = 3600


def lend(request: Request[Rooms], volume: Volume, instance: str) -> str:
    """Gets a host the data key of a volume; returns the id of the grant.

    Raises CustomerKeyHasBeenRevoked where KMS refuses, whatever its reason.
    """
    host = _host(request, instance)
    try:
        grant = _grant(request, volume, host)
    except AwsError as error:
        raise _refused(volume, error) from error
    try:
        _decrypt(request, volume, host, grant["GrantToken"])
    except AwsError as error:
        take_back(request, volume, grant["GrantId"])
        raise _refused(volume, error) from error
    return str(grant["GrantId"])


def take_back(request: Request[Rooms], volume: Volume, grant_id: str) -> None:
    """Retires a grant, if nobody revoked it before."""
    name = f"ec2.{request.call.region}.amazonaws.com"
    who = Principal(AWS_ACCOUNT, "service", name, "", "")
    with suppress(AwsError):
        _ask(request, who, "RetireGrant", KeyId=volume.key, GrantId=grant_id)


def _grant(request: Request[Rooms], volume: Volume, host: Principal) -> Output:
    return request.kms(
        "CreateGrant",
        KeyId=volume.key,
        GranteePrincipal=host.arn,
        RetiringServicePrincipal=f"ec2.{request.call.region}.amazonaws.com",
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": volume.context},
    )


def _decrypt(request: Request[Rooms], volume: Volume, host: Principal, token: str) -> None:
    _ask(
        request,
        host,
        "Decrypt",
        CiphertextBlob=volume.data_key,
        EncryptionContext=volume.context,
        GrantTokens=[token],
    )


def _ask(request: Request[Rooms], who: Principal, operation: str, **parameters: object) -> None:
    """A call of KMS that isn't the caller's; nothing of its answer is kept."""
    region = request.call.region
    request.rooms.keys.kms(Call(who, "kms", operation, region, parameters, _INTERNAL))


def _host(request: Request[Rooms], instance: str) -> Principal:
    """An instance's identity-only role."""
    account, now = request.call.account, request.rooms.settings.now()
    role_id = f"{account}:{_ROLE}"
    session = Session(f"arn:aws:iam::{account}:role/{_ROLE}", role_id, now, now + _HOUR)
    name = f"{_ROLE}/{instance}"
    return Principal(account, "role session", name, f"{role_id}:{instance}", "", session=session)


def _refused(volume: Volume, error: AwsError) -> AwsError:
    if error.status >= 500:
        return because(error, "InternalError", worded(error), 500)
    return because(
        error,
        "CustomerKeyHasBeenRevoked",
        f"Volume {volume.id} cannot be attached. The encrypted volume was unable to access the "
        "KMS key.",
    )
