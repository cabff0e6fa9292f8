"""Time: what became due since the last call happens now, in order, each thing once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from kmslab.errors import HsmError
from kmslab.kms import agenda, deletion, importing, records, replicas, rotation
from kmslab.kms.agenda import Due
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms
from kmslab.kms.stores import connecting, locking

SCRUB_AGAIN_SECONDS = 60  # after another process was in the way
_HAPPENINGS: Mapping[str, Callable[[Rooms, Key, Due], None]] = MappingProxyType(
    {
        "rotate": rotation.rotate_when_due,
        "rotate on demand": rotation.rotate_on_demand_when_due,
        "expire": importing.expire_when_due,
        "delete": deletion.delete_when_due,
        "settle": replicas.settle_when_due,
    }
)
_OF_STORES: Mapping[str, Callable[[Rooms, Due], None]] = MappingProxyType(
    {
        "connect": connecting.connect_when_due,
        "disconnect": connecting.disconnect_when_due,
    }
)


def happen(rooms: Rooms) -> None:
    """Lets everything happen that is due by now, each in a transaction of its own.

    So `kill -9` in between loses nothing and repeats nothing: the rest happens at the next call.
    So does what needs an HSM while none serves, and what comes after it. Key material that was
    deleted, here or in another process, leaves this process's HSMs too.
    """
    rooms.store.catch_up()
    connecting.keep_up(rooms)
    with suppress(HsmError):
        while due := _first(rooms):
            if due.kind == "scrub":
                _scrub(rooms, due)
            else:
                _happen(rooms, due)


def _first(rooms: Rooms) -> Due | None:
    """What is due first, if anything is."""
    now, first, deletions = agenda.outlook(rooms)
    rooms.fleet.keep_up(deletions)
    return agenda.first(rooms, now) if first is not None and first <= now else None


def _happen(rooms: Rooms, due: Due) -> None:
    with locking.for_due(rooms, due), rooms.store.transaction():
        if agenda.first(rooms, due.time) != due:
            return  # another process took it
        agenda.take(rooms, due)
        if due.kind in _OF_STORES:
            _OF_STORES[due.kind](rooms, due)
            return
        key = records.find(rooms, due.account, due.region, due.key_id)
        if key is not None:
            _HAPPENINGS[due.kind](rooms, key, due)


def _scrub(rooms: Rooms, due: Due) -> None:
    if rooms.store.scrub():
        agenda.take(rooms, due)
    else:
        agenda.postpone(rooms, due, rooms.settings.now() + SCRUB_AGAIN_SECONDS)
