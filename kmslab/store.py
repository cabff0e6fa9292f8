"""The lab's records: one SQLite file, shared by threads and processes.

What a call wrote is there once the call returned, even after `kill -9`: SQLite's write-ahead log
is handed to the operating system at every commit (`synchronous=NORMAL`; only a power cut can take
the last moments). A write that was not committed never shows.

Most calls ask for the same few records as the call before. So what was made of them is remembered
(`known`) until a record changes, here or in another process (`catch_up`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from kmslab.errors import StoreBusy, StoreError
from kmslab.tables import MIGRATIONS

# How long the write-ahead log gets before it is written back, which waits for the disk. SQLite's
# own default, 1,000 pages of 4 KiB, is full after 1,000 calls.
LOG_PAGES = 4_000
WAIT_SECONDS = 30.0  # how long a write waits for another process's write
MOST_KNOWN = 10_000  # remembered at once
Made = TypeVar("Made")
_UNKNOWN = object()  # what None can't say: a row that isn't there is known too


class Store:
    """One connection to the lab's records; a lock makes it safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._known: dict[Hashable, Any] = {}
        self._version = -1  # of the records, as SQLite counts what other connections commit
        try:
            self._connection = sqlite3.connect(
                path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            path.chmod(0o600)
            self._connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;"
                f"PRAGMA wal_autocheckpoint = {LOG_PAGES};"
            )
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the lab's records can't be opened: {path}: {error}") from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self._execute(sql, values)[0]

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(sql, values)), None)

    def known(
        self, sql: str, values: tuple[Hashable, ...], make: Callable[..., Made]
    ) -> Made | None:
        """What `make` makes of the columns of a query's first row, or None where there is no row.

        It is remembered until the records change; another process's change is seen after the next
        `catch_up`, with which every call begins.
        """
        made = self._known.get((sql, values), _UNKNOWN)
        if made is _UNKNOWN:
            with self._lock:
                row = self.row(sql, values)
                made = self._keep((sql, values), None if row is None else make(*row))
        return made  # type: ignore[no-any-return]  # what `make` made of this query

    def remembered(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` makes of the records; remembered under `name` until the records change.

        What is known is read without the lock: an entry is made, and all are forgotten, inside it.
        """
        made = self._known.get(name, _UNKNOWN)
        if made is _UNKNOWN:
            with self._lock:
                made = self._keep(name, make())
        return made  # type: ignore[no-any-return]  # what `make` made under this name

    def _keep(self, name: Hashable, made: Any) -> Any:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[name] = made
        return made

    def catch_up(self) -> None:
        """Forgets what is remembered, if another process has written since."""
        with self._lock:
            version = self._execute("PRAGMA data_version")[0][0][0]
            if version != self._version:
                self._known.clear()
                self._version = version

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Writes; outside a transaction it is committed at once. Returns how many rows changed."""
        with self._lock:
            self._known.clear()
            return self._execute(sql, values)[1]

    def append(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Writes what nobody remembers, such as one more event."""
        self._execute(sql, values)

    def scrub(self) -> bool:
        """Takes what was deleted off the disk; False where another process is in the way.

        `secure_delete` overwrites it in the file, but the write-ahead log still holds the pages of
        before, until it is written back and emptied. That waits for others to end what they read.
        """
        row = self.row("PRAGMA wal_checkpoint(TRUNCATE)")
        return row is not None and row[0] == 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are committed together at its end, or none when it raises.

        It takes the write lock at its start, so what was read inside still holds when it writes.
        A transaction inside another one is a part of it.
        """
        with self._lock:
            if self._depth == 0:
                self._execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                self.catch_up()
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._undo()
                raise
            self._depth -= 1
            if self._depth == 0:
                self._commit()

    def close(self) -> None:
        """Closes the file; a later call raises `StoreError`."""
        with self._lock:
            self._connection.close()

    def _commit(self) -> None:
        try:
            self._execute("COMMIT")
        except StoreError:
            self._undo()
            raise

    def _undo(self) -> None:
        self._known.clear()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> tuple[list[Any], int]:
        """The rows that a statement yields, and how many it changed."""
        with self._lock:
            try:
                cursor = self._connection.execute(sql, values)
                return cursor.fetchall(), cursor.rowcount
            except sqlite3.Error as error:
                busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
                kind = StoreBusy if busy else StoreError
                raise kind(f"{self.path}: {error}") from error

    def _migrate(self) -> None:
        with self.transaction():
            row = self.row("PRAGMA user_version")
            version = row[0] if row else 0
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"{self.path} is of version {version}, this kmslab knows {len(MIGRATIONS)}: "
                    "update the course, or use another folder"
                )
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    self.write(statement)
            self.write(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def __repr__(self) -> str:
        return f"<Store {self.path}>"
