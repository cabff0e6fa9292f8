"""AssumeRole: a session of a role, if the role's trust policy and the caller's policies agree.

Source: AWS STS API Reference, AssumeRole; IAM User Guide, "Pass session tags in AWS STS" and
"Monitor and control actions taken with assumed roles".
"""

from __future__ import annotations

import re

from kmslab.accounts import records, sessions, tagging
from kmslab.accounts.documents import checked_document, size
from kmslab.accounts.managed import default_document
from kmslab.accounts.records import Entity
from kmslab.accounts.request import Request, pairs
from kmslab.accounts.roles import HOUR
from kmslab.accounts.subjects import tag_keys, visible_policy
from kmslab.aws.call import Output
from kmslab.aws.principal import Principal, Session, Tags
from kmslab.errors import AwsError

MOST_POLICIES = 10
MOST_CHARACTERS = 2_048  # of the session policies together, as plain text
_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([^/]+)", re.ASCII)


def assume_role(request: Request) -> Output:
    """AssumeRole: credentials for a session of the role."""
    check_mfa(request)
    role = _role(request)
    _decide(request, role)
    tags = _tags(request)
    policies, percent = session_policies(request)
    now = request.accounts.settings.now()
    session = Session(
        *(role.arn, role.id, now, now + _duration(request, role)),
        tags=tags,
        policies=policies,
        source_identity=_source_identity(request),
        transitive=_transitive(request, tags),
    )
    principal = opened(role, request.get("RoleSessionName"), session)
    principal, credentials = sessions.issue(request.accounts, principal)
    return {
        "Credentials": credentials.entry(),
        "AssumedRoleUser": {"AssumedRoleId": principal.unique_id, "Arn": principal.arn},
        **({"PackedPolicySize": percent} if percent else {}),
        **({"SourceIdentity": session.source_identity} if session.source_identity else {}),
    }


def opened(role: Entity, name: str, session: Session) -> Principal:
    """The principal of a session of a role, without an access key yet."""
    return Principal(
        *(role.account, "role session", f"{role.name}/{name}", f"{role.id}:{name}", ""),
        session=session,
    )


def session_policies(request: Request) -> tuple[tuple[str, ...], int]:
    """The session policies of a request as documents, and how much of the room they fill.

    STS packs policies and tags in a way that is not documented: its percentage says how full that
    is. Here it is the share of 2,048 characters that the policies take, rounded up.
    """
    texts = [checked_document(request.get("Policy"), "session")] if request.get("Policy") else []
    arns = [each["arn"] for each in request.get("PolicyArns", [])]
    if len(arns) > MOST_POLICIES:
        raise AwsError("ValidationError", f"A session has at most {MOST_POLICIES} policy ARNs.")
    for arn in arns:
        found = visible_policy(request, arn)
        if found is None:
            raise AwsError("ValidationError", f"The policy {arn} does not exist.")
        texts.append(default_document(found))
    percent = -(-100 * sum(map(size, texts)) // MOST_CHARACTERS)
    if percent > 100:
        raise AwsError(
            "PackedPolicyTooLarge",
            f"Packed size of session tags consumes {percent}% of allotted space.",
        )
    return tuple(texts), percent


def check_mfa(request: Request) -> None:
    """The lab has no MFA devices, so a code of one is never right."""
    if request.get("SerialNumber") or request.get("TokenCode"):
        raise AwsError(
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
            403,
        )


def _role(request: Request) -> Entity:
    """The role; for one that isn't there the same AccessDenied as for one that isn't allowed.

    A federated user can't call AssumeRole ("Compare AWS STS credentials"); AWS's wording of that is
    not documented.
    """
    arn = request.get("RoleArn")
    if request.call.principal.kind == "federated user":
        raise AwsError("AccessDenied", "Cannot call AssumeRole with federation credentials", 403)
    if request.call.principal.kind == "root":
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    parts = _ARN.fullmatch(arn)
    role = parts and records.find(request.accounts, parts[1], "role", parts[2])
    if role is None or role.arn != arn:
        raise AwsError(
            "AccessDenied",
            f"User: {request.call.principal.arn} is not authorized to perform: sts:AssumeRole on "
            f"resource: {arn}",
            403,
        )
    return role


def _decide(request: Request, role: Entity) -> None:
    """Asks for sts:AssumeRole, and for what tags and a source identity need beside it."""
    source = _source_identity(request)
    keys: dict[str, tuple[str, ...]] = {
        **tag_keys(request),
        "sts:rolesessionname": (request.get("RoleSessionName"),),
    }
    if request.get("ExternalId"):
        keys["sts:externalid"] = (request.get("ExternalId"),)
    if request.get("TransitiveTagKeys"):
        keys["sts:transitivetagkeys"] = tuple(request.get("TransitiveTagKeys"))
    if source:
        keys["sts:sourceidentity"] = (source,)
    actions = ["sts:AssumeRole"]
    actions += ["sts:TagSession"] if _inherited(request) or request.get("Tags") else []
    actions += ["sts:SetSourceIdentity"] if source else []
    trust = role.details["trust"]
    for action in actions:
        request.rooms.authorize(
            request.call, action, role.arn, policy=trust, account=role.account, context=keys
        )


def _duration(request: Request, role: Entity) -> int:
    """An hour unless asked; at most what the role allows, and an hour in a chain of roles."""
    asked: int = request.get("DurationSeconds", HOUR)
    if request.call.principal.session is not None and asked > HOUR:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining.",
        )
    if asked > role.details["max_session"]:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return asked


def _tags(request: Request) -> Tags:
    """The session's tags: those of the request, and the transitive ones of the caller's session."""
    tagging.check(request.get("Tags", []))
    inherited, tags = _inherited(request), tuple(pairs(request.get("Tags", [])))
    taken = {key.lower() for key, _ in inherited}
    if any(key.lower() in taken for key, _ in tags):
        raise AwsError(
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session.",
        )
    return (*tags, *inherited)


def _transitive(request: Request, tags: Tags) -> tuple[str, ...]:
    named = request.get("TransitiveTagKeys", [])
    given = {tag["Key"].lower() for tag in request.get("Tags", [])}
    if any(key.lower() not in given for key in named):
        raise AwsError(
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.",
        )
    inherited = {key for key, _ in _inherited(request)}
    wanted = {key.lower() for key in named}
    return tuple(key for key, _ in tags if key in inherited or key.lower() in wanted)


def _inherited(request: Request) -> Tags:
    session = request.call.principal.session
    passed = {key.lower() for key in session.transitive} if session else set()
    return tuple(pair for pair in session.tags if pair[0].lower() in passed) if session else ()


def _source_identity(request: Request) -> str:
    """Who really acts; in a chain of roles it stays. AWS's wording of that is not documented."""
    asked: str = request.get("SourceIdentity", "")
    session = request.call.principal.session
    kept = session.source_identity if session else ""
    if kept and asked and asked != kept:
        raise AwsError("AccessDenied", f"The source identity {kept} can't be changed.", 403)
    return kept or asked
