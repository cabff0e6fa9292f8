"""The decision: from a request and the policies that apply, in AWS's order.

    1  a Deny that matches, in any policy                      → explicitly denied
    2  every level of service control policies, and the policy of a VPC endpoint, has to allow
    3  the resource's own policy allows
         this caller itself, or a grant does                   → allowed
         its role: boundary and session policy have to allow   → allowed
    4  an identity-based policy allows, and boundary and session policy do
         for a KMS key, or a role to be assumed: only if its own policy lets the account decide
         for another account's resource: only if the resource's side (3) allows too
    5  otherwise                                               → implicitly denied

Resource control policies deny only: RCPFullAWSAccess is attached everywhere. The account's root
user has every right in its account that step 1, 2 and a key's own policy leave it. Service-linked
roles are outside organisations' policies, services outside service control policies.
Sources: IAM User Guide, "How AWS enforcement code logic evaluates requests …", "Cross-account
policy evaluation logic"; KMS Developer Guide, "Key policies", "Troubleshooting key access".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kmslab.iam.decision import Decision, Layer, Level, Named, Outcome, Policies, Source
from kmslab.iam.documents import Statement
from kmslab.iam.principals import Way
from kmslab.iam.request import Request

Side = tuple[Way, Source | None]  # how a side allows the caller, and what does
_NOBODY: Side = (Way.NONE, None)
_NOT_FOR_RCPS = "kms:retiregrant"  # "Resource control policies in AWS KMS": no effect on it


def decide(request: Request, policies: Policies) -> Decision:
    """Whether the request is allowed, and what says so."""
    bounded = policies.boundary is not None
    for layer, named in layers(request, policies):
        seen = seen_by(layer, request)
        statement = first(named.policy.denies, seen, deny=True, bounded=bounded)[1]
        if statement is not None:
            source = Source(layer, named.name, statement)
            return Decision(request, policies, Outcome.EXPLICIT, layer, (source,))
    found = _unopened(request, policies) or _allowing(request, policies)
    if isinstance(found, Layer):
        return Decision(request, policies, Outcome.IMPLICIT, found)
    return Decision(request, policies, Outcome.ALLOWED, found[0].layer, found)


def seen_by(layer: Layer, request: Request) -> Request:
    """The request as a layer sees it: a resource's own policy may see fewer condition keys."""
    return request.in_resource if layer is Layer.RESOURCE else request


def layers(request: Request, policies: Policies) -> Iterator[tuple[Layer, Named]]:
    """Every policy that the request has to pass, with its layer."""
    for layer, levels in controls(request, policies):
        yield from ((layer, named) for level in levels for named in level)
    for layer, one in (
        (Layer.ENDPOINT, policies.endpoint),
        (Layer.RESOURCE, policies.resource),
        (Layer.BOUNDARY, policies.boundary),
    ):
        if one is not None:
            yield layer, one
    yield from ((Layer.IDENTITY, named) for named in policies.identity)
    yield from ((Layer.SESSION, named) for named in policies.session)


def applies(statement: Statement, request: Request) -> bool:
    """Whether action, resource and conditions of a statement fit; its principal is not asked."""
    action, resource, lookup = statement.action, statement.resource, request.lookup
    return (
        action is not None
        and resource is not None
        and action.fits(request.action_name, lookup)
        and resource.fits(request.resource, lookup)
        and all(condition.holds(lookup) for condition in statement.conditions)
    )


def first(
    statements: Iterable[Statement], request: Request, *, deny: bool = False, bounded: bool = False
) -> tuple[Way, Statement | None]:
    """The statement that applies and names the caller most directly, and how it names it."""
    found: tuple[Way, Statement | None] = (Way.NONE, None)
    for statement in statements:
        principal = statement.principal
        way = (
            Way.DIRECT
            if principal is None
            else principal.way(request.caller, deny=deny, bounded=bounded)
        )
        if way > found[0] and applies(statement, request):
            found = way, statement
            if way is Way.DIRECT or deny:
                break
    return found


def controls(request: Request, policies: Policies) -> Iterator[tuple[Layer, tuple[Level, ...]]]:
    """The organisations' policies that concern this caller and this action."""
    if request.caller.is_linked:
        return
    if not request.caller.is_service:
        yield Layer.SCP, policies.scps
    if request.action_name != _NOT_FOR_RCPS:
        yield Layer.RCP, policies.rcps


def _unopened(request: Request, policies: Policies) -> Layer | None:
    """The layer of step 2 that keeps silent, if one does."""
    for layer, levels in controls(request, policies):
        if layer is Layer.SCP and not all(_allows(level, request) for level in levels):
            return layer
    if policies.endpoint is not None and not _allows((policies.endpoint,), request):
        return Layer.ENDPOINT
    return None


def _allowing(request: Request, policies: Policies) -> tuple[Source, ...] | Layer:
    """What allows the request, the deciding source first; or the layer that keeps silent."""
    way, by_resource = resource_side(request, policies)
    lent_as, by_grant = grant_side(request, policies)
    silent = _silent(request, policies)
    own = request.is_own or request.caller.is_service
    if by_resource and own and (way is Way.DIRECT or (way is Way.ROLE and silent is None)):
        return (by_resource,)
    if by_grant and lent_as > Way.ACCOUNT:
        return (by_grant,)
    side = by_resource or by_grant
    if side is None and (request.is_rooted or not own):
        return Layer.RESOURCE
    by_identity = _identity(request, policies)
    if by_identity is None and not (way is Way.ROLE and own):
        return Layer.IDENTITY
    if silent is not None or by_identity is None:
        return silent or Layer.IDENTITY
    return (by_identity, side) if side else (by_identity,)


def resource_side(request: Request, policies: Policies) -> Side:
    """The statement of the resource's own policy that names the caller most directly."""
    named = policies.resource
    if named is None:
        return _NOBODY
    way, statement = first(named.policy.allows, request.in_resource)
    return (way, Source(Layer.RESOURCE, named.name, statement)) if statement else _NOBODY


def grant_side(request: Request, policies: Policies) -> Side:
    """The grant that lends most directly what is asked for."""
    found = _NOBODY
    for grant in policies.grants:
        way = grant.way(request.caller)
        if way > found[0] and grant.covers(request):
            found = way, Source(Layer.GRANT, grant.name)
    return found


def _identity(request: Request, policies: Policies) -> Source | None:
    if request.caller.is_root:
        return Source(Layer.IDENTITY, "every right of the account's root user")
    return _allowed_by(Layer.IDENTITY, policies.identity, request)


def _silent(request: Request, policies: Policies) -> Layer | None:
    """Boundary or session policy, if there is one and it doesn't allow the request."""
    if policies.boundary and not _allows((policies.boundary,), request):
        return Layer.BOUNDARY
    if policies.session and not _allows(policies.session, request):
        return Layer.SESSION
    return None


def _allows(level: Level, request: Request) -> bool:
    return any(first(named.policy.allows, request)[1] is not None for named in level)


def _allowed_by(layer: Layer, level: Level, request: Request) -> Source | None:
    for named in level:
        statement = first(named.policy.allows, request)[1]
        if statement is not None:
            return Source(layer, named.name, statement)
    return None
