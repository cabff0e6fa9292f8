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
    """All events of a lab's account, oldest first. Those of AWS owned keys are not among them."""
    rows = store.rows(
        f"SELECT {', '.join(_COLUMNS)} FROM event "
        "WHERE recipient = (SELECT value FROM lab WHERE name = 'account') ORDER BY number"
    )
    return [_event(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def event_id(request_id: str) -> str:
    """The id of the event that a request left."""
    return str(uuid.uuid5(uuid.UUID(request_id), "event"))


def _event(row: dict[str, Any]) -> Event:
    details = json.loads(row["details"])
    by_itself, in_service = row["user_agent"] == "AWS Internal", "serviceEventDetails" in details
    operation, when = row["operation"], datetime.fromtimestamp(int(row["time"]), UTC)
    return {
        "eventVersion": "1.11",
        "userIdentity": _identity(row),
        "eventTime": when.isoformat().replace("+00:00", "Z"),
        "eventSource": f"{row['service']}.amazonaws.com",
        "eventName": operation,
        "awsRegion": row["region"],
        "sourceIPAddress": "AWS Internal" if by_itself else "127.0.0.1",
        "userAgent": row["user_agent"],
        **details,
        **({} if in_service else {"requestID": row["request_id"]}),
        "eventID": event_id(row["request_id"]),
        "readOnly": operation.startswith((*_READS, *_CRYPTOGRAPHY)),
        "resources": [_resource(arn) for arn in row["resources"].split()],
        "eventType": "AwsServiceEvent" if in_service else "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": row["recipient"],
        "eventCategory": "Management",
    }


def _identity(row: dict[str, Any]) -> dict[str, Any]:
    identity: dict[str, Any] = json.loads(row["identity"])
    return {"accountId": row["recipient"], **identity}


def _resource(arn: str) -> dict[str, str]:
    return {"accountId": arn.split(":")[4], "type": "AWS::KMS::Key", "ARN": arn}
