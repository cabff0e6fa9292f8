"""Policies with one thing changed, and the decision anew: what proposals are tried with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kmslab.iam.decision import Decision, Layer, Level, Named, Policies, Source
from kmslab.iam.documents import Kind, Policy, Statement, compiled
from kmslab.iam.evaluate import decide, layers
from kmslab.iam.request import Request

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


def undenied(decision: Decision, source: Source) -> Decision:
    """The decision without the Deny statement that decided."""
    for layer, named in layers(decision.request, decision.policies):
        if source.statement in named.policy.denies and (layer, named.name) == (
            source.layer,
            source.name,
        ):
            return again(decision, layer, named, without(named, source.statement))
    return decision


def opened(decision: Decision, layer: Layer) -> Policies:
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
        more = _named({**statement, "Principal": {kind: principal(request)}}, "resource")
    return _changed(policies, layer, more if old is None else joined(old, *more.policy.allows))


def again(decision: Decision, layer: Layer, old: Named, new: Named) -> Decision:
    """The decision with one policy in place of another."""
    kept = getattr(decision.policies, _FIELDS[layer])
    changed = _changed(decision.policies, layer, _swapped(kept, old, new))
    return decide(decision.request, changed)


def without(named: Named, statement: Statement | None) -> Named:
    """A policy with one statement less."""
    policy = named.policy
    return Named(
        named.name,
        Policy(
            tuple(each for each in policy.denies if each is not statement),
            tuple(each for each in policy.allows if each is not statement),
        ),
    )


def joined(named: Named, *statements: Statement) -> Named:
    """A policy with some Allow statements more."""
    policy = named.policy
    return Named(named.name, Policy(policy.denies, (*policy.allows, *statements)))


def principal(request: Request) -> str:
    """The caller as a policy would best name it: a role session by its role."""
    found = request.lookup("aws:principalarn")
    return found[0] if found else request.caller.arn


def _changed(policies: Policies, layer: Layer, value: Any) -> Policies:
    return replace(policies, **{_FIELDS[layer]: value})


def _named(statement: Mapping[str, Any], kind: Kind) -> Named:
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Named("the change", compiled(document, kind))


def _swapped(kept: object, old: Named, new: Named) -> object:
    if isinstance(kept, tuple):
        return tuple(_swapped(each, old, new) for each in kept)
    return new if kept is old else kept
