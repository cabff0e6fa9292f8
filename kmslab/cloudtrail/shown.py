"""What an event shows of a call: its parameters, its answer, whether it only read.

Never shown, and never kept: plaintexts, ciphertexts, data keys, messages, signatures, MACs, shared
secrets, random bytes, key material (no bytes at all), tokens, passwords, secret access keys. Always
in clear: encryption context, descriptions, aliases, tags, policies.

AWS KMS shows what "Logging AWS KMS API calls with AWS CloudTrail" says. Other services show the
answers of calls that change something, and AWS STS those that hand out credentials ("Logging IAM
and AWS STS API calls with AWS CloudTrail"). One difference: AWS writes the session token of such
credentials into the event; here no token ever gets into the records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Call, Output, camel
from kmslab.cloudtrail import shown_services

# Every operation that only reads is readOnly, and so is all cryptography: it changes no resource.
_READS = ("Describe", "Get", "List", "Lookup", "Head")
_OWN_READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kms": (
            *("Encrypt", "Decrypt", "ReEncrypt", "Generate", "Sign", "Verify"),
            *("DeriveSharedSecret", "Encapsulate", "Decapsulate"),
        ),
        "iam": ("Simulate", "GenerateCredentialReport", "GenerateServiceLastAccessedDetails"),
        "sts": ("AssumeRole", "DecodeAuthorizationMessage"),
    }
)
_NO_READS = frozenset({("sts", "GetFederationToken")})  # as AWS's events have it
# Answers that are shown although nothing changed.
_CREDENTIALS = ("AssumeRole", "GetSessionToken", "GetFederationToken")
# Shown in requestParameters even where the caller left them to KMS.
_ALGORITHMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Encrypt": ("EncryptionAlgorithm",),
        "Decrypt": ("EncryptionAlgorithm",),
        "ReEncrypt": ("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"),
    }
)
# Members of KMS's answers that are shown in responseElements.
_KMS_ANSWERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CreateKey": ("KeyMetadata",),
        "ReplicateKey": ("ReplicaKeyMetadata", "ReplicaPolicy", "ReplicaTags"),
        "CreateGrant": ("GrantId",),
        "ScheduleKeyDeletion": ("KeyId", "KeyState", "DeletionDate"),
        "CancelKeyDeletion": ("KeyId",),
        "RotateKeyOnDemand": ("KeyId",),
        "ImportKeyMaterial": ("KeyId", "KeyMaterialId"),
        "DeleteImportedKeyMaterial": ("KeyId", "KeyMaterialId"),
        "CreateCustomKeyStore": ("CustomKeyStoreId",),
    }
)
# Their events show the key's ARN in responseElements (since December 2022), their answers do not.
_ARN_SHOWN = frozenset(
    {
        *("CreateAlias", "UpdateAlias", "DeleteAlias", "CreateGrant", "EnableKey", "DisableKey"),
        *("EnableKeyRotation", "DisableKeyRotation", "UntagResource", "UpdatePrimaryRegion"),
    }
)
_WITHOUT_PARAMETERS = frozenset({"GenerateRandom", "RetireGrant"})
_SECRET_ENDINGS = ("Token", "Tokens", "Password", "SecretAccessKey", "Assertion", "PrivateKey")
# As AWS's events have it: the cluster of a key store by another name.
_KMS_NAMES: Mapping[str, str] = MappingProxyType({"CloudHsmClusterId": "ClusterId"})
_SECRETS = frozenset(
    {
        *("AttestationDocument", "XksProxyAuthenticationCredential", "TokenCode"),
        *("Base32StringSeed", "TrustAnchorCertificate"),  # AWS's events leave that one out, too
    }
)
_BYTES, _LISTS = (bytes, bytearray), (list, tuple)
# Where a list goes on, and which request it is: no secrets.
_PLACES = frozenset({"NextToken", "ContinuationToken", "ClientRequestToken", "ClientToken"})


@lru_cache(maxsize=1024)
def read_only(service: str, operation: str) -> bool:
    """Whether CloudTrail calls an operation readOnly."""
    reads = operation.startswith((*_READS, *_OWN_READS.get(service, ())))
    return reads and (service, operation) not in _NO_READS


def parameters(call: Call) -> dict[str, Any] | None:
    """A call's requestParameters."""
    asked = shown_services.parameters(call)
    if call.service == "kms":
        if call.operation in _WITHOUT_PARAMETERS:
            return None
        for name in _ALGORITHMS.get(call.operation, ()):
            if name not in asked:
                asked = {**asked, name: "SYMMETRIC_DEFAULT"}
        if "CloudHsmClusterId" in asked:
            asked = {_KMS_NAMES.get(name, name): value for name, value in asked.items()}
    return members(asked) or None


def answer(call: Call, output: Output, arns: Sequence[str]) -> dict[str, Any] | None:
    """The responseElements of a call that was answered, with the ARNs of what it was about."""
    if call.service == "kms":
        return _kms_answer(call.operation, output, arns)
    hands_out = call.service == "sts" and call.operation.startswith(_CREDENTIALS)
    if read_only(call.service, call.operation) and not hands_out:
        return None
    return members(shown_services.answer(call, output)) or None


def _kms_answer(operation: str, output: Output, arns: Sequence[str]) -> dict[str, Any] | None:
    names = _KMS_ANSWERS.get(operation, ())
    shown = {name: output[name] for name in names if name in output}
    if operation in _ARN_SHOWN:
        shown["KeyId"] = arns[0]
    return members(shown) if shown else None


def resources(call: Call, answered: dict[str, Any] | None) -> list[str]:
    """The ARNs of what an answered call was about, where its service named none: a key, a role."""
    if call.service == "kms":
        made = (answered or {}).values()
        return [value["arn"] for value in made if isinstance(value, dict)]
    role = call.parameters.get("RoleArn") if call.service == "sts" else None
    return [role] if role else []


def members(values: Mapping[str, Any]) -> dict[str, Any]:
    """CloudTrail begins AWS's member names with a small letter; dates are text; no bytes at all."""
    return {
        shown: value if isinstance(value, str) else _plain(name, value)
        for name, value in values.items()
        if not isinstance(value, _BYTES) and (shown := _name(name))
    }


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    """A member's name as events show it; empty for one that must not be seen."""
    hidden = name in _SECRETS or (name.endswith(_SECRET_ENDINGS) and name not in _PLACES)
    return "" if hidden else camel(name)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict):  # of a context and of a policy, the caller chose the names
        given = "EncryptionContext" in name or name == "BucketPolicy"
        return value if given else members(value)
    if isinstance(value, _LISTS):
        return [_plain(name, each) for each in value if not isinstance(each, _BYTES)]
    return _date(value) if isinstance(value, datetime) else value


def _date(value: datetime) -> str:
    """A time as CloudTrail writes it in parameters and answers: May 21, 2026, 5:47:45 AM."""
    with suppress(OverflowError):  # within a day of the calendar's ends
        value = value.astimezone(UTC)
    return f"{value:%b} {value.day}, {value.year}, {value.hour % 12 or 12}:{value:%M:%S %p}"
