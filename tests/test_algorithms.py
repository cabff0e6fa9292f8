"""Is a key for that? Every operation with every kind of key, and what is asked first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from expect import refused
from working import another_public_key, one_rsa_key

CREATED: dict[str, dict[str, Any]] = {
    "symmetric": {},
    "RSA for encryption": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    "RSA for signing": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
    "ECC for signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "ECC for agreement": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "Ed25519": {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
    "HMAC": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "ML-DSA": {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
    "ML-KEM": {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
}
_SIGN = {"Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
_MAC = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
_KEM = {"EncapsulationAlgorithm": "ML_KEM"}
_OAEP = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Encrypt": ("ENCRYPT_DECRYPT", {"Plaintext": b"x"}),
    "Decrypt": ("ENCRYPT_DECRYPT", {"CiphertextBlob": b"x", **_OAEP}),
    "GenerateDataKey": ("ENCRYPT_DECRYPT", {"KeySpec": "AES_256"}),
    "GenerateDataKeyWithoutPlaintext": ("ENCRYPT_DECRYPT", {"KeySpec": "AES_256"}),
    "GenerateDataKeyPair": ("ENCRYPT_DECRYPT", {"KeyPairSpec": "ECC_NIST_P256"}),
    "GenerateDataKeyPairWithoutPlaintext": ("ENCRYPT_DECRYPT", {"KeyPairSpec": "ECC_NIST_P256"}),
    "Sign": ("SIGN_VERIFY", _SIGN),
    "Verify": ("SIGN_VERIFY", {**_SIGN, "Signature": b"x"}),
    "GenerateMac": ("GENERATE_VERIFY_MAC", _MAC),
    "VerifyMac": ("GENERATE_VERIFY_MAC", {**_MAC, "Mac": b"x"}),
    "DeriveSharedSecret": (
        "KEY_AGREEMENT",
        {"KeyAgreementAlgorithm": "ECDH", "PublicKey": another_public_key()},
    ),
    "Encapsulate": ("ENCAPSULATE_DECAPSULATE", _KEM),
    "Decapsulate": ("ENCAPSULATE_DECAPSULATE", {**_KEM, "SharedSecretCiphertextBlob": b"x"}),
}
MISUSES = [
    (operation, kind)
    for operation, (usage, _) in REQUESTS.items()
    for kind, created in CREATED.items()
    if created.get("KeyUsage", "ENCRYPT_DECRYPT") != usage
]
EVERY_MISUSE = pytest.mark.parametrize(("operation", "kind"), MISUSES)


@pytest.fixture(scope="module")
def made(kms: Any) -> Iterator[dict[str, dict[str, Any]]]:
    """The metadata of a key of each kind."""
    with one_rsa_key():
        yield {kind: kms.create_key(**created)["KeyMetadata"] for kind, created in CREATED.items()}


@pytest.fixture(scope="module")
def disabled(kms: Any) -> Iterator[dict[str, dict[str, Any]]]:
    """The same, disabled."""
    with one_rsa_key():
        keys = {kind: kms.create_key(**created)["KeyMetadata"] for kind, created in CREATED.items()}
        for key in keys.values():
            kms.disable_key(KeyId=key["KeyId"])
        yield keys


def _misuse(kms: Any, key: dict[str, Any], operation: str) -> None:
    wording = f"{key['Arn']} key usage is {key['KeyUsage']} which is not valid for {operation}."
    with refused("InvalidKeyUsageException", wording) as caught:
        getattr(kms, xform_name(operation))(KeyId=key["KeyId"], **REQUESTS[operation][1])
    assert isinstance(caught.value, kms.exceptions.InvalidKeyUsageException)


@EVERY_MISUSE
def test_a_key_is_for_its_own_usage_alone(
    kms: Any, made: dict[str, dict[str, Any]], operation: str, kind: str
) -> None:
    _misuse(kms, made[kind], operation)


@EVERY_MISUSE
def test_the_usage_is_looked_at_before_the_state(
    kms: Any, disabled: dict[str, dict[str, Any]], operation: str, kind: str
) -> None:
    _misuse(kms, disabled[kind], operation)


RIGHT = {
    "SIGN_VERIFY": "RSA for signing",
    "GENERATE_VERIFY_MAC": "HMAC",
    "KEY_AGREEMENT": "ECC for agreement",
    "ENCAPSULATE_DECAPSULATE": "ML-KEM",
    "ENCRYPT_DECRYPT": "symmetric",
}


@pytest.mark.parametrize("operation", [name for name in REQUESTS if name != "Decrypt"])
def test_the_state_is_looked_at_before_the_rest(
    kms: Any, disabled: dict[str, dict[str, Any]], operation: str
) -> None:
    usage, request = REQUESTS[operation]
    key = disabled[RIGHT[usage]]
    wrong = dict(request)
    if "SigningAlgorithm" in wrong:
        wrong |= {"SigningAlgorithm": "ECDSA_SHA_256", "MessageType": "EXTERNAL_MU"}
    if "MacAlgorithm" in wrong:
        wrong |= {"MacAlgorithm": "HMAC_SHA_512"}
    if "PublicKey" in wrong:
        wrong |= {"PublicKey": b"none"}
    if "SharedSecretCiphertextBlob" in wrong:
        wrong |= {"SharedSecretCiphertextBlob": b"none"}
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        getattr(kms, xform_name(operation))(KeyId=key["KeyId"], **wrong)


ALGORITHMS = [
    ("Sign", "RSA for signing", {"SigningAlgorithm": "ECDSA_SHA_256"}),
    ("Sign", "RSA for signing", {"SigningAlgorithm": "ML_DSA_SHAKE_256"}),
    ("Sign", "ECC for signing", {"SigningAlgorithm": "ECDSA_SHA_384"}),
    ("Sign", "ECC for signing", {"SigningAlgorithm": "RSASSA_PSS_SHA_256"}),
    ("Sign", "Ed25519", {"SigningAlgorithm": "ECDSA_SHA_512"}),
    ("Sign", "ML-DSA", {"SigningAlgorithm": "ED25519_SHA_512"}),
    ("Verify", "ECC for signing", {"SigningAlgorithm": "SM2DSA"}),
    ("GenerateMac", "HMAC", {"MacAlgorithm": "HMAC_SHA_512"}),
    ("VerifyMac", "HMAC", {"MacAlgorithm": "HMAC_SHA_224"}),
    ("Encrypt", "symmetric", {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}),
    ("Encrypt", "RSA for encryption", {"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
    ("Encrypt", "RSA for encryption", {"EncryptionAlgorithm": "SM2PKE"}),
    ("Decrypt", "symmetric", {"EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}),
    ("Decrypt", "RSA for encryption", {"EncryptionAlgorithm": "SM2PKE"}),
]


@pytest.mark.parametrize(("operation", "kind", "change"), ALGORITHMS)
def test_a_key_offers_the_algorithms_of_its_spec_alone(
    kms: Any, made: dict[str, dict[str, Any]], operation: str, kind: str, change: dict[str, str]
) -> None:
    key = made[kind]
    (algorithm,) = change.values()
    wording = f"Algorithm {algorithm} is incompatible with key spec {key['KeySpec']}."
    with refused("InvalidKeyUsageException", wording):
        getattr(kms, xform_name(operation))(
            **{"KeyId": key["KeyId"], **REQUESTS[operation][1], **change}
        )
