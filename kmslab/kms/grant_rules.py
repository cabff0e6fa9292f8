"""What a grant may say: which operations go with which key, who may be its principals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from kmslab.errors import AwsError
from kmslab.kms.key import Key
from kmslab.kms.request import Request
from kmslab.kms.specs import AGREE, ENCAPSULATE, ENCRYPT, MAC, SIGN

_EVERY_KEY = frozenset({"CreateGrant", "RetireGrant", "DescribeKey"})
_PUBLIC = frozenset({"GetPublicKey"})
_ENCRYPTION = frozenset({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"})
_DATA_KEYS = frozenset(
    {
        *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
        *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
    }
)
_BY_USAGE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        ENCRYPT: _ENCRYPTION | _PUBLIC,
        SIGN: frozenset({"Sign", "Verify"}) | _PUBLIC,
        MAC: frozenset({"GenerateMac", "VerifyMac"}),
        AGREE: frozenset({"DeriveSharedSecret"}) | _PUBLIC,
        ENCAPSULATE: frozenset({"Encapsulate", "Decapsulate"}) | _PUBLIC,
    }
)
# Every operation that some grant can hold.
GRANTABLE = _EVERY_KEY | _DATA_KEYS | frozenset().union(*_BY_USAGE.values())
_CONTEXTS = ("EncryptionContextSubset", "EncryptionContextEquals")
MOST_PAIRS, MOST_CHARACTERS = 8, 384  # of a constraint's context: pairs, and in a value
_PRINCIPAL = re.compile(
    r"\d{12}|arn:aws:(iam::\d{12}:(root|(user|role)/.+)|"
    r"sts::\d{12}:(assumed-role/.+/.+|federated-user/.+))",
    re.ASCII,
)
_GRANT_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com", re.ASCII)


def check(request: Request) -> None:
    """The error that CreateGrant answers with where the grant may not be made."""
    key, constraints = request.key, request.get("Constraints", {})
    if set(request.get("Operations")) <= {"CreateGrant"}:
        _invalid("Grants must not contain only the CreateGrant operation.")
    unfit = set(request.get("Operations")) - allowed(key)
    if unfit:
        _invalid(f"Grant operations {', '.join(sorted(unfit))} are not valid for {key.arn}.")
    if not key.is_symmetric and any(name in constraints for name in _CONTEXTS):
        _invalid(f"{key.arn} has no encryption context that a constraint could look at.")
    for name in _CONTEXTS:
        _check_context(name, constraints.get(name, {}))
    one_principal(request, "Grantee", required=True)
    service = request.get("GranteeServicePrincipal")
    one_principal(request, "Retiring", required=service is not None)
    if service is not None and "SourceArn" not in constraints:
        _invalid("A grant to a service principal needs a SourceArn constraint.")


def _check_context(name: str, context: Mapping[str, str]) -> None:
    if len(context) > MOST_PAIRS:
        _invalid(f"{name} has at most {MOST_PAIRS} pairs.")
    if any(len(value) > MOST_CHARACTERS for value in context.values()):
        _invalid(f"A value in {name} has at most {MOST_CHARACTERS} characters.")


def check_id(grant_id: str) -> None:
    """InvalidGrantIdException for a text that no grant could have as its id."""
    if not _GRANT_ID.fullmatch(grant_id):
        raise AwsError("InvalidGrantIdException")


def allowed(key: Key) -> frozenset[str]:
    """The operations that a grant on this key can hold."""
    operations = _EVERY_KEY | _BY_USAGE[key.usage_name]
    return operations - _PUBLIC | _DATA_KEYS if key.is_symmetric else operations


def one_principal(request: Request, role: str, *, required: bool) -> str | None:
    """The grantee or retiring principal: an ARN, or a service; at most one of the two."""
    arn = request.get(f"{role}Principal")
    service = request.get(f"{role}ServicePrincipal")
    if (arn is not None and service is not None) or (required and (arn or service) is None):
        _invalid(f"Specify either {role}Principal or {role}ServicePrincipal, and not both.")
    if arn is not None and not _PRINCIPAL.fullmatch(arn):
        raise AwsError("InvalidArnException", f"ARN does not refer to a valid principal: {arn}")
    if service is not None and not _SERVICE.fullmatch(service):
        _invalid(f"{service} is not a service principal, as in ec2.amazonaws.com.")
    principal: str | None = arn or service
    return principal


def _invalid(message: str) -> None:
    raise AwsError("ValidationException", message)
