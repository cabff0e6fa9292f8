"""Checks of lesson 04, Signing, MACs and key agreement."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA384

from kmslab.course.check.exercise import NotYet, exercise, need, need_bytes
from kmslab.course.partners import Dentist, unseal
from kmslab.course.signature import accepts
from kmslab.lab import Lab

Link = tuple[bytes, bytes]
NEW_LINK = b"patient=30&file=letter.txt"
_FILES = 6


def links(kms: Any, portal: Mapping[str, str]) -> list[Link]:
    """Download links of the clinic, each with its MAC; one was changed to another patient.

    The same ones for the same key, so that the cell can be run again.
    """
    chance = random.Random(portal["KeyId"])  # noqa: S311 - which patients, not a secret
    numbers = chance.sample(range(10, 100), _FILES + 1)
    texts = [b"patient=%d&file=letter.txt" % number for number in numbers]
    made = [(text, kms.generate_mac(Message=text, **portal)["Mac"]) for text in texts[1:]]
    place = chance.randrange(_FILES)
    made[place] = texts[0], made[place][1]
    return made


@exercise(
    "set answer to the signature.",
    "the picture is too long for RAW: hash it here, with the hash function of the algorithm.",
    'hashlib.sha384(xray).digest() goes into Message, with MessageType="DIGEST".',
)
def ex1(kms: Any, reports: str, report: bytes, answer: object) -> str:
    """A signature of a long message that a pharmacy accepts."""
    signature = need_bytes(answer, "a signature")
    public = kms.get_public_key(KeyId=reports)["PublicKey"]
    if _accepts(public, report, signature):
        return "KMS saw 48 bytes, and the signature holds for every byte of the picture"
    digest = hashlib.sha384(report).digest()
    need(
        not _accepts(public, digest, signature),
        "this is a signature of the digest, not of the picture: KMS took the digest for a message "
        "and hashed it once more",
    )
    need(
        not _accepts(public, report[:4096], signature),
        "this is a signature of the first 4,096 bytes only: the rest could be changed",
    )
    raise NotYet("the pharmacy refuses it: it is not this key's signature of the picture")


@exercise(
    "set answer to two things: your MAC of new_link, and the link that was forged.",
    "verify_mac each link of the list; of the forged one an exception comes.",
    "except kms.exceptions.KMSInvalidMacException: forged = text",
)
def ex2(kms: Any, portal: Mapping[str, str], links: list[Link], answer: object) -> str:
    """A MAC of a link, and the forged one among others."""
    mac, forged = _two(answer, "the MAC and the forged link")
    mac = need_bytes(mac, "a MAC")
    need(_passes(kms, portal, NEW_LINK, mac), f"this is not the MAC of {NEW_LINK.decode()}")
    wrong = [link for link in links if not _passes(kms, portal, *link)]
    need(forged not in _parts(links, wrong), "the link that you name is genuine")
    need(forged in _parts(wrong, []), "the forged one is one of the six texts of `links`")
    return "the MAC holds for the whole text: another patient or another file needs another MAC"


@exercise(
    "set answer to two things: the public key of your KMS key, and the sealed note.",
    "a KMS key on the dentist's own curve, P-384, with the usage KEY_AGREEMENT.",
    "derive_shared_secret(PublicKey=dentist.public, …), then aes_key(secret, dentist.purpose), "
    "then nonce + AESGCM(key).encrypt(nonce, note, None).",
)
def ex3(lab: Lab, dentist: Dentist, note: bytes, answer: object) -> str:
    """A note sealed for a partner who has no AWS."""
    public, sealed = _two(answer, "the public key and the sealed note")
    public = need_bytes(public, "a public key")
    sealed = need_bytes(sealed, "a sealed note")
    need(note not in sealed, "the note lies open in it")
    try:
        opened = dentist.open(public, sealed)
    except ValueError as error:
        need(not _sealed_raw(dentist, public, sealed), "the raw secret was used as the key: derive")
        raise NotYet(f"the dentist can't open it: {error}") from None
    need(opened == note, "the dentist opens it, and finds another text")
    need(public in _agreement_keys(lab.client("kms")), "the private key to it is not in KMS")
    return "only public keys and the sealed note travelled; the private key is still in the HSM"


def _two(answer: object, what: str) -> tuple[object, object]:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise NotYet(f"two things are due, with a comma between them: {what}")
    return answer[0], answer[1]


def _accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    return accepts(public, message, signature, SHA384)


def _passes(kms: Any, portal: Mapping[str, str], text: bytes, mac: bytes) -> bool:
    try:
        kms.verify_mac(Message=text, Mac=mac, **portal)
    except kms.exceptions.KMSInvalidMacException:
        return False
    return True


def _parts(links: list[Link], without: list[Link]) -> list[object]:
    """All ways to name links: the pair, or its text alone; those in `without` left out."""
    left = [link for link in links if link not in without]
    return [name for text, mac in left for name in ((text, mac), text, text.decode())]


def _sealed_raw(dentist: Dentist, public: bytes, sealed: bytes) -> bool:
    """Whether a note was sealed with the raw secret itself, or the start of it."""
    try:
        unseal(dentist.secret(public)[:32], sealed)
    except ValueError:
        return False
    return True


def _agreement_keys(kms: Any) -> list[bytes]:
    """The public keys of all key pairs for key agreement in the lab."""
    pages = kms.get_paginator("list_keys").paginate()
    names = [entry["KeyId"] for page in pages for entry in page["Keys"]]
    made = [kms.describe_key(KeyId=name)["KeyMetadata"] for name in names]
    fit = [key for key in made if key["KeyUsage"] == "KEY_AGREEMENT" and key["Enabled"]]
    return [kms.get_public_key(KeyId=key["KeyId"])["PublicKey"] for key in fit]
