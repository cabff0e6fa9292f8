"""How a decision came about: every policy, statement, element and condition that was looked at.

The evaluator stops at the first element that doesn't fit. The trace asks the same elements the same
questions and doesn't stop, so that a reader sees all that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from kmslab.iam.conditions import Condition
from kmslab.iam.decision import Decision, Layer, Named, Policies
from kmslab.iam.documents import Statement
from kmslab.iam.evaluate import controls, first, grant_side, layers, resource_side, seen_by
from kmslab.iam.principals import Way
from kmslab.iam.request import Request

_MISSING = "(none)"


class Verdict(StrEnum):
    """What a layer says of a request."""

    DENIES = "denies"
    ALLOWS = "allows"
    DELEGATES = "lets the account decide"
    SILENT = "is silent"
    ABSENT = "is not there"


_VERDICTS = {
    Way.NONE: Verdict.SILENT,
    Way.ACCOUNT: Verdict.DELEGATES,
    Way.ROLE: Verdict.ALLOWS,
    Way.DIRECT: Verdict.ALLOWS,
}


@dataclass(frozen=True, slots=True)
class ElementLook:
    """One element or condition of a statement, and what the request has to say to it."""

    name: str  # Principal, Action, Resource, or a condition's operator
    wanted: str  # by the policy
    asked: str  # of the request
    fits: bool
    key: str = ""  # of a condition


@dataclass(frozen=True, slots=True)
class StatementLook:
    """One statement: it applies if all its elements fit. A grant looks like one too."""

    layer: Layer
    policy: str
    name: str
    effect: str
    elements: tuple[ElementLook, ...]
    decides: bool
    statement: Statement | None = None

    @property
    def misses(self) -> int:
        """How many elements don't fit."""
        return sum(not element.fits for element in self.elements)


@dataclass(frozen=True, slots=True)
class LayerLook:
    """One layer as a whole: a sieve that the request has to pass."""

    layer: Layer
    name: str
    verdict: Verdict


def statements(decision: Decision) -> tuple[StatementLook, ...]:
    """Every statement that was looked at: those that decided first, then the nearest misses."""
    deciding = {(source.layer, source.name, source.statement) for source in decision.sources}
    found = [
        _statement(decision, layer, named, each, (layer, named.name, each) in deciding)
        for layer, named in layers(decision.request, decision.policies)
        for each in named.policy.statements
    ]
    lent = [_grant(decision, number) for number in range(len(decision.policies.grants))]
    order = sorted([*found, *lent], key=_rank)
    return tuple(order)


def sieve(decision: Decision) -> tuple[LayerLook, ...]:
    """Every layer with its verdict, in the order in which a request passes them."""
    request, policies = decision.request, decision.policies
    looks = [
        LayerLook(Layer.SCP, f"level {number}", _level(request, level))
        for layer, levels in controls(request, policies)
        if layer is Layer.SCP
        for number, level in enumerate(levels, start=1)
    ]
    if policies.rcps:
        denied = any(_denies(named, request) for level in policies.rcps for named in level)
        looks.append(LayerLook(Layer.RCP, "", Verdict.DENIES if denied else Verdict.ALLOWS))
    if policies.endpoint:
        looks.append(LayerLook(Layer.ENDPOINT, "", _level(request, (policies.endpoint,))))
    looks += _sides(request, policies)
    return tuple(looks)


def _sides(request: Request, policies: Policies) -> Iterator[LayerLook]:
    yield LayerLook(Layer.RESOURCE, _name(policies.resource), _resource(request, policies))
    if policies.grants:
        yield LayerLook(Layer.GRANT, "", _VERDICTS[grant_side(request, policies)[0]])
    identity = _level(request, policies.identity)
    rooted = request.caller.is_root and identity is not Verdict.DENIES
    yield LayerLook(Layer.IDENTITY, "", Verdict.ALLOWS if rooted else identity)
    if policies.boundary:
        yield LayerLook(
            Layer.BOUNDARY, policies.boundary.name, _level(request, (policies.boundary,))
        )
    if policies.session:
        yield LayerLook(Layer.SESSION, "", _level(request, policies.session))


def _name(named: Named | None) -> str:
    return named.name if named else ""


def _level(request: Request, level: tuple[Named, ...]) -> Verdict:
    if any(_denies(named, request) for named in level):
        return Verdict.DENIES
    if not level:
        return Verdict.ABSENT
    allowed = any(first(named.policy.allows, request)[1] for named in level)
    return Verdict.ALLOWS if allowed else Verdict.SILENT


def _resource(request: Request, policies: Policies) -> Verdict:
    if policies.resource is None:
        return Verdict.ABSENT
    seen, bounded = request.in_resource, policies.boundary is not None
    if first(policies.resource.policy.denies, seen, deny=True, bounded=bounded)[1]:
        return Verdict.DENIES
    return _VERDICTS[resource_side(request, policies)[0]]


def _denies(named: Named, request: Request) -> bool:
    return first(named.policy.denies, request, deny=True)[1] is not None


def _rank(look: StatementLook) -> tuple[bool, bool, int, bool]:
    about = next((each.fits for each in look.elements if each.name.endswith("Action")), True)
    return not look.decides, not about, look.misses, look.effect != "Deny"


def _statement(
    decision: Decision, layer: Layer, named: Named, statement: Statement, decides: bool
) -> StatementLook:
    request = decision.request
    seen = seen_by(layer, request)
    return StatementLook(
        layer=layer,
        policy=named.name,
        name=statement.name,
        effect="Allow" if statement.allows else "Deny",
        elements=tuple(_elements(statement, seen, decision.policies.boundary is not None)),
        decides=decides,
        statement=statement,
    )


def _elements(statement: Statement, request: Request, bounded: bool) -> Iterator[ElementLook]:
    principal = statement.principal
    if principal is not None:
        way = principal.way(request.caller, deny=not statement.allows, bounded=bounded)
        name = "NotPrincipal" if principal.negated else "Principal"
        yield ElementLook(name, ", ".join(principal.written), request.caller.arn, bool(way))
    for element, asked, name in (
        (statement.action, request.action, "Action"),
        (statement.resource, request.resource, "Resource"),
    ):
        if element is None:
            yield ElementLook(name, _MISSING, asked, fits=False)
        else:
            wanted = ", ".join(element.written)
            compared = request.action_name if name == "Action" else asked
            yield ElementLook(element.name, wanted, asked, element.fits(compared, request.lookup))
    yield from (_condition(each, request) for each in statement.conditions)


def _condition(condition: Condition, request: Request) -> ElementLook:
    values = condition.seen(request.lookup)
    return ElementLook(
        name=condition.name,
        wanted=", ".join(text.written for text in condition.wanted),
        asked=_MISSING if values is None else ", ".join(values),
        fits=condition.holds(request.lookup),
        key=condition.key,
    )


def _grant(decision: Decision, number: int) -> StatementLook:
    request, grant = decision.request, decision.policies.grants[number]
    elements = tuple(ElementLook(*look) for look in grant.looks(request))
    decides = any(
        source.layer is Layer.GRANT and source.name == grant.name for source in decision.sources
    )
    return StatementLook(Layer.GRANT, f"{grant.name[:8]}…", "", "Allow", elements, decides)
