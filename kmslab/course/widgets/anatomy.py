"""The anatomy of a ciphertext: choose a byte, flip a bit of it, and see what KMS says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import traitlets

from kmslab.course import anatomy_view
from kmslab.course.anatomy import Anatomy
from kmslab.course.widgets.pictured import Pictured


class CiphertextAnatomy(Pictured):
    """A blob, part by part; `value` is the chosen byte, from 0, and `flipped` whether to flip it.

    With the keyboard: arrow up and down in the number field, Space on the check box.
    """

    value = traitlets.Int(0)
    flipped = traitlets.Bool(False)

    def __init__(self, kms: Any, blob: bytes, context: Mapping[str, str] | None = None) -> None:
        self.anatomy = Anatomy(kms, blob, context or {})
        last = len(blob) - 1
        self.field = ipywidgets.BoundedIntText(0, min=0, max=last, description="Byte")
        self.field.style.description_width, self.field.layout.width = "initial", "8em"
        self.box = ipywidgets.Checkbox(False, description="Flip one bit of it", indent=False)
        self.box.layout.width = "12em"
        self.view = ipywidgets.HTML()
        reach = ipywidgets.Label(f"0 to {last}", layout={"min_width": "5em"})
        super().__init__([ipywidgets.HBox([self.field, reach, self.box]), self.view])
        traitlets.link((self, "value"), (self.field, "value"))
        traitlets.link((self, "flipped"), (self.box, "value"))
        self._show()

    @property
    def text(self) -> str:
        """What the widget says now, in one line."""
        return self.anatomy.line(self.value, self.flipped)

    def still(self) -> str:
        """The figure, and each part with what a flipped bit in it comes to."""
        return anatomy_view.still(self.anatomy)

    @traitlets.validate("value")
    def _known(self, proposal: Mapping[str, int]) -> int:
        self.anatomy.part(proposal["value"])
        return proposal["value"]

    @traitlets.observe("value", "flipped")
    def _changed(self, _change: object) -> None:
        self._show()

    def _show(self) -> None:
        self.view.value = anatomy_view.live(self.anatomy, self.value, self.flipped)

    def __repr__(self) -> str:
        return f"<CiphertextAnatomy of {len(self.anatomy.blob)} bytes>"
