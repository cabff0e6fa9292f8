"""What is kept of each call, refused calls too: one short row, written before the answer is.

Never kept: plaintexts, ciphertexts, data keys, messages, signatures, MACs, shared secrets, random
bytes, key material, grant and import tokens, passwords: no bytes at all. Always kept in clear:
encryption context, descriptions, aliases ("Logging AWS KMS API calls with AWS CloudTrail").
CloudTrail's own, longer shape is made when the trail is read (`events.py`): a call is made far more
often than an event is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Call, Output, camel
from kmslab.aws.principal import Principal
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
    "RotateKeyOnDemand": ("KeyId",),
    "ImportKeyMaterial": ("KeyId", "KeyMaterialId"),
    "DeleteImportedKeyMaterial": ("KeyId", "KeyMaterialId"),
}
# Their events show the key's ARN in responseElements (since December 2022), their answers do not.
_ARN_SHOWN = frozenset(
    {
        *("CreateAlias", "UpdateAlias", "DeleteAlias", "CreateGrant", "EnableKey", "DisableKey"),
        *("EnableKeyRotation", "DisableKeyRotation", "UntagResource", "UpdatePrimaryRegion"),
    }
)
_WITHOUT_PARAMETERS = frozenset({"GenerateRandom", "RetireGrant"})
_SECRET_PARAMETERS = frozenset(
    {
        *("GrantTokens", "GrantToken", "ImportToken", "KeyStorePassword", "AttestationDocument"),
        "XksProxyAuthenticationCredential",
    }
)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SERVICE = json.dumps({"invokedBy": "AWS Internal"})


class Recorder:
    """Writes events into the lab's store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def success(
        self,
        call: Call,
        arns: Sequence[str],
        output: Output,
        more: Mapping[str, Any] = _NOTHING,
        invoked_by: str = "",
    ) -> str:
        """Records a call that was answered; returns its request id.

        `more` goes to additionalEventData; `invoked_by` is KMS where it calls another Region.
        """
        names = _SHOWN_ANSWERS.get(call.operation, ())
        shown = {name: output[name] for name in names if name in output}
        arns = arns or [value["Arn"] for value in shown.values()]
        if call.operation in _ARN_SHOWN:
            shown["KeyId"] = arns[0]
        if "KeyMaterialId" in output and "KeyMaterialId" not in shown:
            more = {**more, "keyMaterialId": output["KeyMaterialId"]}
        details = {
            "requestParameters": _parameters(call),
            "responseElements": _members(shown) or None,
            **({"additionalEventData": dict(more)} if more else {}),
        }
        return self._write(call, arns, details, invoked_by)

    def happened(
        self, arn: str, name: str, time: float, about: dict[str, str] | None = None
    ) -> None:
        """Records what KMS did to a key by itself, such as RotateKey; `about` are its details."""
        _, _, service, region, account, _ = arn.split(":")
        details: dict[str, Any] = {"requestParameters": None, "responseElements": None}
        if about:
            details["serviceEventDetails"] = about
        else:
            details["responseElements"] = {"keyId": arn}
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

    def _write(
        self, call: Call, arns: Sequence[str], details: dict[str, Any], invoked_by: str = ""
    ) -> str:
        return self._insert(
            (
                *(call.service, call.operation, call.region, call.account, call.user_agent),
                *(_identity(call.principal, invoked_by), " ".join(arns), json.dumps(details)),
            )
        )

    def _insert(self, row: tuple[str, ...], time: float | None = None) -> str:
        """Writes an event, of now or of another time; returns its request id."""
        # A seeded lab counts events for its ids and its clock: nobody may come in between.
        with nullcontext() if self._settings.seed is None else self._store.transaction():
            request_id = self._settings.new_request_id()
            self._store.append(
                "INSERT INTO event (request_id, time, service, operation, region, recipient, "
                "user_agent, identity, resources, details) VALUES (?, coalesce(?, ? + "
                "(SELECT value FROM lab WHERE name = 'offset')), ?, ?, ?, ?, ?, ?, ?, ?)",
                (request_id, time, self._settings.unmoved(), *row),
            )
        return request_id


@lru_cache
def _identity(who: Principal, invoked_by: str) -> str:
    """A caller as the event's userIdentity, in JSON."""
    return json.dumps(
        {
            "type": "IAMUser",
            "principalId": who.unique_id,
            "arn": who.arn,
            "accountId": who.account,
            "accessKeyId": who.access_key_id,
            "userName": who.name,
            **({"invokedBy": invoked_by} if invoked_by else {}),
        }
    )


def _parameters(call: Call) -> dict[str, Any] | None:
    if call.operation in _WITHOUT_PARAMETERS:
        return None
    shown = dict(call.parameters)
    for name in _ALGORITHMS.get(call.operation, ()):
        shown.setdefault(name, "SYMMETRIC_DEFAULT")
    return _members(shown) or None


def _members(members: dict[str, Any]) -> dict[str, Any]:
    """CloudTrail begins AWS's member names with a small letter; dates are text; no bytes at all."""
    return {
        camel(name): _plain(name, value)
        for name, value in members.items()
        if not isinstance(value, bytes | bytearray) and name not in _SECRET_PARAMETERS
    }


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict) and "EncryptionContext" not in name:
        return _members(value)
    if isinstance(value, list | tuple):
        return [_plain(name, each) for each in value]
    return _date(value) if isinstance(value, datetime) else value


def _date(value: datetime) -> str:
    """A time as CloudTrail writes it in parameters and answers: May 21, 2026, 5:47:45 AM."""
    with suppress(OverflowError):  # within a day of the calendar's ends
        value = value.astimezone(UTC)
    return f"{value:%b} {value.day}, {value.year}, {value.hour % 12 or 12}:{value:%M:%S %p}"
