"""GenerateRandom with a CustomKeyStoreId: bytes from the HSMs of the store's cluster."""

from __future__ import annotations

from kmslab.errors import AwsError
from kmslab.kms.request import Request
from kmslab.kms.stores import clusters, finding
from kmslab.kms.stores.records import CLOUDHSM


def of_cluster(request: Request, length: int) -> bytes:
    """Random bytes of a connected CloudHSM key store."""
    store = finding.named(request)
    if store.kind != CLOUDHSM:
        raise AwsError(
            "UnsupportedOperationException",
            f"The custom key store {store.store_id} is an external key store, which has no "
            "GenerateRandom.",
        )
    finding.check_connected(store)
    return clusters.random(request.rooms, store, length)
