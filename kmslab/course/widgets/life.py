"""A key to live with: buttons for what its owner and time do to it."""

from __future__ import annotations

import ipywidgets
import traitlets
from IPython.utils.capture import capture_output

from kmslab.course import life_view
from kmslab.course.life import CLOCK, NEW_KEY, OPERATIONS, Life
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured
from kmslab.lab import Lab


class KeyLife(Pictured):
    """A real key of the lab, with material of its owner's; `value` is its state.

    Each button is one call of KMS, or a step of the lab's clock. By code: `do("DisableKey")`.
    """

    value = traitlets.Unicode(read_only=True)

    def __init__(self, lab: Lab) -> None:
        with capture_output():  # the line that says that an RSA key pair is made
            self.life = Life(lab)
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        self.buttons = {name: buttons.button(name, self.do) for name in self.life.names}
        rows = [
            self._row("KMS", OPERATIONS),
            self._row("Lab", (*CLOCK, NEW_KEY)),
        ]
        super().__init__([*rows, self.view])
        self._show()

    def do(self, name: str) -> None:
        """Does what the button of this name does; `ValueError` names what there is."""
        with capture_output():
            self.life.do(name)
        self._show()

    @property
    def text(self) -> str:
        """What was done last, the state, and what time will bring, in one line."""
        return life_view.line(self.value, self.life.last, self._ahead)

    def still(self) -> str:
        """The key as it is now."""
        return str(self.view.value)

    def _row(self, name: str, names: tuple[str, ...]) -> ipywidgets.HBox:
        return buttons.row(name, [self.buttons[each] for each in names], "3em")

    def _show(self) -> None:
        self._ahead = self.life.ahead()
        self.set_trait("value", self.life.state)
        self.view.value = life_view.page(self.value, self.life.last, self._ahead, self.life.now)

    def __repr__(self) -> str:
        return f"<KeyLife: {self.value}>"
