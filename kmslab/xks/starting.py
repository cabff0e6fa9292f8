"""Starts an XKS proxy for a lab, and tells the lab where it listens.

The proxy runs in threads of the process that started it. Its clock is the lab's: read through a
connection to the records of its own, as KMS may hold the other one while it waits for the proxy.
"""

from __future__ import annotations

from pathlib import Path

from kmslab.settings import Settings
from kmslab.store import Store
from kmslab.xks.proxy import XksProxy
from kmslab.xks.server import Listening


def start(folder: Path, records: Store, host: str) -> XksProxy:
    """The proxy of this name, running; its HSM lies below `folder`."""
    own = Store(records.path)

    def announce(host: str, where: Listening | None) -> None:
        records.write("DELETE FROM xks_host WHERE host = ?", (host,))
        if where is not None:
            row = host, where.port, where.certificate
            records.write("INSERT INTO xks_host VALUES (?, ?, ?)", row)
        else:
            own.close()

    try:
        return XksProxy(folder, host, Settings(own, None).now, announce)
    except BaseException:
        own.close()
        raise
