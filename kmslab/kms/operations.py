"""Every operation that this KMS answers, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kmslab.aws.call import Output
from kmslab.kms import aliases, cryptography, finding, keys
from kmslab.kms.finding import Finder
from kmslab.kms.request import Request


@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation is served: the keys it needs, the function, and what it may meet."""

    perform: Callable[[Request], Output]
    find: Finder = finding.no_key
    uses_key: bool = False  # works with key material, so the key must be enabled
    changes: bool = False  # writes records: it runs in a transaction
    not_yet: tuple[str, ...] = ()  # parameters that this kmslab does not answer yet


_NOT_YET = ("Policy", "Tags", "CustomKeyStoreId", "XksKeyId", "BypassPolicyLockoutSafetyCheck")
by_id, by_name = finding.by_id, finding.by_name


def _using(perform: Callable[[Request], Output], find: Finder) -> Operation:
    return Operation(perform, find, uses_key=True, not_yet=("Recipient", "DryRunModifiers"))


def _changing(perform: Callable[[Request], Output], find: Finder) -> Operation:
    return Operation(perform, find, changes=True)


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "CreateKey": Operation(keys.create_key, changes=True, not_yet=_NOT_YET),
        "DescribeKey": Operation(keys.describe_key, by_name("KeyId")),
        "ListKeys": Operation(keys.list_keys, not_yet=("ResourceOwners",)),
        "EnableKey": _changing(keys.enable_key, by_id("KeyId")),
        "DisableKey": _changing(keys.disable_key, by_id("KeyId")),
        "UpdateKeyDescription": _changing(keys.update_key_description, by_id("KeyId")),
        "CreateAlias": _changing(aliases.create_alias, by_id("TargetKeyId")),
        "UpdateAlias": _changing(aliases.update_alias, by_id("TargetKeyId")),
        "DeleteAlias": _changing(aliases.delete_alias, finding.by_alias),
        "ListAliases": Operation(aliases.list_aliases, by_id("KeyId")),
        "Encrypt": _using(cryptography.encrypt, by_name("KeyId")),
        "Decrypt": _using(cryptography.decrypt, finding.by_ciphertext("KeyId")),
        "ReEncrypt": _using(cryptography.re_encrypt, finding.source_and_destination),
        "GenerateDataKey": _using(cryptography.generate_data_key, by_name("KeyId")),
        "GenerateDataKeyWithoutPlaintext": _using(
            cryptography.generate_data_key_without_plaintext, by_name("KeyId")
        ),
        "GenerateRandom": Operation(
            cryptography.generate_random, not_yet=("Recipient", "CustomKeyStoreId")
        ),
    }
)
