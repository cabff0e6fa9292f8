"""Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateRandom, through boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from expect import UNKNOWN_ID, invalid, refused
from wrapping import bring

from kmslab import Lab

WRONG_KEY = "The key ID in the request does not identify a CMK that can perform this operation."
NO_KEY = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)
CONTEXT = {"dept": "hr", "year": "2026"}


@pytest.fixture(scope="module")
def blob(kms: Any, key: str) -> bytes:
    """What Encrypt made of b"salary: 1" under CONTEXT."""
    return kms.encrypt(KeyId=key, Plaintext=b"salary: 1", EncryptionContext=CONTEXT)[
        "CiphertextBlob"
    ]


@pytest.fixture(scope="module")
def disabled(kms: Any) -> tuple[str, bytes]:
    """The ARN of a disabled key, and a blob of it."""
    key = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    return key["Arn"], blob


def test_encrypt_answers_as_aws_does(lab: Lab, kms: Any, key: str) -> None:
    answer = kms.encrypt(KeyId=key, Plaintext=b"x")
    assert set(answer) == {"CiphertextBlob", "KeyId", "EncryptionAlgorithm", "ResponseMetadata"}
    assert answer["KeyId"] == f"arn:aws:kms:us-east-1:{lab.account}:key/{key}"
    assert answer["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert isinstance(answer["CiphertextBlob"], bytes)


def test_decrypt_answers_as_aws_does(kms: Any, key: str, blob: bytes) -> None:
    answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    material = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    answer.pop("ResponseMetadata")
    assert answer == {
        "KeyId": kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"],
        "Plaintext": b"salary: 1",
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "KeyMaterialId": material,
    }


@pytest.mark.parametrize("size", [1, 32, 4095, 4096])
def test_1_to_4096_bytes_come_back(kms: Any, key: str, size: int) -> None:
    plaintext = bytes(number % 256 for number in range(size))
    made = kms.encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=made)["Plaintext"] == plaintext
    assert len(made) == size + 94


@pytest.mark.parametrize(
    ("size", "constraint"),
    [(0, "greater than or equal to 1"), (4097, "less than or equal to 4096")],
)
def test_other_sizes_are_refused_without_repeating_the_plaintext(
    kms: Any, key: str, size: int, constraint: str
) -> None:
    failure = "Value at 'plaintext' failed to satisfy constraint: Member must have length "
    with refused("ValidationException", invalid(failure + constraint)):
        kms.encrypt(KeyId=key, Plaintext=b"s" * size)


def test_the_same_plaintext_never_makes_the_same_blob(kms: Any, key: str) -> None:
    assert len({kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(50)}) == 50


@pytest.mark.parametrize("given", ["text: ✓", bytearray(b"bytes"), b"\x00\xff"])
def test_text_and_bytearrays_are_taken_for_bytes(kms: Any, key: str, given: Any) -> None:
    made = kms.encrypt(KeyId=key, Plaintext=given)["CiphertextBlob"]
    expected = given.encode() if isinstance(given, str) else bytes(given)
    assert kms.decrypt(CiphertextBlob=bytearray(made))["Plaintext"] == expected


def test_the_order_of_a_context_does_not_count(kms: Any, blob: bytes) -> None:
    turned = dict(reversed(CONTEXT.items()))
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=turned)["Plaintext"] == b"salary: 1"


def test_an_empty_context_is_no_context(kms: Any, key: str) -> None:
    made = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=made)["Plaintext"] == b"x"
    made = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=made, EncryptionContext={})["Plaintext"] == b"x"


def test_a_context_of_any_text_works(kms: Any, key: str) -> None:
    context = {"": "", "ключ": "значение ✓", "\x00": "\n" * 9, "long": "x" * 9_000}
    made = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=made, EncryptionContext=context)["Plaintext"] == b"x"


WRONG_CONTEXTS = {
    "none": {},
    "one pair less": {"dept": "hr"},
    "one pair more": CONTEXT | {"a": "b"},
    "another value": CONTEXT | {"dept": "it"},
    "another case": {"Dept": "hr", "year": "2026"},
    "swapped": {"hr": "dept", "2026": "year"},
    "moved on": {"dep": "thr", "year": "2026"},
}


@pytest.mark.parametrize("wrong", WRONG_CONTEXTS)
def test_a_ciphertext_moved_to_another_context_does_not_decrypt(
    kms: Any, key: str, blob: bytes, wrong: str
) -> None:
    context = WRONG_CONTEXTS[wrong]
    with refused("InvalidCiphertextException", "") as caught:
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert isinstance(caught.value, kms.exceptions.InvalidCiphertextException)
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=blob, KeyId=key, EncryptionContext=context)
    with refused("InvalidCiphertextException", ""):
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key, SourceEncryptionContext=context)


def test_a_bc_is_not_ab_c(kms: Any, key: str) -> None:
    made = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "bc"})["CiphertextBlob"]
    for wrong in ({"ab": "c"}, {"a": "b", "c": ""}, {"": "abc"}):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=made, EncryptionContext=wrong)


def test_a_context_where_there_was_none_does_not_decrypt(kms: Any, key: str) -> None:
    made = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with refused("InvalidCiphertextException", ""):
        kms.decrypt(CiphertextBlob=made, EncryptionContext={"": ""})


def test_a_context_that_is_no_unicode_is_refused(kms: Any, key: str, blob: bytes) -> None:
    half = {"a": "\ud800"}
    with refused("SerializationException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=half)
    with refused("SerializationException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=half)


def test_a_blob_that_was_cut_anywhere_does_not_decrypt(kms: Any, key: str, blob: bytes) -> None:
    for length in range(1, len(blob)):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=blob[:length], EncryptionContext=CONTEXT)
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=blob[:length], KeyId=key, EncryptionContext=CONTEXT)


def test_a_blob_with_something_after_it_does_not_decrypt(kms: Any, blob: bytes) -> None:
    for more in (b"\x00", blob):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=blob + more, EncryptionContext=CONTEXT)


def _flipped(blob: bytes, bit: int) -> bytes:
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize(
    ("part", "start", "end", "code", "code_with_key"),
    [
        ("version", 0, 1, "InvalidCiphertextException", "InvalidCiphertextException"),
        ("kind of id, valid", 1, 2, None, None),
        ("key id", 2, 18, "AccessDeniedException", "IncorrectKeyException"),
        ("material id", 18, 50, "InvalidCiphertextException", "InvalidCiphertextException"),
        ("nonce", 50, 66, "InvalidCiphertextException", "InvalidCiphertextException"),
        ("IV", 66, 78, "InvalidCiphertextException", "InvalidCiphertextException"),
        ("ciphertext and tag", 78, 103, "InvalidCiphertextException", "InvalidCiphertextException"),
    ],
)
def test_a_flipped_bit_anywhere_is_noticed(
    kms: Any, key: str, blob: bytes, part: str, start: int, end: int, code: Any, code_with_key: Any
) -> None:
    for bit in range(8 * start, 8 * end):
        other = bit // 8 == 1  # the lowest bit makes another key id, the others make no blob
        unnamed = code or ("AccessDeniedException" if bit == 8 else "InvalidCiphertextException")
        named = code_with_key or (
            "IncorrectKeyException" if bit == 8 else "InvalidCiphertextException"
        )
        assert other == (part == "kind of id, valid")
        with refused(unnamed):
            kms.decrypt(CiphertextBlob=_flipped(blob, bit), EncryptionContext=CONTEXT)
        with refused(named):
            kms.decrypt(CiphertextBlob=_flipped(blob, bit), KeyId=key, EncryptionContext=CONTEXT)


@pytest.mark.parametrize("wrong", [b"\x00", b"hello", b"\x01" * 200, bytes(6144)])
def test_what_is_no_blob_does_not_decrypt(kms: Any, key: str, wrong: bytes) -> None:
    for named in ({}, {"KeyId": key}):
        with pytest.raises(kms.exceptions.ClientError) as caught:
            kms.decrypt(CiphertextBlob=wrong, **named)
        codes = {"InvalidCiphertextException", "AccessDeniedException", "IncorrectKeyException"}
        assert caught.value.response["Error"]["Code"] in codes


def test_decrypt_without_a_blob_is_refused(kms: Any, key: str) -> None:
    failure = "Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"
    with refused("ValidationException", invalid(failure)):
        kms.decrypt(KeyId=key)


@pytest.mark.parametrize(
    ("size", "constraint"),
    [(0, "greater than or equal to 1"), (6145, "less than or equal to 6144")],
)
def test_a_blob_has_1_to_6144_bytes(kms: Any, key: str, size: int, constraint: str) -> None:
    failure = "Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length "
    with refused("ValidationException", invalid(failure + constraint)):
        kms.decrypt(CiphertextBlob=b"\x01" * size)
    with refused("ValidationException", invalid(failure + constraint)):
        kms.re_encrypt(CiphertextBlob=b"\x01" * size, DestinationKeyId=key)


def test_a_blob_of_another_key_is_the_incorrect_key(
    kms: Any, key: str, other_key: str, blob: bytes
) -> None:
    named = {"CiphertextBlob": blob, "EncryptionContext": CONTEXT}
    assert kms.decrypt(KeyId=key, **named)["Plaintext"] == b"salary: 1"
    with refused("IncorrectKeyException", WRONG_KEY) as caught:
        kms.decrypt(KeyId=other_key, **named)
    assert isinstance(caught.value, kms.exceptions.IncorrectKeyException)
    with refused("IncorrectKeyException", WRONG_KEY):
        kms.re_encrypt(
            CiphertextBlob=blob,
            SourceKeyId=other_key,
            SourceEncryptionContext=CONTEXT,
            DestinationKeyId=key,
        )
    with refused("NotFoundException"):
        kms.decrypt(KeyId=UNKNOWN_ID, **named)


def test_a_blob_of_another_lab_says_nothing_about_its_key(kms: Any, fresh: Lab) -> None:
    there = fresh.client("kms")
    foreign = there.encrypt(KeyId=there.create_key()["KeyMetadata"]["KeyId"], Plaintext=b"x")
    with refused("AccessDeniedException", NO_KEY) as caught:
        kms.decrypt(CiphertextBlob=foreign["CiphertextBlob"])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


class Disabled(NamedTuple):
    """A disabled key and a blob of it, beside a key that is enabled."""

    kms: Any
    key: str
    blob: bytes
    good: str


USES: dict[str, Callable[[Disabled], Any]] = {
    "Encrypt": lambda it: it.kms.encrypt(KeyId=it.key, Plaintext=b"x"),
    "Decrypt": lambda it: it.kms.decrypt(CiphertextBlob=it.blob),
    "Decrypt with a wrong context": lambda it: it.kms.decrypt(
        CiphertextBlob=it.blob, EncryptionContext={"a": "b"}
    ),
    "GenerateDataKey": lambda it: it.kms.generate_data_key(KeyId=it.key, KeySpec="AES_256"),
    "GenerateDataKeyWithoutPlaintext": lambda it: it.kms.generate_data_key_without_plaintext(
        KeyId=it.key, KeySpec="AES_256"
    ),
    "ReEncrypt from it": lambda it: it.kms.re_encrypt(
        CiphertextBlob=it.blob, DestinationKeyId=it.good
    ),
    "ReEncrypt to it": lambda it: it.kms.re_encrypt(
        CiphertextBlob=it.kms.encrypt(KeyId=it.good, Plaintext=b"x")["CiphertextBlob"],
        DestinationKeyId=it.key,
    ),
    "a dry run": lambda it: it.kms.encrypt(KeyId=it.key, Plaintext=b"x", DryRun=True),
}


@pytest.mark.parametrize("use", USES)
def test_a_disabled_key_is_of_no_use(
    kms: Any, key: str, disabled: tuple[str, bytes], use: str
) -> None:
    arn, blob = disabled
    with refused("DisabledException", f"{arn} is disabled.") as caught:
        USES[use](Disabled(kms, arn, blob, key))
    assert isinstance(caught.value, kms.exceptions.DisabledException)


def test_a_key_that_is_enabled_again_decrypts_what_it_made(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    made = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=made)["Plaintext"] == b"x"


def test_re_encrypt_moves_a_blob_to_another_key_and_context(
    kms: Any, key: str, other_key: str, blob: bytes
) -> None:
    source, target = (kms.describe_key(KeyId=each)["KeyMetadata"] for each in (key, other_key))
    answer = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other_key,
        DestinationEncryptionContext={"new": "one"},
    )
    moved = answer.pop("CiphertextBlob")
    answer.pop("ResponseMetadata")
    assert answer == {
        "SourceKeyId": source["Arn"],
        "KeyId": target["Arn"],
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "SourceKeyMaterialId": source["CurrentKeyMaterialId"],
        "DestinationKeyMaterialId": target["CurrentKeyMaterialId"],
    }
    opened = kms.decrypt(CiphertextBlob=moved, EncryptionContext={"new": "one"})
    assert opened["Plaintext"] == b"salary: 1"
    assert opened["KeyId"] == target["Arn"]
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=moved, EncryptionContext=CONTEXT)
    kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)


def test_re_encrypt_drops_the_context_that_is_not_said_again(
    kms: Any, key: str, blob: bytes
) -> None:
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=key
    )
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"salary: 1"


@pytest.mark.parametrize(
    ("how", "size"),
    [
        ({"KeySpec": "AES_256"}, 32),
        ({"KeySpec": "AES_128"}, 16),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 64}, 64),
        ({"NumberOfBytes": 1024}, 1024),
    ],
)
def test_a_data_key_comes_in_two_forms(kms: Any, key: str, how: dict[str, Any], size: int) -> None:
    answer = kms.generate_data_key(KeyId=key, EncryptionContext=CONTEXT, **how)
    assert set(answer) == {
        *("CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId", "ResponseMetadata")
    }
    assert len(answer["Plaintext"]) == size
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == answer["Plaintext"]
    assert opened["KeyId"] == answer["KeyId"]
    assert opened["KeyMaterialId"] == answer["KeyMaterialId"]
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])


def test_a_data_key_without_plaintext_has_one_form(kms: Any, key: str) -> None:
    answer = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    assert set(answer) == {"CiphertextBlob", "KeyId", "KeyMaterialId", "ResponseMetadata"}
    assert len(kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"]) == 32


def test_no_two_data_keys_are_alike(kms: Any, key: str) -> None:
    made = [kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"] for _ in range(30)]
    assert len(set(made)) == 30


@pytest.mark.parametrize("how", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}])
@pytest.mark.parametrize("operation", ["generate_data_key", "generate_data_key_without_plaintext"])
def test_a_data_key_needs_a_spec_or_a_size_and_not_both(
    kms: Any, key: str, operation: str, how: dict[str, Any]
) -> None:
    with refused("ValidationException", "Please specify either number of bytes or key spec."):
        getattr(kms, operation)(KeyId=key, **how)


def test_generate_random_gives_as_many_bytes_as_asked(kms: Any) -> None:
    for size in (1, 1024):
        answer = kms.generate_random(NumberOfBytes=size)
        assert set(answer) == {"Plaintext", "ResponseMetadata"}
        assert len(answer["Plaintext"]) == size
    assert len({kms.generate_random(NumberOfBytes=16)["Plaintext"] for _ in range(50)}) == 50


def test_generate_random_needs_a_length(kms: Any) -> None:
    with refused("ValidationException", "NumberOfBytes is required."):
        kms.generate_random()
    constraint = "Member must have value less than or equal to 1024"
    failure = f"Value '1025' at 'numberOfBytes' failed to satisfy constraint: {constraint}"
    with refused("ValidationException", invalid(failure)):
        kms.generate_random(NumberOfBytes=1025)


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_an_algorithm_of_another_kind_of_key_is_refused(
    kms: Any, key: str, blob: bytes, algorithm: str
) -> None:
    wording = f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."
    known = {"CiphertextBlob": blob, "DestinationKeyId": key, "SourceEncryptionContext": CONTEXT}
    calls: tuple[Callable[[], Any], ...] = (
        lambda: kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm=algorithm),
        lambda: kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm=algorithm),
        lambda: kms.re_encrypt(SourceKeyId=key, SourceEncryptionAlgorithm=algorithm, **known),
        lambda: kms.re_encrypt(DestinationEncryptionAlgorithm=algorithm, **known),
    )
    for call in calls:
        with refused("InvalidKeyUsageException", wording):
            call()


def test_the_algorithm_of_symmetric_keys_may_be_said(kms: Any, key: str) -> None:
    said = {"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    made = kms.encrypt(KeyId=key, Plaintext=b"x", **said)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=made, **said)["Plaintext"] == b"x"


def test_a_key_whose_material_is_gone_encrypts_nothing(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    fresh._rooms.store.write("UPDATE material SET token = NULL")
    with refused("KMSInternalException"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob)


# RSA keys: standard RSA-OAEP, under the public key that anyone may have.


class RsaKey(NamedTuple):
    """An RSA key for encryption: its id, its ARN and its public half."""

    key: str
    arn: str
    public: rsa.RSAPublicKey


@pytest.fixture(scope="module")
def rsa_key(kms: Any) -> RsaKey:
    """An RSA key."""
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    public = load_der_public_key(kms.get_public_key(KeyId=made["KeyId"])["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    return RsaKey(made["KeyId"], made["Arn"], public)


MOST = {"RSAES_OAEP_SHA_1": 214, "RSAES_OAEP_SHA_256": 190}
EVERY_OAEP = pytest.mark.parametrize("algorithm", MOST)


def _oaep(algorithm: str, label: bytes | None = None) -> padding.OAEP:
    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    return padding.OAEP(padding.MGF1(digest), digest, label)


@EVERY_OAEP
def test_an_rsa_key_answers_as_aws_does(kms: Any, rsa_key: RsaKey, algorithm: str) -> None:
    named = {"KeyId": rsa_key.key, "EncryptionAlgorithm": algorithm}
    about = {"KeyId": rsa_key.arn, "EncryptionAlgorithm": algorithm}
    answer = kms.encrypt(Plaintext=b"x", **named)
    made = answer.pop("CiphertextBlob")
    answer.pop("ResponseMetadata")
    assert answer == about
    assert len(made) == 256
    answer = kms.decrypt(CiphertextBlob=made, **named)
    answer.pop("ResponseMetadata")
    assert answer == about | {"Plaintext": b"x"}


@EVERY_OAEP
def test_what_anyone_encrypts_with_the_public_key_decrypts(
    kms: Any, rsa_key: RsaKey, algorithm: str
) -> None:
    for size in (0, 1, 32, MOST[algorithm]):
        made = rsa_key.public.encrypt(b"p" * size, _oaep(algorithm))
        opened = kms.decrypt(KeyId=rsa_key.key, CiphertextBlob=made, EncryptionAlgorithm=algorithm)
        assert opened["Plaintext"] == b"p" * size


@EVERY_OAEP
def test_what_kms_encrypts_the_owner_of_the_key_decrypts(kms: Any, algorithm: str) -> None:
    own = rsa.generate_private_key(65537, 2048)
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT", Origin="EXTERNAL")
    named = {"KeyId": made["KeyMetadata"]["KeyId"], "EncryptionAlgorithm": algorithm}
    material = own.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    bring(kms, named["KeyId"], material, algorithm="RSA_AES_KEY_WRAP_SHA_256")
    for plaintext in (b"x", bytes(MOST[algorithm])):
        blob = kms.encrypt(Plaintext=plaintext, **named)["CiphertextBlob"]
        assert own.decrypt(blob, _oaep(algorithm)) == plaintext
        assert kms.decrypt(CiphertextBlob=blob, **named)["Plaintext"] == plaintext


@EVERY_OAEP
def test_an_rsa_key_takes_so_many_bytes_and_no_more(
    kms: Any, rsa_key: RsaKey, algorithm: str
) -> None:
    named, most = {"KeyId": rsa_key.key, "EncryptionAlgorithm": algorithm}, MOST[algorithm]
    made = kms.encrypt(Plaintext=b"p" * most, **named)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=made, **named)["Plaintext"] == b"p" * most
    wording = (
        f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {most} bytes."
    )
    for size in (most + 1, 4096):
        with refused("ValidationException", wording):
            kms.encrypt(Plaintext=b"p" * size, **named)


@EVERY_OAEP
def test_no_two_rsa_ciphertexts_are_alike(kms: Any, rsa_key: RsaKey, algorithm: str) -> None:
    named = {"KeyId": rsa_key.key, "EncryptionAlgorithm": algorithm}
    made = {kms.encrypt(Plaintext=b"x", **named)["CiphertextBlob"] for _ in range(5)}
    assert len(made) == 5


@EVERY_OAEP
def test_no_rsa_ciphertext_says_why_it_does_not_decrypt(
    kms: Any, rsa_key: RsaKey, algorithm: str
) -> None:
    named = {"KeyId": rsa_key.key, "EncryptionAlgorithm": algorithm}
    good = kms.encrypt(Plaintext=b"x", **named)["CiphertextBlob"]
    other = next(name for name in MOST if name != algorithm)
    modulus = rsa_key.public.public_numbers().n
    stranger = rsa.generate_private_key(65537, 2048).public_key()
    wrong = (
        *(good[:-1], good + b"\0", bytes([good[0] ^ 1]) + good[1:], bytes(256), b"x", bytes(6144)),
        *(modulus.to_bytes(256), (modulus - 1).to_bytes(256)),
        rsa_key.public.encrypt(b"x", _oaep(other)),
        rsa_key.public.encrypt(b"x", _oaep(algorithm, b"label")),
        rsa_key.public.encrypt(b"x", padding.PKCS1v15()),
        stranger.encrypt(b"x", _oaep(algorithm)),
    )
    answers = set()
    for each in wrong:
        with refused("InvalidCiphertextException", "") as caught:
            kms.decrypt(CiphertextBlob=each, **named)
        answer = dict(caught.value.response)
        answer.pop("ResponseMetadata")
        answers.add((repr(answer), str(caught.value)))
    assert len(answers) == 1


def test_an_rsa_ciphertext_names_no_key(kms: Any, key: str, rsa_key: RsaKey) -> None:
    algorithm = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    made = kms.encrypt(KeyId=rsa_key.key, Plaintext=b"x", **algorithm)["CiphertextBlob"]
    with refused("ValidationException", "KeyId must not be null"):
        kms.decrypt(CiphertextBlob=made, **algorithm)
    for named in ({}, {"KeyId": rsa_key.key}, {"KeyId": key}):
        with refused("InvalidCiphertextException", ""):
            kms.decrypt(CiphertextBlob=made, **named)


def test_an_rsa_key_needs_its_algorithm_said(kms: Any, rsa_key: RsaKey) -> None:
    wording = "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."
    with refused("InvalidKeyUsageException", wording):
        kms.encrypt(KeyId=rsa_key.key, Plaintext=b"x")


def test_a_symmetric_blob_is_of_no_rsa_key(kms: Any, blob: bytes, rsa_key: RsaKey) -> None:
    with refused("IncorrectKeyException", WRONG_KEY):
        kms.decrypt(KeyId=rsa_key.key, CiphertextBlob=blob, EncryptionContext=CONTEXT)


@EVERY_OAEP
def test_an_rsa_key_takes_no_context(kms: Any, rsa_key: RsaKey, algorithm: str) -> None:
    named = {"KeyId": rsa_key.key, "EncryptionAlgorithm": algorithm}
    made = kms.encrypt(Plaintext=b"x", **named)["CiphertextBlob"]
    wording = "EncryptionContext is not supported when {} with asymmetric CMKs."
    with refused("ValidationException", wording.format("encrypting")):
        kms.encrypt(Plaintext=b"x", EncryptionContext=CONTEXT, **named)
    with refused("ValidationException", wording.format("decrypting")):
        kms.decrypt(CiphertextBlob=made, EncryptionContext=CONTEXT, **named)
    assert kms.encrypt(Plaintext=b"x", EncryptionContext={}, **named)["CiphertextBlob"]


def test_re_encrypt_moves_between_symmetric_and_rsa_keys(
    kms: Any, key: str, rsa_key: RsaKey
) -> None:
    sha_1, sha_256 = MOST
    blob = kms.encrypt(KeyId=key, Plaintext=b"moved", EncryptionContext=CONTEXT)["CiphertextBlob"]
    out = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=rsa_key.key,
        DestinationEncryptionAlgorithm=sha_1,
    )
    assert "SourceKeyMaterialId" in out
    assert "DestinationKeyMaterialId" not in out
    around = kms.re_encrypt(
        CiphertextBlob=out["CiphertextBlob"],
        SourceKeyId=rsa_key.key,
        SourceEncryptionAlgorithm=sha_1,
        DestinationKeyId=rsa_key.key,
        DestinationEncryptionAlgorithm=sha_256,
    )
    back = kms.re_encrypt(
        CiphertextBlob=around["CiphertextBlob"],
        SourceKeyId=rsa_key.key,
        SourceEncryptionAlgorithm=sha_256,
        DestinationKeyId=key,
        DestinationEncryptionContext={"new": "one"},
    )
    assert back["SourceKeyId"] == rsa_key.arn
    assert "SourceKeyMaterialId" not in back
    opened = kms.decrypt(CiphertextBlob=back["CiphertextBlob"], EncryptionContext={"new": "one"})
    assert opened["Plaintext"] == b"moved"
