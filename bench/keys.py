"""Does a call get slower when there are as many keys as an account may have, instead of 10?

Two labs side by side. The quota is 100,000 keys in a Region; the large lab has 99,000, as new ones
are made too. Most of them are copies of one key's rows under ids of their own, as making their
material would take a minute. Those that are used have their own; what a key's first use costs is
printed too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench.measure import Result, repeated, seconds, side_by_side
from kmslab import Lab
from kmslab.aws import regions
from kmslab.hsm.session import AES
from kmslab.store import Store

FEW, MANY = 10, 99_000
LEAST, MOST = 0.8, 1.25
CALLS, ROUNDS, PAGE, CREATED = 200, 15, 10, 20
Parameters = dict[str, Any]


def ask() -> list[Result]:
    """Encrypt, DescribeKey, ListKeys and CreateKey: time with 99,000 keys ÷ time with 10."""
    with Lab() as small, Lab() as large:
        few, many = _add_keys(small, FEW), _add_keys(large, MANY)
        sample = random.Random(10).sample(many, CALLS)
        _give_material(large, sample)
        _give_material(small, few)
        text: Parameters = {"Plaintext": b"x" * 32}
        first = seconds(partial(_each, large.client("kms").encrypt, sample, text)) / CALLS
        clients = small.client("kms"), large.client("kms")
        note = f"; first use {first * 1e6:.0f} µs"
        return [
            _use("encrypt", clients, few, sample, text, note),
            _use("describe_key", clients, few, sample, {}, ""),
            _alone("list_keys", clients, CALLS, {"Limit": PAGE}),
            _alone("create_key", clients, CREATED, {}),
        ]


def _use(
    name: str,
    clients: tuple[Any, Any],
    few: list[str],
    sample: list[str],
    more: Parameters,
    note: str,
) -> Result:
    calls = [getattr(client, name) for client in clients]
    ratio, many_took, few_took = side_by_side(
        partial(_each, calls[1], sample, more),
        partial(_each, calls[0], few * (CALLS // FEW), more),
        ROUNDS,
    )
    return _result(name, ratio, few_took / CALLS, many_took / CALLS, note)


def _alone(name: str, clients: tuple[Any, Any], times: int, parameters: Parameters) -> Result:
    calls = [repeated(partial(getattr(client, name), **parameters), times) for client in clients]
    ratio, many_took, few_took = side_by_side(calls[1], calls[0], ROUNDS)
    return _result(name, ratio, few_took / times, many_took / times, "")


def _result(name: str, ratio: float, few_took: float, many_took: float, note: str) -> Result:
    detail = f"{few_took * 1e6:.0f} µs, {many_took * 1e6:.0f} µs{note}"
    question = f"time of {name}, {MANY:,} keys ÷ {FEW} keys"
    return Result(question, ratio, "x", at_least=LEAST, at_most=MOST, detail=detail)


def _each(call: Any, keys: Sequence[str], parameters: Parameters) -> None:
    for key in keys:
        call(KeyId=key, **parameters)


def _add_keys(lab: Lab, count: int) -> list[str]:
    """One key made by CreateKey, and copies of its rows under ids of their own."""
    made = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
    store, settings = lab._rooms.store, lab._rooms.settings
    ids = [settings.new_id() for _ in range(count - 1)]
    with store.transaction():
        for table in ("kms_key", "material", "policy"):
            _copy(store, table, made, ids)
        store.write("UPDATE key_count SET keys = ?", (count,))
    return [made, *ids]


def _copy(store: Store, table: str, made: str, ids: Sequence[str]) -> None:
    names = [row[1] for row in store.rows(f"PRAGMA table_info({table})")]
    row = store.row(f"SELECT * FROM {table} WHERE key_id = ?", (made,)) or ()
    marks = ", ".join("?" * len(names))
    for new in ids:
        values = (
            new if name == "key_id" else value for name, value in zip(names, row, strict=True)
        )
        store.write(f"INSERT INTO {table} VALUES ({marks})", tuple(values))


def _give_material(lab: Lab, keys: Sequence[str]) -> None:
    """Material of their own for copies of a key."""
    with lab._rooms.store.transaction():
        for key in keys:
            token = lab.hsms.generate(AES).token
            lab._rooms.store.write(
                "UPDATE material SET token = ? WHERE account = ? AND region = ? AND key_id = ?",
                (token, lab.account, regions.DEFAULT, key),
            )
