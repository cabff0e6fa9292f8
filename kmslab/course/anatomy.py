"""What is in a ciphertext, byte by byte, and what Decrypt says when a bit of it is flipped.

The lengths are those of the code that writes the blob: `kmslab.kms.ciphertext` for the header and
`kmslab.hsm.session` for what the HSM sealed (lesson 03).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from kmslab.course import style
from kmslab.errors import AwsError
from kmslab.hsm.session import IV_BYTES, NONCE_BYTES, TAG_BYTES
from kmslab.kms.ciphertext import HEADER, Ciphertext

_FIELDS = [struct.calcsize(f">{each}") for each in re.findall(r"\d*[A-Za-z]", HEADER.format)]
OVERHEAD = HEADER.size + NONCE_BYTES + IV_BYTES + TAG_BYTES
_HEADER = (
    ("version", style.QUIET, "the format of the blob"),
    ("multi-Region flag", style.QUIET, "01 for a KMS key that exists in several Regions"),
    ("key id", style.KMS_KEY, "which KMS key; Decrypt finds the key by it"),
    ("key material id", style.KMS_KEY, "which key material of that KMS key"),
)
_SEALED = (
    ("nonce", style.DATA_KEY, "with the key material it gives the AES key, made in the HSM"),
    ("IV", style.DATA_KEY, "a random number for AES-GCM, new in each blob"),
    ("ciphertext", style.CIPHERTEXT, "the secret, encrypted; as long as it was"),
    ("tag", style.INK, "proves that nothing was changed, the context included"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a blob: its name, its colour, what it is, and where it lies."""

    name: str
    color: str
    words: str
    start: int
    length: int

    @property
    def last(self) -> int:
        """The place of its last byte."""
        return self.start + self.length - 1

    @property
    def span(self) -> str:
        """Its places in words."""
        return f"byte {self.start}" if self.length == 1 else f"bytes {self.start}-{self.last}"


@lru_cache
def parts(size: int) -> tuple[Part, ...]:
    """The parts of a blob of `size` bytes, in order; `ValueError` where it is too short for one."""
    if size <= OVERHEAD:
        raise ValueError(f"{size} bytes: a blob has at least {OVERHEAD + 1}")
    sealed = (NONCE_BYTES, IV_BYTES, size - OVERHEAD, TAG_BYTES)
    named = [*zip(_HEADER, _FIELDS, strict=True), *zip(_SEALED, sealed, strict=True)]
    found, start = [], 0
    for (name, color, words), length in named:
        found.append(Part(name, color, words, start, length))
        start += length
    return tuple(found)


def flip(blob: bytes, place: int) -> bytes:
    """The blob with the lowest bit of one byte changed."""
    return blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A blob to be taken apart, with the client and the context that open it."""

    kms: Any = field(repr=False)
    blob: bytes = field(repr=False)
    context: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            Ciphertext.unpack(self.blob)
        except AwsError:
            raise ValueError("this is no blob of a symmetric KMS key") from None
        parts(len(self.blob))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its parts, in order."""
        return parts(len(self.blob))

    def part(self, place: int) -> Part:
        """The part that a byte belongs to; `ValueError` names the bytes that there are."""
        if not 0 <= place < len(self.blob):
            raise ValueError(f"byte {place}: the blob has bytes 0 to {len(self.blob) - 1}")
        return next(part for part in self.parts if place <= part.last)

    def answer(self, place: int | None = None) -> str:
        """What KMS says to the blob, with a bit of one byte flipped where a place is given."""
        blob = self.blob if place is None else flip(self.blob, place)
        try:
            self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(self.context))
        except ClientError as error:
            said = error.response["Error"]
            return f"{said['Code']}, {said['Message'] or 'without a message'}"
        return "it opens"

    def line(self, place: int, flipped: bool) -> str:
        """A byte, its part and what KMS says, in one line of text without the bytes themselves."""
        part, how = self.part(place), "one bit flipped" if flipped else "unchanged"
        return (
            f"byte {place} · {part.name} ({part.span}): {part.words} · {how}, Decrypt says: "
            f"{self.answer(place if flipped else None)}"
        )
