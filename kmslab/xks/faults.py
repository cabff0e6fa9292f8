"""A proxy that misbehaves, for lessons and tests: what AWS KMS may meet at the other end.

slow             answers late
wrong tag        an authentication tag with one bit turned
wrong integrity  an integrity value of something else
wrong plaintext  another plaintext than the one that was encrypted, of the same length
garbage          a body that is no JSON
content type     JSON that calls itself text/html, as an error page of a load balancer would
missing          an answer without its fields
huge             a body without an end
unavailable      a health check that says that the key manager is down
throttled        ThrottlingException, DependencyTimeoutException and InternalException can be
                 had too, by their names
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kmslab.xks.application import Application, Environment, StartResponse
from kmslab.xks.protocol import JSON_TYPE, STATUS, decoded, encoded

Body = dict[str, Any]


def _turned(body: Body, name: str) -> Body:
    if name not in body:
        return body
    data = bytearray(decoded(body, name))
    data[0] ^= 1
    return {**body, name: encoded(bytes(data))}


def _down(body: Body) -> Body:
    fleet = [{**each, "healthStatus": "UNAVAILABLE"} for each in body.get("ekmFleetDetails", ())]
    return {**body, "ekmFleetDetails": fleet} if fleet else body


_CHANGES: Mapping[str, Callable[[Body], Body]] = MappingProxyType(
    {
        "wrong tag": lambda body: _turned(body, "authenticationTag"),
        "wrong integrity": lambda body: _turned(body, "ciphertextDataIntegrityValue"),
        "wrong plaintext": lambda body: _turned(body, "plaintext"),
        "missing": lambda _body: {},
        "unavailable": _down,
    }
)
_RAW = ("garbage", "content type", "huge")
LIES = (*_CHANGES, *_RAW, "ThrottlingException", "DependencyTimeoutException", "InternalException")


class Faulty:
    """The application, and what stands before it: `lie` is one of `LIES`, or empty."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.lie = ""
        self.delay = 0.0  # seconds
        self.closing = threading.Event()  # ends all waiting

    def __call__(self, environ: Environment, start: StartResponse) -> Iterable[bytes]:
        """Answers as the application does, but late or wrong."""
        if self.delay:
            self.closing.wait(self.delay)
        if not self.lie:
            return self.application(environ, start)
        if self.lie in STATUS:
            body = json.dumps({"errorName": self.lie}).encode()
            return _send(start, f"{STATUS[self.lie]} Error", JSON_TYPE, body)
        told: list[str] = []
        whole = b"".join(self.application(environ, lambda status, _headers: told.append(status)))
        if self.lie == "huge":
            start("200 OK", [("Content-Type", JSON_TYPE)])
            return self._endless()
        if self.lie in _CHANGES:
            changed = _CHANGES[self.lie](json.loads(whole))
            return _send(start, told[0], JSON_TYPE, json.dumps(changed).encode())
        kind = "text/html" if self.lie == "content type" else JSON_TYPE
        return _send(start, told[0], kind, b"<html>" if self.lie == "garbage" else whole)

    def _endless(self) -> Iterator[bytes]:
        yield b'{"plaintext": "'
        while not self.closing.is_set():
            yield b"A" * 16_384


def _send(start: StartResponse, status: str, kind: str, body: bytes) -> Iterable[bytes]:
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
