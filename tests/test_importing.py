"""Imported key material: wrapping, tokens, expiry, re-import, several materials, all Regions."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from expect import refused
from wrapping import FOR_EVER, bring, parameters, wrap

from kmslab import Lab
from kmslab.hsm.fleet import Fleet
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.kms import importing
from kmslab.kms.request import Rooms

HERE, THERE, FAR = "us-east-1", "eu-central-1", "ap-south-1"
DIRECT = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
TWO_STEPS = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
WRAPPING_SPECS = ("RSA_2048", "RSA_3072", "RSA_4096")
NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"
ALL = "ALL_KEY_MATERIAL"
SIGNING = {"KeyUsage": "SIGN_VERIFY"}
HMAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
_FRESH_PAIRS = {
    "ECC_NIST_EDWARDS25519": ed25519.Ed25519PrivateKey.generate,
    "ML_DSA_65": mldsa.MLDSA65PrivateKey.generate,
    "ML_KEM_768": mlkem.MLKEM768PrivateKey.generate,
}
SPECS = ("SYMMETRIC_DEFAULT", *HMAC_BYTES, "RSA_2048", *CURVES, *_FRESH_PAIRS)


@pytest.fixture(autouse=True)
def made_once(
    monkeypatch: pytest.MonkeyPatch, wrapping_keys: dict[tuple[Fleet, Kind], NewKey]
) -> None:
    """Wrapping keys are made once for a lab, not for every token: RSA takes its time."""
    original = importing.material.make

    def make(rooms: Rooms, kind: Kind) -> NewKey:
        if (rooms.fleet, kind) not in wrapping_keys:
            wrapping_keys[rooms.fleet, kind] = original(rooms, kind)
        return wrapping_keys[rooms.fleet, kind]

    monkeypatch.setattr(importing.material, "make", make)


@pytest.fixture(scope="module")
def wrapping_keys() -> dict[tuple[Fleet, Kind], NewKey]:
    """The wrapping keys of the module's labs."""
    return {}


@pytest.fixture(scope="module")
def there(lab: Lab) -> Any:
    """The client of another Region."""
    return lab.client("kms", THERE)


def _usage(spec: str) -> str:
    if spec.startswith("HMAC"):
        return "GENERATE_VERIFY_MAC"
    if spec.startswith("ML_KEM"):
        return "ENCAPSULATE_DECAPSULATE"
    return "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else "SIGN_VERIFY"


@cache
def _owned(spec: str) -> Any:
    """The owner's key of a spec: bytes, or a private key."""
    if spec in CURVES:
        return ec.generate_private_key(CURVES[spec])
    if spec.startswith("RSA"):
        return rsa.generate_private_key(65537, int(spec.removeprefix("RSA_")))
    if spec in _FRESH_PAIRS:
        return _FRESH_PAIRS[spec]()
    return secrets.token_bytes(HMAC_BYTES.get(spec, 32))


def _material(spec: str) -> bytes:
    """The owner's key as it is imported: its bytes, or PKCS#8 in DER."""
    owned = _owned(spec)
    return owned if isinstance(owned, bytes) else _pkcs8(owned)


def _pkcs8(private: Any) -> bytes:
    der: bytes = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return der


def _key(kms: Any, spec: str = "SYMMETRIC_DEFAULT", **more: Any) -> str:
    """A key that waits for its material."""
    made = kms.create_key(
        **{"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": _usage(spec), **more}
    )
    key: str = made["KeyMetadata"]["KeyId"]
    return key


def _filled(kms: Any, spec: str = "SYMMETRIC_DEFAULT", **more: Any) -> tuple[str, bytes, str]:
    """A key with new material: its id, the material and the material's id ("" if it has none)."""
    key = _key(kms, spec, **more)
    material = secrets.token_bytes(32) if spec == "SYMMETRIC_DEFAULT" else _material(spec)
    way = "RSA_AES_KEY_WRAP_SHA_256" if spec.startswith("RSA") else "RSAES_OAEP_SHA_256"
    answer = bring(kms, key, material, algorithm=way, spec="RSA_3072")
    return key, material, answer.get("KeyMaterialId", "")


def _state(kms: Any, key: str) -> str:
    state: str = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    return state


def _generations(kms: Any, key: str) -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial=ALL)[
        "Rotations"
    ]
    return every


def _shown(kms: Any, key: str, *names: str) -> list[tuple[Any, ...]]:
    """Some members of each generation of a key's material."""
    return [tuple(each.get(name) for name in names) for each in _generations(kms, key)]


def _states(kms: Any, key: str) -> list[str]:
    return [state for (state,) in _shown(kms, key, "KeyMaterialState")]


def _rotate(lab: Lab, key: str, region: str = HERE) -> None:
    lab.client("kms", region).rotate_key_on_demand(KeyId=key)
    lab.clock.advance(seconds=31)


# Wrapping


