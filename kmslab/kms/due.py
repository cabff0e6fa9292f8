"""Time: what became due since the last call happens now, in order, each thing once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kmslab.kms import agenda, deletion, importing, records, replicas, rotation
from kmslab.kms.agenda import Due
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

_HAPPENINGS: Mapping[str, Callable[[Rooms, Key, Due], None]] = MappingProxyType(
    {
        "rotate": rotation.rotate_when_due,
        "rotate on demand": rotation.rotate_on_demand_when_due,
        "expire": importing.expire_when_due,
        "delete": deletion.delete_when_due,
        "settle": replicas.settle_when_due,
    }
)


def happen(rooms: Rooms) -> None:
    """Lets everything happen that is due by now, each in a transaction of its own.

    So `kill -9` in between loses nothing and repeats nothing: the rest happens at the next call.
    """
    now = rooms.settings.now()
    while agenda.first(rooms, now):
        with rooms.store.transaction():
            due = agenda.first(rooms, now)  # another process may have taken it
            if due and due.kind != "scrub":
                _happen(rooms, due)
        if due and due.kind == "scrub":
            rooms.store.scrub()
            agenda.take(rooms, due)


def _happen(rooms: Rooms, due: Due) -> None:
    agenda.take(rooms, due)
    key = records.find(rooms, due.account, due.region, due.key_id)
    if key is not None:
        _HAPPENINGS[due.kind](rooms, key, due)
