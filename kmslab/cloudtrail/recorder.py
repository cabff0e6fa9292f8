"""Writes events: one short row a call, refused calls too, written before the answer is given.

CloudTrail's own, longer shape is made when the trail is read (`events.py`): a call is made far more
often than an event is looked at. What a row may hold is said in `shown.py`: never a secret.

A call on a key or role of another account leaves two events with one sharedEventID: the caller's,
and a copy for the owner, who sees no more of a stranger than account and id. A call that was denied
leaves the caller's alone ("Logging AWS KMS API calls with AWS CloudTrail"). A service's own call is
seen by the owner only: the service's account is not in the lab.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import DIRECT, Call, Output
from kmslab.cloudtrail import identity, shown
from kmslab.errors import AwsError
from kmslab.iam.decision import Layer
from kmslab.iam.evaluate import decide
from kmslab.settings import Settings
from kmslab.store import Store

HOME = "us-east-1"  # where events of services without Regions are
GLOBAL = frozenset({"iam"})
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_INTERNAL = "AWS Internal"
_ITSELF = json.dumps({"invokedBy": _INTERNAL})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied"})
_INSERT = """
    INSERT INTO event (request_id, time, service, operation, region, recipient, user_agent,
                       identity, resources, details)
    VALUES (?, coalesce(?, ? + (SELECT value FROM lab WHERE name = 'offset')),
            ?, ?, ?, ?, ?, ?, ?, ?)
"""
# IAM's errors on the wire are not the names of its exceptions, which is what events show.
_IAM_ERRORS = frozenset(
    {
        *("NoSuchEntity", "EntityAlreadyExists", "MalformedPolicyDocument", "DeleteConflict"),
        *("LimitExceeded", "InvalidInput", "ConcurrentModification", "PolicyNotAttachable"),
        *("UnmodifiableEntity", "ServiceFailure", "PolicyEvaluation"),
    }
)
Row = tuple[str, ...]


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
        request_id: str = "",
    ) -> str:
        """Records a call that was answered; returns its request id.

        `arns` are the keys it was about; `more` goes to additionalEventData; `invoked_by` is KMS
        where it calls another Region; `request_id` is the call's where it has one already.
        """
        answered = shown.answer(call, output, arns)
        details = {"requestParameters": shown.parameters(call), "responseElements": answered}
        arns = arns or shown.resources(call, answered)
        if "KeyMaterialId" in output and "keyMaterialId" not in (answered or ()):
            more = {**more, "keyMaterialId": output["KeyMaterialId"]}
        if more:
            details["additionalEventData"] = dict(more)
        return self._write(call, arns, details, invoked_by, request_id=request_id)

    def failure(
        self,
        call: Call,
        arns: Sequence[str],
        error: AwsError,
        more: Mapping[str, Any] = _NOTHING,
        request_id: str = "",
    ) -> str:
        """Records a call that was refused; returns its request id. The rest is as in `success`.

        One that only the policy of a VPC endpoint refused leaves no event ("Logging AWS KMS
        requests that use a VPC endpoint").
        """
        if _stopped_at_the_door(error):
            with self._store.transaction():
                return self._settings.new_id()
        denied = error.code in _DENIED
        if denied:  # whether another account's key exists, a refusal doesn't say
            arns = [arn for arn in arns if _owner(arn) == call.account]
        details = {
            "errorCode": "AccessDenied" if denied else _code(call, error),
            "errorMessage": error.message or None,
            "requestParameters": None if denied else shown.parameters(call),
            "responseElements": None,
            **({"additionalEventData": dict(more)} if more else {}),
        }
        return self._write(call, arns, details, denied=denied, request_id=request_id)

    def happened(
        self,
        arn: str,
        name: str,
        time: float,
        about: dict[str, str] | None = None,
        more: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Records what KMS did to a key by itself, such as RotateKey; `about` are its details."""
        _, _, service, region, account, _ = arn.split(":")
        details: dict[str, Any] = {"requestParameters": None, "responseElements": None}
        if about:
            details["serviceEventDetails"] = about
        else:
            details["responseElements"] = {"keyId": arn}
        if more:
            details["additionalEventData"] = dict(more)
        row = (service, name, region, account, "AWS Internal", _ITSELF, arn, json.dumps(details))
        self._insert([row], time)

    def _write(
        self,
        call: Call,
        arns: Sequence[str],
        details: dict[str, Any],
        invoked_by: str = "",
        denied: bool = False,
        request_id: str = "",
    ) -> str:
        who, way, agent = call.principal, call.way, call.user_agent
        if way is not DIRECT or who.kind == "service":
            invoked_by = invoked_by or identity.invoker(way)
            agent = _describe_way(call, details) or agent
        elif agent == _INTERNAL:  # a host of EC2, with a role of AWS's own
            invoked_by = agent
        owners = () if denied else _owners(call, arns)
        if owners:
            details["isShared"] = True
        seen = [(owner, identity.stranger(who, invoked_by)) for owner in owners]
        if not seen or who.kind != "service":
            seen.insert(0, (call.account, identity.user_identity(who, invoked_by, way.mfa)))
        region, resources, shape = _region(call), " ".join(arns), json.dumps(details)
        return self._insert(
            [
                (call.service, call.operation, region, recipient, agent, caller, resources, shape)
                for recipient, caller in seen
            ],
            request_id=request_id,
        )

    def _insert(self, rows: Sequence[Row], time: float | None = None, request_id: str = "") -> str:
        """Writes the events of one request, of now or of another time; returns its request id."""
        # A seeded lab counts events for its ids and its clock: nobody may come in between.
        alone = self._settings.seed is None and len(rows) == 1
        with nullcontext() if alone else self._store.transaction():
            request_id = request_id or self._settings.new_request_id()
            now = self._settings.unmoved()
            for row in rows:
                self._store.append(_INSERT, (request_id, time, now, *row))
        return request_id


def _region(call: Call) -> str:
    return HOME if call.service in GLOBAL else call.region


def _stopped_at_the_door(error: AwsError) -> bool:
    """Whether a call would have been allowed but for the policy of its VPC endpoint."""
    if not error.decisions or error.decisions[-1].layer is not Layer.ENDPOINT:
        return False
    last = error.decisions[-1]
    return decide(last.request, replace(last.policies, endpoint=None)).allowed


def _owner(arn: str) -> str:
    return arn.split(":", 5)[4]


def _owners(call: Call, arns: Sequence[str]) -> Sequence[str]:
    """The other accounts that what the call was about belongs to."""
    owners: dict[str, None] = {}  # each once, in order
    for arn in arns:
        owner = _owner(arn)
        if owner != call.account and owner.isdigit():
            owners[owner] = None
    return tuple(owners)


def _describe_way(call: Call, details: dict[str, Any]) -> str:
    """Adds to an event how its call came; returns the userAgent, if that is a service."""
    service = identity.invoker(call.way)
    if not service and call.principal.kind == "service":
        service = call.principal.name
    details["sourceIPAddress"] = service or call.way.source_ip
    if call.way.endpoint is not None:
        details["vpcEndpointId"] = call.way.endpoint.endpoint_id
    return service


def _code(call: Call, error: AwsError) -> str:
    if call.service == "ec2":
        return f"{'Server' if error.status >= 500 else 'Client'}.{error.code}"
    is_iam = call.service == "iam" and error.code in _IAM_ERRORS
    return f"{error.code}Exception" if is_iam else error.code
