"""Rules about operators: whether one can compare the values of its key, and the values it is given.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "AWS global condition
context keys" (data types), "IAM policy validation check reference" (Type mismatch …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network

from kmslab.iam.conditions import Condition
from kmslab.iam.operators import moment, number, truth
from kmslab.lint.document import Found, Part
from kmslab.lint.findings import Level
from kmslab.lint.known_keys import Type, known
from kmslab.lint.words import shown

_FAMILIES = ("String", "Numeric", "Date", "Bool", "Binary", "Arn")
# For each type: operators that are made for it. A text compares with any value, if oddly.
_FITTING: Mapping[Type, tuple[str, ...]] = {
    Type.STRING: ("String", "Arn"),
    Type.OPEN: ("String", "Arn"),
    Type.ARN: ("Arn", "String"),
    Type.BOOL: ("Bool",),
    Type.NUMBER: ("Numeric",),
    Type.DATE: ("Date",),
    Type.SECONDS: ("Date", "Numeric"),
    Type.ADDRESS: ("IpAddress",),
}
_ADVISED: Mapping[Type, str] = {
    Type.STRING: "StringEquals or StringLike",
    Type.OPEN: "StringEquals or StringLike",
    Type.ARN: "ArnLike or ArnNotLike",
    Type.BOOL: "Bool",
    Type.NUMBER: "NumericEquals, NumericLessThanEquals or NumericGreaterThanEquals",
    Type.DATE: "DateLessThan or DateGreaterThan",
    Type.SECONDS: "DateLessThan or DateGreaterThan",
    Type.ADDRESS: "IpAddress or NotIpAddress",
}
_ARN_COLONS = 5


def unfitting(part: Part, condition: Condition) -> Iterator[Found]:
    """An operator that isn't made for its key."""
    fact, family = known(condition.lookup_key), family_of(condition)
    fitting = _FITTING.get(fact.type, ()) if fact else ()
    if fact is None or not fitting or not family or family in fitting:
        return
    level: Level
    what, level = "equals nothing", "error"
    if family == "String":
        what, level = "compares them as texts, character by character", "warning"
    elif fact.type is Type.OPEN:
        what, level = "is for values of another type", "warning"
    message = (
        f"the values of {shown(condition.key)} are {fact.type}: {shown(condition.name)} {what}"
    )
    yield Found(part.of(condition), level, message, f"use {_ADVISED[fact.type]}")


def unreadable(part: Part, condition: Condition) -> Iterator[Found]:
    """A value that the operator can't read: it equals nothing."""
    family = family_of(condition)
    readable, example = _READERS.get(family, (None, ""))
    if condition.operator is None:
        readable, example = _is_truth, "true or false"
    if readable is None:
        return
    for at, text in enumerate(condition.wanted):
        if not text.parts and "${" not in text.written and not readable(text.written):
            yield Found(
                part.of(condition, at),
                "warning",
                f"{shown(condition.name)} can't read {shown(text.written)}: it equals nothing",
                f"write {example}",
            )


def family_of(condition: Condition) -> str:
    """The family of its operator: String, Numeric, IpAddress …; empty for Null."""
    name = condition.operator.name if condition.operator else ""
    if "IpAddress" in name:
        return "IpAddress"
    return next((family for family in _FAMILIES if name.startswith(family)), "")


def _is_truth(text: str) -> bool:
    return truth(text) is not None


def _is_number(text: str) -> bool:
    return number(text) is not None


def _is_date(text: str) -> bool:
    return moment(text) is not None


def _is_arn(text: str) -> bool:
    return text.count(":") >= _ARN_COLONS


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


_READERS: Mapping[str, tuple[Callable[[str], bool] | None, str]] = {
    "Numeric": (_is_number, "a number"),
    "Date": (_is_date, "a date such as 2026-01-31T00:00:00Z"),
    "Bool": (_is_truth, "true or false"),
    "Arn": (_is_arn, "an ARN: six parts between colons, with * where any part will do"),
    "IpAddress": (_is_network, "a network such as 203.0.113.0/24"),
}
