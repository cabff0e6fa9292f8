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
        operation, time, request_id = row
        answer["KeyLastUsage"] = {
            "Operation": operation,
            "Timestamp": when(time),
            "CloudTrailEventId": event_id(request_id),
            "KmsRequestId": request_id,
        }
    return answer


def _last(request: Request) -> tuple[str, float, str] | None:
    """Of the events that name the key first, and of ReEncrypt's that name it second, the last."""
    arn, marks = request.key.arn, ", ".join("?" * len(_OPERATIONS))
    done = f"operation IN ({marks}) AND json_extract(details, '$.errorCode') IS NULL"
    return request.rooms.store.row(
        "SELECT operation, time, request_id FROM ("
        "SELECT * FROM (SELECT number, operation, time, request_id FROM event "
        f"WHERE resources = ? AND {done} ORDER BY number DESC LIMIT 1) "
        "UNION ALL SELECT * FROM (SELECT number, operation, time, request_id FROM event "
        f"WHERE operation = 'ReEncrypt' AND {done} AND ' ' || resources || ' ' LIKE ? "
        "ORDER BY number DESC LIMIT 1)) ORDER BY number DESC LIMIT 1",
        (arn, *_OPERATIONS, *_OPERATIONS, f"% {arn} %"),
    )
