"""The condition operators: how one value of a request is compared with one value of a policy.

Each family reads a policy's value once, when the document is compiled (`prepare`), and compares it
with the request's (`compare`). A value that isn't of the family, such as a word among numbers,
equals nothing. Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from types import MappingProxyType
from typing import Any

from kmslab.iam.wildcards import matches, plain

ARN_PARTS = 6
_SECONDS = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Compare = Callable[[str, str], bool]  # the request's value, the policy's


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: how it compares, and whether it is true when nothing equals."""

    name: str
    compare: Compare
    negated: bool = False
    variables: bool = False  # whether policy variables work in its values


def _ordered(read: Callable[[str], Any], relation: Callable[[Any, Any], bool]) -> Compare:
    """Compares what both texts mean; a text without a meaning is in no relation to another."""

    def compare(asked: str, wanted: str) -> bool:
        one, other = read(asked), read(wanted)
        return one is not None and other is not None and bool(relation(one, other))

    return compare


@lru_cache(maxsize=4096)
def number(text: str) -> Decimal | None:
    """A number, or None: "5" is "5.0"."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


@lru_cache(maxsize=4096)
def moment(text: str) -> float | None:
    """A date in seconds since 1970, from ISO 8601 or from seconds; without a zone it is UTC."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    except ValueError:
        return None
    return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - _EPOCH).total_seconds()


@lru_cache(maxsize=4096)
def truth(text: str) -> bool | None:
    """True, false, or neither."""
    return {"true": True, "false": False}.get(text.lower())


@lru_cache(maxsize=4096)
def _octets(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


@lru_cache(maxsize=4096)
def in_network(asked: str, wanted: str) -> bool:
    """Whether an address lies in a network; a bare address is a network of one."""
    try:
        return ip_address(asked) in ip_network(wanted, strict=False)
    except (ValueError, TypeError):
        return False


def like_arn(asked: str, wanted: str) -> bool:
    """Each of the six parts of an ARN is compared alone, so a star crosses no colon before them."""
    parts, patterns = asked.split(":", ARN_PARTS - 1), wanted.split(":", ARN_PARTS - 1)
    return len(parts) == len(patterns) == ARN_PARTS and all(
        matches(pattern, part) for pattern, part in zip(patterns, parts, strict=True)
    )


def _equal(asked: str, wanted: str) -> bool:
    return asked == plain(wanted)


def _equal_in_any_case(asked: str, wanted: str) -> bool:
    return asked.lower() == plain(wanted).lower()


def _like(asked: str, wanted: str) -> bool:
    return matches(wanted, asked)


def _pair(name: str, compare: Compare, *, variables: bool = False) -> list[Operator]:
    """An operator and its opposite: StringEquals, StringNotEquals; IpAddress, NotIpAddress."""
    family = next(
        (each for each in ("String", "Numeric", "Date", "Arn") if name.startswith(each)), ""
    )
    return [
        Operator(name, compare, variables=variables),
        Operator(f"{family}Not{name.removeprefix(family)}", compare, True, variables),
    ]


def _relations(family: str, read: Callable[[str], Any]) -> list[Operator]:
    relations = {"LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge}
    return [
        *_pair(f"{family}Equals", _ordered(read, eq)),
        *(Operator(family + name, _ordered(read, each)) for name, each in relations.items()),
    ]


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        each.name.lower(): each
        for each in (
            *_pair("StringEquals", _equal, variables=True),
            *_pair("StringEqualsIgnoreCase", _equal_in_any_case, variables=True),
            *_pair("StringLike", _like, variables=True),
            *_relations("Numeric", number),
            *_relations("Date", moment),
            Operator("Bool", _ordered(truth, eq), variables=True),
            Operator("BinaryEquals", _ordered(_octets, eq)),
            *_pair("IpAddress", in_network),
            *_pair("ArnEquals", like_arn, variables=True),
            *_pair("ArnLike", like_arn, variables=True),
        )
    }
)
