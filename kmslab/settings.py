"""What a lab is, kept in its store: its account, its seed, its clock."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kmslab.store import Store

# Where a seeded lab's clock starts: a Monday morning, so that outputs of lessons repeat.
SEEDED_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECONDS_A_CALL = 1  # how far a seeded lab's clock moves with each call


class Settings:
    """The `lab` table as values; made once, then the same for everyone who opens the lab."""

    def __init__(self, store: Store, seed: int | None) -> None:
        self._store = store
        with store.transaction():
            if store.row("SELECT value FROM lab WHERE name = 'account'") is None:
                self._set("seed", "" if seed is None else str(seed))
                self._set("offset", "0")
                self._set("made", "0")
                self._set("account", _account(seed))
        kept = self._get("seed")
        self.seed = int(kept) if kept else None
        if seed is not None and seed != self.seed:
            raise ValueError(f"seed={seed}: {store.path.parent} was made with seed={self.seed}")
        self.account = self._get("account")

    def now(self) -> float:
        """The lab's time, in seconds since 1970.

        A seeded lab's clock shows the same times on every run: it starts at `SEEDED_START` and
        moves one second with each recorded call. Any other lab's clock follows the computer's.
        Both are moved by what `advance` added.
        """
        return self.unmoved() + float(self._get("offset"))

    def now_in_call(self) -> float:
        """`now` with one query less: what `advance` added is remembered, as `Store.known` does."""
        offset = self._store.known(
            "SELECT CAST(value AS REAL) FROM lab WHERE name = 'offset'", (), float
        )
        return self.unmoved() + (offset or 0.0)

    def unmoved(self) -> float:
        """The lab's time without what `advance` added."""
        if self.seed is None:
            return time.time()
        return SEEDED_START.timestamp() + SECONDS_A_CALL * self._calls()

    def advance(self, by: timedelta) -> None:
        """Moves the lab's clock forward, for every process that has the lab open."""
        if by < timedelta(0):
            raise ValueError(f"the lab's clock moves forward only, not by {by}")
        datetime.fromtimestamp(self.now(), UTC) + by  # OverflowError beyond the year 9999
        self._store.write(
            "UPDATE lab SET value = CAST(value AS REAL) + ? WHERE name = 'offset'",
            (by.total_seconds(),),
        )

    @property
    def has_fleet(self) -> bool:
        """Whether the lab's HSMs were made already."""
        return self._get("fleet") == "made"

    def note_fleet(self) -> None:
        """Remembers that the lab's HSMs were made."""
        self._store.write("INSERT OR IGNORE INTO lab VALUES ('fleet', 'made')")

    def service_token(self, make: Callable[[], bytes]) -> bytes:
        """The exported key token of the service's own MAC key; `make` makes it at first use."""
        kept = self._get("service token")
        if not kept:
            with self._store.transaction():
                kept = self._get("service token")
                if not kept:
                    kept = make().hex()
                    self._set("service token", kept)
        return bytes.fromhex(kept)

    def note_deletion(self) -> None:
        """Counts a deletion of key material, for all processes that have the lab open."""
        self._store.write(
            "INSERT INTO lab VALUES ('deletions', '1') "
            "ON CONFLICT DO UPDATE SET value = CAST(value AS INT) + 1"
        )

    def new_id(self) -> str:
        """A UUID for a new key; inside a transaction. A seeded lab repeats its ids."""
        return str(uuid.UUID(bytes=self._new("key")[:16], version=4))

    def new_multi_region_id(self) -> str:
        """An id for a new multi-Region key: the same in all its Regions."""
        return f"mrk-{self._new('key')[:16].hex()}"

    def new_material_id(self) -> str:
        """64 hexadecimal digits for a new backing key, as KMS names key material."""
        return self.new_hex("material", 64)

    def new_grant_id(self) -> str:
        """64 hexadecimal digits for a new grant."""
        return self.new_hex("grant", 64)

    def new_hex(self, kind: str, digits: int) -> str:
        """Up to 64 hexadecimal digits for something new, such as a volume."""
        return self._new(kind).hex()[:digits]

    def new_unique_id(self, prefix: str, length: int = 17) -> str:
        """A new id as IAM makes them: the prefix, then capital letters and digits, as in AIDA…."""
        return prefix + base64.b32encode(self._new(prefix)).decode()[:length]

    def new_account(self) -> str:
        """A number for a new account, twelve digits."""
        return _account_number(self._new("account"))

    def new_request_id(self) -> str:
        """The UUID of the request that is about to be recorded."""
        if self.seed is None:
            return _uuid(secrets.token_bytes(16))
        return str(uuid.UUID(bytes=self._bytes("request", self._calls() + 1)[:16], version=4))

    def _calls(self) -> int:
        row = self._store.row("SELECT max(number) FROM event")
        return (row[0] if row else None) or 0

    def _new(self, kind: str) -> bytes:
        if self.seed is None:
            return self._bytes(kind, 0)
        self._store.write("UPDATE lab SET value = CAST(value AS INT) + 1 WHERE name = 'made'")
        return self._bytes(kind, int(self._get("made")))

    def _bytes(self, kind: str, number: int) -> bytes:
        """32 bytes that name something: random, or from the seed. Never key material."""
        if self.seed is None:
            return secrets.token_bytes(32)
        return hashlib.sha256(f"kmslab {self.seed} {kind} {number}".encode()).digest()

    def _get(self, name: str) -> str:
        row = self._store.row("SELECT value FROM lab WHERE name = ?", (name,))
        return str(row[0]) if row else ""

    def _set(self, name: str, value: str) -> None:
        self._store.write("INSERT INTO lab VALUES (?, ?)", (name, value))


def _uuid(random: bytes) -> str:
    """Random bytes as a UUID of version 4 (RFC 9562); `uuid.uuid4` takes thrice as long."""
    digits = random.hex()
    variant = "89ab"[random[8] & 3]
    head = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}"
    return f"{head}-{variant}{digits[17:20]}-{digits[20:]}"


def _account(seed: int | None) -> str:
    """An account number: twelve digits, the first of them not zero."""
    random = secrets.token_bytes(32) if seed is None else hashlib.sha256(b"%d" % seed).digest()
    return _account_number(random)


def _account_number(random: bytes) -> str:
    return str(10**11 + int.from_bytes(random) % (9 * 10**11))
