"""Sign, Verify and GetPublicKey, checked with libraries that kmslab does not sign with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from Crypto.Hash import SHA512
from Crypto.PublicKey import ECC, MLDSA
from Crypto.Signature import eddsa, mldsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from expect import invalid, refused
from families import HASHES, mu, verify, verify_ed25519, verify_ml_dsa
from working import one_rsa_key
from wrapping import bring

from kmslab import Lab
from kmslab.kms.specs import SIGN, SPECS

SPEC_NAMES = tuple(
    name
    for name, spec in SPECS.items()
    if SIGN in spec.usages and name[-4:] not in ("3072", "4096")
)
PAIRS = [(spec, each) for spec in SPEC_NAMES for each in SPECS[spec].usages[SIGN].algorithms]
EVERY = pytest.mark.parametrize(
    ("spec", "algorithm"), PAIRS, ids=[" ".join(pair) for pair in PAIRS]
)
MESSAGE = b"a prescription of 20 mg"
Signer = Callable[[str], str]


@pytest.fixture(scope="module")
def signer(kms: Any) -> Signer:
    """The id of a signing key of a spec."""

    @cache
    def make(spec: str) -> str:
        key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        key_id: str = key["KeyId"]
        return key_id

    return make


@pytest.fixture(scope="module", autouse=True)
def _one_rsa_key() -> Iterator[None]:
    with one_rsa_key():
        yield


def forms(algorithm: str, message: bytes, public: bytes) -> list[dict[str, Any]]:
    """The ways in which Sign and Verify take a message for this algorithm."""
    if algorithm == "ML_DSA_SHAKE_256":
        return [
            {"Message": message},
            {"Message": mu(public, message), "MessageType": "EXTERNAL_MU"},
        ]
    if algorithm == "ED25519_SHA_512":
        return [{"Message": message}, {"Message": message, "MessageType": "RAW"}]
    digest = hashlib.new(f"sha{algorithm[-3:]}", message).digest()
    hashed = {"Message": digest, "MessageType": "DIGEST"}
    return [hashed] if algorithm == "ED25519_PH_SHA_512" else [{"Message": message}, hashed]


def verify_elsewhere(public: bytes, algorithm: str, signature: bytes, message: bytes) -> None:
    """Another library checks a signature; InvalidSignature or `ValueError` where it doesn't fit."""
    if algorithm == "ML_DSA_SHAKE_256":
        verify_ml_dsa(public, signature, message)
    elif algorithm == "ED25519_SHA_512":
        verify_ed25519(public, signature, message, hashed=False)
    elif algorithm == "ED25519_PH_SHA_512":  # over the digest, as the API hashes it once more
        digest = hashlib.sha512(message).digest()
        verify_ed25519(public, signature, digest, hashed=True)
    else:
        scheme = algorithm.removeprefix("RSASSA_").rpartition("_SHA_")[0]
        verify(public, scheme, f"sha{algorithm[-3:]}", signature, message)


@EVERY
def test_a_signature_fits_in_every_form_and_in_another_library(
    kms: Any, signer: Signer, spec: str, algorithm: str
) -> None:
    key = signer(spec)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    about = {"KeyId": key, "SigningAlgorithm": algorithm}
    for form in forms(algorithm, MESSAGE, public):
        signature = kms.sign(**about, **form)["Signature"]
        verify_elsewhere(public, algorithm, signature, MESSAGE)
        for other in forms(algorithm, MESSAGE, public):
            assert kms.verify(Signature=signature, **about, **other)["SignatureValid"] is True


