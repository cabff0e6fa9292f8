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
# Where an event names its key, and which operations it may be of: each look has its index.
_LOOKS = (
    ("resources", f"IN {_OPERATIONS}"),
    ("substr(resources, 1, instr(resources, ' ') - 1)", "= 'ReEncrypt'"),
    ("substr(resources, instr(resources, ' ') + 1)", "= 'ReEncrypt'"),
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
    """The newest event that is about the key alone, or about it and ReEncrypt's other key."""
    looks = " UNION ALL ".join(
        "SELECT * FROM (SELECT number, operation, time, request_id FROM event "
        f"WHERE {about} = ? AND operation {which} AND json_extract(details, '$.errorCode') IS NULL "
        "ORDER BY number DESC LIMIT 1)"
        for about, which in _LOOKS
    )
    return request.rooms.store.row(
        f"SELECT operation, time, request_id FROM ({looks}) ORDER BY number DESC LIMIT 1",
        [request.key.arn] * len(_LOOKS),
    )
