"""Signature Version 4, as AWS KMS signs each request to an XKS proxy and the proxy checks it.

    canonical request   POST │ path │ (no query) │ signed headers │ their names │ SHA-256 of body
    string to sign      AWS4-HMAC-SHA256 │ time │ day/Region/kms-xks-proxy/aws4_request │ its hash
    key of the day      HMAC("AWS4" + secret access key, day)
    signature           HMAC(HMAC(HMAC(HMAC(key of the day, Region), service), "aws4_request"),
                             string to sign)

The first HMAC needs the secret itself: a proxy that keeps it in an HSM has that one done there.
Source: "AWS KMS External Key Store Proxy API Specification", appendix A; "Create a signed AWS API
request" (IAM User Guide).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

SERVICE = "kms-xks-proxy"
ALGORITHM = "AWS4-HMAC-SHA256"
NEEDED = ("host", "x-amz-date")  # headers that must be signed
_HEADER = re.compile(
    rf"{ALGORITHM} Credential=([^/,\s]+)/(\d{{8}})/([^/,\s]+)/([^/,\s]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Who signed with which credential, on which day, for which Region and service."""

    access_key_id: str
    day: str  # as in 20260105
    region: str
    service: str = SERVICE

    @property
    def text(self) -> str:
        """The scope as it is signed."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Signed:
    """What an Authorization header says."""

    scope: Scope
    headers: tuple[str, ...]
    signature: str


def amz_date(seconds: float) -> str:
    """A time as X-Amz-Date writes it, as in 20260105T090000Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def read_date(text: str) -> float | None:
    """The seconds since 1970 of an X-Amz-Date; None for any other text."""
    try:
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() if amz_date(moment.timestamp()) == text else None


def day_key(secret: str, day: str) -> bytes:
    """The key of a day, made of the secret access key itself."""
    return _mac(b"AWS4" + secret.encode(), day)


def signature(key: bytes, scope: Scope, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """The signature of a POST request under a key of the day; `headers` are those signed."""
    names = sorted(headers)
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in names]
    canonical = "\n".join(
        ("POST", path, "", *lines, "", ";".join(names), hashlib.sha256(body).hexdigest())
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((ALGORITHM, headers["x-amz-date"], scope.text, hashed))
    for part in (scope.region, scope.service, "aws4_request"):
        key = _mac(key, part)
    return _mac(key, text).hex()


def authorization(signed: Signed) -> str:
    """The Authorization header."""
    credential = f"{signed.scope.access_key_id}/{signed.scope.text}"
    return (
        f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(signed.headers)}, "
        f"Signature={signed.signature}"
    )


def read(header: str) -> Signed | None:
    """What an Authorization header says; None for a text that is none."""
    found = _HEADER.fullmatch(header)
    if found is None:
        return None
    access_key_id, day, region, service, names, hexed = found.groups()
    return Signed(Scope(access_key_id, day, region, service), tuple(names.split(";")), hexed)


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
