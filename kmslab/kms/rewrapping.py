"""The records' side of a rotation of the domain key: every exported key token in them.

    material                every generation of every KMS key, sealed seeds among them
    key_store               the key that seals a custom key store's secrets
    lab, "service token"    KMS's own MAC key, which makes grant tokens and import tokens
    lab, "domain key"       the name of the domain key that all of them are wrapped under

While a rotation goes on there is one more table, `rewrapped`: old token, new token. What was made,
changed or deleted meanwhile is seen when the records are cut over, as nothing else writes then.
An import token carries an exported key token out of the lab, for a day: it expires with the domain
key (importing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kmslab.hsm.kinds import Kind
from kmslab.kms import specs
from kmslab.kms.tokens import SERVICE_KEY
from kmslab.store import Store

if TYPE_CHECKING:
    from kmslab.hsm.rotation import Rewrap

SEALING_KEY = Kind("AES", "DERIVE", 256)  # of a custom key store
BATCH = 200  # tokens between two transactions
_KEY = "account, region, key_id, material_id"
_SAME = " AND ".join(f"r.{name} = m.{name}" for name in _KEY.split(", "))
_LEFT = (
    "FROM material AS m WHERE length(m.token) > 0 AND NOT EXISTS "
    f"(SELECT 1 FROM rewrapped AS r WHERE {_SAME} AND r.old = m.token)"
)
_TABLE = (
    "CREATE TABLE rewrapped (account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, "
    "material_id TEXT NOT NULL, old BLOB NOT NULL, new BLOB NOT NULL, "
    f"PRIMARY KEY ({_KEY})) STRICT, WITHOUT ROWID"
)


class Tokens:
    """All exported key tokens of a lab."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def domain(self) -> str:
        """The name of the domain key that they are wrapped under; "" where none was noted yet."""
        return self._get("domain key")

    def note_domain(self, name: str) -> None:
        """Notes the name, once."""
        self._store.write("INSERT OR IGNORE INTO lab VALUES ('domain key', ?)", (name,))

    def wrap_some(self, name: str, rewrap: Rewrap) -> int:
        """Wraps some tokens again, beside the old ones; returns how many are left."""
        self._begin(name)
        self._wrap(rewrap, BATCH)
        row = self._store.row(f"SELECT count(*) {_LEFT}")
        return row[0] if row else 0

    def cut_over(self, name: str, rewrap: Rewrap) -> None:
        """Puts the new tokens in place of the old ones, all in one transaction."""
        store = self._store
        with store.transaction():
            self._wrap(rewrap, -1)
            store.write(
                "UPDATE material AS m SET token = "
                f"(SELECT new FROM rewrapped AS r WHERE {_SAME}) WHERE length(token) > 0"
            )
            if service := self._get("service token"):
                token = rewrap(SERVICE_KEY, bytes.fromhex(service))
                self._set("service token", token.hex())
            for (token,) in store.rows("SELECT DISTINCT token FROM key_store"):
                new = rewrap(SEALING_KEY, token)
                store.write("UPDATE key_store SET token = ? WHERE token = ?", (new, token))
            store.write("DROP TABLE rewrapped")
            self._set("rewrapping", "")
            self._set("domain key", name)

    def _begin(self, name: str) -> None:
        """An empty table for this rotation, unless it has one already."""
        with self._store.transaction():
            if self._get("rewrapping") != name:
                self._store.write("DROP TABLE IF EXISTS rewrapped")
                self._store.write(_TABLE)
                self._set("rewrapping", name)

    def _wrap(self, rewrap: Rewrap, most: int) -> None:
        rows = self._store.rows(
            "SELECT m.account, m.region, m.key_id, m.material_id, m.token, "
            "(SELECT spec || ' ' || usage FROM kms_key AS k WHERE k.account = m.account "
            f"AND k.region = m.region AND k.key_id = m.key_id) {_LEFT} LIMIT ?",
            (most,),
        )
        made = [(*row[:5], rewrap(_kind(row), row[4])) for row in rows]
        with self._store.transaction():
            for each in made:
                self._store.write("REPLACE INTO rewrapped VALUES (?, ?, ?, ?, ?, ?)", each)

    def _get(self, name: str) -> str:
        row = self._store.row("SELECT value FROM lab WHERE name = ?", (name,))
        return str(row[0]) if row else ""

    def _set(self, name: str, value: str) -> None:
        self._store.write("REPLACE INTO lab VALUES (?, ?)", (name, value))


def _kind(row: Sequence[Any]) -> Kind:
    spec, usage = row[5].split(" ")
    return specs.SPECS[spec].usages[usage].kind
