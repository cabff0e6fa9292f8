"""AWS's own words: messages as they were recorded from it, each met by a real call.

{arn}, {key} and {account} stand for those of the key that the case is about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from expect import UNKNOWN_ID, invalid, refused
from working import (
    AGREEING,
    GRANTEE,
    IMPORTED,
    MACS,
    SHARED,
    SIGNING,
    SYMMETRIC,
    TEXT,
    THERE,
    Parameters,
    World,
    another_public_key,
    import_request,
    one_rsa_key,
    prepare,
)

from kmslab import Lab
from kmslab.kms import rotation

RSA = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
RSA_SIGNING = {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}
ED25519 = {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"}
ML_DSA = {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"}
OAEP = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
Ask = Callable[[World, str], Any]
Case = tuple[Parameters, Ask, str, str]  # a key, what is asked of it, code and message


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


def _call(operation: str, **parameters: Any) -> Ask:
    return lambda world, key: world.call(operation, {"KeyId": key, **parameters})


def _usage(operation: str, wrong: Parameters, **parameters: Any) -> Case:
    words = "{arn} key usage is {usage} which is not valid for {operation}."
    usage = wrong.get("KeyUsage", "ENCRYPT_DECRYPT")
    message = words.replace("{usage}", usage).replace("{operation}", operation)
    return wrong, _call(operation, **parameters), "InvalidKeyUsageException", message


_SIGN = {"Message": TEXT, "SigningAlgorithm": "ECDSA_SHA_256"}
_MAC = {"Message": TEXT, "MacAlgorithm": "HMAC_SHA_256"}
USAGES: dict[str, Case] = {
    "Sign": _usage("Sign", SYMMETRIC, **_SIGN),
    "Verify": _usage("Verify", AGREEING, **_SIGN, Signature=b"x"),
    "GenerateMac": _usage("GenerateMac", SYMMETRIC, **_MAC),
    "VerifyMac": _usage("VerifyMac", SIGNING, **_MAC, Mac=b"x"),
    "Encrypt": _usage("Encrypt", SIGNING, Plaintext=TEXT),
    "GenerateDataKey": _usage("GenerateDataKey", MACS, KeySpec="AES_256"),
    "GenerateDataKeyWithoutPlaintext": _usage(
        "GenerateDataKeyWithoutPlaintext", SIGNING, KeySpec="AES_256"
    ),
    "DeriveSharedSecret": _usage(
        "DeriveSharedSecret",
        SYMMETRIC,
        KeyAgreementAlgorithm="ECDH",
        PublicKey=another_public_key(),
    ),
}


def _algorithm(key: Parameters, algorithm: str, ask: Ask) -> Case:
    words = f"Algorithm {algorithm} is incompatible with key spec {key['KeySpec']}."
    return key, ask, "InvalidKeyUsageException", words


def _invalid(key: Parameters, ask: Ask, message: str) -> Case:
    return key, ask, "ValidationException", message


HMAC_224 = {"KeySpec": "HMAC_224", "KeyUsage": "GENERATE_VERIFY_MAC"}


def _sign(algorithm: str, kind: str, message: bytes = TEXT) -> Ask:
    return _call("Sign", Message=message, SigningAlgorithm=algorithm, MessageType=kind)


CRYPTOGRAPHY: dict[str, Case] = {
    "a MAC of another size": _algorithm(HMAC_224, "HMAC_SHA_256", _call("GenerateMac", **_MAC)),
    "ECDSA with Ed25519": _algorithm(ED25519, "ECDSA_SHA_512", _sign("ECDSA_SHA_512", "RAW")),
    "RSA without an algorithm": _algorithm(
        RSA, "SYMMETRIC_DEFAULT", _call("Encrypt", Plaintext=TEXT)
    ),
    "a data key of RSA": (
        RSA,
        _call("GenerateDataKey", KeySpec="AES_256"),
        "InvalidKeyUsageException",
        "You cannot generate a data key with an asymmetric CMK",
    ),
    "a context with RSA": _invalid(
        RSA,
        _call("Encrypt", Plaintext=TEXT, EncryptionContext={"a": "b"}, **OAEP),
        "EncryptionContext is not supported when encrypting with asymmetric CMKs.",
    ),
    "a context from RSA": _invalid(
        RSA,
        _call("Decrypt", CiphertextBlob=b"x" * 256, EncryptionContext={"a": "b"}, **OAEP),
        "EncryptionContext is not supported when decrypting with asymmetric CMKs.",
    ),
    "too much for RSA": _invalid(
        RSA,
        _call("Encrypt", Plaintext=b"x" * 191, **OAEP),
        "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 "
        "bytes.",
    ),
    "too much for RSA with SHA-1": _invalid(
        RSA,
        _call("Encrypt", Plaintext=b"x" * 215, EncryptionAlgorithm="RSAES_OAEP_SHA_1"),
        "Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 "
        "bytes.",
    ),
    "RSA without a key": _invalid(
        RSA,
        lambda world, _key: world.kms.decrypt(CiphertextBlob=b"x" * 256, **OAEP),
        "KeyId must not be null",
    ),
    "no ciphertext of RSA": (
        RSA,
        _call("Decrypt", CiphertextBlob=b"x" * 99, **OAEP),
        "InvalidCiphertextException",
        "",
    ),
    "a digest that is none": _invalid(
        SIGNING,
        _sign("ECDSA_SHA_256", "DIGEST"),
        "Digest is invalid length for algorithm ECDSA_SHA_256.",
    ),
    "a digest for Ed25519ph": _invalid(
        ED25519,
        _sign("ED25519_PH_SHA_512", "DIGEST", b"x" * 63),
        "Digest is invalid length for algorithm ED25519_PH_SHA_512.",
    ),
    "a digest for Ed25519": _invalid(
        ED25519,
        _sign("ED25519_SHA_512", "DIGEST", b"x" * 64),
        "Message type DIGEST is incompatible with algorithm ED25519_SHA_512.",
    ),
    "a message for Ed25519ph": _invalid(
        ED25519,
        _sign("ED25519_PH_SHA_512", "RAW"),
        "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512.",
    ),
    "a digest for ML-DSA": _invalid(
        ML_DSA,
        _sign("ML_DSA_SHAKE_256", "DIGEST", b"x" * 64),
        "Message type DIGEST is incompatible with key spec ML_DSA_44.",
    ),
    "mu of another length": _invalid(
        ML_DSA,
        _sign("ML_DSA_SHAKE_256", "EXTERNAL_MU", b"x" * 63),
        "External Mu is invalid length for algorithm ML_DSA_SHAKE_256.",
    ),
    "mu for RSA": _invalid(
        RSA_SIGNING,
        _sign("RSASSA_PSS_SHA_256", "EXTERNAL_MU", b"x" * 64),
        "Message type EXTERNAL_MU is incompatible with key spec RSA_2048.",
    ),
    "too long a message": _invalid(
        SIGNING,
        _sign("ECDSA_SHA_256", "RAW", b"x" * 4097),
        invalid(
            "Value at 'message' failed to satisfy constraint: "
            "Member must have length less than or equal to 4096"
        ),
    ),
    "another key for a blob": (
        SYMMETRIC,
        lambda world, key: world.kms.decrypt(**prepare(world, "Decrypt"), KeyId=key),
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    ),
    "an RSA key for a blob": (
        RSA,
        lambda world, key: world.kms.decrypt(**prepare(world, "Decrypt"), KeyId=key),
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    ),
    "no blob": (
        SYMMETRIC,
        lambda world, _key: world.kms.decrypt(CiphertextBlob=TEXT),
        "InvalidCiphertextException",
        "",
    ),
    "no MAC": (MACS, _call("VerifyMac", **_MAC, Mac=b"x"), "KMSInvalidMacException", ""),
    "no signature": (
        SIGNING,
        _call("Verify", **_SIGN, Signature=b"x"),
        "KMSInvalidSignatureException",
        "",
    ),
    "no signature of Ed25519": (
        ED25519,
        _call("Verify", Message=TEXT, Signature=b"x", SigningAlgorithm="ED25519_SHA_512"),
        "KMSInvalidSignatureException",
        "",
    ),
    "no public key": (SYMMETRIC, _call("GetPublicKey"), "UnsupportedOperationException", ""),
    "no public key of HMAC": (MACS, _call("GetPublicKey"), "UnsupportedOperationException", ""),
    "both spec and length": _invalid(
        SYMMETRIC,
        _call("GenerateDataKey", KeySpec="AES_256", NumberOfBytes=32),
        "Please specify either number of bytes or key spec.",
    ),
    "neither spec nor length": _invalid(
        SYMMETRIC,
        _call("GenerateDataKeyWithoutPlaintext"),
        "Please specify either number of bytes or key spec.",
    ),
    "no length": _invalid(
        SYMMETRIC,
        lambda world, _key: world.kms.generate_random(),
        "NumberOfBytes is required.",
    ),
    "a key pair of China": (
        SYMMETRIC,
        _call("GenerateDataKeyPair", KeyPairSpec="SM2"),
        "UnsupportedOperationException",
        "KeyPairSpec SM2 is not supported in this Region",
    ),
}


def _deletion(*days: int) -> Ask:
    def ask(world: World, key: str) -> None:
        for each in days:
            world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=each)

    return ask


def _in_deletion(operation: str, **parameters: Any) -> Case:
    def ask(world: World, key: str) -> None:
        world.kms.schedule_key_deletion(KeyId=key)
        world.call(operation, {"KeyId": key, **parameters})

    return SYMMETRIC, ask, "KMSInvalidStateException", "{arn} is pending deletion."


def _rotate_full(world: World, key: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "MOST_ON_DEMAND", 0)
        world.kms.rotate_key_on_demand(KeyId=key)


def _imported(world: World, key: str) -> None:
    world.kms.import_key_material(**import_request(world, key))


def _rotate_imported(world: World, key: str) -> None:
    _imported(world, key)
    world.kms.rotate_key_on_demand(KeyId=key)


def _import(**more: Any) -> Ask:
    return lambda world, key: world.kms.import_key_material(**import_request(world, key) | more)


def _import_late(world: World, key: str) -> None:
    request = import_request(world, key) | {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}
    late = world.lab.clock.now() + timedelta(days=366)
    world.kms.import_key_material(**request, ValidTo=late)


def _replicate_twice(world: World, key: str) -> None:
    for _ in range(2):
        world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)


def _replicate_replica(world: World, key: str) -> None:
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.settle()
    world.client(THERE).replicate_key(KeyId=key, ReplicaRegion="ap-south-1")


_EXTERNAL = "{arn} origin is EXTERNAL which is not valid for this operation."
_AWS_KMS = "{arn} origin is AWS_KMS which is not valid for this operation."
_UNSUPPORTED = "UnsupportedOperationException"
_WINDOW = "PendingWindowInDays must be between 7 and 30"
_NOT_PRIMARY = "{arn} is not a multi-Region primary key."
LIFE: dict[str, Case] = {
    "too short a window": _invalid(SYMMETRIC, _deletion(6), _WINDOW),
    "too long a window": _invalid(SYMMETRIC, _deletion(31), _WINDOW),
    "deleting twice": (
        SYMMETRIC,
        _deletion(7, 7),
        "KMSInvalidStateException",
        "{arn} is pending deletion.",
    ),
    "cancelling nothing": (
        SYMMETRIC,
        _call("CancelKeyDeletion"),
        "KMSInvalidStateException",
        "{arn} is not pending deletion.",
    ),
    "encrypting before deletion": _in_deletion("Encrypt", Plaintext=TEXT),
    "tagging before deletion": _in_deletion("TagResource", Tags=[{"TagKey": "a", "TagValue": ""}]),
    "rotating HMAC": (MACS, _call("EnableKeyRotation"), _UNSUPPORTED, ""),
    "rotating HMAC on demand": (MACS, _call("RotateKeyOnDemand"), _UNSUPPORTED, ""),
    "rotating imported material": (IMPORTED, _call("EnableKeyRotation"), _UNSUPPORTED, _EXTERNAL),
    "not rotating it": (IMPORTED, _call("DisableKeyRotation"), _UNSUPPORTED, _EXTERNAL),
    "rotating what is not there": (
        IMPORTED,
        _call("RotateKeyOnDemand"),
        "KMSInvalidStateException",
        "{arn} is pending import.",
    ),
    "rotating to nothing new": (
        IMPORTED,
        _rotate_imported,
        "KMSInvalidStateException",
        "No available key material pending rotation for the key: {arn}.",
    ),
    "rotating too often": (
        SYMMETRIC,
        _rotate_full,
        "LimitExceededException",
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        "rotations can be performed for this key: {arn}",
    ),
    "too short a period": _invalid(
        SYMMETRIC,
        _call("EnableKeyRotation", RotationPeriodInDays=2561),
        invalid(
            "Value '2561' at 'rotationPeriodInDays' failed to satisfy constraint: "
            "Member must have value less than or equal to 2560"
        ),
    ),
    "importing into a key of KMS's own": (
        SYMMETRIC,
        _call(
            "GetParametersForImport",
            WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_2048",
        ),
        _UNSUPPORTED,
        _AWS_KMS,
    ),
    "deleting material of KMS's own": (
        SYMMETRIC,
        _call("DeleteImportedKeyMaterial"),
        _UNSUPPORTED,
        _AWS_KMS,
    ),
    "an expiry without a date": _invalid(
        IMPORTED,
        _import(ExpirationModel="KEY_MATERIAL_EXPIRES"),
        "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
    ),
    "an expiry too late": _invalid(
        IMPORTED,
        _import_late,
        "The validTo date must be in the future, and at most 365 days from now.",
    ),
    "material that does not unwrap": (
        IMPORTED,
        _import(EncryptedKeyMaterial=b"x" * 256),
        "InvalidCiphertextException",
        "",
    ),
    "replicating a key of one Region": (
        SYMMETRIC,
        _call("ReplicateKey", ReplicaRegion=THERE),
        _UNSUPPORTED,
        _NOT_PRIMARY,
    ),
    "replicating a replica": (
        SHARED,
        _replicate_replica,
        _UNSUPPORTED,
        _NOT_PRIMARY.replace("{arn}", "{there}"),
    ),
    "replicating twice": (
        SHARED,
        _replicate_twice,
        "AlreadyExistsException",
        f"A replica for this multi-Region key already exists in {THERE}.",
    ),
}


def _alias_twice(world: World, key: str) -> None:
    for _ in range(2):
        world.kms.create_alias(AliasName=f"alias/{key}", TargetKeyId=key)


def _tags(*names: str, value: str = "") -> Ask:
    return _call("TagResource", Tags=[{"TagKey": name, "TagValue": value} for name in names])


def _too_long(path: str, value: str, most: int) -> str:
    return invalid(
        f"Value '{value}' at '{path}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {most}"
    )


_LOCKED = json.dumps(
    {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}
)
RECORDS: dict[str, Case] = {
    "no key": (
        SYMMETRIC,
        lambda world, _key: world.kms.enable_key(KeyId=UNKNOWN_ID),
        "NotFoundException",
        f"Key 'arn:aws:kms:us-east-1:{{account}}:key/{UNKNOWN_ID}' does not exist",
    ),
    "no id": (
        SYMMETRIC,
        lambda world, _key: world.kms.enable_key(KeyId="fake-key-id"),
        "NotFoundException",
        "Invalid keyId 'fake-key-id'",
    ),
    "an alias for an id": (
        SYMMETRIC,
        lambda world, _key: world.kms.enable_key(KeyId="alias/x"),
        "InvalidArnException",
        "Key Aliases are not supported for this operation.",
    ),
    "an ARN of another Region": (
        SYMMETRIC,
        lambda world, key: world.client(THERE).describe_key(KeyId=world.arn(key)),
        "NotFoundException",
        "Invalid arn us-east-1",
    ),
    "an alias that exists": (
        SYMMETRIC,
        _alias_twice,
        "AlreadyExistsException",
        "An alias with the name arn:aws:kms:us-east-1:{account}:alias/{key} already exists",
    ),
    "no alias": (
        SYMMETRIC,
        lambda world, _key: world.kms.delete_alias(AliasName="alias/nobody"),
        "NotFoundException",
        "Alias arn:aws:kms:us-east-1:{account}:alias/nobody is not found.",
    ),
    "twin tags": (SYMMETRIC, _tags("a", "a"), "TagException", "Duplicate tag keys"),
    "too many tags": (
        SYMMETRIC,
        lambda world, _key: world.key(
            Tags=[{"TagKey": str(number), "TagValue": ""} for number in range(51)]
        ),
        "TagException",
        "Too many tags",
    ),
    "a tag of AWS": (
        SYMMETRIC,
        _tags("AWS:mine"),
        "TagException",
        "Tags beginning with aws: are reserved",
    ),
    "a long tag key": _invalid(
        SYMMETRIC, _tags("x" * 129), _too_long("tags.1.member.tagKey", "x" * 129, 128)
    ),
    "a long tag value": _invalid(
        SYMMETRIC,
        _tags("a", value="x" * 257),
        _too_long("tags.1.member.tagValue", "x" * 257, 256),
    ),
    "a policy that locks out": (
        SYMMETRIC,
        _call("PutKeyPolicy", Policy=_LOCKED),
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    ),
    "a policy that is none": (
        SYMMETRIC,
        _call("PutKeyPolicy", Policy="{"),
        "MalformedPolicyDocumentException",
        "it is no JSON: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
    ),
    "a policy of RAM": _invalid(
        SYMMETRIC,
        _call("PutKeyPolicy", PolicyName="AWS_RAM", Policy="{}"),
        "The AWS_RAM policy can only be managed by the RAM service",
    ),
    "no such policy": (
        SYMMETRIC,
        _call("GetKeyPolicy", PolicyName="AWS_RAM"),
        "NotFoundException",
        "No such policy exists",
    ),
    "a grant of CreateGrant alone": _invalid(
        SYMMETRIC,
        _call("CreateGrant", GranteePrincipal=GRANTEE, Operations=["CreateGrant"]),
        "Grants must not contain only the CreateGrant operation.",
    ),
    "a grant to nobody": (
        SYMMETRIC,
        _call("CreateGrant", GranteePrincipal="alice", Operations=["Encrypt"]),
        "InvalidArnException",
        "ARN does not refer to a valid principal: alice",
    ),
    "a made-up grant token": (
        SYMMETRIC,
        _call("Encrypt", Plaintext=TEXT, GrantTokens=["x"]),
        "InvalidGrantTokenException",
        "",
    ),
}
CASES = {**USAGES, **CRYPTOGRAPHY, **LIFE, **RECORDS}


@pytest.mark.parametrize("case", CASES)
def test_a_message_is_worded_as_aws_words_it(world: World, case: str) -> None:
    kind, ask, code, message = CASES[case]
    key = world.key(**kind)
    there = World(world.lab, THERE)
    expected = message.format(
        arn=world.arn(key), key=key, account=world.lab.account, there=there.arn(key)
    )
    with refused(code, expected):
        ask(world, key)


def test_a_blob_of_a_key_that_is_gone_does_not_say_whether_there_was_one(world: World) -> None:
    key = world.key()
    blob = prepare(world, "Decrypt", key)
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    world.lab.clock.advance(days=8)
    message = (
        "The ciphertext refers to a customer master key that does not exist, does not exist in "
        "this region, or you are not allowed to access."
    )
    with refused("AccessDeniedException", message):
        world.kms.decrypt(**blob)


def test_disabling_the_rotation_of_a_key_that_cannot_rotate_is_no_error(world: World) -> None:
    for kind in (MACS, SIGNING, RSA):
        world.kms.disable_key_rotation(KeyId=world.key(**kind))


def test_an_empty_message_is_none_at_all_in_the_trail(world: World) -> None:
    with refused("InvalidCiphertextException", ""):
        world.kms.decrypt(CiphertextBlob=TEXT)
    assert world.lab.trail()[-1]["errorMessage"] is None
