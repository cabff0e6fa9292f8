"""One request of KMS to an XKS proxy: connected, signed, sent, and its answer read with suspicion.

    name        looked up among the lab's own proxies; the connection goes to this machine only
    TLS         1.2 or later, to the certificate that the lab knows for the name, and no other
    signature   Version 4, with the credential of the key store
    time        `TIMEOUT_SECONDS` for everything together, then the connection is cut
    answer      at most `MOST_BODY_BYTES`, of type application/json, a JSON object

AWS gives a proxy 250 ms. Here it is seconds, since a busy laptop may take longer than that for
no reason that would teach anything; a proxy that is slow on purpose is slower.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kmslab.kms.stores.failures import ProxyTrouble
from kmslab.xks import signing
from kmslab.xks.protocol import JSON_TYPE, LOOPBACK, MOST_BODY_BYTES, STATUS

TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where a proxy is, and who KMS is to it."""

    host: str
    path: str
    port: int
    certificate: str = field(repr=False)
    region: str
    access_key_id: str
    secret: str = field(repr=False)


def ask(target: Target, operation: str, body: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The proxy's answer to `POST {path}/{operation}`; `ProxyTrouble` for anything else."""
    path, raw = f"{target.path}/{operation}", json.dumps(body).encode()
    status, kind, answer = _exchange(target, path, _headers(target, path, raw, now), raw)
    if kind.split(";")[0].strip().lower() != JSON_TYPE:
        raise ProxyTrouble("unclear")
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        raise ProxyTrouble("unclear") from None
    if not isinstance(read, dict):
        raise ProxyTrouble("unclear")
    if status != 200:
        name = read.get("errorName")
        if not isinstance(name, str) or name not in STATUS:
            name = "unclear"
        raise ProxyTrouble(name)
    return read


def _headers(target: Target, path: str, body: bytes, now: float) -> dict[str, str]:
    date = signing.amz_date(now)
    signed = {"host": target.host, "x-amz-date": date}
    scope = signing.Scope(target.access_key_id, date[:8], target.region)
    key = signing.day_key(target.secret, scope.day)
    made = signing.signature(key, scope, path, signed, body)
    header = signing.authorization(signing.Signed(scope, tuple(sorted(signed)), made))
    return {**signed, "content-type": JSON_TYPE, "authorization": header}


def _exchange(
    target: Target, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, str, bytes]:
    """Status, Content-Type and body of an answer."""
    try:
        plain = socket.create_connection((LOOPBACK, target.port), TIMEOUT_SECONDS)
    except OSError:
        raise ProxyTrouble("no connection") from None
    late = threading.Event()
    with plain.dup() as end, plain:  # `end` stays when TLS takes the socket over
        timer = threading.Timer(TIMEOUT_SECONDS, _cut, (end, late))
        timer.daemon = True
        timer.start()
        try:
            answer = _talk(target, plain, path, headers, body)
            if late.is_set():  # what came in time may be a part only
                raise TimeoutError
            return answer
        except TimeoutError:
            raise ProxyTrouble("timeout") from None
        except (ProxyTrouble, OSError, http.client.HTTPException, ValueError) as error:
            kind = error.kind if isinstance(error, ProxyTrouble) else "unclear"
            raise ProxyTrouble("timeout" if late.is_set() else kind) from None
        finally:
            timer.cancel()


def _cut(end: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _talk(
    target: Target, plain: socket.socket, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, str, bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=target.certificate)
    connection = http.client.HTTPConnection(target.host, timeout=TIMEOUT_SECONDS)
    try:
        encrypted = context.wrap_socket(plain, server_hostname=target.host)
    except ssl.SSLError:
        raise ProxyTrouble("no TLS") from None
    with encrypted:
        connection.sock = encrypted
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        raw = answer.read(MOST_BODY_BYTES + 1)
    if len(raw) > MOST_BODY_BYTES:
        raise ValueError("the answer is too long")
    return answer.status, answer.getheader("Content-Type", ""), raw
