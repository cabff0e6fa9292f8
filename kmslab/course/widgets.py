"""The widgets that lessons show: a stepper for stories, and a progress bar.

A widget's bundle carries a still picture as HTML beside the live view. A notebook is committed
with the picture alone, so that it never opens with "model not found"; running the cell brings the
widget.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import ipywidgets
import traitlets

from kmslab.course import flow, holders
from kmslab.course.stepper import Story
from kmslab.envelope import Header


class _Pictured(ipywidgets.VBox):
    """A box of widgets that has a still picture and a short name in text."""

    def still(self) -> str:
        """HTML for readers who have not run the cell."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": repr(self), "text/html": self.still()}


class Stepper(_Pictured):
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
        self.view.value = self.story.html(number)

    def __repr__(self) -> str:
        return f"<Stepper {self.story.title!r}, {len(self.story.steps)} steps>"


class Progress(_Pictured):
    """A bar for long work: pass it as `progress` to `encrypt_file` or `decrypt_file`."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar = ipywidgets.IntProgress(
            description=what, max=100, style={"description_width": "initial"}
        )
        self.bar.layout.width = "28em"
        self.numbers = ipywidgets.Label()
        super().__init__([self.bar, self.numbers])

    def __call__(self, done: int, total: int | None) -> None:
        """Shows how far it is; `done` and `total` in bytes. Without a total the bar stays."""
        percent = 100 * done // total if total else 100
        if percent == self.bar.value and done != total:
            return  # a message to the browser for each percent, not for each frame
        self.bar.value = percent
        self.numbers.value = f"{done / 2**20:,.0f} MiB" + (
            f" of {total / 2**20:,.0f} MiB" if total else ""
        )

    def still(self) -> str:
        """A line that says what will be here."""
        return f"<em>{html.escape(self.what)}: a progress bar, when the cell runs.</em>"

    def __repr__(self) -> str:
        return f"<Progress {self.what!r}>"


def data_key_holders(data_key: Mapping[str, Any], data: bytes, sealed: bytes) -> Stepper:
    """Lesson 05: who holds what, from GenerateDataKey's answer, the data and its ciphertext."""
    return Stepper(holders.story(data_key, data, sealed))


def encryption_flow(header: Header, size: int, name: str = "X-ray") -> Stepper:
    """Lesson 06: the encryption flow of a file that `encrypt_file` wrote."""
    return Stepper(flow.story(header, size, name))
