"""Checks of lesson 05, Data keys."""

from __future__ import annotations

import os
import secrets
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kmslab.course.check.exercise import exercise, need, need_bytes, opened
from kmslab.lab import Lab

Record = dict[str, Any]
BACKUP = {"table": "backup"}


def found(lab: Lab, key: str) -> Record:
    """A record as another program stored it: nobody knows its text before KMS was asked."""
    context = {"table": "found"}
    made = lab.client("kms").generate_data_key(
        KeyId=key, KeySpec="AES_256", EncryptionContext=context
    )
    nonce, text = os.urandom(12), f"The safe is behind picture {secrets.randbelow(1000)}."
    data = AESGCM(made["Plaintext"]).encrypt(nonce, text.encode(), None)
    return {"key": made["CiphertextBlob"], "context": context, "nonce": nonce, "data": data}


@exercise(
    "call KMS once and set answer to the encrypted data key.",
    "one of the two GenerateDataKey operations never shows the plaintext.",
    "kms.generate_data_key_without_plaintext(…)",
)
def ex1(lab: Lab, answer: object) -> str:
    """An encrypted data key whose plaintext form the caller never had."""
    blob = need_bytes(answer, "an encrypted data key")
    data_key = opened(lab.client("kms"), blob, BACKUP)
    need(len(data_key) == 32, f"a 256-bit data key has 32 bytes, this one has {len(data_key)}")
    made = [event for event in lab.trail().named(*_MAKING) if _context(event) == BACKUP]
    need(made, f"no data key was made with the context {BACKUP}")
    need(
        made[-1]["eventName"] == "GenerateDataKeyWithoutPlaintext",
        f"the trail shows {made[-1]['eventName']}: your program had the plaintext data key",
    )
    return "the backup program can be given this, and reads nothing until KMS opens it"


@exercise(
    "set answer to the text in `found`, as bytes.",
    "first let KMS open found['key']; the context is the one in found['context'].",
    "AESGCM(data_key).decrypt(found['nonce'], found['data'], None)",
)
def ex2(lab: Lab, found: Record, answer: object) -> str:
    """The text of a record that somebody else stored."""
    text = need_bytes(answer, "the text")
    need(text != b"", "this is empty")
    data_key = opened(lab.client("kms"), found["key"], found["context"])
    right = AESGCM(data_key).decrypt(found["nonce"], found["data"], None)
    need(text == right, f"these {len(text):,} bytes are not the text")
    return "whoever may call Decrypt with the KMS key can do this, and nobody else"


@exercise(
    "set answer to the data key of `record`, encrypted under the archive's KMS key.",
    "Decrypt and Encrypt would do, but then your program holds the plaintext data key.",
    "kms.re_encrypt(CiphertextBlob=…, SourceEncryptionContext=…, DestinationKeyId=archive, …)",
)
def ex3(lab: Lab, record: Record, archive: str, answer: object) -> str:
    """A data key moved to another KMS key inside KMS."""
    kms, blob = lab.client("kms"), need_bytes(answer, "an encrypted data key")
    need(blob != record["key"], "this is the record's own encrypted data key, not moved yet")
    wrapping = kms.describe_key(KeyId=archive)["KeyMetadata"]["Arn"]
    moved = opened(kms, blob, record["context"], wrapping)
    need(moved == opened(kms, record["key"], record["context"]), "another data key is in it")
    events = lab.trail().named("Encrypt", "ReEncrypt")
    made = [event for event in events if wrapping in map(_arn, event["resources"][-1:])]
    last = made[-1]["eventName"] if made else "neither Encrypt nor ReEncrypt"
    need(last == "ReEncrypt", f"the trail shows {last} with the archive's key, not ReEncrypt")
    return "the data was not touched: only 126 bytes are new, and no program saw the data key"


_MAKING = ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "Encrypt")


def _arn(resource: dict[str, str]) -> str:
    return resource["ARN"]


def _context(event: dict[str, Any]) -> dict[str, str]:
    return (event["requestParameters"] or {}).get("encryptionContext") or {}
