"""The Regions that a lab has: those of AWS's standard partition in which botocore knows KMS."""

from __future__ import annotations

from functools import lru_cache

import boto3

DEFAULT = "us-east-1"


@lru_cache
def names() -> frozenset[str]:
    """All Regions, such as eu-central-1."""
    return frozenset(boto3.Session().get_available_regions("kms"))


def check(region: str) -> None:
    """`ValueError` for a text that is no Region's name."""
    if region not in names():
        raise ValueError(f"region={region!r}: a Region is due, one of {', '.join(sorted(names()))}")