@EVERY
def test_sign_and_verify_answer_as_aws_does(
    lab: Lab, kms: Any, signer: Signer, spec: str, algorithm: str
) -> None:
    key = signer(spec)
    arn = f"arn:aws:kms:us-east-1:{lab.account}:key/{key}"
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    request = {"KeyId": key, "SigningAlgorithm": algorithm, **forms(algorithm, b"x", public)[0]}
    answer = kms.sign(**request)
    signature = answer.pop("Signature")
    answer.pop("ResponseMetadata")
    assert answer == {"KeyId": arn, "SigningAlgorithm": algorithm}
    answer = kms.verify(Signature=signature, **request)
    answer.pop("ResponseMetadata")
    assert answer == {"KeyId": arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


@EVERY
def test_a_signature_is_of_its_message_and_key_alone(
    kms: Any, signer: Signer, spec: str, algorithm: str
) -> None:
    key = signer(spec)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    about = {"KeyId": key, "SigningAlgorithm": algorithm}
    form, other = (forms(algorithm, text, public)[0] for text in (MESSAGE, MESSAGE + b" "))
    signature = kms.sign(**about, **form)["Signature"]
    stranger = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY") if spec[:3] != "RSA" else None
    wrong = [
        {**about, **other, "Signature": signature},
        *(
            {**about, **form, "Signature": changed}
            for changed in (
                bytes([signature[0] ^ 1]) + signature[1:],
                signature[:-1] + bytes([signature[-1] ^ 1]),
                signature[:-1],
                signature + b"\0",
                os.urandom(len(signature)),
                b"\0",
                bytes(6144),
            )
        ),
    ]
    if stranger:
        key_id = stranger["KeyMetadata"]["KeyId"]
        wrong.append({**about, **form, "KeyId": key_id, "Signature": signature})
    for request in wrong:
        with refused("KMSInvalidSignatureException", "") as caught:
            kms.verify(**request)
        assert isinstance(caught.value, kms.exceptions.KMSInvalidSignatureException)


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_EDWARDS25519"])
def test_a_signature_by_one_algorithm_is_none_by_another(
    kms: Any, signer: Signer, spec: str
) -> None:
    key, algorithms = signer(spec), SPECS[spec].usages[SIGN].algorithms
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    for algorithm in algorithms:
        made = {"KeyId": key, "SigningAlgorithm": algorithm}
        signature = kms.sign(**made, **forms(algorithm, MESSAGE, public)[0])["Signature"]
        for other in set(algorithms) - {algorithm}:
            request = {"KeyId": key, "SigningAlgorithm": other, "Signature": signature}
            with refused("KMSInvalidSignatureException", ""):
                kms.verify(**request, **forms(other, MESSAGE, public)[0])


REPEATING = ("PKCS1", "ED25519")


@EVERY
def test_some_signatures_repeat_and_the_others_never_do(
    kms: Any, signer: Signer, spec: str, algorithm: str
) -> None:
    key = signer(spec)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    request = {"KeyId": key, "SigningAlgorithm": algorithm, **forms(algorithm, b"x", public)[0]}
    made = {kms.sign(**request)["Signature"] for _ in range(5)}
    assert len(made) == (1 if any(name in algorithm for name in REPEATING) else 5)


SIZES = {"ML_DSA_44": 2420, "ML_DSA_65": 3309, "ML_DSA_87": 4627, "RSA_2048": 256}
SIZES["ECC_NIST_EDWARDS25519"] = 64


@pytest.mark.parametrize("spec", SIZES)
def test_signatures_have_their_standard_sizes(kms: Any, signer: Signer, spec: str) -> None:
    algorithm = SPECS[spec].usages[SIGN].algorithms[0]
    signature = kms.sign(KeyId=signer(spec), Message=b"x", SigningAlgorithm=algorithm)["Signature"]
    assert len(signature) == SIZES[spec]


# What another library signs with a key of its own, KMS verifies once it has the key.


def _sign_elsewhere(private: Any, algorithm: str, message: bytes) -> bytes:
    if algorithm == "ML_DSA_SHAKE_256":
        return mldsa.new(private).sign(message)
    if algorithm.startswith("ED25519"):
        digest = SHA512.new(hashlib.sha512(message).digest())
        signed: Any = digest if "_PH_" in algorithm else message
        return eddsa.new(private, "rfc8032").sign(signed)
    digest_name = HASHES[f"sha{algorithm[-3:]}"]
    if algorithm.startswith("ECDSA"):
        return private.sign(message, ec.ECDSA(digest_name))
    scheme: Any = padding.PKCS1v15()
    if "_PSS_" in algorithm:
        scheme = padding.PSS(padding.MGF1(digest_name), digest_name.digest_size)
    return private.sign(message, scheme, digest_name)


_CURVES: dict[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}


def _owned(spec: str) -> tuple[Any, bytes]:
    """A key pair that somebody made elsewhere, and its private half in PKCS#8."""
    if spec.startswith("ML_DSA"):
        key: Any = MLDSA.generate(param_set=MLDSA.ParamSet[spec])
        return key, key.export_key()
    if spec == "ECC_NIST_EDWARDS25519":
        key = ECC.generate(curve="ed25519")
        return key, key.export_key(format="DER", use_pkcs8=True)
    key = (
        rsa.generate_private_key(65537, 2048)
        if spec == "RSA_2048"
        else ec.generate_private_key(_CURVES[spec])
    )
    return key, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("spec", SPEC_NAMES)
def test_what_the_owner_of_an_imported_key_signs_verifies(kms: Any, spec: str) -> None:
    private, material = _owned(spec)
    made = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")
    key = made["KeyMetadata"]["KeyId"]
    bring(
        *(kms, key, material),
        algorithm="RSA_AES_KEY_WRAP_SHA_256" if len(material) > 190 else "RSAES_OAEP_SHA_256",
    )
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    for algorithm in SPECS[spec].usages[SIGN].algorithms:
        signature = _sign_elsewhere(private, algorithm, MESSAGE)
        for form in forms(algorithm, MESSAGE, public):
            request = {"KeyId": key, "SigningAlgorithm": algorithm, "Signature": signature}
            assert kms.verify(**request, **form)["SignatureValid"]
        verify_elsewhere(public, algorithm, signature, MESSAGE)


def test_the_other_library_refuses_what_does_not_fit() -> None:
    private, _ = _owned("ECC_NIST_P256")
    with pytest.raises(InvalidSignature):
        private.public_key().verify(b"\0", MESSAGE, ec.ECDSA(HASHES["sha256"]))


# Messages


@EVERY
def test_a_message_has_1_to_4096_bytes(kms: Any, signer: Signer, spec: str, algorithm: str) -> None:
    key = signer(spec)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    request = {"KeyId": key, "SigningAlgorithm": algorithm}
    if "_PH_" not in algorithm:
        for size in (1, 4096):
            signature = kms.sign(Message=b"m" * size, **request)["Signature"]
            verify_elsewhere(public, algorithm, signature, b"m" * size)
    for size, limit in ((0, "greater than or equal to 1"), (4097, "less than or equal to 4096")):
        failure = (
            "Value at 'message' failed to satisfy constraint: Member must have length " + limit
        )
        for call in (kms.sign, lambda **more: kms.verify(Signature=b"x", **more)):
            with refused("ValidationException", invalid(failure)):
                call(Message=b"m" * size, **request)


HASHING = [pair for pair in PAIRS if pair[1] not in ("ML_DSA_SHAKE_256", "ED25519_SHA_512")]


@pytest.mark.parametrize(("spec", "algorithm"), HASHING)
def test_a_digest_of_another_length_is_refused(
    kms: Any, signer: Signer, spec: str, algorithm: str
) -> None:
    length = int(algorithm[-3:]) // 8
    request = {"KeyId": signer(spec), "SigningAlgorithm": algorithm, "MessageType": "DIGEST"}
    for size in {1, 20, 28, 32, 48, 64, length - 1, length + 1, 4096} - {length}:
        for call in (kms.sign, lambda **more: kms.verify(Signature=b"x", **more)):
            with refused(
                "ValidationException", f"Digest is invalid length for algorithm {algorithm}."
            ):
                call(Message=b"d" * size, **request)


@pytest.mark.parametrize("size", [1, 32, 63, 65, 4096])
def test_a_representative_of_another_length_is_refused(kms: Any, signer: Signer, size: int) -> None:
    message = "External Mu is invalid length for algorithm ML_DSA_SHAKE_256."
    with refused("ValidationException", message):
        kms.sign(
            KeyId=signer("ML_DSA_44"),
            Message=b"m" * size,
            MessageType="EXTERNAL_MU",
            SigningAlgorithm="ML_DSA_SHAKE_256",
        )


MISFITS = [
    ("RSA_2048", "RSASSA_PSS_SHA_256", "EXTERNAL_MU", "key spec RSA_2048"),
    ("ECC_NIST_P256", "ECDSA_SHA_256", "EXTERNAL_MU", "key spec ECC_NIST_P256"),
    ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "DIGEST", "algorithm ED25519_SHA_512"),
    ("ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", "RAW", "algorithm ED25519_PH_SHA_512"),
    ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "EXTERNAL_MU", "algorithm ED25519_SHA_512"),
    ("ML_DSA_44", "ML_DSA_SHAKE_256", "DIGEST", "key spec ML_DSA_44"),
    ("ML_DSA_87", "ML_DSA_SHAKE_256", "DIGEST", "key spec ML_DSA_87"),
]


