"""A pile of key material to make higher: rotate, wait, encrypt one more."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

import ipywidgets
import traitlets
from botocore.exceptions import ClientError

from kmslab.course import pile, style
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured
from kmslab.lab import Lab

_ROTATION_SECONDS = 30  # that RotateKeyOnDemand takes


class RotationPile(Pictured):
    """The generations of a symmetric KMS key of the lab; `value` is the number of the current one.

    Each button is one call of KMS, or a year. By code: `do("Rotate now")`.
    """

    value = traitlets.Int(read_only=True)

    def __init__(self, lab: Lab, key: str, blobs: Mapping[str, bytes]) -> None:
        self._lab, self._kms, self._key = lab, lab.client("kms"), key
        self.blobs = dict(blobs)
        self.error = ""
        self._ways: dict[str, Callable[[], object]] = {
            "Rotate now": self._rotate,
            "+1 year": lambda: lab.clock.advance(days=365),
            "Encrypt one more": self._encrypt,
        }
        self.buttons = {name: buttons.button(name, self.do) for name in self._ways}
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        label = ipywidgets.Label("Key", layout={"min_width": "3em"})
        row = ipywidgets.HBox([label, *self.buttons.values()], layout={"flex_flow": "row wrap"})
        super().__init__([row, self.view])
        self._read()
        self._show()

    def do(self, name: str) -> None:
        """Does what the button of this name does; `ValueError` names what there is."""
        if name not in self._ways:
            raise ValueError(f"{name!r}: one of {', '.join(self._ways)} is due")
        self.error = ""
        for step in (self._ways[name], self._read):
            try:
                step()
            except ClientError as error:
                self.error = "{Code}: {Message}".format(**error.response["Error"])
        self._show()

    @property
    def text(self) -> str:
        """The pile in one line, after the last error if there was one."""
        return " | ".join(filter(None, (self.error, pile.line(self._generations))))

    def still(self) -> str:
        """The pile as it is now."""
        return str(self.view.value)

    def _rotate(self) -> None:
        self._kms.rotate_key_on_demand(KeyId=self._key)
        self._lab.clock.advance(seconds=_ROTATION_SECONDS)

    def _encrypt(self) -> None:
        name = f"letter {len(self.blobs) + 1}"
        answer = self._kms.encrypt(KeyId=self._key, Plaintext=name.encode())
        self.blobs[name] = answer["CiphertextBlob"]

    def _read(self) -> None:
        self._generations = pile.read(self._kms, self._key, self.blobs)

    def _show(self) -> None:
        self.set_trait("value", next(e.number for e in self._generations if e.current))
        error = (
            f'<p style="color:{style.INK};background:{style.PAPER};padding:0.3em 0.8em;'
            f'border-left:6px solid {style.DENIED}">{html.escape(self.error)}</p>'
        )
        self.view.value = (error if self.error else "") + pile.table(self._generations)

    def __repr__(self) -> str:
        return f"<RotationPile: {pile.line(self._generations)}>"
