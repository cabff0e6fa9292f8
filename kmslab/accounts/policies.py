"""Managed policies and their versions: up to five, one of them the default, which counts.

Source: IAM User Guide, "Versioning IAM policies".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmslab.accounts import making, managed, paging, records
from kmslab.accounts.documents import checked_document, size
from kmslab.accounts.records import Entity
from kmslab.accounts.request import Request, when
from kmslab.accounts.subjects import encoded, policy
from kmslab.aws.call import Output
from kmslab.errors import AwsError

MOST_CHARACTERS = 6_144  # white space aside
MOST_VERSIONS = 5
_MORE_VERSIONS = (
    "This policy has more than one version. Before you delete a policy, you must delete the "
    "policy's versions. The default version is deleted with the policy."
)
_TOO_MANY = (
    f"A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, "
    "you must delete an existing version."
)


def create_policy(request: Request) -> Output:
    """CreatePolicy: with version v1."""
    now = request.accounts.settings.now()
    first = {"id": "v1", "document": _checked(request), "created": now}
    made = making.make(
        request,
        "policy",
        description=request.get("Description", ""),
        versions=[first],
        default="v1",
        made=1,
        updated=now,
    )
    return {"Policy": _shown(request, made)}


def get_policy(request: Request) -> Output:
    """GetPolicy: without its document, which GetPolicyVersion gives."""
    found = policy(request)
    described = {"Description": found.details["description"], "Tags": _tags(found)}
    return {"Policy": _shown(request, found) | {k: v for k, v in described.items() if v}}


def list_policies(request: Request) -> Output:
    """ListPolicies: the account's own and AWS's, by ARN. PolicyUsageFilter isn't answered."""
    scope, prefix = request.get("Scope", "All"), request.get("PathPrefix", "/")
    accounts, most = request.accounts, making.MOST["policy"][1]
    own = records.named_after(accounts, request.account, "policy", "", prefix, most)
    aws = [each for each in managed.all_of_aws() if each.path.startswith(prefix)]
    found = [*(own if scope != "AWS" else ()), *(aws if scope != "Local" else ())]
    shown = [(each.arn, _shown(request, each)) for each in found]
    if request.get("OnlyAttached"):
        shown = [pair for pair in shown if pair[1]["AttachmentCount"]]
    return paging.page(request).cut_all("Policies", sorted(shown, key=lambda pair: pair[0]))


def delete_policy(request: Request) -> Output:
    """DeletePolicy: once it is attached to nobody and has one version left."""
    found = _own(request)
    attached, bounding = _uses(request, found)
    if attached or bounding:
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(found.details["versions"]) > 1:
        raise AwsError("DeleteConflict", _MORE_VERSIONS, 409)
    records.remove(request.accounts, found)
    return {}


def create_policy_version(request: Request) -> Output:
    """CreatePolicyVersion: a new document, which counts once it is the default."""
    found, versions = _own(request), _own(request).details["versions"]
    document = _checked(request)
    if len(versions) >= MOST_VERSIONS:
        raise AwsError("LimitExceeded", _TOO_MANY, 409)
    number, now = found.details["made"] + 1, request.accounts.settings.now()
    new: dict[str, Any] = {"id": f"v{number}", "document": document, "created": now}
    default = new["id"] if request.get("SetAsDefault") else found.details["default"]
    records.change(
        request.accounts,
        found,
        versions=[*versions, new],
        default=default,
        made=number,
        updated=now,
    )
    return {"PolicyVersion": _version(new, default)}


def get_policy_version(request: Request) -> Output:
    """GetPolicyVersion: with its document."""
    found = policy(request)
    version = _named(request, found)
    shown = _version(version, found.details["default"])
    return {"PolicyVersion": {"Document": encoded(version["document"]), **shown}}


def list_policy_versions(request: Request) -> Output:
    """ListPolicyVersions: the newest first."""
    found = policy(request)
    newest = sorted(found.details["versions"], key=lambda each: -int(each["id"][1:]))
    entries = [
        (f"{index:03}", _version(each, found.details["default"]))
        for index, each in enumerate(newest)
    ]
    return paging.page(request).cut_all("Versions", entries)


def set_default(request: Request) -> Output:
    """SetDefaultPolicyVersion: another version counts from now on."""
    found = _own(request)
    version, now = _named(request, found), request.accounts.settings.now()
    records.change(request.accounts, found, default=version["id"], updated=now)
    return {}


def delete_policy_version(request: Request) -> Output:
    """DeletePolicyVersion: any but the default one; numbers are not used again."""
    found = _own(request)
    version = _named(request, found)
    if version["id"] == found.details["default"]:
        raise AwsError("DeleteConflict", "Cannot delete the default version of a policy.", 409)
    kept = [each for each in found.details["versions"] if each["id"] != version["id"]]
    records.change(request.accounts, found, versions=kept)
    return {}


def _own(request: Request) -> Entity:
    """The account's own policy: AWS's can't be changed. AWS's wording of that is not documented."""
    found = policy(request)
    if found.account == managed.OWNER:
        raise AwsError(
            "AccessDenied", f"Policy {found.arn} is managed by AWS: it can't be changed.", 403
        )
    return found


def _named(request: Request, found: Entity) -> Mapping[str, Any]:
    name = request.get("VersionId")
    for version in found.details["versions"]:
        if version["id"] == name:
            return dict(version)
    raise AwsError(
        "NoSuchEntity",
        f"Policy {found.arn} version {name} does not exist or is not attachable.",
        404,
    )


def _checked(request: Request) -> str:
    text = checked_document(request.get("PolicyDocument"), "identity")
    if size(text) > MOST_CHARACTERS:
        raise AwsError(
            "LimitExceeded", f"Cannot exceed quota for PolicySize: {MOST_CHARACTERS}", 409
        )
    return text


def _shown(request: Request, found: Entity) -> Output:
    attached, bounding = _uses(request, found)
    return {
        "PolicyName": found.name,
        "PolicyId": found.id,
        "Arn": found.arn,
        "Path": found.path,
        "DefaultVersionId": found.details["default"],
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "CreateDate": when(found.created),
        "UpdateDate": when(found.details["updated"]),
    }


def _uses(request: Request, found: Entity) -> tuple[int, int]:
    """To how many entities of the account it is attached, and for how many it is the boundary."""
    accounts, account, arn = request.accounts, request.account, found.arn
    attached = records.linked_to(accounts, account, "policy", arn)
    return len(attached), len(records.linked_to(accounts, account, "boundary", arn))


def _tags(found: Entity) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in found.tags]


def _version(version: Mapping[str, Any], default: str) -> Output:
    return {
        "VersionId": version["id"],
        "IsDefaultVersion": version["id"] == default,
        "CreateDate": when(version["created"]),
    }
