"""Key policies as documents: every KMS key has one, named "default". What it says, is not read yet.

Who may use a key is decided elsewhere; here a policy is only kept, and checked for what AWS refuses
to save. Source: PutKeyPolicy, "Key policies in AWS KMS".
"""

from __future__ import annotations

import json
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import paging
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms

NAME = "default"
MOST_BYTES = 32_768
_LIMIT = paging.Limit(default=100, most=1000)
_DEFAULT = """\
{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::ACCOUNT:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"""
_LOCKED_OUT = "The new key policy will not allow you to update the key policy in the future."


def put_key_policy(request: Request) -> Output:
    """PutKeyPolicy: replaces the key's policy, whole."""
    if request.get("PolicyName") == "AWS_RAM":
        raise AwsError(
            "ValidationException", "The AWS_RAM policy can only be managed by the RAM service"
        )
    _named(request)
    put(request.rooms, request.key, checked(request, request.get("Policy")))
    return {}


def get_key_policy(request: Request) -> Output:
    """GetKeyPolicy: the document as it was put; AWS gives it back with its own spaces."""
    _named(request)
    return {"Policy": find(request.rooms, request.key), "PolicyName": NAME}


def list_key_policies(request: Request) -> Output:
    """ListKeyPolicies: a key has one policy, named default."""
    page = paging.page(request, _LIMIT)
    return page.cut_named("PolicyNames", [(NAME, NAME)] if page.after < NAME else [])


def find(rooms: Rooms, key: Key) -> str:
    """A key's policy document."""
    row = rooms.store.row(
        "SELECT document FROM policy WHERE account = ? AND region = ? AND key_id = ?",
        (key.account, key.region, key.key_id),
    )
    return row[0] if row else default(key.account)


def put(rooms: Rooms, key: Key, document: str) -> None:
    """Keeps a key's policy document."""
    rooms.store.write(
        "INSERT OR REPLACE INTO policy VALUES (?, ?, ?, ?)",
        (key.account, key.region, key.key_id, document),
    )


def default(account: str) -> str:
    """The policy of a key that was created without one: the account's IAM policies decide."""
    return _DEFAULT.replace("ACCOUNT", account)


def checked(request: Request, document: str) -> str:
    """The document, or the error with which AWS refuses to save it."""
    if len(document.encode()) > MOST_BYTES:
        raise AwsError("LimitExceededException", f"A key policy has at most {MOST_BYTES} bytes.")
    statements = _statements(document)
    if request.get("BypassPolicyLockoutSafetyCheck"):
        return document
    if not any(_lets_update(request, statement) for statement in statements):
        raise AwsError("MalformedPolicyDocumentException", _LOCKED_OUT)
    return document


def _statements(document: str) -> list[dict[str, Any]]:
    try:
        policy = json.loads(document)
        statements = policy["Statement"]
        statements = [statements] if isinstance(statements, dict) else statements
        for statement in statements:
            if statement["Effect"] not in ("Allow", "Deny"):
                raise ValueError("Effect")
            if not statement.keys() & {"Principal", "NotPrincipal"}:
                raise ValueError("Principal")
            _texts(statement.get("Action", []))
            _principals(statement)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise AwsError("MalformedPolicyDocumentException") from None
    return list(statements)


def _lets_update(request: Request, statement: dict[str, Any]) -> bool:
    """Whether a statement plainly lets the caller, or the account, put another policy."""
    caller = request.call.principal
    account, names = caller.account, _principals(statement)
    root = f"arn:aws:iam::{account}:root"
    actions = {action.lower() for action in _texts(statement.get("Action", []))}
    return (
        statement["Effect"] == "Allow"
        and not {"*", account, root, caller.arn}.isdisjoint(names)
        and not {"*", "kms:*", "kms:put*", "kms:putkeypolicy"}.isdisjoint(actions)
    )


def _principals(statement: dict[str, Any]) -> list[str]:
    named = statement.get("Principal", {})
    return _texts(named.get("AWS", []) if isinstance(named, dict) else named)


def _texts(value: Any) -> list[str]:
    """One text or a list of them; `ValueError` for anything else."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise ValueError("a text or a list of texts")
    return texts


def _named(request: Request) -> None:
    if request.get("PolicyName", NAME) != NAME:
        raise AwsError("NotFoundException", "No such policy exists")
