"""CloudHSM key stores: which clusters KMS accepts, and how it uses the keys in one.

The key material of a KMS key is an AES-256 key that the cluster made and keeps; its label is the
KMS key's ARN, by which its owner finds it too. A blob holds what the cluster sealed: IV (12) │
ciphertext │ tag (16). Whether AWS KMS encrypts with something of its own besides is not published.
Sources: "Create an AWS CloudHSM key store", "Troubleshooting a custom key store", "Find KMS keys
and key material in an AWS CloudHSM key store" (KMS Developer Guide).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from kmslab.aws.call import Call
from kmslab.cloudhsm.errors import ClusterError, ClusterNotFound, CryptoRefused, KeyNotFound
from kmslab.errors import AwsError
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms
from kmslab.kms.stores import records, sealing
from kmslab.kms.stores.records import KeyStore

if TYPE_CHECKING:
    from kmslab.cloudhsm.access import ClusterView, KeyStoreSession

Result = TypeVar("Result")
Handles = dict[str, str]
_UNREACHABLE = "KMS cannot communicate with your CloudHSM cluster"
_ZONES = 2  # Availability Zones with subnets, and with active HSMs


def find(rooms: Rooms, call: Call, cluster_id: str) -> ClusterView:
    """The caller's own cluster in the Region, or CloudHsmClusterNotFoundException."""
    try:
        view = rooms.connections.find(cluster_id)
    except ClusterNotFound:
        view = None
    if view is None or (view.account, view.region) != (call.account, call.region):
        raise AwsError(
            "CloudHsmClusterNotFoundException",
            f"AWS KMS cannot find the CloudHSM cluster {cluster_id}.",
        )
    return view


def check(view: ClusterView, hsm_zones: int = _ZONES) -> None:
    """The state, network and HSMs that a cluster needs, else the error that says what is missing.

    `hsm_zones`: in how many Availability Zones it has to have an active HSM.
    """
    if view.state != "ACTIVE":
        raise AwsError(
            "CloudHsmClusterNotActiveException",
            f"The CloudHSM cluster {view.cluster_id} is not active. Its state is {view.state}.",
        )
    if view.network_type != "IPV4":
        raise _unfit(view, "must not use IPv6")
    if len(set(view.zones)) < _ZONES:
        raise _unfit(view, f"must have private subnets in {_ZONES} Availability Zones")
    if len({hsm.zone for hsm in view.hsms}) < hsm_zones:
        raise _unfit(
            view, f"must have {hsm_zones} active HSMs, each in a different Availability Zone"
        )


def check_anchor(view: ClusterView, given: str) -> None:
    """IncorrectTrustAnchorException unless this is the certificate that initialised the cluster."""
    from cryptography.x509 import load_pem_x509_certificate  # 30 ms to import: not before use

    try:
        same = load_pem_x509_certificate(given.encode()) == load_pem_x509_certificate(
            view.trust_anchor.encode()
        )
    except ValueError:
        same = False
    if not same:
        raise AwsError(
            "IncorrectTrustAnchorException",
            "The trust anchor certificate is not the trust anchor certificate of the CloudHSM "
            f"cluster {view.cluster_id}.",
        )


def make_key(rooms: Rooms, store: KeyStore, arn: str) -> None:
    """Makes the key material of a new KMS key in the cluster."""

    def make(session: KeyStoreSession, handles: Handles) -> None:
        handles[arn] = session.generate_key(arn)

    try:
        rooms.connections.use(store, lambda: sealing.unseal(rooms, store), make)
    except ClusterError as error:
        raise AwsError("CloudHsmClusterInvalidConfigurationException", str(error)) from None


def encrypt(rooms: Rooms, key: Key, plaintext: bytes, aad: bytes) -> bytes:
    """AES-256-GCM in the cluster."""
    return _with_key(rooms, key, lambda session, at: session.encrypt(at, plaintext, aad))


def decrypt(rooms: Rooms, key: Key, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext, or InvalidCiphertextException."""
    try:
        return _with_key(rooms, key, lambda session, at: session.decrypt(at, sealed, aad))
    except CryptoRefused:
        raise AwsError("InvalidCiphertextException") from None


def random(rooms: Rooms, store: KeyStore, length: int) -> bytes:
    """Random bytes of the cluster (GenerateRandom with a CustomKeyStoreId)."""
    try:
        return rooms.connections.use(
            store, lambda: sealing.unseal(rooms, store), lambda session, _: session.random(length)
        )
    except ClusterError:
        raise AwsError("CustomKeyStoreInvalidStateException", _UNREACHABLE) from None


def destroy(rooms: Rooms, store: KeyStore, arn: str) -> list[tuple[str, bool]]:
    """Tries to delete the key material of a KMS key; its handles, and whether they are gone."""

    def end(session: KeyStoreSession, handles: Handles) -> list[tuple[str, bool]]:
        handles.pop(arn, None)
        gone = []
        for handle in session.find_keys(arn):
            session.destroy(handle)
            gone.append((handle, True))
        return gone

    if store.state != records.CONNECTED:
        return [("", False)]
    try:
        return rooms.connections.use(store, lambda: sealing.unseal(rooms, store), end)
    except ClusterError:
        return [("", False)]


def _with_key(rooms: Rooms, key: Key, work: Callable[[KeyStoreSession, str], Result]) -> Result:
    """Lets `work` use the key in the cluster.

    KMSInvalidStateException where KMS does not get there, or the key is gone: then it becomes
    Unavailable.
    """
    store = records.of_key(rooms, key)
    assert store is not None  # noqa: S101  keys of this origin are in a store
    try:
        return rooms.connections.use(
            store,
            lambda: sealing.unseal(rooms, store),
            lambda session, handles: _with_handle(session, handles, key.arn, work),
        )
    except CryptoRefused:
        raise
    except KeyNotFound:
        records.note_lost(rooms, key)
        raise AwsError(
            "KMSInvalidStateException",
            f"The key material of {key.arn} is not in the CloudHSM cluster {store.cluster_id}.",
        ) from None
    except ClusterError:
        raise AwsError("KMSInvalidStateException", _UNREACHABLE) from None


def _with_handle(
    session: KeyStoreSession,
    handles: Handles,
    arn: str,
    work: Callable[[KeyStoreSession, str], Result],
) -> Result:
    """A handle is good for one cluster only: it is looked up by label, and remembered."""
    if arn in handles:
        with suppress(KeyNotFound):  # it may be there under another handle
            return work(session, handles[arn])
    found = session.find_keys(arn)
    if not found:
        raise KeyNotFound(arn)
    handles[arn] = found[0]
    return work(session, found[0])


def _unfit(view: ClusterView, why: str) -> AwsError:
    return AwsError(
        "CloudHsmClusterInvalidConfigurationException",
        f"The CloudHSM cluster {view.cluster_id} {why}.",
    )
