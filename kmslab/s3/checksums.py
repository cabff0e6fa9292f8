"""Checksums of what is uploaded: those that the caller asks for or brings along.

S3 checks Content-MD5 and the x-amz-checksum-… headers against what arrived. It also keeps the
checksum with the object, encrypted where the object is under a KMS key; here it is checked, sent
back and not kept. Here: CRC32, SHA-1, SHA-256 and SHA-512; not CRC64NVME, CRC32C, XXHash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kmslab.aws.call import Output
from kmslab.s3 import errors
from kmslab.s3.request import Request
from kmslab.s3.sealed import Buffer


class Digest(Protocol):
    """As hashlib's."""

    def update(self, data: Buffer, /) -> object:
        """Takes the next bytes."""

    def digest(self) -> bytes:
        """The checksum of all of them."""


class Crc32:
    """zlib's CRC-32 with hashlib's methods."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        """Takes the next bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Four bytes, the highest first."""
        return self._value.to_bytes(4)


_MAKE: dict[str, Callable[[], Digest]] = {
    "CRC32": Crc32,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}
_OTHERS = ("CRC32C", "CRC64NVME", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
_BROUGHT = frozenset(f"Checksum{name}" for name in (*_MAKE, *_OTHERS))


@dataclass(frozen=True, slots=True)
class Checksums:
    """The checksums of one upload: `digests` see its bytes, `check` compares."""

    algorithm: str = ""
    made: Digest | None = None
    expected: bytes | None = None
    md5: Digest | None = None
    expected_md5: bytes | None = field(default=None)

    @classmethod
    def of(cls, request: Request) -> Checksums:
        """What a request wants; InvalidDigest, InvalidRequest for what can't be a checksum."""
        algorithm: str = request.get("ChecksumAlgorithm", "")
        given = {
            name.removeprefix("Checksum"): value
            for name, value in request.call.parameters.items()
            if name in _BROUGHT
        }
        if given:
            algorithm = next(iter(given))
        if algorithm and algorithm not in _MAKE:
            raise errors.unanswered("ChecksumAlgorithm", algorithm)
        made = _MAKE[algorithm]() if algorithm else None
        expected = _decoded(given[algorithm], algorithm, made) if given and made else None
        md5 = request.get("ContentMD5")
        if md5 is None:
            return cls(algorithm, made, expected)
        return cls(algorithm, made, expected, hashlib.md5(usedforsecurity=False), _decoded_md5(md5))

    @property
    def digests(self) -> list[Digest]:
        """Those that must see every byte."""
        return [digest for digest in (self.made, self.md5) if digest is not None]

    def check(self) -> None:
        """BadDigest where something else arrived than was sent."""
        if self.md5 and not hmac.compare_digest(self.md5.digest(), self.expected_md5 or b""):
            raise errors.error("BadDigest")
        if (
            self.made
            and self.expected
            and not (hmac.compare_digest(self.made.digest(), self.expected))
        ):
            raise errors.error(
                "BadDigest",
                f"The {self.algorithm} you specified did not match the calculated checksum.",
            )

    def echo(self) -> Output:
        """What the answer says of the checksum."""
        if self.made is None:
            return {}
        value = base64.b64encode(self.made.digest()).decode()
        return {f"Checksum{self.algorithm}": value, "ChecksumType": "FULL_OBJECT"}


def from_base64(text: str) -> bytes:
    """The bytes that a header's Base64 stands for; none where it is no Base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _decoded(text: str, algorithm: str, made: Digest) -> bytes:
    value = from_base64(text)
    if len(value) != len(made.digest()):
        raise errors.invalid_request(
            f"Value for x-amz-checksum-{algorithm.lower()} header is invalid."
        )
    return value


def _decoded_md5(text: str) -> bytes:
    value = from_base64(text)
    if len(value) != hashlib.md5(usedforsecurity=False).digest_size:
        raise errors.error("InvalidDigest")
    return value
