"""Which operation a key state allows, and which error it gets otherwise: one table.

    Creating ──▶ Enabled ◀──▶ Disabled       a replica is Creating for a few seconds, a primary and
                    │  ▲          │ ▲        its successor are Updating while they change places
                    ▼  │          ▼ │
                  PendingDeletion ──┘        cancelling ends in Disabled; waiting ends in deletion

Source: "Key states of AWS KMS keys". For cryptography with a key that is pending deletion, AWS's
table allows two errors; as recorded, it answers with KMSInvalidStateException.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kmslab.errors import AwsError
from kmslab.kms.key import Key

ENABLED, DISABLED = "Enabled", "Disabled"
PENDING_DELETION, PENDING_REPLICA_DELETION = "PendingDeletion", "PendingReplicaDeletion"
PENDING_IMPORT, CREATING, UPDATING = "PendingImport", "Creating", "Updating"
UNAVAILABLE = "Unavailable"
STATES = (
    *(ENABLED, DISABLED, PENDING_DELETION, PENDING_REPLICA_DELETION, PENDING_IMPORT),
    *(UNAVAILABLE, CREATING, UPDATING),
)
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        DISABLED: "is disabled",
        PENDING_DELETION: "is pending deletion",
        PENDING_REPLICA_DELETION: "is pending replica deletion",
        PENDING_IMPORT: "is pending import",
        UNAVAILABLE: "is unavailable",
        CREATING: "is creating",
        UPDATING: "is updating",
    }
)
_DELETING = frozenset({PENDING_DELETION, PENDING_REPLICA_DELETION})
_UNUSABLE = frozenset(STATES) - {ENABLED, UPDATING}
_ALL_BUT_DELETING = frozenset(STATES) - _DELETING

# For each operation that depends on the key's state: the states that refuse it.
REFUSED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyPair"),
                *("GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPairWithoutPlaintext"),
                *("Sign", "Verify", "GenerateMac", "VerifyMac", "GetPublicKey"),
                *("DeriveSharedSecret", "Encapsulate", "Decapsulate", "UpdatePrimaryRegion"),
            ),
            _UNUSABLE,
        ),
        "CreateGrant": _UNUSABLE - {UNAVAILABLE},
        "ReplicateKey": _UNUSABLE | {UPDATING},
        "CancelKeyDeletion": _ALL_BUT_DELETING,
        "ScheduleKeyDeletion": _DELETING | {UPDATING},
        **dict.fromkeys(
            ("EnableKey", "DisableKey"), _DELETING | {PENDING_IMPORT, CREATING, UPDATING}
        ),
        "RotateKeyOnDemand": _DELETING | {DISABLED, PENDING_IMPORT, CREATING},
        **dict.fromkeys(
            ("EnableKeyRotation", "DisableKeyRotation"), _DELETING | {DISABLED, CREATING}
        ),
        "GetParametersForImport": _DELETING | {CREATING, UPDATING},
        "ImportKeyMaterial": _DELETING | {CREATING},
        "DeleteImportedKeyMaterial": frozenset({CREATING, UPDATING}),
        **dict.fromkeys(
            ("CreateAlias", "UpdateAlias", "TagResource", "UntagResource", "UpdateKeyDescription"),
            _DELETING,
        ),
    }
)


def check(operation: str, key: Key) -> None:
    """Raises the error that this operation meets in the key's state, if it meets one."""
    refusal = refuse(operation, key.state)
    if refusal:
        code, words = refusal
        raise AwsError(code, f"{key.arn} {words}.")


def refuse(operation: str, state: str) -> tuple[str, str] | None:
    """The error's code, and what it says of the key; None where the state allows the operation."""
    if state not in REFUSED.get(operation, ()):
        return None
    if operation == "CancelKeyDeletion":
        return "KMSInvalidStateException", "is not pending deletion"
    code = "DisabledException" if state == DISABLED else "KMSInvalidStateException"
    return code, _WORDS[state]
