"""Does a bucket policy let anybody in? S3 Block Public Access asks this of a policy.

A policy is public if one of its Allow statements is for everybody, unless a condition pins it to
fixed values of who asks or whence: an account, an organisation, a VPC, an address that isn't the
whole internet. Source: "The meaning of 'public'" in "Blocking public access to your Amazon S3
storage". Conditions with wildcards or variables pin nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from kmslab.iam.documents import load

_PINNING = frozenset(
    {
        *(
            "aws:principalaccount",
            "aws:principalarn",
            "aws:principalorgid",
            "aws:principalorgpaths",
        ),
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceowner"),
        *("aws:sourcevpc", "aws:sourcevpce", "aws:userid"),
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_EQUAL = ("stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase")
_WIDEST = {4: 8, 6: 32}  # an address range with a shorter prefix is nearly everybody


def is_public(document: str) -> bool:
    """Whether a policy that S3 took is public."""
    return any(
        statement.get("Effect") == "Allow"
        and _is_for_everybody(statement)
        and not any(_pins(*condition) for condition in _conditions(statement))
        for statement in _listed(load(document)["Statement"])
    )


def _is_for_everybody(statement: dict[str, Any]) -> bool:
    """A principal that names somebody isn't; NotPrincipal is for all the others."""
    principal = statement.get("Principal")
    if principal is None:
        return "NotPrincipal" in statement
    names = principal if isinstance(principal, str) else principal.get("AWS", ())
    return "*" in _listed(names)


def _conditions(statement: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, values in keys.items():
            yield operator.lower(), key.lower(), [str(value) for value in _listed(values)]


def _pins(operator: str, key: str, values: list[str]) -> bool:
    """Whether a condition lets pass only some fixed callers."""
    if key == "aws:sourceip" and operator == "ipaddress":
        return all(map(_is_narrow, values))
    fixed = not any("*" in value or "?" in value or "${" in value for value in values)
    return operator in _EQUAL and key in _PINNING and fixed


def _is_narrow(addresses: str) -> bool:
    try:
        network = ipaddress.ip_network(addresses, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= _WIDEST[network.version]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
