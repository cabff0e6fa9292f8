"""Does a call get slower when there are 10,000 keys instead of 10?

Two labs side by side. Every key of both was used before, so its material is at hand in an HSM, and
each round calls with keys from all over its lab. What a key's first use costs is printed too. The
keys are written as CreateKey writes them, in one transaction: calling it 10,000 times takes 10 s.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench.measure import Result, seconds, side_by_side
from kmslab import Lab

FEW, MANY = 10, 10_000
MOST = 1.3
CALLS, ROUNDS = 200, 15
Parameters = dict[str, Any]


def ask() -> list[Result]:
    """Encrypt and DescribeKey: time with 10,000 keys ÷ time with 10."""
    with Lab() as small, Lab() as large:
        few, many = _add_keys(small, FEW), _add_keys(large, MANY)
        text: Parameters = {"Plaintext": b"x" * 32}
        _each(small.client("kms").encrypt, few, text)
        first = seconds(partial(_each, large.client("kms").encrypt, many, text)) / MANY
        encrypt = small.client("kms").encrypt, large.client("kms").encrypt
        describe = small.client("kms").describe_key, large.client("kms").describe_key
        return [
            _compare("encrypt", encrypt, few, many, text, f"; first use {first * 1e6:.0f} µs"),
            _compare("describe_key", describe, few, many, {}, ""),
        ]


def _compare(
    name: str, calls: tuple[Any, Any], few: list[str], many: list[str], more: Parameters, note: str
) -> Result:
    sample = random.Random(10).sample(many, CALLS)
    ratio, many_took, few_took = side_by_side(
        partial(_each, calls[1], sample, more),
        partial(_each, calls[0], few * (CALLS // FEW), more),
        ROUNDS,
    )
    detail = f"{few_took / CALLS * 1e6:.0f} µs, {many_took / CALLS * 1e6:.0f} µs{note}"
    return Result(f"time of {name}, 10,000 keys ÷ 10 keys", ratio, "x", at_most=MOST, detail=detail)


def _each(call: Any, keys: Sequence[str], parameters: Parameters) -> None:
    for key in keys:
        call(KeyId=key, **parameters)


def _add_keys(lab: Lab, count: int) -> list[str]:
    """One key made by CreateKey, and copies of its rows with material and ids of their own."""
    lab.client("kms").create_key()
    store, settings = lab._rooms.store, lab._rooms.settings
    with store.transaction():
        while len(ids := store.rows("SELECT key_id FROM kms_key")) < count:
            for _ in range(count - len(ids)):
                new, material = settings.new_id(), settings.new_material_id()
                store.write(
                    "INSERT INTO kms_key SELECT account, region, ?, created, description, state, ? "
                    "FROM kms_key LIMIT 1",
                    (new, material),
                )
                store.write(
                    "INSERT INTO backing_key VALUES (?, ?, ?, ?)",
                    (material, new, lab.hsms.generate(), 0.0),
                )
    return [name for (name,) in ids]
