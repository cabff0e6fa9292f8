"""Attacks on what the lab writes, shows and trusts."""

from __future__ import annotations

import io
import json
import logging
import os
import struct
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from expect import files
from intruder import known_token
from leaks import assert_nowhere, forms
from wrapping import bring

from kmslab import Lab, envelope
from kmslab.aws.call import Answer, Call
from kmslab.envelope import Header, decrypt_file, encrypt_file
from kmslab.errors import EnvelopeError
from kmslab.kms.request import Request

FRAME = 64  # small frames, so that files of several frames are small too


def test_a_secret_is_found_in_every_form() -> None:
    secret = os.urandom(32)
    for form in forms(secret):
        with pytest.raises(AssertionError):
            assert_nowhere(secret, {"file": b"before " + form + b" after"})


@pytest.fixture
def known(fresh: Lab) -> tuple[Lab, str, bytes]:
    """A lab, a key of it, and the bytes of the key's backing key."""
    value = os.urandom(32)
    kms, hsm = fresh.client("kms"), fresh.hsms.hsms[0]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    token = known_token(hsm, value)
    fresh._rooms.store.write("UPDATE material SET token = ? WHERE key_id = ?", (token, key))
    return fresh, key, value


def test_the_bytes_of_a_backing_key_are_in_no_file(known: tuple[Lab, str, bytes]) -> None:
    lab, key, value = known
    kms = lab.client("kms")
    for _ in range(3):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    (token,) = lab._rooms.store.row("SELECT token FROM material") or ()
    for hsm in lab.hsms.hsms:
        hsm.encrypt(token, b"x", b"")
    contents = files(lab.path)
    assert any(token in data for data in contents.values())
    assert_nowhere(value, contents)
    lab.hsms.switch_off()
    assert_nowhere(value, files(lab.path))


def test_what_an_hsm_stores_is_not_in_the_clear(fresh: Lab) -> None:
    pins = [pin for hsm in fresh.hsms.hsms for pin in (hsm.device._pins.user,)]
    contents = {name: data for name, data in files(fresh.path).items() if name.suffix == ".object"}
    assert len(contents) > 3
    for pin in pins:
        assert_nowhere(pin.encode(), contents)


