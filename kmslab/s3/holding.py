"""An object while it is read: its record, and the files it names, which are open.

Between the look at a record and the look at its files, somebody may replace the object. So both are
had before anything else is done; from then on the object can be read to its end, whatever happens
to it. Damage on the disk is InternalError, with what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from kmslab.errors import AwsError, DamagedObject
from kmslab.s3 import encryption, errors, keys, records
from kmslab.s3.keys import Keys
from kmslab.s3.records import Object, Stored
from kmslab.s3.request import Request
from kmslab.s3.sealed import Belongs
from kmslab.s3.unsealing import Reader, SealedFile

_TRIES = 20
_DAMAGED = "We encountered an internal error. Please try again. On the disk:"
Range = tuple[int, int]  # the first byte, and how many


@dataclass(frozen=True, slots=True)
class Held:
    """An object that can't slip away, and which range of the open files is wanted."""

    found: Object
    files: Sequence[tuple[Stored, BinaryIO]]
    start: int
    length: int

    def reader(self, data_keys: Keys) -> Reader:
        """A stream of the range; its first frame is checked before this returns."""
        sealed = [self._sealed(data_keys, *each) for each in self.files]
        return Reader(sealed, self.start, self.length)

    def close(self) -> None:
        """Closes the files."""
        for _, file in self.files:
            file.close()

    def _sealed(self, data_keys: Keys, stored: Stored, file: BinaryIO) -> SealedFile:
        belongs = Belongs(self.found.bucket, self.found.key, stored.file, stored.part)
        return SealedFile(file, data_keys, belongs, stored.size)


def hold(request: Request, look: Callable[[], Object], span: Callable[[Object], Range]) -> Held:
    """Holds the object that `look` finds. `span` says which part of it is wanted."""
    for _ in range(_TRIES):
        found = look()
        start, length = span(found)
        with suppress(FileNotFoundError):  # it was replaced in this moment
            skipped, needed = _needed(request, found, start, length)
            return Held(found, _opened(request, needed), start - skipped, length)
    raise damaged("the file is gone")


def unsealed(request: Request, held: Held, prefix: str = "SSECustomer") -> Reader:
    """Has the keys opened, and begins to read; closes the files where that fails."""
    try:
        customer_key = encryption.key_to_read(request, held.found, prefix)
        return held.reader(keys.open_keys(request, held.found.sealed, customer_key))
    except DamagedObject as error:
        held.close()
        raise damaged(error) from error
    except BaseException:
        held.close()
        raise


def damaged(what: object) -> AwsError:
    """InternalError, for what can't be read on the disk."""
    return errors.error("InternalError", f"{_DAMAGED} {what}.")


def _needed(request: Request, found: Object, start: int, length: int) -> tuple[int, list[Stored]]:
    """The files that hold a range, and how many bytes lie before them."""
    at, skipped, needed = 0, 0, list[Stored]()
    for stored in records.files_of(request.rooms.store, found.number):
        if (at < start + length and at + stored.size > start) or not found.size:
            needed.append(stored)
        elif not needed:
            skipped += stored.size
        at += stored.size
    if at != found.size or not needed:
        raise FileNotFoundError
    return skipped, needed


def _opened(request: Request, needed: Sequence[Stored]) -> list[tuple[Stored, BinaryIO]]:
    opened = list[tuple[Stored, BinaryIO]]()
    try:
        for stored in needed:
            opened.append((stored, request.rooms.files.open(stored.file)))
    except OSError as error:
        for _, file in opened:
            file.close()
        if isinstance(error, FileNotFoundError):
            raise
        raise damaged(f"the file can't be read: {error.strerror}") from error
    return opened
