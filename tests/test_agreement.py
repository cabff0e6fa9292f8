"""DeriveSharedSecret, Encapsulate and Decapsulate, with the other side outside KMS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from expect import invalid, refused
from families import encapsulate
from working import one_rsa_key
from wrapping import bring

from kmslab import Lab

CURVES: dict[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
}
KEMS = {"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}
EVERY_CURVE = pytest.mark.parametrize("spec", CURVES)
EVERY_KEM = pytest.mark.parametrize("spec", KEMS)
Owner = Callable[[str], str]


@pytest.fixture(scope="module", autouse=True)
def _one_rsa_key() -> Iterator[None]:
    with one_rsa_key():
        yield


@pytest.fixture(scope="module")
def owner(kms: Any) -> Owner:
    """The id of a key of a spec, for one of the two ways to a shared secret."""

    @cache
    def make(spec: str) -> str:
        usage = "KEY_AGREEMENT" if spec in CURVES else "ENCAPSULATE_DECAPSULATE"
        key_id: str = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
        return key_id

    return make


def der(public: Any) -> bytes:
    """A public key in DER (SubjectPublicKeyInfo)."""
    made: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made


def agree(kms: Any, key: str, public: bytes) -> dict[str, Any]:
    """DeriveSharedSecret."""
    answer: dict[str, Any] = kms.derive_shared_secret(
        KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=public
    )
    return answer


@EVERY_CURVE
def test_kms_and_another_side_get_the_same_secret(
    lab: Lab, kms: Any, owner: Owner, spec: str
) -> None:
    own = ec.generate_private_key(CURVES[spec])
    public: Any = load_der_public_key(kms.get_public_key(KeyId=owner(spec))["PublicKey"])
    answer = agree(kms, owner(spec), der(own.public_key()))
    answer.pop("ResponseMetadata")
    assert answer == {
        "KeyId": f"arn:aws:kms:us-east-1:{lab.account}:key/{owner(spec)}",
        "SharedSecret": own.exchange(ec.ECDH(), public),
        "KeyAgreementAlgorithm": "ECDH",
        "KeyOrigin": "AWS_KMS",
    }
    assert len(answer["SharedSecret"]) == -(-CURVES[spec].key_size // 8)


@EVERY_CURVE
def test_two_kms_keys_agree_and_a_third_does_not(kms: Any, owner: Owner, spec: str) -> None:
    others = [
        kms.create_key(KeySpec=spec, KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"]
        for _ in range(2)
    ]
    publics = [kms.get_public_key(KeyId=key)["PublicKey"] for key in (owner(spec), *others)]
    there = agree(kms, owner(spec), publics[1])["SharedSecret"]
    assert there == agree(kms, others[0], publics[0])["SharedSecret"]
    assert there == agree(kms, owner(spec), publics[1])["SharedSecret"]
    assert there != agree(kms, others[1], publics[0])["SharedSecret"]


def test_a_public_key_may_come_compressed(kms: Any, owner: Owner) -> None:
    own = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = own.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    whole = der(own)
    assert len(whole) == 91
    short = bytes.fromhex("3039") + whole[2:23] + bytes.fromhex("032200") + point
    same = [agree(kms, owner("ECC_NIST_P256"), each)["SharedSecret"] for each in (whole, short)]
    assert same[0] == same[1]


def _strangers(spec: str) -> dict[str, bytes]:
    own = ec.generate_private_key(CURVES[spec]).public_key()
    other = next(curve for name, curve in CURVES.items() if name != spec)
    good, size = der(own), -(-CURVES[spec].key_size // 8)
    return {
        "another curve": der(ec.generate_private_key(other).public_key()),
        "a curve of another family": der(ec.generate_private_key(ec.SECP256K1()).public_key()),
        "RSA": der(rsa.generate_private_key(65537, 1024).public_key()),
        "X25519": der(x25519.X25519PrivateKey.generate().public_key()),
        "Ed25519": der(ed25519.Ed25519PrivateKey.generate().public_key()),
        "off the curve": good[:-1] + bytes([good[-1] ^ 1]),
        "zero": good[: -2 * size] + bytes(2 * size),
        "bare point": own.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "PEM": own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "cut": good[:-1],
        "more": good + b"\0",
        "noise": os.urandom(91),
    }


@EVERY_CURVE
def test_what_is_no_public_key_on_the_keys_own_curve_is_refused(
    kms: Any, owner: Owner, spec: str
) -> None:
    for about, public in _strangers(spec).items():
        with refused("ValidationException") as caught:
            agree(kms, owner(spec), public)
        assert spec in str(caught.value), about


def test_an_imported_key_agrees_as_its_owner_does(kms: Any) -> None:
    private, other = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    made = kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage="KEY_AGREEMENT", Origin="EXTERNAL")
    key = made["KeyMetadata"]["KeyId"]
    bring(kms, key, private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    answer = agree(kms, key, der(other.public_key()))
    assert answer["SharedSecret"] == other.exchange(ec.ECDH(), private.public_key())
    assert answer["KeyOrigin"] == "EXTERNAL"
    assert kms.get_public_key(KeyId=key)["PublicKey"] == der(private.public_key())


# ML-KEM


def decapsulate(kms: Any, key: str, ciphertext: bytes) -> bytes:
    """Decapsulate's secret."""
    secret: bytes = kms.decapsulate(
        KeyId=key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=ciphertext
    )["SharedSecret"]
    return secret


