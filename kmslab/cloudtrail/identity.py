"""Who called, as an event's userIdentity.

    user            IAMUser         with the user's name
    root            Root
    role session    AssumedRole     with sessionContext: which role issued it, when, with MFA or not
    federated user  FederatedUser   with sessionContext: which user asked for it
    service         AWSService      nothing but the service's name
    a stranger      AWSAccount      in the copy that the owner of a key or role of another account
                                    gets: the account and the principal's unique id, no name

`invokedBy` is there when a service called with the caller's rights. For Amazon S3 AWS writes
fas.s3.amazonaws.com (a forward access session), for Amazon EC2 ec2-frontend-api.amazonaws.com, for
others the service's name.
Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element"; IAM User Guide, "Logging IAM
and AWS STS API calls with AWS CloudTrail". That AWS KMS shows a stranger as AWS STS does is an
inference: no sample of it is published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Way
from kmslab.aws.principal import Principal, Session

Identity = dict[str, Any]

_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "user": "IAMUser",
        "root": "Root",
        "role session": "AssumedRole",
        "federated user": "FederatedUser",
    }
)
_FORWARDED: Mapping[str, str] = MappingProxyType(
    {
        "s3.amazonaws.com": "fas.s3.amazonaws.com",
        "ec2.amazonaws.com": "ec2-frontend-api.amazonaws.com",
    }
)
_SERVICES = {forwarded: service for service, forwarded in _FORWARDED.items()}


def invoker(way: Way) -> str:
    """The service that calls with the caller's rights, by the name that events show."""
    return _FORWARDED.get(way.service, way.service)


@lru_cache(maxsize=1024)
def user_identity(who: Principal, invoked_by: str = "", mfa: bool | None = None) -> str:
    """A caller as its own account's events show it, in JSON."""
    if who.kind == "service":
        return json.dumps({"type": "AWSService", "invokedBy": invoked_by or who.name})
    identity = {
        "type": _TYPES[who.kind],
        "principalId": who.unique_id,
        "arn": who.arn,
        "accountId": who.account,
        "accessKeyId": who.access_key_id,
    }
    if who.kind == "user":
        identity["userName"] = who.name
    return json.dumps(identity | _context(who, mfa) | _invoked(invoked_by))


@lru_cache(maxsize=1024)
def stranger(who: Principal, invoked_by: str = "") -> str:
    """A caller as the events of another account show it, in JSON."""
    if who.kind == "service":
        return user_identity(who, invoked_by)
    identity = {
        "type": "AWSAccount",
        "principalId": who.unique_id,
        "accountId": who.account,
    }
    return json.dumps(identity | _invoked(invoked_by))


def _invoked(invoked_by: str) -> Identity:
    return {"invokedBy": invoked_by} if invoked_by else {}


def _context(who: Principal, mfa: bool | None) -> Identity:
    """The sessionContext of whoever calls with temporary credentials."""
    session = who.session
    if session is None:
        return {}
    created = datetime.fromtimestamp(int(session.created), UTC)
    context = {
        **({} if who.kind in ("user", "root") else {"sessionIssuer": _issuer(session)}),
        "attributes": {
            "creationDate": created.isoformat().replace("+00:00", "Z"),
            "mfaAuthenticated": "true" if mfa else "false",
        },
        **({"sourceIdentity": session.source_identity} if session.source_identity else {}),
    }
    return {"sessionContext": context}


def _issuer(session: Session) -> Identity:
    """The role whose session it is, or the user (or root) who asked for a federated one."""
    kinds = {"role": "Role", "user": "IAMUser", "root": "Root"}
    *_, account, name = session.issuer.split(":", 5)
    kind = kinds[name.split("/")[0]]
    return {
        "type": kind,
        "principalId": session.issuer_id,
        "arn": session.issuer,
        "accountId": account,
        **({} if kind == "Root" else {"userName": name.split("/")[-1]}),
    }


def user_name(identity: Identity) -> str:
    """The name by which LookupEvents finds a caller's events; empty where it has none.

    A user's name, a session's own name, "root". Services and strangers have none.
    """
    if identity.get("type") == "Root":
        return "root"
    name: str = identity.get("userName") or identity.get("arn", "").split("/")[-1]
    return name


def names(identity: Identity) -> frozenset[str]:
    """Everything by which a person would ask for this caller."""
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    invoked_by = identity.get("invokedBy", "")
    found = (
        *(user_name(identity), short(identity), identity.get("arn"), identity.get("accessKeyId")),
        *(identity.get("principalId"), issuer.get("arn"), issuer.get("userName")),
        *(invoked_by, _plain(invoked_by)),
        identity["accountId"] if identity.get("type") == "AWSAccount" else None,
    )
    return frozenset(name for name in found if name)


def short(identity: Identity) -> str:
    """A caller in a few words: alice, app/run-1, root, s3.amazonaws.com, account 111122223333."""
    match identity.get("type"):
        case "AssumedRole" | "FederatedUser":
            arn: str = identity["arn"]
            return arn.split(":", 5)[5].removeprefix("assumed-role/")
        case "AWSAccount":
            return f"account {identity['accountId']}"
    return user_name(identity) or str(identity["invokedBy"])


def via(identity: Identity) -> str:
    """The service that called with somebody's rights, as in s3; empty for a direct call."""
    if identity.get("type") in (None, "AWSService"):
        return ""
    return _plain(identity.get("invokedBy", ""))


def _plain(service: str) -> str:
    return _SERVICES.get(service, service).removesuffix(".amazonaws.com")
