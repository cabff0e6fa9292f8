"""Data key pairs: two halves that belong together, the private one in two forms."""

from __future__ import annotations

from typing import Any

import pytest
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from expect import invalid, refused
from families import HASHES, encapsulate, verify, verify_ed25519, verify_ml_dsa

from kmslab import Lab
from kmslab.aws.session import loader

CONTEXT = {"dept": "hr"}
WITHOUT = "generate_data_key_pair_without_plaintext"
PAIR_SPECS = loader().load_service_model("kms", "service-2")["shapes"]["DataKeyPairSpec"]["enum"]
SPECS = tuple(name for name in PAIR_SPECS if name != "SM2")
EVERY = pytest.mark.parametrize("spec", SPECS)
QUICK = pytest.mark.parametrize("spec", [spec for spec in SPECS if not spec.startswith("RSA")])
SIZES = {"ECC_NIST_P256": 256, "ECC_NIST_P384": 384, "ECC_NIST_P521": 521, "ECC_SECG_P256K1": 256}


def pair(kms: Any, key: str, spec: str, **more: Any) -> dict[str, Any]:
    """GenerateDataKeyPair."""
    answer: dict[str, Any] = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, **more)
    return answer


@EVERY
def test_a_pair_answers_as_aws_does_and_its_halves_belong_together(
    kms: Any, key: str, spec: str
) -> None:
    about = kms.describe_key(KeyId=key)["KeyMetadata"]
    answer = pair(kms, key, spec, EncryptionContext=CONTEXT)
    answer.pop("ResponseMetadata")
    private, public, blob = (
        answer.pop(name)
        for name in ("PrivateKeyPlaintext", "PublicKey", "PrivateKeyCiphertextBlob")
    )
    assert answer == {
        "KeyId": about["Arn"],
        "KeyPairSpec": spec,
        "KeyMaterialId": about["CurrentKeyMaterialId"],
    }
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == private
    assert opened["KeyId"] == about["Arn"]
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=blob)
    _belong_together(spec, private, public)


def _belong_together(spec: str, private_der: bytes, public_der: bytes) -> None:
    """The halves load elsewhere, are of the spec, and one does what the other undoes."""
    if spec == "ML_KEM_512":  # cryptography has it not
        key: Any = MLKEM.import_key(private_der)
        assert key.param_set is MLKEM.ML_KEM_512
        assert key.public_key().export_key() == public_der
    else:
        key = load_der_private_key(private_der, password=None)
        public = key.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert der == public_der
        assert key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == private_der
    if spec.startswith("RSA"):
        assert key.key_size == int(spec[4:])
        assert key.private_numbers().public_numbers.e == 65537
    elif spec in SIZES:
        assert key.curve.key_size == SIZES[spec]
        assert (key.curve.name == "secp256k1") == (spec == "ECC_SECG_P256K1")
        other = ec.generate_private_key(key.curve)
        assert key.exchange(ec.ECDH(), other.public_key()) == other.exchange(
            ec.ECDH(), key.public_key()
        )
    elif spec == "ECC_NIST_EDWARDS25519":
        verify_ed25519(public_der, key.sign(b"message"), b"message", hashed=False)
    elif spec.startswith("ML_DSA"):
        verify_ml_dsa(public_der, key.sign(b"message"), b"message")
    else:
        secret, ciphertext = encapsulate(public_der)
        opened = key._decaps(ciphertext) if spec == "ML_KEM_512" else key.decapsulate(ciphertext)
        assert opened == secret
    if spec in SIZES:
        signature = key.sign(b"message", ec.ECDSA(HASHES["sha256"]))
        verify(public_der, "ECDSA", "sha256", signature, b"message")


@QUICK
def test_without_plaintext_the_private_half_is_there_encrypted_only(
    kms: Any, key: str, spec: str
) -> None:
    answer = kms.generate_data_key_pair_without_plaintext(
        KeyId=key, KeyPairSpec=spec, EncryptionContext=CONTEXT
    )
    assert set(answer) == {
        *("PrivateKeyCiphertextBlob", "PublicKey", "KeyId", "KeyPairSpec", "KeyMaterialId"),
        "ResponseMetadata",
    }
    blob = answer["PrivateKeyCiphertextBlob"]
    private = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"]
    _belong_together(spec, private, answer["PublicKey"])


@QUICK
def test_no_two_pairs_are_alike(kms: Any, key: str, spec: str) -> None:
    made = [pair(kms, key, spec) for _ in range(4)]
    assert len({answer["PrivateKeyPlaintext"] for answer in made}) == 4
    assert len({answer["PublicKey"] for answer in made}) == 4


def test_a_spec_that_only_china_has_is_refused(kms: Any, key: str) -> None:
    wording = "KeyPairSpec SM2 is not supported in this Region"
    for operation in ("generate_data_key_pair", WITHOUT):
        with refused("UnsupportedOperationException", wording):
            getattr(kms, operation)(KeyId=key, KeyPairSpec="SM2")


def test_a_spec_that_is_none_is_named_with_those_that_are(kms: Any, key: str) -> None:
    with refused("ValidationException") as caught:
        pair(kms, key, "RSA_1024")
    assert invalid("Value 'RSA_1024' at 'keyPairSpec' failed to satisfy constraint") in str(
        caught.value
    )


@pytest.mark.parametrize("operation", ["generate_data_key_pair", WITHOUT])
def test_a_pair_needs_a_symmetric_key(kms: Any, operation: str) -> None:
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    with refused(
        "InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK"
    ):
        getattr(kms, operation)(KeyId=made["KeyMetadata"]["KeyId"], KeyPairSpec="ECC_NIST_P256")


def test_a_private_half_moves_to_another_key_without_leaving_kms(
    kms: Any, key: str, other_key: str
) -> None:
    made = pair(kms, key, "ECC_NIST_P256", EncryptionContext=CONTEXT)
    moved = kms.re_encrypt(
        CiphertextBlob=made["PrivateKeyCiphertextBlob"],
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other_key,
    )["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=moved)["Plaintext"] == made["PrivateKeyPlaintext"]


def test_a_public_half_is_no_secret_and_a_private_one_is_in_no_event(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for operation in ("generate_data_key_pair", WITHOUT):
        answer = getattr(kms, operation)(KeyId=key, KeyPairSpec="ECC_NIST_P256")
        assert load_der_public_key(answer["PublicKey"])
    events = fresh.trail().named("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
    assert len(events) == 2
    for event in events:
        assert event["requestParameters"] == {"keyId": key, "keyPairSpec": "ECC_NIST_P256"}
        assert event["responseElements"] is None
