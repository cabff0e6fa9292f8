"""AWS managed policies: the few that the lessons use, with AWS's own statements.

The account "aws" has them. Source: AWS Managed Policy Reference Guide, as of February 2026; the
documents of older versions are not here. Ids are those in public listings of AWS's answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from kmslab.accounts.records import Accounts, Entity, find

OWNER = "aws"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_ARN = re.compile(r"arn:aws:iam::(aws|\d{12}):policy(/(?:.*/)?)([^/]+)", re.ASCII)


def find_policy(accounts: Accounts, arn: str) -> Entity | None:
    """A managed policy by its ARN: AWS's, or an account's own."""
    parts = _ARN.fullmatch(arn)
    if parts is None:
        return None
    owner, path, name = parts.groups()
    found = _AWS.get(name) if owner == OWNER else find(accounts, owner, "policy", name)
    return found if found and found.path == path else None


def all_of_aws() -> tuple[Entity, ...]:
    """AWS's managed policies, by name."""
    return tuple(_AWS[name] for name in sorted(_AWS))


def default_document(policy: Entity) -> str:
    """The document of a managed policy's default version: the one that counts."""
    return next(
        str(each["document"])
        for each in policy.details["versions"]
        if each["id"] == policy.details["default"]
    )


def _time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _policy(
    name: str, unique_id: str, created: str, version: tuple[str, str], about: str, *statements: Any
) -> Entity:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=4)
    number, updated = version
    versions = [{"id": number, "document": document, "created": _time(updated)}]
    details = {
        **{"description": about, "versions": versions, "default": number},
        "updated": _time(updated),
    }
    return Entity(OWNER, "policy", name, "/", unique_id, _time(created), details)


_POLICIES = (
    _policy(
        "AdministratorAccess",
        "ANPAIWMBCKSKIEE64ZLYK",
        "2015-02-06T18:39:46",
        ("v1", "2015-02-06T18:39:46"),
        "Provides full access to AWS services and resources.",
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ),
    _policy(
        "AWSKeyManagementServicePowerUser",
        "ANPAJNPP7PPPPMJRV2SA4",
        "2015-02-06T18:40:40",
        ("v2", "2017-03-07T00:55:11"),
        "Provides access to AWS Key Management Service (KMS).",
        {
            "Effect": "Allow",
            "Action": [
                *("kms:CreateAlias", "kms:CreateKey", "kms:DeleteAlias", "kms:Describe*"),
                *("kms:GenerateRandom", "kms:Get*", "kms:List*", "kms:TagResource"),
                *("kms:UntagResource", "iam:ListGroups", "iam:ListRoles", "iam:ListUsers"),
            ],
            "Resource": "*",
        },
    ),
    _policy(
        "PowerUserAccess",
        "ANPAJYRXTHIB4FOVS3ZXS",
        "2015-02-06T18:39:47",
        ("v12", "2026-02-12T17:59:14"),
        "Provides full access to AWS services and resources, but does not allow management of "
        "Users and groups.",
        {
            "Effect": "Allow",
            "NotAction": ["iam:*", "organizations:*", "account:*"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": [
                *("account:GetAccountInformation", "account:GetGovCloudAccountInformation"),
                *("account:GetPrimaryEmail", "account:ListRegions"),
                *("iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles"),
                "organizations:DescribeEffectivePolicy",
                "organizations:DescribeOrganization",
            ],
            "Resource": "*",
        },
    ),
)
_AWS: Mapping[str, Entity] = MappingProxyType({policy.name: policy for policy in _POLICIES})
