"""What lies on the disk for an object: the side of S3 that AWS shows to nobody.

    lab.s3.at_rest("records", "letter.txt")

The look needs no permission, and makes no call: it is what a thief of the disk sees.
"""

from __future__ import annotations

import html
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kmslab.s3 import records
from kmslab.s3.files import Files
from kmslab.s3.protection import Protection
from kmslab.s3.sealed import HEADER
from kmslab.store import Store

SHOWN_BYTES = 32


@dataclass(frozen=True, slots=True)
class AtRest:
    """An object as it lies on the disk. In a notebook a table."""

    bucket: str
    key: str
    size: int  # bytes of the object
    protection: Protection
    files: tuple[Path, ...]

    @property
    def encrypted_data_keys(self) -> tuple[bytes, ...]:
        """What KMS made of each data key; nothing with SSE-C, of which S3 keeps no key."""
        return tuple(b64decode(layer.encrypted_key) for layer in self.protection.layers)

    @property
    def context(self) -> dict[str, str]:
        """The encryption context that opens the data key; not secret."""
        return dict(self.protection.layers[0].context) if self.protection.layers else {}

    @property
    def header(self) -> bytes:
        """How the file begins: format, length of a frame, salt."""
        return self._start(HEADER.size)

    @property
    def ciphertext(self) -> bytes:
        """The first bytes of what the object holds, as they lie on the disk."""
        return self._start(HEADER.size + SHOWN_BYTES)[HEADER.size :]

    def read(self) -> bytes:
        """All bytes of the files, as a thief copies them."""
        return b"".join(file.read_bytes() for file in self.files)

    def _start(self, length: int) -> bytes:
        with self.files[0].open("rb") as file:
            return file.read(length)

    def _rows(self) -> Iterator[tuple[str, str]]:
        kept = self.protection
        yield "object", f"s3://{self.bucket}/{self.key}, {self.size:,} bytes"
        yield "encryption", kept.mode + (", with a bucket key" if kept.bucket_key else "")
        if kept.key_arn:
            yield "KMS key", kept.key_arn
        for layer, data_key in zip(kept.layers, self.encrypted_data_keys, strict=True):
            whose = "encrypted data key" if layer.by_caller else "encrypted data key, of S3's own"
            yield whose, f"{len(data_key)} bytes: {data_key[:SHOWN_BYTES].hex(' ', 4)} …"
        for name, value in self.context.items():
            yield "encryption context", f"{name} = {value}"
        if kept.check:
            yield "HMAC of your key", f"{kept.check[:32]} … (the key itself is not kept)"
        yield "file", f"{self.files[0].name}, {sum(f.stat().st_size for f in self.files):,} bytes"
        yield "it begins", f"{self.header[:12]!r} and a salt of 32 bytes"
        yield "ciphertext", f"{self.ciphertext.hex(' ', 4)} …"

    def __repr__(self) -> str:
        rows = list(self._rows())
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align: left'>{html.escape(name)}</th>"
            f"<td style='text-align: left'><code>{html.escape(value)}</code></td></tr>"
            for name, value in self._rows()
        )
        return f"<table>{rows}</table>"


class Disk:
    """`lab.s3`: S3's disk."""

    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self._files = files

    @property
    def folder(self) -> Path:
        """Where the files of all objects lie."""
        return self._files.folder

    def at_rest(self, bucket: str, key: str, version_id: str | None = None) -> AtRest:
        """What lies on the disk for an object; `KeyError` where there is none."""
        found = records.find_object(self._store, bucket, key, version_id)
        if found is None or found.is_marker:
            raise KeyError(f"there is no object {key!r} in a bucket {bucket!r}")
        stored = records.files_of(self._store, found.number)
        paths = tuple(self._files.folder / each.file for each in stored)
        return AtRest(bucket, key, found.size, found.sealed, paths)

    def __repr__(self) -> str:
        return f"<S3's disk, {self.folder}>"
