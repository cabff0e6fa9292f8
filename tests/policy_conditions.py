"""Conditions that hold for a request, or miss it by a little."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

import policy_words as pool
from policy_elements import MODERN, escaped, fooled, near_word, swapped, wild, with_variable
from policy_words import Scene, Values

Make = Callable[[Scene, str, str, bool, str], Any]

STRINGS = ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
ORDERED = (
    "Equals",
    "NotEquals",
    "LessThan",
    "LessThanEquals",
    "GreaterThan",
    "GreaterThanEquals",
)
ARN_NAMES = ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")


def shown(scene: Scene, text: str) -> Any:
    """A number or Boolean, with or without quotation marks."""
    if scene.chance(0.6):
        return text
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text)


def string(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for a string operator."""
    like = operator.endswith("Like")
    way = scene.rng.random()
    if way < 0.12 and not hit:
        return fooled(scene, value, version)
    if version == MODERN and value and way < 0.25:
        return with_variable(scene, value, hit)
    if hit and like:
        return wild(scene, value) if way < 0.75 else escaped(scene, value, version)
    if hit:
        plain = swapped(value) if operator.endswith("IgnoreCase") and way < 0.7 else value
        return escaped(scene, plain, version)
    if like:
        return escaped(scene, near_word(value), version) if way < 0.7 else value + "?"
    if operator.endswith("IgnoreCase"):
        return value[:-1] + "*" if way < 0.6 else value + "."
    return wild(scene, value) if way < 0.5 else near_word(value)


def steps(operator: str, hit: bool) -> tuple[int, ...]:
    """How far the policy's number may lie above the request's for the operator to hold or not."""
    holds = {
        "Equals": (0,),
        "NotEquals": (0,),
        "LessThan": (1, 2),
        "LessThanEquals": (0, 1),
        "GreaterThan": (-1, -2),
        "GreaterThanEquals": (0, -1),
    }[operator]
    return holds if hit else tuple(step for step in (-2, -1, 0, 1) if step not in holds)


