"""Every operation that this KMS answers, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Call, Output
from kmslab.kms import (
    agreement,
    aliases,
    creating,
    cryptography,
    datakeys,
    deletion,
    finding,
    grants,
    importing,
    keys,
    last_usage,
    macs,
    policies,
    replicas,
    rotation,
    saving_policies,
    signing,
    tags,
)
from kmslab.kms.finding import Finder
from kmslab.kms.request import Request, Rooms
from kmslab.kms.specs import AGREE, ENCAPSULATE, ENCRYPT, MAC, SIGN
from kmslab.kms.stores import connecting, describing, updating
from kmslab.kms.stores import creating as key_stores

Perform = Callable[[Request], Output]


@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation is served: the keys it needs, the function, and what it may meet."""

    perform: Perform
    find: Finder = finding.no_key
    changes: bool = False  # writes records: it runs in a transaction
    prepare: Callable[[Rooms, Call], Any] | None = None  # before the keys are found
    usage: str = ""  # the key usage that it needs, if any
    origin: str = ""  # the origin that it needs, if any
    not_yet: tuple[str, ...] = ()  # parameters that this kmslab does not answer yet

    @property
    def is_about_no_key(self) -> bool:
        """Whether IAM policies alone decide it, before anything is made for it."""
        return self.find is finding.no_key


by_id, by_name, by_ciphertext = finding.by_id, finding.by_name, finding.by_ciphertext
_KEY_ID, _KEY_NAME = by_id("KeyId"), by_name("KeyId")
_ENCLAVE = ("Recipient",)  # the lab has no Nitro Enclaves


def _using(
    usage: str, perform: Perform, find: Finder = _KEY_NAME, not_yet: tuple[str, ...] = ()
) -> Operation:
    return Operation(perform, find, usage=usage, not_yet=not_yet)


def _making(perform: Perform, not_yet: tuple[str, ...] = ()) -> Operation:
    """A data key: how long it shall be is asked before anything else."""
    return Operation(perform, _KEY_NAME, prepare=datakeys.length, usage=ENCRYPT, not_yet=not_yet)


def _changing(perform: Perform, find: Finder = _KEY_ID, origin: str = "") -> Operation:
    return Operation(perform, find, changes=True, origin=origin)


def _naming(perform: Perform) -> Operation:
    """A new alias, or an old one for another key: its name is checked before anything else."""
    find = by_id("TargetKeyId")
    return Operation(perform, find, changes=True, prepare=aliases.checked_name)


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        # keys as records
        "CreateKey": Operation(creating.create_key, changes=True, prepare=creating.prepare),
        "DescribeKey": Operation(keys.describe_key, _KEY_NAME),
        "ListKeys": Operation(keys.list_keys),
        "EnableKey": _changing(keys.enable_key),
        "DisableKey": _changing(keys.disable_key),
        "UpdateKeyDescription": _changing(keys.update_key_description),
        "GetKeyLastUsage": Operation(last_usage.get_key_last_usage, _KEY_ID),
        "ScheduleKeyDeletion": _changing(deletion.schedule_key_deletion),
        "CancelKeyDeletion": _changing(deletion.cancel_key_deletion),
        # names, tags, policies, grants
        "CreateAlias": _naming(aliases.create_alias),
        "UpdateAlias": _naming(aliases.update_alias),
        "DeleteAlias": _changing(aliases.delete_alias, finding.by_alias),
        "ListAliases": Operation(aliases.list_aliases, _KEY_ID),
        "TagResource": _changing(tags.tag_resource),
        "UntagResource": _changing(tags.untag_resource),
        "ListResourceTags": Operation(tags.list_resource_tags, _KEY_ID),
        "PutKeyPolicy": _changing(saving_policies.put_key_policy),
        "GetKeyPolicy": Operation(policies.get_key_policy, _KEY_ID),
        "ListKeyPolicies": Operation(policies.list_key_policies, _KEY_ID),
        "CreateGrant": _changing(grants.create_grant),
        "ListGrants": Operation(grants.list_grants, _KEY_ID),
        "ListRetirableGrants": Operation(grants.list_retirable_grants),
        "RetireGrant": _changing(grants.retire_grant, finding.by_grant),
        "RevokeGrant": _changing(grants.revoke_grant),
        # key material
        "EnableKeyRotation": _changing(rotation.enable_key_rotation, origin="AWS_KMS"),
        "DisableKeyRotation": _changing(rotation.disable_key_rotation, origin="AWS_KMS"),
        "GetKeyRotationStatus": Operation(rotation.get_key_rotation_status, _KEY_ID),
        "RotateKeyOnDemand": _changing(rotation.rotate_key_on_demand),
        "ListKeyRotations": Operation(rotation.list_key_rotations, _KEY_ID),
        "GetParametersForImport": Operation(
            importing.get_parameters_for_import, _KEY_ID, origin="EXTERNAL"
        ),
        "ImportKeyMaterial": _changing(importing.import_key_material, origin="EXTERNAL"),
        "DeleteImportedKeyMaterial": _changing(
            importing.delete_imported_key_material, origin="EXTERNAL"
        ),
        "ReplicateKey": _changing(replicas.replicate_key),
        "UpdatePrimaryRegion": _changing(replicas.update_primary_region),
        # cryptography
        "Encrypt": _using(ENCRYPT, cryptography.encrypt),
        "Decrypt": _using(
            ENCRYPT, cryptography.decrypt, by_ciphertext("KeyId", "EncryptionAlgorithm"), _ENCLAVE
        ),
        "ReEncrypt": _using(ENCRYPT, cryptography.re_encrypt, finding.source_and_destination),
        "GenerateDataKey": _making(datakeys.generate_data_key, not_yet=_ENCLAVE),
        "GenerateDataKeyWithoutPlaintext": _making(datakeys.generate_data_key_without_plaintext),
        "GenerateDataKeyPair": _using(ENCRYPT, datakeys.generate_data_key_pair, not_yet=_ENCLAVE),
        "GenerateDataKeyPairWithoutPlaintext": _using(
            ENCRYPT, datakeys.generate_data_key_pair_without_plaintext
        ),
        "GenerateRandom": Operation(datakeys.generate_random, not_yet=_ENCLAVE),
        "Sign": _using(SIGN, signing.sign),
        "Verify": _using(SIGN, signing.verify),
        "GetPublicKey": Operation(signing.get_public_key, _KEY_NAME),
        "GenerateMac": _using(MAC, macs.generate_mac),
        "VerifyMac": _using(MAC, macs.verify_mac),
        "DeriveSharedSecret": _using(AGREE, agreement.derive_shared_secret, not_yet=_ENCLAVE),
        "Encapsulate": _using(ENCAPSULATE, agreement.encapsulate),
        "Decapsulate": _using(ENCAPSULATE, agreement.decapsulate),
        # custom key stores
        "CreateCustomKeyStore": Operation(key_stores.create_custom_key_store, changes=True),
        "ConnectCustomKeyStore": Operation(connecting.connect_custom_key_store, changes=True),
        "DisconnectCustomKeyStore": Operation(connecting.disconnect_custom_key_store, changes=True),
        "DescribeCustomKeyStores": Operation(describing.describe_custom_key_stores),
        "UpdateCustomKeyStore": Operation(updating.update_custom_key_store, changes=True),
        "DeleteCustomKeyStore": Operation(describing.delete_custom_key_store, changes=True),
    }
)
