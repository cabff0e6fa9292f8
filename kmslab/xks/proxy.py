"""An XKS proxy as its owner handles it: keys, credentials, and the plug.

    with lab.xks_proxy("keys.example.com") as proxy:
        external = proxy.new_key()                        AES-256, in the proxy's own HSM
        kms.create_custom_key_store(
            CustomKeyStoreName="ours",
            CustomKeyStoreType="EXTERNAL_KEY_STORE",
            **proxy.configuration,
        )
        proxy.unplug()                                    nobody at AWS decrypts anything now
        proxy.plug_in()

What is left out on a laptop: a public name and certificate (the lab keeps both for the proxy: see
`server.py`), port 443, and a network between KMS and the proxy.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kmslab.xks.application import Application, LogEntry
from kmslab.xks.authentication import Authenticator
from kmslab.xks.faults import LIES, Faulty
from kmslab.xks.key_manager import ExternalKey, KeyManager
from kmslab.xks.protocol import PATH_END
from kmslab.xks.server import Listening, Server

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.ASCII)
_MOST_HOST = 100  # characters; the whole endpoint has at most 128
Announce = Callable[[str, Listening | None], None]


class Configuration(dict[str, Any]):
    """What KMS has to be told of a proxy; shows no secret when it is printed."""

    def __repr__(self) -> str:
        name = "XksProxyAuthenticationCredential"
        shown = {**self, name: {**self[name], "RawSecretAccessKey": "…"}}
        return repr(shown)


class XksProxy:
    """An external key store proxy that listens on this machine, until `close`."""

    def __init__(
        self, folder: Path, host: str, now: Callable[[], float], announce: Announce
    ) -> None:
        """Starts the proxy of `host`, whose HSM lies in `folder`; made first where it is new.

        `now` is the clock by which it judges how old a request is. `announce(host, where)` tells
        the rest of the lab where it listens, or with None that it doesn't.
        """
        if not isinstance(host, str) or len(host) > _MOST_HOST or not _HOST.fullmatch(host):
            raise ValueError(f"host={host!r}: a name such as 'keys.example.com' is due")
        self.host = host
        self.path = PATH_END
        self._announce = announce
        self._lock = _alone(folder / host)
        self._manager = KeyManager(folder / host / "ekm")
        authenticator = Authenticator(self._manager.day_key, now)
        self._application = Application(self.path, self._manager, authenticator)
        self._faulty = Faulty(self._application)
        self._server: Server | None = None
        self._credential = self._add_credential()
        self.plug_in()

    @property
    def configuration(self) -> Configuration:
        """The proxy's parameters of CreateCustomKeyStore. The secret in it is the credential's."""
        access_key_id, secret = self._credential
        return Configuration(
            XksProxyUriEndpoint=f"https://{self.host}",
            XksProxyUriPath=self.path,
            XksProxyConnectivity="PUBLIC_ENDPOINT",
            XksProxyAuthenticationCredential={
                "AccessKeyId": access_key_id,
                "RawSecretAccessKey": secret,
            },
        )

    def new_key(
        self, key_id: str = "", *, bits: int = 256, usage: tuple[str, ...] = ("ENCRYPT", "DECRYPT")
    ) -> str:
        """Makes an external key; returns its id. KMS takes AES-256 keys that do both only."""
        return self._manager.new_key(key_id, bits=bits, usage=usage)

    def describe(self, key_id: str) -> ExternalKey:
        """What a key is."""
        return self._manager.describe(key_id)

    def enable(self, key_id: str) -> None:
        """Switches a key on."""
        self._manager.enable(key_id)

    def disable(self, key_id: str) -> None:
        """Switches a key off: no KMS key does anything with it until it is on again."""
        self._manager.enable(key_id, False)

    def delete_key(self, key_id: str) -> None:
        """Destroys a key: what was encrypted with it stays so."""
        self._manager.delete_key(key_id)

    def new_credential(self) -> Configuration:
        """A new credential, beside the old ones: KMS is told with UpdateCustomKeyStore."""
        self._credential = self._add_credential()
        return self.configuration

    def forget_old_credentials(self) -> None:
        """Takes the newest credential only."""
        for name in self._manager.credentials():
            if name != self._credential[0]:
                self._manager.drop_credential(name)

    def refuse(self, principal_arn: str) -> None:
        """The proxy's own rule: no request that this AWS principal is behind."""
        self._application.refused.add(principal_arn)

    def allow(self, principal_arn: str) -> None:
        """Takes back what `refuse` said."""
        self._application.refused.discard(principal_arn)

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """What was asked of the proxy by those who could sign for it, oldest first."""
        return tuple(self._application.log)

    def unplug(self) -> None:
        """Pulls the plug: KMS gets no connection."""
        if self._server is not None:
            self._faulty.closing.set()
            self._server.close()
            self._server = None

    def plug_in(self) -> None:
        """Listens again."""
        if self._server is None:
            self._faulty.closing.clear()
            self._server = Server(self._faulty, self.host)
            self._announce(self.host, self._server.listening)

    def slow(self, seconds: float) -> None:
        """From now on, each answer waits; 0 ends that."""
        self._faulty.delay = float(seconds)

    def lie(self, how: str = "") -> None:
        """From now on, answers are wrong in one of the ways of `xks/faults.py`; "" ends that."""
        if how and how not in LIES:
            raise ValueError(f"how={how!r}: one of {', '.join(LIES)} is due")
        self._faulty.lie = how

    def close(self) -> None:
        """Ends the proxy. Its HSM and keys stay, for the next start under the same name."""
        if self._lock >= 0:
            self.unplug()
            self._announce(self.host, None)
            self._manager.switch_off()
            os.close(self._lock)
            self._lock = -1

    def _add_credential(self) -> tuple[str, str]:
        access_key_id = base64.b32encode(secrets.token_bytes(15)).decode()
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self._manager.add_credential(access_key_id, secret)
        return access_key_id, secret

    def __enter__(self) -> XksProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<XksProxy {self.host}, {'plugged in' if self._server else 'unplugged'}>"


def _alone(folder: Path) -> int:
    """Holds the proxy's lock file as long as it runs; `ValueError` where another process does."""
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    lock = os.open(folder / "running.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ValueError(f"the proxy {folder.name} is running already") from None
    return lock
