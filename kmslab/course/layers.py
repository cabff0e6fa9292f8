"""The layers of policies as a sieve through which a request falls, and the layer that stops it.

What each layer says is the evaluator's (`kmslab.iam.trace.sieve`). Here it becomes what a reader
wants to see: which layers the request passes, which one stops it, and which were not needed. For a
key of another account the two accounts stand side by side, since both have to let it pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kmslab.iam.decision import Decision, Layer, Outcome
from kmslab.iam.trace import LayerLook, Verdict, sieve

_KEYS_SIDE = (Layer.RCP, Layer.RESOURCE, Layer.GRANT)  # the other layers belong to the caller
_SILENT = (Verdict.SILENT, Verdict.ABSENT)
_NAMES = {
    Layer.RCP: "resource control policies",
    Layer.RESOURCE: "key policy",
    Layer.IDENTITY: "identity policies",
    Layer.GRANT: "grants",
}
_SAYS = {
    Verdict.DENIES: "a Deny fits",
    Verdict.ALLOWS: "allowed",
    Verdict.DELEGATES: "left to the account",
    Verdict.SILENT: "nothing allows it",
    Verdict.ABSENT: "there are none",
}
_NO_DENY = "nothing against it"  # resource control policies only deny


class State(StrEnum):
    """What becomes of a request at a layer."""

    PASSES = "passes"
    STOPS = "stops here"
    UNNEEDED = "not needed"
    UNREACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Step:
    """One layer on the way of a request."""

    layer: Layer
    title: str
    says: str
    state: State

    def __str__(self) -> str:
        return f"{self.title}: {self.says}, {self.state}"


@dataclass(frozen=True, slots=True)
class Side:
    """The layers of one account, from the top; or of the one account that both belong to."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Fall:
    """The whole way of a request: is there a Deny that fits, and then one side, or two."""

    sides: tuple[Side, ...]
    stops: tuple[Step, ...]  # where it is stopped, the deciding layer first
    is_denied_by_statement: bool  # by a Deny that fits: then nothing else was asked
    allowed: bool
    reason: str

    @property
    def outcome(self) -> str:
        """What came of it, without its subject: "denied at the key policy, because …"."""
        if self.allowed:
            return self.reason
        first, *more = (step.title for step in self.stops)
        also = f" (and stopped at the {' and the '.join(more)})" if more else ""
        return f"denied at the {first}, {self.reason}{also}"

    @property
    def deny(self) -> str:
        """Whether a Deny fits, in words."""
        if self.is_denied_by_statement:
            return f"A Deny fits, in the {self.stops[0].title}"
        return "No Deny fits, in any layer"

    @property
    def told(self) -> str:
        """Every layer, in words."""
        sides = (f"{side.title}: {'; '.join(map(str, side.steps))}." for side in self.sides)
        return " ".join((f"{self.deny}.", *sides))


def fall(decision: Decision) -> Fall:
    """How a request fell that was decided so."""
    denied = decision.outcome is Outcome.EXPLICIT
    sides = tuple(_sides(decision))
    stops = [step for side in sides for step in side.steps if step.state is State.STOPS]
    stops.sort(key=lambda step: step.layer is not decision.layer)
    return Fall(sides, tuple(stops), denied, decision.allowed, decision.reason)


def _sides(decision: Decision) -> Iterator[Side]:
    request, looks = decision.request, sieve(decision)
    if request.is_own or request.caller.is_service:
        yield _side(f"Account {request.resource_account}", decision, looks)
        return
    theirs = [look for look in looks if look.layer not in _KEYS_SIDE]
    keys = [look for look in looks if look.layer in _KEYS_SIDE]
    yield _side(f"The caller's account {request.caller.account}", decision, theirs)
    yield _side(f"The key's account {request.resource_account}", decision, keys)


def _side(title: str, decision: Decision, looks: Sequence[LayerLook]) -> Side:
    count = sum(look.layer is Layer.SCP for look in looks)
    steps = list[Step]()
    for number, look in enumerate(looks):
        stopped = any(step.state is State.STOPS for step in steps)
        state = _state(decision, look, looks, stopped=stopped)
        steps.append(Step(look.layer, _title(look, number, count), _says(look), state))
    return Side(title, tuple(steps))


def _title(look: LayerLook, number: int, levels: int) -> str:
    """A layer by the name that lessons have for it."""
    if look.layer is not Layer.SCP:
        return _NAMES.get(look.layer, str(look.layer))
    place = {0: "organisation", levels - 1: "account"}.get(number, "unit")
    return f"SCPs of the {place}"


def _says(look: LayerLook) -> str:
    open_ = look.layer is Layer.RCP and look.verdict is Verdict.ALLOWS
    return _NO_DENY if open_ else _SAYS[look.verdict]


def _state(
    decision: Decision, look: LayerLook, looks: Sequence[LayerLook], *, stopped: bool
) -> State:
    if decision.outcome is Outcome.EXPLICIT:
        return State.STOPS if look.verdict is Verdict.DENIES else State.UNREACHED
    if stopped:
        return State.UNREACHED
    if look.verdict not in _SILENT:
        return State.PASSES
    return State.STOPS if _is_missed(decision, look, looks) else State.UNNEEDED


def _is_missed(decision: Decision, look: LayerLook, looks: Sequence[LayerLook]) -> bool:
    """Whether a silent layer keeps the request from going on."""
    if decision.allowed:
        return False
    if decision.request.is_own or decision.request.caller.is_service:
        return look.layer is decision.layer
    lent = any(each.layer is Layer.GRANT and each.verdict not in _SILENT for each in looks)
    return look.layer is not Layer.GRANT and not (look.layer is Layer.RESOURCE and lent)
