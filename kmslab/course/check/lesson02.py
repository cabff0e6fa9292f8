"""Checks of lesson 02, KMS keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from itertools import cycle
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kmslab.course.check.exercise import NotYet, exercise, need
from kmslab.lab import Lab

FRANKFURT = "eu-central-1"
RADIOLOGY = {"TagKey": "department", "TagValue": "radiology"}
_TEXT = b"patient 17, 10 drops"
_PROOF_BYTES = 32


def old_keys(lab: Lab) -> int:
    """Fills Frankfurt with the keys of the clinic's past, once; returns how many are there."""
    kms = lab.client("kms", region=FRANKFURT)
    if len(_ids(kms)) < 140:
        departments = cycle(("surgery", "laboratory", "reception"))
        for number in range(1, 140):
            tags = [{"TagKey": "department", "TagValue": next(departments)}]
            kms.create_key(Description=f"old key {number}", Tags=tags)
        early, *_, late = _ids(kms)[40:121]
        for key in (early, late):
            kms.tag_resource(KeyId=key, Tags=[RADIOLOGY])
        kms.disable_key(KeyId=early)
        mac = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
        kms.create_key(Description="old key 140", Tags=[RADIOLOGY], **mac)
    return len(_ids(kms))


@exercise(
    "set answer to a dict of pharmacy, link and laboratory, each the arguments of create_key.",
    'an entry looks like {"KeySpec": "…", "KeyUsage": "…"}; find each need in the map above.',
    "who checks or encrypts without AWS needs a public key; any signature has more than 32 bytes.",
)
def ex1(lab: Lab, answer: object) -> str:
    """Keys for three needs: they are made, and tried."""
    if not isinstance(answer, Mapping):
        raise NotYet(f"a dict is due, not {type(answer).__name__}")
    kms = lab.client("kms")
    for name, tried in _TRIES.items():
        need(name in answer, f"{name} is missing")
        asked = answer[name]
        need(isinstance(asked, Mapping), f"{name}: the arguments of create_key are due, as a dict")
        try:
            made = kms.create_key(**{"Description": "check of lesson 02", **asked})
            tried(kms, made["KeyMetadata"])
        except ClientError as error:
            raise NotYet(f"{name}: {error}") from error
        except NotYet as reason:
            raise NotYet(f"{name}: {reason}") from reason
    return "three keys, and each does the one thing it was made for"


def _pharmacy(kms: Any, key: Mapping[str, Any]) -> None:
    """Somebody else checks: it takes a signature, and a public key."""
    _public(kms, key)
    algorithms = key.get("SigningAlgorithms", [])
    need(algorithms, f"its usage is {key['KeyUsage']}, so it signs nothing")
    said = {"KeyId": key["KeyId"], "Message": _TEXT, "SigningAlgorithm": algorithms[0]}
    kms.verify(**said, Signature=kms.sign(**said)["Signature"])


def _link(kms: Any, key: Mapping[str, Any]) -> None:
    """We check ourselves, and there is little room: a MAC."""
    said = {"KeyId": key["KeyId"], "Message": _TEXT}
    if "MacAlgorithms" in key:
        proof = kms.generate_mac(**said, MacAlgorithm=key["MacAlgorithms"][0])["Mac"]
    elif "SigningAlgorithms" in key:
        proof = kms.sign(**said, SigningAlgorithm=key["SigningAlgorithms"][0])["Signature"]
    else:
        raise NotYet(f"its usage is {key['KeyUsage']}, which proves nothing in so few bytes")
    need(len(proof) <= _PROOF_BYTES, f"its proof has {len(proof)} bytes, and 32 fit into the link")


