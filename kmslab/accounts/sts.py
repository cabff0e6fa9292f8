"""STS: temporary credentials, and who the caller is.

Source: AWS STS API Reference; IAM User Guide, "Comparing AWS STS credentials", "Pass session tags
in AWS STS", "Monitor and control actions taken with assumed roles".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kmslab.accounts import assuming, sessions, tagging
from kmslab.accounts.assuming import session_policies
from kmslab.accounts.request import Operation, Request, pairs
from kmslab.accounts.subjects import tag_keys
from kmslab.aws.call import Output
from kmslab.aws.principal import Principal, Session
from kmslab.errors import AwsError

HALF_A_DAY = 43_200  # seconds
_ROOT_MOST = 3_600  # how long a root user's credentials last at most


def get_caller_identity(request: Request) -> Output:
    """GetCallerIdentity: never refused."""
    who = request.call.principal
    return {"UserId": who.unique_id, "Account": who.account, "Arn": who.arn}


def get_session_token(request: Request) -> Output:
    """GetSessionToken: the same user with credentials that end. Nobody decides on it."""
    who = _long_term(request)
    assuming.check_mfa(request)
    lasts = _duration(request, who)
    now = request.accounts.settings.now()
    session = Session(who.arn, who.unique_id, now, now + lasts)
    _, credentials = sessions.issue(request.accounts, _with(who, session))
    return {"Credentials": credentials.entry()}


def get_federation_token(request: Request) -> Output:
    """GetFederationToken: somebody who is no user, with what user and session policies share.

    Without a session policy, only resource-based policies that name the federated user count.
    """
    who, name = _long_term(request), request.get("Name")
    tagging.check(request.get("Tags", []))
    policies, percent = session_policies(request)
    now = request.accounts.settings.now()
    session = Session(
        *(who.arn, who.unique_id, now, now + _duration(request, who)),
        tags=tuple(pairs(request.get("Tags", []))),
        policies=policies,
    )
    federated = Principal(
        who.account, "federated user", name, f"{who.account}:{name}", "", session=session
    )
    principal, credentials = sessions.issue(request.accounts, federated)
    return {
        "Credentials": credentials.entry(),
        "FederatedUser": {"FederatedUserId": principal.unique_id, "Arn": principal.arn},
        **({"PackedPolicySize": percent} if percent else {}),
    }


def _long_term(request: Request) -> Principal:
    """The caller, or AccessDenied for one that comes with temporary credentials."""
    who = request.call.principal
    if who.session is not None or who.kind not in ("user", "root"):
        operation = request.call.operation
        raise AwsError("AccessDenied", f"Cannot call {operation} with session credentials", 403)
    return who


def _duration(request: Request, who: Principal) -> int:
    """How long the credentials last: 12 hours unless asked; those of root an hour at most."""
    asked: int = request.get("DurationSeconds", HALF_A_DAY)
    return min(asked, _ROOT_MOST) if who.kind == "root" else asked


def _with(who: Principal, session: Session) -> Principal:
    return Principal(
        who.account, who.kind, who.name, who.unique_id, "", path=who.path, session=session
    )


def _federated_arn(request: Request) -> str:
    return f"arn:aws:sts::{request.account}:federated-user/{request.get('Name')}"


def _role(request: Request) -> str:
    arn: str = request.get("RoleArn")
    return arn


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "GetCallerIdentity": Operation(get_caller_identity, lambda _: "*", decides=True),
        "AssumeRole": Operation(assuming.assume_role, _role, changes=True, decides=True),
        "GetSessionToken": Operation(get_session_token, lambda _: "*", changes=True, decides=True),
        "GetFederationToken": Operation(
            get_federation_token, _federated_arn, tag_keys, changes=True
        ),
    }
)
