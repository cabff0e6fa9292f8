"""Does a key that was rotated as often as may be still decrypt what is old as fast as what is new?

One key with 25 rotations on demand; a blob of its first generation and one of its last are
decrypted side by side.
"""

from __future__ import annotations

from functools import partial

from bench.measure import Result, repeated, side_by_side
from kmslab import Lab

ROTATIONS = 25
CALLS, ROUNDS = 100, 21


def ask() -> list[Result]:
    """Decrypt: time with the oldest of 26 generations ÷ time with the newest."""
    with Lab() as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        oldest = kms.encrypt(KeyId=key, Plaintext=b"x" * 32)["CiphertextBlob"]
        for _ in range(ROTATIONS):
            kms.rotate_key_on_demand(KeyId=key)
            lab.clock.advance(minutes=1)
        newest = kms.encrypt(KeyId=key, Plaintext=b"x" * 32)["CiphertextBlob"]
        ratio, old, new = side_by_side(
            repeated(partial(kms.decrypt, CiphertextBlob=oldest), CALLS),
            repeated(partial(kms.decrypt, CiphertextBlob=newest), CALLS),
            ROUNDS,
        )
    detail = f"oldest {old / CALLS * 1e6:.0f} µs, newest {new / CALLS * 1e6:.0f} µs"
    question = "time of decrypt, oldest of 26 generations ÷ newest"
    return [Result(question, ratio, "x", at_least=0.8, at_most=1.25, detail=detail)]
