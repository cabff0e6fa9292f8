"""LookupEvents: the events of one account and Region, newest first, a page at a time.

What can be asked in SQL is: so 100,000 events are looked through without being read. The rest is
compared on the entries of a page, and pages go on by the number of an event. In AWS an event shows
up some minutes after its call; here at once.
Source: AWS CloudTrail API Reference, LookupEvents; samples of answers of AWS for AssumeRole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from kmslab.cloudtrail.events import COLUMNS, Event, event, event_id
from kmslab.cloudtrail.identity import user_name
from kmslab.cloudtrail.shown import read_only
from kmslab.store import Store

Entry = dict[str, Any]
Condition = tuple[str, tuple[Any, ...]]  # SQL, and the values in it
NEWEST = 2**63 - 1  # above any event's number
# Parameters of IAM's operations that name a resource.
_NAMED: Mapping[str, str] = MappingProxyType(
    {
        "userName": "AWS::IAM::User",
        "roleName": "AWS::IAM::Role",
        "groupName": "AWS::IAM::Group",
        "policyArn": "AWS::IAM::Policy",
        "accessKeyId": "AWS::IAM::AccessKey",
    }
)


@dataclass(frozen=True, slots=True)
class Query:
    """What a page of events is asked for."""

    account: str
    region: str
    start: float  # seconds since 1970; both ends belong to it
    end: float
    attribute: str = ""  # as in EventName; none: every event
    value: str = ""
    size: int = 50
    before: int = NEWEST  # the number of the last event of the page before


def lookup(store: Store, query: Query) -> tuple[list[Entry], int | None]:
    """A page of entries, and its last number if there are more."""
    narrowed = _narrow(store, query)
    found: list[tuple[int, Entry]] = []
    for number, entry in _entries(store, query, narrowed):
        if _fits(entry, query.attribute, query.value):
            found.append((number, entry))
        if len(found) > query.size:
            break
    page = found[: query.size]
    return [entry for _, entry in page], page[-1][0] if len(found) > query.size else None


def _entries(store: Store, query: Query, narrowed: Condition) -> Iterator[tuple[int, Entry]]:
    """The entries that SQL found, newest first."""
    condition, values = narrowed
    sql = (
        f"SELECT number, {', '.join(COLUMNS)} FROM event WHERE number < ? AND recipient = ? "
        "AND region = ? AND CAST(time AS INT) BETWEEN ? AND ? "
        f"AND {condition} ORDER BY number DESC LIMIT {query.size + 1}"
    )
    before = query.before
    while True:
        asked = (before, query.account, query.region, query.start, query.end, *values)
        rows = store.rows(sql, asked)
        for number, *columns in rows:
            yield number, _entry(event(columns))
        if len(rows) <= query.size:
            return
        before = rows[-1][0]


def _narrow(store: Store, query: Query) -> Condition:
    """What SQL can say of a lookup attribute. It may let too much pass, and never too little."""
    narrow = _CONDITIONS.get(query.attribute)
    return narrow(store, query) if narrow else ("true", ())


def _by_id(_store: Store, query: Query) -> Condition:
    """An event's id tells its request's, whether the event is shared with an account or not."""
    try:
        asked = (event_id(query.value), event_id(query.value, query.account))
    except ValueError:  # no UUID
        return "false", ()
    return "request_id IN (?, ?)", asked


def _by_reading(store: Store, query: Query) -> Condition:
    asked = query.value == "true"
    pairs = [
        pair
        for pair in store.rows("SELECT DISTINCT service, operation FROM event")
        if read_only(*pair) is asked
    ]
    wanted = ", ".join("(?, ?)" for _ in pairs)
    return f"(service, operation) IN (VALUES {wanted})" if pairs else "false", sum(pairs, ())


def _by_user(_store: Store, query: Query) -> Condition:
    """A name is the end of the caller's ARN; root's is :root, which is nobody's name."""
    end = f"/{query.value}"
    return (
        "(substr(json_extract(identity, '$.arn'), ?) = ? "
        "OR (? = 'root' AND json_extract(identity, '$.type') = 'Root'))",
        (-len(end), end, query.value),
    )


def _by_key(_store: Store, query: Query) -> Condition:
    """An access key's id stands in the caller's identity, which is JSON."""
    return "instr(identity, ?)", (json.dumps(query.value),)


def _by_type(_store: Store, query: Query) -> Condition:
    """AWS::KMS::Key is in events of KMS alone; IAM and STS name each other's."""
    service = query.value.split("::")[1].lower() if query.value.count("::") == 2 else ""
    return "service IN (?, ?)", ("iam", "sts") if service in ("iam", "sts") else (service, service)


def _by_resource(_store: Store, query: Query) -> Condition:
    return (
        "(instr(' ' || resources || ' ', ?) OR (service IN ('iam', 'sts') AND instr(details, ?)))",
        (f" {query.value} ", json.dumps(query.value)[1:-1]),
    )


_CONDITIONS: Mapping[str, Callable[[Store, Query], Condition]] = MappingProxyType(
    {
        "EventId": _by_id,
        "EventName": lambda _store, query: ("operation = ?", (query.value,)),
        "EventSource": lambda _store, query: (
            "service || '.amazonaws.com' = ?",
            (query.value,),
        ),
        "ReadOnly": _by_reading,
        "Username": _by_user,
        "AccessKeyId": _by_key,
        "ResourceType": _by_type,
        "ResourceName": _by_resource,
    }
)


def _fits(entry: Entry, attribute: str, value: str) -> bool:
    if attribute in ("ResourceType", "ResourceName"):
        return any(resource.get(attribute) == value for resource in entry["Resources"])
    return not attribute or entry.get(attribute) == value


def _entry(event: Event) -> Entry:
    """An event as LookupEvents answers with it. Services and strangers have no Username."""
    identity = event["userIdentity"]
    name, key = user_name(identity), identity.get("accessKeyId")
    return {
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "ReadOnly": "true" if event["readOnly"] else "false",
        **({"AccessKeyId": key} if key else {}),
        "EventTime": datetime.fromisoformat(event["eventTime"]),
        "EventSource": event["eventSource"],
        **({"Username": name} if name else {}),
        "Resources": [
            {"ResourceType": kind, "ResourceName": name} for kind, name in _resources(event)
        ],
        "CloudTrailEvent": json.dumps(event),
    }


def _resources(event: Event) -> dict[tuple[str, str], None]:
    """What the event is about, each once: types and names."""
    answered = event["responseElements"] or {}
    key = answered.get("credentials", {}).get("accessKeyId")
    session = answered.get("assumedRoleUser", {})
    found = [("AWS::IAM::AccessKey", key)]
    if event["eventSource"] in ("iam.amazonaws.com", "sts.amazonaws.com"):
        asked = event["requestParameters"] or {}
        names = (asked.get("roleSessionName"), session.get("assumedRoleId"), session.get("arn"))
        found += [("AWS::STS::AssumedRole", name) for name in names]
        found += [(kind, asked.get(member)) for member, kind in _NAMED.items()]
    found += [(each.get("type"), each["ARN"]) for each in event["resources"]]
    return dict.fromkeys((kind, name) for kind, name in found if kind and name)
