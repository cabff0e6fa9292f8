"""Known answers from Wycheproof, NIST and RFCs, through the API: known keys are imported."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from Crypto.PublicKey import MLDSA, MLKEM
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from expect import known_key, refused
from known import Known, each, keys, vectors
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error
from working import one_rsa_key
from wrapping import bring

from kmslab import Lab
from kmslab.hsm import mechanisms, seeds
from kmslab.hsm.kinds import Kind
from kmslab.hsm.session import HsmSession

SPECS = {
    "P-256": "ECC_NIST_P256",
    "P-384": "ECC_NIST_P384",
    "P-521": "ECC_NIST_P521",
    "secp256k1": "ECC_SECG_P256K1",
}
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
ED25519 = Kind("ED25519", "SIGN")
TWO_STEPS = "RSA_AES_KEY_WRAP_SHA_256"
Importer = Callable[[str, str, bytes], str]


@pytest.fixture(scope="module", autouse=True)
def _one_rsa_key() -> Iterator[None]:
    with one_rsa_key():
        yield


@pytest.fixture(scope="module")
def imported(kms: Any) -> Importer:
    """Makes a KMS key of a spec and a usage with this material, once; returns its id."""

    @cache
    def make(spec: str, usage: str, material: bytes) -> str:
        key = kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
        key_id: str = key["KeyMetadata"]["KeyId"]
        more = {"algorithm": TWO_STEPS} if len(material) > 190 else {}
        bring(kms, key_id, material, **more)
        return key_id

    return make


def pkcs8(private: Any) -> bytes:
    """A private key as ImportKeyMaterial takes it."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def curve_key(known: Known, name: str) -> bytes:
    """A private key on a curve, from its number."""
    number = int.from_bytes(known[name])
    return pkcs8(ec.derive_private_key(number, CURVES[known["curve"]]))


def spec_of_rsa(der: bytes) -> str:
    """RSA_2048, RSA_3072 or RSA_4096."""
    try:
        key: Any = load_der_private_key(der, password=None)
    except ValueError:
        key = load_der_public_key(der)
    assert isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey)
    return f"RSA_{key.key_size}"


def bits(known: Known) -> str:
    """256 of SHA-256."""
    return str(known["hash"]).removeprefix("SHA-")


# HMAC


@each("hmac", lambda known: known["msg"])
def test_hmac(kms: Any, imported: Importer, known: Known) -> None:
    key = imported(f"HMAC_{bits(known)}", "GENERATE_VERIFY_MAC", known["key"])
    request = {
        "KeyId": key,
        "MacAlgorithm": f"HMAC_SHA_{bits(known)}",
        "Message": known["msg"],
    }
    made = kms.generate_mac(**request)["Mac"]
    assert (made == known["tag"]) == known.is_valid
    if known.is_valid:
        assert kms.verify_mac(Mac=known["tag"], **request)["MacValid"]
    else:
        with refused("KMSInvalidMacException", ""):
            kms.verify_mac(Mac=known["tag"], **request)


@each("hmac", lambda known: not known["msg"])
def test_hmac_of_nothing_which_the_api_does_not_take(hsm: HsmSession, known: Known) -> None:
    kind = Kind("HMAC", "SIGN", int(bits(known)))
    token = hsm.admit(kind, known["key"])
    assert hsm.mac(kind, token, f"sha{bits(known)}", b"") == known["tag"]


# RSA


@each("rsa_pkcs1_sign")
def test_rsa_pkcs1_signatures(kms: Any, imported: Importer, known: Known) -> None:
    material = keys("rsa_pkcs1_sign")[known["key"]]
    request = {
        "KeyId": imported(spec_of_rsa(material), "SIGN_VERIFY", material),
        "SigningAlgorithm": f"RSASSA_PKCS1_V1_5_SHA_{bits(known)}",
    }
    digest = hashlib.new(f"sha{bits(known)}", known["msg"]).digest()
    forms = {"DIGEST": digest, "RAW": known["msg"]}
    if not known["msg"]:
        del forms["RAW"]  # the API takes messages of at least a byte
    for kind, message in forms.items():
        about = {"Message": message, "MessageType": kind, **request}
        assert kms.sign(**about)["Signature"] == known["sig"]
        assert kms.verify(Signature=known["sig"], **about)["SignatureValid"]


