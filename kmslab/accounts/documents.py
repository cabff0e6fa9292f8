"""Policy documents: what may be saved, and what becomes of a name whose bearer is gone.

Sources: IAM User Guide, "IAM JSON policy elements: Principal" and "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from kmslab.errors import AwsError
from kmslab.iam.documents import Kind, MalformedPolicy, compiled

PolicyKind = Literal["identity", "trust", "session", "scp", "rcp", "endpoint"]
Policy = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]  # a document, or its statements
_READ_AS: Mapping[PolicyKind, Kind] = {
    "identity": "identity",
    "session": "identity",
    "scp": "identity",
    "trust": "trust",
    "rcp": "control",
    "endpoint": "resource",
}
_SPACE = re.compile(r"\s+")


def checked_document(text: str, kind: PolicyKind) -> str:
    """The document, or the MalformedPolicyDocument with which IAM refuses to save it.

    Behind IAM's own words stands which statement it is, and why.
    """
    try:
        policy = compiled(text, _READ_AS[kind])
    except MalformedPolicy as error:
        raise _malformed(f"{_wording(str(error))} ({error})") from None
    if not policy.statements:
        raise _malformed("Syntax errors in policy. (it has no statement)")
    for statement in policy.statements:
        if statement.action is None:
            raise _malformed("Policy statement must contain actions.")
        if statement.resource is None:
            raise _malformed("Policy statement must contain resources.")
        for action in statement.action.written:
            if action != "*" and ":" not in action:
                raise _malformed(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                )
        for resource in statement.resource.written:
            if resource != "*" and not resource.startswith("arn:"):
                raise _malformed(f'Resource {resource} must be in ARN format or "*".')
    return text


def _wording(reason: str) -> str:
    """IAM's own words for what the reader of policies found."""
    if "no JSON" in reason or "too deep" in reason:
        return "This policy contains invalid Json"
    if "has no place" in reason:
        return "Policy document should not specify a principal."
    return "Syntax errors in policy."


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def size(text: str) -> int:
    """The characters of a document that count: IAM counts no white space."""
    return len(_SPACE.sub("", text))


def written(policy: Policy) -> str:
    """A document as text, from the forms in which a learner writes one."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, Mapping):
        whole = policy if "Statement" in policy else {"Statement": [dict(policy)]}
    elif isinstance(policy, Sequence):
        whole = {"Statement": [_statement(each) for each in policy]}
    else:
        raise TypeError(
            f"policy={policy!r}: a policy document is due, as a dict, a JSON text or a list of "
            "statements"
        )
    try:
        return json.dumps({"Version": "2012-10-17", **whole})
    except TypeError as error:
        raise TypeError(f"policy={policy!r}: JSON can't hold it: {error}") from None


def _statement(statement: Any) -> dict[str, Any]:
    if not isinstance(statement, Mapping):
        raise TypeError(f"statement {statement!r}: a dict with Effect, Action and Resource is due")
    return dict(statement)


def named_principals(text: str) -> Iterator[tuple[str, str]]:
    """Every principal that a document names, with its type: ("AWS", "arn:…").

    MalformedPolicyDocument where a principal is no text.
    """
    for element in _principal_elements(json.loads(text)):
        named = {"AWS": element} if isinstance(element, str) else element
        if not isinstance(named, dict):
            raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.")
        for kind, names in named.items():
            yield from ((kind, name) for name in _names(names))


def renamed(text: str, arn: str, unique_id: str) -> str:
    """The document with a unique id wherever it named the ARN of a user or role as a principal.

    Conditions that compare ARNs stay as they are: only principals are kept as ids by AWS.
    """
    document, found = json.loads(text), False
    for element in _principal_elements(document):
        if not isinstance(element, dict) or "AWS" not in element:
            continue
        names = element["AWS"]
        if arn in _names(names):
            found = True
            changed = [unique_id if name == arn else name for name in _names(names)]
            element["AWS"] = unique_id if isinstance(names, str) else changed
    return json.dumps(document, indent=2, separators=(",", " : ")) if found else text


def _names(names: Any) -> list[str]:
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.")
    return listed


def _principal_elements(document: Any) -> Iterator[Any]:
    statements = document["Statement"]
    for statement in [statements] if isinstance(statements, dict) else statements:
        for name in ("Principal", "NotPrincipal"):
            if name in statement:
                yield statement[name]
