"""A sieve of policy layers for a request that is put together: who, what, and with what."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
import traitlets

from kmslab.accounts.callers import Caller
from kmslab.course import layers, layers_view, style
from kmslab.course.widgets.pictured import Pictured
from kmslab.lab import Lab

Given = Mapping[str, object]
PLAIN: Mapping[str, Given] = {"nothing more": {}}


class PolicySieve(Pictured):
    """Lesson 08: `value`, or `who`, is who asks; `action` and `given` complete the request.

    Nothing is done: the lab says what it would answer, by its policies as they are now. *Ask again*
    looks again after they were changed.
    """

    value, action, given = traitlets.Unicode(), traitlets.Unicode(), traitlets.Unicode()

    def __init__(
        self,
        lab: Lab,
        key: str,
        who: Mapping[str, Caller],
        actions: Sequence[str],
        given: Mapping[str, Given] = PLAIN,
    ) -> None:
        self._lab, self._key = lab, key
        self._who, self._given = dict(who), dict(given)
        self._options = {"value": [*who], "action": [*actions], "given": [*given]}
        labels = {"value": "Who", "action": "Asks for", "given": "With"}
        self.choices = {name: self._choice(name, label) for name, label in labels.items()}
        self.again = ipywidgets.Button(description="Ask again", tooltip="Ask again")
        self.again.on_click(lambda _: self.ask())
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        row = ipywidgets.HBox(
            [*self.choices.values(), self.again], layout={"flex_flow": "row wrap"}
        )
        first = {name: options[0] for name, options in self._options.items()}
        super().__init__([row, self.view], **first)
        for name, choice in self.choices.items():
            traitlets.link((self, name), (choice, "value"))
        self.observe(lambda _: self.ask(), names=list(labels))
        self.ask()

    def ask(self) -> None:
        """Asks the lab, and shows the answer."""
        who, given = self._who[self.value], self._given[self.given]
        explained = self._lab.simulate(who, self.action, self._key, given)
        self.way = layers.fall(explained.decision)
        drawn = layers_view.picture(self.way, self._asked)
        # In ipywidgets' HTML a wide picture widens the words too: this keeps them in sight.
        self.view.value = (
            f'<div style="width:0;min-width:100%"><div style="color:{style.INK};'
            f'background:{style.PAPER};padding:0.3em 0.8em;line-height:1.4;max-width:860px">'
            f'<p style="overflow-wrap:anywhere">{html.escape(self.text)}</p>{drawn.html()}'
            "</div></div>"
        )

    @property
    def who(self) -> str:
        """Who asks: another name of `value`."""
        return str(self.value)

    @who.setter
    def who(self, name: str) -> None:
        self.value = name

    @property
    def text(self) -> str:
        """Who asks for what, what came of it, and why, in one line."""
        return f"{self._asked}: {self.way.outcome}"

    def still(self) -> str:
        """The request as it is now."""
        return str(self.view.value)

    @property
    def _asked(self) -> str:
        more = f", {self.given}" if self._given[self.given] else ""
        return f"{self.value} asks for {self.action}{more}"

    def _choice(self, name: str, label: str) -> ipywidgets.Dropdown:
        return ipywidgets.Dropdown(
            options=self._options[name],
            description=label,
            layout={"width": "auto", "max_width": "98%"},
            style={"description_width": "initial"},
        )

    @traitlets.validate("value", "action", "given")
    def _known(self, proposal: Mapping[str, Any]) -> str:
        name, options = str(proposal["value"]), self._options[proposal["trait"].name]
        if name not in options:
            raise ValueError(f"{name!r}: one of {', '.join(options)} is due")
        return name

    def __repr__(self) -> str:
        return f"<PolicySieve: {self.value} asks for {self.action}>"
