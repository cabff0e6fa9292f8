"""A progress bar for work on files."""

from __future__ import annotations

import html

import ipywidgets

from kmslab.course.widgets.pictured import Pictured


class Progress(Pictured):
    """A bar for long work: pass it as `progress` to `encrypt_file` or `decrypt_file`."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar = ipywidgets.IntProgress(
            description=what, max=100, style={"description_width": "initial"}
        )
        self.bar.layout.width = "28em"
        self.numbers = ipywidgets.Label()
        super().__init__([self.bar, self.numbers])

    def __call__(self, done: int, total: int | None) -> None:
        """Shows how far it is; `done` and `total` in bytes. Without a total the bar stays."""
        percent = 100 * done // total if total else 100
        if percent == self.bar.value and done != total:
            return  # a message to the browser for each percent, not for each frame
        self.bar.value = percent
        self.numbers.value = f"{done / 2**20:,.0f} MiB" + (
            f" of {total / 2**20:,.0f} MiB" if total else ""
        )

    def still(self) -> str:
        """A line that says what will be here."""
        return f"<em>{html.escape(self.what)}: a progress bar, when the cell runs.</em>"

    def __repr__(self) -> str:
        return f"<Progress {self.what!r}>"
