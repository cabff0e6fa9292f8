"""Requests that go on while something is done to the HSMs, and what HSMs say to operators."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kmslab.course import tries
from kmslab.errors import HsmError

LEAST = 5  # requests before anything is done, and after it
_PATIENCE_SECONDS = 20.0


class Requests:
    """A program that encrypts and decrypts without a pause; `refused` counts what it was told."""

    def __init__(self, kms: Any, key: str) -> None:
        self._kms, self._key = kms, key
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.answered = 0
        self.refused: Counter[str] = Counter()

    def start(self) -> None:
        """Begins, and returns when some requests were made."""
        self._thread.start()
        self._wait()

    def end(self) -> None:
        """Has some more requests made, and ends."""
        self._wait()
        self._ended.set()
        self._thread.join()

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        due = self._count() + LEAST
        while self._count() < due and time.monotonic() < until:
            time.sleep(0.002)

    def _count(self) -> int:
        return self.answered + self.refused.total()

    def _work(self) -> None:
        while not self._ended.is_set():
            said = tries.outcome(self._request)
            if said == tries.OK:
                self.answered += 1
            else:
                self.refused[said] += 1

    def _request(self) -> None:
        blob = self._kms.encrypt(KeyId=self._key, Plaintext=b"a request")["CiphertextBlob"]
        self._kms.decrypt(CiphertextBlob=blob)

    def __repr__(self) -> str:
        said = ", ".join(f"{count} by {code}" for code, count in self.refused.items()) or "none"
        some = "some" if self.answered else "none"
        return f"<Requests: answered {some}, refused {said}>"


@contextmanager
def running(kms: Any, key: str) -> Iterator[Requests]:
    """Requests to a KMS key for as long as the `with` block takes, and a few before and after."""
    requests = Requests(kms, key)
    requests.start()
    try:
        yield requests
    finally:
        requests.end()


def said(do: Callable[..., object], *arguments: object) -> str:
    """Does something with HSMs: "ok", or the name of what they refuse it with."""
    try:
        do(*arguments)
    except HsmError as error:
        return type(error).__name__
    return tries.OK
