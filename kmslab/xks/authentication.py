"""Is a request to the proxy really from AWS KMS? Its signature, its age, and whether it is new.

    signature   made with a credential that the proxy knows, over path, host, time and whole body
    age         within 5 minutes of the proxy's clock, either way (specification, appendix A)
    new         the same signature is not taken twice: a recorded request is worth nothing, even
                within those minutes (the specification asks for the age only)

A refusal never says which of these failed.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping

from kmslab.xks import signing
from kmslab.xks.protocol import ProxyError

SKEW_SECONDS = 300.0
_REFUSED = "The signature of the request is not valid."
DayKey = Callable[[str, str], bytes | None]  # access key id, day → key of the day, if known


class Authenticator:
    """Checks requests. `day_key` asks the key manager, which alone knows the secrets."""

    def __init__(self, day_key: DayKey, now: Callable[[], float]) -> None:
        self._day_key = day_key
        self._now = now
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}  # signature → until when a copy would pass by its age

    def check(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """AuthenticationFailedException for a request that isn't from KMS, now, for the first time.

        `headers` has the request's headers by their names in small letters.
        """
        signed = signing.read(headers.get("authorization", ""))
        if signed is None or not self._fits(signed, path, headers, body):
            raise ProxyError("AuthenticationFailedException", _REFUSED)
        self._take(signed.signature, signing.read_date(headers["x-amz-date"]) or 0.0)

    def _fits(
        self, signed: signing.Signed, path: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        scope, moment = signed.scope, signing.read_date(headers.get("x-amz-date", ""))
        covered = set(signing.NEEDED) <= set(signed.headers) <= set(headers)
        if moment is None or not covered or scope.service != signing.SERVICE:
            return False
        known = self._day_key(scope.access_key_id, scope.day)
        key = known or secrets.token_bytes(32)  # a stranger waits as long for his refusal
        of = {name: headers[name] for name in signed.headers}
        expected = signing.signature(key, scope, path, of, body)
        fits = hmac.compare_digest(expected, signed.signature) and known is not None
        recent = abs(self._now() - moment) <= SKEW_SECONDS
        return fits and recent and headers["x-amz-date"].startswith(scope.day)

    def _take(self, signature: str, moment: float) -> None:
        now = self._now()
        with self._lock:
            self._seen = {name: until for name, until in self._seen.items() if until >= now}
            if signature in self._seen:
                raise ProxyError("AuthenticationFailedException", _REFUSED)
            self._seen[signature] = moment + SKEW_SECONDS
