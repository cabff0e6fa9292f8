"""Deleting a KMS key, for good: its waiting period, and what is left at its end (nothing).

When a key is deleted, so are its material, in the records and in the HSMs' memory, its policy,
grants, tags and aliases. What was encrypted under it stays encrypted.
Source: "Deleting AWS KMS keys", ScheduleKeyDeletion.
"""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import agenda, generations, records, states
from kmslab.kms.agenda import DAY, Due
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.stores import keys as stored
from kmslab.kms.timing import when

DEFAULT_DAYS, LEAST_DAYS, MOST_DAYS = 30, 7, 30


def schedule_key_deletion(request: Request) -> Output:
    """ScheduleKeyDeletion: deletes the key in 7 to 30 days; until then it can be cancelled.

    The primary key of a multi-Region set waits first until its replicas are gone.
    """
    rooms, key, days = request.rooms, request.key, _days(request)
    answer: Output = {"KeyId": key.arn, "PendingWindowInDays": days}
    if key.is_primary and len(records.related(rooms, key)) > 1:
        state = states.PENDING_REPLICA_DELETION
        records.change(rooms, key, state=state, window=days)
        return {**answer, "KeyState": state}
    date = _begin(rooms, key, rooms.settings.now(), days)
    return {**answer, "KeyState": states.PENDING_DELETION, "DeletionDate": when(date)}


def cancel_key_deletion(request: Request) -> Output:
    """CancelKeyDeletion: the key stays, and is disabled until it is enabled again.

    A key whose imported material is not there waits for that, and is not Disabled.
    """
    rooms, key = request.rooms, request.key
    whole = key.origin != "EXTERNAL" or generations.complete(rooms, key)
    state = states.DISABLED if whole else states.PENDING_IMPORT
    agenda.cancel(rooms, key, "delete")
    records.change(rooms, key, state=state, deletion=None, window=None)
    return {"KeyId": key.arn}


def delete_when_due(rooms: Rooms, key: Key, due: Due) -> None:
    """The end of a waiting period."""
    ended = stored.end(rooms, key)
    records.delete(rooms, key)
    agenda.scrub_later(rooms, key)
    rooms.recorder.happened(key.arn, "DeleteKey", due.time, {"keyId": key.key_id}, ended)
    left = records.related(rooms, key)
    for each in left[:1]:
        generations.settle(rooms, each)  # imported material may now be in every Region left
    if len(left) == 1 and left[0].state == states.PENDING_REPLICA_DELETION:
        _begin(rooms, left[0], due.time, left[0].window or DEFAULT_DAYS)


def _begin(rooms: Rooms, key: Key, now: float, days: int) -> float:
    """Starts the waiting period; returns the time of its end."""
    date = now + days * DAY
    state = states.PENDING_DELETION
    records.change(rooms, key, state=state, deletion=date, window=days)
    agenda.schedule(rooms, key, date, "delete")
    return date


def _days(request: Request) -> int:
    days: int = request.get("PendingWindowInDays", DEFAULT_DAYS)
    if LEAST_DAYS <= days <= MOST_DAYS:
        return days
    raise AwsError(
        "ValidationException",
        f"PendingWindowInDays must be between {LEAST_DAYS} and {MOST_DAYS}",
    )
