"""DescribeCustomKeyStores, and DeleteCustomKeyStore."""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import paging
from kmslab.kms.request import Request
from kmslab.kms.stores import finding, records
from kmslab.kms.stores.records import CLOUDHSM, DISCONNECTED, FAILED, KeyStore
from kmslab.kms.timing import when

LIMIT = paging.Limit(default=100, most=1000)
_SHOWN = ("CloudHsmClusterId", "TrustAnchorCertificate")


def describe_custom_key_stores(request: Request) -> Output:
    """DescribeCustomKeyStores: all of the account and Region, or the one that is named."""
    page = paging.page(request, LIMIT)
    store_id, name = request.get("CustomKeyStoreId"), request.get("CustomKeyStoreName")
    if store_id is not None and name is not None:
        raise AwsError(
            "ValidationException", "Specify either a CustomKeyStoreId or a CustomKeyStoreName."
        )
    stores = records.every(request.rooms, request.call.account, request.call.region)
    if store_id is not None:
        stores = [finding.named(request)]
    elif name is not None:
        stores = [each for each in stores if each.name == name]
        if not stores:
            raise AwsError(
                "CustomKeyStoreNotFoundException",
                f"AWS KMS cannot find the custom key store {name}.",
            )
    shown = [_shown(each) for each in stores if each.store_id > page.after]
    return page.cut("CustomKeyStores", shown, "CustomKeyStoreId")


def delete_custom_key_store(request: Request) -> Output:
    """DeleteCustomKeyStore: forgets an empty, disconnected store. What is behind it stays."""
    store = finding.named(request)
    finding.note(request, store)
    if records.has_keys(request.rooms, store):
        raise AwsError(
            "CustomKeyStoreHasCMKsException",
            f"The custom key store {store.store_id} contains KMS keys.",
        )
    if store.state != DISCONNECTED:
        raise finding.invalid_state(store, f"must be {DISCONNECTED}")
    records.remove(request.rooms, store)
    return {}


def _shown(store: KeyStore) -> Output:
    shown: Output = {
        "CustomKeyStoreId": store.store_id,
        "CustomKeyStoreName": store.name,
        "CustomKeyStoreType": store.kind,
        "ConnectionState": store.state,
        "CreationDate": when(store.created),
    }
    if store.state == FAILED:
        shown["ConnectionErrorCode"] = store.error
    if store.kind == CLOUDHSM:
        return {**shown, **{name: store.details[name] for name in _SHOWN}}
    return {**shown, "XksProxyConfiguration": dict(store.details)}