def test_plaintexts_and_data_keys_stay_nowhere(
    fresh: Lab, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "kmslab")
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secret = os.urandom(24)
    blob = kms.encrypt(KeyId=key, Plaintext=secret)["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    random = kms.generate_random(NumberOfBytes=32)["Plaintext"]
    texts = [
        _failure(lambda: kms.encrypt(KeyId=key, Plaintext=secret * 999)),
        _failure(lambda: kms.encrypt(KeyId="alias/none", Plaintext=secret)),
        _failure(lambda: kms.encrypt(KeyId=key, Plaintext=secret, GrantTokens=["g"])),
        _failure(lambda: kms.encrypt(KeyId=key, Plaintext=secret, DryRun=True)),
        _failure(lambda: kms.sign(KeyId=key, Message=secret, SigningAlgorithm="ECDSA_SHA_256")),
        _failure(lambda: kms.decrypt(CiphertextBlob=secret)),
    ]
    fresh.hsms.switch_off()
    texts.append(_failure(lambda: kms.encrypt(KeyId=key, Plaintext=secret)))
    shown = [
        *(repr(each) for each in (fresh, fresh.hsms, fresh.trail(), [*fresh.trail()], fresh.clock)),
        *(fresh.trail()._repr_html_(), repr(fresh._rooms), repr(vars(fresh))),
        *(*texts, caplog.text, *capfd.readouterr()),
    ]
    contents: dict[Any, bytes] = {f"text {n}": text.encode() for n, text in enumerate(shown)}
    contents |= files(fresh.path)
    for each in (secret, made["Plaintext"], random):
        assert_nowhere(each, contents)
    for each in (blob, made["CiphertextBlob"]):
        assert_nowhere(each, {"trail": json.dumps([*fresh.trail()]).encode()})


def test_private_keys_seeds_macs_and_shared_secrets_stay_nowhere(
    fresh: Lab, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "kmslab")
    kms = fresh.client("kms")
    wrapping = kms.create_key()["KeyMetadata"]["KeyId"]

    def key(spec: str, usage: str, material: bytes = b"") -> str:
        origin = {"Origin": "EXTERNAL"} if material else {}
        made = kms.create_key(KeySpec=spec, KeyUsage=usage, **origin)["KeyMetadata"]["KeyId"]
        if material:
            bring(kms, made, material)
        return made

    of_mac, seed = os.urandom(32), os.urandom(64)
    own = ec.generate_private_key(ec.SECP256R1())
    number = own.private_numbers().private_value.to_bytes(32)
    with_mac = key("HMAC_256", "GENERATE_VERIFY_MAC", of_mac)
    kem = MLKEM.construct(param_set=MLKEM.ML_KEM_768, seed=seed).export_key()
    carrier = key("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", kem)
    agreeing = key("ECC_NIST_P256", "KEY_AGREEMENT", _pkcs8(own))
    tag = kms.generate_mac(KeyId=with_mac, MacAlgorithm="HMAC_SHA_256", Message=b"x")["Mac"]
    made = kms.encapsulate(KeyId=carrier, EncapsulationAlgorithm="ML_KEM")
    kms.decapsulate(
        KeyId=carrier,
        EncapsulationAlgorithm="ML_KEM",
        SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"],
    )
    agreed = kms.derive_shared_secret(
        KeyId=agreeing,
        KeyAgreementAlgorithm="ECDH",
        PublicKey=kms.get_public_key(KeyId=key("ECC_NIST_P256", "KEY_AGREEMENT"))["PublicKey"],
    )
    pairs = [
        kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec=spec)["PrivateKeyPlaintext"]
        for spec in ("ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "ML_KEM_512")
    ]
    secrets = [of_mac, number, seed, tag, made["SharedSecret"], agreed["SharedSecret"], *pairs]
    secrets += [pairs[1][-32:], pairs[2][-64:]]  # their seeds alone
    shown = [
        *(repr(each) for each in (fresh, fresh.hsms, [*fresh.trail()], fresh._rooms)),
        *(fresh.trail()._repr_html_(), repr(vars(fresh)), caplog.text, *capfd.readouterr()),
    ]
    contents: dict[Any, bytes] = {f"text {n}": text.encode() for n, text in enumerate(shown)}
    contents |= files(fresh.path)
    for secret in secrets:
        assert_nowhere(secret, contents)


def _pkcs8(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_no_repr_of_a_request_or_an_answer_shows_what_is_in_it(lab: Lab) -> None:
    secret = os.urandom(24)
    call = Call(lab.admin.principal, "kms", "Encrypt", "us-east-1", {"Plaintext": secret})
    shown = [
        call,
        Answer({"Plaintext": secret}, "id"),
        Request(call, lab._rooms),
        Header(secret, {}),
    ]
    assert_nowhere(secret, {number: repr(each).encode() for number, each in enumerate(shown)})


def _failure(call: Any) -> str:
    """The text of an error and of its causes, as a notebook shows it."""
    with pytest.raises(ClientError) as caught:
        call()
    return "".join(traceback.format_exception(caught.value))


def test_a_blob_moved_to_another_key_in_the_records_does_not_open(fresh: Lab) -> None:
    kms, store = fresh.client("kms"), fresh._rooms.store
    first, second = (kms.create_key()["KeyMetadata"] for _ in range(2))
    blob = kms.encrypt(KeyId=first["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    store.write(
        "UPDATE material SET token = (SELECT token FROM material WHERE key_id = ?)",
        (first["KeyId"],),
    )
    forged = blob.replace(
        bytes.fromhex(first["KeyId"].replace("-", "")),
        bytes.fromhex(second["KeyId"].replace("-", "")),
    ).replace(
        bytes.fromhex(first["CurrentKeyMaterialId"]), bytes.fromhex(second["CurrentKeyMaterialId"])
    )
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=forged)


# Files that somebody changed. Each is at first a header, then frames of FRAME bytes and a tag.


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers say small frames unless told otherwise."""
    made = Header.__init__

    def small(self: Header, key: bytes, context: Any, frame_bytes: int = FRAME) -> None:
        made(self, key, context, frame_bytes)

    monkeypatch.setattr(Header, "__init__", small)


class Workplace:
    """Encrypts small files, and decrypts what is made of them, over a file that is there."""

    def __init__(self, kms: Any, key: str, folder: Path) -> None:
        self.kms, self.key, self.folder = kms, key, folder
        self.plaintext = os.urandom(4 * FRAME + 10)

    def make(self) -> tuple[bytes, list[bytes]]:
        """A header and five frames."""
        (self.folder / "plain").write_bytes(self.plaintext)
        target = self.folder / "made"
        encrypt_file(self.kms, self.key, self.folder / "plain", target, {"dept": "hr"})
        data, size = target.read_bytes(), FRAME + 16
        target.unlink()
        header = len(Header.read(io.BytesIO(data))[1])
        frames = [data[at : at + size] for at in range(header, len(data), size)]
        assert len(frames) == 5
        return data[:header], frames

    def decrypts(self, *parts: bytes) -> bytes:
        """Decrypts the parts, in a row, as a file; checks that a failure leaves what was there."""
        source, target = self.folder / "changed", self.folder / "target"
        source.write_bytes(b"".join(parts))
        target.write_bytes(b"what was there")
        try:
            decrypt_file(self.kms, source, target)
            return target.read_bytes()
        except (EnvelopeError, ClientError):
            assert target.read_bytes() == b"what was there"
            raise
        finally:
            assert {path.name for path in self.folder.iterdir()} == {"plain", "changed", "target"}

    def refuses(self, *parts: bytes) -> None:
        """The parts are no file that decrypts, and this is said as it should be."""
        with pytest.raises((EnvelopeError, ClientError)):
            self.decrypts(*parts)


@pytest.fixture
def work(small_frames: None, kms: Any, key: str, tmp_path: Path) -> Iterator[Workplace]:  # noqa: ARG001 (it is in force)
    """A place to attack files."""
    return Workplace(kms, key, tmp_path)


def test_an_unchanged_file_decrypts(work: Workplace) -> None:
    header, frames = work.make()
    assert work.decrypts(header, *frames) == work.plaintext


def test_a_dropped_frame_is_noticed(work: Workplace) -> None:
    header, frames = work.make()
    for number in range(5):
        work.refuses(header, *frames[:number], *frames[number + 1 :])


def test_a_doubled_frame_is_noticed(work: Workplace) -> None:
    header, frames = work.make()
    for number in range(5):
        work.refuses(header, *frames[: number + 1], *frames[number:])


def test_swapped_frames_are_noticed(work: Workplace) -> None:
    header, frames = work.make()
    for first in range(5):
        for second in range(first):
            swapped = list(frames)
            swapped[first], swapped[second] = frames[second], frames[first]
            work.refuses(header, *swapped)


def test_a_frame_of_another_file_is_noticed(work: Workplace) -> None:
    (header, frames), (other_header, others) = work.make(), work.make()
    for number in range(5):
        work.refuses(header, *frames[:number], others[number], *frames[number + 1 :])
    work.refuses(header, *others)
    work.refuses(other_header, *frames)


def test_a_file_cut_off_at_a_frame_is_noticed(work: Workplace) -> None:
    header, frames = work.make()
    for number in range(5):
        work.refuses(header, *frames[:number])


def test_a_file_cut_off_anywhere_is_noticed(work: Workplace) -> None:
    header, frames = work.make()
    data = header + b"".join(frames)
    for length in {*range(0, len(header) + 20), *range(0, len(data), 7), len(data) - 1}:
        work.refuses(data[:length])


@pytest.mark.parametrize("more", [b"\x00", b"x" * 16, b"x" * (FRAME + 16)])
def test_appended_bytes_are_noticed(work: Workplace, more: bytes) -> None:
    header, frames = work.make()
    work.refuses(header, *frames, more)
    work.refuses(header, *frames, header, *frames)


def test_a_flipped_bit_in_any_byte_of_the_header_is_noticed(work: Workplace) -> None:
    header, frames = work.make()
    for place in range(len(header)):
        for bit in (place % 8, 7 - place % 8):
            changed = bytearray(header)
            changed[place] ^= 1 << bit
            work.refuses(bytes(changed), *frames)


def test_a_flipped_bit_in_any_frame_is_noticed(work: Workplace) -> None:
    header, frames = work.make()
    for number, frame in enumerate(frames):
        for place in (0, len(frame) // 2, len(frame) - 16, len(frame) - 1):
            changed = bytearray(frame)
            changed[place] ^= 1
            work.refuses(header, *frames[:number], bytes(changed), *frames[number + 1 :])


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("length", [0, 1, (1 << 16) + 1, 1 << 24, (1 << 24) + 1, (1 << 32) - 1])
def test_absurd_lengths_are_noticed(work: Workplace, which: int, length: int) -> None:
    header, frames = work.make()
    lengths = list(struct.unpack(">III", header[8:20]))
    lengths[which] = length
    data = header[:8], struct.pack(">III", *lengths), header[20:], *frames
    if 0 < length <= list(envelope._MOST.values())[which]:
        work.refuses(*data)
    else:  # refused before so much memory is asked for
        with pytest.raises(EnvelopeError, match=f"header is damaged: {length} bytes of"):
            work.decrypts(*data)


CONTEXTS = {
    "no JSON": b"{dept}",
    "a list": b'["dept"]',
    "a number": b'{"dept": 1}',
    "nested": b'{"dept": {"a": "b"}}',
    "very nested": b"[" * 60_000,
    "no text": b"\xff\xfe\xfd",
    "half a surrogate pair": b'{"dept": "\\ud800"}',
    "a large number": b"9" * 60_000,
    "another one": b'{"dept": "it"}',
}


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_made_up_context_is_noticed(work: Workplace, context: str) -> None:
    header, frames = work.make()
    frame, key, _ = struct.unpack(">III", header[8:20])
    text = CONTEXTS[context]
    lengths = struct.pack(">III", frame, key, len(text))
    work.refuses(header[:8], lengths, header[20 : 20 + key], text, *frames)


@pytest.mark.parametrize("size", [1, 16, 24, 31, 33, 4096])
def test_a_data_key_of_another_size_is_noticed(work: Workplace, size: int) -> None:
    _, frames = work.make()
    blob = work.kms.encrypt(
        KeyId=work.key, Plaintext=b"k" * size, EncryptionContext={"dept": "hr"}
    )["CiphertextBlob"]
    work.refuses(Header(blob, {"dept": "hr"}).pack(), *frames)


@pytest.mark.parametrize("data", [b"", b"kmslab01", b"kmslab02" + bytes(99), b"hello", bytes(999)])
def test_what_is_no_encrypted_file_is_refused(work: Workplace, data: bytes) -> None:
    work.make()
    with pytest.raises(EnvelopeError):
        work.decrypts(data)


def test_two_files_of_one_key_are_told_apart_by_their_context(
    kms: Any, key: str, tmp_path: Path
) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    for name in ("alice", "bob"):
        encrypt_file(kms, key, tmp_path / "plain", tmp_path / name, {"patient": name})
    (tmp_path / "bob").replace(tmp_path / "alice")
    with pytest.raises(EnvelopeError, match="expected the context"):
        decrypt_file(kms, tmp_path / "alice", tmp_path / "back", {"patient": "alice"})
    assert not (tmp_path / "back").exists()


def test_the_plaintext_of_a_file_is_in_no_file_of_the_lab_nor_in_the_secret(
    fresh: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    seen: list[bytes] = []
    cipher = envelope.AESGCM

    def spy(data_key: bytes) -> Any:
        seen.append(bytes(data_key))
        return cipher(data_key)

    monkeypatch.setattr(envelope, "AESGCM", spy)
    secret = os.urandom(32)
    (tmp_path / "plain").write_bytes(secret * 10)
    header = encrypt_file(kms, key, tmp_path / "plain", tmp_path / "secret")
    (tmp_path / "plain").unlink()
    contents = files(fresh.path) | files(tmp_path) | {"repr": repr(header).encode()}
    assert len(seen) == 1
    for each in (secret, *seen):
        assert_nowhere(each, contents)
