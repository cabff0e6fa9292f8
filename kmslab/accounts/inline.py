"""Inline policies: documents that are part of a user, group or role."""

from __future__ import annotations

from kmslab.accounts import paging, records
from kmslab.accounts.documents import checked_document, size
from kmslab.accounts.records import Kind
from kmslab.accounts.request import Request
from kmslab.accounts.subjects import encoded, subject, title
from kmslab.aws.call import Output
from kmslab.errors import AwsError

# Characters of all inline policies together, white space aside ("IAM and AWS STS quotas").
MOST_CHARACTERS: dict[Kind, int] = {"user": 2_048, "group": 5_120, "role": 10_240}


def put(kind: Kind, request: Request) -> Output:
    """PutUserPolicy, PutGroupPolicy, PutRolePolicy: adds a policy, or replaces it."""
    entity, name = subject(request, kind), request.get("PolicyName")
    text = checked_document(request.get("PolicyDocument"), "identity")
    inline = {**entity.inline, name: text}
    most = MOST_CHARACTERS[kind]
    if sum(map(size, inline.values())) > most:
        raise AwsError(
            "LimitExceeded",
            f"Maximum policy size of {most} bytes exceeded for {kind} {entity.name}",
            409,
        )
    records.change(request.accounts, entity, inline=inline)
    return {}


def get(kind: Kind, request: Request) -> Output:
    """GetUserPolicy, GetGroupPolicy, GetRolePolicy."""
    entity, name = subject(request, kind), request.get("PolicyName")
    if name not in entity.inline:
        raise _missing(kind, name)
    return {
        f"{title(kind)}Name": entity.name,
        "PolicyName": name,
        "PolicyDocument": encoded(entity.inline[name]),
    }


def delete(kind: Kind, request: Request) -> Output:
    """DeleteUserPolicy, DeleteGroupPolicy, DeleteRolePolicy."""
    entity, name = subject(request, kind), request.get("PolicyName")
    if name not in entity.inline:
        raise _missing(kind, name)
    kept = {other: text for other, text in entity.inline.items() if other != name}
    records.change(request.accounts, entity, inline=kept)
    return {}


def list_names(kind: Kind, request: Request) -> Output:
    """ListUserPolicies, ListGroupPolicies, ListRolePolicies."""
    names = sorted(subject(request, kind).inline)
    return paging.page(request).cut_all("PolicyNames", [(name, name) for name in names])


def _missing(kind: Kind, name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The {kind} policy with name {name} cannot be found.", 404)
