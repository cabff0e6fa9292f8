"""Temporary credentials: issued once, kept as the hash of their session token, over in time.

Source: IAM User Guide, "Temporary security credentials in IAM"; AWS STS API Reference.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kmslab.accounts.records import Accounts
from kmslab.accounts.request import when
from kmslab.aws.call import Output
from kmslab.aws.principal import Principal, Session
from kmslab.errors import KmslabError

KEPT_SECONDS = 86_400.0  # how long a session that is over is still known


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller of STS gets. The secrets are shown to nobody else, and not kept."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires: float

    def entry(self) -> Output:
        """As STS answers them."""
        return {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret,
            "SessionToken": self.token,
            "Expiration": when(self.expires),
        }


def issue(accounts: Accounts, who: Principal) -> tuple[Principal, Credentials]:
    """Credentials for a session, and its principal with their access key id.

    Inside a transaction. The records keep a SHA-256 of the session token, nothing more of it.
    """
    if who.session is None:
        raise ValueError(f"{who!r}: a principal with a session is due")
    settings, store = accounts.settings, accounts.store
    principal = replace(who, access_key_id=settings.new_unique_id("ASIA", 16))
    credentials = Credentials(
        principal.access_key_id,
        secret=base64.b64encode(secrets.token_bytes(30)).decode(),
        token=base64.b64encode(secrets.token_bytes(192)).decode(),
        expires=who.session.expires,
    )
    store.append("DELETE FROM temporary WHERE expires < ?", (who.session.created - KEPT_SECONDS,))
    store.append(
        "INSERT INTO temporary VALUES (?, ?, ?, ?)",
        (
            *(principal.access_key_id, _hash(credentials.token), who.session.expires),
            json.dumps(asdict(principal)),
        ),
    )
    return principal, credentials


def bearer(accounts: Accounts, credentials: Mapping[str, Any]) -> Principal:
    """The principal of credentials that STS answered.

    `KmslabError` for those that it did not, in whatever way; the token's hash is compared in
    constant time.
    """
    access_key_id, token = credentials.get("AccessKeyId"), credentials.get("SessionToken")
    if not isinstance(access_key_id, str) or not isinstance(token, str):
        raise KmslabError(
            "credentials: the Credentials of AssumeRole's answer are due, with AccessKeyId, "
            "SecretAccessKey and SessionToken"
        )
    row = accounts.store.row(
        "SELECT token_hash, principal FROM temporary WHERE access_key_id = ?", (access_key_id,)
    )
    known, text = row if row else (bytes(32), "")
    if not hmac.compare_digest(known, _hash(token)) or not row:
        raise KmslabError(f"the session token does not belong to {access_key_id!r}")
    return _principal(json.loads(text))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _principal(kept: dict[str, Any]) -> Principal:
    session = kept.pop("session")
    session["tags"] = tuple((key, value) for key, value in session["tags"])
    for name in ("policies", "transitive"):
        session[name] = tuple(session[name])
    return Principal(**kept, session=Session(**session))