def _fits(spec: str, algorithm: str, wrapping: str) -> bool:
    """As GetParametersForImport says it for WrappingAlgorithm and WrappingKeySpec."""
    if algorithm in TWO_STEPS:
        return spec.startswith(("RSA", "ECC"))
    return not spec.startswith("RSA") and (spec, wrapping) != ("ECC_NIST_P521", "RSA_2048")


def _works(kms: Any, key: str, spec: str) -> None:
    """The KMS key does what the owner's own key does."""
    owned = _owned(spec)
    if spec == "SYMMETRIC_DEFAULT":
        blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    elif spec in HMAC_BYTES:
        bits = spec.removeprefix("HMAC_")
        answer = kms.generate_mac(KeyId=key, Message=b"text", MacAlgorithm=f"HMAC_SHA_{bits}")
        assert answer["Mac"] == hmac.digest(owned, b"text", f"sha{bits}")
    elif spec.startswith("ML_KEM"):
        secret, carried = owned.public_key().encapsulate()
        answer = kms.decapsulate(
            KeyId=key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=carried
        )
        assert answer["SharedSecret"] == secret
    else:
        _signs(kms, key, owned)


def _signs(kms: Any, key: str, owned: Any) -> None:
    public = owned.public_key()
    shown = kms.get_public_key(KeyId=key)
    assert shown["PublicKey"] == public.public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    algorithm = shown["SigningAlgorithms"][0]
    signature = kms.sign(KeyId=key, Message=b"text", SigningAlgorithm=algorithm)["Signature"]
    if isinstance(public, rsa.RSAPublicKey):
        assert algorithm == "RSASSA_PKCS1_V1_5_SHA_256"
        public.verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(public, ec.EllipticCurvePublicKey):
        bits = algorithm.removeprefix("ECDSA_SHA_")
        public.verify(signature, b"text", ec.ECDSA(getattr(hashes, f"SHA{bits}")()))
    else:
        public.verify(signature, b"text")


@pytest.mark.parametrize("spec", SPECS)
def test_material_of_every_kind_comes_in_by_every_wrapping_that_fits(kms: Any, spec: str) -> None:
    key = _key(kms, spec)
    assert _state(kms, key) == "PendingImport"
    ways = [
        (algorithm, wrapping) for algorithm in DIRECT + TWO_STEPS for wrapping in WRAPPING_SPECS
    ]
    fitting = [way for way in ways if _fits(spec, *way)]
    assert len(fitting) in (4, 6, 10, 12)
    for algorithm, wrapping in fitting:
        bring(kms, key, _material(spec), algorithm=algorithm, spec=wrapping)
        assert _state(kms, key) == "Enabled"
        _works(kms, key, spec)
        kms.delete_imported_key_material(KeyId=key)
        assert _state(kms, key) == "PendingImport"
    for algorithm, wrapping in set(ways) - set(fitting):
        with refused("UnsupportedOperationException"):
            kms.get_parameters_for_import(
                KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping
            )


@pytest.mark.parametrize(
    ("algorithm", "wrapping"),
    [("RSAES_PKCS1_V1_5", "RSA_2048"), ("SM2PKE", "SM2"), ("RSAES_OAEP_SHA_256", "SM2")],
)
def test_wrappings_of_the_past_and_of_china_are_refused(
    kms: Any, algorithm: str, wrapping: str
) -> None:
    with refused("UnsupportedOperationException"):
        kms.get_parameters_for_import(
            KeyId=_key(kms), WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping
        )


