"""Tokens that KMS hands out and reads again: grant tokens and import tokens; and material ids.

    token = base64url( JSON of its facts │ HMAC-SHA256 over its kind and the JSON )

KMS keeps no list of them: the MAC, made in an HSM under a key of the lab's own, shows that a token
is KMS's. AWS says of its tokens only that they are opaque, so don't take them apart.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from typing import Any

from kmslab.hsm.kinds import Kind
from kmslab.kms.request import Rooms

SERVICE_KEY = Kind("HMAC", "SIGN", 256)
_MAC_BYTES = 32


def issue(rooms: Rooms, kind: str, facts: dict[str, Any]) -> str:
    """A new token; no two are the same."""
    body = json.dumps({**facts, "nonce": secrets.token_hex(8)}).encode()
    return base64.urlsafe_b64encode(body + _mac(rooms, kind, body)).decode()


def read(rooms: Rooms, kind: str, token: str | bytes) -> dict[str, Any] | None:
    """The facts of a token that `issue` made for this kind; None for any other text."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        return None
    given = token.encode() if isinstance(token, str) else token
    body, tag = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if base64.urlsafe_b64encode(raw) != given:  # base64 lets bits at its end differ
        return None
    if not hmac.compare_digest(tag, _mac(rooms, kind, body)):
        return None
    facts: dict[str, Any] = json.loads(body)
    return facts


def fingerprint(rooms: Rooms, key_id: str, material: bytes) -> str:
    """The id of imported key material: the same bytes get the same id again, for this key only.

    A plain hash would let anyone who sees the id test a guess; this one takes an HSM's key.
    """
    return _mac(rooms, "material", key_id.encode() + b"\0" + material).hex()


def _mac(rooms: Rooms, kind: str, body: bytes) -> bytes:
    token = rooms.settings.service_token(
        lambda: rooms.fleet.renewed(SERVICE_KEY, rooms.fleet.generate(SERVICE_KEY).token)
    )
    return rooms.fleet.mac(SERVICE_KEY, token, "sha256", kind.encode() + b"\0" + body)
