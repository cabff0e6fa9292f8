"""Four uses of keys that are not for encryption: who holds which key, and who can do what (04)."""

from __future__ import annotations

from functools import lru_cache

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.picture import Picture

ALT = (
    "Four ways to use a key of AWS KMS, each with who holds which key. "
    "Signature: KMS holds the private key in an HSM, the pharmacy has the public key; message and "
    "signature go to the pharmacy. Only the private key makes one, everyone can check it. "
    "MAC: KMS holds one secret key; two programs of the clinic call GenerateMac and VerifyMac. "
    "Only who may ask KMS makes and checks one. "
    "Key agreement: KMS and the partner each hold a private key of their own and exchange public "
    "keys; both work out the same secret, which does not travel. "
    "Encapsulation: the partner has the public key, makes a secret and sends it sealed to KMS, "
    "which alone opens it with the private key."
)
_WIDTH, _HEIGHT = 48.0, 32.0


@lru_cache
def picture(kind: str = "svg") -> Picture:
    """The figure `sign-and-mac`."""
    sheet = Diagram(100, 67)
    right, upper = _WIDTH + 3, _HEIGHT + 2
    _signature(sheet, (1, upper))
    _mac(sheet, (right, upper))
    _agreement(sheet, (1, 1))
    _encapsulation(sheet, (right, 1))
    return sheet.picture(ALT, kind)


def _signature(sheet: Diagram, corner: Point) -> None:
    x, y = _panel(
        sheet,
        corner,
        "signature: Sign, Verify",
        "makes one: the private key, in KMS only",
        "checks it: everyone with the public key",
    )
    _kms(sheet, (x + 2, y + 11), "private key")
    sheet.arrow((x + 17, y + 18), (x + 30.5, y + 18), "message,\nsignature", shift=2.5)
    sheet.principal((x + 35, y + 18.5), "pharmacy")
    sheet.key((x + 42.5, y + 18.5), "public\nkey", public=True)


def _mac(sheet: Diagram, corner: Point) -> None:
    x, y = _panel(
        sheet,
        corner,
        "MAC: GenerateMac, VerifyMac",
        "makes and checks one: the one secret key, in KMS only,",
        "for the programs that may ask KMS",
    )
    sheet.principal((x + 5, y + 18.5), "portal")
    sheet.arrow((x + 8.5, y + 18), (x + 16.5, y + 18), "make")
    _kms(sheet, (x + 17, y + 11), "HMAC key")
    sheet.principal((x + 43, y + 18.5), "file server")
    sheet.arrow((x + 39.5, y + 18), (x + 31.5, y + 18), "check")


def _agreement(sheet: Diagram, corner: Point) -> None:
    x, y = _panel(
        sheet,
        corner,
        "agreement: DeriveSharedSecret",
        "works it out: each private key",
        "with the other side's public key",
    )
    _kms(sheet, (x + 2, y + 13), "private key")
    sheet.arrow((x + 17, y + 22), (x + 31, y + 22), "public key")
    sheet.arrow((x + 31, y + 17), (x + 17, y + 17), "public key")
    sheet.principal((x + 35, y + 20.5), "partner")
    sheet.key((x + 42.5, y + 20.5), "own\nprivate key", color=style.INK)
    _secret(sheet, corner)


def _encapsulation(sheet: Diagram, corner: Point) -> None:
    x, y = _panel(
        sheet,
        corner,
        "encapsulation: Encapsulate, Decapsulate",
        "makes and seals it: everyone with the public key",
        "opens it: the private key, in KMS only",
    )
    _kms(sheet, (x + 2, y + 13), "private key")
    sheet.arrow((x + 31, y + 16.5), (x + 17, y + 16.5), "sealed secret")
    sheet.sealed((x + 24, y + 22))
    sheet.principal((x + 35, y + 20.5), "partner")
    sheet.key((x + 42.5, y + 20.5), "public\nkey", public=True)
    _secret(sheet, corner)


def _panel(sheet: Diagram, corner: Point, name: str, *sentences: str) -> Point:
    """A dashed frame with two lines at the bottom: who can do what."""
    x, y = corner
    sheet.place(corner, (_WIDTH, _HEIGHT), name)
    for height, sentence in zip((4.6, 2.2), sentences, strict=True):
        sheet.text((x + _WIDTH / 2, y + height), sentence, size=9)
    return corner


def _kms(sheet: Diagram, corner: Point, name: str) -> None:
    x, y = corner
    sheet.hsm(corner, (14, 14), "KMS")
    sheet.key((x + 6.3, y + 7.4), name)


def _secret(sheet: Diagram, corner: Point) -> None:
    """The secret that both sides have in the end."""
    x, y = corner
    for side in (8.3, 42.5):
        sheet.key((x + side, y + 9.6), color=style.DATA_KEY)
    sheet.text((x + 25.2, y + 9.6), "the same secret here and there", size=9)
