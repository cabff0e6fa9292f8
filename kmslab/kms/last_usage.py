"""GetKeyLastUsage: the last cryptography that was done with a key, from the trail's own rows."""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.cloudtrail.events import event_id
from kmslab.kms.request import Request
from kmslab.kms.timing import when

_OPERATIONS = (
    *("Decrypt", "DeriveSharedSecret", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair"),
    *("GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "GenerateMac"),
    *("ReEncrypt", "Sign", "Verify", "VerifyMac", "Encapsulate", "Decapsulate"),
)
# The last number that was looked at, then what later events say of the keys they used.
_LOOKED_AT = "coalesce((SELECT value FROM lab WHERE name = 'uses'), 0)"
_COUNT = f"""
    INSERT INTO key_use
    SELECT arn.value, max(number)
    FROM event, json_each('["' || replace(resources, ' ', '","') || '"]') AS arn
    WHERE number > {_LOOKED_AT} AND operation IN {_OPERATIONS}
        AND json_extract(details, '$.errorCode') IS NULL
    GROUP BY arn.value
    ON CONFLICT DO UPDATE SET number = excluded.number
"""
_NOTE = """
    INSERT INTO lab SELECT 'uses', coalesce(max(number), 0) FROM event WHERE true
    ON CONFLICT DO UPDATE SET value = excluded.value
"""


def get_key_last_usage(request: Request) -> Output:
    """GetKeyLastUsage: operation, time and event of the last use that succeeded.

    Tracking starts with the key, as a lab's trail is complete. AWS began at one date for all keys.
    """
    key = request.key
    answer: Output = {
        "KeyId": key.arn,
        "TrackingStartDate": when(key.created),
        "KeyCreationDate": when(key.created),
        "KeyLastUsage": {},
    }
    row = _last(request)
    if row is not None:
        operation, time, request_id, is_shared = row
        answer["KeyLastUsage"] = {
            "Operation": operation,
            "Timestamp": when(time),
            "CloudTrailEventId": event_id(request_id, request.key.account if is_shared else ""),
            "KmsRequestId": request_id,
        }
    return answer


def _last(request: Request) -> tuple[str, float, str, bool] | None:
    """The newest event that used the key, and whether another account has a copy of it.

    Which one that is gets written down when somebody asks, for all events since it was last asked:
    an index would be written at each of a million calls.
    """
    store = request.rooms.store
    with store.transaction():
        store.append(_COUNT)
        store.append(_NOTE)
    return store.row(
        "SELECT operation, time, request_id, json_extract(details, '$.isShared') "
        "FROM event JOIN key_use USING (number) WHERE arn = ?",
        (request.key.arn,),
    )
