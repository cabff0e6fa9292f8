"""The policy playground: edit a key policy, choose who asks for what, and see the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets
import traitlets

from kmslab.accounts.callers import Caller
from kmslab.course import playground_view
from kmslab.course.playground import ACTIONS, Playground, read_context, written_context
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured
from kmslab.lab import Lab

_MONOSPACE = "<style>.kmslab-policy textarea{font-family:monospace;line-height:1.3}</style>"
_WIDE = {"width": "98%"}
_ROWS = 18


class _Context(traitlets.Unicode[str, Any]):
    """An encryption context as a text, "dept=heart, patient=17"; also given as a dict."""

    def validate(self, obj: Any, value: Any) -> Any:
        text = written_context(value) if isinstance(value, Mapping) else value
        return super().validate(obj, text)


class PolicyPlayground(Pictured):
    """A key policy to edit: `value` is its text, and what it answers to `who`, `action`, `context`.

    It answers when a field is left, and when Ask is pressed; nothing is saved before Save is.
    """

    value = traitlets.Unicode()
    who = traitlets.Unicode()
    action = traitlets.Unicode(ACTIONS[0])
    context = _Context()

    def __init__(self, lab: Lab, key: str, callers: Iterable[Caller]) -> None:
        self.playground = Playground(lab, key, callers)
        self.said = ""
        self.fields = self._fields()
        self.buttons = {
            "Ask": buttons.button("Ask", lambda _: self.ask()),
            "Save (PutKeyPolicy)": buttons.button("Save (PutKeyPolicy)", lambda _: self.save()),
            "Start again": buttons.button("Start again", lambda _: self.start()),
        }
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        rows = [
            ipywidgets.HBox(list(each), layout={"flex_flow": "row wrap"})
            for each in (list(self.fields.values())[1:], self.buttons.values())
        ]
        super().__init__([self.fields["value"], *rows, self.view])
        self.who, self.value = next(iter(self.playground.callers)), self.playground.saved()
        for name, field in self.fields.items():
            traitlets.link((self, name), (field, "value"))
        self.ask()

    def ask(self) -> None:
        """Asks once more."""
        self.said = ""
        self._show()

    def save(self) -> None:
        """Calls PutKeyPolicy with the policy, as the lab's admin."""
        self.said = f"PutKeyPolicy: {self.playground.save(self.value)}"
        self._show()

    def start(self) -> None:
        """Brings the key's own policy back."""
        self.value = self.playground.saved()
        self.ask()

    @property
    def text(self) -> str:
        """What was saved, the question, the answer and the reason, in one line."""
        return " | ".join(filter(None, (self.said, self.answer.line)))

    def still(self) -> str:
        """The answer to the present question."""
        return playground_view.page(self.answer, self.said)

    def _fields(self) -> dict[str, ipywidgets.DOMWidget]:
        near: dict[str, Any] = {"style": {"description_width": "initial"}}
        policy = ipywidgets.Textarea(
            description="Key policy", rows=_ROWS, continuous_update=False, layout=_WIDE, **near
        )
        policy.add_class("kmslab-policy")
        return {
            "value": policy,
            "who": ipywidgets.Dropdown(
                options=list(self.playground.callers), description="Who asks", **near
            ),
            "action": ipywidgets.Dropdown(options=ACTIONS, description="For what", **near),
            "context": ipywidgets.Text(
                description="Encryption context",
                placeholder="dept=heart",
                continuous_update=False,
                **near,
            ),
        }

    @traitlets.validate("who", "action", "context")
    def _known(self, proposal: Mapping[str, Any]) -> str:
        name, value = proposal["trait"].name, str(proposal["value"])
        known = {"who": tuple(self.playground.callers), "action": ACTIONS}.get(name)
        if known is not None and value not in known:
            raise ValueError(f"{name}={value!r}: one of {', '.join(known)} is due")
        return value

    @traitlets.observe("value", "who", "action", "context")
    def _changed(self, _change: object) -> None:
        self.ask()

    def _show(self) -> None:
        context = self.context
        try:
            read_context(context)
        except ValueError as error:
            self.said, context = f"{error}. Asked without one:", ""
        self.answer = self.playground.ask(self.value, self.who, self.action, context)
        self.view.value = _MONOSPACE + playground_view.page(self.answer, self.said)

    def __repr__(self) -> str:
        return f"<PolicyPlayground: {self.answer.asked}>"
