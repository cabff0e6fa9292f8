"""Requests that run while something is done to the HSMs: in threads, and in another process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from expect import start

from kmslab import Lab


class Client:
    """Makes keys, encrypts, decrypts and signs in a row, and looks at every answer."""

    def __init__(self, lab: Lab) -> None:
        self.kms = lab.client("kms")
        self.key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.blob = self.kms.encrypt(KeyId=self.key, Plaintext=b"old")["CiphertextBlob"]
        self.calls = 0

    def work(self) -> None:
        """One round; `AssertionError` for a wrong answer, and whatever error a call ends in."""
        kms, text = self.kms, b"%d" % self.calls
        assert kms.decrypt(CiphertextBlob=self.blob)["Plaintext"] == b"old"
        blob = kms.encrypt(KeyId=self.key, Plaintext=text)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == text
        asked = {"KeyId": self._signing(), "Message": text, "SigningAlgorithm": "ECDSA_SHA_256"}
        assert kms.verify(**asked, Signature=kms.sign(**asked)["Signature"])["SignatureValid"]
        self.calls += 1

    def _signing(self) -> str:
        """A new key every so often: new tokens are made while HSMs come and go."""
        if self.calls % 5 == 0:
            made = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
            self.signing: str = made["KeyMetadata"]["KeyId"]
        return self.signing


@contextmanager
def threads(lab: Lab, count: int = 3) -> Iterator[list[Client]]:
    """Threads that work until the block ends; no call may fail."""
    clients, failed, end = [Client(lab) for _ in range(count)], list[Exception](), threading.Event()

    def run(client: Client) -> None:
        try:
            while not end.is_set():
                client.work()
        except Exception as error:
            failed.append(error)

    running = [threading.Thread(target=run, args=(client,)) for client in clients]
    for each in running:
        each.start()
    try:
        yield clients
    finally:
        end.set()
        for each in running:
            each.join()
    if failed:
        raise failed[0]


_PROCESS = """
import sys, signal
from busy_lab import Client
from kmslab import Lab
going = [True]
signal.signal(signal.SIGTERM, lambda *_: going.clear())
with Lab(sys.argv[1]) as lab:
    client = Client(lab)
    client.work()
    print("ready", flush=True)
    while going:
        client.work()
    for _ in range(3):
        client.work()
    print(client.calls, repr(lab.hsms), flush=True)
"""


@contextmanager
def process(folder: Path) -> Iterator[dict[str, Any]]:
    """Another process that works until the block ends; no call may fail. Its last words are kept.

    They are how many rounds it did, and how it sees the fleet.
    """
    said: dict[str, Any] = {}
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{_PROCESS}"
    with start(code, folder) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        assert first == "ready\n", first + running.stdout.read()
        try:
            yield said
        finally:
            running.send_signal(signal.SIGTERM)
            output, _ = running.communicate(timeout=50)
    assert running.returncode == 0, output
    calls, said["fleet"] = output.strip().split(" ", 1)
    said["calls"] = int(calls)
