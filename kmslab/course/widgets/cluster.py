"""A cluster one can hurt: pull HSMs out, watch requests go on, make new ones."""

from __future__ import annotations

import ipywidgets
import traitlets

from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.course import cluster_view
from kmslab.course.cluster import Hurt
from kmslab.course.widgets import buttons
from kmslab.course.widgets.pictured import Pictured
from kmslab.lab import Lab


class HurtCluster(Pictured):
    """Lesson 13: `value` is how many HSMs serve. After each step, ten requests are sent.

    By code: `do("Pull an HSM out")`. With the keyboard: Tab, and Space on a button.
    """

    value = traitlets.Int(read_only=True)

    def __init__(self, lab: Lab, cli: CloudHsmCli, user: str, password: str, label: str) -> None:
        self._hurt = Hurt(lab, cli, user, password, label)
        self.picture = self._hurt.look()
        self.buttons = {name: buttons.button(name, self.do) for name in self._hurt.ways}
        self.view = ipywidgets.HTML(layout={"width": "100%"})
        super().__init__([buttons.row("Cluster", self.buttons.values(), "5em"), self.view])
        self._show()

    def do(self, name: str) -> None:
        """Does what the button of this name does; `ValueError` names what there is."""
        self.picture = self._hurt.do(name)
        self._show()

    @property
    def text(self) -> str:
        """The cluster and its requests in one line."""
        return cluster_view.line(self.picture)

    def still(self) -> str:
        """The cluster as it is now."""
        return str(self.view.value)

    def _show(self) -> None:
        self.set_trait("value", self.picture.serving)
        self.view.value = cluster_view.page(self.picture)

    def __repr__(self) -> str:
        return f"<HurtCluster: {self.text}>"
