"""The bytes that Encrypt returns and Decrypt takes.

AWS doesn't publish the layout of its own blob, only that a clear header names the backing key and
is covered by the tag. This is kmslab's:

     0       1      version, 01
     1       1      01 if the key id begins with "mrk-" (a multi-Region key), else 00
     2      16      key id
    18      32      key material id: which backing key of that KMS key
    50      16      nonce: which key the HSM derived from the backing key   ┐
    66      12      IV                                                      │ sealed by the HSM
    78       n      ciphertext, as long as the plaintext                    │ (hsm/session.py)
    78+n    16      tag                                                     ┘

So a blob is 94 bytes longer than what is in it, and a 32-byte data key makes one of 126 bytes (AWS:
184 at present). The tag covers the first 50 bytes and the encryption context (as AAD: additional
authenticated data, which is checked and not hidden); a changed nonce or IV fails with it too. With
the key id in the header a blob belongs to one KMS key, even if another one held the same material.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kmslab.errors import AwsError

HEADER = struct.Struct(">BB16s32s")
_VERSION = 1
_MULTI_REGION = "mrk-"


class BadBlob(AwsError):
    """These bytes are no blob of this format: to the client, like any other that doesn't open."""

    def __init__(self) -> None:
        super().__init__("InvalidCiphertextException")


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A blob, taken apart."""

    key_id: str
    material_id: str
    sealed: bytes

    def pack(self) -> bytes:
        """The blob's bytes."""
        return header(self.key_id, self.material_id) + self.sealed

    @classmethod
    def unpack(cls, blob: bytes) -> Ciphertext:
        """Takes a blob apart, or raises `BadBlob`; the tag has yet to show that it is true."""
        try:
            version, multi_region, key_id, material = HEADER.unpack_from(blob)
        except struct.error:
            raise BadBlob from None
        if version != _VERSION or multi_region > 1:
            raise BadBlob
        name = f"{_MULTI_REGION}{key_id.hex()}" if multi_region else str(uuid.UUID(bytes=key_id))
        return cls(name, material.hex(), blob[HEADER.size :])


@lru_cache(maxsize=4_096)
def header(key_id: str, material_id: str) -> bytes:
    """The first 50 bytes of a blob."""
    multi_region = key_id.startswith(_MULTI_REGION)
    plain_id = key_id.removeprefix(_MULTI_REGION)
    return HEADER.pack(
        _VERSION, multi_region, uuid.UUID(plain_id).bytes, bytes.fromhex(material_id)
    )


def additional_data(key_id: str, material_id: str, context: Mapping[str, str]) -> bytes:
    """The AAD of a blob: its header, then the encryption context in one form only.

    Pairs are sorted by name, since their order doesn't count, and each text stands behind its
    length: without lengths `{"a": "bc"}` and `{"ab": "c"}` would be the same bytes, and a blob made
    for one would open with the other.
    """
    parts = [header(key_id, material_id)]
    for pair in sorted(context.items()):
        for text in pair:
            raw = text.encode()
            parts.append(struct.pack(">I", len(raw)) + raw)
    return b"".join(parts)
