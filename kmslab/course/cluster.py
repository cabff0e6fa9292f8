"""A CloudHSM cluster that one can hurt: remove HSMs, and see whether requests go on (lesson 13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import ClusterError
from kmslab.cloudhsm.key import Key
from kmslab.lab import Lab

PULL, DELETE, ADD, DAY = "Pull an HSM out", "DeleteHsm", "CreateHsm", "+1 day"
REQUESTS = 10  # that are sent after each step
TEXT = b"a request"


@dataclass(frozen=True, slots=True)
class Shown:
    """An HSM as the widget shows it."""

    hsm_id: str
    zone: str
    state: str
    has_key: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The cluster after a step, and how its requests went."""

    step: str
    hsms: tuple[Shown, ...]
    backups: int
    answered: int
    said: str  # of the first request that failed, or of the step itself

    @property
    def serving(self) -> int:
        """HSMs that serve."""
        return sum(each.state == "ACTIVE" for each in self.hsms)


class Hurt:
    """A cluster, a crypto user's program that uses one key of it, and what one does to it."""

    def __init__(self, lab: Lab, cli: CloudHsmCli, user: str, password: str, label: str) -> None:
        self._lab, self._cli, self._client = lab, cli, lab.client("cloudhsmv2")
        self._who, self._label = (user, password), label
        self._key = self._open()
        self._sealed = self._key.encrypt(TEXT)
        self._ways: Mapping[str, Callable[[], object]] = {
            PULL: self._pull,
            DELETE: self._delete,
            ADD: self._add,
            DAY: lambda: lab.clock.advance(days=1),
        }

    @property
    def ways(self) -> tuple[str, ...]:
        """What can be done."""
        return tuple(self._ways)

    def do(self, name: str) -> Picture:
        """Does one thing and sends requests; `ValueError` names what there is."""
        if name not in self._ways:
            raise ValueError(f"{name!r}: one of {', '.join(self._ways)} is due")
        refusal = ""
        try:
            self._ways[name]()
        except ClientError as error:
            refusal = "{Code}: {Message}".format(**error.response["Error"])
        except ClusterError as error:
            refusal = f"{type(error).__name__}: {error}"
        return self.look(name, refusal)

    def look(self, step: str = "", refusal: str = "") -> Picture:
        """The cluster as it is, after ten requests."""
        answered, said = self._send()
        shown = self._described()
        having = self._having()
        hsms = tuple(
            Shown(each["HsmId"], each["AvailabilityZone"], each["State"], each["HsmId"] in having)
            for each in shown["Hsms"]
            if each["State"] != "DELETE_IN_PROGRESS"
        )
        filters = {"clusterIds": [self._cli.cluster_id]}
        backups = len(self._client.describe_backups(Filters=filters)["Backups"])
        return Picture(step, hsms, backups, answered, refusal or said)

    def _send(self) -> tuple[int, str]:
        """How many of ten requests were answered, and the first refusal."""
        answered, said = 0, ""
        for _ in range(REQUESTS):
            try:
                answered += self._request() == TEXT
            except ClusterError as error:
                said = said or f"{type(error).__name__}: {error}"
        return answered, said

    def _request(self) -> bytes:
        """One request of the program, which logs in again where its session was lost."""
        try:
            return self._key.decrypt(self._sealed)
        except ClusterError:
            self._key = self._open()
            return self._key.decrypt(self._sealed)

    def _open(self) -> Key:
        session = self._cli.session(*self._who, check_availability=False)
        return session.get_key(label=self._label)

    def _having(self) -> tuple[str, ...]:
        try:
            return self._key.hsms
        except ClusterError:
            return ()

    def _described(self) -> dict[str, Any]:
        filters = {"clusterIds": [self._cli.cluster_id]}
        (shown,) = self._client.describe_clusters(Filters=filters)["Clusters"]
        return dict(shown)

    def _pull(self) -> None:
        """The oldest HSM that works is gone, and no backup is made."""
        for hsm_id, state in self._cli.hsms().items():
            if state == "ACTIVE":
                return self._cli.destroy(hsm_id)
        raise ClusterError("there is no HSM left to pull out")

    def _delete(self) -> None:
        """An HSM that doesn't work, else the oldest."""
        hsms = self._cli.hsms()
        broken = [hsm_id for hsm_id, state in hsms.items() if state == "DEGRADED"]
        for hsm_id in (*broken, *hsms):
            self._client.delete_hsm(ClusterId=self._cli.cluster_id, HsmId=hsm_id)
            return
        raise ClusterError("there is no HSM left to delete")

    def _add(self) -> None:
        """One more, in the zone that has the fewest, and the minutes that it takes."""
        shown = self._described()
        used = [each["AvailabilityZone"] for each in shown["Hsms"]]
        zone = min(sorted(shown["SubnetMapping"]), key=used.count)
        self._client.create_hsm(ClusterId=self._cli.cluster_id, AvailabilityZone=zone)
        self._lab.clock.advance(minutes=5)
