"""Envelope encryption of files and streams: what goes in comes out, whole or not at all."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from expect import UNKNOWN_ID, refused, run

from kmslab import Lab, envelope
from kmslab.envelope import (
    Header,
    decrypt_file,
    decrypt_stream,
    encrypt_file,
    encrypt_stream,
    read_header,
)
from kmslab.errors import EnvelopeError

FRAME = envelope.FRAME_BYTES
CONTEXT = {"dept": "hr"}
SIZES = [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 17]


def sealed(kms: Any, key: str, plaintext: bytes, context: dict[str, str] | None = None) -> bytes:
    """What envelope encryption makes of a plaintext."""
    target = io.BytesIO()
    encrypt_stream(kms, key, io.BytesIO(plaintext), target, context)
    return target.getvalue()


def opened(kms: Any, data: bytes, *args: Any, **named: Any) -> bytes:
    """What decryption makes of that."""
    target = io.BytesIO()
    decrypt_stream(kms, io.BytesIO(data), target, *args, **named)
    return target.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_comes_back(kms: Any, key: str, tmp_path: Path, size: int) -> None:
    plain, secret, back = (tmp_path / name for name in ("plain", "secret", "back"))
    plain.write_bytes(os.urandom(size))
    encrypt_file(kms, key, plain, secret, CONTEXT)
    decrypt_file(kms, secret, back, CONTEXT)
    assert back.read_bytes() == plain.read_bytes()
    frames = max(1, -(-size // FRAME))
    header = len(read_header(secret).pack())
    assert secret.stat().st_size == header + size + frames * 16
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "plain", "secret"]


def test_a_file_is_laid_out_as_the_docstring_says(kms: Any, key: str) -> None:
    data = sealed(kms, key, b"plaintext", CONTEXT)
    assert data[:8] == b"kmslab01"
    frame, length, context_length = (int.from_bytes(data[at : at + 4]) for at in (8, 12, 16))
    data_key, context = data[20 : 20 + length], data[20 + length : 20 + length + context_length]
    assert (frame, context) == (FRAME, b'{"dept": "hr"}')
    plain_key = kms.decrypt(CiphertextBlob=data_key, EncryptionContext=CONTEXT)["Plaintext"]
    header, body = data[: 20 + length + context_length], data[20 + length + context_length :]
    iv = bytes(7) + (0).to_bytes(4) + b"\x01"
    assert AESGCM(plain_key).decrypt(iv, body, header) == b"plaintext"


def test_every_file_has_a_data_key_of_its_own(kms: Any, key: str) -> None:
    keys = [Header.read(io.BytesIO(sealed(kms, key, b"x")))[0].encrypted_data_key for _ in range(9)]
    assert len(set(keys)) == 9


def test_names_may_be_texts_and_the_target_is_replaced(kms: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"new")
    (tmp_path / "secret").write_bytes(b"old")
    encrypt_file(kms, key, str(tmp_path / "plain"), str(tmp_path / "secret"))
    decrypt_file(kms, str(tmp_path / "secret"), str(tmp_path / "secret"))
    assert (tmp_path / "secret").read_bytes() == b"new"


def test_the_header_says_the_context_and_keeps_the_key_from_its_repr(
    kms: Any, key: str, tmp_path: Path
) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    written = encrypt_file(kms, key, tmp_path / "plain", tmp_path / "secret", CONTEXT)
    assert read_header(tmp_path / "secret") == written
    assert written.context == CONTEXT
    assert repr(written.encrypted_data_key) not in repr(written)


class Drip(io.RawIOBase):
    """A pipe that gives one to three bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._left, self._turn = data, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._turn += 1
        size = min(1 + self._turn % 3, len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


def test_streams_that_read_short_come_through(kms: Any, key: str) -> None:
    plaintext = os.urandom(5_000)
    target = io.BytesIO()
    encrypt_stream(kms, key, Drip(plaintext), target, CONTEXT)  # type: ignore[arg-type]
    back = io.BytesIO()
    decrypt_stream(kms, Drip(target.getvalue()), back)  # type: ignore[arg-type]
    assert back.getvalue() == plaintext


def test_real_pipes_come_through(kms: Any, key: str) -> None:
    plaintext = os.urandom(2 * FRAME + 5)
    back = io.BytesIO()

    def through(write: Callable[[BinaryIO], object], read: Callable[[BinaryIO], object]) -> None:
        outer, inner = os.pipe()
        with os.fdopen(inner, "wb", buffering=0) as sink, os.fdopen(outer, "rb", 0) as source:
            thread = threading.Thread(target=lambda: (write(sink), sink.close()))
            thread.start()
            read(source)
            thread.join()

    secret = io.BytesIO()
    through(lambda sink: _dribble(sink, plaintext), lambda s: encrypt_stream(kms, key, s, secret))
    through(lambda sink: _dribble(sink, secret.getvalue()), lambda s: decrypt_stream(kms, s, back))
    assert back.getvalue() == plaintext


def _dribble(sink: BinaryIO, data: bytes) -> None:
    for at in range(0, 30):
        sink.write(data[at : at + 1])
    view = memoryview(data)[30:]
    while view:
        view = view[sink.write(view) :]


class Slow(io.BytesIO):
    """A stream that takes 1,000 bytes at a time, as a raw file may."""

    def write(self, data: Any) -> int:
        return super().write(bytes(data[:1_000]))


def test_streams_that_write_short_get_everything(kms: Any, key: str) -> None:
    target = Slow()
    encrypt_stream(kms, key, io.BytesIO(b"x" * 9_999), target, {"long": "x" * 3_000})
    back = Slow()
    decrypt_stream(kms, io.BytesIO(target.getvalue()), back)
    assert back.getvalue() == b"x" * 9_999


@pytest.mark.parametrize("size", SIZES)
def test_progress_rises_to_the_total(kms: Any, key: str, tmp_path: Path, size: int) -> None:
    plain, secret = tmp_path / "plain", tmp_path / "secret"
    plain.write_bytes(bytes(size))
    for work, total in (
        (lambda told: encrypt_file(kms, key, plain, secret, progress=told), lambda: size),
        (lambda told: decrypt_file(kms, secret, plain, progress=told), secret.stat),
    ):
        calls: list[tuple[int, int | None]] = []
        work(lambda done, of, calls=calls: calls.append((done, of)))
        expected = getattr(total(), "st_size", size)
        assert calls[-1] == (expected, expected)
        assert {of for _, of in calls} == {expected}
        done = [each for each, _ in calls]
        assert done == sorted(set(done))
        assert len(done) == max(1, -(-size // FRAME))


def test_progress_of_a_stream_of_unknown_length_has_no_total(kms: Any, key: str) -> None:
    calls: list[tuple[int, int | None]] = []
    encrypt_stream(
        kms, key, io.BytesIO(b"abc"), io.BytesIO(), progress=lambda *call: calls.append(call)
    )
    assert calls == [(3, None)]


def test_an_error_of_progress_leaves_no_file(kms: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")

    def stop(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encrypt_file(kms, key, tmp_path / "plain", tmp_path / "secret", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_the_context_that_is_expected_must_be_the_files(kms: Any, key: str) -> None:
    data = sealed(kms, key, b"x", CONTEXT)
    assert opened(kms, data) == opened(kms, data, CONTEXT) == b"x"
    for wrong in ({}, {"dept": "it"}, CONTEXT | {"a": "b"}):
        with pytest.raises(EnvelopeError, match="expected the context"):
            opened(kms, data, wrong)


def test_the_key_that_is_expected_must_be_the_files(kms: Any, key: str, other_key: str) -> None:
    data = sealed(kms, key, b"x")
    assert opened(kms, data, key_id=key) == b"x"
    with refused("IncorrectKeyException"):
        opened(kms, data, key_id=other_key)


def test_a_context_that_is_too_long_to_read_back_is_refused(
    kms: Any, key: str, tmp_path: Path
) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    with pytest.raises(EnvelopeError, match="too long"):
        encrypt_file(kms, key, tmp_path / "plain", tmp_path / "secret", {"a": "x" * (1 << 16)})
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
    almost = {"a": "x" * ((1 << 16) - len('{"a": ""}'))}
    assert opened(kms, sealed(kms, key, b"x", almost), almost) == b"x"


def test_what_kms_refuses_leaves_no_file(kms: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    (tmp_path / "kept").write_bytes(b"kept")
    for target in ("new", "kept"):
        with refused("NotFoundException"):
            encrypt_file(kms, UNKNOWN_ID, tmp_path / "plain", tmp_path / target)
    encrypt_file(kms, key, tmp_path / "plain", tmp_path / "secret")
    kms.disable_key(KeyId=key)
    try:
        for target in ("new", "kept"):
            with refused("DisabledException"):
                decrypt_file(kms, tmp_path / "secret", tmp_path / target)
    finally:
        kms.enable_key(KeyId=key)
    assert (tmp_path / "kept").read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "plain", "secret"]


def test_a_decrypted_file_is_for_its_owner_only(kms: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    encrypt_file(kms, key, tmp_path / "plain", tmp_path / "secret")
    decrypt_file(kms, tmp_path / "secret", tmp_path / "back")
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600


def test_a_missing_source_is_an_ordinary_error(kms: Any, key: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        encrypt_file(kms, key, tmp_path / "nothing", tmp_path / "secret")
    with pytest.raises(FileNotFoundError):
        decrypt_file(kms, tmp_path / "nothing", tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


MEMORY = """
import resource, sys
from pathlib import Path
from kmslab import Lab
from kmslab.envelope import decrypt_file, encrypt_file
plain, size = Path(sys.argv[1]), int(sys.argv[2])
with plain.open("wb") as file:
    file.truncate(size)
with Lab() as lab:
    kms = lab.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    encrypt_file(kms, key, plain, plain.with_suffix(".secret"))
    decrypt_file(kms, plain.with_suffix(".secret"), plain.with_suffix(".back"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small, large = (int(run(MEMORY, tmp_path / f"{size}", size << 20)) for size in (8, 64))
    assert (tmp_path / "64.back").stat().st_size == 64 << 20
    assert large < small * 1.1  # a copy of 64 MiB would be half of it again


FULL_DISK = """
import resource, sys
from pathlib import Path
from kmslab import Lab
from kmslab.envelope import encrypt_file
folder = Path(sys.argv[1])
(folder / "plain").write_bytes(bytes(3 << 20))
with Lab() as lab:
    kms = lab.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
    try:
        encrypt_file(kms, key, folder / "plain", folder / "secret")
    except OSError as error:
        print(type(error).__name__)
"""


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"kept")
    assert run(FULL_DISK, tmp_path) == "OSError\n"
    assert (tmp_path / "secret").read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "secret"]


@pytest.mark.parametrize("context", ["patient=17", ["patient"], 17])
def test_a_context_that_is_no_dict_is_named(
    kms: Any, key: str, tmp_path: Path, context: Any
) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    with pytest.raises(EnvelopeError, match="a dict of texts is due"):
        encrypt_file(kms, key, tmp_path / "plain", tmp_path / "sealed", context)
    encrypt_file(kms, key, tmp_path / "plain", tmp_path / "sealed")
    with pytest.raises(EnvelopeError, match="a dict of texts is due"):
        decrypt_file(kms, tmp_path / "sealed", tmp_path / "opened", context)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "sealed"]


def test_a_lab_in_place_of_its_client_is_named(lab: Lab, key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    with pytest.raises(EnvelopeError, match="is no client of KMS"):
        encrypt_file(lab, key, tmp_path / "plain", tmp_path / "sealed")


def test_a_missing_target_folder_is_named(kms: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    with pytest.raises(FileNotFoundError) as caught:
        encrypt_file(kms, key, tmp_path / "plain", tmp_path / "nowhere" / "sealed")
    assert caught.value.filename == str(tmp_path / "nowhere")
