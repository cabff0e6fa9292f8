"""What an attack on an HSM's key comes to: its steps, its outcome, and what stopped it.

A key that came out is never shown, and never kept: it is compared with the true one and dropped.
"""

from __future__ import annotations

import hmac
import html
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from kmslab.errors import AttributeRefused
from kmslab.hsm.guided.key import Key

_BLOCKS = 4  # of a challenge: two keys that agree on 64 random bytes are the same key


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attack: `succeeded` says whether the attacker got what he was after."""

    name: str
    steps: tuple[str, ...]
    succeeded: bool
    outcome: str  # what he got, in words, or what the HSM was asked when it refused
    return_value: str = ""
    attribute: str = ""
    more: str = ""  # what stopped it, where that was no attribute

    @property
    def why(self) -> str:
        """The return value and what stopped it, as in CKR_KEY_UNEXTRACTABLE (EXTRACTABLE=False)."""
        because = self.attribute or self.more
        return f"{self.return_value}{because and f' ({because})'}"

    def __repr__(self) -> str:
        return f"{self.name}: {self.outcome}{self.why and f': {self.why}'}"

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{html.escape(step)}</li>" for step in self.steps)
        return f"<b>{html.escape(repr(self))}</b><ol>{rows}</ol>"


class Steps(list[str]):
    """The steps of an attack, as they are taken, and the keys that were made on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Key] = []

    def take(self, step: str) -> None:
        """Notes a step before it is done, so that the last one is where the HSM refused."""
        self.append(step)

    def make(self, key: Key) -> Key:
        """A key of the attacker's, destroyed when the attack is over."""
        self.made.append(key)
        return key

    def clean(self) -> None:
        """Destroys what was made."""
        for key in self.made:
            with suppress(AttributeRefused):
                key.destroy()


def attempt(name: str, way: Callable[[Steps], tuple[bool, str]]) -> Attempt:
    """Goes a way step by step; a refusal of the HSM ends it.

    `way` notes its steps, and returns whether it succeeded and what came of it.
    """
    steps = Steps()
    try:
        succeeded, outcome = way(steps)
    except AttributeRefused as refused:
        found = refused.return_value, refused.attribute, refused.more
        return Attempt(name, tuple(steps), False, f"{refused.what} is refused", *found)
    finally:
        steps.clean()
    return Attempt(name, tuple(steps), succeeded, outcome)


def same_key(key: Key, found: bytes) -> bool:
    """Whether `found` is the value of a key in the HSM, told without reading the key.

    The HSM encrypts a random challenge, and so does `found`; what they make is compared in constant
    time. Raises `AttributeRefused` where the key may not encrypt.
    """
    challenge = os.urandom(16 * _BLOCKS)
    try:
        outside = Cipher(AES(found), ECB()).encryptor().update(challenge)  # noqa: S305 (one block each, of random bytes)
    except ValueError:
        return False  # not the length of an AES key
    return hmac.compare_digest(key.encrypt(challenge), outside)


def judged(key: Key, found: bytes) -> tuple[bool, str]:
    """A way's end: whether what was found is the key."""
    if same_key(key, found):
        return True, f"the key is out, all {len(found)} bytes of it"
    return False, f"{len(found)} bytes came out, and they are not the key"