def test_key_agreement_and_rsa_encryption_work_with_imported_keys(kms: Any) -> None:
    agreeing = _key(kms, "ECC_NIST_P384", KeyUsage="KEY_AGREEMENT")
    bring(kms, agreeing, _material("ECC_NIST_P384"))
    other = ec.generate_private_key(ec.SECP384R1())
    answer = kms.derive_shared_secret(
        KeyId=agreeing,
        KeyAgreementAlgorithm="ECDH",
        PublicKey=other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    own = _owned("ECC_NIST_P384")
    assert answer["SharedSecret"] == own.exchange(ec.ECDH(), other.public_key())

    decrypting = _key(kms, "RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    bring(kms, decrypting, _material("RSA_2048"), algorithm="RSA_AES_KEY_WRAP_SHA_256")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    blob = _owned("RSA_2048").public_key().encrypt(b"text", oaep)
    answer = kms.decrypt(
        KeyId=decrypting, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256"
    )
    assert answer["Plaintext"] == b"text"


@pytest.mark.parametrize(
    ("spec", "material"),
    [
        ("SYMMETRIC_DEFAULT", b"x" * 31),
        ("SYMMETRIC_DEFAULT", b"x" * 33),
        ("SYMMETRIC_DEFAULT", b"x" * 16),
        ("HMAC_256", b"x" * 33),
        ("HMAC_512", b"x" * 32),
        ("ECC_NIST_P256", b"x" * 32),
        ("ECC_NIST_P256", _pkcs8(_owned("ECC_SECG_P256K1"))),
        ("ECC_NIST_P256", _pkcs8(_owned("ECC_NIST_EDWARDS25519"))),
        ("ECC_NIST_EDWARDS25519", _pkcs8(_owned("ECC_NIST_P256"))),
        ("ML_DSA_44", _pkcs8(_owned("ML_DSA_65"))),
        ("ML_DSA_65", _pkcs8(_owned("ML_KEM_768"))),
        ("ML_KEM_512", _pkcs8(_owned("ML_KEM_768"))),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_material_of_another_kind_is_refused(kms: Any, spec: str, material: bytes) -> None:
    key = _key(kms, spec)
    with refused("IncorrectKeyMaterialException"):
        bring(kms, key, material)
    assert _state(kms, key) == "PendingImport"


def test_an_rsa_key_of_another_size_an_encrypted_and_a_public_one_are_refused(kms: Any) -> None:
    own = _owned("RSA_2048")
    password = BestAvailableEncryption(b"password")
    wrong = {
        "RSA_3072": _pkcs8(own),
        "RSA_2048": own.private_bytes(Encoding.DER, PrivateFormat.PKCS8, password),
        "RSA_4096": own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }
    for spec, material in wrong.items():
        with refused("IncorrectKeyMaterialException"):
            bring(kms, _key(kms, spec), material, algorithm="RSA_AES_KEY_WRAP_SHA_1")


@pytest.mark.parametrize("algorithm", DIRECT + TWO_STEPS)
def test_what_was_wrapped_otherwise_or_changed_does_not_open(kms: Any, algorithm: str) -> None:
    spec = "ECC_NIST_P256"
    key = _key(kms, spec)
    asked = parameters(kms, key, _material(spec), algorithm=algorithm)
    good = asked["EncryptedKeyMaterial"]
    given = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_3072"
    )
    other_hash = algorithm.replace("SHA_1", "SHA_3").replace("SHA_256", "SHA_1")
    other_hash = other_hash.replace("SHA_3", "SHA_256")
    wrong = {
        "another key": wrap(given["PublicKey"], algorithm, _material(spec)),
        "another hash": wrap(_public_of(kms, key, algorithm), other_hash, _material(spec)),
        "a changed byte at its start": bytes([good[0] ^ 1]) + good[1:],
        "a changed byte at its end": good[:-1] + bytes([good[-1] ^ 1]),
        "a byte less": good[:-1],
        "a byte more": good + b"\0",
        "one byte": b"x",
    }
    for blob in wrong.values():
        with refused("InvalidCiphertextException"):
            kms.import_key_material(**{**asked, "EncryptedKeyMaterial": blob})
    kms.import_key_material(**asked)
    assert _state(kms, key) == "Enabled"


def _public_of(kms: Any, key: str, algorithm: str) -> bytes:
    """The wrapping key that all tokens for RSA_2048 have in this module."""
    given = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048"
    )
    public: bytes = given["PublicKey"]
    return public


# Import tokens


def test_a_token_is_good_for_24_hours(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key, material = _key(kms), secrets.token_bytes(32)
    given = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm=DIRECT[0], WrappingKeySpec="RSA_2048"
    )
    assert given["KeyId"] == kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    left = given["ParametersValidTo"] - fresh.clock.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    asked = {
        "KeyId": key,
        "ImportToken": given["ImportToken"],
        "EncryptedKeyMaterial": wrap(given["PublicKey"], DIRECT[0], material),
        "ExpirationModel": FOR_EVER,
    }
    fresh.clock.advance(hours=23, minutes=59)
    first = kms.import_key_material(**asked)["KeyMaterialId"]
    assert kms.import_key_material(**asked)["KeyMaterialId"] == first  # as often as one likes
    fresh.clock.advance(minutes=2)
    with refused("ExpiredImportTokenException"):
        kms.import_key_material(**asked)


def test_a_token_is_good_for_one_key_in_one_region(lab: Lab, kms: Any, there: Any) -> None:
    key, material, _ = _filled(kms, MultiRegion=True)
    kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    lab.clock.advance(seconds=6)
    own, other = parameters(kms, key, material), parameters(there, key, material)
    with refused("InvalidImportTokenException"):
        there.import_key_material(**own)
    with refused("InvalidImportTokenException"):
        kms.import_key_material(**other)
    with refused("InvalidImportTokenException"):
        kms.import_key_material(**{**own, "KeyId": _key(kms)})
    with refused("InvalidImportTokenException"):  # of another spec's token and this one's wrapping
        kms.import_key_material(**{**own, "ImportToken": own["ImportToken"][:-1]})


def test_a_token_that_kms_did_not_make_is_refused(kms: Any) -> None:
    key = _key(kms)
    asked = parameters(kms, key, secrets.token_bytes(32))
    token = asked["ImportToken"]
    middle = len(token) // 2
    principal = "arn:aws:iam::111122223333:user/alice"
    grant = kms.create_grant(
        KeyId=kms.create_key()["KeyMetadata"]["KeyId"],
        GranteePrincipal=principal,
        Operations=["Decrypt"],
    )
    forged = [
        token[:middle] + bytes([token[middle] ^ 1]) + token[middle + 1 :],
        token[: middle // 4 * 4],
        token + b"AAAA",
        b"x",
        b"",
        b"\xff" * 100,
        grant["GrantToken"].encode(),  # KMS's own, and for another purpose
    ]
    for each in filter(None, forged):
        with refused("InvalidImportTokenException"):
            kms.import_key_material(**{**asked, "ImportToken": each})
    assert _state(kms, key) == "PendingImport"


def test_a_private_wrapping_key_does_not_stay_in_an_hsm(
    lab: Lab, kms: Any, wrapping_keys: dict[tuple[Fleet, Kind], NewKey]
) -> None:
    asked = parameters(kms, _key(kms), secrets.token_bytes(32))
    kms.import_key_material(**asked)
    with refused("InvalidCiphertextException"):
        kms.import_key_material(**{**asked, "EncryptedKeyMaterial": b"x"})
    at_hand = {token for hsm in lab.hsms.hsms for token in hsm._backing}
    assert at_hand.isdisjoint(made.token for made in wrapping_keys.values())


# What only keys with Origin EXTERNAL can


def test_only_a_key_that_was_made_for_it_takes_material(kms: Any, key: str) -> None:
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    wording = f"{arn} origin is AWS_KMS which is not valid for this operation."
    wrapping = {"WrappingAlgorithm": DIRECT[0], "WrappingKeySpec": "RSA_2048"}
    with refused("UnsupportedOperationException", wording):
        kms.get_parameters_for_import(KeyId=key, **wrapping)
    with refused("UnsupportedOperationException", wording):
        kms.delete_imported_key_material(KeyId=key)
    with refused("UnsupportedOperationException", wording):
        kms.import_key_material(
            KeyId=key, ImportToken=b"x", EncryptedKeyMaterial=b"x", ExpirationModel=FOR_EVER
        )


def test_a_key_without_material_does_nothing(kms: Any) -> None:
    key = _key(kms)
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert metadata["KeyState"] == "PendingImport"
    assert not metadata["Enabled"]
    assert metadata["Origin"] == "EXTERNAL"
    assert not metadata.keys() & {"CurrentKeyMaterialId", "ExpirationModel", "ValidTo"}
    assert _generations(kms, key) == []
    wording = f"{metadata['Arn']} is pending import."
    for call, more in (
        (kms.encrypt, {"Plaintext": b"x"}),
        (kms.generate_data_key, {"KeySpec": "AES_256"}),
        (kms.enable_key, {}),
        (kms.disable_key, {}),
        (kms.rotate_key_on_demand, {}),
    ):
        with refused("KMSInvalidStateException", wording):
            call(KeyId=key, **more)
    answer = kms.delete_imported_key_material(KeyId=key)  # no effect
    assert answer["KeyId"] == metadata["Arn"]
    assert "KeyMaterialId" not in answer


# Expiry


@pytest.fixture
def timed() -> Iterator[Lab]:
    """A lab whose clock stands still between calls."""
    with Lab(seed=11) as lab:
        yield lab


def test_material_expires_at_its_date_and_comes_back_with_its_owner(timed: Lab) -> None:
    kms, material = timed.client("kms"), secrets.token_bytes(32)
    key, ends = _key(kms), timed.clock.now() + timedelta(days=30)
    bring(kms, key, material, ValidTo=ends)
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert metadata["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert metadata["ValidTo"] == ends
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    timed.clock.advance(seconds=(ends - timed.clock.now()).total_seconds() - 2)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    assert _state(kms, key) == "Enabled"
    assert _state(kms, key) == "PendingImport"
    with refused("KMSInvalidStateException"):
        kms.decrypt(CiphertextBlob=blob)
    (event,) = timed.trail().named("DeleteExpiredKeyMaterial")
    assert event["eventTime"] == f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    assert "ValidTo" not in kms.describe_key(KeyId=key)["KeyMetadata"]
    assert _shown(kms, key, "ImportState", "ValidTo", "ExpirationModel") == [
        ("PENDING_IMPORT", None, None)
    ]
    bring(kms, key, material)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["ExpirationModel"] == FOR_EVER
    timed.clock.advance(days=4000)
    assert _state(kms, key) == "Enabled"


def test_importing_again_moves_the_date_and_deleting_takes_it_away(lab: Lab, kms: Any) -> None:
    key, material = _key(kms), secrets.token_bytes(32)
    soon, later = (lab.clock.now() + timedelta(days=days) for days in (1, 10))
    bring(kms, key, material, ValidTo=soon)
    bring(kms, key, material, ValidTo=later)
    lab.clock.advance(days=2)
    assert _state(kms, key) == "Enabled"
    kms.delete_imported_key_material(KeyId=key)
    bring(kms, key, material)
    lab.clock.advance(days=10)
    assert _state(kms, key) == "Enabled"


def test_a_date_is_in_the_future_and_within_a_year_and_goes_with_its_model(
    lab: Lab, kms: Any
) -> None:
    key, material = _key(kms), secrets.token_bytes(32)
    now, expires = lab.clock.now(), "KEY_MATERIAL_EXPIRES"
    with refused(
        "ValidationException", f"A validTo date must be set if the ExpirationModel is {expires}"
    ):
        bring(kms, key, material, ExpirationModel=expires)
    asked = parameters(kms, key, material)
    del asked["ExpirationModel"]  # expiry is the default
    with refused("ValidationException"):
        kms.import_key_material(**asked)
    for wrong in (
        {"ValidTo": now - timedelta(seconds=1)},
        {"ValidTo": now + timedelta(days=365, hours=1)},
        {"ValidTo": now + timedelta(days=30), "ExpirationModel": FOR_EVER},
    ):
        with refused("ValidationException"):
            bring(kms, key, material, **wrong)
    assert _state(kms, key) == "PendingImport"
    bring(kms, key, material, ValidTo=now + timedelta(days=365))
    assert _state(kms, key) == "Enabled"


def test_a_key_shows_the_first_date_of_its_own_material_not_of_what_waits(
    lab: Lab, kms: Any
) -> None:
    key, _, _ = _filled(kms)
    dates = [lab.clock.now().replace(microsecond=0) + timedelta(days=days) for days in (5, 20)]
    bring(kms, key, b"2" * 32, ImportType=NEW, ValidTo=dates[0])
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["ExpirationModel"] == FOR_EVER
    _rotate(lab, key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["ValidTo"] == dates[0]
    bring(kms, key, b"2" * 32, ValidTo=dates[1])
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["ValidTo"] == dates[1]


def test_what_waits_for_a_rotation_expires_without_harm(lab: Lab, kms: Any) -> None:
    key, _, first = _filled(kms)
    bring(kms, key, b"2" * 32, ImportType=NEW, ValidTo=lab.clock.now() + timedelta(days=5))
    assert _states(kms, key) == ["CURRENT", "PENDING_ROTATION"]
    lab.clock.advance(days=6)
    assert _state(kms, key) == "Enabled"
    assert _shown(kms, key, "KeyMaterialId") == [(first,)]


# The same material again, and other material


def test_the_same_material_has_the_same_id_in_the_same_key_only(kms: Any) -> None:
    key, material, first = _filled(kms)
    assert len(first) == 64
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == first
    assert bring(kms, key, material)["KeyMaterialId"] == first
    kms.delete_imported_key_material(KeyId=key)
    assert bring(kms, key, material, KeyMaterialId=first)["KeyMaterialId"] == first
    other = _key(kms)
    assert bring(kms, other, material)["KeyMaterialId"] != first
    assert first not in (hashlib.sha256(material).hexdigest(), material.hex())


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256", "ECC_NIST_P256"])
def test_other_material_is_refused_once_a_key_had_its_own(kms: Any, spec: str) -> None:
    key, material, _ = _filled(kms, spec)
    other = (
        b"x" * 32
        if isinstance(_owned(spec), bytes)
        else _pkcs8(ec.generate_private_key(CURVES[spec]))
    )
    for _ in range(2):  # while it is there, and when it is deleted
        with refused("IncorrectKeyMaterialException"):
            bring(kms, key, other)
        kms.delete_imported_key_material(KeyId=key)
    assert _state(kms, key) == "PendingImport"
    bring(kms, key, material)
    assert _state(kms, key) == "Enabled"


@pytest.mark.parametrize("spec", ["HMAC_256", "RSA_2048", "ECC_NIST_P256"])
def test_only_symmetric_keys_have_ids_types_and_descriptions_of_material(
    kms: Any, spec: str
) -> None:
    key, material, named = _filled(kms, spec)
    assert named == ""
    assert "CurrentKeyMaterialId" not in kms.describe_key(KeyId=key)["KeyMetadata"]
    way = {"algorithm": "RSA_AES_KEY_WRAP_SHA_256"} if spec == "RSA_2048" else {}
    for more in ({"ImportType": NEW}, {"ImportType": EXISTING}, {"KeyMaterialDescription": "mine"}):
        with refused("UnsupportedOperationException"):
            bring(kms, key, material, **way, **more)
    answer = kms.delete_imported_key_material(KeyId=key)
    assert "KeyMaterialId" not in answer
    bring(kms, key, material, **way)
    assert _state(kms, key) == "Enabled"


def test_a_key_pair_is_the_same_in_every_way_to_write_it(kms: Any) -> None:
    key, _, _ = _filled(kms, "ECC_NIST_P256")
    own = _owned("ECC_NIST_P256")
    # RFC 5915 leaves the public key in an EC private key to the writer: here it is left out.
    number = own.private_numbers().private_value.to_bytes(32)
    inner = b"\x30\x25\x02\x01\x01\x04\x20" + number
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    body = b"\x02\x01\x00" + algorithm + b"\x04" + bytes([len(inner)]) + inner
    short = b"\x30" + bytes([len(body)]) + body
    assert short != _material("ECC_NIST_P256")
    bring(kms, key, short)
    _works(kms, key, "ECC_NIST_P256")


def test_a_description_stays_until_another_one_is_given(kms: Any) -> None:
    key, material, named = _filled(kms)
    assert _shown(kms, key, "KeyMaterialDescription") == [(None,)]
    bring(kms, key, material, KeyMaterialDescription="from the safe: box 2")
    bring(kms, key, material)
    assert _shown(kms, key, "KeyMaterialId", "KeyMaterialDescription") == [
        (named, "from the safe: box 2")
    ]
    kms.delete_imported_key_material(KeyId=key)
    bring(kms, key, material, KeyMaterialDescription="moved")
    assert _shown(kms, key, "KeyMaterialDescription") == [("moved",)]


def test_an_id_given_beside_material_must_be_that_materials(kms: Any) -> None:
    key, material, first = _filled(kms)
    with refused("IncorrectKeyMaterialException"):
        bring(kms, key, material, KeyMaterialId="0" * 64)
    with refused("ValidationException"):
        bring(kms, key, b"2" * 32, ImportType=NEW, KeyMaterialId=first)
    with refused("NotFoundException"):
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId="0" * 64)
    assert _state(kms, key) == "Enabled"


def test_material_before_the_first_is_no_existing_one(kms: Any) -> None:
    with refused("IncorrectKeyMaterialException"):
        bring(kms, _key(kms), b"1" * 32, ImportType=EXISTING)
    key = _key(kms)
    bring(kms, key, b"1" * 32, ImportType=NEW)
    assert _states(kms, key) == ["CURRENT"]


# Several materials of one key


def test_new_material_waits_for_a_rotation_and_the_old_keeps_decrypting(lab: Lab, kms: Any) -> None:
    key, _, first = _filled(kms)
    old = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    with refused(
        "KMSInvalidStateException",
        f"No available key material pending rotation for the key: {arn}.",
    ):
        kms.rotate_key_on_demand(KeyId=key)
    second = bring(kms, key, b"2" * 32, ImportType=NEW)["KeyMaterialId"]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == first
    assert _shown(kms, key, "KeyMaterialState", "RotationType", "ImportState") == [
        ("CURRENT", None, "IMPORTED"),
        ("PENDING_ROTATION", None, "IMPORTED"),
    ]
    _rotate(lab, key)
    assert _shown(kms, key, "KeyMaterialId", "KeyMaterialState", "RotationType") == [
        (first, "NON_CURRENT", None),
        (second, "CURRENT", "ON_DEMAND"),
    ]
    new = kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    opened = [kms.decrypt(CiphertextBlob=blob) for blob in (old, new)]
    assert [each["Plaintext"] for each in opened] == [b"old", b"new"]
    assert [each["KeyMaterialId"] for each in opened] == [first, second]
    rotated = lab.trail().named("RotateKey")[-1]["serviceEventDetails"]
    assert (rotated["keyOrigin"], rotated["currentKeyMaterialId"]) == ("EXTERNAL", second)


def test_one_new_material_waits_at_a_time(kms: Any) -> None:
    key, material, _ = _filled(kms)
    second = bring(kms, key, b"2" * 32, ImportType=NEW)["KeyMaterialId"]
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    with refused("KMSInvalidStateException") as caught:
        bring(kms, key, b"3" * 32, ImportType=NEW)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("New key material (id: ")
    assert message.endswith(
        f") cannot be imported into KMS key {arn}, because another key material (id: {second}) is "
        "pending rotation."
    )
    for known in (material, b"2" * 32):
        with refused("IncorrectKeyMaterialException"):
            bring(kms, key, known, ImportType=NEW)
    bring(kms, key, b"2" * 32)  # what waits can be imported again, say with another date
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
    assert _state(kms, key) == "Enabled"  # it was not the key's own yet
    assert _states(kms, key) == ["CURRENT"]
    bring(kms, key, b"3" * 32, ImportType=NEW)
    assert _states(kms, key) == ["CURRENT", "PENDING_ROTATION"]


def test_a_key_is_unusable_while_any_of_its_own_materials_is_gone(lab: Lab, kms: Any) -> None:
    key, material, first = _filled(kms)
    old = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    second = bring(kms, key, b"2" * 32, ImportType=NEW)["KeyMaterialId"]
    _rotate(lab, key)
    new = kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    third = bring(kms, key, b"3" * 32, ImportType=NEW)["KeyMaterialId"]

    assert kms.delete_imported_key_material(KeyId=key)["KeyMaterialId"] == second  # the current
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    for blob in (old, new):
        with refused("KMSInvalidStateException"):
            kms.decrypt(CiphertextBlob=blob)
    assert _shown(kms, key, "KeyMaterialId", "ImportState") == [
        (first, "PENDING_IMPORT"),
        (second, "PENDING_IMPORT"),
        (third, "IMPORTED"),
    ]
    with refused("KMSInvalidStateException"):
        kms.rotate_key_on_demand(KeyId=key)
    bring(kms, key, b"2" * 32)
    assert _state(kms, key) == "PendingImport"  # one is still missing
    bring(kms, key, material)
    assert _state(kms, key) == "Enabled"
    assert kms.decrypt(CiphertextBlob=old)["KeyMaterialId"] == first
    assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == second
    _rotate(lab, key)
    assert _states(kms, key) == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]


def test_a_rotation_whose_material_is_deleted_meanwhile_does_not_come(lab: Lab, kms: Any) -> None:
    key, _, first = _filled(kms)
    second = bring(kms, key, b"2" * 32, ImportType=NEW)["KeyMaterialId"]
    kms.rotate_key_on_demand(KeyId=key)
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
    lab.clock.advance(minutes=1)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == first
    assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


def test_a_blob_opens_with_its_own_kms_key_only_whatever_the_bytes(kms: Any) -> None:
    key, material, _ = _filled(kms)
    twin = _key(kms)
    bring(kms, twin, material)
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    theirs = kms.encrypt(KeyId=twin, Plaintext=b"text")["CiphertextBlob"]
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=blob, KeyId=twin)
    forged = theirs[:50] + blob[50:]  # the twin's header before what the key sealed
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=forged)
    kms.delete_imported_key_material(KeyId=key)
    assert kms.decrypt(CiphertextBlob=theirs)["Plaintext"] == b"text"


# States


def test_a_disabled_key_takes_its_material_again_and_stays_disabled(kms: Any) -> None:
    key, material, _ = _filled(kms)
    kms.disable_key(KeyId=key)
    bring(kms, key, material)
    assert _state(kms, key) == "Disabled"
    kms.delete_imported_key_material(KeyId=key)
    assert _state(kms, key) == "PendingImport"
    bring(kms, key, material)
    assert _state(kms, key) == "Enabled"


def test_a_key_that_awaits_deletion_takes_none_and_gives_it_up(kms: Any) -> None:
    key, material, _ = _filled(kms)
    asked = parameters(kms, key, material)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    kms.schedule_key_deletion(KeyId=key)
    with refused("KMSInvalidStateException", f"{arn} is pending deletion."):
        kms.import_key_material(**asked)
    with refused("KMSInvalidStateException", f"{arn} is pending deletion."):
        parameters(kms, key, material)
    kms.delete_imported_key_material(KeyId=key)
    assert _state(kms, key) == "PendingDeletion"
    kms.cancel_key_deletion(KeyId=key)
    assert _state(kms, key) == "PendingImport"
    bring(kms, key, material)
    assert _state(kms, key) == "Enabled"


def test_material_expires_while_a_key_awaits_deletion_too(lab: Lab, kms: Any) -> None:
    key = _key(kms)
    bring(kms, key, b"1" * 32, ValidTo=lab.clock.now() + timedelta(days=2))
    kms.schedule_key_deletion(KeyId=key)
    lab.clock.advance(days=3)
    assert _state(kms, key) == "PendingDeletion"
    assert _shown(kms, key, "ImportState") == [("PENDING_IMPORT",)]
    kms.cancel_key_deletion(KeyId=key)
    assert _state(kms, key) == "PendingImport"
    with refused("KMSInvalidStateException"):
        kms.enable_key(KeyId=key)


# Multi-Region keys


def test_a_replica_waits_for_the_same_material_as_its_primary(
    lab: Lab, kms: Any, there: Any
) -> None:
    key, material, named = _filled(kms, MultiRegion=True)
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    lab.clock.advance(seconds=6)
    assert _state(there, key) == "PendingImport"
    assert _shown(there, key, "KeyMaterialId", "ImportState") == [(named, "PENDING_IMPORT")]
    with refused("IncorrectKeyMaterialException"):
        bring(there, key, b"2" * 32)
    with refused("UnsupportedOperationException"):
        bring(there, key, b"2" * 32, ImportType=NEW)
    assert bring(there, key, material)["KeyMaterialId"] == named
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    there.delete_imported_key_material(KeyId=key)
    assert (_state(there, key), _state(kms, key)) == ("PendingImport", "Enabled")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"


def test_a_key_without_material_is_not_replicated(kms: Any) -> None:
    key = _key(kms, MultiRegion=True)
    with refused("KMSInvalidStateException"):
        kms.replicate_key(KeyId=key, ReplicaRegion=THERE)


def _spread(lab: Lab) -> tuple[str, bytes]:
    """A key with its material in three Regions."""
    kms = lab.client("kms")
    key, material, _ = _filled(kms, MultiRegion=True)
    for region in (THERE, FAR):
        kms.replicate_key(KeyId=key, ReplicaRegion=region)
    lab.clock.advance(seconds=6)
    for region in (THERE, FAR):
        bring(lab.client("kms", region), key, material)
    return key, material


def test_new_material_is_in_every_region_before_it_rotates(lab: Lab, kms: Any, there: Any) -> None:
    far = lab.client("kms", FAR)
    waits = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    key, _ = _spread(lab)
    named = bring(kms, key, b"2" * 32, ImportType=NEW)["KeyMaterialId"]
    for client, imported in ((kms, "IMPORTED"), (there, "PENDING_IMPORT")):
        assert _shown(client, key, "KeyMaterialState", "ImportState")[1] == (waits, imported)
    with refused("KMSInvalidStateException"):
        kms.rotate_key_on_demand(KeyId=key)
    assert {_state(client, key) for client in (kms, there, far)} == {"Enabled"}
    with refused("IncorrectKeyMaterialException"):
        bring(there, key, b"3" * 32)
    assert bring(there, key, b"2" * 32, ImportType=EXISTING)["KeyMaterialId"] == named
    assert _states(kms, key) == ["CURRENT", waits]
    bring(far, key, b"2" * 32)
    for client in (kms, there, far):
        assert _states(client, key) == ["CURRENT", "PENDING_ROTATION"]
    _rotate(lab, key)
    for client in (kms, there, far):
        assert _states(client, key) == ["NON_CURRENT", "CURRENT"]
    blob = far.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == named


def test_what_waits_is_dropped_everywhere_at_the_primary_and_missing_at_a_replica(
    lab: Lab, kms: Any, there: Any
) -> None:
    far = lab.client("kms", FAR)
    key, _ = _spread(lab)
    soon = lab.clock.now() + timedelta(days=2)
    named = bring(kms, key, b"2" * 32, ImportType=NEW)["KeyMaterialId"]
    bring(there, key, b"2" * 32, ValidTo=soon)
    bring(far, key, b"2" * 32)
    far.delete_imported_key_material(KeyId=key, KeyMaterialId=named)
    waits = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    for client in (kms, there, far):
        assert _states(client, key) == ["CURRENT", waits]
    assert {_state(client, key) for client in (kms, there, far)} == {"Enabled"}
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=named)
    for client in (kms, there, far):
        assert _states(client, key) == ["CURRENT"]
    lab.clock.advance(days=3)  # the date that it had in one Region is forgotten with it
    assert {_state(client, key) for client in (kms, there, far)} == {"Enabled"}


