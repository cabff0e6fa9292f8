"""The encryption flow: how a file is encrypted under a data key, and read again (lesson 06)."""

from __future__ import annotations

from functools import lru_cache, partial

from kmslab.course import style
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture
from kmslab.course.stepper import Step, Story
from kmslab.envelope import Header

NAMES = (
    "Ask for a data key",
    "Two forms of one key",
    "Encrypt the file",
    "Drop the plaintext key",
    "Store both together",
    "Read it again",
)
_PLACES = "Envelope encryption in six steps, between AWS KMS, your program and the disk."
_WORDS = (
    "1: your program calls GenerateDataKey.",
    "2: KMS returns a data key in two forms, plaintext and encrypted under the KMS key.",
    "3: your program encrypts the file with the plaintext data key.",
    "4: it drops the plaintext data key.",
    "5: the encrypted data key and the ciphertext are stored together in one file.",
    "6: to read, it sends the encrypted data key to Decrypt, gets the plaintext data key back and "
    "decrypts the file.",
)
_ALWAYS = "The KMS key stays in the HSM all the time."


def story(header: Header, size: int, name: str = "X-ray") -> Story:
    """The six steps with the values of a learner's own file: its header, and its size in bytes."""
    blob = header.encrypted_data_key
    count = max(1, -(-size // header.frame_bytes))
    frames = f"{count} frame{'s' if count > 1 else ''}"
    context = ", ".join(f"{key} = {value}" for key, value in sorted(header.context.items()))
    texts = (
        f"Your program calls GenerateDataKey with the encryption context {context or '(none)'}. "
        f"KMS does not see the {name}.",
        f"KMS answers with 32 bytes of plaintext data key and the same key encrypted, {len(blob)} "
        f"bytes that begin {blob[:6].hex(' ')}. KMS keeps neither.",
        f"AES-256-GCM turns {size:,} bytes into {frames}, in your program's memory.",
        "From here on, nothing on this side can read the file.",
        f"The file on disk is a header of {len(header.pack())} bytes, which holds the encrypted "
        f"data key, and then the {frames}.",
        f"KMS gets the {len(blob)} bytes of encrypted data key and the context, and returns the 32 "
        f"bytes that open the {name}; then they are dropped again.",
    )
    steps = [
        Step(title, text, partial(_html, number, name))
        for number, (title, text) in enumerate(zip(NAMES, texts, strict=True), start=1)
    ]
    return Story("Envelope encryption", steps)


@lru_cache(maxsize=32)
def picture(until: int = 6, name: str = "X-ray", kind: str = "svg") -> Picture:
    """The flow up to a step; the whole of it is the figure `encryption-flow`."""
    sheet = Diagram(100, 53)
    sheet.place((1, 1), (19, 51), "AWS KMS")
    sheet.hsm((3, 21), (15, 20), "HSM")
    sheet.key((10.2, 32), "KMS key")
    sheet.text((10.5, 25.6), "never leaves", size=9, color=style.QUIET)
    sheet.place((39, 1), (28, 51), "your program")
    sheet.place((82, 1), (17, 51), "disk")
    sheet.page((46, 25), name)
    for draw in (_ask, _answer, _encrypt, _drop, _store, _read)[:until]:
        draw(sheet, name)
    return sheet.picture(" ".join((_PLACES, *_WORDS[:until], _ALWAYS)), kind)


def _html(until: int, name: str) -> str:
    return picture(until, name).html()


def _ask(sheet: Diagram, _name: str) -> None:
    sheet.arrow((40, 45), (19, 45), "GenerateDataKey", number=1)


def _answer(sheet: Diagram, _name: str) -> None:
    sheet.arrow((19, 37), (40, 37), "two forms", number=2)
    sheet.key((46, 40), "plaintext\ndata key", color=style.DATA_KEY)
    sheet.sealed((59.5, 40), "encrypted\ndata key")


def _encrypt(sheet: Diagram, _name: str) -> None:
    sheet.arrow((49.5, 25), (56, 25), number=3)
    sheet.text((53, 23.6), "AES-\n256-\nGCM", size=8, color=style.QUIET, below=True)
    sheet.page((60, 25), "ciphertext", secret=True)


def _drop(sheet: Diagram, _name: str) -> None:
    sheet.cross((46, 40))
    sheet.number((41.4, 43.3), 4)


def _store(sheet: Diagram, _name: str) -> None:
    sheet.arrow((66, 33), (83, 33), "one file", number=5)
    sheet.box((84, 17.5), (13, 29), style.CIPHERTEXT)
    sheet.sealed((90.5, 40), "encrypted\ndata key")
    sheet.page((90.5, 25), "ciphertext", secret=True)


def _read(sheet: Diagram, name: str) -> None:
    sheet.arrow((84, 11), (66, 11), "read", number=6)
    sheet.arrow((40, 13), (19, 13), "Decrypt")
    sheet.arrow((19, 7), (40, 7), "plaintext data key")
    sheet.key((47, 11), "plaintext\ndata key", color=style.DATA_KEY)
    sheet.arrow((51.5, 11), (56, 11))
    sheet.page((60, 11), name)