@each("rsa_oaep_decrypt")
def test_rsa_oaep_decryption(kms: Any, imported: Importer, known: Known) -> None:
    material = keys("rsa_oaep_decrypt")[known["key"]]
    request = {
        "KeyId": imported(spec_of_rsa(material), "ENCRYPT_DECRYPT", material),
        "EncryptionAlgorithm": f"RSAES_OAEP_SHA_{bits(known)}",
        "CiphertextBlob": known["ct"],
    }
    if known.is_valid:
        assert kms.decrypt(**request)["Plaintext"] == known["msg"]
    else:
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(**request)


@pytest.fixture(scope="module")
def published(lab: Lab, kms: Any) -> Callable[[str, bytes], str]:
    """A signing key whose public half somebody else made: only Verify works with it."""
    made = {
        family: kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        for family, spec in (("RSA", "RSA_2048"), ("ECC", "ECC_NIST_P256"))
    }

    def publish(spec: str, der: bytes) -> str:
        key, store = made[spec[:3]], lab._rooms.store
        store.write("UPDATE material SET public = ? WHERE key_id = ?", (der, key))
        store.write("UPDATE kms_key SET spec = ? WHERE key_id = ?", (spec, key))
        assert kms.get_public_key(KeyId=key)["PublicKey"] == der
        return key

    return publish


def _verify(kms: Any, known: Known, **request: Any) -> None:
    if known.is_valid:
        answer = kms.verify(Signature=known["sig"], **request)
        assert answer["SignatureValid"] is True
    else:
        with refused("KMSInvalidSignatureException", ""):
            kms.verify(Signature=known["sig"], **request)


@each("rsa_pss_verify")
def test_rsa_pss_verification(kms: Any, published: Any, known: Known) -> None:
    der = keys("rsa_pss_verify")[known["key"]]
    key, algorithm = published(spec_of_rsa(der), der), f"RSASSA_PSS_SHA_{bits(known)}"
    _verify(kms, known, KeyId=key, SigningAlgorithm=algorithm, Message=known["msg"])


# Elliptic curves


@each("ecdsa_verify")
def test_ecdsa_verification(kms: Any, published: Any, known: Known) -> None:
    key = published(SPECS[known["curve"]], keys("ecdsa_verify")[known["key"]])
    request = {"KeyId": key, "SigningAlgorithm": f"ECDSA_SHA_{bits(known)}"}
    digest = hashlib.new(f"sha{bits(known)}", known["msg"]).digest()
    _verify(kms, known, Message=digest, MessageType="DIGEST", **request)
    if known["msg"]:
        _verify(kms, known, Message=known["msg"], **request)


@each("ecdsa_keys")
def test_the_public_key_follows_from_the_private_one(
    kms: Any, imported: Importer, known: Known
) -> None:
    spec = SPECS[known["curve"]]
    key = imported(spec, "SIGN_VERIFY", curve_key(known, "d"))
    answer = kms.get_public_key(KeyId=key)
    public: Any = load_der_public_key(answer["PublicKey"])
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert point == known["public"]
    (algorithm,) = answer["SigningAlgorithms"]
    signature = kms.sign(KeyId=key, Message=b"sample", SigningAlgorithm=algorithm)["Signature"]
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    public.verify(signature, b"sample", ec.ECDSA(digest[algorithm[-3:]]))


@each("ecdh")
def test_ecdh(kms: Any, imported: Importer, known: Known) -> None:
    key = imported(SPECS[known["curve"]], "KEY_AGREEMENT", curve_key(known, "private"))
    request = {"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": known["public"]}
    if known.is_valid:
        answer = kms.derive_shared_secret(**request)
        assert answer["SharedSecret"] == known["shared"]
        assert answer["KeyOrigin"] == "EXTERNAL"
    else:
        with refused("ValidationException"):
            kms.derive_shared_secret(**request)


