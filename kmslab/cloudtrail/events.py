"""Events in CloudTrail's own shape, from the rows that the recorder kept.

Field by field as in "CloudTrail record contents" and "Examples of AWS KMS log entries".
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from kmslab.store import Store

Event = dict[str, Any]

# Every operation that only reads is readOnly, and so is all cryptography: it changes no resource.
_READS = ("Describe", "Get", "List", "Lookup")
_CRYPTOGRAPHY = (
    *("Encrypt", "Decrypt", "ReEncrypt", "Generate", "Sign", "Verify"),
    *("DeriveSharedSecret", "Encapsulate", "Decapsulate"),
)
_COLUMNS = (
    *("request_id", "time", "service", "operation", "region", "recipient", "user_agent"),
    *("identity", "resources", "details"),
)


def read_events(store: Store) -> list[Event]:
    """All events of a lab, oldest first."""
    rows = store.rows(f"SELECT {', '.join(_COLUMNS)} FROM event ORDER BY number")
    return [_event(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _event(row: dict[str, Any]) -> Event:
    operation, when = row["operation"], datetime.fromtimestamp(int(row["time"]), UTC)
    return {
        "eventVersion": "1.11",
        "userIdentity": json.loads(row["identity"]),
        "eventTime": when.isoformat().replace("+00:00", "Z"),
        "eventSource": f"{row['service']}.amazonaws.com",
        "eventName": operation,
        "awsRegion": row["region"],
        "sourceIPAddress": "127.0.0.1",
        "userAgent": row["user_agent"],
        **json.loads(row["details"]),
        "requestID": row["request_id"],
        "eventID": str(uuid.uuid5(uuid.UUID(row["request_id"]), "event")),
        "readOnly": operation.startswith((*_READS, *_CRYPTOGRAPHY)),
        "resources": [_resource(arn) for arn in row["resources"].split()],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": row["recipient"],
        "eventCategory": "Management",
    }


def _resource(arn: str) -> dict[str, str]:
    return {"accountId": arn.split(":")[4], "type": "AWS::KMS::Key", "ARN": arn}