def test_a_region_that_is_given_up_is_not_waited_for(lab: Lab, kms: Any, there: Any) -> None:
    far = lab.client("kms", FAR)
    key, _ = _spread(lab)
    bring(kms, key, b"2" * 32, ImportType=NEW)
    bring(there, key, b"2" * 32)
    far.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with refused("KMSInvalidStateException"):
        kms.rotate_key_on_demand(KeyId=key)
    lab.clock.advance(days=8)
    assert _states(kms, key) == ["CURRENT", "PENDING_ROTATION"]
    _rotate(lab, key)
    assert _states(there, key) == ["NON_CURRENT", "CURRENT"]


def test_a_new_replica_is_waited_for(lab: Lab, kms: Any, there: Any) -> None:
    key, material, _ = _filled(kms, MultiRegion=True)
    bring(kms, key, b"2" * 32, ImportType=NEW)
    assert _states(kms, key) == ["CURRENT", "PENDING_ROTATION"]
    kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    lab.clock.advance(seconds=6)
    assert _states(kms, key) == ["CURRENT", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"]
    bring(there, key, material)
    assert _state(there, key) == "Enabled"  # what waits is not the key's own yet
    bring(there, key, b"2" * 32)
    assert _states(kms, key) == ["CURRENT", "PENDING_ROTATION"]


def test_after_a_change_of_primary_the_new_one_takes_new_material(
    lab: Lab, kms: Any, there: Any
) -> None:
    key, _ = _spread(lab)
    kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)
    lab.clock.advance(seconds=6)
    with refused("UnsupportedOperationException"):
        bring(kms, key, b"2" * 32, ImportType=NEW)
    bring(there, key, b"2" * 32, ImportType=NEW)
    for region in (HERE, FAR):
        bring(lab.client("kms", region), key, b"2" * 32)
    _rotate(lab, key, THERE)
    assert _states(kms, key) == ["NON_CURRENT", "CURRENT"]


# What is kept


def test_neither_material_nor_wrapped_material_nor_token_is_in_the_trail(
    lab: Lab, kms: Any
) -> None:
    material = secrets.token_bytes(32)
    asked = parameters(kms, _key(kms), material)
    kms.import_key_material(**asked)
    rows = repr(lab._rooms.store.rows("SELECT * FROM event"))
    for secret in (material, asked["EncryptedKeyMaterial"]):
        assert secret.hex() not in rows
        assert repr(secret)[2:-1] not in rows
    assert asked["ImportToken"].decode() not in rows
