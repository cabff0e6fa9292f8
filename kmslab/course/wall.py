"""The HSM's wall (lesson 12): a key with attributes of one's choice, and somebody who wants it.

Each try makes a new key in the learner's HSM, goes one way to get it out, and destroys the key. So
the answers are the HSM's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pkcs11 import Attribute

from kmslab.hsm import attacks
from kmslab.hsm.attempts import Attempt, Steps, attempt
from kmslab.hsm.guided import templates
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.own import Hsm
from kmslab.hsm.guided.session import Session

CHANGE, COPY, READ = "set SENSITIVE back", "copy", "read"
OWN, KNOWN, DECRYPT = "wrap under own key", "wrap under a known key", "decrypt a wrapped key"
OTHERS, BACKUP, OPEN_BACKUP = (
    "unwrap with other attributes",
    "back up under trusted key",
    "open the backup",
)
# What a choice of attributes is made of; the value of each that makes a wall.
FLAGS: Mapping[str, bool] = MappingProxyType(
    {
        "SENSITIVE": True,
        "EXTRACTABLE": False,
        "WRAP_WITH_TRUSTED": True,
        "MODIFIABLE": False,
        "COPYABLE": False,
    }
)
CARELESS, CAREFUL, INSIDE = "careless", "careful", "never leaves"
_OPEN = dict.fromkeys(FLAGS, True)
PRESETS: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {
        CARELESS: {**_OPEN, "SENSITIVE": False, "WRAP_WITH_TRUSTED": False},
        CAREFUL: {**_OPEN, **{n: templates.CAREFUL[n] for n in FLAGS if n in templates.CAREFUL}},
        INSIDE: dict(FLAGS),
    }
)
_LOOSE = "loose wrapping key"


@dataclass(frozen=True, slots=True)
class Tried:
    """A try: which way, at a key with which flags, and what came of it."""

    way: str
    flags: Mapping[str, bool]
    made: Attempt

    @property
    def state(self) -> str:
        """ "out", "backup" (out, and closed for everybody), or "held"."""
        if not self.made.succeeded:
            return "held"
        return "backup" if self.way == BACKUP else "out"

    @property
    def stopped_by(self) -> str:
        """The attribute that stopped it, without its value; "" where none did."""
        return self.made.attribute.partition("=")[0]

    def __str__(self) -> str:
        return f"{name_of(self.flags)} key, {self.made!r}"


def name_of(flags: Mapping[str, bool]) -> str:
    """The preset that these flags are, or "own"."""
    return next((name for name, each in PRESETS.items() if dict(each) == dict(flags)), "own")


class Wall:
    """The learner's HSM with what the ways need: a trusted key, and a careless wrapping key."""

    def __init__(self, hsm: Hsm) -> None:
        self._hsm = hsm
        hsm.trusted_key()

    def go(self, way: str, flags: Mapping[str, bool]) -> Tried:
        """Goes one way to a new key with these flags; `ValueError` names the ways there are."""
        if way not in WAYS:
            raise ValueError(f"{way!r}: one of {', '.join(WAYS)} is due")
        trusted = self._hsm.trusted_key()
        user = self._hsm.user()
        key = user.generate_key("target", TOKEN=False, ENCRYPT=True, DECRYPT=True, **flags)
        try:
            return Tried(way, dict(flags), WAYS[way](user, trusted, key))
        finally:
            key.destroy()


def _decrypt_wrapped(user: Session, _: Key, key: Key) -> Attempt:
    loose = user.generate_key(_LOOSE, TOKEN=False, WRAP=True, UNWRAP=True)
    try:
        return attacks.add_decrypt(loose, key)
    finally:
        loose.destroy()


def _other_attributes(user: Session, _: Key, key: Key) -> Attempt:
    loose = user.generate_key(_LOOSE, TOKEN=False, WRAP=True, UNWRAP=True)
    try:
        return attacks.reimport(loose, key)
    finally:
        loose.destroy()


def _back_up(_: Session, trusted: Key, key: Key) -> Attempt:
    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("wrap the key under the trusted key (AES_KEY_WRAP)")
        wrapped = trusted.wrap_key(key)
        steps.take("restore it with the attributes of a restored key")
        restored = trusted.unwrap_key(
            wrapped, "restored", **templates.RESTORED, ENCRYPT=True, DECRYPT=True
        )
        same = steps.make(restored).encrypt(bytes(16)) == key.encrypt(bytes(16))
        return same, f"{len(wrapped)} bytes that only the trusted key opens, inside the HSM"

    return attempt(BACKUP, way)


def _open_backup(_: Session, trusted: Key, key: Key) -> Attempt:
    return replace(attacks.reimport(trusted, key), name=OPEN_BACKUP)


Way = Callable[[Session, Key, Key], Attempt]  # the crypto user, the trusted key, the target
WAYS: Mapping[str, Way] = MappingProxyType(
    {
        READ: lambda _, __, key: attacks.read(key),
        CHANGE: lambda _, __, key: attacks.set_back(key),
        COPY: lambda _, __, key: attacks.copy_open(key),
        OWN: lambda user, _, key: attacks.wrap_then_decrypt(user, key),
        KNOWN: lambda user, _, key: attacks.wrap_under_known(user, key),
        DECRYPT: _decrypt_wrapped,
        OTHERS: _other_attributes,
        BACKUP: _back_up,
        OPEN_BACKUP: _open_backup,
    }
)


def meaning(name: str) -> str:
    """What a flag means."""
    from kmslab.hsm.guided.words import MEANINGS

    return MEANINGS[Attribute[name]]
