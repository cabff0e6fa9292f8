"""Backups of a key, and what somebody can do who may change them: ECB against AES Key Wrap.

SoftHSM2 has no C_WrapKey in ECB mode, for a reason shown here. A program that makes its backups by
hand does what `backup` does: it reads the key, and encrypts it like any data.

    ECB           E(first half) │ E(second half): each block by itself. Equal halves look equal,
                  and a block of another backup under the same key fits as well
    AES Key Wrap  RFC 3394: every bit of it depends on every other, and 8 bytes are a check
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from types import MappingProxyType

from kmslab.errors import HsmInput
from kmslab.hsm.attempts import Attempt, Steps, attempt
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.session import Session
from kmslab.hsm.guided.templates import RESTORED

HALF = 16  # bytes: a block of AES, and half of an AES-256 key
_KNOWN: Mapping[str, bool] = MappingProxyType(
    {"TOKEN": False, "SENSITIVE": False, "EXTRACTABLE": True, "ENCRYPT": True, "DECRYPT": True}
)


def backup(backup_key: Key, key: Key) -> bytes:
    """A readable key, encrypted block by block: 32 bytes. `AttributeRefused` if not readable."""
    return backup_key.encrypt(key["VALUE"], "AES_ECB")


def restore(session: Session, backup_key: Key, backup: bytes, label: str) -> Key:
    """The key of an ECB backup, as a new key of this session."""
    value = backup_key.decrypt(backup, "AES_ECB")
    return session.import_key(label, value, **_KNOWN)


def equal_halves(backup: bytes) -> bool:
    """Whether two blocks of a backup are equal: then the key repeats itself, and all can see it."""
    blocks = [backup[at : at + HALF] for at in range(0, len(backup), HALF)]
    return len(set(blocks)) < len(blocks)


def exchange_half(session: Session, backup_key: Key, key: Key, *, by: str = "AES_ECB") -> Attempt:
    """Puts half of a key that the attacker knows into the backup of another, and has it restored.

    `by` is AES_ECB, or AES_KEY_WRAP for a backup that a trusted key made. In ECB the owner then
    works with a key of which 128 of 256 bits are known.
    """
    if by not in ("AES_ECB", "AES_KEY_WRAP"):
        raise HsmInput(f"by={by!r}: AES_ECB or AES_KEY_WRAP is due")
    known = os.urandom(2 * HALF)

    def way(steps: Steps) -> tuple[bool, str]:
        steps.take("bring a key that one knows, and have it backed up too")
        own = steps.make(session.import_key("known", known, **_KNOWN))
        make = backup if by == "AES_ECB" else Key.wrap_key
        mine, theirs = make(backup_key, own), make(backup_key, key)
        steps.take("put the known key's second half into the other backup")
        mixed = theirs[:-HALF] + mine[-HALF:]
        steps.take("wait until the owner restores it")
        if by == "AES_KEY_WRAP":
            steps.make(backup_key.unwrap_key(mixed, "restored", **RESTORED))
            return True, "a changed backup was restored"
        restored = steps.make(restore(session, backup_key, mixed, "restored"))
        if hmac.compare_digest(restored["VALUE"][-HALF:], known[-HALF:]):
            return True, f"{HALF} of {2 * HALF} bytes of the restored key are known"
        return False, "the restored key is another one"

    return attempt("exchange half of a backup", way)
