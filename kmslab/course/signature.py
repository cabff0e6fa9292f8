"""The way of a signature from the clinic to a pharmacy that has no AWS (lesson 04)."""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.picture import Picture
from kmslab.course.stepper import Step, Story

NAMES = (
    "Hand out the public key",
    "Hash the message",
    "Sign in the HSM",
    "Send both in the open",
    "The pharmacy hashes",
    "The pharmacy checks",
)
_PLACES = "The way of a signature, from the clinic and AWS KMS, in the open, to a pharmacy."
_WORDS = (
    "1: the pharmacy gets the public key, once.",
    "2: SHA-256 makes a digest of 32 bytes of the prescription.",
    "3: the private key, in the HSM, makes a signature of the digest.",
    "4: prescription and signature travel in the open.",
    "5: the pharmacy makes the digest of what arrived.",
    "6: digest, signature and public key go into the check:",
)


def story(message: bytes, signature: bytes, public: bytes, arrived: bytes | None = None) -> Story:
    """The six steps with a learner's own values; the check at the end is really made.

    `public` is a P-256 key in DER. `arrived` is what the pharmacy gets in place of the message.
    """
    arrived = message if arrived is None else arrived
    changed, good = arrived != message, accepts(public, arrived, signature)
    before, after = (hashlib.sha256(text).digest()[:4].hex(" ") for text in (message, arrived))
    texts = (
        f"The pharmacy gets the public key, {len(public)} bytes, once, in a way that it trusts. "
        "The key is not secret, but it must be the right one.",
        f"SHA-256 turns {len(message)} bytes into a digest of 32, which begins {before}. "
        "Nobody can find another message with the same digest.",
        f"The private key turns the digest into a signature of {len(signature)} bytes. It never "
        "leaves the HSM.",
        "Whoever sees the two can read and copy them, and can't sign anything else."
        + (" Somebody changed the message." if changed else ""),
        f"The digest of what arrived begins {after}: "
        + ("it is another one." if changed else "the same as in step 2."),
        f"Digest, signature and public key {'fit' if good else 'do not fit'} together: the "
        f"prescription is {'accepted' if good else 'REFUSED'}. AWS was not asked.",
    )
    steps = [
        Step(name, text, partial(_html, number, changed, good))
        for number, (name, text) in enumerate(zip(NAMES, texts, strict=True), start=1)
    ]
    return Story("The way of a signature", steps)


def accepts(
    public: bytes, message: bytes, signature: bytes, digest: type[HashAlgorithm] = SHA256
) -> bool:
    """Whether a signature is that of a message, by ECDSA, under a public key in DER."""
    key = load_der_public_key(public)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("a public key on an elliptic curve is due here")
    try:
        key.verify(signature, message, ec.ECDSA(digest()))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=32)
def picture(until: int = 6, changed: bool = False, good: bool = True) -> Picture:
    """The way up to a step."""
    sheet = Diagram(100, 42)
    sheet.place((1, 1), (45, 40), "clinic and AWS KMS")
    sheet.place((48, 1), (14, 40), "on the way")
    sheet.place((64, 1), (35, 40), "pharmacy, no AWS")
    sheet.hsm((28, 19), (15, 17), "HSM")
    sheet.key((35.2, 28.5), "private key")
    sheet.page((8, 14), "prescription")
    for draw in (_hand_out, _hash, _sign)[:until]:
        draw(sheet)
    if until >= 4:
        _send(sheet, changed)
    if until >= 5:
        _digest(sheet, (78.5, 18.5))
        sheet.arrow((75, 21), (78, 21), number=5)
    if until >= 6:
        _check(sheet, good)
    verdict = ("accepted." if good else "refused.",) if until >= 6 else ()
    return sheet.picture(" ".join((_PLACES, *_WORDS[:until], *verdict)))


def _html(until: int, changed: bool, good: bool) -> str:
    return picture(until, changed, good).html()


def _hand_out(sheet: Diagram) -> None:
    sheet.arrow((43.5, 33), (66, 33), number=1, shift=0)
    sheet.key((71.5, 33), "public key", public=True)


def _hash(sheet: Diagram) -> None:
    sheet.arrow((11.5, 14), (16, 14), number=2, shift=1.8)
    _digest(sheet, (16.5, 11.5))


def _sign(sheet: Diagram) -> None:
    sheet.arrow((21, 17), (27.8, 23), number=3)
    sheet.arrow((36, 18.8), (36, 10.5))
    _signature(sheet, 31)


def _send(sheet: Diagram, changed: bool) -> None:
    sheet.arrow((42, 14), (51.5, 14), number=4, shift=1.8)
    sheet.page((55, 22), "changed" if changed else "prescription")
    _signature(sheet, 50)
    sheet.arrow((58.5, 14), (68, 14))
    sheet.page((71.5, 22), "what arrived")
    _signature(sheet, 66.5)


def _digest(sheet: Diagram, corner: Point) -> None:
    sheet.box(corner, (8, 5), style.QUIET, "digest")


def _signature(sheet: Diagram, left: float) -> None:
    sheet.box((left, 5), (10, 5), style.KMS_KEY, "signature")


def _check(sheet: Diagram, good: bool) -> None:
    sheet.arrow((78, 33), (95.5, 16.8))
    sheet.arrow((86.6, 19), (89.5, 16.8))
    sheet.arrow((77, 7.5), (86.3, 11.5), number=6, shift=2)
    color, word = (style.PLAINTEXT, "accepted") if good else (style.DENIED, "REFUSED")
    sheet.box((87, 10), (10.5, 6), color, word)
