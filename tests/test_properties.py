"""What holds for every plaintext, every context and every blob, not only for the examples.

Hypothesis searches for a counterexample; the same examples on every run (`derandomize`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from kmslab import Lab
from kmslab.kms.ciphertext import HEADER
from kmslab.kms.specs import RSA_ENCRYPTION

# What a changed blob may get: it doesn't open, or it names a key that the caller can't see.
REFUSALS = {"InvalidCiphertextException", "AccessDeniedException"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # half a pair is no text
CONTEXTS = st.dictionaries(TEXT, TEXT, max_size=4)
PLAINTEXTS = st.integers(1, 4096).flatmap(lambda size: st.binary(min_size=size, max_size=size))
CONTEXT = {"patient": "17", "Straße": "Zürich 東"}


def bounded(examples: int) -> Callable[[Any], Any]:
    """At most so many examples, the same on every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@pytest.fixture(scope="module")
def blob(kms: Any, key: str) -> bytes:
    """A blob under CONTEXT."""
    return _encrypt(kms, key, b"the secret", CONTEXT)


@pytest.fixture(scope="module")
def rsa(kms: Any) -> str:
    """An RSA key that decrypts."""
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    key: str = made["KeyMetadata"]["KeyId"]
    return key


def _encrypt(kms: Any, key: str, plaintext: bytes, context: dict[str, str]) -> bytes:
    answer = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext=context)
    blob: bytes = answer["CiphertextBlob"]
    return blob


def _decrypt(kms: Any, blob: bytes, context: dict[str, str], **more: Any) -> bytes:
    answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, **more)
    plaintext: bytes = answer["Plaintext"]
    return plaintext


