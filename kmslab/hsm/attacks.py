"""Attacks on keys through PKCS#11 itself, by a crypto user: he has the PIN, and wants the value.

    read                   asks for VALUE
    set_back, copy_open    make a SENSITIVE key readable, or a copy of it
    wrap_then_decrypt      wraps the key under one of his own, and decrypts what came out
    wrap_under_known       wraps it under a key that he brought, and opens it outside
    add_decrypt            teaches a wrapping key to decrypt, then wrap_then_decrypt
    reimport               wraps it, and unwraps it as a readable key
    exchange_half          changes half of an ECB backup for a half that he knows

After Clulow, "On the Security of PKCS #11" (CHES 2003), and Bortolozzo, Centenaro, Focardi and
Steel, "Attacking and Fixing PKCS#11 Security Tokens" (CCS 2010). Each works on a key with careless
attributes, and ends in a refusal on one with careful ones; the HSM that is asked is the learner's.

SoftHSM2 2.6.1 (measured): AES wraps with AES_KEY_WRAP, AES_KEY_WRAP_PAD and AES_CBC, and unwraps
with the first two; a DES2 or DES3 key wraps nothing, so a short key as wrapping key is an AES-128
key over an AES-256 one, which it allows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from kmslab.hsm.attempts import Attempt, Steps, attempt, judged
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.session import Session

_OWN: Mapping[str, bool] = MappingProxyType({"TOKEN": False, "PRIVATE": True, "WRAP": True})


def read(key: Key) -> Attempt:
    """Reads the key's VALUE."""

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("read VALUE")
        return judged(key, key["VALUE"])

    return attempt("read", way)


def set_back(key: Key) -> Attempt:
    """Sets SENSITIVE back to False, and reads VALUE."""

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("set SENSITIVE=False")
        key["SENSITIVE"] = False
        steps.take("read VALUE")
        return judged(key, key["VALUE"])

    return attempt("set SENSITIVE back", way)


def copy_open(key: Key) -> Attempt:
    """Copies the key with SENSITIVE=False and EXTRACTABLE=True, and reads the copy's VALUE."""

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("copy with SENSITIVE=False, EXTRACTABLE=True")
        copy = steps.make(key.copy(TOKEN=False, SENSITIVE=False, EXTRACTABLE=True))
        steps.take("read VALUE of the copy")
        return judged(key, copy["VALUE"])

    return attempt("copy", way)


def wrap_then_decrypt(session: Session, key: Key) -> Attempt:
    """Wraps the key under one that may WRAP and DECRYPT, then decrypts it like any data."""

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("generate a key of one's own with WRAP=True and DECRYPT=True")
        own = steps.make(session.generate_key("attacker", **_OWN, DECRYPT=True))
        return _out(steps, own, key)

    return attempt("wrap under own key", way)


def wrap_under_known(session: Session, key: Key) -> Attempt:
    """Wraps the key under one whose value came from outside, and opens it without the HSM."""
    known = os.urandom(16)

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("bring a key that one knows, with WRAP=True: AES-128 will do")
        brought = steps.make(session.import_key("brought", known, **_OWN))
        steps.take("wrap the key under it (AES_KEY_WRAP)")
        wrapped = brought.wrap_key(key)
        steps.take("unwrap it outside the HSM (RFC 3394)")
        return judged(key, aes_key_unwrap(known, wrapped))

    return attempt("wrap under a known key", way)


def add_decrypt(wrapping: Key, key: Key) -> Attempt:
    """Gives DECRYPT to a key that only wraps, and decrypts what it wrapped."""

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("set DECRYPT=True on the wrapping key")
        wrapping["DECRYPT"] = True
        return _out(steps, wrapping, key)

    return attempt("decrypt a wrapped key", way)


def reimport(wrapping: Key, key: Key) -> Attempt:
    """Wraps the key, and unwraps it with SENSITIVE=False and EXTRACTABLE=True."""

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("wrap the key (AES_KEY_WRAP)")
        wrapped = wrapping.wrap_key(key)
        steps.take("unwrap it with SENSITIVE=False, EXTRACTABLE=True")
        again = steps.make(wrapping.unwrap_key(wrapped, "again", SENSITIVE=False, EXTRACTABLE=True))
        steps.take("read VALUE of the new key")
        return judged(key, again["VALUE"])

    return attempt("unwrap with other attributes", way)


def _out(steps: Steps, wrapping: Key, key: Key) -> tuple[bool, str]:
    steps.take("wrap the key under it (AES_CBC)")
    wrapped = wrapping.wrap_key(key, "AES_CBC")
    steps.take("decrypt what came out with the same key")
    return judged(key, wrapping.decrypt(wrapped, "AES_CBC"))
