"""Whether callers may do things: policies in short, and calls that are only tried."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from kmslab import Lab

HIDDEN = "because the resource does not exist in this Region"


def allow(*actions: str, resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows actions; `Principal` or `Condition` go into `more`."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    """A statement that denies actions."""
    return {**allow(*actions, **more), "Effect": "Deny"}


def document(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def account(lab: Lab) -> dict[str, Any]:
    """The statement that lets the account's IAM policies decide."""
    return allow("kms:*", Principal={"AWS": f"arn:aws:iam::{lab.account}:root"})


def answer(call: Any, **parameters: Any) -> str:
    """What a call comes to: "ok", or the code of AWS's error."""
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


def allowed(call: Any, **parameters: Any) -> bool:
    """Whether policies let a call pass, whatever else it ends in."""
    return answer(call, **parameters) != "AccessDeniedException"