@pytest.mark.parametrize(("spec", "algorithm", "kind", "with_what"), MISFITS)
def test_a_message_type_that_does_not_fit_is_refused(
    kms: Any, signer: Signer, spec: str, algorithm: str, kind: str, with_what: str
) -> None:
    message = f"Message type {kind} is incompatible with {with_what}."
    request = {"KeyId": signer(spec), "SigningAlgorithm": algorithm, "MessageType": kind}
    for call in (kms.sign, lambda **more: kms.verify(Signature=b"x", **more)):
        with refused("ValidationException", message):
            call(Message=b"m" * 64, **request)


def test_without_a_message_type_a_message_is_raw(kms: Any, signer: Signer) -> None:
    message = "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512."
    with refused("ValidationException", message):
        kms.sign(
            KeyId=signer("ECC_NIST_EDWARDS25519"),
            Message=b"m" * 64,
            SigningAlgorithm="ED25519_PH_SHA_512",
        )


def test_the_algorithm_is_looked_at_before_the_message(kms: Any, signer: Signer) -> None:
    wording = "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."
    with refused("InvalidKeyUsageException", wording):
        kms.sign(
            KeyId=signer("ECC_NIST_P256"),
            Message=b"no digest",
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_384",
        )


# GetPublicKey

LENGTHS = {"ML_DSA_44": 1334, "ML_DSA_65": 1974, "ML_DSA_87": 2614, "ECC_NIST_EDWARDS25519": 44}
LENGTHS |= {"RSA_2048": 294, "ECC_NIST_P256": 91, "ECC_NIST_P384": 120, "ECC_NIST_P521": 158}


