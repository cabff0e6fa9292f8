"""Clusters have a lock of their own, which is taken before a transaction of the records.

Whoever took the two in the other order could wait for a process that waits for him. So what changes
records and may ask a cluster on its way holds both from the start; all other calls hold neither.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from kmslab.aws.call import Call
from kmslab.kms.agenda import Due
from kmslab.kms.request import Rooms
from kmslab.kms.stores import records
from kmslab.kms.stores.records import CLOUDHSM

_KEY = "SELECT 1 FROM kms_key WHERE account = ? AND region = ? AND key_id = ? AND origin = ?"


def for_call(rooms: Rooms, call: Call) -> AbstractContextManager[None]:
    """The clusters' lock, for a call that names a cluster or a key store over one."""
    store_id = call.parameters.get("CustomKeyStoreId")
    store = records.find(rooms, call.account, call.region, store_id) if store_id else None
    names_one = call.parameters.get("CloudHsmClusterId") is not None
    is_over_one = store is not None and store.kind == CLOUDHSM
    return rooms.connections.alone() if names_one or is_over_one else nullcontext()


def for_due(rooms: Rooms, due: Due) -> AbstractContextManager[None]:
    """The clusters' lock, for the end of connecting and the deletion of a key in a cluster."""
    whose = due.account, due.region, due.key_id
    if due.kind == "connect":
        store = records.find(rooms, *whose)
        in_cluster = store is not None and store.kind == CLOUDHSM
    else:
        in_cluster = due.kind == "delete" and rooms.store.row(_KEY, (*whose, CLOUDHSM)) is not None
    return rooms.connections.alone() if in_cluster else nullcontext()
