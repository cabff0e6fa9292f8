"""Events in CloudTrail's own shape, from the rows that the recorder kept.

Field by field as in "CloudTrail record contents" and "Examples of AWS KMS log entries". Two
differences: `tlsDetails` is left out, as no call in the lab travels over TLS; and `resources` is
always there, where AWS leaves it out of many events of IAM and AWS STS.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from kmslab.cloudtrail.shown import read_only
from kmslab.store import Store

Event = dict[str, Any]

COLUMNS = (
    *("request_id", "time", "service", "operation", "region", "recipient", "user_agent"),
    *("identity", "resources", "details"),
)
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM event"
_TYPES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("kms", "key"): "AWS::KMS::Key",
        ("iam", "role"): "AWS::IAM::Role",
        ("iam", "user"): "AWS::IAM::User",
        ("iam", "group"): "AWS::IAM::Group",
        ("iam", "policy"): "AWS::IAM::Policy",
    }
)


def read_events(store: Store, account: str = "") -> list[Event]:
    """All events of an account, oldest first; by default of the lab's own.

    Those of AWS owned keys are not among them: they are in accounts of AWS.
    """
    asked = "?" if account else "(SELECT value FROM lab WHERE name = 'account')"
    rows = store.rows(
        f"{_SELECT} WHERE recipient = {asked} ORDER BY number", (account,) if account else ()
    )
    return [event(row) for row in rows]


def event_id(request_id: str, recipient: str = "") -> str:
    """The id of the event that a request left; of an event's id, it is the request's again.

    Where a request left events in several accounts, each has an id of its own: give its recipient.
    """
    return str(uuid.UUID(int=uuid.UUID(request_id).int ^ _mask(f"event {recipient}")))


@lru_cache
def _mask(purpose: str) -> int:
    """128 bits to turn one UUID into another; those that tell its version stay."""
    bits = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:16])
    return bits & ~(0xF << 76 | 0x3 << 62)


def event(values: Sequence[Any]) -> Event:
    """One event, from the values of `COLUMNS`."""
    row, details = dict(zip(COLUMNS, values, strict=True)), json.loads(values[-1])
    by_itself, in_service = row["user_agent"] == "AWS Internal", "serviceEventDetails" in details
    is_shared = details.pop("isShared", False)
    return {
        "eventVersion": "1.11",
        "userIdentity": _identity(row),
        "eventTime": _time(row["time"]),
        "eventSource": f"{row['service']}.amazonaws.com",
        "eventName": row["operation"],
        "awsRegion": row["region"],
        "sourceIPAddress": "AWS Internal" if by_itself else "127.0.0.1",
        "userAgent": row["user_agent"],
        **details,
        **({} if in_service else {"requestID": row["request_id"]}),
        "eventID": event_id(row["request_id"], row["recipient"] if is_shared else ""),
        "readOnly": read_only(row["service"], row["operation"]),
        "resources": [_resource(arn, row) for arn in row["resources"].split()],
        "eventType": "AwsServiceEvent" if in_service else "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": row["recipient"],
        **({"sharedEventID": event_id(row["request_id"], "all")} if is_shared else {}),
        "eventCategory": "Management",
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _identity(row: dict[str, Any]) -> dict[str, Any]:
    """As kept; what a service does by itself it does in the account of the key."""
    identity: dict[str, Any] = json.loads(row["identity"])
    return identity if "type" in identity else {"accountId": row["recipient"], **identity}


def _resource(arn: str, row: dict[str, Any]) -> dict[str, str]:
    _, _, service, _, account, name = arn.split(":", 5)
    kind = "AWS::S3::Bucket" if service == "s3" else _TYPES.get((service, name.split("/")[0]))
    owner = account or row["recipient"]  # a bucket's ARN doesn't say whose it is
    return {"accountId": owner, **({"type": kind} if kind else {}), "ARN": arn}
