"""The CloudTrail service, as far as every account has it without a trail: its event history.

1 validate   is its shape right?                         aws/validation.py, botocore's model
2 authorize  may this caller look?                       the lab's own policies
3 look up    a page of the caller's account and Region   lookup.py
4 record     a look at the trail is an event too         recorder.py

AWS documents errors of LookupEvents, and not their messages: those are kmslab's own words. AWS is
reported to take the first of several lookup attributes and to ignore the others; its documentation
allows one, and so does kmslab.
Source: AWS CloudTrail API Reference, LookupEvents.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from botocore.model import ServiceModel

from kmslab.aws.authorize import Authorize
from kmslab.aws.call import Answer, Call, Output, Parameters
from kmslab.aws.failures import Failures
from kmslab.aws.validation import validate
from kmslab.cloudtrail.lookup import NEWEST, Query, lookup
from kmslab.cloudtrail.recorder import Recorder
from kmslab.errors import AwsError
from kmslab.settings import Settings
from kmslab.store import Store

MOST_RESULTS = 50
HISTORY_SECONDS = 90 * 24 * 3600  # how far back the event history goes
_ATTRIBUTES = (
    *("EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName"),
    *("EventSource", "AccessKeyId"),
)

_FAILURES = Failures(
    busy=("ServiceUnavailable", 503),
    broken=("InternalFailure", 500),
    text=("SerializationException", 400),
)


class CloudTrail:
    """CloudTrail's event history for every account and Region of a lab."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        recorder: Recorder,
        model: ServiceModel,
        authorize: Authorize,
    ) -> None:
        self._store = store
        self._settings = settings
        self._recorder = recorder
        self._model = model
        self._authorize = authorize

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that AWS would answer with."""
        with _FAILURES.translated():
            try:
                with _FAILURES.translated():
                    output = self._answer(call)
            except AwsError as error:
                error.request_id = self._recorder.failure(call, (), error)
                raise
            return Answer(output, self._recorder.success(call, (), output))

    def _answer(self, call: Call) -> Output:
        self._store.catch_up()
        if call.operation != "LookupEvents":
            raise AwsError(
                "UnsupportedOperationException",
                f"kmslab does not answer cloudtrail:{call.operation} yet, only LookupEvents.",
            )
        _check(call.parameters)
        validate(self._model.operation_model(call.operation), call.parameters)
        self._authorize(call, "cloudtrail:LookupEvents", "*")
        query = _query(call, self._settings.now())
        if call.parameters.get("EventCategory"):  # the lab has no Insights events
            return {"Events": []}
        entries, last = lookup(self._store, query)
        more = {} if last is None else {"NextToken": _token(call, last)}
        return {"Events": entries, **more}


def _check(parameters: Parameters) -> None:
    """What LookupEvents has errors of its own for."""
    size = parameters.get("MaxResults")
    if size is not None and not 1 <= size <= MOST_RESULTS:
        raise AwsError(
            "InvalidMaxResultsException",
            f"MaxResults is {size}; it must be between 1 and {MOST_RESULTS}.",
        )
    attributes = parameters.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise AwsError(
            "InvalidLookupAttributesException", "LookupAttributes can contain only one item."
        )
    for attribute in attributes:
        key = attribute.get("AttributeKey")
        if key is not None and key not in _ATTRIBUTES:
            raise AwsError(
                "InvalidLookupAttributesException",
                f"{key} is not a lookup attribute; these are: {', '.join(_ATTRIBUTES)}.",
            )
    category = parameters.get("EventCategory")
    if category not in (None, "insight"):
        raise AwsError("InvalidEventCategoryException", f"{category} is not an event category.")


def _query(call: Call, now: float) -> Query:
    """What a call asks for: by default the last 90 days of the lab's time."""
    asked = call.parameters
    times = [asked.get(name) for name in ("StartTime", "EndTime")]
    start, end = (None if time is None else time.timestamp() for time in times)
    if start is not None and end is not None and start > end:
        raise AwsError("InvalidTimeRangeException", "StartTime is after EndTime.")
    first = int(now) - HISTORY_SECONDS
    if end is not None and end < first:
        raise AwsError("InvalidTimeRangeException", "EndTime is more than 90 days ago.")
    attribute: dict[str, Any] = next(iter(asked.get("LookupAttributes") or ()), {})
    return Query(
        account=call.account,
        region=call.region,
        start=first if start is None else max(start, first),
        end=now if end is None else end,
        attribute=attribute.get("AttributeKey", ""),
        value=attribute.get("AttributeValue", ""),
        size=asked.get("MaxResults") or MOST_RESULTS,
        before=_read(call),
    )


def _token(call: Call, last: int) -> str:
    return base64.urlsafe_b64encode(f"{last} {_digest(call)}".encode()).decode()


def _read(call: Call) -> int:
    """The number in a NextToken. It goes with the request that it was given for, and no other."""
    token = call.parameters.get("NextToken")
    if token is None:
        return NEWEST
    try:
        number = int(base64.urlsafe_b64decode(token).split()[0])
        if token == _token(call, number):
            return max(0, min(number, NEWEST))
    except (IndexError, ValueError):
        pass
    raise AwsError("InvalidNextTokenException", "NextToken is not valid, or is of another request.")


def _digest(call: Call) -> str:
    asked = {name: value for name, value in call.parameters.items() if name != "NextToken"}
    request = json.dumps([call.account, call.region, asked], default=str, sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()[:32]
