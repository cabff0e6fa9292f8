"""Buckets and objects as records. An object's record is its metadata: the encrypted data key too.

S3 encrypts what an object holds and not its metadata: names, sizes, user metadata and the
encryption context lie in clear, here as in AWS ("Protecting data with server-side encryption").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from kmslab.errors import StoreError
from kmslab.s3.protection import Default, Protection
from kmslab.store import Store

NO_VERSION = "null"  # the version id of an object that was put while versioning was off
_OBJECT = "SELECT number, bucket, name, version, modified, size, details FROM object"
ALL_BLOCKED: Mapping[str, bool] = MappingProxyType(
    dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and its configuration."""

    name: str
    account: str
    region: str
    created: float
    default: Default = field(default_factory=Default)
    policy: str | None = None
    versioning: str = ""  # empty, Enabled or Suspended
    public_access_block: Mapping[str, bool] | None = field(
        default_factory=lambda: dict(ALL_BLOCKED)
    )

    @property
    def arn(self) -> str:
        """As in arn:aws:s3:::records."""
        return f"arn:aws:s3:::{self.name}"

    @property
    def restricts(self) -> bool:
        """Whether a public policy counts for its own account alone."""
        return bool((self.public_access_block or {}).get("RestrictPublicBuckets"))


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of ciphertext that an object consists of."""

    file: str
    part: int
    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """One version of an object."""

    number: int
    bucket: str
    key: str
    version: str
    modified: float
    size: int
    etag: str = ""
    is_marker: bool = False  # a delete marker: the object counts as deleted
    protection: Protection | None = None  # None of a delete marker alone
    headers: Mapping[str, str] = field(default_factory=dict)  # ContentType and so on
    metadata: Mapping[str, str] = field(default_factory=dict)  # the user's own

    @property
    def arn(self) -> str:
        """As in arn:aws:s3:::records/letter.txt."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"

    @property
    def sealed(self) -> Protection:
        """How its bytes are protected; only a delete marker has none."""
        if self.protection is None:
            raise ValueError(f"{self.key!r} is a delete marker")
        return self.protection


def find_bucket(store: Store, name: str) -> Bucket | None:
    """A bucket, by its name."""
    return store.known("SELECT * FROM bucket WHERE name = ?", (name,), _bucket)


def buckets_of(store: Store, account: str) -> list[Bucket]:
    """An account's buckets, by name."""
    rows = store.rows("SELECT * FROM bucket WHERE account = ? ORDER BY name", (account,))
    return [_bucket(*row) for row in rows]


def save_bucket(store: Store, bucket: Bucket) -> None:
    """Writes a bucket, new or changed."""
    details = asdict(bucket)
    names = [details.pop(name) for name in ("name", "account", "region", "created")]
    store.write(
        "INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?, ?)", (*names, json.dumps(details))
    )


def remove_bucket(store: Store, name: str) -> None:
    """Removes a bucket."""
    store.write("DELETE FROM bucket WHERE name = ?", (name,))


def is_empty(store: Store, bucket: str) -> bool:
    """Whether a bucket holds no version of any object."""
    return store.row("SELECT 1 FROM object WHERE bucket = ?", (bucket,)) is None


def find_object(store: Store, bucket: str, key: str, version: str | None = None) -> Object | None:
    """The newest version of an object, or the one asked for; a delete marker too."""
    which, values = ("AND version = ?", (version,)) if version else ("", ())
    row = store.row(
        f"{_OBJECT} WHERE bucket = ? AND name = ? {which} ORDER BY number DESC LIMIT 1",
        (bucket, key, *values),
    )
    return row and read_object(*row)  # type: ignore[return-value]  # None, or an object


def files_of(store: Store, number: int) -> list[Stored]:
    """The files that an object consists of, in order."""
    return _files(store, "object = ?", number)


def files_of_upload(store: Store, upload: str) -> list[Stored]:
    """The parts of a multipart upload, in order."""
    return _files(store, "upload = ?", upload)


def add_object(store: Store, made: Object, files: Sequence[Stored]) -> Object:
    """Writes a new version and what it consists of; inside a transaction."""
    details = {name: getattr(made, name) for name in ("etag", "is_marker", "headers", "metadata")}
    details["protection"] = made.protection and made.protection.written()
    ((number,),) = store.rows(
        "INSERT INTO object (bucket, name, version, modified, size, details) "
        "VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
        (made.bucket, made.key, made.version, made.modified, made.size, json.dumps(details)),
    )
    for each in files:
        name_file(store, each, number=number)
    return replace(made, number=number)


def reprotect(store: Store, kept: Object, protection: Protection) -> bool:
    """Writes an object's new encrypted data keys; False where it is gone. All else stays."""
    sql = "UPDATE object SET details = json_set(details, '$.protection', json(?)) WHERE number = ?"
    return store.write(sql, (json.dumps(protection.written()), kept.number)) == 1


def remove_version(store: Store, bucket: str, key: str, version: str) -> list[str]:
    """Removes a version from the records, if it is there; inside a transaction.

    Returns the names of its files, which may be removed after the transaction.
    """
    gone = store.rows(
        "DELETE FROM object WHERE bucket = ? AND name = ? AND version = ? RETURNING number",
        (bucket, key, version),
    )
    return [
        name
        for row in gone
        for (name,) in store.rows("DELETE FROM object_file WHERE object = ? RETURNING name", row)
    ]


def name_file(store: Store, stored: Stored, number: int | None = None, upload: str = "") -> None:
    """Makes a file known as a part of an object or an upload, whatever it was before."""
    store.append(
        "INSERT OR REPLACE INTO object_file VALUES (?, ?, ?, ?, ?, ?)",
        (stored.file, number, upload or None, stored.part, stored.size, stored.etag),
    )


def forget_files(store: Store, names: Sequence[str]) -> None:
    """Forgets files; inside a transaction, before they are removed."""
    for name in names:
        store.append("DELETE FROM object_file WHERE name = ?", (name,))


def versions(store: Store, bucket: str, key: str) -> Iterator[Object]:
    """All versions of an object, newest first."""
    rows = store.rows(
        f"{_OBJECT} WHERE bucket = ? AND name = ? ORDER BY number DESC", (bucket, key)
    )
    return (read_object(*row) for row in rows)


def read_object(
    number: int, bucket: str, name: str, version: str, modified: float, size: int, details: str
) -> Object:
    """An object, from the columns of its row; `StoreError` if that was changed."""
    try:
        more: dict[str, Any] = json.loads(details)
        protection = more.pop("protection")
        sealed = Protection.read(protection) if protection else None
        return Object(number, bucket, name, version, modified, size, protection=sealed, **more)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StoreError(f"the record of the object {bucket}/{name} was changed") from None


def _files(store: Store, which: str, value: object) -> list[Stored]:
    rows = store.rows(
        f"SELECT name, part, size, details FROM object_file WHERE {which} ORDER BY part", (value,)
    )
    return [Stored(*row) for row in rows]


def _bucket(name: str, account: str, region: str, created: float, details: str) -> Bucket:
    more = json.loads(details)
    more["default"] = Default(**more["default"])
    return Bucket(name, account, region, created, **more)
