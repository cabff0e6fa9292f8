"""The smallest change that would turn a denial: tried, not guessed.

Each proposal is put into the policies and decided again; only what did turn the answer is shown.
First what the request could bring (a condition that alone keeps an Allow from it, or that a Deny
wants); then the statements to add, one for each layer that keeps silent, and the Deny to take out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kmslab.iam.conditions import Condition
from kmslab.iam.decision import Decision, Layer, Lent, Level, Named, Outcome, Policies, Source
from kmslab.iam.documents import Kind, Policy, Statement, compiled
from kmslab.iam.evaluate import decide, layers
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request

MOST_STEPS = 6
_LEVELS = (Layer.IDENTITY, Layer.SESSION)
_FIELDS = {
    Layer.RESOURCE: "resource",
    Layer.ENDPOINT: "endpoint",
    Layer.BOUNDARY: "boundary",
    Layer.IDENTITY: "identity",
    Layer.SESSION: "session",
    Layer.SCP: "scps",
    Layer.RCP: "rcps",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What to do: all the steps together turn the answer."""

    steps: tuple[str, ...]

    def __str__(self) -> str:
        return "; and ".join(self.steps)


def changes(decision: Decision) -> tuple[Change, ...]:
    """Changes of which each turns a denial; none for what is allowed, or where none does."""
    if decision.allowed:
        return ()
    steps = _steps(decision)
    found = [*_by_grant(decision), *_by_request(decision)]
    by_request = (Change((text,)) for text in dict.fromkeys(found))
    return (*by_request, *((Change(steps),) if steps else ()))


def _by_request(decision: Decision) -> Iterator[str]:
    """Conditions that would have to be otherwise, and nothing else."""
    for layer, named in layers(decision.request, decision.policies):
        for statement in named.policy.statements:
            if not statement.conditions:
                continue
            free = _without(named, statement)
            if statement.allows:
                free = _with(free, replace(statement, conditions=()))
            if _again(decision, layer, named, free).allowed:
                yield _otherwise(decision, layer, statement)


def _by_grant(decision: Decision) -> Iterator[str]:
    """Grants that lend it but for one thing: they aren't in force yet, or a constraint fails."""
    policies = decision.policies
    for grant in policies.grants:
        unfit = [look for look in grant.looks(decision.request) if not look[3]]
        free = replace(policies, grants=(_Free(grant),))
        if len(unfit) == 1 and decide(decision.request, free).allowed:
            name, wanted, *_ = unfit[0]
            if name == "In force":
                yield f"show the token of grant {grant.name[:8]}…, which is in force {wanted}"
            elif name == "Constraints":
                yield f"send a request that fits {wanted}, as grant {grant.name[:8]}… wants"


@dataclass(frozen=True, slots=True)
class _Free:
    """A grant without its constraints."""

    grant: Lent

    @property
    def name(self) -> str:
        """The same name."""
        return self.grant.name

    def way(self, caller: Caller) -> Way:
        """The same grantee."""
        return self.grant.way(caller)

    def covers(self, _request: Request) -> bool:
        """Whatever is asked."""
        return True

    def looks(self, request: Request) -> tuple[tuple[str, str, str, bool], ...]:
        """As the grant has them."""
        return self.grant.looks(request)


def _otherwise(decision: Decision, layer: Layer, statement: Statement) -> str:
    request = decision.request
    lookup = (request.in_resource if layer is Layer.RESOURCE else request).lookup
    told = [
        f"{each.key} {_relation(each)} (it is {_value(each.seen(lookup))})"
        for each in statement.conditions
        if each.holds(lookup) is not statement.allows
    ]
    told_of = f'{" and ".join(told)}, which "{statement.name}" of the {layer}'
    if statement.allows:
        return f"send a request with {told_of} wants"
    return f"send a request without {told_of} denies"


