"""Users and groups, and who is in which."""

from __future__ import annotations

from kmslab.accounts import making, paging, records
from kmslab.accounts.records import Entity, Kind
from kmslab.accounts.request import Request
from kmslab.accounts.subjects import entry, find, full_entry, subject, title
from kmslab.aws.call import Output
from kmslab.errors import AwsError

MOST_GROUPS = 10  # of one user ("IAM and AWS STS quotas")


def create_user(request: Request) -> Output:
    """CreateUser. AWS gives no access key with it; here a user has one, so as to be a caller."""
    key = request.accounts.settings.new_unique_id("AKIA", 16)
    return {"User": full_entry(request.accounts, making.make(request, "user", key=key))}


def get_user(request: Request) -> Output:
    """GetUser: without a name, the caller.

    What AWS answers to a session of a role is not documented; "Must specify userName when calling
    with non-User credentials" is what users of it report.
    """
    name, who = request.get("UserName"), request.call.principal
    if name is None and who.kind != "user":
        raise AwsError(
            "ValidationError", "Must specify userName when calling with non-User credentials"
        )
    user = find(request.accounts, request.account, "user", name or who.name)
    return {"User": full_entry(request.accounts, user)}


def create_group(request: Request) -> Output:
    """CreateGroup."""
    return {"Group": entry(making.make(request, "group"))}


def list_all(kind: Kind, request: Request) -> Output:
    """ListUsers, ListGroups, ListRoles: by name. AWS shows no tags and no boundary here."""
    page = paging.page(request)
    found = records.named_after(
        request.accounts,
        *(request.account, kind, page.after, request.get("PathPrefix", "/"), page.size + 1),
    )
    return page.cut(f"{title(kind)}s", [(each.name, entry(each)) for each in found])


def get_group(request: Request) -> Output:
    """GetGroup: the group, and its users a page at a time."""
    accounts, group = request.accounts, subject(request, "group")
    names = sorted(
        name for _, name in records.linked_to(accounts, group.account, "group", group.name)
    )
    users = [(name, entry(find(accounts, group.account, "user", name))) for name in names]
    return {"Group": entry(group), **paging.page(request).cut_all("Users", users)}


def add_user_to_group(request: Request) -> Output:
    """AddUserToGroup; once more changes nothing."""
    group, user = _both(request)
    groups = records.targets(request.accounts, user, "group")
    if group.name not in groups and len(groups) >= MOST_GROUPS:
        raise AwsError(
            "LimitExceeded", f"Cannot exceed quota for GroupsPerUser: {MOST_GROUPS}", 409
        )
    records.link(request.accounts, user, "group", group.name)
    return {}


def remove_user_from_group(request: Request) -> Output:
    """RemoveUserFromGroup. What AWS says of a user that isn't in it is not documented."""
    group, user = _both(request)
    if not records.unlink(request.accounts, user, "group", group.name):
        raise AwsError("NoSuchEntity", f"User {user.name} is not in group {group.name}.", 404)
    return {}


def list_groups_for_user(request: Request) -> Output:
    """ListGroupsForUser."""
    accounts, user = request.accounts, subject(request, "user")
    names = sorted(records.targets(accounts, user, "group"))
    groups = [(name, entry(find(accounts, user.account, "group", name))) for name in names]
    return paging.page(request).cut_all("Groups", groups)


def _both(request: Request) -> tuple[Entity, Entity]:
    return subject(request, "group"), subject(request, "user")
