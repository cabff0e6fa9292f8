"""Rows of buttons, each of which does what its name says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ipywidgets


def button(name: str, do: Callable[[str], object]) -> ipywidgets.Button:
    """A button that calls `do` with its name."""
    made = ipywidgets.Button(description=name, tooltip=name)
    made.layout.width = "auto"
    made.on_click(lambda _: do(name))
    return made


def row(name: str, buttons: Iterable[ipywidgets.Button], width: str) -> ipywidgets.HBox:
    """Buttons beside the name of whoever presses them, which is `width` wide."""
    label = ipywidgets.Label(name, layout={"min_width": width})
    return ipywidgets.HBox([label, *buttons], layout={"flex_flow": "row wrap"})
