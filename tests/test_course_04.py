"""Lesson 04's figure, stepper, partner and checks, without a browser."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kmslab import Lab
from kmslab.course import sign_and_mac, signature, widgets
from kmslab.course.check import lesson04
from kmslab.course.partners import Dentist, unseal

MESSAGE, CHANGED = b"20 tablets", b"200 tablets"


def der(private: Any) -> bytes:
    encoded: bytes = private.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, bytes]:
    """A signature of MESSAGE, and the public key."""
    private = ec.generate_private_key(ec.SECP256R1())
    return private.sign(MESSAGE, ec.ECDSA(SHA256())), der(private)


def test_the_steps_speak_of_the_learners_own_values(signed: tuple[bytes, bytes]) -> None:
    story = signature.story(MESSAGE, *signed)
    begin = hashlib.sha256(MESSAGE).digest()[:4].hex(" ")
    assert "91 bytes" in story.line(1)
    assert f"10 bytes into a digest of 32, which begins {begin}" in story.line(2)
    assert f"a signature of {len(signed[0])} bytes" in story.line(3)
    assert f"begins {begin}: the same" in story.line(5)
    assert "accepted" in story.line(6)


def test_the_check_at_the_end_is_really_made(signed: tuple[bytes, bytes]) -> None:
    changed = signature.story(MESSAGE, *signed, arrived=CHANGED)
    begin = hashlib.sha256(CHANGED).digest()[:4].hex(" ")
    assert f"begins {begin}: it is another one" in changed.line(5)
    assert "REFUSED" in changed.line(6)
    assert "refused" in changed.html(6)
    elsewhere = signature.story(MESSAGE, signed[0], der(ec.generate_private_key(ec.SECP256R1())))
    assert "the same as in step 2" in elsewhere.line(5)
    assert "REFUSED" in elsewhere.line(6)


def test_a_step_of_the_way_shows_what_came_so_far_and_says_only_that() -> None:
    third, last = signature.picture(3), signature.picture(6)
    assert b"accepted" in last.data
    assert b"what arrived" not in third.data
    assert "3: the private key" in third.alt
    assert "4: " not in third.alt
    assert "accepted" not in third.alt
    assert b"digest" not in signature.picture(1).data
    assert last.alt.endswith("check: accepted.")


def test_what_readers_see_before_running_is_the_same_for_every_signature(
    signed: tuple[bytes, bytes],
) -> None:
    """Strict nbval compares it, and signatures and keys are random."""
    other = ec.generate_private_key(ec.SECP256R1())
    again = widgets.signature_way(MESSAGE, other.sign(MESSAGE, ec.ECDSA(SHA256())), der(other))
    assert widgets.signature_way(MESSAGE, *signed).still() == again.still()


def test_a_signature_is_not_accepted_with_another_hash_or_kind_of_key(
    signed: tuple[bytes, bytes],
) -> None:
    assert signature.accepts(signed[1], MESSAGE, signed[0])
    assert not signature.accepts(signed[1], MESSAGE, signed[0], SHA384)
    with pytest.raises(TypeError, match="elliptic curve"):
        signature.accepts(der(ed25519.Ed25519PrivateKey.generate()), MESSAGE, signed[0])


def test_the_figure_names_each_operation_in_picture_and_words() -> None:
    picture = sign_and_mac.picture()
    for name in ("Sign", "Verify", "GenerateMac", "DeriveSharedSecret", "Decapsulate"):
        assert name.encode() in picture.data
    for use in ("Signature", "MAC", "Key agreement", "Encapsulation"):
        assert f"{use}: " in picture.alt


def sealed_for(dentist: Dentist, note: bytes, purpose: bytes) -> tuple[bytes, bytes]:
    """What somebody with an own key pair sends: the public key and the sealed note."""
    own = ec.generate_private_key(ec.SECP384R1())
    other = load_der_public_key(dentist.public)
    assert isinstance(other, ec.EllipticCurvePublicKey)
    key = HKDF(SHA256(), 32, salt=None, info=purpose).derive(own.exchange(ec.ECDH(), other))
    nonce = os.urandom(12)
    return der(own), nonce + AESGCM(key).encrypt(nonce, note, None)


def test_a_dentist_opens_what_was_sealed_for_both_and_nothing_else() -> None:
    dentist = Dentist()
    public, sealed = sealed_for(dentist, b"tooth 36", dentist.purpose)
    assert dentist.open(public, sealed) == b"tooth 36"
    refused: list[tuple[bytes, bytes, str]] = [
        (public, sealed[:-1] + bytes([sealed[-1] ^ 1]), "does not open"),
        (public, sealed[:20], "too short"),
        (sealed_for(dentist, b"", dentist.purpose)[0], sealed, "does not open"),
        (der(ec.generate_private_key(ec.SECP256R1())), sealed, "on secp256r1"),
        (der(ed25519.Ed25519PrivateKey.generate()), sealed, "not a public key on an elliptic"),
    ]
    for key, text, reason in refused:
        with pytest.raises(ValueError, match=reason):
            dentist.open(key, text)
    with pytest.raises(ValueError, match="does not open"):
        Dentist().open(public, sealed)
    with pytest.raises(ValueError, match="does not open"):
        unseal(bytes(32), sealed)
    assert "private" not in repr(dentist)


def test_one_of_the_links_was_changed_to_another_patient() -> None:
    with Lab() as lab:
        kms = lab.client("kms")
        made = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
        portal = {"KeyId": made["KeyId"], "MacAlgorithm": "HMAC_SHA_256"}
        links = lesson04.links(kms, portal)
        assert len({text for text, _ in links}) == 6
        assert lesson04.links(kms, portal) == links, "running the cell again changes nothing"

        def passes(text: bytes, mac: bytes) -> bool:
            try:
                kms.verify_mac(Message=text, Mac=mac, **portal)
            except kms.exceptions.KMSInvalidMacException:
                return False
            return True

        forged = [link for link in links if not passes(*link)]
        assert len(forged) == 1
        mac = kms.generate_mac(Message=lesson04.NEW_LINK, **portal)["Mac"]
        names: list[Callable[[bytes, bytes], object]] = [
            lambda text, _: text, lambda text, _: text.decode(), lambda *link: link,
        ]  # fmt: skip
        for name in names:
            outcome = lesson04.ex2(kms, portal, links, (mac, name(*forged[0])))
            assert outcome.state == "done", outcome
