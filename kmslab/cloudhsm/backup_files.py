"""A backup's file: everything that is in an HSM, encrypted in it before it gets out.

    {"head": {...},                 backup, history, mode: in clear, covered by the tag
     "ebk":  40 bytes,              the ephemeral backup key, made for it, under the cluster key
     "body": IV, ciphertext, tag}   AES-256-GCM under the ephemeral backup key, of

    {"users": [...], "quorum": {...}, "keys": [[record, key under the cluster key], ...]}

Only an HSM that has the cluster key of this history opens it, and each key once more. Passwords are
in it as the hashes that the HSM keeps. AWS's backups use AES key wrapping for all of it, and are
encrypted once more by AWS KMS in Amazon S3 ("AWS CloudHSM cluster backups").
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from kmslab.cloudhsm import keys
from kmslab.cloudhsm.errors import CryptoRefused
from kmslab.cloudhsm.keys import KeyRecord
from kmslab.cloudhsm.unit import Unit

IV_BYTES, TAG_BITS = 12, 128
_FOR_ALL = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
Content = dict[str, Any]


def write(
    path: Path, unit: Unit, head: dict[str, str], content: Content, held: list[KeyRecord]
) -> None:
    """Writes a backup of what an HSM holds; whole or not at all."""
    with unit.lock:
        sealed = [[asdict(key), unit.give(key).hex()] for key in held]
        body = json.dumps({**content, "keys": sealed}).encode()
        key: Any = unit.session.generate_key(
            KeyType.AES,
            256,
            store=False,
            capabilities=_FOR_ALL,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True},
        )
        wrapped = unit.cluster_key.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP)
        iv = unit.session.generate_random(IV_BYTES * 8)
        ciphertext = key.encrypt(
            body, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(iv, _aad(head), TAG_BITS)
        )
        key.destroy()
    whole = {"head": head, "ebk": wrapped.hex(), "body": (iv + ciphertext).hex()}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(whole, file)
    draft.rename(path)


def read(path: Path, unit: Unit) -> tuple[Content, list[tuple[KeyRecord, bytes]]]:
    """Opens a backup in an HSM: users and quorum, and each key under the cluster key.

    `CryptoRefused` where the file is damaged or of another history.
    """
    try:
        whole = json.loads(path.read_text())
        body, aad = bytes.fromhex(whole["body"]), _aad(whole["head"])
        content = json.loads(_opened(unit, bytes.fromhex(whole["ebk"]), body, aad))
    except (OSError, ValueError, KeyError, TypeError, PKCS11Error) as error:
        raise CryptoRefused(
            f"{path.stem} doesn't open in {unit.id}: {type(error).__name__}"
        ) from None
    held = [
        (keys.from_json(record.pop("handle"), json.dumps(record)), bytes.fromhex(wrapped))
        for record, wrapped in content.pop("keys")
    ]
    return content, held


def _opened(unit: Unit, ebk: bytes, body: bytes, aad: bytes) -> bytes:
    with unit.lock:
        key = unit.cluster_key.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            ebk,
            mechanism=Mechanism.AES_KEY_WRAP,
            store=False,
            capabilities=_FOR_ALL,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        parameters = GCMParams(body[:IV_BYTES], aad, TAG_BITS)
        plain: bytes = key.decrypt(
            body[IV_BYTES:], mechanism=Mechanism.AES_GCM, mechanism_param=parameters
        )
        key.destroy()
        return plain


def _aad(head: dict[str, str]) -> bytes:
    return json.dumps(head, sort_keys=True).encode()
