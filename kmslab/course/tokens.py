"""Exported key tokens, read from the file of a lab's records and written into it (lesson 15).

KMS itself has no operation for either. This is what somebody can do who has the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from kmslab.aws import regions
from kmslab.course import tries
from kmslab.kms.ciphertext import HEADER
from kmslab.lab import Lab

_OF_KEY = "key_id = ? AND region = ?"


def of(lab: Lab, key: str, region: str = regions.DEFAULT) -> list[bytes]:
    """The tokens of a KMS key, by its id, oldest generation first; b"" where there is none."""
    with _records(lab) as records:
        rows = records.execute(
            f"SELECT token FROM material WHERE {_OF_KEY} ORDER BY number", (key, region)
        )
        return [token or b"" for (token,) in rows]


def put(lab: Lab, key: str, token: bytes, region: str = regions.DEFAULT) -> None:
    """Writes another token over that of a KMS key's current generation."""
    with _records(lab) as records:
        records.execute(
            f"UPDATE material SET token = ? WHERE {_OF_KEY} AND state = 'CURRENT'",
            (token, key, region),
        )


def renamed(blob: bytes, other: bytes) -> bytes:
    """A blob with the header of another one, which names another key."""
    return other[: HEADER.size] + blob[HEADER.size :]


def table(lab: Lab) -> tries.Table:
    """Every token of the lab's KMS keys: of which key and generation, and how long it is."""
    with _records(lab) as records:
        rows = records.execute(
            "SELECT k.description, number, m.state, length(token) || ' bytes' FROM material AS m "
            "JOIN kms_key AS k USING (account, region, key_id) WHERE token NOT NULL "
            "ORDER BY k.created, key_id, number"
        ).fetchall()
    return tries.Table(("KMS key", "generation", "state", "token"), rows, "Tokens")


@contextmanager
def _records(lab: Lab) -> Iterator[sqlite3.Connection]:
    """The file itself, past KMS; what is written is committed at the end."""
    with closing(sqlite3.connect(lab.path / "records.sqlite")) as records, records:
        yield records
