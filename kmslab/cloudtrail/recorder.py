"""What is kept of each call, refused calls too: one short row, written before the answer is.

Never kept: plaintexts, ciphertexts, data keys, random bytes, grant tokens. Always kept in clear:
encryption context, descriptions, aliases ("Logging AWS KMS API calls with AWS CloudTrail").
CloudTrail's own, longer shape is made when the trail is read (`events.py`): a call is made far more
often than an event is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import lru_cache
from typing import Any

from kmslab.aws.call import Call, Output, Principal, camel
from kmslab.errors import AwsError
from kmslab.settings import Settings
from kmslab.store import Store

# Shown in requestParameters even where the caller left them to KMS.
_ALGORITHMS = {
    "Encrypt": ("EncryptionAlgorithm",),
    "Decrypt": ("EncryptionAlgorithm",),
    "ReEncrypt": ("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"),
}
# Members of answers that are shown in responseElements.
_SHOWN_ANSWERS = {
    "CreateKey": ("KeyMetadata",),
    "ReplicateKey": ("ReplicaKeyMetadata", "ReplicaPolicy", "ReplicaTags"),
    "CreateGrant": ("GrantId",),
    "ScheduleKeyDeletion": ("KeyId", "KeyState", "DeletionDate"),
    "CancelKeyDeletion": ("KeyId",),
}
_SECRET_PARAMETERS = frozenset({"GrantTokens", "GrantToken", "ImportToken", "KeyStorePassword"})
_SERVICE = json.dumps({"invokedBy": "AWS Internal"})


class Recorder:
    """Writes events into the lab's store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def success(self, call: Call, arns: Sequence[str], output: Output) -> str:
        """Records a call that was answered; returns its request id."""
        names = _SHOWN_ANSWERS.get(call.operation, ())
        shown = {name: output[name] for name in names if name in output}
        details = {
            "requestParameters": _parameters(call),
            "responseElements": _members(shown) or None,
        }
        if "KeyMaterialId" in output:
            details["additionalEventData"] = {"keyMaterialId": output["KeyMaterialId"]}
        return self._write(call, arns or [value["Arn"] for value in shown.values()], details)

    def happened(
        self, arn: str, name: str, time: float, about: dict[str, str] | None = None
    ) -> None:
        """Records what KMS did to a key by itself, such as RotateKey."""
        _, _, service, region, account, _ = arn.split(":")
        details: dict[str, Any] = {"requestParameters": None, "responseElements": None}
        if about:
            details["serviceEventDetails"] = about
        row = (service, name, region, account, "AWS Internal", _SERVICE, arn, json.dumps(details))
        self._insert(row, time)

    def failure(self, call: Call, arns: Sequence[str], error: AwsError) -> str:
        """Records a call that was refused; returns its request id."""
        denied = error.code == "AccessDeniedException"
        details = {
            "errorCode": error.code.removesuffix("Exception") if denied else error.code,
            "errorMessage": error.message or None,
            "requestParameters": None if denied else _parameters(call),
            "responseElements": None,
        }
        return self._write(call, arns, details)

    def _write(self, call: Call, arns: Sequence[str], details: dict[str, Any]) -> str:
        return self._insert(
            (
                *(call.service, call.operation, call.region, call.account, call.user_agent),
                *(_identity(call.principal), " ".join(arns), json.dumps(details)),
            )
        )

    def _insert(self, row: tuple[str, ...], time: float | None = None) -> str:
        """Writes an event, of now or of another time; returns its request id."""
        # A seeded lab counts events for its ids and its clock: nobody may come in between.
        with nullcontext() if self._settings.seed is None else self._store.transaction():
            request_id = self._settings.new_request_id()
            self._store.write(
                "INSERT INTO event (request_id, time, service, operation, region, recipient, "
                "user_agent, identity, resources, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (request_id, self._settings.now() if time is None else time, *row),
            )
        return request_id


@lru_cache
def _identity(who: Principal) -> str:
    """A caller as the event's userIdentity, in JSON."""
    return json.dumps(
        {
            "type": "IAMUser",
            "principalId": who.user_id,
            "arn": who.arn,
            "accountId": who.account,
            "accessKeyId": who.access_key_id,
            "userName": who.name,
        }
    )


def _parameters(call: Call) -> dict[str, Any] | None:
    if call.operation == "GenerateRandom":
        return None
    shown = {
        name: value for name, value in call.parameters.items() if name not in _SECRET_PARAMETERS
    }
    for name in _ALGORITHMS.get(call.operation, ()):
        shown.setdefault(name, "SYMMETRIC_DEFAULT")
    return _members(shown) or None


def _members(members: dict[str, Any]) -> dict[str, Any]:
    """CloudTrail begins AWS's member names with a small letter; dates are text; no bytes at all."""
    return {
        camel(name): _plain(name, value)
        for name, value in members.items()
        if not isinstance(value, bytes | bytearray)
    }


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict) and not name.endswith("Context"):
        return _members(value)
    if isinstance(value, list | tuple):
        return [_plain(name, each) for each in value]
    if isinstance(value, datetime):
        return f"{value:%b} {value.day}, {value:%Y} {value:%I:%M:%S %p}"
    return value
