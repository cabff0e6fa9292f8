"""Policies in few words, for lessons: the statements of documents that lesson 07 wrote out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Statement = Mapping[str, object]
Names = str | Sequence[str]


def allow(action: Names, resource: Names = "*", **more: object) -> dict[str, object]:
    """An Allow; `more` are elements such as Principal and Condition."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Names, resource: Names = "*", **more: object) -> dict[str, object]:
    """A Deny, in the same way."""
    return {**allow(action, resource, **more), "Effect": "Deny"}


def document(*statements: Statement) -> str:
    """A policy document with these statements, as the JSON that boto3 wants."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
