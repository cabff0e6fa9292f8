"""Checks of lesson 00, Start here."""

from __future__ import annotations

from typing import Any

from kmslab.course.check.exercise import exercise, need, need_bytes, opened
from kmslab.lab import Lab

CONTEXT = {"patient": "23", "kind": "letter"}


@exercise(
    "encrypt the letter with kms.encrypt and set answer to the CiphertextBlob of its answer.",
    "the encryption context goes into EncryptionContext, as a dict of texts.",
    'EncryptionContext={"patient": "23", "kind": "letter"}',
)
def ex1(kms: Any, letter: bytes, answer: object) -> str:
    """The letter, encrypted for patient 23."""
    blob = need_bytes(answer, "a CiphertextBlob")
    need(blob != letter, "this is the letter itself, not encrypted")
    need(opened(kms, blob, CONTEXT) == letter, "it opens, but what is in it is not the letter")
    return "it opens with this context and with no other; the order of the two pairs is free"


@exercise(
    "set answer to the number of refused calls, counted by Python.",
    "print an event that was refused and one that was not: which member has only the first one?",
    'a refused event has "errorCode" in it; count those in a loop over lab.trail().',
)
def ex2(lab: Lab, answer: object) -> str:
    """How many calls were refused so far."""
    need(isinstance(answer, int), f"a number is due, not {type(answer).__name__}")
    refused = [event for event in lab.trail() if "errorCode" in event]
    need(answer == len(refused), f"{answer} is not right; there are {len(lab.trail())} events")
    return "refused calls are recorded too: that is how a thief who tries is noticed"
