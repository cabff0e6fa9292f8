"""The map of key families with a list of needs: choose one, and see the key for it."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import traitlets

from kmslab.course import families, families_map
from kmslab.course.widgets.pictured import Pictured


class KeyFamilies(Pictured):
    """Lesson 02: `value` is the name of a need, such as "letters".

    With the keyboard: Tab to the list, Space opens it, arrow keys and Enter choose. (JupyterLab
    takes the arrow keys away from a list that is not open.)
    """

    value = traitlets.Unicode("records")

    def __init__(self) -> None:
        self.needs = ipywidgets.Dropdown(
            options=[(each.wish, name) for name, each in families.NEEDS.items()],
            description="I want to",
            layout={"width": "38em", "max_width": "98%"},
            style={"description_width": "initial"},
        )
        self.view = ipywidgets.HTML()
        super().__init__([self.needs, self.view])
        traitlets.link((self, "value"), (self.needs, "value"))
        self._show(self.value)

    @property
    def call(self) -> str:
        """The call that makes the key for the present need."""
        return families.need(self.value).call

    @property
    def text(self) -> str:
        """The present need and its key in one line."""
        chosen = families.need(self.value)
        by = " or ".join(chosen.algorithms)
        return f"To {chosen.wish}: {chosen.spec} for {chosen.usage}, by {by}"

    def still(self) -> str:
        """The map without a path, and all needs in a table."""
        return families_map.overview()

    @traitlets.validate("value")
    def _known(self, proposal: Mapping[str, str]) -> str:
        families.need(proposal["value"])
        return proposal["value"]

    @traitlets.observe("value")
    def _chosen(self, change: Mapping[str, str]) -> None:
        self._show(change["new"])

    def _show(self, name: str) -> None:
        # In ipywidgets' HTML a wide picture widens the words too: this keeps them in sight.
        self.view.value = f'<div style="width:0;min-width:100%">{families_map.card(name)}</div>'

    def __repr__(self) -> str:
        return f"<KeyFamilies, {len(families.NEEDS)} needs>"
