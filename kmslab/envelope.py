"""Envelope encryption of files of any size: a data key a file, AES-256-GCM, constant memory.

KMS makes the data key and never sees the file. The encrypted data key travels with the file, in
its header, and KMS opens it again. Layout, numbers big-endian:

     0      8    "kmslab01", the format and its version
     8      4    n, how many bytes of the file a frame holds
    12      4    k, length of the encrypted data key
    16      4    c, length of the encryption context
    20      k    encrypted data key, as GenerateDataKey returned it
    20+k    c    encryption context, as JSON; not secret
                 frames: n bytes of ciphertext and a tag of 16 bytes each; the last one is shorter,
                 or as long, or holds no bytes at all

Each frame's additional data is the whole header, and its IV says where it belongs:

    IV (12 bytes)   0 0 0 0 0 0 0 │ number of the frame (4) │ 1 if it is the last one, else 0

so a frame that is dropped, doubled, moved, taken from another file or cut off doesn't fit. No IV
comes twice under one key, since every file has a data key of its own. This is the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015). 2^32 frames are the most.

Python can't wipe memory: the plaintext data key is dropped after use, and may stay in the
process's memory until that is used again.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kmslab.errors import EnvelopeError
from kmslab.streams import pieces, read, whole, write

Context = Mapping[str, str]
Progress = Callable[[int, int | None], None]  # bytes done so far, bytes in all where it is known

FRAME_BYTES = 1 << 19
TAG_BYTES = 16
_KEY_BYTES = 32
_START = struct.Struct(">8sIII")
_IV = struct.Struct(">7xI?")
_MAGIC = b"kmslab01"
_MOST = {"frame": 1 << 24, "encrypted data key": 6_144, "encryption context": 1 << 16}


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in clear at the start of an encrypted file."""

    encrypted_data_key: bytes = field(repr=False)
    context: Context
    frame_bytes: int = FRAME_BYTES

    def pack(self) -> bytes:
        """The header's bytes."""
        context = json.dumps(dict(self.context), sort_keys=True).encode()
        if len(context) > _MOST["encryption context"]:
            raise EnvelopeError(f"the encryption context is too long: {len(context)} bytes of JSON")
        lengths = self.frame_bytes, len(self.encrypted_data_key), len(context)
        return _START.pack(_MAGIC, *lengths) + self.encrypted_data_key + context

    @classmethod
    def read(cls, source: BinaryIO) -> tuple[Header, bytes]:
        """Reads a header, and gives its bytes too; `EnvelopeError` where there is none."""
        start = read(source, _START.size)
        if len(start) < _START.size or not start.startswith(_MAGIC):
            raise EnvelopeError(f"not an encrypted file: it does not begin with {_MAGIC.decode()}")
        _, *lengths = _START.unpack(start)
        for (name, most), length in zip(_MOST.items(), lengths, strict=True):
            if not 0 < length <= most:
                raise EnvelopeError(f"the header is damaged: {length} bytes of {name}")
        frame_bytes, key_length, context_length = lengths
        key, context = read(source, key_length), read(source, context_length)
        return cls(key, _context(context, context_length), frame_bytes), start + key + context


def encrypt_file(
    kms: Any,
    key_id: str,
    source: str | Path,
    target: str | Path,
    context: Context | None = None,
    *,
    progress: Progress | None = None,
) -> Header:
    """Encrypts the file `source` into the file `target`; returns the header written.

    `kms` is a boto3 client and `key_id` any name of a KMS key. The target appears whole, or not at
    all: on any error (KMS refuses, the disk is full) what was there before stays.
    """
    total = Path(source).stat().st_size
    with Path(source).open("rb", buffering=0) as reader, whole(Path(target)) as writer:
        return encrypt_stream(kms, key_id, reader, writer, context, progress=progress, total=total)


def decrypt_file(
    kms: Any,
    source: str | Path,
    target: str | Path,
    context: Context | None = None,
    *,
    key_id: str | None = None,
    progress: Progress | None = None,
) -> Header:
    """Decrypts what `encrypt_file` wrote; returns the header of the file.

    Say in `context` which file you expect: the header's own context is believed otherwise, and
    somebody who can swap two files of one key goes unnoticed. `key_id` names the KMS key that you
    expect. The target appears only once the last frame proved right.

    Raises `EnvelopeError` for a file that was changed, and KMS's own errors, such as
    InvalidCiphertextException, for an encrypted data key or context that KMS does not accept.
    """
    total = Path(source).stat().st_size
    with Path(source).open("rb", buffering=0) as reader, whole(Path(target)) as writer:
        return decrypt_stream(
            kms, reader, writer, context, key_id=key_id, progress=progress, total=total
        )


