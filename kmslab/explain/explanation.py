"""One explanation: the answer, the reason, the sieve of layers, what would turn it, the statements.

Plain text where there is no notebook, HTML in one. A typical one fits a screen: the statement that
decided stands first, then those that came near; statements about other actions are folded away.
"""

from __future__ import annotations

from functools import cached_property

from kmslab.explain import page
from kmslab.explain.page import Row
from kmslab.iam.change import Change, changes
from kmslab.iam.decision import Decision, Layer, Outcome
from kmslab.iam.trace import LayerLook, StatementLook, Verdict, sieve, statements

MOST_ROWS = 8
_HEAD = ("", "policy", "statement", "effect", "for whom", "action", "resource", "conditions")
_MARKS = {
    Verdict.DENIES: "✗",
    Verdict.ALLOWS: "✓",
    Verdict.DELEGATES: "◐",
    Verdict.SILENT: "○",
    Verdict.ABSENT: "○",
}
_HEADINGS = {
    Outcome.ALLOWED: "Allowed",
    Outcome.IMPLICIT: "Denied: nothing allows it",
    Outcome.EXPLICIT: "Denied: a Deny statement matches",
}


class Explanation:
    """Why a request got its answer. `decision`, `layers`, `statements` and `changes` are values."""

    def __init__(
        self, decisions: tuple[Decision, ...], note: str = "", *, is_locked: bool = False
    ) -> None:
        self._is_locked = is_locked
        self.decision = decisions[-1]
        self._before = decisions[:-1]
        self.note = note

    @property
    def allowed(self) -> bool:
        """Whether the request was allowed."""
        return self.decision.allowed

    @property
    def reason(self) -> str:
        """Why, in the words of AWS's messages."""
        return self.decision.reason

    @cached_property
    def layers(self) -> tuple[LayerLook, ...]:
        """The layers of policies, each with its verdict."""
        return sieve(self.decision)

    @cached_property
    def statements(self) -> tuple[StatementLook, ...]:
        """Every statement that was looked at, the deciding ones first."""
        return statements(self.decision)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What would turn a denial: each was tried, and did."""
        return () if self._is_locked else changes(self.decision)

    def _lines(self) -> list[str]:
        request = self.decision.request
        asked = [f"{each.request.action}: {each.outcome}, {each.reason}" for each in self._before]
        return [
            f"{page.short(request.caller.arn)} asks for {request.action} on {request.resource}",
            *([f"{self.note}"] if self.note else []),
            f"Why: {self.reason}.",
            *(f"Before that, {each}." for each in asked),
            "Layers: " + " → ".join(_layers(self.layers)),
            *(f"What would turn it: {each}." for each in self.changes),
        ]

    def _split(self) -> tuple[list[Row], list[Row]]:
        """The rows to show and those to fold; what stands on several levels stands once."""
        rows = [(_row(each), _is_near(each)) for each in self.statements]
        near = dict.fromkeys(row for row, is_near in rows if is_near)
        every = dict.fromkeys(row for row, _ in rows)
        shown = [*near][:MOST_ROWS] or [*every][:1]
        return shown, [row for row in every if row not in shown]

    @property
    def _heading(self) -> str:
        return _HEADINGS[self.decision.outcome]

    def __repr__(self) -> str:
        shown, folded = self._split()
        more = [f"… and {page.more(len(folded))}"] if folded else []
        table = page.as_text(_HEAD, shown) if shown else "no statements"
        return "\n".join([self._heading, *self._lines(), "", table, *more])

    def _repr_html_(self) -> str:
        shown, folded = self._split()
        return page.as_html(self._heading, self._lines(), _HEAD, shown, folded)


def _is_near(look: StatementLook) -> bool:
    """Whether a statement is about the action at all."""
    return look.decides or all(
        element.fits for element in look.elements if element.name.endswith("Action")
    )


def _layers(looks: tuple[LayerLook, ...]) -> list[str]:
    """The layers in words; levels of an organisation that all allow are one."""
    levels = [each for each in looks if each.layer is Layer.SCP]
    passed = [each for each in levels if each.verdict is Verdict.ALLOWS]
    if len(passed) < max(len(levels), 2):
        return [_layer(each) for each in looks]
    rest = [_layer(each) for each in looks if each.layer is not Layer.SCP]
    allows = f"{_MARKS[Verdict.ALLOWS]} allow on all {len(levels)} levels"
    return [f"service control policies {allows}", *rest]


def _layer(look: LayerLook) -> str:
    names = {Layer.SCP: f"{look.layer} {look.name}", Layer.RESOURCE: look.name}
    name = names.get(look.layer) or look.layer
    return f"{name} {_MARKS[look.verdict]} {look.verdict}"


def _row(look: StatementLook) -> Row:
    """One statement as cells; ✓ and ✗ say what fits."""
    cells = {"Principal": "", "Action": "", "Resource": ""}
    conditions = list[str]()
    for element in look.elements:
        mark = "✓" if element.fits else "✗"
        place = element.name.removeprefix("Not")
        if place in cells:
            negated = "all but " if element.name.startswith("Not") else ""
            cells[place] = f"{mark} {negated}{page.short(element.wanted)}"
        else:
            wanted = f"{element.key} {element.name} {element.wanted}".strip()
            conditions.append(f"{mark} {wanted}" + ("" if element.fits else f" ({element.asked})"))
    decides = "▶" if look.decides else ""
    policy = f"{look.layer}: {look.policy}" if look.layer is Layer.GRANT else look.policy
    names = (decides, policy, look.name, look.effect)
    return Row((*names, *cells.values(), "\n".join(conditions)), look.decides)