@EVERY_KEM
def test_both_halves_answer_as_the_model_says(lab: Lab, kms: Any, owner: Owner, spec: str) -> None:
    about = {
        "KeyId": f"arn:aws:kms:us-east-1:{lab.account}:key/{owner(spec)}",
        "EncapsulationAlgorithm": "ML_KEM",
    }
    answer = kms.encapsulate(KeyId=owner(spec), EncapsulationAlgorithm="ML_KEM")
    secret, ciphertext = answer.pop("SharedSecret"), answer.pop("SharedSecretCiphertextBlob")
    answer.pop("ResponseMetadata")
    assert answer == about
    assert (len(secret), len(ciphertext)) == (32, KEMS[spec])
    answer = kms.decapsulate(SharedSecretCiphertextBlob=ciphertext, **about)
    answer.pop("ResponseMetadata")
    assert answer == about | {"SharedSecret": secret}


@EVERY_KEM
def test_a_secret_from_outside_arrives(kms: Any, owner: Owner, spec: str) -> None:
    public = kms.get_public_key(KeyId=owner(spec))["PublicKey"]
    for _ in range(3):
        secret, ciphertext = encapsulate(public)
        assert decapsulate(kms, owner(spec), ciphertext) == secret


@EVERY_KEM
def test_a_secret_of_kms_arrives_outside(kms: Any, spec: str) -> None:
    own = MLKEM.generate(param_set=MLKEM.ParamSet[spec])
    made = kms.create_key(KeySpec=spec, KeyUsage="ENCAPSULATE_DECAPSULATE", Origin="EXTERNAL")
    key = made["KeyMetadata"]["KeyId"]
    bring(kms, key, own.export_key())
    assert kms.get_public_key(KeyId=key)["PublicKey"] == own.public_key().export_key()
    answer = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    secret, ciphertext = answer["SharedSecret"], answer["SharedSecretCiphertextBlob"]
    assert own._decaps(ciphertext) == secret
    secret, ciphertext = own.public_key()._encaps()
    assert decapsulate(kms, key, ciphertext) == secret
    changed = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    assert decapsulate(kms, key, changed) == own._decaps(changed) != secret


@EVERY_KEM
def test_every_secret_is_new(kms: Any, owner: Owner, spec: str) -> None:
    made = [kms.encapsulate(KeyId=owner(spec), EncapsulationAlgorithm="ML_KEM") for _ in range(5)]
    assert len({answer["SharedSecret"] for answer in made}) == 5
    assert len({answer["SharedSecretCiphertextBlob"] for answer in made}) == 5


@EVERY_KEM
def test_a_changed_ciphertext_is_no_error_but_another_secret(
    kms: Any, owner: Owner, spec: str
) -> None:
    public = kms.get_public_key(KeyId=owner(spec))["PublicKey"]
    secret, ciphertext = encapsulate(public)
    seen = {secret}
    for place in (0, KEMS[spec] // 2, KEMS[spec] - 1):
        changed = bytearray(ciphertext)
        changed[place] ^= 1
        other = decapsulate(kms, owner(spec), bytes(changed))
        assert other == decapsulate(kms, owner(spec), bytes(changed))
        seen.add(other)
    assert len(seen) == 4
    assert {len(each) for each in seen} == {32}
    assert decapsulate(kms, owner(spec), os.urandom(KEMS[spec])) not in seen


@EVERY_KEM
def test_a_secret_for_another_key_is_no_error_but_another_secret(
    kms: Any, owner: Owner, spec: str
) -> None:
    usage = "ENCAPSULATE_DECAPSULATE"
    other = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    answer = kms.encapsulate(KeyId=owner(spec), EncapsulationAlgorithm="ML_KEM")
    ciphertext = answer["SharedSecretCiphertextBlob"]
    assert decapsulate(kms, other, ciphertext) != answer["SharedSecret"]


@EVERY_KEM
def test_a_ciphertext_of_another_length_is_none(kms: Any, owner: Owner, spec: str) -> None:
    for size in {*KEMS.values(), 1, KEMS[spec] - 1, KEMS[spec] + 1} - {KEMS[spec]}:
        with refused("InvalidCiphertextException", "") as caught:
            decapsulate(kms, owner(spec), b"c" * size)
        assert isinstance(caught.value, kms.exceptions.InvalidCiphertextException)


def test_an_algorithm_that_is_none_is_named_with_those_that_are(kms: Any, owner: Owner) -> None:
    failure = (
        "Value 'RSA_KEM' at 'encapsulationAlgorithm' failed to satisfy constraint: Member must "
        "satisfy enum value set: [ML_KEM]"
    )
    with refused("ValidationException", invalid(failure)):
        kms.encapsulate(KeyId=owner("ML_KEM_768"), EncapsulationAlgorithm="RSA_KEM")


def test_the_trail_keeps_no_secret(fresh: Lab) -> None:
    kms = fresh.client("kms")
    kem = kms.create_key(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")
    curve = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    made = kms.encapsulate(KeyId=kem["KeyMetadata"]["KeyId"], EncapsulationAlgorithm="ML_KEM")
    decapsulate(kms, kem["KeyMetadata"]["KeyId"], made["SharedSecretCiphertextBlob"])
    own = ec.generate_private_key(ec.SECP256R1())
    agree(kms, curve["KeyMetadata"]["KeyId"], der(own.public_key()))
    events = fresh.trail().named("Encapsulate", "Decapsulate", "DeriveSharedSecret")
    assert len(events) == 3
    for event in events:
        assert event["responseElements"] is None
        assert "secret" not in repr(event["requestParameters"]).lower()