@pytest.mark.parametrize("spec", SPEC_NAMES)
def test_get_public_key_answers_as_aws_does(lab: Lab, kms: Any, signer: Signer, spec: str) -> None:
    answer = kms.get_public_key(KeyId=signer(spec))
    answer.pop("ResponseMetadata")
    der = answer.pop("PublicKey")
    old = {} if spec.startswith("ML_") or "EDWARDS" in spec else {"CustomerMasterKeySpec": spec}
    assert answer == old | {
        "KeyId": f"arn:aws:kms:us-east-1:{lab.account}:key/{signer(spec)}",
        "KeySpec": spec,
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": list(SPECS[spec].usages[SIGN].algorithms),
    }
    assert load_der_public_key(der)
    assert len(der) == LENGTHS.get(spec, len(der))
    assert kms.get_public_key(KeyId=signer(spec))["PublicKey"] == der


@pytest.mark.parametrize(
    ("spec", "usage", "listed", "algorithms"),
    [
        *(
            ("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", each)
            for each in (["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],)
        ),
        ("ECC_NIST_P384", "KEY_AGREEMENT", "KeyAgreementAlgorithms", ["ECDH"]),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", ["ML_KEM"]),
    ],
)
def test_a_public_key_says_what_it_is_for(
    kms: Any, spec: str, usage: str, listed: str, algorithms: list[str]
) -> None:
    key = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    answer = kms.get_public_key(KeyId=key)
    assert answer[listed] == algorithms
    assert [name for name in answer if name.endswith("Algorithms")] == [listed]
    assert answer["KeyUsage"] == usage


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256"])
def test_a_key_without_a_public_half_has_none(kms: Any, spec: str) -> None:
    usage = {} if spec == "SYMMETRIC_DEFAULT" else {"KeyUsage": "GENERATE_VERIFY_MAC"}
    key = kms.create_key(KeySpec=spec, **usage)["KeyMetadata"]["KeyId"]
    with refused("UnsupportedOperationException", ""):
        kms.get_public_key(KeyId=key)


def test_a_public_key_may_be_asked_for_by_alias(kms: Any, signer: Signer) -> None:
    kms.create_alias(AliasName="alias/signer", TargetKeyId=signer("ECC_NIST_P256"))
    by_alias, by_id = (
        kms.get_public_key(KeyId=name) for name in ("alias/signer", signer("ECC_NIST_P256"))
    )
    assert by_alias["PublicKey"] == by_id["PublicKey"]
    assert by_alias["KeyId"] == by_id["KeyId"]


def test_the_trail_keeps_no_message_and_no_signature(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    request = {"KeyId": key, "Message": b"a secret message", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**request)["Signature"]
    kms.verify(Signature=signature, **request)
    shown = repr([dict(event) for event in fresh.trail()])
    assert "a secret message" not in shown
    for event in fresh.trail().named("Sign", "Verify"):
        assert set(event["requestParameters"]) <= {"keyId", "signingAlgorithm", "messageType"}
        assert event["responseElements"] is None
