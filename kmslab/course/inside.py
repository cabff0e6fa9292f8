"""The way of a ciphertext down to the domain key and back, with a learner's own (lesson 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from kmslab.aws import regions
from kmslab.course import pile, style, tries, walk
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture
from kmslab.course.stepper import Step, Story
from kmslab.errors import AwsError
from kmslab.hsm.session import IV_BYTES, MESSAGES_PER_NONCE, NONCE_BYTES, TAG_BYTES
from kmslab.kms.ciphertext import HEADER, Ciphertext
from kmslab.lab import Lab

NAMES = (
    "The blob arrives",
    "Find and ask",
    "Which backing key",
    "The token goes to an HSM",
    "Unwrap it",
    "Derive a key",
    "Check, decrypt, forget",
)
_PLACES = (
    "Decrypt between your program, KMS's hosts with their records, and three HSMs that hold the "
    "same domain key."
)
_WORDS = (
    "1: your program sends the blob.",
    "2: the host finds the KMS key and asks the policies.",
    "3: in the records it finds the key token of the generation that the blob names.",
    "4: token and blob go to one of the HSMs.",
    "5: inside it, the domain key unwraps the token; that gives the backing key.",
    "6: backing key and nonce give a derived key.",
    "7: it checks the tag and decrypts; the plaintext goes back to your program.",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be seen of one Decrypt, none of it secret."""

    blob: bytes = field(repr=False)
    way: walk.Way
    generation: int
    generations: int
    region: str

    @property
    def parts(self) -> Ciphertext:
        """The blob, taken apart."""
        return Ciphertext.unpack(self.blob)


def look(lab: Lab, blob: bytes, context: Mapping[str, str], region: str = regions.DEFAULT) -> Facts:
    """Decrypts a blob and returns what was seen; `ValueError` where it doesn't open."""
    kms: Any = lab.client("kms", region)
    try:
        parts = Ciphertext.unpack(blob)
    except AwsError:
        raise ValueError("this is no blob of a symmetric KMS key") from None
    way = walk.follow(kms.decrypt, CiphertextBlob=blob, EncryptionContext=dict(context))
    if way.outcome != tries.OK:
        raise ValueError(f"this blob and context don't open in {region}: {way.outcome}")
    all_of_key = pile.read(kms, parts.key_id, {"blob": blob})
    number = next(each.number for each in all_of_key if each.blobs)
    return Facts(blob, way, number, len(all_of_key), region)


def story(facts: Facts) -> Story:
    """The seven steps, with a learner's own values."""
    steps = [
        Step(name, text, partial(_html, number))
        for number, (name, text) in enumerate(zip(NAMES, _texts(facts), strict=True), start=1)
    ]
    return Story("Down to the domain key, and back", steps)


def _texts(facts: Facts) -> tuple[str, ...]:
    return (*_texts_of_host(facts), *_texts_of_hsm(facts))


def _texts_of_host(facts: Facts) -> tuple[str, ...]:
    parts = facts.parts
    return (
        f"{len(facts.blob)} bytes: a header of {HEADER.size} in the clear, then what an HSM "
        f"sealed. The header names the KMS key {parts.key_id} and its key material "
        f"{parts.material_id[:8]}…",
        f"The host finds that KMS key in the records of {facts.region}, asks the policies, and "
        "looks at its kind and its state. No HSM has heard of the call so far.",
        f"Key material {parts.material_id[:8]}… is generation {facts.generation} of "
        f"{facts.generations} of this KMS key. Its exported key token lies in the records.",
    )


def _texts_of_hsm(facts: Facts) -> tuple[str, ...]:
    way, nonce = facts.way, facts.parts.sealed[:NONCE_BYTES]
    context = len(way.aad) - HEADER.size
    return (
        f"The token has {len(way.token)} bytes, which begin {way.token[:4].hex(' ')}. This time "
        f"{way.hsm} got it, with the sealed part of the blob; any HSM of the fleet could.",
        f"Inside {way.hsm}, the domain key unwraps the {len(way.token)} bytes: 8 of them are a "
        f"check, and {len(way.token) - 8} are the backing key. It is in the HSM's memory only.",
        f"Backing key and nonce ({NONCE_BYTES} bytes of the blob, which begin "
        f"{nonce[:4].hex(' ')}) give a derived key. The HSM used the same nonce for up to "
        f"{MESSAGES_PER_NONCE:,} messages.",
        f"AES-256-GCM, with an IV of {IV_BYTES} bytes, checks the tag of {TAG_BYTES}. It covers "
        f"{len(way.aad)} bytes of AAD: {HEADER.size} of header and {context} of encryption "
        f"context. {len(facts.blob) - _OVERHEAD} bytes of plaintext go back, and KMS keeps none.",
    )


_OVERHEAD = HEADER.size + NONCE_BYTES + IV_BYTES + TAG_BYTES


@lru_cache(maxsize=32)
def picture(until: int = 7, kind: str = "svg") -> Picture:
    """The way up to a step; the whole of it is the figure `hsm-fleet`."""
    sheet = Diagram(100, 54)
    sheet.place((1, 1), (17, 52), "your program")
    sheet.place((24, 1), (25, 52), "AWS KMS, a host")
    sheet.box(
        (27, 6), (19, 13), style.CIPHERTEXT, "records on disk:\na key token for\neach generation"
    )
    sheet.hsm((55, 18), (44, 35), "HSM")
    sheet.key((63, 44), "domain key", color=style.INK)
    for left in (55, 78):
        sheet.hsm((left, 1), (21, 15), "HSM")
        sheet.key((left + 10.5, 8.4), "same domain key", color=style.INK)
    for draw in (_arrive, _ask, _find, _send, _unwrap, _derive, _decrypt)[:until]:
        draw(sheet)
    return sheet.picture(" ".join((_PLACES, *_WORDS[:until])), kind)


def _html(until: int) -> str:
    return picture(until).html()


def _arrive(sheet: Diagram) -> None:
    sheet.page((9.5, 43.5), "blob", secret=True)
    sheet.arrow((13, 43.5), (27, 43.5), number=1, shift=2.4)


def _ask(sheet: Diagram) -> None:
    sheet.box((27, 31), (19, 16), style.KMS_KEY, "find the KMS key,\nask the policies")
    sheet.number((36.5, 47), 2)


def _find(sheet: Diagram) -> None:
    sheet.arrow((36.5, 31), (36.5, 19))
    sheet.text((42.2, 25), "generation", size=9)
    sheet.number((33.6, 25), 3)


def _send(sheet: Diagram) -> None:
    sheet.arrow((46, 14), (61, 23.5))
    sheet.text((51.4, 11), "token,\nblob", size=9)
    sheet.number((52, 20.6), 4)


def _unwrap(sheet: Diagram) -> None:
    sheet.arrow((67.5, 44), (73, 44), number=5)
    sheet.key((78, 44), "backing key")


def _derive(sheet: Diagram) -> None:
    sheet.arrow((82.5, 44), (87, 44), number=6)
    sheet.key((92.3, 44), "derived key", color=style.DATA_KEY)


def _decrypt(sheet: Diagram) -> None:
    sheet.arrow((91.5, 38.8), (81, 33))
    sheet.number((88.3, 33.8), 7)
    sheet.page((77, 31.5), "the tag is right")
    sheet.arrow((73.5, 34), (46.2, 34))
    sheet.arrow((27, 34), (13, 31.5))
    sheet.page((9.5, 30), "plaintext")