def number(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for a numeric operator: 900 against 3600, 5 against 5.0. Variables are no numbers."""
    if version == MODERN and not hit and scene.chance(0.1):
        return with_variable(scene, value, found=True)
    far = steps(operator.removeprefix("Numeric"), hit)
    step = far[int(scene.rng.random() * len(far))]
    scale = (1, 7, 91, 2700)[int(scene.rng.random() * 4)]
    wanted = Decimal(value) + step * scale
    text = str(wanted)
    if "." not in text and scene.chance(0.3):
        text += ".0"
    return shown(scene, text)


def written(scene: Scene, moment: datetime) -> Any:
    """A moment in one of the forms that AWS reads."""
    way = scene.rng.random()
    if way < 0.2:
        return shown(scene, str(int(moment.timestamp())))
    if way < 0.3 and (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.strftime("%Y-%m-%d") if moment.day > 1 else moment.strftime("%Y-%m")
    if way < 0.55:
        zone = timezone(timedelta(hours=scene.rng.randrange(-11, 13), minutes=30))
        return moment.astimezone(zone).isoformat()
    if way < 0.65 and moment.second == 0:
        return moment.strftime("%Y-%m-%dT%H:%MZ")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def date(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for a date operator; seconds are what the context's moments are known by."""
    del version
    far = steps(operator.removeprefix("Date"), hit)
    step = far[int(scene.rng.random() * len(far))]
    unit = (1, 1800, 86400)[int(scene.rng.random() * 3)]
    moment = datetime.fromtimestamp(int(value), UTC) + timedelta(seconds=step * unit)
    return written(scene, moment)


def boolean(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for Bool."""
    del operator
    if version == MODERN and scene.chance(0.1):
        return with_variable(scene, value, hit) if hit else "${aws:PrincipalTag/absent}"
    return shown(scene, value if hit else {"true": "false"}.get(value, "true"))


def binary(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for BinaryEquals."""
    del operator, version
    others = [one for one in pool.BINARIES if one != value]
    return value if hit else scene.one([*others, value.lower() if value == "AAEC" else "AAED"])


def address(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for an address operator."""
    del operator, version
    if ":" in value:
        hits = ("2001:DB8::/32", "2001:db8::/16", "::/0", value + "/128")
        return scene.one(hits if hit else ("0.0.0.0/0", "2001:DB9::/32", "10.1.2.3"))
    parts = value.split(".")
    if hit:
        zero = ".".join([*parts[:3], "0"])
        return scene.one((value, value + "/8", zero + "/24", "0.0.0.0/0", value + "/31"))
    near = str(ip_address(int(ip_address(value)) ^ 1))
    return scene.one((near, near + "/32", "2001:DB8::/32", "::/0", "192.0.2.0/24"))


def arn(scene: Scene, operator: str, value: str, hit: bool, version: str) -> Any:
    """A value for an ARN operator; a `*` that would have to cross a colon misses."""
    del operator
    parts = value.split(":", 5)
    way = scene.rng.random()
    if way < 0.08 and not hit:
        parts[5] = fooled(scene, parts[5], version)
        return ":".join(parts)
    if version == MODERN and way < 0.15:
        return with_variable(scene, value, hit)
    if hit:
        at = 1 + int(scene.rng.random() * 5)
        parts[at] = wild(scene, parts[at]) if parts[at] else scene.one(("", "*"))
        return ":".join(parts)
    if way < 0.45:
        return ":".join(
            [*parts[:4], "*", parts[5].split(":")[-1] + ("" if ":" in parts[5] else "x")]
        )
    if way < 0.6:
        return ":".join([*parts[:2], "*", parts[5]])
    return swapped(value) if way < 0.8 else value.replace("arn:aws:", "arn:aws-cn:")


FAMILIES: tuple[tuple[float, Make, tuple[str, ...], tuple[str, ...]], ...] = (
    (0.36, string, tuple(f"String{name}" for name in STRINGS), pool.STRING_KEYS),
    (0.50, string, tuple(f"String{name}" for name in STRINGS), pool.STRING_LISTS),
    (0.61, number, tuple(f"Numeric{name}" for name in ORDERED), pool.NUMBER_KEYS),
    (0.71, date, tuple(f"Date{name}" for name in ORDERED), pool.DATE_KEYS),
    (0.77, boolean, ("Bool",), pool.BOOL_KEYS),
    (0.81, binary, ("BinaryEquals",), pool.BINARY_KEYS),
    (0.89, address, ("IpAddress", "NotIpAddress"), pool.ADDRESS_KEYS),
    (0.96, arn, ARN_NAMES, pool.ARN_KEYS),
    (1.01, arn, ARN_NAMES, pool.ARN_LISTS),
)


SAMPLES: dict[Make, str] = {  # what conditions on a missing key are made around
    number: "5",
    date: "1704067200",
    boolean: "true",
    binary: "AAEC",
    address: "10.1.2.3",
    arn: pool.ARNS[0],
}


def matched(quantifier: str, negated: bool, truth: bool) -> str:
    """Which of the request's values the policy's must match: all, some or none."""
    if not quantifier:
        return "all" if truth != negated else "none"
    if quantifier == "ForAllValues":
        return ("none" if negated else "all") if truth else ("some" if negated else "not all")
    return ("not all" if negated else "some") if truth else ("all" if negated else "none")


def wanted_values(
    scene: Scene, make: Make, operator: str, values: list[str], need: str, version: str
) -> Any:
    """The policy's values, so that all, some or none of the request's are matched."""
    base = operator.replace("Not", "")
    hits = {"all": len(values), "none": 0, "some": 1, "not all": len(values) - 1}[need]
    found = [
        make(scene, base, value, at < hits, version)
        for at, value in enumerate(values)
        if at < hits or scene.chance(0.6)
    ]
    if not found or scene.chance(0.25):
        found.append(make(scene, base, values[-1], hits == len(values), version))
    if len(found) == 1 and scene.chance(0.7):
        return found[0]
    return found if scene.chance(0.5) else found[::-1]


def null(scene: Scene, truth: bool) -> tuple[str, str, Any]:
    """Null, which can always be made true or false."""
    keys = (*pool.STRING_KEYS, *pool.STRING_LISTS, *pool.NUMBER_KEYS, "aws:TokenIssueTime")
    key = scene.one(keys)
    absent = not scene.context.get(key)
    return "Null", key, shown(scene, "true" if absent == truth else "false")


def fixed(quantifier: str, negated: bool, exists: bool, values: Values | None) -> bool:
    """What a condition comes to when the key is absent, or there without a value."""
    if values is None and exists:
        return True
    return quantifier == "ForAllValues" if quantifier else negated


def attempt(scene: Scene, truth: bool, version: str) -> tuple[str, str, Any] | None:
    """A condition of a random family, or None where it can't come out as asked."""
    way = scene.rng.random()
    _, make, operators, keys = next(family for family in FAMILIES if way < family[0])
    key, operator = scene.one(keys), scene.one(operators)
    values = scene.context.get(key)
    several = isinstance(values, list) or values == "" or scene.chance(0.12)
    quantifier = scene.one(("ForAllValues", "ForAnyValue")) if several else ""
    exists = scene.chance(0.22)
    negated = "Not" in operator
    if not values:
        if fixed(quantifier, negated, exists, values) != truth:
            return None
        present = [SAMPLES.get(make, "blue")]
    else:
        present = [values] if isinstance(values, str) else values
    if make is date:
        present = [str(int(moment(value))) for value in present]
    need = matched(quantifier, negated, truth)
    wanted = wanted_values(scene, make, operator, present, need, version)
    name = (quantifier + ":" if quantifier else "") + operator + ("IfExists" if exists else "")
    return name, key, wanted


def moment(text: str) -> float:
    """Seconds since 1970 of a date in the context."""
    return float(text) if text.isdigit() else datetime.fromisoformat(text).timestamp()


def condition(scene: Scene, truth: bool, version: str) -> tuple[str, str, Any]:
    """One condition that comes out as asked, as far as can be told when it is made."""
    if not scene.chance(0.06):
        for _ in range(6):
            found = attempt(scene, truth, version)
            if found is not None:
                name, key, wanted = found
                return name, key.upper() if scene.chance(0.08) else key, wanted
    return null(scene, truth)
