"""Which user, group, role or policy a request is about, and how AWS shows it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from kmslab.accounts import managed, records
from kmslab.accounts.records import Accounts, Entity, Kind
from kmslab.accounts.request import Request, when
from kmslab.aws.authorize import Context
from kmslab.aws.call import Output
from kmslab.errors import AwsError

TITLES: dict[Kind, str] = {"user": "User", "group": "Group", "role": "Role"}


def title(kind: Kind) -> str:
    """The kind as AWS's member names begin: User, Group, Role."""
    return TITLES[kind]


def find(accounts: Accounts, account: str, kind: Kind, name: str) -> Entity:
    """A user, group or role by its name, or NoSuchEntity."""
    found = records.find(accounts, account, kind, name)
    if found is None:
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
    return found


def subject(request: Request, kind: Kind) -> Entity:
    """The user, group or role that the request names."""
    return find(request.accounts, request.account, kind, request.get(f"{title(kind)}Name"))


def policy(request: Request) -> Entity:
    """The managed policy whose ARN the request names: AWS's, or one of the caller's account."""
    arn = request.get("PolicyArn")
    found = visible_policy(request, arn)
    if found is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
    return found


def visible_policy(request: Request, arn: str) -> Entity | None:
    """A managed policy that the caller's account can use, or None."""
    found = managed.find_policy(request.accounts, arn)
    return found if found and found.account in (managed.OWNER, request.account) else None


def arn_of(kind: Kind) -> Callable[[Request], str]:
    """The resource of an operation: the ARN of what it names, whether it is there or not."""

    def arn(request: Request) -> str:
        name = request.get(f"{title(kind)}Name", "")
        found = records.find(request.accounts, request.account, kind, name)
        return found.arn if found else request.arn(f"{kind}{request.get('Path', '/')}{name}")

    return arn


def arn_of_all(kind: Kind) -> Callable[[Request], str]:
    """The resource of a list, as in AWS's messages: arn:aws:iam::111122223333:user/."""
    return lambda request: request.arn(f"{kind}{request.get('PathPrefix', '/')}")


def arn_of_policy(request: Request) -> str:
    """The resource of an operation on a managed policy."""
    arn: str = request.get("PolicyArn", "")
    return arn or request.arn(f"policy{request.get('Path', '/')}{request.get('PolicyName', '')}")


def conditions(kind: Kind) -> Callable[[Request], Context]:
    """The condition keys of an operation on a user, group or role.

    iam:PermissionsBoundary is the boundary that is asked for, else the one that is there.
    Source: Service Authorization Reference, "Condition keys for AWS IAM".
    """

    def read(request: Request) -> Context:
        name = request.get(f"{title(kind)}Name", "")
        found = records.find(request.accounts, request.account, kind, name)
        keys: dict[str, tuple[str, ...]] = {**tag_keys(request), **_tags_there(found)}
        if request.get("PolicyArn"):
            keys["iam:policyarn"] = (request.get("PolicyArn"),)
        boundary = request.get("PermissionsBoundary")
        there = records.targets(request.accounts, found, "boundary") if found else ()
        if boundary or there:
            keys["iam:permissionsboundary"] = (boundary,) if boundary else there
        return keys

    return read


def tag_keys(request: Request) -> dict[str, tuple[str, ...]]:
    """The condition keys that stand for the tags in a request."""
    tags = request.get("Tags", [])
    names = [tag["Key"] for tag in tags] or request.get("TagKeys", [])
    keys: dict[str, tuple[str, ...]] = {
        f"aws:requesttag/{tag['Key'].lower()}": (tag["Value"],) for tag in tags
    }
    return {**keys, "aws:tagkeys": tuple(names)} if names else keys


def _tags_there(found: Entity | None) -> dict[str, tuple[str, ...]]:
    tags = found.tags if found else ()
    return {
        f"{service}:resourcetag/{key.lower()}": (value,)
        for key, value in tags
        for service in ("aws", "iam")
    }


def entry(entity: Entity) -> Output:
    """What AWS shows of every entity."""
    name = title(entity.kind)
    return {
        "Path": entity.path,
        f"{name}Name": entity.name,
        f"{name}Id": entity.id,
        "Arn": entity.arn,
        "CreateDate": when(entity.created),
    }


def full_entry(accounts: Accounts, entity: Entity) -> Output:
    """What AWS shows of a user or role that was asked for: its boundary and tags too."""
    shown = entry(entity)
    for arn in records.targets(accounts, entity, "boundary"):
        shown["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": arn,
        }
    if entity.tags:
        shown["Tags"] = [{"Key": key, "Value": value} for key, value in entity.tags]
    return shown


def encoded(document: str) -> str:
    """A document as IAM answers it: percent-encoded, which boto3 takes back."""
    return quote(document, safe="")
