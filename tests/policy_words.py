"""What generated cases are about: callers, resources, actions and the values of condition keys."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HOME, AWAY, OTHER = "111122223333", "444455556666", "777788889999"
ACCOUNTS = (HOME, AWAY)
Values = str | list[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `role` is the ARN of the role behind a session, with its path."""

    kind: str
    arn: str
    account: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """A request, and the randomness that policies around it are made with."""

    rng: random.Random
    service: str  # kms, s3, sts, or none for an action without a resource
    action: str
    resource: str
    resource_account: str
    caller: Caller
    context: Mapping[str, Values]

    def one(self, choices: Sequence[str]) -> str:
        """One of several texts."""
        return choices[int(self.rng.random() * len(choices))]

    def chance(self, of: float) -> bool:
        """True in this share of the calls."""
        return self.rng.random() < of


LINKED = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
NAMES = (
    ("user", "user/alice", ""),
    ("user", "user/team/bob", ""),
    ("user", "user/AWSServiceRoleForHire", ""),
    ("role", "role/app", ""),
    ("role", "role/team/batch", ""),
    ("role", f"role/{LINKED}", ""),
    ("assumed-role", "assumed-role/app/s1", "role/app"),
    ("assumed-role", "assumed-role/batch/s.2", "role/team/batch"),
    ("assumed-role", "assumed-role/AWSServiceRoleForAutoScaling/s1", f"role/{LINKED}"),
    ("federated-user", "federated-user/fred", ""),
    ("root", "root", ""),
)
WEIGHTS = (16, 12, 2, 9, 7, 3, 18, 12, 4, 10, 7)


def callers(account: str) -> tuple[Caller, ...]:
    """The callers of an account."""

    def arn(name: str) -> str:
        service = "sts" if name.startswith(("assumed", "federated")) else "iam"
        return f"arn:aws:{service}::{account}:{name}"

    return tuple(Caller(of, arn(name), account, role and arn(role)) for of, name, role in NAMES)


CALLERS = {account: callers(account) for account in ACCOUNTS}
KEYS = ("key/1234abcd-12ab", "key/mrk-5678")
OBJECTS = (
    "logs/2024/alice/report.txt",
    "logs/blue/1.csv",
    "b/a+b(1).txt",
    "b/team[2]/x*y?",
    "b/price$5",
    "b",
)
KMS_ACTIONS = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "DescribeKey")
S3_ACTIONS = ("GetObject", "PutObject", "DeleteObject")
BARE_ACTIONS = ("kms:ListKeys", "kms:CreateKey", "kms:GenerateRandom", "s3:ListAllMyBuckets")
NEAR_ACTIONS = ("ListGrants", "GetPublicKey", "Sign", "PutObjectAcl", "TagSession")

WORDS = (
    *("blue", "Blue", "a.b", "x+y", "q(1)", "team[2]", "x*y", "x-y", "what?", "pay$5"),
    *("logs/2024", "*"),
)
NEAR = {
    "blue": "Blue",
    "Blue": "blue",
    "a.b": "axb",
    "x+y": "xxy",
    "q(1)": "q1",
    "team[2]": "team2",
    "x*y": "x-y",
    "what?": "what1",
    "pay$5": "pay5",
    "logs/2024": "logs:2024",
    "*": "any",
}
STRING_KEYS = (
    "aws:PrincipalTag/team",
    "aws:RequestedRegion",
    "kms:ViaService",
    "kms:EncryptionContext:dept",
    "s3:prefix",
    "aws:username",
    "aws:PrincipalType",
    "aws:PrincipalAccount",
)
STRING_LISTS = ("aws:TagKeys", "kms:EncryptionContextKeys", "kms:GrantOperations")
NUMBER_KEYS = ("s3:max-keys", "aws:MultiFactorAuthAge", "example:Sizes")  # several sizes
NUMBERS = ("5", "9", "10", "900", "3600", "5.0", "0.5", "-3")
DATE_KEYS = ("aws:CurrentTime", "aws:TokenIssueTime", "aws:EpochTime", "example:Moments")
BOOL_KEYS = ("aws:SecureTransport", "aws:MultiFactorAuthPresent", "kms:GrantIsForAWSResource")
BINARY_KEYS = ("example:Digest",)
BINARIES = ("QmluYXJ5VmFsdWVJbkJhc2U2NA==", "AAEC", "YmxldWU=", "QmxldWU=")
ADDRESS_KEYS = ("aws:SourceIp", "aws:VpcSourceIp")
ADDRESSES = ("10.1.2.3", "203.0.113.9", "198.51.100.255", "2001:db8::1", "2001:db8:1234:5678::9")
ARN_KEYS = ("aws:PrincipalArn", "aws:SourceArn")
ARN_LISTS = ("logs:LogGeneratingResourceArns",)
ARNS = (
    f"arn:aws:lambda:us-east-1:{HOME}:function:fn-1",
    f"arn:aws:sns:us-east-1:{AWAY}:topic.one",
    "arn:aws:s3:::logs/2024/a",
    f"arn:aws:iam::{HOME}:role/team/batch",
)
MOMENTS = (1704067200, 1709164800, 1735689599, 1746057600)  # New Year, 29 February, ...


def follows(caller: Caller) -> dict[str, Values]:
    """The context keys that follow from the caller."""
    kinds = {"root": "Account", "user": "User", "federated-user": "FederatedUser"}
    known: dict[str, Values] = {
        "aws:PrincipalArn": caller.role or caller.arn,
        "aws:PrincipalAccount": caller.account,
        "aws:PrincipalType": kinds.get(caller.kind, "AssumedRole"),
    }
    if caller.kind == "user":
        known["aws:username"] = caller.arn.split("/")[-1]
    return known
