"""What is done outside the HSMs: taking OAEP's padding off, seeds, post-quantum keys."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

import pytest
from Crypto.PublicKey import MLDSA, MLKEM
from Crypto.Util.asn1 import DerOctetString, DerSequence
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from families import ML_DSA, ML_KEM, SEEDS, encapsulate, mu, name, verify_ml_dsa

from kmslab.hsm import outside
from kmslab.hsm.kinds import Kind

SIZE = 256  # bytes of an RSA-2048 modulus
DIGESTS = pytest.mark.parametrize("digest_name", ["sha1", "sha256", "sha384", "sha512"])
EVERY_SEED = pytest.mark.parametrize("kind", SEEDS, ids=name)
EVERY_KEM = pytest.mark.parametrize("kind", ML_KEM, ids=name)


def mask(seed: bytes, length: int, digest_name: str) -> bytes:
    """MGF1, written from RFC 8017, B.2.1, without a look at kmslab's."""
    out, counter = b"", 0
    while len(out) < length:
        out += hashlib.new(digest_name, seed + counter.to_bytes(4, "big")).digest()
        counter += 1
    return out[:length]


def pad(
    message: bytes,
    digest_name: str,
    *,
    first: int = 0,
    label: bytes = b"",
    separator: bytes = b"\1",
    zeros: bytes | None = None,
    size: int = SIZE,
) -> bytes:
    """EME-OAEP encoding (RFC 8017, 7.1.1), with each part as it should be or not."""
    length = hashlib.new(digest_name).digest_size
    hashed = hashlib.new(digest_name, label).digest()
    filling = bytes(size - len(message) - 2 * length - 1 - len(separator))
    block = hashed + (filling if zeros is None else zeros) + separator + message
    seed = os.urandom(length)
    masked = bytes(a ^ b for a, b in zip(block, mask(seed, len(block), digest_name), strict=True))
    hidden = bytes(a ^ b for a, b in zip(seed, mask(masked, length, digest_name), strict=True))
    return bytes([first]) + hidden + masked


def most(digest_name: str) -> int:
    """The longest message that OAEP takes."""
    return SIZE - 2 * hashlib.new(digest_name).digest_size - 2


@DIGESTS
def test_what_was_padded_comes_out(digest_name: str) -> None:
    longest = most(digest_name)
    for message in (b"", b"\0", b"\1", b"\1\1\0", b"message", b"\0" * longest, b"\1" * longest):
        assert outside.unpad_oaep(pad(message, digest_name), digest_name) == message
    assert outside.unpad_oaep(pad(b"x", digest_name, size=384), digest_name) == b"x"


@DIGESTS
def test_every_fault_of_a_padding_is_the_same_error(digest_name: str) -> None:
    length, longest = hashlib.new(digest_name).digest_size, most(digest_name)
    filling = bytes(longest - 1)
    faults = {
        "a first byte": pad(b"message", digest_name, first=1),
        "a high first byte": pad(b"message", digest_name, first=0x80),
        "another label": pad(b"message", digest_name, label=b"label"),
        "no separator": pad(b"", digest_name, separator=b""),
        "another separator": pad(b"message", digest_name, separator=b"\2"),
        "a byte before the separator": pad(b"x", digest_name, zeros=filling[:-1] + b"\2"),
        "a byte after the hash": pad(b"x", digest_name, zeros=b"\2" + filling[1:]),
        "only zeros": bytes(SIZE),
        "only ones": b"\xff" * SIZE,
        "noise": b"\0" + os.urandom(SIZE - 1),
        "all of it, and a first byte": pad(
            b"x", digest_name, first=1, label=b"l", separator=b"\3", zeros=b"\2" + filling[1:]
        ),
        "no message and no room": bytes(2 * length + 1),
        "half a hash": bytes(length // 2),
        "nothing": b"",
    }
    texts = set()
    for about, message in faults.items():
        with pytest.raises(ValueError, match="does not fit") as caught:
            outside.unpad_oaep(message, digest_name)
        assert type(caught.value) is ValueError, about
        assert caught.value.__context__ is None, about
        texts.add(str(caught.value))
    assert texts == {"the padding does not fit"}


@DIGESTS
def test_a_flipped_bit_anywhere_in_a_padded_message_is_noticed(digest_name: str) -> None:
    padded = pad(b"message", digest_name)
    for place in range(len(padded) - len(b"message")):
        changed = bytearray(padded)
        changed[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="the padding does not fit"):
            outside.unpad_oaep(bytes(changed), digest_name)


@EVERY_SEED
def test_a_seed_makes_the_same_pair_again_and_is_found_in_it(kind: Kind) -> None:
    seed = os.urandom(outside.SEED_BYTES[kind.family])
    private, public = outside.pair(kind, seed)
    assert outside.pair(kind, seed) == (private, public)
    assert outside.seed_of(kind, private) == seed
    other = os.urandom(len(seed))
    assert outside.pair(kind, other) != (private, public)


@pytest.mark.parametrize("kind", [*ML_DSA, *ML_KEM], ids=name)
def test_a_seed_makes_the_pair_that_pycryptodome_makes(kind: Kind) -> None:
    seed = os.urandom(outside.SEED_BYTES[kind.family])
    library, label = (MLDSA, "ML_DSA") if kind in ML_DSA else (MLKEM, "ML_KEM")
    own = library.construct(param_set=library.ParamSet[f"{label}_{kind.size}"], seed=seed)
    private, public = outside.pair(kind, seed)
    assert own.public_key().export_key() == public
    assert library.import_key(private).seed == seed
    assert outside.seed_of(kind, own.export_key()) == seed  # as its owner would import it


@pytest.mark.parametrize("kind", [*ML_DSA, *ML_KEM], ids=name)
def test_the_expanded_form_of_a_key_may_lie_beside_its_seed_but_not_alone(kind: Kind) -> None:
    seed = os.urandom(outside.SEED_BYTES[kind.family])
    library: Any = MLDSA if kind in ML_DSA else MLKEM
    key = library.construct(param_set=library.ParamSet[f"{kind.family}_{kind.size}"], seed=seed)
    expanded = DerOctetString(key.sk if kind in ML_DSA else key.expanded_dk).encode()
    both = DerSequence([DerOctetString(seed).encode(), expanded]).encode()
    header = bytes(DerSequence().decode(key.export_key())[1])
    pkcs8 = [DerSequence([0, header, DerOctetString(form).encode()]).encode()
             for form in (both, expanded)]  # fmt: skip
    assert outside.seed_of(kind, pkcs8[0]) == seed
    with pytest.raises(ValueError, match="seed"):
        outside.seed_of(kind, pkcs8[1])


@EVERY_SEED
def test_a_private_key_of_another_kind_is_refused(kind: Kind) -> None:
    others = [outside.pair(other, os.urandom(outside.SEED_BYTES[other.family]))[0]
              for other in SEEDS if other != kind]  # fmt: skip
    strangers: list[Any] = [
        x25519.X25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
    ]
    others += [
        each.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) for each in strangers
    ]
    own, public = outside.pair(kind, os.urandom(outside.SEED_BYTES[kind.family]))
    pem = (
        f"-----BEGIN PRIVATE KEY-----\n{base64.encodebytes(own).decode()}-----END PRIVATE KEY-----"
    )
    for private in (*others, public, pem.encode(), own[:-1], b"", b"\x30\x00", os.urandom(54)):
        with pytest.raises(ValueError, match=r"."):
            outside.seed_of(kind, private)


