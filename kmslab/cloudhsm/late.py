"""CloudHSM as a lab holds it: nothing of it is loaded before somebody asks for a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel

from kmslab.aws.call import Answer, Call, Service
from kmslab.kms.request import Rooms

if TYPE_CHECKING:
    from kmslab.cloudhsm.access import Access, ClusterView, KeyStoreSession
    from kmslab.cloudhsm.admin import CloudHsmCli
    from kmslab.cloudhsm.estate import Estate


class Clusters:
    """The clusters of a lab: as a service, for users, and for KMS."""

    def __init__(
        self, folder: Path, rooms: Rooms, kms: Service, load: Callable[[str], ServiceModel]
    ) -> None:
        self._folder, self._rooms, self._kms, self._load = folder, rooms, kms, load

    def __call__(self, call: Call) -> Answer:
        """Answers a call of boto3's `cloudhsmv2`."""
        return self._service(call)

    def cli(self, cluster_id: str) -> CloudHsmCli:
        """A client of one cluster."""
        from kmslab.cloudhsm.admin import CloudHsmCli

        return CloudHsmCli(self._estate, cluster_id)

    def find(self, cluster_id: str) -> ClusterView:
        """`Access.find`."""
        return self.access.find(cluster_id)

    def login(self, cluster_id: str, user: str, password: str, **more: Any) -> KeyStoreSession:
        """`Access.login`."""
        return self.access.login(cluster_id, user, password, **more)

    def alone(self) -> AbstractContextManager[None]:
        """`Estate.alone`, for who will ask a cluster inside a transaction."""
        return self._estate.alone()

    @cached_property
    def access(self) -> Access:
        """The clusters as KMS needs them."""
        from kmslab.cloudhsm.access import Access

        return Access(self._estate)

    def close(self) -> None:
        """Switches off the HSMs that were switched on."""
        if "_estate" in vars(self):
            self._estate.close()

    @cached_property
    def _estate(self) -> Estate:
        from kmslab.cloudhsm.estate import Estate

        return Estate(self._folder, self._rooms.store, self._rooms.settings)

    @cached_property
    def _service(self) -> Service:
        from kmslab.cloudhsm.service import cloudhsm

        return cloudhsm(self._estate, self._kms, self._rooms, self._load)
