"""Quorum: some operations of admins need the approval of several (M of N).

    generate   an admin asks the cluster for a token: random bytes, and their SHA-256
    sign       others sign that digest, each with an RSA-2048 key of their own, outside the HSM
    approve    the token with the signatures goes along with one operation, and is used up by it

    {"version": "2.0", "approval_data": Base64, "token": Base64 of 32 bytes,
     "signatures": [{"username": "admin2", "signature": Base64}, ...]}

A token lasts ten minutes of lab time, and no longer than the login that asked for it; an admin has
one for a service at a time. The admin's own signature counts like any other's. Services: `user` is
making and deleting users and setting others' passwords, `quorum` is setting the numbers. Sources:
"Using quorum authentication for admins" (first time setup, user management, minimum value). The
signature is RSASSA-PKCS1-v1_5 over the digest, as `openssl pkeyutl -pkeyopt digest:sha256` makes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kmslab.cloudhsm import timing, users
from kmslab.cloudhsm.entering import Entry
from kmslab.cloudhsm.errors import BadRequest, QuorumRequired
from kmslab.cloudhsm.records import Cluster

SERVICES, REGISTRATION = ("user", "quorum"), "registration"
FEWEST, MOST = 2, 8
_REQUIRED = "Quorum approval is required for this operation"  # CloudHSM CLI's words
Token = dict[str, Any]


def generate(entry: Entry, service: str) -> Token:
    """A new token of an admin for a service; the one before is no longer good."""
    if service not in (*SERVICES, REGISTRATION):
        raise BadRequest(f"service={service!r}: one of {', '.join((*SERVICES, REGISTRATION))}")
    user, store = entry.user(), entry.estate.store
    data = entry.estate.serve(
        entry.cluster_id, lambda unit: unit.session.generate_random(32 * 8)
    ) + secrets.token_bytes(8)
    digest = hashlib.sha256(data).hexdigest()
    details = {
        "user": user.name,
        "service": service,
        "created": entry.estate.settings.now(),
        "login": entry.login.path.name,
    }
    with store.transaction():
        for token, known in _tokens(entry).items():
            if (known["user"], known["service"]) == (user.name, service):
                _drop(entry, token)
        store.write(
            "INSERT INTO cloudhsm_token (cluster, token, details) VALUES (?, ?, ?)",
            (entry.cluster_id, digest, json.dumps(details)),
        )
    return {
        "version": "2.0",
        "approval_data": base64.b64encode(data).decode(),
        "token": base64.b64encode(bytes.fromhex(digest)).decode(),
        "signatures": [],
    }


def check(entry: Entry, cluster: Cluster, service: str, approval: Token | None) -> str:
    """The token that allows an operation, to be used up with it; empty where none is needed.

    `QuorumRequired` without enough good signatures of different admins.
    """
    needed = cluster.quorum.get(service, 1)
    if needed < FEWEST:
        return ""
    if approval is None:
        raise QuorumRequired(_REQUIRED)
    token = _digest(approval).hex()
    known = _tokens(entry).get(token)
    if known is None or known["service"] != service or known["login"] != entry.login.path.name:
        raise QuorumRequired(f"{_REQUIRED}: this token is not one of this login for {service}")
    approvers = {name for name in _signed(approval) if _is_good(entry, approval, name)}
    if len(approvers) < needed:
        raise QuorumRequired(f"{_REQUIRED}: {len(approvers)} of {needed} admins approved")
    return token


def use_up(entry: Entry, token: str) -> None:
    """Ends a token; inside the transaction of its operation. One that is gone: `QuorumRequired`."""
    if token and token not in _tokens(entry):
        raise QuorumRequired(_REQUIRED)
    _drop(entry, token)


def registered(entry: Entry, public_key: str, approval: Token) -> tuple[str, str]:
    """A public key (PEM) that its owner has shown to have the private key of, and the token that
    is used up with it."""
    key = _key(public_key)
    known = _tokens(entry).get(_digest(approval).hex())
    if known is None or (known["user"], known["service"]) != (entry.name, REGISTRATION):
        raise BadRequest("the token is not a registration token of this user")
    signature = _signed(approval).get(entry.name, b"")
    if not _verifies(key, signature, _digest(approval)):
        raise BadRequest("the token is not signed with the private key of this public key")
    text = public_key if isinstance(public_key, str) else bytes(public_key).decode()
    return text, _digest(approval).hex()


def checked_value(entry: Entry, service: str, value: int) -> int:
    """How many approvals a service needs: 1 for none, else 2 to 8, not more than admins."""
    if service not in SERVICES:
        raise BadRequest(f"service={service!r}: one of {', '.join(SERVICES)} is due")
    everyone = users.of(entry.estate.store, entry.cluster_id)
    admins = sum(role == users.ADMIN for role, _ in everyone)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise BadRequest(f"value={value!r}: {FEWEST} to {MOST} approvals, or 1 for no quorum")
    if value > admins:
        raise BadRequest(f"value={value}: the cluster has {admins} admins")
    return value


def listed(entry: Entry, cluster: Cluster) -> list[dict[str, Any]]:
    """The tokens that wait, as `quorum token-sign list` shows them."""
    now = entry.estate.settings.now()
    return [
        {
            "username": each["user"],
            "service": each["service"],
            "approvals-required": cluster.quorum.get(each["service"], 1),
            "token-timeout-seconds": int(each["created"] + timing.TOKEN_LIFE - now),
        }
        for each in _tokens(entry).values()
    ]


def _tokens(entry: Entry) -> Mapping[str, Mapping[str, Any]]:
    """The cluster's tokens that have not run out, by digest."""
    rows = entry.estate.store.rows(
        "SELECT token, details FROM cloudhsm_token WHERE cluster = ?", (entry.cluster_id,)
    )
    now, known = entry.estate.settings.now(), {row[0]: json.loads(row[1]) for row in rows}
    return {
        token: each for token, each in known.items() if now < each["created"] + timing.TOKEN_LIFE
    }


def _drop(entry: Entry, token: str) -> None:
    entry.estate.store.write(
        "DELETE FROM cloudhsm_token WHERE cluster = ? AND token = ?", (entry.cluster_id, token)
    )


def _digest(approval: Token) -> bytes:
    try:
        data = base64.b64decode(approval["approval_data"], validate=True)
        digest = base64.b64decode(approval["token"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise BadRequest("this is not a quorum token") from None
    if hashlib.sha256(data).digest() != digest:
        raise BadRequest("the token is not the SHA-256 of its approval data")
    return digest


def _signed(approval: Token) -> dict[str, bytes]:
    """The signatures of a token by user."""
    try:
        return {
            each["username"].lower(): base64.b64decode(each["signature"], validate=True)
            for each in approval["signatures"]
        }
    except (TypeError, KeyError, ValueError, AttributeError):
        raise BadRequest("a signature of the token is not one") from None


def _is_good(entry: Entry, approval: Token, name: str) -> bool:
    user = users.of(entry.estate.store, entry.cluster_id).get((users.ADMIN, name))
    if user is None or not user.public_key:
        return False
    return _verifies(_key(user.public_key), _signed(approval)[name], _digest(approval))


def _verifies(key: rsa.RSAPublicKey, signature: bytes, digest: bytes) -> bool:
    try:
        key.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _key(text: str) -> rsa.RSAPublicKey:
    try:
        key = load_pem_public_key(text.encode() if isinstance(text, str) else text)
    except Exception:  # cryptography's errors for what is no key are of many kinds
        raise BadRequest("this is not a public key in PEM format") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 2048:
        raise BadRequest("an RSA key of 2048 bits is due")
    return key