@pytest.mark.parametrize("kind", ML_DSA, ids=name)
def test_ml_dsa_signs_messages_and_their_representatives_alike(kind: Kind) -> None:
    seed = os.urandom(32)
    public = outside.pair(kind, seed)[1]
    for message in (b"", b"message", bytes(4096)):
        for signed, is_mu in ((message, False), (mu(public, message), True)):
            signature = outside.sign_ml_dsa(kind, seed, signed, is_mu=is_mu)
            assert len(signature) == {44: 2420, 65: 3309, 87: 4627}[kind.size]
            verify_ml_dsa(public, signature, message)
            key = load_der_public_key(public)
            outside.verify_ml_dsa(key, signature, message, is_mu=False)
            outside.verify_ml_dsa(key, signature, mu(public, message), is_mu=True)


def test_ed25519ph_is_not_ed25519_of_the_digest() -> None:
    seed, message = os.urandom(32), b"message"
    own = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    raw = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = outside.sign_ed25519ph(seed, message)
    assert signature != own.sign(message)
    assert signature != own.sign(hashlib.sha512(message).digest())
    outside.verify_ed25519ph(raw, signature, message)
    for wrong in ((raw, own.sign(message), message), (raw, signature, b"another"), (raw, b"", b"")):
        with pytest.raises(ValueError, match=r"."):
            outside.verify_ed25519ph(*wrong)


@EVERY_KEM
def test_a_secret_travels_in_both_directions_between_two_libraries(kind: Kind) -> None:
    seed = os.urandom(64)
    private, public = outside.pair(kind, seed)
    secret, ciphertext = outside.encapsulate(kind, public)
    assert (len(secret), len(ciphertext)) == (32, {512: 768, 768: 1088, 1024: 1568}[kind.size])
    assert MLKEM.import_key(private)._decaps(ciphertext) == secret
    secret, ciphertext = encapsulate(public)
    assert outside.decapsulate(kind, seed, ciphertext) == secret


@EVERY_KEM
def test_a_changed_ciphertext_makes_another_secret_always_the_same(kind: Kind) -> None:
    seed = os.urandom(64)
    private, public = outside.pair(kind, seed)
    secret, ciphertext = outside.encapsulate(kind, public)
    changed = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    other = outside.decapsulate(kind, seed, changed)
    assert other == outside.decapsulate(kind, seed, changed) != secret
    assert MLKEM.import_key(private)._decaps(changed) == other
    stranger = outside.pair(kind, os.urandom(64))[0]
    assert MLKEM.import_key(stranger)._decaps(changed) != other


@EVERY_KEM
@pytest.mark.parametrize("change", [-768, -1, 1, 480])
def test_a_ciphertext_of_another_length_is_no_ciphertext(kind: Kind, change: int) -> None:
    ciphertext = os.urandom(max({512: 768, 768: 1088, 1024: 1568}[kind.size] + change, 0))
    with pytest.raises(ValueError, match="are no ciphertext"):
        outside.decapsulate(kind, os.urandom(64), ciphertext)


@EVERY_SEED
def test_the_private_half_holds_the_seed_and_loads_elsewhere(kind: Kind) -> None:
    seed = os.urandom(outside.SEED_BYTES[kind.family])
    private, public = outside.pair(kind, seed)
    assert seed in private
    assert seed not in public
    if kind.size == 512:
        assert MLKEM.import_key(private).public_key().export_key() == public
        return
    key: Any = load_der_private_key(private, password=None)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert der == public
