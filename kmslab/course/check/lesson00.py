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
    "count the events in lab.trail() that have an errorCode, and set answer to that number.",
    'an event is a dict; a refused one has "errorCode" in it.',
    'sum("errorCode" in event for event in lab.trail())',
)
def ex2(lab: Lab, answer: object) -> str:
    """How many calls were refused so far."""
    need(isinstance(answer, int), f"a number is due here, and this is a {type(answer).__name__}")
    refused = [event for event in lab.trail() if "errorCode" in event]
    need(answer == len(refused), f"{answer} it is not, out of {len(lab.trail())} events")
    return "refused calls are recorded too: that is how a thief who tries is noticed"
