"""KMS logged in to CloudHSM clusters as kmsuser: one session a key store and process.

A session is only in memory. Another process that opens the lab logs in for itself, with the
password from the records, as the same owner; and one whose session ended, because connecting set a
new password elsewhere, does so again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from kmslab.cloudhsm.errors import ClusterError, ClusterNotFound, NotLoggedIn

if TYPE_CHECKING:
    from kmslab.cloudhsm.access import ClusterView, KeyStoreSession
    from kmslab.kms.stores.records import KeyStore

USER, OWNER = "kmsuser", "kms"
Result = TypeVar("Result")


class Clusters(Protocol):
    """The clusters of a lab, as KMS needs them: see cloudhsm/access.py."""

    def find(self, cluster_id: str) -> ClusterView:
        """A cluster, or `ClusterNotFound`."""
        ...

    def login(
        self, cluster_id: str, user: str, password: str, *, owner: str = "kms"
    ) -> KeyStoreSession:
        """A session of a crypto user."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Holds the clusters' lock."""
        ...


class Connections:
    """What KMS holds in memory of its key stores."""

    def __init__(self, clusters: Clusters | None = None) -> None:
        self.clusters = clusters
        self._sessions: dict[str, tuple[KeyStoreSession, dict[str, str]]] = {}

    def find(self, cluster_id: str) -> ClusterView:
        """A cluster as KMS sees it; `ClusterNotFound`."""
        return self._access().find(cluster_id)

    def alone(self) -> AbstractContextManager[None]:
        """Holds the clusters' lock: see locking.py."""
        return nullcontext() if self.clusters is None else self.clusters.alone()

    def log_in(self, store: KeyStore, password: str) -> KeyStoreSession:
        """Logs in to a store's cluster, for this process; the errors of `Access.login`."""
        self.log_out(store.store_id)
        session = self._access().login(store.cluster_id, USER, password, owner=OWNER)
        self._sessions[store.store_id] = session, {}
        return session

    def use(
        self,
        store: KeyStore,
        password: Callable[[], str],
        work: Callable[[KeyStoreSession, dict[str, str]], Result],
    ) -> Result:
        """Lets `work` use the store's session, and the handles of keys it found before."""
        for again in (True, False):
            if store.store_id not in self._sessions:
                self.log_in(store, password())
            try:
                return work(*self._sessions[store.store_id])
            except NotLoggedIn:
                self.log_out(store.store_id)
                if not again:
                    raise
        raise AssertionError("a second try returns or raises")

    def log_out(self, store_id: str) -> None:
        """Ends this process's session of a store, if there is one."""
        session, _ = self._sessions.pop(store_id, (None, None))
        if session is not None:
            with suppress(ClusterError):
                session.logout()

    def keep_only(self, connected: Callable[[str], bool]) -> None:
        """Ends the sessions of stores that another process disconnected."""
        for store_id in list(self._sessions):
            if not connected(store_id):
                self.log_out(store_id)

    def close(self) -> None:
        """Ends all sessions of this process."""
        self.keep_only(lambda _: False)

    def _access(self) -> Clusters:
        if self.clusters is None:
            raise ClusterNotFound("this lab has no clusters")
        return self.clusters
