"""Checks of lesson 10, The life of a key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from kmslab.course import own_material, pile
from kmslab.course.check.exercise import NotYet, exercise, need, need_bytes, opened
from kmslab.errors import AwsError
from kmslab.kms.ciphertext import Ciphertext
from kmslab.lab import Lab

_YEARS = timedelta(days=730)
_WAIT_DAYS = 31


@exercise(
    "enable rotation, move the clock, then set answer to `first` under the current generation.",
    "without a period, a key rotates every 365 days; the first time a whole period from now.",
    "kms.re_encrypt with `visits` as DestinationKeyId encrypts under the current generation.",
)
def ex1(lab: Lab, first: bytes, answer: object) -> str:
    """A blob moved to the third generation of its key, after two years of automatic rotation."""
    kms, blob = lab.client("kms"), need_bytes(answer, "a CiphertextBlob")
    key = _key_of(first)
    need(_key_of(blob) == key, "this blob is under another KMS key")
    need(opened(kms, blob, {}) == opened(kms, first, {}), "another text is in it")
    made = kms.describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
    generations = pile.read(kms, key, {"first": first, "answer": blob})
    mine = next(each for each in generations if "answer" in each.blobs)
    need(lab.clock.now() >= made + _YEARS, f"it is only {lab.clock.now():%Y-%m-%d}")
    count = len(generations)
    again = "; for a new key, run the cell that makes `visits` again" if count > 3 else ""
    need(count == 3, f"the number of the key's generations is {count}, not 3{again}")
    need(mine.number == 3, f"this blob is under generation {mine.number}, not 3")
    by_hand = [each.number for each in generations[1:] if each.how != "AUTOMATIC"]
    need(not by_hand, "the key was rotated on demand; let it rotate by itself")
    events = lab.trail().named("Encrypt", "ReEncrypt")
    last = [each["eventName"] for each in events if key in each["resources"][-1]["ARN"]][-1]
    need(last == "ReEncrypt", f"the trail shows {last}: your program had the plaintext")
    return "old blobs open as they are; ReEncrypt is for those that should leave old material"


@exercise(
    "make `sealed` under a key with your own material, and set answer to what you keep of it.",
    'the key has Origin="EXTERNAL"; `send` from the lesson brings the material in.',
    "answer is the 32 bytes of the material: nothing else brings the key back.",
)
def ex2(lab: Lab, letter: bytes, sealed: object, answer: object) -> str:
    """A letter under imported material, and the owner's copy of that material."""
    kms, blob = lab.client("kms"), need_bytes(sealed, "a CiphertextBlob in `sealed`")
    material = need_bytes(answer, "what brings the key back")
    key = _key_of(blob)
    need(
        kms.describe_key(KeyId=key)["KeyMetadata"]["Origin"] == "EXTERNAL",
        "an HSM made this key's material: there is nothing that you could bring back",
    )
    kms.delete_imported_key_material(KeyId=key)
    try:
        how = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
        own_material.send(kms, key, material, **how)
    except (ClientError, ValueError) as error:
        raise NotYet(
            f"the material was deleted, and what is in answer, {len(material)} bytes, is not it: "
            f"{getattr(error, 'response', {}).get('Error', {}).get('Code', error)}"
        ) from error
    need(opened(kms, blob, {}) == letter, "it opens again, but what is in it is not the letter")
    return "KMS had lost the material and you had not, so the letter is back; guard such bytes"


@exercise(
    "encrypt the letter for 17 and for 31, and see to it that 31's is lost within 30 days.",
    "deleting a key takes everything under it, so the two patients need a key each.",
    "kms.schedule_key_deletion(KeyId=…, PendingWindowInDays=7) with 31's key only.",
)
def ex3(lab: Lab, letter: bytes, answer: Mapping[str, bytes]) -> str:
    """Two patients' letters of which one is shredded by deleting its key."""
    need(isinstance(answer, dict), f"a dict is due here, not {type(answer).__name__}")
    need(set(answer) == {"17", "31"}, 'the dict needs the keys "17" and "31", and no other')
    kms = lab.client("kms")
    stays, goes = (need_bytes(answer[each], f"{each}'s blob") for each in ("17", "31"))
    need(_was_used(lab, _key_of(goes)), "31's blob was not made by Encrypt")
    need(len(goes) == len(stays), "31's blob is not as long as 17's: another text is in it")
    lab.clock.advance(days=_WAIT_DAYS)
    code = _refusal(kms, stays)
    need(code != "NotFoundException", "17's letter is gone as well: both had one key")
    need(opened(kms, stays, {}) == letter, "what is in 17's blob is not the letter")
    code = _refusal(kms, goes)
    need(code, f"{_WAIT_DAYS} days later, 31's letter still opens")
    need(code == "NotFoundException", f"31's key can still be saved: {code} can be undone")
    return "31's ciphertext may lie on any tape: it is noise now, and 17's letter opens"


def _key_of(blob: bytes) -> str:
    """The id of the KMS key that a blob names."""
    try:
        return Ciphertext.unpack(blob).key_id
    except AwsError as error:
        raise NotYet("this is no CiphertextBlob of KMS") from error


def _was_used(lab: Lab, key: str) -> bool:
    """Whether something was encrypted with this KMS key."""
    done = [event for event in lab.trail().named("Encrypt") if "errorCode" not in event]
    return any(key in each["ARN"] for event in done for each in event["resources"])


def _refusal(kms: Any, blob: bytes) -> str:
    """The code of the error with which KMS refuses a blob, or nothing."""
    try:
        kms.decrypt(KeyId=_key_of(blob), CiphertextBlob=blob)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
