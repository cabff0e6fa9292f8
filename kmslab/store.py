"""The lab's records: one SQLite file, shared by threads and processes.

What a call wrote is there once the call returned, even after `kill -9`: SQLite's write-ahead log
is handed to the operating system at every commit (`synchronous=NORMAL`; only a power cut can take
the last moments). A write that was not committed never shows. Key material is in here only as
exported key tokens, which nothing but an HSM of the lab opens.

    lab        the account, the clock, the seed             one row a setting
    kms_key    a KMS key and its state                      one row a key and Region
    key_count  how many customer managed keys there are     one row an account and Region
    material   one generation of its material, as a token   one row a rotation
    rotation   when its material is replaced                one row a key that was ever rotated
    policy     its key policy
    tag        a tag of a key
    alias      a name for a key
    key_grant  a grant on a key
    due        what time will bring: rotation, deletion …   one row an event to come
    event      what is kept of a call for CloudTrail        one row a call
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kmslab.errors import StoreBusy, StoreError

# Entry n brings a store from version n to n + 1; a released entry never changes.
MIGRATIONS = (
    """
    CREATE TABLE lab (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE kms_key (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL,
        created REAL NOT NULL, description TEXT NOT NULL, state TEXT NOT NULL,
        material_id TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE backing_key (
        material_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, token BLOB NOT NULL,
        created REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE alias (
        account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, key_id TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL,
        PRIMARY KEY (account, region, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX alias_of_key ON alias (account, region, key_id, name);
    CREATE TABLE event (
        number INTEGER PRIMARY KEY, request_id TEXT NOT NULL, time REAL NOT NULL,
        service TEXT NOT NULL, operation TEXT NOT NULL, region TEXT NOT NULL,
        recipient TEXT NOT NULL, user_agent TEXT NOT NULL, identity TEXT NOT NULL,
        resources TEXT NOT NULL, details TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE kms_key ADD COLUMN spec TEXT NOT NULL DEFAULT 'SYMMETRIC_DEFAULT';
    ALTER TABLE kms_key ADD COLUMN usage TEXT NOT NULL DEFAULT 'ENCRYPT_DECRYPT';
    ALTER TABLE kms_key ADD COLUMN origin TEXT NOT NULL DEFAULT 'AWS_KMS';
    ALTER TABLE kms_key ADD COLUMN manager TEXT NOT NULL DEFAULT 'CUSTOMER';
    ALTER TABLE kms_key ADD COLUMN primary_region TEXT NOT NULL DEFAULT '';
    ALTER TABLE kms_key ADD COLUMN deletion REAL;
    ALTER TABLE kms_key ADD COLUMN window INTEGER;
    CREATE TABLE material (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL,
        material_id TEXT NOT NULL, number INTEGER NOT NULL, token BLOB, public BLOB,
        state TEXT NOT NULL, rotated REAL, rotation TEXT, description TEXT, expires REAL,
        PRIMARY KEY (account, region, key_id, material_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO material (account, region, key_id, material_id, number, token, state)
        SELECT account, region, key_id, b.material_id, 1, token, 'CURRENT'
        FROM backing_key AS b JOIN kms_key USING (key_id);
    DROP TABLE backing_key;
    CREATE TABLE key_count (
        account TEXT NOT NULL, region TEXT NOT NULL, keys INTEGER NOT NULL,
        PRIMARY KEY (account, region)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO key_count SELECT account, region, count(*) FROM kms_key GROUP BY account, region;
    CREATE INDEX related_key ON kms_key (account, key_id);
    CREATE TABLE policy (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tag (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL,
        name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rotation (
        account TEXT NOT NULL, key_id TEXT NOT NULL, days INTEGER, next REAL, on_demand REAL,
        PRIMARY KEY (account, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE key_grant (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, grant_id TEXT NOT NULL,
        created REAL NOT NULL, retiring TEXT NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id, grant_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX grant_to_retire ON key_grant (account, region, retiring, grant_id);
    CREATE TABLE due (
        number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL,
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX due_first ON due (time, number);
    CREATE INDEX due_of_key ON due (key_id, region);
    CREATE INDEX event_of_key ON event (resources, number);
    CREATE INDEX re_encrypted_from ON event (
        substr(resources, 1, instr(resources, ' ') - 1), number
    ) WHERE operation = 'ReEncrypt';
    CREATE INDEX re_encrypted_to ON event (
        substr(resources, instr(resources, ' ') + 1), number
    ) WHERE operation = 'ReEncrypt'
    """,
)
WAIT_SECONDS = 30.0  # how long a write waits for another process's write


class Store:
    """One connection to the lab's records; a lock makes it safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._connection = sqlite3.connect(
                path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            path.chmod(0o600)
            self._connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;"
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

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Writes; outside a transaction it is committed at once. Returns how many rows changed."""
        return self._execute(sql, values)[1]

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
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
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
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

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
