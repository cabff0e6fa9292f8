"""The service-linked role by which KMS looks at CloudHSM clusters, made with the first key store.

Whoever creates a CloudHSM key store needs cloudhsm:DescribeClusters and, as long as the role is not
there, iam:CreateServiceLinkedRole. KMS's rights through it (to look at clusters and to make network
interfaces) are AWS's own managed policy, of which the lab knows the name only.
Source: "Authorize AWS KMS to manage AWS CloudHSM and Amazon EC2 resources".
"""

from __future__ import annotations

import json

from kmslab.accounts import records
from kmslab.accounts.records import PREFIXES, Entity
from kmslab.kms.request import Rooms

SERVICE = "cks.kms.amazonaws.com"
NAME = "AWSServiceRoleForKeyManagementServiceCustomKeyStores"
_PATH = f"/aws-service-role/{SERVICE}/"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
    ],
}
_HOUR = 3_600  # seconds


def arn(account: str) -> str:
    """The role's ARN in an account."""
    return f"arn:aws:iam::{account}:role{_PATH}{NAME}"


def exists(rooms: Rooms, account: str) -> bool:
    """Whether the account has the role."""
    return records.find(rooms.accounts, account, "role", NAME) is not None


def ensure(rooms: Rooms, account: str) -> None:
    """Makes the role where it is not there."""
    if exists(rooms, account):
        return
    accounts = rooms.accounts
    details = {
        "trust": json.dumps(_TRUST),
        "description": "",
        "max_session": _HOUR,
        "tags": [],
    }
    unique_id = accounts.settings.new_unique_id(PREFIXES["role"])
    now = accounts.settings.now()
    records.add(accounts, Entity(account, "role", NAME, _PATH, unique_id, now, details))
