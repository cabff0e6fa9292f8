"""A story in steps: what each step is called, says and shows. No browser needed."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name in the list, a sentence or two, and what makes the HTML that shows it."""

    name: str
    text: str
    shown: Callable[[], str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Story:
    """Steps in order; `kmslab.course.widgets.stepper` makes a widget of it."""

    title: str
    steps: Sequence[Step]

    def step(self, number: int) -> Step:
        """The step with this number, from 1; `ValueError` names the numbers that there are."""
        if not 1 <= number <= len(self.steps):
            raise ValueError(f"step {number}: {self.title!r} has steps 1 to {len(self.steps)}")
        return self.steps[number - 1]

    def line(self, number: int) -> str:
        """A step in one line of text."""
        step = self.step(number)
        return f"{number} of {len(self.steps)} · {step.name}: {step.text}"

    def html(self, number: int) -> str:
        """A step as HTML: what it says, and below that what it shows."""
        step = self.step(number)
        return (
            '<p style="max-width:56em;margin:0.6em 0">'
            f"<b>{number} {html.escape(step.name)}.</b> {html.escape(step.text)}</p>{step.shown()}"
        )
