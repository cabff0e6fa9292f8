"""A trail to look through, by who, what, which key, when, and refused or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
import traitlets

from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.trail import Trail
from kmslab.course import timeline, timeline_picture, timeline_view
from kmslab.course.timeline import Wanted
from kmslab.course.widgets.pictured import Pictured

_CHOICES = {"who": "Who", "event": "Event", "key": "Key"}
_ALL = {"who": "everybody", "event": "every event", "key": "every key"}
_TEXTS = {"start": "From", "end": "Until", "chosen": "Whole #"}
_HINTS = {"start": "2026-01-05 09:00", "end": "2026-01-05 17:00", "chosen": "see the table"}


class TrailTimeline(Pictured):
    """Events over time, a line for each caller; `value` is what is looked for.

    By code: `value = {"who": "alice", "refused": True}`; what is not named is everything. `found`
    is the trail of the events that fit, and `text` says it in a line.
    """

    value = traitlets.Any()

    def __init__(self, trail: Sequence[Event], keys: Mapping[str, str] | None = None) -> None:
        self._trail, self._rows = trail, timeline.rows(trail, keys)
        self._names = timeline.names(self._rows)
        self._busy, self.problem = False, ""
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        self.controls: dict[str, Any] = {
            **{name: self._choice(name) for name in _CHOICES},
            "refused": ipywidgets.Checkbox(description="refused only", indent=False),
            **{name: self._text(name) for name in _TEXTS},
        }
        self.controls["refused"].layout.width = "auto"
        for control in self.controls.values():
            control.observe(self._changed, "value")
        row = ipywidgets.HBox(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        super().__init__([row, self.view])
        self.value = {}
        self._show()

    @property
    def found(self) -> Trail:
        """The events that fit."""
        return Trail([self._trail[row.number] for row in self._found])

    @property
    def text(self) -> str:
        """How many events fit, how many of them were refused, and by whom they are."""
        return timeline_view.line(self._found, len(self._rows))

    def still(self) -> str:
        """The timeline as it is now."""
        return str(self.view.value)

    @traitlets.validate("value")
    def _whole(self, proposal: Mapping[str, Any]) -> dict[str, Any]:
        wanted = Wanted.of(proposal["value"])
        for name in _CHOICES:
            given, known = getattr(wanted, name), self._names[name]
            if given and given not in known:
                raise ValueError(f"{name}={given!r}: one of {', '.join(known)} is due")
        timeline.between(wanted)
        if wanted.chosen is not None and not 0 <= wanted.chosen < len(self._rows):
            raise ValueError(f"chosen={wanted.chosen}: the events are 0 to {len(self._rows) - 1}")
        return wanted.as_dict()

    @traitlets.observe("value")
    def _set(self, change: Mapping[str, Any]) -> None:
        self._busy = True
        for name, control in self.controls.items():
            given = change["new"][name]
            control.value = "" if given is None else str(given) if name in _TEXTS else given
        self._busy, self.problem = False, ""
        self._show()

    def _changed(self, _: object) -> None:
        """Takes what the controls say; where that is no time or number, says so."""
        if self._busy:
            return
        given = {name: control.value for name, control in self.controls.items()}
        self.problem = ""
        try:
            given["chosen"] = timeline.place(given["chosen"])
            self.value = given
        except ValueError as error:
            self.problem = str(error)
        self._show()

    def _show(self) -> None:
        wanted = Wanted.of(self.value)
        self._found = timeline.select(self._rows, wanted)
        between = timeline.span(self._rows, wanted)
        shown = [
            timeline_view.problem(self.problem),
            timeline_picture.picture(self._found, wanted, between).html(),
            timeline_view.table(self._found),
        ]
        if wanted.chosen is not None:
            shown.append(timeline_view.whole(wanted.chosen, self._trail[wanted.chosen]))
        self.view.value = f'<div style="width:0;min-width:100%">{"".join(shown)}</div>'

    def _choice(self, name: str) -> ipywidgets.Dropdown:
        options = [(_ALL[name], ""), *((each, each) for each in self._names[name])]
        return ipywidgets.Dropdown(
            options=options,
            description=_CHOICES[name],
            style={"description_width": "3.5em"},
            layout={"width": "15em"},
        )

    def _text(self, name: str) -> ipywidgets.Text:
        return ipywidgets.Text(
            description=_TEXTS[name],
            placeholder=_HINTS[name],
            continuous_update=False,
            style={"description_width": "4.5em"},
            layout={"width": "15em"},
        )

    def __repr__(self) -> str:
        return f"<TrailTimeline of {len(self._rows):,} events>"