def _laboratory(kms: Any, key: Mapping[str, Any]) -> None:
    """Somebody without AWS encrypts bytes of their own choice: RSA."""
    public = _public(kms, key)
    can = isinstance(public, rsa.RSAPublicKey)
    need(can, f"with {key['KeySpec']} nobody can encrypt bytes of their own choice")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
    password = secrets.token_bytes(40)
    found = kms.decrypt(
        KeyId=key["KeyId"],
        CiphertextBlob=public.encrypt(password, oaep),
        EncryptionAlgorithm="RSAES_OAEP_SHA_256",
    )
    need(found["Plaintext"] == password, "another password came out")


def _public(kms: Any, key: Mapping[str, Any]) -> Any:
    """The public half of a key, loaded; or `NotYet`."""
    try:
        der = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    except kms.exceptions.UnsupportedOperationException:
        raise NotYet(
            f"{key['KeySpec']} has no public half, so nobody without AWS can use this key"
        ) from None
    return None if key["KeySpec"] == "ML_KEM_512" else load_der_public_key(der)


_TRIES: Mapping[str, Callable[[Any, Mapping[str, Any]], None]] = MappingProxyType(
    {"pharmacy": _pharmacy, "link": _link, "laboratory": _laboratory}
)


@exercise(
    "write a function of (kms, alias) that puts a new key behind the alias.",
    "make a key with create_key, then look for the call that moves an alias.",
    "kms.update_alias(AliasName=alias, TargetKeyId=…), and leave the old key as it is.",
)
def ex2(lab: Lab, answer: Callable[[Any, str], object]) -> str:
    """A new key behind an alias; a program that names the alias must not notice."""
    need(callable(answer), f"a function is due here, and this is a {type(answer).__name__}")
    kms, alias = lab.client("kms"), f"alias/program-{secrets.token_hex(4)}"
    old = kms.create_key(Description="check of lesson 02")["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=old["KeyId"])
    blob = kms.encrypt(KeyId=alias, Plaintext=_TEXT)["CiphertextBlob"]
    answer(kms, alias)
    try:
        encrypted = kms.encrypt(KeyId=alias, Plaintext=_TEXT)
    except ClientError as error:
        raise NotYet(f"the program is refused now: {error}") from error
    need(encrypted["KeyId"] != old["Arn"], "the alias stands for the same key as before")
    _still_opens(kms, blob)
    gone = [event for event in lab.trail().named("DeleteAlias") if alias in str(event)]
    need(not gone, "the trail shows DeleteAlias: for a moment there was no key for the program")
    return "new blobs are under the new key; an old blob names its own key, which has to stay"


@exercise(
    "set answer to the KeyId of the key that fits.",
    "list_keys gives 100 at a time: walk through all pages with frankfurt.get_paginator.",
    "for each key ask describe_key (KeyState, KeySpec) and list_resource_tags.",
)
def ex3(lab: Lab, answer: object) -> str:
    """The one enabled symmetric encryption key of radiology in Frankfurt."""
    need(isinstance(answer, str), f"one key id is due, as text, not {type(answer).__name__}")
    kms = lab.client("kms", region=FRANKFURT)
    try:
        found = kms.describe_key(KeyId=answer)["KeyMetadata"]
    except ClientError as error:
        raise NotYet(f"Frankfurt does not know this key: {error}") from error
    tags = kms.list_resource_tags(KeyId=found["KeyId"])["Tags"]
    need(RADIOLOGY in tags, f"the tags of this key are {tags}")
    need(found["KeySpec"] == "SYMMETRIC_DEFAULT", f"its KeySpec is {found['KeySpec']}")
    need(found["Enabled"], f"its KeyState is {found['KeyState']}")
    return f"it was among {len(_ids(kms))} keys, on the second page of ListKeys"


def _still_opens(kms: Any, blob: bytes) -> None:
    """What was encrypted before the alias moved has to open; or `NotYet`."""
    try:
        found = kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    except ClientError as error:
        raise NotYet(f"the program can't open its old blob now: {error}") from error
    need(found == _TEXT, "the old blob opens, to something else")


def _ids(kms: Any) -> list[str]:
    pages = kms.get_paginator("list_keys").paginate()
    return [key["KeyId"] for page in pages for key in page["Keys"]]
