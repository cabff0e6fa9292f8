"""Checks of lesson 15, Inside KMS."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kmslab.course import tries
from kmslab.course.check.exercise import NotYet, exercise, need
from kmslab.errors import HsmError, KmslabError, QuorumMissing
from kmslab.hsm import quorum
from kmslab.hsm.quorum import Card
from kmslab.hsm.restoring import Backup
from kmslab.lab import Lab
from kmslab.recovery import recover
from kmslab.temporary import TemporaryFolder

HOME, NEW_HOME = "us-east-1", "eu-west-3"
MOST_OPERATORS = 7
_AWAY, _TRAITORS = 2, 1


@dataclass(frozen=True, slots=True)
class Night:
    """What is left after a fire: two backups, and the cards that were brought."""

    backups: Mapping[str, Backup] = field(repr=False)
    cards: Sequence[Card] = field(repr=False)

    def __repr__(self) -> str:
        brought = ", ".join(each.label.operator for each in self.cards)
        return f"<Night: backups of {' and '.join(self.backups)}, cards of {brought}>"


@lru_cache(maxsize=1)
def night(lab: Lab, monday: Backup) -> Night:
    """Takes one more backup, Friday's; then all HSMs are lost. The same again for the same lab."""
    friday = lab.hsms.backup(lab.path / "friday", operators=6, quorum=3)
    lose_all(lab)
    _, _, third, *rest = friday.cards
    brought = (monday.cards[0], replace(third, pin=secrets.token_hex(8)), *rest)
    return Night({"monday": Backup(monday.path), "friday": Backup(friday.path)}, brought)


def lose_all(lab: Lab) -> None:
    """Every HSM of a lab is gone for good."""
    for each in lab.hsms.hsms:
        lab.hsms.remove(each.device.name, last=True)


@exercise(
    'set answer to the parameters of a backup, as in {"operators": 5, "quorum": 3}.',
    "how many operators are left when two are away and one can't be relied on?",
    "those who are left must reach the quorum; the traitor with one stolen card must not.",
)
def ex1(answer: object) -> str:
    """How many operators, and how many of them it takes; tried on a backup key of its own."""
    pins, due = _plan(answer)
    key, folder = secrets.token_bytes(32), TemporaryFolder()
    try:
        cards = quorum.deal(key, "plan", pins, due, folder.path)
        left = cards[_AWAY + _TRAITORS :]
        need(
            _opens(left, due, key),
            f"two are away and the traitor gives a wrong PIN: {len(left)} of {len(pins)} are left, "
            f"and it takes {due}",
        )
        stolen = cards[: _TRAITORS + 1]
        need(not _opens(stolen, due, key), "the traitor and one stolen card open it")
    finally:
        folder.remove()
    return (
        f"{len(left)} are left on the worst day, and {due} are enough; a traitor with "
        "somebody else's card has a share too few, which says nothing about the key"
    )


@exercise(
    "set answer to (backup, cards): a backup of night.backups, and cards of night.cards.",
    "which backup is of the domain key that the records are wrapped under now?",
    "each card's label says of which backup it is; card.share() raises ShareRefused where the PIN "
    "is wrong (don't show what it returns).",
)
def ex2(lab: Lab, sealed: Mapping[str, Any], answer: object) -> str:
    """A backup and cards with which the lab's records open again; tried on a copy of them."""
    match answer:
        case (Backup() | str() | Path() as backup, [*given]) if given:
            cards = [each for each in given if isinstance(each, Card)]
            need(len(cards) == len(given), "the second part is a list of cards")
        case _:
            raise NotYet("a pair is due: a backup, and a list of cards")
    folder = TemporaryFolder()
    try:
        _copy_records(lab, folder.path)
        recover(folder.path, backup, cards)
        with Lab(folder.path) as again:
            said = tries.outcome(again.client("kms").decrypt, **sealed)
    except KmslabError as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    finally:
        folder.remove()
    need(said == tries.OK, f"new HSMs are there, and Decrypt says {said}")
    return (
        "the backup gave the domain key, the records the tokens, and both together the keys; "
        "lab.hsms.restore(*answer) does the same with your own lab"
    )


@exercise(
    "set answer to a function of a lab and a key id that moves the key.",
    "which of the two related keys can't be deleted while the other one exists?",
    "UpdatePrimaryRegion first; when both keys are Enabled again, schedule the deletion of the one "
    f"in {HOME}.",
)
def ex3(answer: object) -> str:
    """Moves a multi-Region key to another Region, tried in a new lab."""
    if not callable(answer):
        raise NotYet(f"a function is due, not {type(answer).__name__}")
    with Lab() as lab:
        home, there = lab.client("kms", HOME), lab.client("kms", NEW_HOME)
        key: str = home.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        home.replicate_key(KeyId=key, ReplicaRegion=NEW_HOME)
        lab.clock.advance(minutes=1)
        blob: bytes = home.encrypt(KeyId=key, Plaintext=b"a letter")["CiphertextBlob"]
        _move(answer, lab, key)
        lab.clock.advance(days=40)
        _moved(home, there, key, blob)
    return (
        "the material is the same in every Region, so no ciphertext had to be made anew; only one "
        "of them can be the primary key, and that one is deleted last"
    )


def _plan(answer: object) -> tuple[Mapping[str, str], int]:
    """Operators with their PINs, and the quorum; or `NotYet`."""
    match answer:
        case {"operators": int() as count, "quorum": int() as due, **rest} if not rest:
            pins = {
                f"operator-{each}": secrets.token_hex(8) for each in range(1, min(count, 99) + 1)
            }
        case {"operators": dict() as pins, "quorum": int() as due, **rest} if not rest:
            pass
        case _:
            raise NotYet('a dict with two numbers is due: {"operators": ..., "quorum": ...}')
    need(len(pins) <= MOST_OPERATORS, f"there are at most {MOST_OPERATORS} to be trusted with it")
    try:
        quorum.check(pins.keys(), pins.values(), due)
    except (ValueError, TypeError, AttributeError) as error:
        raise NotYet(f"backup refuses it: {error}") from error
    return pins, due


def _opens(cards: Sequence[Card], due: int, key: bytes) -> bool:
    try:
        return quorum.join(cards, "plan", due) == key
    except QuorumMissing:
        return False


def _copy_records(lab: Lab, folder: Path) -> None:
    """Copies the file of a lab's records, without its HSMs."""
    target = folder / "records.sqlite"
    with (
        closing(sqlite3.connect(lab.path / target.name)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _move(answer: Callable[[Lab, str], object], lab: Lab, key: str) -> None:
    try:
        answer(lab, key)
    except (ClientError, BotoCoreError, HsmError, TypeError) as error:
        raise NotYet(f"your function stopped: {error}") from error


def _moved(home: Any, there: Any, key: str, blob: bytes) -> None:
    """`NotYet` where a key is not the primary one in its new Region, and gone from the old one."""
    said = tries.outcome(there.decrypt, CiphertextBlob=blob)
    need(said == tries.OK, f"40 days later, Decrypt in {NEW_HOME} says {said}")
    try:
        left = home.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    except home.exceptions.NotFoundException:
        left = ""
    need(not left, f"40 days later the key is still in {HOME}, and is {left}")
    kind = there.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
    need(kind["MultiRegionKeyType"] == "PRIMARY", f"the key in {NEW_HOME} is only a replica")
