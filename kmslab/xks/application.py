"""The XKS proxy as a WSGI application: one request in, one JSON answer out.

    405  not POST
    404  a path that is not the proxy's (InvalidUriPathException)
    401  a signature that does not fit (authentication.py)
    400  a body that is no JSON, not of its type, too long, or without what the operation needs
    403  the proxy's own rules refuse the AWS principal ("secondary authorization")

Then the key manager decides. The log keeps each request's metadata and outcome, as the
specification advises, and never a plaintext.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kmslab.errors import HsmError
from kmslab.xks import operations
from kmslab.xks.authentication import Authenticator
from kmslab.xks.key_manager import KeyManager
from kmslab.xks.protocol import JSON_TYPE, MOST_BODY_BYTES, STATUS, ProxyError

_KEY_PATH = re.compile(r"/keys/([a-zA-Z0-9._-]{1,128})/([a-z]+)", re.ASCII)
_MOST_DRAINED = 1024 * 1024  # bytes of a body that is too long
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
StartResponse = Callable[..., Any]
Environment = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request as the proxy's log keeps it."""

    operation: str  # health, metadata, encrypt, decrypt
    key_id: str
    outcome: str  # "ok", or the error's name
    metadata: Mapping[str, Any]  # the requestMetadata: who asked KMS for what


@dataclass(slots=True)
class Application:
    """The proxy. `path` is its XksProxyUriPath; `refused` are principals that its rules refuse."""

    path: str
    manager: KeyManager
    authenticator: Authenticator
    refused: set[str] = field(default_factory=set)
    log: list[LogEntry] = field(default_factory=list)

    def __call__(self, environ: Environment, start: StartResponse) -> Iterable[bytes]:
        """Answers one request (PEP 3333)."""
        if environ["REQUEST_METHOD"] != "POST":
            return _answer(start, 405, {"errorName": "ValidationException"})
        try:
            return _answer(start, 200, self._serve(environ))
        except ProxyError as error:
            body = {"errorName": error.name}
            if error.message:
                body["errorMessage"] = error.message
            return _answer(start, STATUS[error.name], body)

    def _serve(self, environ: Environment) -> dict[str, Any]:
        path: str = environ["PATH_INFO"]
        operation, key_id = self._route(path)
        raw = _body(environ)
        self.authenticator.check(path, _headers(environ), raw)
        outcome, metadata = "ok", dict[str, Any]()
        try:
            body = _parsed(environ, raw)
            metadata.update(_metadata(body))
            if operation != "health" and metadata.get("awsPrincipalArn") in self.refused:
                raise ProxyError("AccessDeniedException")
            return _guarded(operation, self.manager, key_id, body)
        except ProxyError as error:
            outcome = error.name
            raise
        finally:
            self.log.append(LogEntry(operation, key_id, outcome, metadata))

    def _route(self, path: str) -> tuple[str, str]:
        """The operation and the key that a path names."""
        if path == f"{self.path}/health":
            return "health", ""
        found = _KEY_PATH.fullmatch(path.removeprefix(self.path))
        if not path.startswith(self.path) or found is None or found[2] not in operations.ALL:
            raise ProxyError("InvalidUriPathException")
        return found[2], found[1]


def _guarded(
    operation: str, manager: KeyManager, key_id: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """The operation's answer. A key manager that fails is an InternalException."""
    try:
        return operations.ALL[operation](manager, key_id, body)
    except HsmError:
        raise ProxyError("InternalException") from None
    except ProxyError:
        raise
    except Exception:  # a proxy answers, whatever happens inside it
        logging.getLogger(__name__).exception("the XKS proxy failed")
        raise ProxyError("InternalException") from None


def _headers(environ: Environment) -> dict[str, str]:
    """The request's headers by their names in small letters."""
    return {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    } | {"content-type": environ.get("CONTENT_TYPE", "")}


def _body(environ: Environment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    size = int(length) if length.isascii() and length.isdigit() else -1
    if not 0 <= size <= MOST_BODY_BYTES:
        environ["wsgi.input"].read(min(max(size, 0), _MOST_DRAINED))  # so that the answer is heard
        raise ProxyError("ValidationException", f"A body has at most {MOST_BODY_BYTES} bytes.")
    raw: bytes = environ["wsgi.input"].read(size)
    return raw


def _parsed(environ: Environment, raw: bytes) -> Mapping[str, Any]:
    if environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != JSON_TYPE:
        raise ProxyError("ValidationException", f"The Content-Type must be {JSON_TYPE}.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise ProxyError("ValidationException", "The body must be JSON.") from None
    if not isinstance(body, dict):
        raise ProxyError("ValidationException", "The body must be a JSON object.")
    return body


def _metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = body.get("requestMetadata")
    needed = ("kmsOperation", "kmsRequestId")
    if not isinstance(metadata, dict) or not all(
        isinstance(metadata.get(name), str) for name in needed
    ):
        raise ProxyError("ValidationException", f"requestMetadata needs {' and '.join(needed)}.")
    return metadata


def _answer(start: StartResponse, status: int, body: Mapping[str, Any]) -> Iterable[bytes]:
    raw = json.dumps(body).encode()
    headers = [("Content-Type", JSON_TYPE), ("Content-Length", str(len(raw)))]
    start(f"{status} {_REASONS.get(status, 'Error')}", headers)
    return [raw]
