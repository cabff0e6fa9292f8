"""Which key store a request is about, and whether its state allows what is asked."""

from __future__ import annotations

from kmslab.errors import AwsError
from kmslab.kms.request import Request
from kmslab.kms.stores import records
from kmslab.kms.stores.records import CONNECTED, KeyStore


def named(request: Request) -> KeyStore:
    """The store of the request's CustomKeyStoreId, or CustomKeyStoreNotFoundException."""
    store_id = request.get("CustomKeyStoreId")
    store = records.find(request.rooms, request.call.account, request.call.region, store_id)
    if store is None:
        raise AwsError(
            "CustomKeyStoreNotFoundException",
            f"AWS KMS cannot find the custom key store {store_id}.",
        )
    return store


def note(request: Request, store: KeyStore) -> None:
    """What CloudTrail's events of key stores show besides (additionalEventData)."""
    request.noted["customKeyStoreName"] = store.name
    if store.cluster_id:
        request.noted["clusterId"] = store.cluster_id


def check_connected(store: KeyStore) -> None:
    """CustomKeyStoreInvalidStateException unless KMS keys in the store can be made and used."""
    if store.state != CONNECTED:
        raise invalid_state(store, f"must be {CONNECTED}")


def invalid_state(store: KeyStore, wanted: str) -> AwsError:
    """The refusal of an operation that does not fit a store's connection state."""
    return AwsError(
        "CustomKeyStoreInvalidStateException",
        f"The ConnectionState of the custom key store {store.store_id} is {store.state}: for this "
        f"operation it {wanted}.",
    )


def check_unused_name(request: Request, name: str) -> None:
    """CustomKeyStoreNameInUseException for the name of another store in account and Region."""
    for other in records.every(request.rooms, request.call.account, request.call.region):
        if other.name == name and other.store_id != request.get("CustomKeyStoreId"):
            raise AwsError(
                "CustomKeyStoreNameInUseException",
                f"The custom key store name {name} is in use already.",
            )