def _code(call: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    """The code of the error that a call ends in."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **more)
    code: str = caught.value.response["Error"]["Code"]
    return code


# Encrypting and decrypting


@bounded(120)
@given(plaintext=PLAINTEXTS, context=CONTEXTS)
@example(plaintext=b"\0", context={})
@example(plaintext=bytes(4096), context={"": ""})
@example(plaintext=b"x", context={"\0": "\0", "ключ": "值", "e\u0301": "\u00e9", "🔑": "🏥"})
def test_decrypting_undoes_encrypting(
    kms: Any, key: str, plaintext: bytes, context: dict[str, str]
) -> None:
    blob = _encrypt(kms, key, plaintext, context)
    assert len(blob) == len(plaintext) + 94
    assert len(plaintext) < 16 or plaintext not in blob
    assert _decrypt(kms, blob, context) == plaintext
    again = _encrypt(kms, key, plaintext, context)
    assert again != blob


def test_plaintexts_of_every_size_come_back_from_the_hsms(lab: Lab) -> None:
    from kmslab.hsm.session import AES

    token, data = lab.hsms.generate(AES).token, bytes(range(256)) * 16
    for size in range(1, 4097):
        assert (
            lab.hsms.decrypt(token, lab.hsms.encrypt(token, data[:size], b""), b"") == data[:size]
        )


@bounded(100)
@given(first=CONTEXTS, second=CONTEXTS)
@example(first={"a": "bc"}, second={"ab": "c"})
@example(first={"a": "b", "c": "d"}, second={"a": "bcd"})
@example(first={"a": ""}, second={})
@example(first={"": ""}, second={})
@example(first={"A": "b"}, second={"a": "b"})
@example(first={"\u00e9": ""}, second={"e\u0301": ""})  # the same to the eye
@example(first={"a": "b"}, second={"b": "a"})
def test_a_blob_opens_under_an_equal_context_only(
    kms: Any, key: str, first: dict[str, str], second: dict[str, str]
) -> None:
    blob = _encrypt(kms, key, b"text", first)
    assert _decrypt(kms, blob, dict(reversed(first.items()))) == b"text"  # the order is nothing
    assume(first != second)
    assert _code(_decrypt, kms, blob, second) == "InvalidCiphertextException"


@bounded(60)
@given(
    plaintext=PLAINTEXTS,
    before=CONTEXTS,
    after=CONTEXTS,
)
def test_re_encrypting_keeps_the_plaintext(
    kms: Any,
    key: str,
    other_key: str,
    plaintext: bytes,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    moved = kms.re_encrypt(
        CiphertextBlob=_encrypt(kms, key, plaintext, before),
        SourceEncryptionContext=before,
        DestinationKeyId=other_key,
        DestinationEncryptionContext=after,
    )
    assert moved["SourceKeyId"].endswith(key)
    assert moved["KeyId"].endswith(other_key)
    assert _decrypt(kms, moved["CiphertextBlob"], after, KeyId=other_key) == plaintext
    assert (
        _code(_decrypt, kms, moved["CiphertextBlob"], after, KeyId=key) == "IncorrectKeyException"
    )


# Changed blobs


def test_no_bit_of_a_blob_can_be_flipped(kms: Any, blob: bytes) -> None:
    for place in range(len(blob)):
        for bit in range(8):
            changed = blob[:place] + bytes([blob[place] ^ 1 << bit]) + blob[place + 1 :]
            assert _code(_decrypt, kms, changed, CONTEXT) in REFUSALS


def test_a_blob_cannot_be_shortened_anywhere(kms: Any, blob: bytes) -> None:
    for place in range(len(blob)):
        assert _code(_decrypt, kms, blob[:place] + blob[place + 1 :], CONTEXT) in REFUSALS
        if place:
            assert _code(_decrypt, kms, blob[:place], CONTEXT) in REFUSALS
            assert _code(_decrypt, kms, blob[place:], CONTEXT) in REFUSALS


@bounded(150)
@given(data=st.data())
def test_a_blob_with_bytes_put_in_or_changed_gives_nothing(
    kms: Any, blob: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(blob)), label="start")
    end = data.draw(st.integers(start, len(blob)), label="end")
    piece = data.draw(st.binary(max_size=40), label="instead")
    changed = blob[:start] + piece + blob[end:]
    assume(changed != blob)
    assume(changed)
    assert _code(_decrypt, kms, changed, CONTEXT) in REFUSALS


@bounded(60)
@given(start=st.integers(0, 126), end=st.integers(0, 126))
def test_pieces_of_two_blobs_of_one_key_make_no_third(
    kms: Any, key: str, blob: bytes, start: int, end: int
) -> None:
    other = _encrypt(kms, key, b"another one", CONTEXT)
    mixed = blob[:start] + other[end:]
    assume(mixed)
    assume(mixed not in (blob, other))
    if not (start <= HEADER.size and end <= HEADER.size and start == end):
        assert _code(_decrypt, kms, mixed, CONTEXT) in REFUSALS


@bounded(80)
@given(noise=st.binary(min_size=1, max_size=300))
def test_noise_is_no_blob(kms: Any, noise: bytes) -> None:
    assert _code(_decrypt, kms, noise, {}) in REFUSALS


@bounded(40)
@given(noise=st.binary(min_size=1, max_size=100))
def test_noise_behind_a_true_header_is_no_blob(kms: Any, blob: bytes, noise: bytes) -> None:
    assert (
        _code(_decrypt, kms, blob[: HEADER.size] + noise, CONTEXT) == "InvalidCiphertextException"
    )


# RSA


@bounded(40)
@given(data=st.data(), algorithm=st.sampled_from(RSA_ENCRYPTION))
def test_decrypting_undoes_encrypting_with_an_rsa_key(
    kms: Any, rsa: str, data: st.DataObject, algorithm: str
) -> None:
    most = {"RSAES_OAEP_SHA_1": 214, "RSAES_OAEP_SHA_256": 190}[algorithm]  # as AWS's table has it
    plaintext = data.draw(st.binary(min_size=1, max_size=most))
    named = {"KeyId": rsa, "EncryptionAlgorithm": algorithm}
    blob = kms.encrypt(Plaintext=plaintext, **named)["CiphertextBlob"]
    assert len(blob) == 256
    assert kms.decrypt(CiphertextBlob=blob, **named)["Plaintext"] == plaintext
    longer = plaintext + bytes(most + 1 - len(plaintext))
    assert _code(kms.encrypt, Plaintext=longer, **named) == "ValidationException"


@bounded(60)
@given(data=st.data(), algorithm=st.sampled_from(RSA_ENCRYPTION))
def test_a_changed_rsa_ciphertext_gives_nothing(
    kms: Any, rsa: str, data: st.DataObject, algorithm: str
) -> None:
    named = {"KeyId": rsa, "EncryptionAlgorithm": algorithm}
    blob = kms.encrypt(Plaintext=b"the secret", **named)["CiphertextBlob"]
    start = data.draw(st.integers(0, len(blob)), label="start")
    end = data.draw(st.integers(start, len(blob)), label="end")
    changed = blob[:start] + data.draw(st.binary(max_size=20), label="instead") + blob[end:]
    assume(changed != blob)
    assume(changed)
    code = _code(kms.decrypt, CiphertextBlob=changed, **named)
    assert code == "InvalidCiphertextException"


# Data keys


@bounded(40)
@given(size=st.integers(1, 1024), context=CONTEXTS)
def test_a_data_key_of_any_size_comes_back(
    kms: Any, key: str, size: int, context: dict[str, str]
) -> None:
    asked = {"KeyId": key, "NumberOfBytes": size, "EncryptionContext": context}
    made = kms.generate_data_key(**asked)
    assert len(made["Plaintext"]) == size
    assert _decrypt(kms, made["CiphertextBlob"], context) == made["Plaintext"]
    closed = kms.generate_data_key_without_plaintext(**asked)["CiphertextBlob"]
    assert len(_decrypt(kms, closed, context)) == size


SPECS = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1")


@bounded(24)
@given(spec=st.sampled_from((*SPECS, "ECC_NIST_EDWARDS25519", "ML_KEM_768")), context=CONTEXTS)
@example(spec="RSA_2048", context=CONTEXT)
def test_a_data_key_pair_comes_back_and_belongs_together(
    kms: Any, key: str, spec: str, context: dict[str, str]
) -> None:
    made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, EncryptionContext=context)
    private = _decrypt(kms, made["PrivateKeyCiphertextBlob"], context)
    assert private == made["PrivateKeyPlaintext"]
    public = load_der_private_key(private, password=None).public_key()
    assert made["PublicKey"] == public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
