"""RSA and elliptic-curve key pairs in an HSM: signatures, RSA-OAEP, ECDH, pairs for the caller."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from families import CURVES, EC_DERIVE, EC_SIGN, HASHES, RSA_DECRYPT, RSA_SIGN, name, point, verify
from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmRefused
from kmslab.hsm import der, outside, pairs
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import HsmSession

HASHED = pytest.mark.parametrize("digest_name", ["sha256", "sha384", "sha512"])
OTHERS = {"sha256": "sha384", "sha384": "sha512", "sha512": "sha256"}


@pytest.fixture(scope="module")
def signing(lab: Any) -> NewKey:
    """An RSA key that signs."""
    return pairs.generate(lab.hsms.hsms[0], RSA_SIGN)


@pytest.fixture(scope="module")
def decrypting(lab: Any) -> NewKey:
    """An RSA key that decrypts."""
    return pairs.generate(lab.hsms.hsms[0], RSA_DECRYPT)


@pytest.fixture(scope="module")
def public(decrypting: NewKey) -> rsa.RSAPublicKey:
    """The public half of the key that decrypts."""
    key = load_der_public_key(decrypting.public or b"")
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def _encrypt(public: rsa.RSAPublicKey, message: bytes, digest_name: str, **more: Any) -> bytes:
    digest = HASHES[digest_name]
    mask = padding.MGF1(HASHES[more.get("mask", digest_name)])
    return public.encrypt(message, padding.OAEP(mask, digest, more.get("label")))


@HASHED
@pytest.mark.parametrize("scheme", ["PSS", "PKCS1_V1_5"])
def test_an_rsa_signature_is_of_its_digest_its_hash_and_its_scheme(
    hsm: HsmSession, signing: NewKey, scheme: str, digest_name: str
) -> None:
    digest = hashlib.new(digest_name, b"message").digest()
    signature = pairs.sign(hsm, RSA_SIGN, signing.token, scheme, digest_name, digest)
    der, other = signing.public or b"", "PSS" if scheme == "PKCS1_V1_5" else "PKCS1_V1_5"
    assert len(signature) == 256
    verify(der, scheme, digest_name, signature, b"message")
    for wrong in (
        (scheme, digest_name, signature, b"another message"),
        (scheme, OTHERS[digest_name], signature, b"message"),
        (other, digest_name, signature, b"message"),
        (scheme, digest_name, bytes([signature[0] ^ 1]) + signature[1:], b"message"),
    ):
        with pytest.raises(InvalidSignature):
            verify(der, *wrong)


@HASHED
def test_a_pss_salt_is_random_and_as_long_as_the_hash(
    hsm: HsmSession, signing: NewKey, digest_name: str
) -> None:
    digest = hashlib.new(digest_name, b"message").digest()
    made = {pairs.sign(hsm, RSA_SIGN, signing.token, "PSS", digest_name, digest) for _ in range(5)}
    assert len(made) == 5
    key: Any = load_der_public_key(signing.public or b"")
    for length in (0, len(digest) - 1, len(digest) + 1):
        pss = padding.PSS(padding.MGF1(HASHES[digest_name]), length)
        with pytest.raises(InvalidSignature):
            key.verify(next(iter(made)), b"message", pss, HASHES[digest_name])


def test_pkcs1_signatures_repeat_and_are_those_of_another_library(hsm: HsmSession) -> None:
    other = rsa.generate_private_key(65537, 2048)
    token = hsm.admit(RSA_SIGN, _pkcs8(other))
    for digest_name in ("sha256", "sha384", "sha512"):
        digest = hashlib.new(digest_name, b"message").digest()
        signature = pairs.sign(hsm, RSA_SIGN, token, "PKCS1_V1_5", digest_name, digest)
        assert signature == other.sign(b"message", padding.PKCS1v15(), HASHES[digest_name])


@HASHED
@pytest.mark.parametrize("kind", EC_SIGN, ids=name)
def test_an_ecdsa_signature_is_of_its_digest_and_key(
    hsm: HsmSession, kind: Kind, digest_name: str
) -> None:
    made, other = pairs.generate(hsm, kind), pairs.generate(hsm, kind)
    digest = hashlib.new(digest_name, b"message").digest()
    signatures = {pairs.sign(hsm, kind, made.token, "ECDSA", digest_name, digest) for _ in range(5)}
    assert len(signatures) == 5  # each with a nonce of its own
    for signature in signatures:
        verify(made.public or b"", "ECDSA", digest_name, signature, b"message")
        with pytest.raises(InvalidSignature):
            verify(made.public or b"", "ECDSA", digest_name, signature, b"another message")
        with pytest.raises(InvalidSignature):
            verify(other.public or b"", "ECDSA", digest_name, signature, b"message")


@pytest.mark.parametrize(("digest_name", "most"), [("sha1", 214), ("sha256", 190)])
def test_oaep_takes_messages_from_none_to_the_longest(
    hsm: HsmSession, decrypting: NewKey, public: rsa.RSAPublicKey, digest_name: str, most: int
) -> None:
    for size in (0, 1, 32, most - 1, most):
        message = bytes(size // 2) + b"\1" * (size - size // 2)
        ciphertext = _encrypt(public, message, digest_name)
        opened = pairs.decrypt(hsm, RSA_DECRYPT, decrypting.token, digest_name, ciphertext)
        assert opened == message


@pytest.mark.parametrize("digest_name", ["sha1", "sha256"])
def test_whatever_does_not_decrypt_is_one_refusal(
    hsm: HsmSession, decrypting: NewKey, public: rsa.RSAPublicKey, digest_name: str
) -> None:
    other = "sha256" if digest_name == "sha1" else "sha1"
    good = _encrypt(public, b"message", digest_name)
    modulus = public.public_numbers().n
    stranger = rsa.generate_private_key(65537, 2048).public_key()
    wrong = {
        "another hash": _encrypt(public, b"message", other),
        "another mask": _encrypt(public, b"message", digest_name, mask=other),
        "a label": _encrypt(public, b"message", digest_name, label=b"label"),
        "another padding": public.encrypt(b"message", padding.PKCS1v15()),
        "another key": _encrypt(stranger, b"message", digest_name),
        "a flipped bit": bytes([good[0] ^ 1]) + good[1:],
        "the last bit": good[:-1] + bytes([good[-1] ^ 1]),
        "zero": bytes(256),
        "one": bytes(255) + b"\1",
        "the modulus less one": (modulus - 1).to_bytes(256),
        "the modulus": modulus.to_bytes(256),
        "more than the modulus": b"\xff" * 256,
        "one byte less": good[:-1],
        "one byte more": good + b"\0",
        "a byte before": b"\0" + good,
        "half": good[:128],
        "nothing": b"",
    }
    for about, ciphertext in wrong.items():
        with pytest.raises(HsmRefused) as caught:
            pairs.decrypt(hsm, RSA_DECRYPT, decrypting.token, digest_name, ciphertext)
        assert str(caught.value) == "the ciphertext does not decrypt", about
    assert pairs.decrypt(hsm, RSA_DECRYPT, decrypting.token, digest_name, good) == b"message"


def test_with_sha_1_the_hsm_takes_the_padding_off_itself(
    hsm: HsmSession,
    decrypting: NewKey,
    public: rsa.RSAPublicKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(outside, "unpad_oaep")
    ciphertext = _encrypt(public, b"message", "sha1")
    assert pairs.decrypt(hsm, RSA_DECRYPT, decrypting.token, "sha1", ciphertext) == b"message"


@pytest.mark.parametrize("kind", EC_DERIVE, ids=name)
def test_two_sides_agree_on_the_same_secret_and_others_do_not(hsm: HsmSession, kind: Kind) -> None:
    first, second = pairs.generate(hsm, kind), pairs.generate(hsm, kind)
    publics: list[Any] = [load_der_public_key(each.public or b"") for each in (first, second)]
    own = ec.generate_private_key(publics[0].curve)
    secret = pairs.agree(hsm, kind, first.token, point(publics[1]))
    assert secret == pairs.agree(hsm, kind, second.token, point(publics[0]))
    assert len(secret) == {"secp256r1": 32, "secp384r1": 48, "secp521r1": 66}[kind.curve]
    assert secret != pairs.agree(hsm, kind, first.token, point(own.public_key()))
    assert pairs.agree(hsm, kind, first.token, point(own.public_key())) == own.exchange(
        ec.ECDH(), publics[0]
    )


@pytest.mark.parametrize("kind", EC_DERIVE, ids=name)
def test_a_point_off_the_curve_gets_no_secret(hsm: HsmSession, kind: Kind) -> None:
    made = pairs.generate(hsm, kind)
    good = point(ec.generate_private_key(der.CURVES[kind.curve]()).public_key())
    coordinates = 2 * (-(-der.CURVES[kind.curve]().key_size // 8))
    points = [
        good[:-1] + bytes([good[-1] ^ 1]),  # another y
        good[:-coordinates] + bytes(coordinates),
        bytes.fromhex("040100"),  # infinity
        good[:-1],
        b"",
    ]
    before = _count(hsm)
    for wrong in points:
        with pytest.raises(PKCS11Error):
            pairs.agree(hsm, kind, made.token, wrong)
    hsm.forget(made.token)
    assert _count(hsm) == before


def _count(hsm: HsmSession) -> int:
    return len(list(hsm.pkcs11_session.get_objects()))


@pytest.mark.parametrize("kind", [Kind("RSA", "SIGN", 2048), *EC_SIGN], ids=name)
def test_a_pair_for_the_caller_is_whole_and_nobody_elses(hsm: HsmSession, kind: Kind) -> None:
    before = _count(hsm)
    private_der, public_der = pairs.generate_readable(hsm, kind)
    private: Any = load_der_private_key(private_der, password=None)
    public = private.public_key()
    assert public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public_der
    assert private_der == _pkcs8(private)
    assert public.key_size == 2048 if kind.family == "RSA" else public.curve.name == kind.curve
    assert pairs.generate_readable(hsm, kind)[0] != private_der
    assert _count(hsm) == before


@pytest.mark.parametrize("curve", CURVES)
def test_a_private_key_from_outside_signs_as_it_does_there(hsm: HsmSession, curve: str) -> None:
    kind = Kind("EC", "SIGN", curve=curve)
    for number in (1, 2, 255, 1 << 200):  # short numbers have leading zeros
        own = ec.derive_private_key(number, der.CURVES[curve]())
        token = hsm.admit(kind, _pkcs8(own))
        digest = hashlib.sha256(b"message").digest()
        signature = pairs.sign(hsm, kind, token, "ECDSA", "sha256", digest)
        own.public_key().verify(signature, b"message", ec.ECDSA(HASHES["sha256"]))


@pytest.mark.parametrize("curve", CURVES)
def test_short_numbers_of_a_readable_key_come_out_whole(curve: str) -> None:
    kind = Kind("EC", "SIGN", curve=curve)
    own = ec.derive_private_key(7, der.CURVES[curve]())
    made = der.private_attributes(kind, _pkcs8(own))
    assert der.private_der(kind, None, made) == _pkcs8(own)


def _pkcs8(private: Any) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
