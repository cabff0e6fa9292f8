"""An HTTPS server for one WSGI application, on this machine's loopback address only.

The certificate is made anew at each start, signed by itself; whoever calls gets it from the lab
(`Listening.certificate`), as one gets the roots of public certificate authorities in AWS, and
trusts nothing else. TLS 1.2 or later; HTTP/1.1, one request a connection.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from kmslab.xks.protocol import LOOPBACK

IDLE_SECONDS = 10.0  # a caller who says nothing for so long is hung up on
_DAYS = 30
_MOST_LINE = 4_096  # bytes of a request line; the longest path of the API has 256


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and by what its callers know it."""

    port: int
    certificate: str  # PEM


class _Answer(ServerHandler):
    http_version = "1.1"  # wsgiref's own is 1.0; the API asks for 1.1

    def log_exception(self, _: Any) -> None:
        """A caller who hung up is no news."""


class _Handler(WSGIRequestHandler):
    timeout = IDLE_SECONDS

    def log_message(self, *_: Any) -> None:
        """Nothing on the screen: the proxy has a log of its own."""

    def handle(self) -> None:
        """One request; a caller who hangs up or speaks no TLS ends the connection, and no more."""
        try:
            self.raw_requestline = self.rfile.readline(_MOST_LINE + 1)
            if len(self.raw_requestline) > _MOST_LINE or not self.parse_request():
                return
            streams: tuple[Any, Any] = self.rfile, self.wfile
            answer = _Answer(*streams, self.get_stderr(), self.get_environ())
            answer.request_handler = self  # type: ignore[attr-defined]  # as wsgiref itself sets it
            answer.run(self.server.get_app())  # type: ignore[attr-defined]  # a WSGIServer
        except OSError:  # ssl.SSLError, TimeoutError and ConnectionError are among them
            self.close_connection = True


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, application: Any, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__((LOOPBACK, 0), _Handler)
        self.set_app(application)

    def server_bind(self) -> None:
        """Binds, without asking the network for this machine's name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]
        self.setup_environ()

    def get_request(self) -> tuple[Any, Any]:
        """A new connection. TLS is agreed on when its own thread reads from it."""
        connection, address = self.socket.accept()
        connection.settimeout(IDLE_SECONDS)
        wrapped = self._context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        return wrapped, address

    def handle_error(self, *_: Any) -> None:
        """A connection that broke is the caller's trouble."""


class Server:
    """The server, in threads of its own until `close`."""

    def __init__(self, application: Any, host: str) -> None:
        context, certificate = _identity(host)
        self._server = _Server(application, context)
        self.listening = Listening(self._server.server_port, certificate)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name=f"XKS proxy {host}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops listening; whoever calls now is refused."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _identity(host: str) -> tuple[ssl.SSLContext, str]:
    """A TLS context with a new key and certificate for `host`, and the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(Encoding.PEM)
    password = secrets.token_bytes(32).hex()
    private = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, public + private, password)
    return context, public.decode()


def _load(context: ssl.SSLContext, chain: bytes, password: str) -> None:
    """Python's ssl takes keys from files only: this one is encrypted, and gone at once."""
    handle, name = tempfile.mkstemp(prefix="kmslab-tls-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(chain)
        context.load_cert_chain(name, password=password)
    finally:
        Path(name).unlink()
