"""Every policy that applies to a caller, and its tags: what an authorization decision reads.

All of it is remembered until a record changes, so a call costs no SQL here. Only whether a session
is over is asked at every call: no record changes when time passes.

Source: IAM User Guide, "How AWS enforcement code logic evaluates requests".
"""

from __future__ import annotations

from dataclasses import dataclass

from kmslab.accounts import organization, records
from kmslab.accounts.managed import default_document, find_policy
from kmslab.accounts.named import Named as Named
from kmslab.accounts.records import Accounts, Entity
from kmslab.aws.principal import Principal, Session, Tags
from kmslab.errors import AwsError

# Roles by which AWS itself works in an account, as role/aws:ec2-infrastructure: no policies are
# attached to them, but SCPs reach them ("Requirements for Amazon EBS encryption").
_OF_AWS = ":role/aws:"
# A federated user without session policies may do what resource policies let it do, no more
# (GetFederationToken): as if it had one that allows nothing.
_NONE_GIVEN = (Named("none given", '{"Version": "2012-10-17", "Statement": []}'),)


@dataclass(frozen=True, slots=True)
class Applying:
    """Every policy that applies to a caller, and its tags."""

    identity: tuple[Named, ...] = ()  # its own, attached and of its groups; of a root user: none
    boundary: Named | None = None
    session: tuple[Named, ...] = ()  # session policies; () where none were given
    scps: tuple[tuple[Named, ...], ...] = ()  # levels, the root first; () where none apply
    tags: Tags = ()  # session tags hide the role's own; keys compare without case
    organization: str = ""  # as in o-…
    organization_path: str = ""  # as in o-…/r-…/ou-…/


def applying(accounts: Accounts, principal: Principal) -> Applying:
    """What applies to a caller.

    Raises UnrecognizedClientException for a user or role that is gone, also where another of the
    same name was made since, and ExpiredTokenException for a session that is over.
    """
    session = principal.session
    if session is not None and accounts.settings.now_in_call() >= session.expires:
        raise AwsError(
            "ExpiredTokenException", "The security token included in the request is expired"
        )
    return accounts.store.remembered(
        ("applying", principal), lambda: _applying(accounts, principal)
    )


def rcps(accounts: Accounts, account: str) -> tuple[tuple[Named, ...], ...]:
    """The resource control policies over an account's resources: levels, the root first."""
    return organization.levels(accounts, account, "rcp")


def _applying(accounts: Accounts, principal: Principal) -> Applying:
    if principal.kind == "service":
        return Applying()
    if not records.has_account(accounts, principal.account):
        raise _unknown()
    scps = organization.levels(accounts, principal.account, "scp")
    id_, path = organization.place(accounts, principal.account)
    if principal.kind == "root" or _is_of_aws(principal):
        return Applying(scps=scps, organization=id_, organization_path=path)
    bearer = _bearer(accounts, principal)
    return Applying(
        identity=identity(accounts, bearer),
        boundary=boundary(accounts, bearer),
        session=_session_policies(principal),
        scps=scps,
        tags=_tags(bearer, principal),
        organization=id_,
        organization_path=path,
    )


def identity(accounts: Accounts, bearer: Entity) -> tuple[Named, ...]:
    """A user's, role's or group's policies: inline, attached, and those of a user's groups."""
    own = [Named(f"{bearer.name}/{name}", text) for name, text in bearer.inline.items()]
    attached = [_managed(accounts, arn) for arn in records.targets(accounts, bearer, "policy")]
    named = [*own, *attached]
    for name in records.targets(accounts, bearer, "group"):
        group = records.find(accounts, bearer.account, "group", name)
        named += identity(accounts, group) if group else ()
    return tuple(named)


def boundary(accounts: Accounts, bearer: Entity) -> Named | None:
    """A user's or role's permissions boundary, if it has one."""
    arns = records.targets(accounts, bearer, "boundary")
    return _managed(accounts, arns[0]) if arns else None


def _managed(accounts: Accounts, arn: str) -> Named:
    policy = find_policy(accounts, arn)
    if policy is None:  # no operation leaves such a link: an attached policy can't be deleted
        raise AwsError("ServiceFailure", f"the lab's records have no policy {arn}", 500)
    return Named(policy.name, default_document(policy))


def _is_of_aws(principal: Principal) -> bool:
    return principal.session is not None and _OF_AWS in principal.session.issuer


def _bearer(accounts: Accounts, principal: Principal) -> Entity:
    """The user or role whose policies count, or UnrecognizedClientException."""
    session = principal.session
    if principal.kind == "user":
        found = records.find(accounts, principal.account, "user", principal.name)
        unique_id = principal.unique_id
    elif session is not None:
        found, unique_id = _issuer(accounts, principal.account, session), session.issuer_id
    else:
        found, unique_id = None, ""
    if found is None or found.id != unique_id:
        raise _unknown()
    return found


def _issuer(accounts: Accounts, account: str, session: Session) -> Entity | None:
    kind, _, name = session.issuer.rpartition(":")[2].partition("/")
    name = name.rpartition("/")[2]
    return records.find(accounts, account, "role" if kind == "role" else "user", name)


def _session_policies(principal: Principal) -> tuple[Named, ...]:
    session = principal.session
    if session is None:
        return ()
    if not session.policies:
        return _NONE_GIVEN if principal.kind == "federated user" else ()
    name = principal.name.rpartition("/")[2]
    return tuple(Named(f"session policy of {name}", text) for text in session.policies)


def _tags(bearer: Entity, principal: Principal) -> Tags:
    passed = principal.session.tags if principal.session else ()
    hidden = {key.lower() for key, _ in passed}
    return (*passed, *((key, value) for key, value in bearer.tags if key.lower() not in hidden))


def _unknown() -> AwsError:
    return AwsError(
        "UnrecognizedClientException", "The security token included in the request is invalid."
    )
