"""UpdateCustomKeyStore: a new name, what KMS has to know anew, another place of the same keys.

state                what may change
DISCONNECTED         everything but the kind
CONNECTED            the name; of an external key store also credential and URI path
any other            nothing
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms.request import Request
from kmslab.kms.stores import clusters, external, finding, records, sealing, settings
from kmslab.kms.stores.failures import ProxyTrouble
from kmslab.kms.stores.records import CLOUDHSM, CONNECTED, DISCONNECTED, EXTERNAL, KeyStore

_ALWAYS = {"CustomKeyStoreId", "NewCustomKeyStoreName"}
_WHEN_CONNECTED = {
    CLOUDHSM: _ALWAYS,
    EXTERNAL: {*_ALWAYS, settings.CREDENTIAL, "XksProxyUriPath"},
}


def update_custom_key_store(request: Request) -> Output:
    """UpdateCustomKeyStore."""
    rooms, store = request.rooms, finding.named(request)
    finding.note(request, store)
    asked = {name for name, value in request.call.parameters.items() if value is not None}
    if asked == {"CustomKeyStoreId"}:
        raise AwsError("ValidationException", "Specify at least one property to update.")
    settings.check_kind(request, store.kind)
    allowed = _WHEN_CONNECTED[store.kind] if store.state == CONNECTED else set()
    if store.state != DISCONNECTED and not asked <= allowed:
        raise finding.invalid_state(store, f"must be {DISCONNECTED}")
    values: dict[str, Any] = {}
    name, secret = request.get("NewCustomKeyStoreName"), settings.secret(request)
    if name is not None:
        finding.check_unused_name(request, name)
        values["name"] = name
    if secret is not None:
        values["secret"] = sealing.seal(rooms, store.token, store.store_id, secret)
        values["next_secret"] = None
    if asked - _ALWAYS:
        values["details"] = _details(request, store, values)
    records.change(rooms, store, **values)
    return {}


def _details(request: Request, store: KeyStore, values: dict[str, Any]) -> dict[str, Any]:
    if store.kind == CLOUDHSM:
        return _cluster(request, store)
    details = settings.proxy(request, store.details)
    settings.check_unused_proxy(request, details, store.store_id)
    changed = _changed(store, details, values)
    if details["Connectivity"] == settings.VPC:
        raise AwsError(
            "XksProxyVpcEndpointServiceNotFoundException",
            "AWS KMS cannot find the VPC endpoint service: the lab has none.",
        )
    try:
        external.check_health(request.rooms, changed, request.call.operation, request.request_id)
    except ProxyTrouble as trouble:
        raise trouble.managing() from None
    return details


def _changed(store: KeyStore, details: dict[str, Any], values: dict[str, Any]) -> KeyStore:
    """The store as it would be."""
    return replace(store, details=details, secret=values.get("secret", store.secret))


def _cluster(request: Request, store: KeyStore) -> dict[str, Any]:
    """Another cluster has to come from the same backups: it alone can have the same keys."""
    cluster_id = request.get("CloudHsmClusterId", store.cluster_id)
    if cluster_id == store.cluster_id:
        return dict(store.details)
    view = clusters.find(request.rooms, request.call, cluster_id)
    if view.fingerprint != store.details["fingerprint"]:
        raise AwsError(
            "CloudHsmClusterNotRelatedException",
            f"The CloudHSM cluster {cluster_id} has another cluster certificate than "
            f"{store.cluster_id}.",
        )
    clusters.check(view)
    return {**store.details, "CloudHsmClusterId": cluster_id}
