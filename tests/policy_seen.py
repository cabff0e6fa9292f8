"""What a generated case holds, as labels: for counting what the generator covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from naive_conditions import NEGATED, items

Case = Mapping[str, Any]

OPERATORS = (
    *("StringEquals", "StringEqualsIgnoreCase", "StringLike", "Bool", "BinaryEquals", "IpAddress"),
    *("ArnEquals", "ArnLike"),
    *NEGATED,
    *(
        family + relation
        for family in ("Numeric", "Date")
        for relation in (
            "Equals",
            "LessThan",
            "LessThanEquals",
            "GreaterThan",
            "GreaterThanEquals",
        )
    ),
)
CONDITIONS = (
    *(
        f"condition {quantifier}{operator}{exists}"
        for operator in OPERATORS
        for quantifier in ("", "ForAllValues:", "ForAnyValue:")
        for exists in ("", "IfExists")
    ),
    "condition Null",
)
PRINCIPALS = tuple(
    f"principal {form}"
    for form in (
        *("*", "AWS *", "account ARN", "account id", "user", "role", "session", "federated"),
        *("wildcard", "group", "unique id", "Service", "Federated", "CanonicalUser"),
        *("NotPrincipal Allow", "NotPrincipal Deny"),
    )
)
PLACES = ("resource_policy", "identity_policies", "boundary", "session_policy", "scps", "rcps")
OTHERS = (
    *(f"{place} {effect}" for place in PLACES for effect in ("Allow", "Deny") if place != "rcps"),
    "rcps Deny",
    *("empty SCP level", "several levels", "no Version", "2008-10-17", "2012-10-17"),
    *("caller user", "caller role", "caller assumed-role", "caller federated-user", "caller root"),
    *("service-linked role", "same account", "cross account"),
    *("kms key", "s3", "sts", "no resource"),
    *("Action", "NotAction", "Resource", "NotResource", "neither Resource", "one statement"),
    *("variable with value", "variable with default", "variable without value"),
    *(
        "variable ${*}",
        "variable ${?}",
        "variable ${$}",
        "variable in Action",
        "variable too early",
    ),
    *("variable in another Version", "unquoted Boolean", "unquoted number"),
    *("pattern *", "pattern ?", "literal .", "literal +", "literal [", "literal ("),
    *("key without value", "empty text", "key of several values", "key in capitals"),
)
EVERYTHING = (*CONDITIONS, *PRINCIPALS, *OTHERS)


def documents(case: Case, place: str) -> Iterator[dict[str, Any]]:
    """The documents of one kind in a case."""
    found = case.get(place)
    if found is None:
        return
    for one in items(found):
        yield from one if isinstance(one, list) else [one]


def principals(statement: Mapping[str, Any]) -> Iterator[str]:
    """The forms of principals in a statement."""
    if "NotPrincipal" in statement:
        yield f"NotPrincipal {statement['Effect']}"
    value = statement.get("Principal", {})
    if value == "*":
        yield "*"
        return
    yield from value.keys() - {"AWS"}
    marks = (
        *((":root", "account ARN"), ("/*", "wildcard"), (":user/", "user"), (":role/", "role")),
        *((":assumed-role/", "session"), (":federated-user/", "federated"), (":group/", "group")),
        *(("AIDA", "unique id"), ("*", "AWS *")),
    )
    for name in items(value.get("AWS", [])):
        yield next((form for mark, form in marks if mark in name), "account id")


def variables(text: str, case: Case) -> Iterator[str]:
    """The kinds of variables in a text of a document that knows them."""
    for inside in (part.split("}")[0] for part in text.split("${")[1:]):
        name, comma, _ = inside.partition(", ")
        if inside in ("*", "?", "$"):
            yield f"variable ${{{inside}}}"
        elif isinstance(known(case).get(name.lower()), str):
            yield "variable with value"
        else:
            yield "variable with default" if comma else "variable without value"


def known(case: Case) -> dict[str, Any]:
    """The context by names in lower case, with some of what follows from the principal."""
    follows = {"aws:principalarn": "", "aws:principalaccount": "", "aws:principaltype": ""}
    return follows | {name.lower(): value for name, value in case["context"].items()}


def texts(text: Any, modern: bool, case: Case) -> Iterator[str]:
    """What a value in a document holds."""
    if isinstance(text, bool):
        yield "unquoted Boolean"
    elif not isinstance(text, str):
        yield "unquoted number"
    elif "${" in text:
        yield from variables(text, case) if modern else ["variable in another Version"]
    else:
        yield from (f"pattern {mark}" for mark in "*?" if mark in text)
        yield from (f"literal {mark}" for mark in ".+[(" if mark in text)


def statement_labels(statement: Mapping[str, Any], modern: bool, case: Case) -> Iterator[str]:
    """What a statement holds."""
    yield from (f"principal {form}" for form in principals(statement))
    yield from statement.keys() & {"Action", "NotAction", "Resource", "NotResource"}
    if not statement.keys() & {"Resource", "NotResource"}:
        yield "neither Resource"
    for text in items(statement.get("Action", [])):
        yield from ["variable in Action"] if "${" in text else []
    for text in items(statement.get("Resource", [])):
        yield from ["variable too early"] if text.startswith("arn:aws:${") else []
        yield from texts(text, modern, case)
    for name, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield f"condition {name}"
            yield from ["key in capitals"] if key.isupper() else []
            for text in items(values):
                yield from texts(text, modern, case)


def seen(case: Case) -> Iterator[str]:
    """Every label of a case, as often as it is there."""
    caller, resource = case["principal"].split(":", 5)[5], case["resource"]
    yield "caller " + caller.split("/")[0]
    yield from ["service-linked role"] if "role/AWSServiceRoleFor" in caller else []
    yield "same account" if case["account"] == case["resource_account"] else "cross account"
    yield {"kms": "kms key", "s3": "s3", "iam": "sts"}.get((resource + "::").split(":")[2], "s3")
    yield from ["no resource"] if resource == "*" else []
    yield from ["empty SCP level"] if [] in case["scps"] else []
    yield from ["several levels"] if len(case["scps"]) > 1 else []
    for value in case["context"].values():
        yield from ["empty text"] if value == "" else []
        if isinstance(value, list) and len(value) != 1:
            yield "key of several values" if value else "key without value"
    for place in PLACES:
        for document in documents(case, place):
            version = document.get("Version", "no Version")
            yield version
            yield from ["one statement"] if isinstance(document["Statement"], dict) else []
            for statement in items(document["Statement"]):
                yield f"{place} {statement['Effect']}"
                yield from statement_labels(statement, version == "2012-10-17", case)
