"""The folder in which S3 keeps ciphertext: a file an object, or a part of one.

A file is written under the name it will keep, and locked by whoever writes it until the records
name it. So a write that was killed leaves a file that no record names and nobody locks: it is
removed when the lab is opened next. (Between its making and its locking a file looks like one of
those, to a process that opens the lab at that moment: the writer sees that and makes another.)
Nothing is ever changed in place: an object that is replaced gets a new file, and readers of the old
one read on.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kmslab.errors import StoreError
from kmslab.store import Store


class Files:
    """The files of a lab's objects."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self._store = store
        if folder.exists():
            self.sweep()

    @contextmanager
    def new(self) -> Iterator[tuple[str, BinaryIO]]:
        """A new file and its name; gone when the block raises before the records name it."""
        name, handle = self._locked()
        with os.fdopen(handle, "wb", buffering=0) as file:
            try:
                yield name, file
            except BaseException:
                if not self._is_named(name):
                    self.remove([name])
                raise

    def open(self, name: str) -> BinaryIO:
        """Opens a file for reading; `FileNotFoundError` where it was replaced a moment ago."""
        return (self.folder / name).open("rb", buffering=0)

    def remove(self, names: Iterable[str]) -> None:
        """Removes files that no record names any more."""
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(f"{self.folder}/{name}")  # noqa: PTH108  half the time of Path's

    def sweep(self) -> None:
        """Removes what was left behind by processes that were killed."""
        for path in self.folder.iterdir():
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever writes it holds it
                if not self._is_named(path.name):
                    path.unlink()

    def _locked(self) -> tuple[str, int]:
        """Makes a file and locks it; its name, and its handle."""
        try:
            while True:
                name = secrets.token_hex(16)
                handle = self._created(name)
                fcntl.flock(handle, fcntl.LOCK_EX)
                if os.fstat(handle).st_nlink:
                    return name, handle
                os.close(handle)  # swept before it was locked
        except OSError as error:
            raise StoreError(f"{self.folder}: {error.strerror}") from error

    def _created(self, name: str) -> int:
        path, flags = f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:  # the lab's first object
            self.folder.mkdir(mode=0o700, exist_ok=True)
            return os.open(path, flags, 0o600)

    def _is_named(self, name: str) -> bool:
        return self._store.row("SELECT 1 FROM object_file WHERE name = ?", (name,)) is not None
