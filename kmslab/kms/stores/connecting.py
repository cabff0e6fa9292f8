"""ConnectCustomKeyStore and DisconnectCustomKeyStore: they begin, and the lab's clock ends it.

AWS says up to 20 minutes for a CloudHSM key store and about five for an external one; the lab takes
`CONNECT_SECONDS`. What is tried is tried at the end: an error that was mended by then is none.

KMS changes the password of kmsuser each time it connects. The new one is kept, sealed, before the
cluster gets it: whoever is killed in between finds it again, and KMS is not locked out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kmslab.aws.call import Output
from kmslab.cloudhsm.errors import (
    ClusterError,
    ClusterNotFound,
    InvalidCredentials,
    NoActiveHsm,
    UserLockedOut,
    UserLoggedIn,
    UserNotFound,
)
from kmslab.errors import AwsError
from kmslab.kms import agenda
from kmslab.kms.agenda import Due
from kmslab.kms.request import Request, Rooms
from kmslab.kms.stores import clusters, external, finding, records, sealing, settings
from kmslab.kms.stores.failures import ProxyTrouble
from kmslab.kms.stores.records import (
    CLOUDHSM,
    CONNECTED,
    CONNECTING,
    DISCONNECTED,
    DISCONNECTING,
    FAILED,
    KeyStore,
)

CONNECT_SECONDS: Mapping[str, float] = MappingProxyType({CLOUDHSM: 600.0, records.EXTERNAL: 300.0})
DISCONNECT_SECONDS = 60.0  # of a CloudHSM key store: its network is taken down
_WHY: Mapping[type[ClusterError], str] = MappingProxyType(
    {
        ClusterNotFound: "CLUSTER_NOT_FOUND",
        NoActiveHsm: "INSUFFICIENT_CLOUDHSM_HSMS",
        UserNotFound: "USER_NOT_FOUND",
        UserLoggedIn: "USER_LOGGED_IN",
        UserLockedOut: "USER_LOCKED_OUT",
        InvalidCredentials: "INVALID_CREDENTIALS",
    }
)


def connect_custom_key_store(request: Request) -> Output:
    """ConnectCustomKeyStore: CONNECTING now, and CONNECTED or FAILED some minutes later."""
    rooms, store = request.rooms, finding.named(request)
    finding.note(request, store)
    if store.state in (DISCONNECTING, FAILED):
        raise finding.invalid_state(store, f"must not be {DISCONNECTING} or {FAILED}")
    if store.state in (CONNECTED, CONNECTING):
        return {}
    values = {"state": CONNECTING}
    if store.kind == CLOUDHSM:
        _check_cluster(request, store)
        password = sealing.new_password()
        sealed = sealing.seal(rooms, store.token, store.store_id, password)
        records.change(rooms, store, next_secret=sealed)
    records.change(rooms, store, **values)
    _later(rooms, store, CONNECT_SECONDS[store.kind], "connect")
    return {}


def disconnect_custom_key_store(request: Request) -> Output:
    """DisconnectCustomKeyStore: the store's keys are Unavailable from now on."""
    rooms, store = request.rooms, finding.named(request)
    finding.note(request, store)
    if store.state in (DISCONNECTING, DISCONNECTED):
        raise finding.invalid_state(store, f"must not be {DISCONNECTING} or {DISCONNECTED}")
    agenda.cancel_for(rooms, store.account, store.region, store.store_id, "connect")
    rooms.connections.log_out(store.store_id)
    if store.kind == CLOUDHSM and store.state != FAILED:
        records.change(rooms, store, state=DISCONNECTING, error="")
        _later(rooms, store, DISCONNECT_SECONDS, "disconnect")
    else:
        records.change(rooms, store, state=DISCONNECTED, error="")
    return {}


def connect_when_due(rooms: Rooms, due: Due) -> None:
    """The end of connecting."""
    store = records.find(rooms, due.account, due.region, due.key_id)
    if store is None or store.state != CONNECTING:
        return
    try:
        if store.kind == CLOUDHSM:
            _log_in(rooms, store)
        elif store.details["Connectivity"] == settings.VPC:
            _fail(rooms, store, "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND")  # the lab has no such thing
            return
        else:
            request_id = rooms.settings.new_request_id()
            external.check_health(rooms, store, "ConnectCustomKeyStore", request_id)
    except ClusterError as error:
        _fail(rooms, store, _WHY.get(type(error), "INTERNAL_ERROR"))
    except ProxyTrouble as trouble:
        _fail(rooms, store, trouble.failure.connecting)
    else:
        records.change(rooms, store, state=CONNECTED, error="")
        records.find_all_again(rooms, store)


def disconnect_when_due(rooms: Rooms, due: Due) -> None:
    """The end of disconnecting."""
    store = records.find(rooms, due.account, due.region, due.key_id)
    if store is not None and store.state == DISCONNECTING:
        records.change(rooms, store, state=DISCONNECTED)


def keep_up(rooms: Rooms) -> None:
    """Logs out of the clusters of stores that another process disconnected."""
    rooms.connections.keep_only(
        lambda store_id: (
            rooms.store.known(
                "SELECT state FROM key_store WHERE store_id = ?", (store_id,), lambda state: state
            )
            in (CONNECTED, CONNECTING)
        )
    )


def _check_cluster(request: Request, store: KeyStore) -> None:
    """What is seen at once gets an error; the store stays as it is.

    A cluster that is gone, or has no HSM, is found out while connecting, and fails it.
    """
    try:
        view = clusters.find(request.rooms, request.call, store.cluster_id)
    except AwsError:
        return
    clusters.check(view, hsm_zones=0)


def _log_in(rooms: Rooms, store: KeyStore) -> None:
    """Logs in as kmsuser, and gives him a password that only KMS knows."""
    view = rooms.connections.find(store.cluster_id)
    if not view.hsms:
        raise NoActiveHsm(f"{store.cluster_id} has no active HSM")
    password = sealing.unseal(rooms, store)
    new = sealing.unseal(rooms, store, store.next_secret) if store.next_secret else ""
    try:
        session = rooms.connections.log_in(store, password)
    except InvalidCredentials:
        if not store.next_secret:
            raise
        rooms.connections.log_in(store, new)  # it was changed, and the one who did so was killed
    else:
        session.change_password(new)
    records.change(rooms, store, secret=store.next_secret, next_secret=None)


def _fail(rooms: Rooms, store: KeyStore, why: str) -> None:
    rooms.connections.log_out(store.store_id)
    records.change(rooms, store, state=FAILED, error=why)


def _later(rooms: Rooms, store: KeyStore, seconds: float, kind: agenda.Kind) -> None:
    time = rooms.settings.now() + seconds
    agenda.schedule_for(rooms, (store.account, store.region, store.store_id), time, kind)
