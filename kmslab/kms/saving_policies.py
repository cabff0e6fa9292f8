"""PutKeyPolicy, and what AWS refuses to save as a key policy.

    too long                          LimitExceededException
    no policy, or not its characters  MalformedPolicyDocumentException (our words: which statement)
    a principal that doesn't exist    … "invalid principals"
    ForAllValues on a key that a request may lack   … "OverlyPermissiveCondition"
    the caller could never change it again          … the lockout safety check; it can be bypassed

Sources: PutKeyPolicy and CreateKey in the API reference, "Key policies in AWS KMS", "AWS KMS
condition keys"; wording as far as users have reported it.
"""

from __future__ import annotations

from dataclasses import replace

from kmslab.accounts import principals
from kmslab.accounts.documents import named_principals
from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.iam.conditions import FOR_ALL
from kmslab.iam.documents import MalformedPolicy, compiled
from kmslab.kms import permissions, policies
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms

MOST_BYTES = 32_768
_WHITE_SPACE = "\t\n\r"
_LOCKED_OUT = "The new key policy will not allow you to update the key policy in the future."
_STRANGERS = "Policy contains a statement with one or more invalid principals."
# Keys of which a request has one value or none, so that ForAllValues is true of requests without.
_SINGLE = ("kms:encryptioncontext:", "aws:requesttag/")


def put_key_policy(request: Request) -> Output:
    """PutKeyPolicy: replaces the key's policy, whole."""
    if request.get("PolicyName") == "AWS_RAM":
        raise AwsError(
            "ValidationException", "The AWS_RAM policy can only be managed by the RAM service"
        )
    policies.check_name(request)
    document = checked(request, request.key, request.get("Policy"))
    policies.put(request.rooms, request.key, document)
    return {}


def of_new_key(request: Request, key: Key) -> str:
    """The policy of a new key: what the request gives, checked, or AWS's default one."""
    asked = request.get("Policy")
    return policies.default(key.account) if asked is None else checked(request, key, asked)


def checked(request: Request, key: Key, document: str) -> str:
    """The document, or the error with which AWS refuses to save it as the key's policy."""
    if len(document.encode()) > MOST_BYTES:
        raise AwsError("LimitExceededException", f"A key policy has at most {MOST_BYTES} bytes.")
    _check_form(document)
    _check_principals(request.rooms, document)
    if not request.get("BypassPolicyLockoutSafetyCheck"):
        _check_lockout(request, key, document)
    return document


def _check_form(document: str) -> None:
    if not all(mark in _WHITE_SPACE or " " <= mark <= "\u00ff" for mark in document):
        raise _malformed("A key policy holds printable characters of Latin-1 only.")
    try:
        policy = compiled(document, "resource")
    except MalformedPolicy as error:
        raise _malformed(f"{error}") from None
    if not policy.statements:
        raise _malformed("A key policy has one statement or more.")
    for statement in policy.statements:
        for condition in statement.conditions:
            if condition.over == FOR_ALL and condition.lookup_key.startswith(_SINGLE):
                raise _malformed(
                    f"OverlyPermissiveCondition: ForAllValues with {condition.key} is true of "
                    "requests that don't carry it."
                )


def _check_principals(rooms: Rooms, document: str) -> None:
    for kind, name in named_principals(document):
        if kind == "AWS" and not principals.exists(rooms.accounts, name):
            raise _malformed(_STRANGERS)


def _check_lockout(request: Request, key: Key, document: str) -> None:
    """Whether the caller could put another policy later, as this one and IAM's stand now."""
    rooms = request.rooms
    later = replace(request.call, operation="PutKeyPolicy", parameters={"KeyId": key.key_id})
    ask = permissions.on(rooms, later, "kms:PutKeyPolicy", key, document=document)
    decision = rooms.authorizer.decide(later, ask)
    if not decision.allowed:
        error = _malformed(_LOCKED_OUT)
        error.decisions = (decision,)
        rooms.authorizer.history.refused(error)
        raise error


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)