@each("ecdh", lambda known: "not on curve" in known["comment"])
def test_the_hsm_itself_refuses_a_point_off_the_curve(hsm: HsmSession, known: Known) -> None:
    kind = Kind("EC", "DERIVE", curve=CURVES[known["curve"]].name)
    key = hsm.handle(kind, hsm.admit(kind, curve_key(known, "private")))
    size = 2 * -(-CURVES[known["curve"]].key_size // 8) + 1
    point = known["public"][-size:]
    octets = b"\x04" + (b"\x81" if size > 127 else b"") + bytes([size]) + point
    with pytest.raises(PKCS11Error):
        mechanisms.agree(key, kind, octets)


# Ed25519


@each("ed25519", lambda known: "secret" in known and known["msg"])
def test_ed25519(kms: Any, imported: Importer, known: Known) -> None:
    own = ed25519.Ed25519PrivateKey.from_private_bytes(known["secret"])
    key = imported("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", pkcs8(own))
    der = kms.get_public_key(KeyId=key)["PublicKey"]
    assert der[-32:] == known["public"]
    assert len(der) == 44
    request = {
        "KeyId": key,
        "Message": known["msg"],
        "MessageType": "RAW",
        "SigningAlgorithm": "ED25519_SHA_512",
    }
    assert kms.sign(**request)["Signature"] == known["sig"]
    _verify(kms, known, **request)


@each("ed25519", lambda known: "secret" in known and not known["msg"])
def test_ed25519_of_nothing_which_the_api_does_not_take(hsm: HsmSession, known: Known) -> None:
    token = seeds.seal(hsm, ED25519, known["secret"])
    assert seeds.sign(hsm, ED25519, token, "ED25519", known["msg"]) == known["sig"]


@each("ed25519", lambda known: not known.is_valid and known["sig"])
def test_ed25519_signatures_that_are_none(kms: Any, published: Any, known: Known) -> None:
    raw = ed25519.Ed25519PublicKey.from_public_bytes(known["public"])
    der = raw.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    request = {
        "KeyId": published("ECC_NIST_EDWARDS25519", der),
        "Message": known["msg"],
        "SigningAlgorithm": "ED25519_SHA_512",
    }
    _verify(kms, known, **request)


@each("ed25519", part="ph")
def test_ed25519ph(kms: Any, imported: Importer, hsm: HsmSession, known: Known) -> None:
    """The API hashes a digest of 64 bytes once more, so the known message goes to the HSM."""
    token = seeds.seal(hsm, ED25519, known["secret"])
    assert seeds.sign(hsm, ED25519, token, "ED25519_PH", known["msg"]) == known["sig"]
    own = ed25519.Ed25519PrivateKey.from_private_bytes(known["secret"])
    key = imported("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", pkcs8(own))
    digest = hashlib.sha512(known["msg"]).digest()
    request = {
        "KeyId": key,
        "Message": digest,
        "MessageType": "DIGEST",
        "SigningAlgorithm": "ED25519_PH_SHA_512",
    }
    signature = kms.sign(**request)["Signature"]
    assert signature == seeds.sign(hsm, ED25519, token, "ED25519_PH", digest) != known["sig"]
    with refused("KMSInvalidSignatureException"):
        kms.verify(Signature=known["sig"], **request)


# After quantum computers


def lattice_key(library: Any, name: str, seed: bytes) -> bytes:
    """A private key in PKCS#8, made by pycryptodome of a seed: ML-DSA-44 …"""
    key = library.construct(param_set=library.ParamSet(name), seed=seed)
    der: bytes = key.export_key()
    return der


@pytest.mark.parametrize("name", keys("ml_dsa"))
def test_ml_dsa_public_keys(kms: Any, imported: Importer, name: str) -> None:
    known = keys("ml_dsa")[name]
    material = lattice_key(MLDSA, name, known["seed"])
    key = imported(name.replace("-", "_"), "SIGN_VERIFY", material)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    assert MLDSA.import_key(public).pk == known["pk"]


@each("ml_dsa")
def test_ml_dsa(kms: Any, imported: Importer, known: Known) -> None:
    name = known["key"]
    material = lattice_key(MLDSA, name, keys("ml_dsa")[name]["seed"])
    key = imported(name.replace("-", "_"), "SIGN_VERIFY", material)
    forms = {"RAW": known["msg"]} | ({"EXTERNAL_MU": known["mu"]} if "mu" in known else {})
    for kind, message in forms.items():
        _verify(
            *(kms, known),
            KeyId=key,
            Message=message,
            MessageType=kind,
            SigningAlgorithm="ML_DSA_SHAKE_256",
        )


@pytest.mark.parametrize("name", keys("ml_kem"))
def test_ml_kem_public_keys(kms: Any, imported: Importer, name: str) -> None:
    known = keys("ml_kem")[name]
    material = lattice_key(MLKEM, name, known["seed"])
    key = imported(name.replace("-", "_"), "ENCAPSULATE_DECAPSULATE", material)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    assert MLKEM.import_key(public).ek == known["ek"]


@each("ml_kem")
def test_ml_kem(kms: Any, imported: Importer, known: Known) -> None:
    name, usage = known["set"], "ENCAPSULATE_DECAPSULATE"
    material = lattice_key(MLKEM, name, known["seed"])
    request = {
        "KeyId": imported(name.replace("-", "_"), usage, material),
        "EncapsulationAlgorithm": "ML_KEM",
        "SharedSecretCiphertextBlob": known["c"],
    }
    if known.is_valid:
        assert kms.decapsulate(**request)["SharedSecret"] == known["K"]
    else:
        with refused("InvalidCiphertextException", ""):
            kms.decapsulate(**request)


# AES Key Wrap with Padding


@each("aes_kwp")
def test_key_wrap_with_padding_in_the_hsm(hsm: HsmSession, known: Known) -> None:
    wrapping = known_key(hsm.pkcs11_session, known["kek"], WRAP=True, UNWRAP=True)
    how = {"mechanism": Mechanism.AES_KEY_WRAP_PAD}
    template = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
    about = (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, known["ct"])
    if not known.is_valid:
        with pytest.raises(PKCS11Error):
            wrapping.unwrap_key(*about, **how, store=False, template=template)
        return
    key = wrapping.unwrap_key(*about, **how, store=False, template=template)
    assert key[Attribute.VALUE] == known["msg"]
    if len(known["msg"]) % 8 == 0:  # else SoftHSM2 fills the key up with zeros first
        assert wrapping.wrap_key(key, **how) == known["ct"]


@each("aes_kwp", lambda known: len(known["kek"]) == 32)
def test_key_wrap_with_padding_of_imported_material(kms: Any, known: Known) -> None:
    """What unwraps is no RSA key, and what does not unwrap is not even looked at."""
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")
    key_id = key["KeyMetadata"]["KeyId"]
    given = kms.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm=TWO_STEPS, WrappingKeySpec="RSA_2048"
    )
    public: Any = load_der_public_key(given["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    code = "IncorrectKeyMaterialException" if known.is_valid else "InvalidCiphertextException"
    with refused(code):
        kms.import_key_material(
            KeyId=key_id,
            ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=public.encrypt(known["kek"], oaep) + known["ct"],
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )


# What is imported is what is used.


def test_an_imported_key_does_not_answer_for_another(kms: Any, imported: Importer) -> None:
    known = vectors("hmac")[2]
    other = imported("HMAC_224", "GENERATE_VERIFY_MAC", os.urandom(28))
    answer = kms.generate_mac(KeyId=other, MacAlgorithm="HMAC_SHA_224", Message=known["msg"])
    assert answer["Mac"] != known["tag"]
