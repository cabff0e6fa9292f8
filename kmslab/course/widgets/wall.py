"""The HSM's wall: choose a way and the key's attributes, and see what the HSM answers."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import traitlets

from kmslab.course import wall, wall_view
from kmslab.course.wall import Wall
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured
from kmslab.hsm.guided.own import Hsm


class HsmWall(Pictured):
    """Lesson 12: `value` is the way that is tried, and `flags` the key's attributes.

    Every answer is the HSM's. By code: `do("careful")` sets the attributes, `do("copy")` goes a
    way. With the keyboard: Tab, Space on the check boxes and buttons, arrow keys in the open list.
    """

    value = traitlets.Unicode(wall.READ)
    flags = traitlets.Dict(per_key_traits={name: traitlets.Bool() for name in wall.FLAGS})

    def __init__(self, hsm: Hsm) -> None:
        self._wall = Wall(hsm)
        self.choice = ipywidgets.Dropdown(
            options=list(wall.WAYS),
            description="Try to",
            layout={"width": "24em", "max_width": "98%"},
            style={"description_width": "initial"},
        )
        self.boxes = {name: self._box(name) for name in wall.FLAGS}
        self.buttons = {name: buttons.button(name, self.do) for name in wall.PRESETS}
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        rows = [
            self.choice,
            ipywidgets.HBox(list(self.boxes.values()), layout={"flex_flow": "row wrap"}),
            buttons.row("All at once", self.buttons.values(), "6em"),
        ]
        super().__init__([*rows, self.view], flags=dict(wall.PRESETS[wall.CARELESS]))
        traitlets.link((self, "value"), (self.choice, "value"))
        for name, box in self.boxes.items():
            box.value = self.flags[name]
            box.observe(self._ticked, "value")
        self._go()

    def do(self, name: str) -> None:
        """Sets the attributes of this name, or goes this way; `ValueError` names what there is."""
        if name in wall.PRESETS:
            self.flags = dict(wall.PRESETS[name])
        elif name in wall.WAYS:
            self.value = name
        else:
            there = ", ".join([*wall.PRESETS, *wall.WAYS])
            raise ValueError(f"{name!r}: one of {there} is due")

    @property
    def text(self) -> str:
        """Whose key it was, what was tried, and what came of it, in one line."""
        return f"{wall.name_of(self.flags)} key | {wall_view.said(self.tried)}"

    def still(self) -> str:
        """The wall as it is now."""
        return str(self.view.value)

    @traitlets.validate("value")
    def _known(self, proposal: Mapping[str, str]) -> str:
        if proposal["value"] not in wall.WAYS:
            ways = ", ".join(wall.WAYS)
            raise ValueError(f"value={proposal['value']!r}: one of {ways} is due")
        return proposal["value"]

    @traitlets.validate("flags")
    def _whole(self, proposal: Mapping[str, Mapping[str, bool]]) -> dict[str, bool]:
        given = proposal["value"]
        unknown = [name for name in given if name not in wall.FLAGS]
        if unknown:
            raise ValueError(f"{unknown[0]!r}: one of {', '.join(wall.FLAGS)} is due")
        return {name: given.get(name, each) for name, each in {**self.flags, **given}.items()}

    @traitlets.observe("value")
    def _chosen(self, _: object) -> None:
        if self.flags:
            self._go()

    @traitlets.observe("flags")
    def _set(self, _: object) -> None:
        for name, box in self.boxes.items():
            if name in self.flags:
                box.unobserve(self._ticked, "value")
                box.value = self.flags[name]
                box.observe(self._ticked, "value")
        if hasattr(self, "tried"):
            self._go()

    def _ticked(self, _: object) -> None:
        self.flags = {name: box.value for name, box in self.boxes.items()}

    def _go(self) -> None:
        self.tried = self._wall.go(self.value, self.flags)
        self.view.value = wall_view.page(self.tried)

    def _box(self, name: str) -> ipywidgets.Checkbox:
        box = ipywidgets.Checkbox(description=name, indent=False, tooltip=wall.meaning(name))
        box.layout.width = "auto"
        return box

    def __repr__(self) -> str:
        return f"<HsmWall: {self.text}>"
