"""CreateCustomKeyStore: a key store that is not connected yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms.request import Request
from kmslab.kms.stores import clusters, external, finding, linked_role, records, sealing, settings
from kmslab.kms.stores.failures import ProxyTrouble
from kmslab.kms.stores.records import CLOUDHSM, DISCONNECTED, KeyStore

MOST_STORES = 10  # in an account and Region ("Resource quotas")
_ID_DIGITS = 17


def create_custom_key_store(request: Request) -> Output:
    """CreateCustomKeyStore: checks what the store needs, and keeps its settings.

    Asked again with all the same values while the store is disconnected, it gives the same id: the
    second request is taken for a retry ("Create an AWS CloudHSM key store").
    """
    kind = settings.kind(request)
    details = _cluster(request) if kind == CLOUDHSM else settings.proxy(request)
    again = _same(request, kind, details)
    if again is not None:
        return {"CustomKeyStoreId": again.store_id}
    _check(request, kind, details)
    store = _made(request, kind, details)
    if kind != CLOUDHSM and details["Connectivity"] == settings.PUBLIC:
        try:
            external.check_health(request.rooms, store, request.call.operation, request.request_id)
        except ProxyTrouble as trouble:
            raise trouble.managing() from None
    if kind == CLOUDHSM:
        linked_role.ensure(request.rooms, request.call.account)
    records.add(request.rooms, store)
    return {"CustomKeyStoreId": store.store_id}


def _cluster(request: Request) -> dict[str, Any]:
    return {name: request.get(name) for name in ("CloudHsmClusterId", "TrustAnchorCertificate")}


def _check(request: Request, kind: str, details: dict[str, Any]) -> None:
    """The name, the quota, and what stands behind the store, in this order."""
    call = request.call
    finding.check_unused_name(request, request.get("CustomKeyStoreName"))
    others = records.every(request.rooms, call.account, call.region)
    if len(others) >= MOST_STORES:
        raise AwsError(
            "LimitExceededException",
            f"The account has {MOST_STORES} custom key stores in {call.region} already.",
        )
    if kind != CLOUDHSM:
        settings.check_unused_proxy(request, details)
        return
    view = clusters.find(request.rooms, call, details["CloudHsmClusterId"])
    clusters.check(view)
    for other in others:
        if other.details.get("history") == view.history:
            raise AwsError(
                "CloudHsmClusterInUseException",
                f"The CloudHSM cluster {view.cluster_id}, or one that shares a backup history with "
                f"it, is associated with the custom key store {other.store_id} already.",
            )
    clusters.check_anchor(view, details["TrustAnchorCertificate"])
    details |= {"history": view.history, "fingerprint": view.fingerprint}


def _made(request: Request, kind: str, details: dict[str, Any]) -> KeyStore:
    rooms, call = request.rooms, request.call
    token = sealing.new_key(rooms)
    store_id = f"cks-{rooms.settings.new_hex('key store', _ID_DIGITS)}"
    secret = sealing.seal(rooms, token, store_id, settings.secret(request) or "")
    return KeyStore(
        account=call.account,
        region=call.region,
        store_id=store_id,
        name=request.get("CustomKeyStoreName"),
        kind=kind,
        created=rooms.settings.now(),
        state=DISCONNECTED,
        error="",
        details=details,
        token=token,
        secret=secret,
        next_secret=None,
    )


def _same(request: Request, kind: str, details: dict[str, Any]) -> KeyStore | None:
    """A disconnected store with every value of the request, if there is one."""
    rooms, call = request.rooms, request.call
    for store in records.every(rooms, call.account, call.region):
        asked = replace(
            store,
            name=request.get("CustomKeyStoreName"),
            kind=kind,
            state=DISCONNECTED,
            details={**store.details, **details},
        )
        if asked == store and sealing.unseal(rooms, store) == settings.secret(request):
            return store
    return None
