"""What every widget of the course is: a box of widgets that brings a still picture of itself.

A widget's bundle carries the picture as HTML beside the live view. A notebook is committed with the
picture alone, so that it never opens with "model not found"; running the cell brings the widget.
"""

from __future__ import annotations

from typing import Any

import ipywidgets


class Pictured(ipywidgets.VBox):
    """A box of widgets that has a still picture and a short name in text."""

    def still(self) -> str:
        """HTML for readers who have not run the cell."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": repr(self), "text/html": self.still()}
