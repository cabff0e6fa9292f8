"""M of N operators: a backup of the domain keys that no one of them opens alone.

    backup        the domain keys, wrapped inside an HSM under a backup key made for it alone
    backup key    AES-256; split among N operators so that any M of them have it, and fewer nothing
    card          an operator's share of it, sealed under a PIN of the operator's own

The split is Shamir's ("How to share a secret", 1979) as pycryptodome has it, over GF(2^128): it
takes 16 bytes at a time, so each half of the backup key is split by a random polynomial of its own.
M-1 shares of a half say nothing about it, whatever is known of the other half. Shares carry no
check of their own; the card's seal (AES-256-GCM, its header as additional data) tells a damaged
one, and the MAC in the backup tells whether all of them together gave the right key.

Where it is weaker than the real thing: HSMs split the key inside, and write each share onto an
operator's smart card, which locks after a few wrong PINs. Here the backup key is in this process's
memory, in `restoring.back_up` and `restoring.restore` only, and Python can't wipe it; and a card is
a file, against which a thief may try PINs as fast as scrypt lets him (some 20 a second and core).
AWS keeps the domain state in offline HSMs in safes at several sites: opening one takes a security
officer and a KMS operator, of separate teams, and using it a quorum of operators
("Durability protection", AWS KMS Cryptographic Details).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from Crypto.Protocol.SecretSharing import Shamir
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kmslab.errors import QuorumMissing, ShareRefused
from kmslab.hsm.device import write_private

LEAST_PIN = 8  # characters
MOST_OPERATORS = 20
_HALF = 16  # bytes
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}  # 32 MiB, some 50 ms


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a card in the clear; its seal covers it."""

    backup: str  # the backup's id, 32 hexadecimal digits
    operator: str
    number: int  # from 1
    quorum: int
    operators: int


@dataclass(frozen=True, slots=True)
class Card:
    """An operator's card: a file, and the PIN that its owner has in his head."""

    path: Path
    pin: str = field(repr=False)

    @property
    def label(self) -> Label:
        """What stands on it; `ShareRefused` where that can't be read."""
        return self._read()[0]

    def share(self) -> tuple[Label, bytes]:
        """Its label and its share, 32 bytes; `ShareRefused` for a wrong PIN or a damaged card."""
        label, sealed = self._read()
        try:
            salt, nonce = sealed[:_HALF], sealed[_HALF : _HALF + 12]
            return label, _cipher(self.pin, salt).decrypt(
                nonce, sealed[_HALF + 12 :], _covered(label)
            )
        except (InvalidTag, ValueError):
            raise ShareRefused(
                f"{self.path.name} does not open: a wrong PIN, or a damaged card"
            ) from None

    def _read(self) -> tuple[Label, bytes]:
        try:
            kept = json.loads(Path(self.path).read_text())
            return Label(**kept["label"]), bytes.fromhex(kept["sealed"])
        except (OSError, TypeError, ValueError, KeyError) as error:
            raise ShareRefused(f"{self.path} is no operator's card") from error


def check(names: Iterable[str], pins: Iterable[str], quorum: int) -> None:
    """`ValueError` for a quorum that protects nothing or can't be met, or a PIN that is guessed."""
    known = list(names)
    if not 2 <= quorum <= len(known) <= MOST_OPERATORS:
        raise ValueError(
            f"quorum={quorum} of {len(known)}: at least 2, at most all of up to "
            f"{MOST_OPERATORS} operators are due"
        )
    for name, pin in zip(known, pins, strict=True):
        if not name.replace("-", "").isalnum():
            raise ValueError(f"operator {name!r}: letters, digits and hyphens are due")
        if len(pin) < LEAST_PIN:
            raise ValueError(f"the PIN of {name} is short: {LEAST_PIN} characters at least are due")


def deal(key: bytes, backup: str, pins: Mapping[str, str], quorum: int, folder: Path) -> list[Card]:
    """Splits a backup key of 32 bytes and seals each operator's share on a card in `folder`."""
    halves = [
        Shamir.split(quorum, len(pins), key[at : at + _HALF]) for at in range(0, len(key), _HALF)
    ]
    cards = []
    for (name, pin), *parts in zip(pins.items(), *halves, strict=True):
        label = Label(backup, name, parts[0][0], quorum, len(pins))
        share = b"".join(part for _, part in parts)
        path = folder / f"backup-{backup[:8]}-{name}.card"
        salt, nonce = secrets.token_bytes(_HALF), secrets.token_bytes(12)
        sealed = salt + nonce + _cipher(pin, salt).encrypt(nonce, share, _covered(label))
        write_private(path, json.dumps({"label": asdict(label), "sealed": sealed.hex()}))
        cards.append(Card(path, pin))
    return cards


def join(cards: Iterable[Card], backup: str, quorum: int) -> bytes:
    """The backup key, of enough operators' shares; `QuorumMissing`, `ShareRefused`."""
    shares: dict[int, bytes] = {}
    for card in cards:
        label, share = card.share()
        if label.backup != backup:
            raise ShareRefused(f"{card.path.name} belongs to another backup, {label.backup[:8]}")
        shares[label.number] = share  # the same operator twice is one operator
    if len(shares) < quorum:
        raise QuorumMissing(f"{len(shares)} of the {quorum} operators that it takes are here")
    chosen = list(shares.items())[:quorum]  # the scheme wants no more than it takes
    return b"".join(
        Shamir.combine([(number, share[at : at + _HALF]) for number, share in chosen])
        for at in (0, _HALF)
    )


def _cipher(pin: str, salt: bytes) -> AESGCM:
    return AESGCM(hashlib.scrypt(pin.encode(), salt=salt, dklen=32, **_SCRYPT))


def _covered(label: Label) -> bytes:
    return json.dumps(asdict(label), sort_keys=True).encode()
