"""A loan to live with: buttons for the clinic, its laboratory, a thief, and the lab's clock."""

from __future__ import annotations

import ipywidgets
import traitlets

from kmslab.course import loan, loan_view
from kmslab.course.loan import Loan
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured

_ROWS = {
    "Clinic": (loan.LEND, loan.REVOKE),
    "Laboratory": (loan.USE, loan.USE_EARLY, loan.USE_ELSEWHERE, loan.RETIRE),
    "Thief": (loan.STEAL,),
    "Lab": (*loan.CLOCK, loan.NEW_KEY),
}


class GrantLife(Pictured):
    """A real grant, in a lab of its own; `value` is what it is: made, in force, ended.

    Each button is one call of KMS, or a step of the clock. By code: `do("Use with token")`.
    """

    value = traitlets.Unicode(read_only=True)

    def __init__(self) -> None:
        self.loan = Loan()
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        self.buttons = {
            name: buttons.button(name, self.do) for names in _ROWS.values() for name in names
        }
        super().__init__([*(self._row(name, names) for name, names in _ROWS.items()), self.view])
        self._show()

    def do(self, name: str) -> None:
        """Does what the button of this name does; `ValueError` names what there is."""
        self.loan.do(name)
        self._show()

    @property
    def text(self) -> str:
        """What was done last, and the grant's state, in one line."""
        return loan_view.line(self.loan.moments, self.loan.waits())

    def still(self) -> str:
        """The loan as it is now."""
        return str(self.view.value)

    def _row(self, name: str, names: tuple[str, ...]) -> ipywidgets.HBox:
        return buttons.row(name, [self.buttons[each] for each in names], "6em")

    def _show(self) -> None:
        self.set_trait("value", self.loan.state)
        self.view.value = loan_view.page(self.loan.moments, self.loan.waits())

    def __repr__(self) -> str:
        return f"<GrantLife: {self.value}>"
