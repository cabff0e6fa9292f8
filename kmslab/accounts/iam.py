"""Every operation that this IAM answers, in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

from kmslab.accounts import attaching, inline, making, policies, roles, tagging, users
from kmslab.accounts.records import Kind
from kmslab.accounts.request import Operation, Request
from kmslab.accounts.subjects import (
    TITLES,
    arn_of,
    arn_of_all,
    arn_of_policy,
    conditions,
    tag_keys,
    title,
)
from kmslab.aws.call import Output

Perform = Callable[[Request], Output]
_KINDS: tuple[Kind, ...] = tuple(TITLES)
_BEARERS: tuple[Kind, ...] = ("user", "role")  # have tags and boundaries; groups don't


def _on(kind: Kind, perform: Perform, *, changes: bool = False) -> Operation:
    """An operation on a user, group or role."""
    return Operation(perform, arn_of(kind), conditions(kind), changes=changes)


def _policy(perform: Perform, *, changes: bool = False) -> Operation:
    """An operation on a managed policy."""
    return Operation(perform, arn_of_policy, tag_keys, changes=changes)


def _of_each_kind() -> Iterator[tuple[str, Operation]]:
    """What is the same for users, groups and roles."""
    for kind in _KINDS:
        name = title(kind)
        yield f"Delete{name}", _on(kind, partial(making.delete, kind), changes=True)
        yield f"Put{name}Policy", _on(kind, partial(inline.put, kind), changes=True)
        yield f"Get{name}Policy", _on(kind, partial(inline.get, kind))
        yield f"Delete{name}Policy", _on(kind, partial(inline.delete, kind), changes=True)
        yield f"List{name}Policies", _on(kind, partial(inline.list_names, kind))
        yield f"Attach{name}Policy", _on(kind, partial(attaching.attach, kind), changes=True)
        yield f"Detach{name}Policy", _on(kind, partial(attaching.detach, kind), changes=True)
        attached = partial(attaching.list_attached, kind)
        yield f"ListAttached{name}Policies", _on(kind, attached)


def _of_each_bearer() -> Iterator[tuple[str, Operation]]:
    """What is the same for users and roles."""
    for kind in _BEARERS:
        name = title(kind)
        put, delete = attaching.put_boundary, attaching.delete_boundary
        yield f"Put{name}PermissionsBoundary", _on(kind, partial(put, kind), changes=True)
        yield f"Delete{name}PermissionsBoundary", _on(kind, partial(delete, kind), changes=True)
        yield f"Tag{name}", _on(kind, partial(tagging.tag, kind), changes=True)
        yield f"Untag{name}", _on(kind, partial(tagging.untag, kind), changes=True)
        yield f"List{name}Tags", _on(kind, partial(tagging.list_tags, kind))


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        **dict(_of_each_kind()),
        **dict(_of_each_bearer()),
        "CreateUser": _on("user", users.create_user, changes=True),
        "GetUser": _on("user", users.get_user),
        "ListUsers": Operation(partial(users.list_all, "user"), arn_of_all("user")),
        "CreateGroup": _on("group", users.create_group, changes=True),
        "GetGroup": _on("group", users.get_group),
        "ListGroups": Operation(partial(users.list_all, "group"), arn_of_all("group")),
        "AddUserToGroup": _on("group", users.add_user_to_group, changes=True),
        "RemoveUserFromGroup": _on("group", users.remove_user_from_group, changes=True),
        "ListGroupsForUser": _on("user", users.list_groups_for_user),
        "CreateRole": _on("role", roles.create_role, changes=True),
        "GetRole": _on("role", roles.get_role),
        "ListRoles": Operation(roles.list_roles, arn_of_all("role")),
        "UpdateRole": _on("role", roles.update_role, changes=True),
        "UpdateAssumeRolePolicy": _on("role", roles.update_trust, changes=True),
        "CreatePolicy": _policy(policies.create_policy, changes=True),
        "GetPolicy": _policy(policies.get_policy),
        "DeletePolicy": _policy(policies.delete_policy, changes=True),
        "ListPolicies": Operation(policies.list_policies, lambda _: "policy path /"),
        "CreatePolicyVersion": _policy(policies.create_policy_version, changes=True),
        "GetPolicyVersion": _policy(policies.get_policy_version),
        "ListPolicyVersions": _policy(policies.list_policy_versions),
        "SetDefaultPolicyVersion": _policy(policies.set_default, changes=True),
        "DeletePolicyVersion": _policy(policies.delete_policy_version, changes=True),
    }
)
