"""Checks of lesson 12, Inside an HSM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmslab.course import wall
from kmslab.course.check.exercise import NotYet, exercise, need
from kmslab.errors import AttributeRefused, HsmError, HsmInput
from kmslab.hsm.attempts import Attempt, same_key
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.session import Session
from kmslab.lab import Lab

_CARELESS: Mapping[str, bool] = {"SENSITIVE": True, "EXTRACTABLE": True, "ENCRYPT": True}
_BLOCK = b"salary: 1,234.50"


@exercise(
    "set answer to a function of two parameters, user and key, that returns the key's bytes.",
    "the key is EXTRACTABLE, and nothing says under what: make a key of your own to wrap it under.",
    "own.wrap_key(key, 'AES_CBC') gives bytes; what does own.decrypt need to open them?",
)
def ex1(lab: Lab, answer: object) -> str:
    """A function that steals a key, tried on a new one; what it returns is compared, not shown."""
    if not callable(answer):
        raise NotYet(f"a function of user and key is due, not {type(answer).__name__}")
    user = lab.hsm.user()
    key = user.generate_key("the check's", TOKEN=False, **_CARELESS)
    try:
        found = answer(user, key)
        if not isinstance(found, bytes):
            raise NotYet(f"it must return the key's bytes, not {type(found).__name__}")
        need(same_key(key, found), f"the {len(found)} bytes that it returns are not the key")
    except HsmError as error:
        raise NotYet(f"the HSM says: {error}") from error
    finally:
        _destroy(key)
    return (
        "the HSM did all that it was asked: wrapping and decrypting are each allowed, and no "
        "attribute of the key forbade to do one after the other"
    )


@exercise(
    "set answer to a dict of attributes for a new key, as in {'SENSITIVE': True}.",
    "which attribute lets a key out under the trusted key, and under no other?",
    "what its owner can still change counts as changed: MODIFIABLE. And who sees the token folder?",
)
def ex2(lab: Lab, answer: object) -> str:
    """A template that stops every attack of the lesson and leaves a backup, tried on new keys."""
    template = _template(answer)
    trusted = lab.hsm.trusted_key()
    user = lab.hsm.user()
    key = _made(user, template)
    try:
        _works(key)
        _is_backed_up(user, trusted, key)
        for name, way in wall.WAYS.items():
            if name != wall.BACKUP:
                _need_held(way(user, trusted, key))
        _need_no_tool(user, key)
        need(
            key["PRIVATE"],
            "whoever steals the token folder reads this key in it: PRIVATE=False",
        )
    finally:
        _destroy(key)
    return (
        "nobody reads it, nobody loosens it, and its backup opens inside the HSM alone: what is "
        "left to guard is the trusted key"
    )


def _template(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict) or not all(isinstance(name, str) for name in answer):
        raise NotYet(f"a dict of attributes is due, not {type(answer).__name__}")
    fixed = [name for name in ("TOKEN", "LABEL", "DESTROYABLE", "TRUSTED") if name in answer]
    need(not fixed, f"{fixed and fixed[0]} is not for you to choose here")
    return dict(answer)


def _made(user: Session, template: dict[str, Any]) -> Key:
    try:
        return user.generate_key("the check's", TOKEN=False, **template)
    except (AttributeRefused, HsmInput) as error:
        raise NotYet(f"the HSM does not make such a key: {error}") from error


def _works(key: Key) -> None:
    """The payroll program needs it to encrypt and decrypt."""
    try:
        same = key.decrypt(key.encrypt(_BLOCK)) == _BLOCK
    except AttributeRefused as refused:
        raise NotYet(f"the payroll program can't use it: {refused}") from refused
    need(same, "what it encrypts does not come back")


def _is_backed_up(user: Session, trusted: Key, key: Key) -> None:
    made = wall.WAYS[wall.BACKUP](user, trusted, key)
    need(made.succeeded, f"there is no backup: {made.why}")


def _need_held(made: Attempt) -> None:
    need(not made.succeeded, f"{made.name} still works: {made.outcome}")


def _need_no_tool(user: Session, key: Key) -> None:
    """`NotYet` where the key wraps other keys and decrypts them, or can be made to."""
    victim = user.generate_key("another", TOKEN=False, **_CARELESS)
    try:
        if not key["WRAP"]:
            key["WRAP"] = True
        found = key.decrypt(key.wrap_key(victim, "AES_CBC"), "AES_CBC")
        need(
            not same_key(victim, found),
            "it takes other keys out: it wraps, or can be made to, and decrypts",
        )
    except AttributeRefused:
        return
    finally:
        _destroy(victim)


def _destroy(key: Key) -> None:
    try:
        key.destroy()
    except HsmError:
        return
