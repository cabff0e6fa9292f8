"""The smallest change that would turn a denial: tried, not guessed.

Each proposal is put into the policies and decided again; only what did turn the answer is shown.
First what the request could bring (a condition that alone keeps an Allow from it, or that a Deny
wants); then the statements to add, one for each layer that keeps silent, and the Deny to take out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kmslab.iam import editing
from kmslab.iam.conditions import Condition
from kmslab.iam.decision import Decision, Layer, Lent, Outcome
from kmslab.iam.documents import Statement
from kmslab.iam.evaluate import decide, layers, seen_by
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request
from kmslab.iam.trace import Verdict, sieve
from kmslab.iam.variables import Lookup

MOST_STEPS = 6
_OF_CALLER = ("aws:principal", "aws:user")  # keys that a request can't choose
_OPPOSITE = {"true": "false", "false": "true"}


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
            free = editing.without(named, statement)
            if statement.allows:
                free = editing.joined(free, replace(statement, conditions=()))
            if editing.again(decision, layer, named, free).allowed:
                yield _otherwise(decision, layer, named.name, statement)


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
            elif name == "Lends on":
                yield f"lend on only {wanted}, which grant {grant.name[:8]}… lends"
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


def _otherwise(decision: Decision, layer: Layer, policy: str, statement: Statement) -> str:
    lookup = seen_by(layer, decision.request).lookup
    told = [each for each in statement.conditions if each.holds(lookup) is not statement.allows]
    wishes = [_wish(each, statement.allows, lookup) for each in told]
    is_caller = all(each.lookup_key.startswith(_OF_CALLER) for each in told)
    joint = " and " if statement.allows else " or "
    why = "wants it" if statement.allows else "spares that"
    who = "ask as a caller" if is_caller else "send a request"
    return f'{who} {joint.join(wishes)}: "{statement.name}" of {policy} {why}'


def _wish(condition: Condition, allows: bool, lookup: Lookup) -> str:
    """What a request would need: for an Allow the condition itself, for a Deny its opposite."""
    wanted = " or ".join(text.written for text in condition.wanted)
    has = _value(condition.seen(lookup))
    unknown = [text.written for text in condition.wanted if text.resolve(lookup) is None]
    told = f"it is {has}" if not unknown else f"it is {has}, and {unknown[0]} has no value here"
    name, operator = condition.name.removesuffix("IfExists"), condition.operator
    if name == "Bool" and not allows:
        return f"with {condition.key} = {_OPPOSITE.get(wanted.lower(), wanted)} ({told})"
    if operator is not None and not condition.over and (name.endswith("Equals") or name == "Bool"):
        word = "with" if operator.negated is not allows else "without"
        return f"{word} {condition.key} = {wanted} ({told})"
    holds = "true" if allows else "false"
    return f'for which "{condition.key} {condition.name} {wanted}" is {holds} ({told})'


def _value(values: tuple[str, ...] | None) -> str:
    return "absent" if values is None else ", ".join(values)


def _steps(decision: Decision) -> tuple[str, ...]:
    """Deny statements to take out and Allow statements to add, until the answer is yes."""
    steps = list[str]()
    while not decision.allowed and len(steps) < MOST_STEPS:
        if decision.outcome is Outcome.EXPLICIT:
            source = decision.sources[0]
            steps.append(f"take {source} out, which denies it")
            decision = editing.undenied(decision, source)
        else:
            layer = decision.layer
            steps.append(_advice(layer, decision))
            decision = decide(decision.request, editing.opened(decision, layer))
    return tuple(steps) if decision.allowed else ()


def _advice(layer: Layer, decision: Decision) -> str:
    request = decision.request
    what = f"allow {request.action}"
    if layer is Layer.RESOURCE:
        owner = "" if request.is_own else f" of account {request.resource_account}"
        return f"{what} to {editing.principal(request)} in the resource's own policy{owner}"
    if layer is Layer.IDENTITY:
        return f"{what} on {request.resource} in an IAM policy of {editing.principal(request)}"
    if layer is Layer.SCP:
        looks = [each for each in sieve(decision) if each.layer is layer]
        silent = [each.name for each in looks if each.verdict is Verdict.SILENT]
        return f"{what} in a {layer} of {' and '.join(silent)}"
    return f"{what} in the {layer}"
