"""Managed policies of users, groups and roles, and permissions boundaries of users and roles."""

from __future__ import annotations

from kmslab.accounts import managed, paging, records
from kmslab.accounts.records import Kind
from kmslab.accounts.request import Request
from kmslab.accounts.subjects import subject, title, visible_policy
from kmslab.aws.call import Output
from kmslab.errors import AwsError

MOST = 10  # an entity, unless AWS raises it ("IAM and AWS STS quotas")


def attach(kind: Kind, request: Request) -> Output:
    """AttachUserPolicy, AttachGroupPolicy, AttachRolePolicy; once more changes nothing."""
    accounts, entity, arn = request.accounts, subject(request, kind), request.get("PolicyArn")
    if visible_policy(request, arn) is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)
    attached = records.targets(accounts, entity, "policy")
    if arn not in attached and len(attached) >= MOST:
        quota = f"PoliciesPer{title(kind)}"
        raise AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {MOST}", 409)
    records.link(accounts, entity, "policy", arn)
    return {}


def detach(kind: Kind, request: Request) -> Output:
    """DetachUserPolicy, DetachGroupPolicy, DetachRolePolicy."""
    entity, arn = subject(request, kind), request.get("PolicyArn")
    if not records.unlink(request.accounts, entity, "policy", arn):
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
    return {}


def list_attached(kind: Kind, request: Request) -> Output:
    """ListAttachedUserPolicies, ListAttachedGroupPolicies, ListAttachedRolePolicies."""
    entity, prefix = subject(request, kind), request.get("PathPrefix", "/")
    attached = [
        managed.find_policy(request.accounts, arn)
        for arn in records.targets(request.accounts, entity, "policy")
    ]
    entries = sorted(
        (each.arn, {"PolicyName": each.name, "PolicyArn": each.arn})
        for each in attached
        if each and each.path.startswith(prefix)
    )
    return paging.page(request).cut_all("AttachedPolicies", entries)


def put_boundary(kind: Kind, request: Request) -> Output:
    """PutUserPermissionsBoundary, PutRolePermissionsBoundary: one at most; it replaces the last."""
    entity, arn = subject(request, kind), request.get("PermissionsBoundary")
    check_boundary(request, arn)
    _take_boundary(request, kind)
    records.link(request.accounts, entity, "boundary", arn)
    return {}


def delete_boundary(kind: Kind, request: Request) -> Output:
    """DeleteUserPermissionsBoundary, DeleteRolePermissionsBoundary.

    AWS does not say what it answers where there is none; here that is no error.
    """
    _take_boundary(request, kind)
    return {}


def check_boundary(request: Request, arn: str) -> None:
    """NoSuchEntity for a boundary that is no managed policy."""
    if visible_policy(request, arn) is None:
        raise AwsError(
            "NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404
        )


def _take_boundary(request: Request, kind: Kind) -> None:
    entity = subject(request, kind)
    for arn in records.targets(request.accounts, entity, "boundary"):
        records.unlink(request.accounts, entity, "boundary", arn)
