"""One event for each call, in CloudTrail's own shape; refused calls too.

Never recorded: plaintexts, ciphertexts, data keys, random bytes, grant tokens. Always recorded in
clear: the encryption context, descriptions, aliases ("Logging AWS KMS API calls with AWS
CloudTrail").
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from kmslab.aws.call import Call, Output
from kmslab.errors import AwsError
from kmslab.settings import Settings
from kmslab.store import Store

_WRITES = ("Create", "Enable", "Disable", "Update", "Delete")
# Shown in requestParameters even where the caller left them to KMS.
_ALGORITHMS = {
    "Encrypt": ("EncryptionAlgorithm",),
    "Decrypt": ("EncryptionAlgorithm",),
    "ReEncrypt": ("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"),
}
_SHOWN_ANSWERS = {"CreateKey": ("KeyMetadata",)}


class Recorder:
    """Writes events into the lab's store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def success(self, call: Call, arns: Sequence[str], output: Output) -> str:
        """Records a call that was answered; returns its request id."""
        shown = {name: output[name] for name in _SHOWN_ANSWERS.get(call.operation, ())}
        extra = {"keyMaterialId": output["KeyMaterialId"]} if "KeyMaterialId" in output else {}
        return self._write(
            call,
            arns or [value["Arn"] for value in shown.values()],
            {
                "requestParameters": _parameters(call),
                "responseElements": _camel(shown) or None,
                **({"additionalEventData": extra} if extra else {}),
            },
        )

    def failure(self, call: Call, arns: Sequence[str], error: AwsError) -> str:
        """Records a call that was refused; returns its request id."""
        denied = error.code == "AccessDeniedException"
        return self._write(
            call,
            arns,
            {
                "errorCode": error.code.removesuffix("Exception") if denied else error.code,
                "errorMessage": error.message or None,
                "requestParameters": None if denied else _parameters(call),
                "responseElements": None,
            },
        )

    def _write(self, call: Call, arns: Sequence[str], details: dict[str, Any]) -> str:
        # A seeded lab counts events for its ids and its clock: nobody may come in between.
        seeded = self._settings.seed is not None
        with self._store.transaction() if seeded else nullcontext():
            request_id, event_id = self._settings.event_ids()
            event = self._event(call, arns, details, request_id, event_id)
            self._store.write("INSERT INTO event (record) VALUES (?)", (json.dumps(event),))
        return request_id

    def _event(
        self,
        call: Call,
        arns: Sequence[str],
        details: dict[str, Any],
        request_id: str,
        event_id: str,
    ) -> dict[str, Any]:
        now = datetime.fromtimestamp(int(self._settings.now()), UTC)
        return {
            "eventVersion": "1.11",
            "userIdentity": _identity(call),
            "eventTime": now.isoformat().replace("+00:00", "Z"),
            "eventSource": f"{call.service}.amazonaws.com",
            "eventName": call.operation,
            "awsRegion": call.region,
            "sourceIPAddress": "127.0.0.1",
            "userAgent": call.user_agent,
            **details,
            "requestID": request_id,
            "eventID": event_id,
            "readOnly": not call.operation.startswith(_WRITES),
            "resources": [
                {"accountId": arn.split(":")[4], "type": "AWS::KMS::Key", "ARN": arn}
                for arn in arns
            ],
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": call.account,
            "eventCategory": "Management",
        }


def _identity(call: Call) -> dict[str, Any]:
    who = call.principal
    return {
        "type": "IAMUser",
        "principalId": who.user_id,
        "arn": who.arn,
        "accountId": who.account,
        "accessKeyId": who.access_key_id,
        "userName": who.name,
    }


def _parameters(call: Call) -> dict[str, Any] | None:
    if call.operation == "GenerateRandom":
        return None
    shown = {name: value for name, value in call.parameters.items() if name != "GrantTokens"}
    for name in _ALGORITHMS.get(call.operation, ()):
        shown.setdefault(name, "SYMMETRIC_DEFAULT")
    return _camel(shown) or None


def _camel(members: dict[str, Any]) -> dict[str, Any]:
    """CloudTrail begins AWS's member names with a small letter; dates are text; no bytes at all."""
    return {
        name[0].lower() + name[1:]: _plain(name, value)
        for name, value in members.items()
        if not isinstance(value, bytes | bytearray)
    }


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict) and not name.endswith("Context"):
        return _camel(value)
    if isinstance(value, list | tuple):
        return [_plain(name, each) for each in value]
    if isinstance(value, datetime):
        return f"{value:%b} {value.day}, {value:%Y} {value:%I:%M:%S %p}"
    return value
