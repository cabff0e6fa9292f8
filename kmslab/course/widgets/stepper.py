"""A stepper: a story to walk through, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import traitlets

from kmslab.course.stepper import Story
from kmslab.course.widgets.pictured import Pictured


class Stepper(Pictured):
    """A story to walk through; `value` is the step, from 1.

    With the mouse: Back and Next. With the keyboard: arrow up and down in the field between. (A
    number field, because JupyterLab takes the arrow keys away from lists and radio buttons, and
    ipywidgets' slider has no name that a screen reader could say.)
    """

    value = traitlets.Int(1)

    def __init__(self, story: Story) -> None:
        self.story = story
        last = len(story.steps)
        self.field = ipywidgets.BoundedIntText(1, min=1, max=last, description="Step")
        self.field.style.description_width, self.field.layout.width = "initial", "8em"
        self.back = ipywidgets.Button(description="Back", icon="arrow-left")
        self.forth = ipywidgets.Button(description="Next", icon="arrow-right")
        self.back.layout.width = self.forth.layout.width = "7em"
        self.view = ipywidgets.HTML()
        row = ipywidgets.HBox(
            [
                self.back,
                self.field,
                ipywidgets.Label(f"of {last}", layout={"min_width": "3em"}),
                self.forth,
            ]
        )
        super().__init__([row, self.view])
        traitlets.link((self, "value"), (self.field, "value"))
        self.back.on_click(lambda _: self._go(-1))
        self.forth.on_click(lambda _: self._go(1))
        self._show(1)

    @property
    def text(self) -> str:
        """What the present step says, in one line."""
        return self.story.line(self.value)

    def still(self) -> str:
        """The last step: the whole picture."""
        return self.story.html(len(self.story.steps))

    @traitlets.validate("value")
    def _known(self, proposal: Mapping[str, int]) -> int:
        self.story.step(proposal["value"])
        return proposal["value"]

    @traitlets.observe("value")
    def _moved(self, change: Mapping[str, int]) -> None:
        self._show(change["new"])

    def _go(self, by: int) -> None:
        self.value = min(max(self.value + by, 1), len(self.story.steps))

    def _show(self, number: int) -> None:
        # In ipywidgets' HTML a wide picture widens the words too: this keeps them in sight.
        self.view.value = f'<div style="width:0;min-width:100%">{self.story.html(number)}</div>'

    def __repr__(self) -> str:
        return f"<Stepper {self.story.title!r}, {len(self.story.steps)} steps>"