def encrypt_stream(
    kms: Any,
    key_id: str,
    source: BinaryIO,
    target: BinaryIO,
    context: Context | None = None,
    *,
    progress: Progress | None = None,
    total: int | None = None,
) -> Header:
    """`encrypt_file` for open streams; `total` is only passed on to `progress`."""
    _check(kms, context)
    data_key = kms.generate_data_key(
        KeyId=key_id, KeySpec="AES_256", EncryptionContext=dict(context or {})
    )
    header = Header(data_key["CiphertextBlob"], dict(context or {}))
    cipher, packed = AESGCM(data_key["Plaintext"]), header.pack()
    del data_key
    write(target, memoryview(packed))
    out, done = memoryview(bytearray(header.frame_bytes + TAG_BYTES)), 0
    for number, (data, last) in enumerate(pieces(source, header.frame_bytes)):
        sealed = out[: len(data) + TAG_BYTES]
        cipher.encrypt_into(_IV.pack(number, last), data, packed, sealed)
        write(target, sealed)
        done += len(data)
        if progress:
            progress(done, total)
    return header


def decrypt_stream(
    kms: Any,
    source: BinaryIO,
    target: BinaryIO,
    context: Context | None = None,
    *,
    key_id: str | None = None,
    progress: Progress | None = None,
    total: int | None = None,
) -> Header:
    """`decrypt_file` for open streams.

    Every frame is checked before it is written, but whether the stream was cut off shows only at
    its end: don't act on what came out before this returned.
    """
    _check(kms, context)
    header, packed = Header.read(source)
    if context is not None and dict(context) != dict(header.context):
        raise EnvelopeError(f"expected the context {dict(context)}, the file has {header.context}")
    cipher = _opened(kms, header, key_id)
    out, done = memoryview(bytearray(header.frame_bytes)), len(packed)
    for number, (sealed, last) in enumerate(pieces(source, header.frame_bytes + TAG_BYTES)):
        data = out[: max(len(sealed) - TAG_BYTES, 0)]
        try:
            cipher.decrypt_into(_IV.pack(number, last), sealed, packed, data)
        except (InvalidTag, ValueError):
            raise EnvelopeError(
                f"frame {number} was changed, moved or cut off, or the header was changed"
            ) from None
        write(target, data)
        done += len(sealed)
        if progress:
            progress(done, total)
    return header


def read_header(path: str | Path) -> Header:
    """The header of an encrypted file; nothing in it is proved until the file is decrypted."""
    with Path(path).open("rb") as source:
        return Header.read(source)[0]


def _check(kms: Any, context: object) -> None:
    """`EnvelopeError` for arguments that are often mixed up, before anything was done."""
    if not hasattr(kms, "generate_data_key"):
        raise EnvelopeError(f'{kms!r} is no client of KMS: lab.client("kms") is')
    if context is not None and not isinstance(context, Mapping):
        raise EnvelopeError(f"context={context!r}: a dict of texts is due")


def _opened(kms: Any, header: Header, key_id: str | None) -> AESGCM:
    """The cipher of a header's data key, which KMS opens."""
    data_key = kms.decrypt(
        CiphertextBlob=header.encrypted_data_key,
        EncryptionContext=dict(header.context),
        **({"KeyId": key_id} if key_id else {}),
    )["Plaintext"]
    if len(data_key) != _KEY_BYTES:
        raise EnvelopeError(f"the header is damaged: a data key of {len(data_key)} bytes")
    return AESGCM(data_key)


def _context(text: bytes, length: int) -> dict[str, str]:
    try:
        context = json.loads(text)
    except (ValueError, RecursionError):
        context = None
    if len(text) != length or not isinstance(context, dict):
        raise EnvelopeError("the header is damaged: its encryption context is not readable")
    if not all(isinstance(value, str) for value in context.values()):
        raise EnvelopeError("the header is damaged: its encryption context holds more than texts")
    return context
