"""Roles: who may become one (the trust policy), and for how long."""

from __future__ import annotations

from typing import Any

from kmslab.accounts import making, principals, records
from kmslab.accounts.documents import checked_document, size
from kmslab.accounts.records import Accounts, Entity
from kmslab.accounts.request import Request
from kmslab.accounts.subjects import encoded, full_entry, subject
from kmslab.accounts.users import list_all
from kmslab.aws.call import Output
from kmslab.errors import AwsError

MOST_TRUST = 2_048  # characters of a trust policy, unless AWS raises it
HOUR = 3_600  # seconds: how long a role's sessions last at most, unless it says otherwise


def create_role(request: Request) -> Output:
    """CreateRole."""
    role = making.make(
        request,
        "role",
        trust=_checked(request, request.get("AssumeRolePolicyDocument")),
        description=request.get("Description", ""),
        max_session=request.get("MaxSessionDuration", HOUR),
    )
    return {"Role": _shown(request.accounts, role)}


def get_role(request: Request) -> Output:
    """GetRole."""
    return {"Role": _shown(request.accounts, subject(request, "role"))}


def list_roles(request: Request) -> Output:
    """ListRoles: by name, with trust policy and description."""
    answer = list_all("role", request)
    for each in answer["Roles"]:
        role = records.find(request.accounts, request.account, "role", each["RoleName"])
        each.update(_own(role.details) if role else {})
    return answer


def update_role(request: Request) -> Output:
    """UpdateRole: description and longest session."""
    role = subject(request, "role")
    names = {"Description": "description", "MaxSessionDuration": "max_session"}
    changed = {own: request.get(name) for name, own in names.items() if request.get(name)}
    records.change(request.accounts, role, **changed)
    return {}


def update_trust(request: Request) -> Output:
    """UpdateAssumeRolePolicy: replaces the trust policy, whole."""
    trust = _checked(request, request.get("PolicyDocument"))
    records.change(request.accounts, subject(request, "role"), trust=trust)
    return {}


def _checked(request: Request, text: str) -> str:
    checked_document(text, "trust")
    principals.check_trust(request.accounts, text)
    if size(text) > MOST_TRUST:
        raise AwsError(
            "LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {MOST_TRUST}", 409
        )
    return text


def _shown(accounts: Accounts, role: Entity) -> Output:
    return {**full_entry(accounts, role), **_own(role.details)}


def _own(details: Any) -> Output:
    described = {"Description": details["description"]} if details["description"] else {}
    return {
        "AssumeRolePolicyDocument": encoded(details["trust"]),
        "MaxSessionDuration": details["max_session"],
        **described,
    }
