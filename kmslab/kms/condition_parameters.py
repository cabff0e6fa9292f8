"""Condition keys that repeat a parameter of the request, and the operations that carry them.

Each entry: the parameter, the operations, and what counts where the caller left it to KMS. Source:
KMS Developer Guide, "AWS KMS condition keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


def _operations(*names: str) -> frozenset[str]:
    return frozenset(names)


_GRANTS = _operations("CreateGrant")
_PAIRS = _operations("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
_SIGNING, _MACS = _operations("Sign", "Verify"), _operations("GenerateMac", "VerifyMac")
_WRAPPING, _IMPORT = _operations("GetParametersForImport"), _operations("ImportKeyMaterial")
ENCRYPTING = _PAIRS | _operations(
    *("Encrypt", "Decrypt", "ReEncrypt"),
    *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
)
PARAMETERS: Mapping[str, tuple[str, frozenset[str], Any]] = MappingProxyType(
    {
        "kms:bypasspolicylockoutsafetycheck": (
            "BypassPolicyLockoutSafetyCheck",
            _operations("CreateKey", "PutKeyPolicy"),
            False,
        ),
        "kms:datakeypairspec": ("KeyPairSpec", _PAIRS, None),
        "kms:expirationmodel": ("ExpirationModel", _IMPORT, "KEY_MATERIAL_EXPIRES"),
        "kms:grantoperations": ("Operations", _GRANTS, None),
        "kms:granteeprincipal": ("GranteePrincipal", _GRANTS, None),
        "kms:granteeserviceprincipal": ("GranteeServicePrincipal", _GRANTS, None),
        "kms:retiringprincipal": ("RetiringPrincipal", _GRANTS, None),
        "kms:retiringserviceprincipal": ("RetiringServicePrincipal", _GRANTS, None),
        "kms:keyagreementalgorithm": (
            "KeyAgreementAlgorithm",
            _operations("DeriveSharedSecret"),
            None,
        ),
        "kms:macalgorithm": ("MacAlgorithm", _MACS, None),
        "kms:messagetype": ("MessageType", _SIGNING, "RAW"),
        "kms:signingalgorithm": ("SigningAlgorithm", _SIGNING, None),
        "kms:policyname": ("PolicyName", _operations("GetKeyPolicy", "PutKeyPolicy"), "default"),
        "kms:primaryregion": ("PrimaryRegion", _operations("UpdatePrimaryRegion"), None),
        "kms:replicaregion": ("ReplicaRegion", _operations("ReplicateKey"), None),
        "kms:rotationperiodindays": (
            "RotationPeriodInDays",
            _operations("EnableKeyRotation"),
            365,
        ),
        "kms:schedulekeydeletionpendingwindowindays": (
            "PendingWindowInDays",
            _operations("ScheduleKeyDeletion"),
            30,
        ),
        "kms:wrappingalgorithm": ("WrappingAlgorithm", _WRAPPING, None),
        "kms:wrappingkeyspec": ("WrappingKeySpec", _WRAPPING, None),
    }
)
