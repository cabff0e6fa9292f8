"""Who may be named in a policy, and what becomes of the name when its bearer is deleted.

Source: IAM User Guide, "IAM JSON policy elements: Principal".
"""

from __future__ import annotations

import re

from kmslab.accounts import records
from kmslab.accounts.documents import named_principals, renamed
from kmslab.accounts.records import Accounts, Entity, Kind
from kmslab.errors import AwsError

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ARN = re.compile(r"arn:aws:(iam|sts)::(\d{12}):([a-z-]+)(?:(/(?:.*/)?)([^/]+))?", re.ASCII)
_SESSION = re.compile(r"/([^/]+)/", re.ASCII)


def exists(accounts: Accounts, arn_or_account: str) -> bool:
    """Whether it is a principal that a policy may name: one that is there.

    "*", an account's number or root, a user or role with its path, a session of a role, a
    federated user, or the unique id of a user or role. Service principals are checked elsewhere.
    """
    if arn_or_account == "*":
        return True
    if _ACCOUNT.fullmatch(arn_or_account):
        return records.has_account(accounts, arn_or_account)
    parts = _ARN.fullmatch(arn_or_account)
    if parts is None:
        found = records.find_id(accounts, arn_or_account)
        return found is not None and found.kind in ("user", "role")
    return _is_there(accounts, arn_or_account, *parts.groups())


def _is_there(
    accounts: Accounts, arn: str, service: str, account: str, kind: str, path: str, name: str
) -> bool:
    match service, kind:
        case "iam", "root":
            return name is None and records.has_account(accounts, account)
        case "iam", "user" | "role":
            return unique_id(accounts, arn) is not None
        case "sts", "assumed-role":
            role = _SESSION.fullmatch(path or "")
            return bool(role and records.find(accounts, account, "role", role[1]))
        case "sts", "federated-user":
            return path == "/" and records.has_account(accounts, account)
    return False


def unique_id(accounts: Accounts, arn: str) -> str | None:
    """AIDA… or AROA… of the user or role that has this ARN now, or None."""
    parts = _ARN.fullmatch(arn)
    if parts is None or parts[1] != "iam" or parts[3] not in ("user", "role"):
        return None
    kind: Kind = "user" if parts[3] == "user" else "role"
    found = records.find(accounts, parts[2], kind, parts[5] or "")
    return found.id if found and found.arn == arn else None


def check_trust(accounts: Accounts, text: str) -> None:
    """MalformedPolicyDocument for a trust policy that names a user, role or account that isn't."""
    for kind, name in named_principals(text):
        if kind == "AWS" and not exists(accounts, name):
            raise AwsError(
                "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{name}"'
            )


def forget(accounts: Accounts, entity: Entity) -> None:
    """After a user's or role's deletion: policies and grants name its unique id from now on.

    So another user of the same name gets nothing that was given to this one.
    """
    store, arn, unique = accounts.store, entity.arn, entity.id
    for account, region, key_id, document in store.rows(
        "SELECT account, region, key_id, document FROM policy WHERE instr(document, ?) "
        "OR instr(document, '\\u')",
        (entity.name,),
    ):
        changed = renamed(document, arn, unique)
        if changed != document:
            store.write(
                "UPDATE policy SET document = ? WHERE account = ? AND region = ? AND key_id = ?",
                (changed, account, region, key_id),
            )
    _forget_in_buckets(accounts, arn, unique)
    _forget_in_trust(accounts, arn, unique)
    _forget_in_grants(accounts, arn, unique)


def _forget_in_buckets(accounts: Accounts, arn: str, unique: str) -> None:
    for name, document in accounts.store.rows(
        "SELECT name, json_extract(details, '$.policy') FROM bucket"
    ):
        changed = document and renamed(document, arn, unique)
        if changed != document:
            accounts.store.write(
                "UPDATE bucket SET details = json_set(details, '$.policy', ?) WHERE name = ?",
                (changed, name),
            )


def _forget_in_grants(accounts: Accounts, arn: str, unique: str) -> None:
    for column, member in (("grantee", "GranteePrincipal"), ("retiring", "RetiringPrincipal")):
        accounts.store.write(
            f"UPDATE key_grant SET {column} = ?, details = json_replace(details, ?, ?) "
            f"WHERE {column} = ?",
            (unique, f"$.{member}", unique, arn),
        )


def _forget_in_trust(accounts: Accounts, arn: str, unique: str) -> None:
    name = arn.rpartition("/")[2]
    for (role_id,) in accounts.store.rows(
        "SELECT id FROM entity WHERE kind = 'role' "
        "AND (instr(details, ?) OR instr(details, '\\u'))",
        (name,),
    ):
        role = records.find_id(accounts, role_id)
        if role is not None:
            changed = renamed(role.details["trust"], arn, unique)
            if changed != role.details["trust"]:
                records.change(accounts, role, trust=changed)
