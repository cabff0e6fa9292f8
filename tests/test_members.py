"""No member of a request is ignored: a wrong value of it is refused, or a right one shows.

`WRONG` has, for a member, a value that is wrong in any request that works otherwise, and the error
it gets. `SHOWN` has what a right value does. Every member of AWS's model stands in one of them, or
among the parameters of which an operation says that they are not there yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from working import (
    ELSEWHERE,
    GRANTEE,
    HERE,
    IMPORTED,
    MODEL,
    SIGNING,
    THERE,
    Parameters,
    World,
    import_request,
    one_rsa_key,
    prepare,
)

from kmslab import Lab
from kmslab.kms.operations import OPERATIONS

SOURCE = "arn:aws:ec2:us-east-1:111122223333:instance/i-1"
LOCKED = json.dumps(
    {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}}
)
TWINS = [{"TagKey": "a", "TagValue": value} for value in "bc"]
INVALID, NOT_FOUND = "ValidationException", "NotFoundException"


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


# Member, or operation and member: a wrong value, and the error that it gets.
WRONG: dict[str, tuple[Any, str]] = {
    "KeyId": (UNKNOWN_ID, NOT_FOUND),
    "TargetKeyId": (UNKNOWN_ID, NOT_FOUND),
    "DestinationKeyId": (UNKNOWN_ID, NOT_FOUND),
    "SourceKeyId": (UNKNOWN_ID, NOT_FOUND),
    "AliasName": ("no-prefix", INVALID),
    "DryRun": (True, "DryRunOperationException"),
    "DryRunModifiers": (["IGNORE_CIPHERTEXT"], INVALID),
    "GrantTokens": (["made-up"], "InvalidGrantTokenException"),
    "DescribeKey.GrantTokens": (["made-up"], INVALID),
    "RetireGrant.GrantToken": ("made-up", "InvalidGrantTokenException"),
    "GrantId": ("not hexadecimal", "InvalidGrantIdException"),
    "Marker": ("made-up", "InvalidMarkerException"),
    "ListKeyPolicies.Marker": ("made-up", INVALID),
    "Policy": ("no JSON", "MalformedPolicyDocumentException"),
    "PolicyName": ("another", NOT_FOUND),
    "Tags": (TWINS, "TagException"),
    "KeySpec": ("SM2", "UnsupportedOperationException"),
    "CustomerMasterKeySpec": ("SM2", "UnsupportedOperationException"),
    "KeyPairSpec": ("SM2", "UnsupportedOperationException"),
    "KeyUsage": ("SIGN_VERIFY", INVALID),
    "Origin": ("AWS_CLOUDHSM", INVALID),  # it needs a CustomKeyStoreId then
    "CustomKeyStoreId": ("cks-0123456789abcdef0", "CustomKeyStoreNotFoundException"),
    "CreateKey.CustomKeyStoreId": ("cks-0123456789abcdef0", INVALID),  # not with Origin AWS_KMS
    "XksKeyId": ("x", INVALID),
    "CustomKeyStoreType": ("AWS_CLOUDHSM", INVALID),
    "CreateCustomKeyStore.CustomKeyStoreName": ("x" * 257, INVALID),
    "DescribeCustomKeyStores.CustomKeyStoreName": ("nobody", INVALID),  # not beside an id
    "DescribeCustomKeyStores.Limit": (1001, INVALID),
    "NewCustomKeyStoreName": ("x" * 257, INVALID),
    "CloudHsmClusterId": ("cluster-2222222222222", INVALID),  # not of an external key store
    "TrustAnchorCertificate": ("no certificate", INVALID),
    "KeyStorePassword": ("kmsPswd1", INVALID),
    "XksProxyConnectivity": ("OTHER", INVALID),
    "XksProxyUriEndpoint": ("https://nowhere.example.com", "XksProxyUriUnreachableException"),
    "XksProxyUriPath": ("/nowhere/kms/xks/v1", "XksProxyInvalidConfigurationException"),
    "XksProxyVpcEndpointServiceName": (
        "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
        INVALID,
    ),
    "XksProxyVpcEndpointServiceOwner": ("owner-number", INVALID),
    "XksProxyAuthenticationCredential": (
        {"AccessKeyId": "A" * 20, "RawSecretAccessKey": "a" * 43},
        "XksProxyIncorrectAuthenticationCredentialException",
    ),
    "ReplicaRegion": ("mars-north-1", INVALID),
    "PrimaryRegion": ("eu-west-3", NOT_FOUND),
    "PendingWindowInDays": (31, INVALID),
    "Operations": (["Sign"], INVALID),
    "Constraints": ({"EncryptionContextEquals": {str(n): "" for n in range(9)}}, INVALID),
    "RetiringPrincipal": ("alice", "InvalidArnException"),
    "RetiringServicePrincipal": ("ec2.example.com", INVALID),
    "GranteeServicePrincipal": ("ec2.example.com", INVALID),
    "GranteePrincipal": ("alice", "InvalidArnException"),
    "WrappingAlgorithm": ("RSAES_PKCS1_V1_5", "UnsupportedOperationException"),
    "WrappingKeySpec": ("SM2", "UnsupportedOperationException"),
    "ImportToken": (b"made-up", "InvalidImportTokenException"),
    "EncryptedKeyMaterial": (b"made-up", "InvalidCiphertextException"),
    "ExpirationModel": ("KEY_MATERIAL_EXPIRES", INVALID),
    "ValidTo": ("2026-11-11", INVALID),
    "ImportType": ("EXISTING_KEY_MATERIAL", "IncorrectKeyMaterialException"),
    "ImportKeyMaterial.KeyMaterialId": ("0" * 64, INVALID),
    "DeleteImportedKeyMaterial.KeyMaterialId": ("0" * 64, NOT_FOUND),
    "CiphertextBlob": (b"made-up", "InvalidCiphertextException"),
    "SharedSecretCiphertextBlob": (b"made-up", "InvalidCiphertextException"),
    "EncryptionContext": ({"not": "the same"}, "InvalidCiphertextException"),
    "SourceEncryptionContext": ({"not": "the same"}, "InvalidCiphertextException"),
    "EncryptionAlgorithm": ("RSAES_OAEP_SHA_1", "InvalidKeyUsageException"),
    "Decrypt.EncryptionAlgorithm": ("RSAES_OAEP_SHA_1", INVALID),  # it needs a KeyId then
    "SourceEncryptionAlgorithm": ("RSAES_OAEP_SHA_1", INVALID),
    "DestinationEncryptionAlgorithm": ("RSAES_OAEP_SHA_1", "InvalidKeyUsageException"),
    "SigningAlgorithm": ("ECDSA_SHA_384", "InvalidKeyUsageException"),
    "MacAlgorithm": ("HMAC_SHA_512", "InvalidKeyUsageException"),
    "KeyAgreementAlgorithm": ("DH", INVALID),
    "EncapsulationAlgorithm": ("RSA", INVALID),
    "MessageType": ("DIGEST", INVALID),  # the message is not as long as a digest
    "Verify.Message": (b"another", "KMSInvalidSignatureException"),
    "Verify.Signature": (b"made-up", "KMSInvalidSignatureException"),
    "VerifyMac.Message": (b"another", "KMSInvalidMacException"),
    "Mac": (b"made-up", "KMSInvalidMacException"),
    "PublicKey": (b"made-up", INVALID),
}


def _plaintext(world: World) -> bool:
    asked = prepare(world, "Encrypt") | {"Plaintext": b"another"}
    blob = world.kms.encrypt(**asked)["CiphertextBlob"]
    return bool(world.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"another")


def _context(operation: str, blob: str, member: str = "EncryptionContext") -> Callable[..., bool]:
    """What an operation seals with a context opens with that context only."""

    def shown(world: World) -> bool:
        answer = world.call(operation, prepare(world, operation) | {member: {"a": "b"}})
        with refused("InvalidCiphertextException"):
            world.kms.decrypt(CiphertextBlob=answer[blob])
        opened = world.kms.decrypt(CiphertextBlob=answer[blob], EncryptionContext={"a": "b"})
        return bool(opened["Plaintext"])

    return shown


def _length(operation: str, **asked: Any) -> Callable[[World], bool]:
    """A data key is as long as was asked for."""

    def shown(world: World) -> bool:
        about = {"KeyId": world.key()} if operation != "GenerateRandom" else {}
        answer = world.call(operation, {**about, **asked})
        if "Plaintext" not in answer:
            answer = world.kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])
        return len(answer["Plaintext"]) == (asked.get("NumberOfBytes") or 16)

    return shown


def _one_a_page(operation: str, fill: Callable[[World, str], Any]) -> Callable[[World], bool]:
    """With a Limit of one, a list of two has a first page of one."""

    def shown(world: World) -> bool:
        asked = prepare(world, operation)
        fill(world, asked.get("KeyId") or world.key())
        page = world.call(operation, asked | {"Limit": 1})
        (entries,) = [each for each in page.values() if isinstance(each, list)]
        return len(entries) == 1 and page["Truncated"]

    return shown


def _two_aliases(world: World, key: str) -> None:
    for _ in range(2):
        world.call("CreateAlias", prepare(world, "CreateAlias", key))


def _two_grants(world: World, key: str) -> None:
    for name in "ab":
        world.call(
            "CreateGrant",
            prepare(world, "CreateGrant", key) | {"Name": name, "RetiringPrincipal": GRANTEE},
        )


def _two_rotations(world: World, key: str) -> None:
    for _ in range(2):
        world.kms.rotate_key_on_demand(KeyId=key)
        world.settle()


def _two_tags(world: World, key: str) -> None:
    world.kms.tag_resource(KeyId=key, Tags=[{"TagKey": each, "TagValue": ""} for each in "ab"])


def _one_policy(world: World) -> bool:
    page = world.kms.list_key_policies(KeyId=world.key(), Limit=1)
    return bool(page["PolicyNames"] == ["default"] and not page["Truncated"])


def _filtered(**asked: Any) -> Callable[[World], bool]:
    """ListGrants shows one grant of two."""

    def shown(world: World) -> bool:
        key, grants = world.key(), {}
        for who in ("GranteePrincipal", "GranteeServicePrincipal"):
            more = {"GranteePrincipal": GRANTEE} if who == "GranteePrincipal" else _SERVICE
            request = {"KeyId": key, "Operations": ["Encrypt"], **more}
            grants[who] = world.kms.create_grant(**request)["GrantId"]
        wanted = {name: value or grants["GranteePrincipal"] for name, value in asked.items()}
        entries = world.kms.list_grants(KeyId=key, **wanted)["Grants"]
        expected = grants.get(next(iter(asked)), grants["GranteePrincipal"])
        return [each["GrantId"] for each in entries] == [expected]

    return shown


_SERVICE = {
    "GranteeServicePrincipal": "ec2.amazonaws.com",
    "RetiringServicePrincipal": "ec2.amazonaws.com",
    "Constraints": {"SourceArn": SOURCE},
}


def _same_name(world: World) -> bool:
    asked = prepare(world, "CreateGrant")
    ids = [world.kms.create_grant(**asked, Name="a")["GrantId"] for _ in range(2)]
    return ids[0] == ids[1] != world.kms.create_grant(**asked)["GrantId"]


def _bypass(operation: str) -> Callable[[World], bool]:
    """A policy that locks its author out is saved only if the author insists."""

    def shown(world: World) -> bool:
        asked = prepare(world, operation) | {"Policy": LOCKED}
        with refused("MalformedPolicyDocumentException"):
            world.call(operation, asked)
        return bool(world.call(operation, asked | {"BypassPolicyLockoutSafetyCheck": True}))

    return shown


def _description(operation: str, region: str = HERE) -> Callable[[World], bool]:
    """The description that was asked for is the one that DescribeKey shows."""

    def shown(world: World) -> bool:
        asked = prepare(world, operation) | {"Description": "shown"}
        answer = world.call(operation, asked)
        key_id = asked.get("KeyId") or answer["KeyMetadata"]["KeyId"]
        about = world.client(region).describe_key(KeyId=key_id)["KeyMetadata"]
        return bool(about["Description"] == "shown")

    return shown


def _days(world: World) -> bool:
    key = world.key()
    world.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=99)
    return bool(world.kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 99)


def _untagged(world: World) -> bool:
    key = world.key(Tags=TWINS[:1])
    world.kms.untag_resource(KeyId=key, TagKeys=["a"])
    return bool(world.kms.list_resource_tags(KeyId=key)["Tags"] == [])


def _every_generation(world: World) -> bool:
    lists = [
        world.kms.list_key_rotations(KeyId=world.key(), IncludeKeyMaterial=which)["Rotations"]
        for which in ("ROTATIONS_ONLY", "ALL_KEY_MATERIAL")
    ]
    return [len(entries) for entries in lists] == [0, 1]


def _owners(world: World) -> bool:
    world.key()
    lists = [
        world.kms.list_keys(ResourceOwners=owners)["Keys"]
        for owners in (["SELF"], ["OTHER_ACCOUNTS_VIA_RAM"])
    ]
    return bool(lists[0]) and lists[1] == []


def _signed(world: World) -> bool:
    key = world.key(**SIGNING)
    asked: Parameters = {"KeyId": key, "Message": b"this", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = world.kms.sign(**asked)["Signature"]
    return bool(world.kms.verify(**asked, Signature=signature)["SignatureValid"])


def _maced(world: World) -> bool:
    asked = prepare(world, "GenerateMac")
    macs = [world.kms.generate_mac(**{**asked, "Message": text})["Mac"] for text in (b"a", b"b")]
    return macs[0] != macs[1]


def _multi_region(world: World) -> bool:
    key = world.key(MultiRegion=True)
    return key.startswith("mrk-") and not world.key(MultiRegion=False).startswith("mrk-")


def _described_material(world: World) -> bool:
    key = world.key(**IMPORTED)
    world.kms.import_key_material(**import_request(world, key), KeyMaterialDescription="first")
    (entry,) = world.kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")[
        "Rotations"
    ]
    return bool(entry["KeyMaterialDescription"] == "first")


# Operation and member: what a right value does.
SHOWN: dict[str, Callable[[World], bool]] = {
    "CreateGrant.Name": _same_name,
    "CreateKey.BypassPolicyLockoutSafetyCheck": _bypass("CreateKey"),
    "CreateKey.Description": _description("CreateKey"),
    "CreateKey.MultiRegion": _multi_region,
    "Encrypt.EncryptionContext": _context("Encrypt", "CiphertextBlob"),
    "Encrypt.Plaintext": _plaintext,
    "EnableKeyRotation.RotationPeriodInDays": _days,
    "GenerateDataKey.EncryptionContext": _context("GenerateDataKey", "CiphertextBlob"),
    "GenerateDataKey.KeySpec": _length("GenerateDataKey", KeySpec="AES_128"),
    "GenerateDataKey.NumberOfBytes": _length("GenerateDataKey", NumberOfBytes=99),
    "GenerateDataKeyPair.EncryptionContext": _context(
        "GenerateDataKeyPair", "PrivateKeyCiphertextBlob"
    ),
    "GenerateDataKeyPairWithoutPlaintext.EncryptionContext": _context(
        "GenerateDataKeyPairWithoutPlaintext", "PrivateKeyCiphertextBlob"
    ),
    "GenerateDataKeyWithoutPlaintext.EncryptionContext": _context(
        "GenerateDataKeyWithoutPlaintext", "CiphertextBlob"
    ),
    "GenerateDataKeyWithoutPlaintext.KeySpec": _length(
        "GenerateDataKeyWithoutPlaintext", KeySpec="AES_128"
    ),
    "GenerateDataKeyWithoutPlaintext.NumberOfBytes": _length(
        "GenerateDataKeyWithoutPlaintext", NumberOfBytes=99
    ),
    "GenerateMac.Message": _maced,
    "GenerateRandom.NumberOfBytes": _length("GenerateRandom", NumberOfBytes=99),
    "ImportKeyMaterial.KeyMaterialDescription": _described_material,
    "ListAliases.Limit": _one_a_page("ListAliases", _two_aliases),
    "ListGrants.GrantId": _filtered(GrantId=""),
    "ListGrants.GranteePrincipal": _filtered(GranteePrincipal=GRANTEE),
    "ListGrants.GranteeServicePrincipal": _filtered(GranteeServicePrincipal="ec2.amazonaws.com"),
    "ListGrants.Limit": _one_a_page("ListGrants", _two_grants),
    "ListKeyPolicies.Limit": _one_policy,
    "ListKeyRotations.IncludeKeyMaterial": _every_generation,
    "ListKeyRotations.Limit": _one_a_page("ListKeyRotations", _two_rotations),
    "ListKeys.Limit": _one_a_page("ListKeys", lambda world, _key: world.key()),
    "ListKeys.ResourceOwners": _owners,
    "ListResourceTags.Limit": _one_a_page("ListResourceTags", _two_tags),
    "ListRetirableGrants.Limit": _one_a_page("ListRetirableGrants", _two_grants),
    "PutKeyPolicy.BypassPolicyLockoutSafetyCheck": _bypass("PutKeyPolicy"),
    "ReEncrypt.DestinationEncryptionContext": _context(
        "ReEncrypt", "CiphertextBlob", "DestinationEncryptionContext"
    ),
    "ReplicateKey.BypassPolicyLockoutSafetyCheck": _bypass("ReplicateKey"),
    "ReplicateKey.Description": _description("ReplicateKey", ELSEWHERE),
    "Sign.Message": _signed,
    "UntagResource.TagKeys": _untagged,
    "UpdateKeyDescription.Description": _description("UpdateKeyDescription"),
}
MEMBERS = [
    (operation, member)
    for operation in OPERATIONS
    for member in MODEL.operation_model(operation).input_shape.members
]
REFUSED = [
    pair
    for pair in MEMBERS
    if ".".join(pair) not in SHOWN and pair[1] not in OPERATIONS[pair[0]].not_yet
]


def _wrong(operation: str, member: str) -> tuple[Any, str]:
    return WRONG.get(f"{operation}.{member}") or WRONG[member]


def test_every_member_is_refused_or_shown_or_not_there_yet() -> None:
    wrong = {pair for pair in REFUSED if ".".join(pair) in WRONG or pair[1] in WRONG}
    assert set(REFUSED) - wrong == set()
    known = {".".join(pair) for pair in MEMBERS}
    assert set(SHOWN) | {name for name in WRONG if "." in name} <= known
    assert set(SHOWN) & set(WRONG) == set()
    for name, operation in OPERATIONS.items():
        assert set(operation.not_yet) <= {member for of, member in MEMBERS if of == name}


@pytest.mark.parametrize(("operation", "member"), REFUSED)
def test_a_wrong_value_of_a_member_is_refused(world: World, operation: str, member: str) -> None:
    value, code = _wrong(operation, member)
    of = "RevokeGrant" if operation == "RetireGrant" and member != "GrantToken" else operation
    world.call(operation, prepare(world, of))
    parameters = prepare(world, of)
    with refused(code):
        world.call(operation, {**parameters, member: value})


@pytest.mark.parametrize("member", SHOWN)
def test_a_right_value_of_a_member_shows(world: World, member: str) -> None:
    assert SHOWN[member](world)


NOT_YET = [(name, member) for name, operation in OPERATIONS.items() for member in operation.not_yet]


@pytest.mark.parametrize(("operation", "member"), NOT_YET)
def test_a_parameter_that_is_not_there_yet_names_itself(
    world: World, operation: str, member: str
) -> None:
    value: Any = {"AttestationDocument": b"x"} if member == "Recipient" else "cks-1"
    message = f"kmslab does not answer the parameter {member} of {operation} yet."
    with refused("UnsupportedOperationException", message):
        world.call(operation, prepare(world, operation) | {member: value})


def test_a_dry_run_may_leave_the_ciphertext_out_and_then_needs_the_key(world: World) -> None:
    key = world.key()
    for operation, name, more in (
        ("Decrypt", "KeyId", {}),
        ("ReEncrypt", "SourceKeyId", {"DestinationKeyId": key}),
    ):
        asked: Parameters = {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"], **more}
        with refused("DryRunOperationException"):
            world.call(operation, {**asked, name: key})
        with refused(INVALID):
            world.call(operation, {**asked, name: key, "DryRun": False})
        with refused(INVALID, f"{name} must not be null"):
            world.call(operation, asked)


def test_a_grant_is_retired_by_token_or_by_id_and_not_by_both(world: World) -> None:
    named, by_token = prepare(world, "RevokeGrant"), prepare(world, "RetireGrant")
    for more in (
        {},
        {"KeyId": named["KeyId"]},
        {"GrantId": named["GrantId"]},
        {**named, **by_token},
    ):
        with refused(INVALID, "Specify either a GrantToken, or a KeyId and a GrantId."):
            world.kms.retire_grant(**more)
    world.kms.retire_grant(**named)
    world.kms.retire_grant(**by_token)


def test_a_replica_takes_its_own_description_policy_and_tags(world: World) -> None:
    key = world.key(MultiRegion=True, Description="here", Tags=TWINS[:1])
    policy = json.dumps(json.loads(world.kms.get_key_policy(KeyId=key)["Policy"]))
    tags = [{"TagKey": "b", "TagValue": ""}]
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE, Policy=policy, Tags=tags)
    there = world.client(THERE)
    assert there.describe_key(KeyId=key)["KeyMetadata"]["Description"] == ""
    assert there.get_key_policy(KeyId=key)["Policy"] == policy
    assert there.list_resource_tags(KeyId=key)["Tags"] == tags
    assert world.kms.list_resource_tags(KeyId=key)["Tags"] == TWINS[:1]
