"""A counter of the calls that S3 makes to KMS, with and without a bucket key."""

from __future__ import annotations

import ipywidgets
import traitlets

from kmslab.course import bucket_calls_view
from kmslab.course.bucket_calls import ACTIONS, Counter
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured


class BucketCalls(Pictured):
    """Two buckets in a lab of their own; `value` is how often KMS was called for each of them.

    Each button puts or gets objects of both, moves the clock, or changes the caller. By code:
    `do("Put 10")`.
    """

    value = traitlets.Tuple(read_only=True)

    def __init__(self) -> None:
        self.counter = Counter()
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        self.buttons = {name: buttons.button(name, self.do) for name in ACTIONS}
        row = buttons.row("Both buckets", list(self.buttons.values()), "8em")
        super().__init__([row, self.view])
        self._show()

    def do(self, name: str) -> None:
        """Does what the button of this name does; `ValueError` names what there is."""
        self.counter.do(name)
        self._show()

    @property
    def text(self) -> str:
        """What was done last, by whom, and the calls of both buckets, in one line."""
        return bucket_calls_view.line(self.counter)

    def still(self) -> str:
        """The counts as they are now."""
        return str(self.view.value)

    def _show(self) -> None:
        self.set_trait("value", tuple(each.total for each in self.counter.counts))
        self.view.value = bucket_calls_view.page(self.counter)

    def __repr__(self) -> str:
        return f"<BucketCalls: {bucket_calls_view.line(self.counter)}>"
