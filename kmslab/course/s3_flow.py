"""The way of an object into S3 and out again, with a KMS key: PUT and GET (lesson 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.identity import short, via
from kmslab.course import style
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture
from kmslab.course.stepper import Step, Story
from kmslab.lab import Lab
from kmslab.s3.at_rest import AtRest

NAMES = (
    "PUT",
    "S3 asks for a data key",
    "Two forms of one key",
    "Encrypt, and drop the key",
    "Store both",
    "GET",
    "S3 has the data key decrypted",
    "Decrypt, and send",
)
_PLACES = (
    "PUT and GET of an object in eight steps, between a caller, Amazon S3, its disk and AWS KMS."
)
_WORDS = (
    "1: the caller puts an object; S3 asks its policies whether the caller may.",
    "2: S3 calls GenerateDataKey in the caller's name, with the object's ARN as context.",
    "3: KMS returns a data key in two forms, plaintext and encrypted under the KMS key.",
    "4: S3 encrypts the object with the plaintext data key, and drops that key.",
    "5: ciphertext, encrypted data key and context go to S3's disk.",
    "6: a caller gets the object; S3 asks its policies again.",
    "7: S3 sends the encrypted data key and the context to Decrypt, in the caller's name, and KMS "
    "returns the plaintext data key.",
    "8: S3 decrypts, sends the object to the caller, and drops the key.",
)
_ALWAYS = "The KMS key stays in the HSM all the time."


def story(lab: Lab, bucket: str, key: str) -> Story:
    """The eight steps with the values of a learner's own object, put with aws:kms and got once.

    `ValueError` where the trail has not both calls of KMS; `KeyError` where there is no object.
    """
    found = lab.s3.at_rest(bucket, key)
    put, get = _event(lab, found, "GenerateDataKey"), _event(lab, found, "Decrypt")
    steps = [
        Step(name, text, partial(_html, number))
        for number, (name, text) in enumerate(
            zip(NAMES, _texts(found, put, get), strict=True), start=1
        )
    ]
    return Story("PUT and GET with a KMS key", steps)


@lru_cache(maxsize=16)
def picture(until: int = 8, kind: str = "svg") -> Picture:
    """The way up to a step; the whole of it is the figure `s3-kms`."""
    sheet = Diagram(100, 55)
    sheet.principal((6, 30), "caller")
    sheet.place((21, 1), (43, 53), "Amazon S3")
    sheet.place((81, 25), (18, 29), "AWS KMS")
    sheet.hsm((83, 28), (14, 17), "HSM")
    sheet.key((89.8, 37.5), "KMS key")
    sheet.place((81, 1), (18, 22), "S3's disk")
    for draw in _DRAWN[:until]:
        draw(sheet)
    return sheet.picture(" ".join((_PLACES, *_WORDS[:until], _ALWAYS)), kind)


def _html(until: int) -> str:
    return picture(until).html()


def _event(lab: Lab, found: AtRest, operation: str) -> Event:
    """The last call of KMS that S3 made for an object."""
    calls = [
        event
        for event in lab.trail().named(operation)
        if _via(event) and _context(event) == found.context
    ]
    if not calls:
        raise ValueError(
            f"the trail has no {operation} for {found.bucket}/{found.key}: put it with aws:kms, "
            "and get it once"
        )
    return calls[-1]


def _context(event: Event) -> Mapping[str, str]:
    asked: Mapping[str, Any] = event.get("requestParameters") or {}
    context: Mapping[str, str] = asked.get("encryptionContext") or {}
    return context


def _texts(found: AtRest, put: Event, get: Event) -> tuple[str, ...]:
    blob = found.encrypted_data_keys[0]
    context = ", ".join(f"{name} = {value}" for name, value in found.context.items())
    length = len(found.read())
    return (
        f"{_who(put)} sends {found.size:,} bytes to S3. S3's question, to IAM and the bucket "
        "policy: may the caller do s3:PutObject?",
        f"The trail: GenerateDataKey by {_who(put)}, through {_via(put)}, with the context "
        f"{context}. So KMS asks whether {_who(put)} may use the key.",
        f"KMS answers with 32 bytes of plaintext data key and the same key encrypted, {len(blob)} "
        f"bytes that begin {blob[:6].hex(' ')}. KMS keeps neither.",
        "S3 encrypts with AES-256-GCM, in its memory. KMS never sees the object, and the plaintext "
        "data key is gone after this step.",
        f"The file has {length:,} bytes; its ciphertext begins {found.ciphertext[:6].hex(' ')}. "
        f"The object's record has the {len(blob)} bytes of encrypted data key, and the context.",
        f"{_who(get)} asks for the object. S3's question: may the caller do s3:GetObject? Then it "
        "takes the encrypted data key from the record.",
        f"The trail: Decrypt by {_who(get)}, through {_via(get)}, with the same context. KMS asks "
        f"whether {_who(get)} may use the key, and returns 32 bytes.",
        f"S3 decrypts the file of {length:,} bytes, sends the {found.size:,} bytes of the object, "
        "and drops the data key. The disk has not changed.",
    )


def _who(event: Event) -> str:
    return short(event["userIdentity"])


def _via(event: Event) -> str:
    return via(event["userIdentity"])


def _put(sheet: Diagram) -> None:
    sheet.arrow((10, 43), (24, 43), "PUT", number=1)
    sheet.page((28, 42), "object")


def _ask(sheet: Diagram) -> None:
    sheet.arrow((63, 49), (83, 49), "GenerateDataKey", shift=-1.5)
    sheet.number((72.5, 51.2), 2)


def _answer(sheet: Diagram) -> None:
    sheet.arrow((83, 43), (63, 43), "two forms", shift=-1.5)
    sheet.number((72.5, 45.2), 3)
    sheet.key((46, 44), "plaintext\ndata key", color=style.DATA_KEY)
    sheet.sealed((57.5, 44), "encrypted\ndata key")


def _encrypt(sheet: Diagram) -> None:
    sheet.arrow((31.5, 39), (53.5, 31))
    sheet.number((41.5, 32.8), 4)
    sheet.page((57.5, 30.5), "ciphertext", secret=True)
    sheet.cross((46, 44))


def _store(sheet: Diagram) -> None:
    sheet.arrow((61, 28.5), (82, 16.5))
    sheet.number((72.5, 24.3), 5)
    sheet.sealed((94, 14), "encrypted\ndata key")
    sheet.page((86, 13.5), "ciphertext", secret=True)


def _get(sheet: Diagram) -> None:
    sheet.arrow((10, 22), (24, 22), "GET", number=6)


def _decrypt(sheet: Diagram) -> None:
    sheet.arrow((63, 36), (83, 36), "Decrypt", shift=-1.5)
    sheet.number((72.5, 38.2), 7)
    sheet.arrow((83, 30.5), (63, 30.5), "plaintext\ndata key", shift=-2.4)
    sheet.key((45, 23.5), "plaintext\ndata key", color=style.DATA_KEY)


def _send(sheet: Diagram) -> None:
    sheet.arrow((82, 9), (60.5, 9), "read")
    sheet.page((57, 10.5), "ciphertext", secret=True)
    sheet.arrow((53.5, 10.5), (36, 10.5))
    sheet.page((31, 10.5), "object")
    sheet.number((44.5, 12.9), 8)
    sheet.arrow((24, 9), (10, 9), "object")


_DRAWN: tuple[Callable[[Diagram], None], ...] = (
    *(_put, _ask, _answer, _encrypt),
    *(_store, _get, _decrypt, _send),
)