def _relation(condition: Condition) -> str:
    wanted = " or ".join(text.written for text in condition.wanted)
    return f"= {wanted}" if "equals" in condition.name.lower() else f"{condition.name} {wanted}"


def _value(values: tuple[str, ...] | None) -> str:
    return "absent" if values is None else ", ".join(values)


def _steps(decision: Decision) -> tuple[str, ...]:
    """Deny statements to take out and Allow statements to add, until the answer is yes."""
    steps = list[str]()
    while not decision.allowed and len(steps) < MOST_STEPS:
        if decision.outcome is Outcome.EXPLICIT:
            source = decision.sources[0]
            steps.append(f"take {source} out, which denies it")
            decision = _undenied(decision, source)
        else:
            layer = decision.layer
            steps.append(_advice(layer, decision.request))
            decision = decide(decision.request, _opened(decision, layer))
    return tuple(steps) if decision.allowed else ()


def _undenied(decision: Decision, source: Source) -> Decision:
    for layer, named in layers(decision.request, decision.policies):
        if source.statement in named.policy.denies and (layer, named.name) == (
            source.layer,
            source.name,
        ):
            return _again(decision, layer, named, _without(named, source.statement))
    return decision


def _advice(layer: Layer, request: Request) -> str:
    what = f"allow {request.action}"
    if layer is Layer.RESOURCE:
        owner = "" if request.is_own else f" of account {request.resource_account}"
        return f"{what} to {_principal(request)} in the resource's own policy{owner}"
    if layer is Layer.IDENTITY:
        return f"{what} on {request.resource} in an IAM policy of {_principal(request)}"
    return f"{what} in the {layer}"


def _opened(decision: Decision, layer: Layer) -> Policies:
    """The policies with one statement more, in the layer that kept silent."""
    request, policies = decision.request, decision.policies
    statement = {"Effect": "Allow", "Action": request.action, "Resource": request.resource}
    if layer is Layer.SCP:
        more = _named(statement, "identity")
        return replace(policies, scps=tuple((*level, more) for level in policies.scps))
    if layer in _LEVELS:
        level: Level = getattr(policies, _FIELDS[layer])
        return _changed(policies, layer, (*level, _named(statement, "identity")))
    old: Named | None = getattr(policies, _FIELDS[layer])
    if layer is Layer.BOUNDARY:
        more = _named(statement, "identity")
    else:
        kind = "Service" if request.caller.is_service else "AWS"
        more = _named({**statement, "Principal": {kind: _principal(request)}}, "resource")
    return _changed(policies, layer, more if old is None else _with(old, *more.policy.allows))


def _changed(policies: Policies, layer: Layer, value: Any) -> Policies:
    return replace(policies, **{_FIELDS[layer]: value})


def _named(statement: Mapping[str, Any], kind: Kind) -> Named:
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Named("the change", compiled(document, kind))


def _principal(request: Request) -> str:
    """The caller as a policy would best name it: a role session by its role."""
    found = request.lookup("aws:principalarn")
    return found[0] if found else request.caller.arn


def _without(named: Named, statement: Statement | None) -> Named:
    policy = named.policy
    return Named(
        named.name,
        Policy(
            tuple(each for each in policy.denies if each is not statement),
            tuple(each for each in policy.allows if each is not statement),
        ),
    )


def _with(named: Named, *statements: Statement) -> Named:
    policy = named.policy
    return Named(named.name, Policy(policy.denies, (*policy.allows, *statements)))


def _again(decision: Decision, layer: Layer, old: Named, new: Named) -> Decision:
    """The decision with one policy in place of another."""
    kept = getattr(decision.policies, _FIELDS[layer])
    changed = _changed(decision.policies, layer, _swapped(kept, old, new))
    return decide(decision.request, changed)


def _swapped(kept: object, old: Named, new: Named) -> object:
    if isinstance(kept, tuple):
        return tuple(_swapped(each, old, new) for each in kept)
    return new if kept is old else kept
