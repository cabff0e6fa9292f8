"""The condition keys that AWS has for a KMS request: how they are written, and of which type.

Which of them a request carries is not here: see `carried.py`. A key without a type is one whose
type AWS's documentation leaves open. Sources: IAM User Guide, "AWS global condition context keys";
KMS Developer Guide, "AWS KMS condition keys", "Condition keys for AWS Nitro Enclaves".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Type(StrEnum):
    """What the values of a key are."""

    STRING = "texts"
    OPEN = "texts of any form"  # a tag's value, an account's number
    ARN = "ARNs"
    BOOL = "true and false"
    NUMBER = "numbers"
    DATE = "dates"
    SECONDS = "dates in seconds"
    ADDRESS = "IP addresses"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Known:
    """One key, or a family such as aws:PrincipalTag/team that ends in a name of one's own."""

    name: str  # as AWS writes it
    type: Type = Type.STRING
    several: bool = False  # whether a request may have several values
    always: bool = False  # whether every signed request carries it
    sensitive: bool = False  # whether AWS sees no good use for a wildcard in its values
    family: bool = False


_KMS = (
    *(Known(f"kms:{name}", Type.BOOL) for name in ("BypassPolicyLockoutSafetyCheck",)),
    *(Known(f"kms:{name}", Type.BOOL) for name in ("GrantIsForAWSResource", "MultiRegion")),
    Known("kms:ReEncryptOnSameKey", Type.BOOL),
    Known("kms:CallerAccount", Type.OPEN),
    Known("kms:EncryptionContextKeys", several=True),
    Known("kms:GrantOperations", several=True),
    Known("kms:ResourceAliases", several=True),
    Known("kms:RotationPeriodInDays", Type.NUMBER),
    Known("kms:ScheduleKeyDeletionPendingWindowInDays", Type.NUMBER),
    Known("kms:ValidTo", Type.SECONDS),
    Known("kms:GrantConstraintSourceArn", Type.UNKNOWN),  # text or ARN
    *map(
        Known,
        (
            *("kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage", "kms:DataKeyPairSpec"),
            *("kms:EncryptionAlgorithm", "kms:ExpirationModel", "kms:GrantConstraintType"),
            *("kms:GranteePrincipal", "kms:GranteeServicePrincipal", "kms:RetiringPrincipal"),
            *("kms:RetiringServicePrincipal", "kms:KeyAgreementAlgorithm", "kms:KeyOrigin"),
            *("kms:KeySpec", "kms:KeyUsage", "kms:MacAlgorithm", "kms:MessageType"),
            *("kms:MultiRegionKeyType", "kms:PolicyName", "kms:PrimaryRegion"),
            *("kms:ReplicaRegion", "kms:RequestAlias", "kms:SigningAlgorithm", "kms:ViaService"),
            *("kms:WrappingAlgorithm", "kms:WrappingKeySpec"),
        ),
    ),
    Known("kms:EncryptionContext:", Type.OPEN, family=True),
    Known("kms:RecipientAttestation:", family=True),
)
_OF_CALLER = (
    Known("aws:PrincipalArn", Type.ARN, always=True),
    Known("aws:PrincipalAccount", Type.OPEN, always=True, sensitive=True),
    Known("aws:PrincipalOrgID", sensitive=True),
    Known("aws:PrincipalOrgPaths", several=True),
    Known("aws:PrincipalType", always=True),
    Known("aws:PrincipalIsAWSService", Type.BOOL, always=True),
    Known("aws:PrincipalServiceName"),
    Known("aws:PrincipalServiceNamesList", several=True),
    Known("aws:PrincipalTag/", Type.OPEN, family=True),
    Known("aws:userid", always=True),
    Known("aws:username"),
    Known("aws:AssumedRoot", Type.UNKNOWN),
    Known("aws:FederatedProvider"),
    Known("aws:TokenIssueTime", Type.DATE),
    Known("aws:SignInSessionArn", Type.UNKNOWN),
    Known("aws:MultiFactorAuthAge", Type.NUMBER),
    Known("aws:MultiFactorAuthPresent", Type.BOOL),
    Known("aws:ChatbotSourceArn", Type.ARN),
    Known("aws:Ec2InstanceSourceVpc"),
    Known("aws:Ec2InstanceSourcePrivateIPv4", Type.ADDRESS),
    Known("aws:SourceIdentity"),
)
_OF_REQUEST = (
    Known("aws:SourceIp", Type.ADDRESS),
    Known("aws:VpcSourceIp", Type.ADDRESS),
    Known("aws:SourceVpc", sensitive=True),
    Known("aws:SourceVpcArn", Type.ARN),
    Known("aws:SourceVpce", sensitive=True),
    Known("aws:VpceAccount", Type.OPEN, sensitive=True),
    Known("aws:VpceOrgID", sensitive=True),
    Known("aws:VpceOrgPaths", several=True),
    Known("aws:ResourceAccount", Type.OPEN, always=True, sensitive=True),
    Known("aws:ResourceOrgID", sensitive=True),
    Known("aws:ResourceOrgPaths", several=True),
    Known("aws:ResourceTag/", Type.OPEN, family=True),
    Known("aws:CalledVia", several=True),
    Known("aws:CalledViaFirst"),
    Known("aws:CalledViaLast"),
    Known("aws:CalledViaAWSMCP", Type.UNKNOWN),
    Known("aws:ViaAWSService", Type.BOOL, always=True),
    Known("aws:ViaAWSMCPService", Type.UNKNOWN),
    Known("aws:IsMcpServiceAction", Type.UNKNOWN),
    Known("aws:CurrentTime", Type.DATE, always=True),
    Known("aws:EpochTime", Type.SECONDS, always=True),
    Known("aws:referer"),
    Known("aws:RequestedRegion", always=True),
    Known("aws:RequestTag/", Type.OPEN, family=True),
    Known("aws:TagKeys", several=True),
    Known("aws:SecureTransport", Type.BOOL, always=True),
    Known("aws:SourceAccount", Type.OPEN, sensitive=True),
    Known("aws:SourceArn", Type.ARN),
    Known("aws:SourceOrgID", sensitive=True),
    Known("aws:SourceOrgPaths", several=True),
    Known("aws:UserAgent", always=True),
)
ALL = (*_KMS, *_OF_CALLER, *_OF_REQUEST)
KEYS: Mapping[str, Known] = MappingProxyType(
    {each.name.lower(): each for each in ALL if not each.family}
)
FAMILIES: Mapping[str, Known] = MappingProxyType(
    {each.name.lower(): each for each in ALL if each.family}
)
NAMES = tuple(each.name + "…" * each.family for each in ALL)
GRANT_CONSTRAINT = (
    "kms:grantconstrainttype"  # one value in AWS's table, though a grant may have two
)


def known(key: str) -> Known | None:
    """What is known of a key, given in small letters; None where nothing is."""
    found = KEYS.get(key)
    if found is not None:
        return found
    return next(
        (each for head, each in FAMILIES.items() if key.startswith(head) and key != head), None
    )


def is_of_aws_or_kms(key: str) -> bool:
    """Whether its name says that it is one of those that are all known here."""
    return key.startswith(("aws:", "kms:"))
