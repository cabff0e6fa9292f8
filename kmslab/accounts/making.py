"""New users, groups and roles, and their end: names, paths, quotas, what must be gone before.

Source: IAM User Guide, "IAM and AWS STS quotas"; IAM API Reference, DeleteUser.
"""

from __future__ import annotations

from typing import Any

from kmslab.accounts import attaching, principals, records, tagging
from kmslab.accounts.records import PREFIXES, Entity, Kind
from kmslab.accounts.request import Request
from kmslab.accounts.subjects import subject, title
from kmslab.aws.call import Output
from kmslab.errors import AwsError

MOST: dict[Kind, tuple[str, int]] = {
    "user": ("UsersPerAccount", 5_000),
    "group": ("GroupsPerAccount", 300),
    "role": ("RolesPerAccount", 1_000),
    "policy": ("PoliciesPerAccount", 1_500),
}


def make(request: Request, kind: Kind, **details: Any) -> Entity:
    """A new entity with the request's name, path, tags and permissions boundary."""
    accounts, account = request.accounts, request.account
    name = request.get("PolicyName" if kind == "policy" else f"{title(kind)}Name")
    if records.is_taken(accounts, account, kind, name):
        raise AwsError("EntityAlreadyExists", _taken(kind, name), 409)
    quota, most = MOST[kind]
    if records.count(accounts, account, kind) >= most:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {most}", 409)
    boundary = request.get("PermissionsBoundary")
    if boundary:
        attaching.check_boundary(request, boundary)
    entity = Entity(
        *(account, kind, name, request.get("Path", "/")),
        accounts.settings.new_unique_id(PREFIXES[kind]),
        accounts.settings.now(),
        {**details, "tags": tagging.merged((), request.get("Tags", []))},
    )
    records.add(accounts, entity)
    if boundary:
        records.link(accounts, entity, "boundary", boundary)
    return entity


def delete(kind: Kind, request: Request) -> Output:
    """DeleteUser, DeleteGroup, DeleteRole: only when nothing hangs on it any more.

    AWS gives a user's groups the same words as a group's users.
    """
    accounts, entity = request.accounts, subject(request, kind)
    if records.targets(accounts, entity, "group") or (
        kind == "group" and records.linked_to(accounts, entity.account, "group", entity.name)
    ):
        raise _conflict("must remove users from group first")
    if records.targets(accounts, entity, "policy"):
        raise _conflict("must detach all policies first")
    if entity.inline:
        raise _conflict("must delete policies first")
    records.remove(accounts, entity)
    if kind != "group":
        principals.forget(accounts, entity)
    return {}


def _taken(kind: Kind, name: str) -> str:
    if kind == "policy":
        return f"A policy called {name} already exists. Duplicate names are not allowed."
    return f"{title(kind)} with name {name} already exists."


def _conflict(what: str) -> AwsError:
    return AwsError("DeleteConflict", f"Cannot delete entity, {what}.", 409)
