"""Sealed files: how an object's bytes lie on the disk. AES-256-GCM in frames, in constant memory.

     0      8    "kmslabs3", the format
     8      4    n, how many bytes of the object a frame holds (big-endian)
    12     32    salt, random
    44           frames: n bytes of ciphertext and a tag of 16 bytes for each layer; the last one is
                 shorter, or as long, or holds no bytes at all

No file is encrypted under a data key itself, but under a key derived from it, the salt and what the
file belongs to (bucket, object, its own name, part number), by HKDF-SHA256 (RFC 5869). So one data
key may serve several files, as a bucket key does, and no IV comes twice under one key; and a file
that was moved to another object or bucket, or swapped with an older one, doesn't open. The IV says
where a frame belongs, as in `kmslab.envelope`, whose construction this is:

    IV (12 bytes)   0 0 0 0 0 0 0 │ number of the frame (4) │ 1 if it is the last one, else 0

With two data keys (DSSE-KMS) each frame is encrypted twice, each time under a key of its own.
What AWS's own format is, AWS doesn't publish.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kmslab.errors import DamagedObject
from kmslab.streams import pieces, write

FRAME_BYTES, LEAST_FRAME = 1 << 19, 1 << 12
TAG_BYTES, SALT_BYTES = 16, 32
MAGIC = b"kmslabs3"
HEADER = struct.Struct(">8sI32s")
_IV = struct.Struct(">7xI?")
Buffer = bytes | bytearray | memoryview


class Digest(Protocol):
    """What watches the plaintext go by, such as hashlib's MD5."""

    def update(self, data: Buffer, /) -> object:
        """Takes the next bytes."""


@dataclass(frozen=True, slots=True)
class Belongs:
    """What a file belongs to; it opens nowhere else."""

    bucket: str
    key: str
    file: str
    part: int = 0

    def pack(self) -> bytes:
        """Each text with its length, so that no two places have the same bytes."""
        texts = [text.encode() for text in (self.bucket, self.key, self.file, str(self.part))]
        return b"".join(len(text).to_bytes(4) + text for text in texts)


@dataclass(frozen=True, slots=True)
class Frames:
    """The layers of encryption of one file."""

    frame_bytes: int
    ciphers: tuple[AESGCM, ...] = field(repr=False)

    @classmethod
    def of(cls, keys: Sequence[bytes], header: bytes, belongs: Belongs) -> Frames:
        """Derives the file's own keys; `header` is as it stands in the file."""
        _, frame_bytes, salt = HEADER.unpack(header)
        about = header + belongs.pack()
        return cls(frame_bytes, tuple(_cipher(*each, salt, about) for each in enumerate(keys)))

    @property
    def tags(self) -> int:
        """Bytes of tags in each frame."""
        return TAG_BYTES * len(self.ciphers)

    def seal(self, number: int, last: bool, data: Buffer, out: memoryview) -> int:
        """One frame, encrypted into `out`; how many bytes of it are filled."""
        iv = _IV.pack(number, last)
        for cipher in self.ciphers[1:]:
            data = cipher.encrypt(iv, data, None)
        filled = len(data) + TAG_BYTES
        self.ciphers[0].encrypt_into(iv, data, None, out[:filled])
        return filled

    def open(self, number: int, last: bool, sealed: Buffer, out: memoryview) -> int:
        """Decrypts one frame into `out`; how many bytes it held. `DamagedObject` if it was touched.

        The layer that went on last comes off first.
        """
        iv = _IV.pack(number, last)
        try:
            for cipher in self.ciphers[:-1]:
                sealed = cipher.decrypt(iv, sealed, None)
            length = len(sealed) - TAG_BYTES
            self.ciphers[-1].decrypt_into(iv, sealed, None, out[: max(length, 0)])
        except (InvalidTag, ValueError):
            raise DamagedObject(
                f"frame {number} of the stored object was changed, moved or cut off"
            ) from None
        return length


def seal(
    keys: Sequence[bytes],
    belongs: Belongs,
    source: BinaryIO,
    target: BinaryIO,
    digests: Sequence[Digest] = (),
    length: int | None = None,
) -> int:
    """Encrypts a stream into an open file; returns the number of bytes it had.

    `digests` see the plaintext. `length` is the stream's length where it is known, so that a small
    object takes small buffers.
    """
    frame_bytes = FRAME_BYTES if length is None else min(FRAME_BYTES, max(LEAST_FRAME, length + 1))
    header = HEADER.pack(MAGIC, frame_bytes, os.urandom(SALT_BYTES))
    frames = Frames.of(keys, header, belongs)
    out = memoryview(bytearray(HEADER.size + frame_bytes + frames.tags))
    out[: HEADER.size] = header  # goes out with the first frame
    size, filled = 0, HEADER.size
    for number, (data, last) in enumerate(pieces(source, frame_bytes)):
        for digest in digests:
            digest.update(data)
        filled += frames.seal(number, last, data, out[filled:])
        write(target, out[:filled])
        size, filled = size + len(data), 0
    return size


def _cipher(layer: int, key: bytes, salt: bytes, about: bytes) -> AESGCM:
    info = b"kmslab s3, layer %d" % layer + about
    return AESGCM(HKDF(SHA256(), 32, salt, info).derive(key))
