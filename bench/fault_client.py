"""A client process for faults.py: it asks KMS without a pause, and looks at every answer.

It appends to a file of its own, a line at a time, so nothing is lost when it is killed:

    K key-id        a key that was made           B key-id blob text    what was encrypted under it
    S               it is at work                 W what                a wrong answer
    O when code why  an error of AWS, and when (monotonic, or while the disk was full)
    U what          an unclean failure            C number              calls so far
"""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from kmslab import Lab
from kmslab.errors import KmslabError

FULL_BYTES = 64 * 1024  # no file grows beyond that while the "disk" is full
FULL_CALLS = 12  # for which it is
LATE_SECONDS = 0.2  # in which an HSM that could not be opened meanwhile is tried again
_UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Client:
    """One client: its lab, its notes, and the keys that it may use."""

    def __init__(self, lab: Lab, notes: int, rng: random.Random) -> None:
        self.kms = lab.client("kms")
        self.notes, self.rng = notes, rng
        self.keys: list[str] = []
        self.blobs: list[tuple[bytes, bytes]] = []
        self.full, self.full_until = 0, 0.0

    def note(self, kind: str, *what: str) -> None:
        """Appends a line; for that the disk is never full."""
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, _UNLIMITED)
        os.write(self.notes, (" ".join((kind, *what)).replace("\n", " ") + "\n").encode())
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    def call(self) -> None:
        """One request, chosen at random; a wrong answer or a strange failure is noted."""
        self.full = max(self.full - 1, 0)
        if not self.full and resource.getrlimit(resource.RLIMIT_FSIZE) != _UNLIMITED:
            resource.setrlimit(resource.RLIMIT_FSIZE, _UNLIMITED)
            self.full_until = time.monotonic() + LATE_SECONDS
        try:
            self.rng.choice((self._old, self._new, self._new, self._sign, self._random))()
        except ClientError as error:
            why = error.response["Error"]
            full = self.full or time.monotonic() < self.full_until
            when = "full" if full else f"{time.monotonic():.3f}"
            self.note("O", when, why["Code"], why["Message"])
        except Exception as error:
            self.note("U", repr(error))

    def fill_disk(self, *_: Any) -> None:
        """For some calls, no file of this process can grow."""
        self.full = FULL_CALLS
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))

    def _old(self) -> None:
        if self.blobs:
            blob, text = self.rng.choice(self.blobs)
            if self.kms.decrypt(CiphertextBlob=blob)["Plaintext"] != text:
                self.note("W", "an old blob decrypts to another text")

    def _new(self) -> None:
        if not self.keys or self.rng.random() < 0.05:
            made = self.kms.create_key()["KeyMetadata"]["KeyId"]
            self.note("K", made)
            self.keys.append(made)
        key, text = self.rng.choice(self.keys), self.rng.randbytes(8).hex().encode()
        blob = self.kms.encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"]
        if len(self.blobs) < 100:
            self.note("B", key, blob.hex(), text.decode())
            self.blobs.append((blob, text))
        if self.kms.decrypt(CiphertextBlob=blob)["Plaintext"] != text:
            self.note("W", "a new blob decrypts to another text")

    def _sign(self) -> None:
        if not hasattr(self, "signing") or self.rng.random() < 0.05:
            made = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
            self.signing: str = made["KeyMetadata"]["KeyId"]
        asked = {"KeyId": self.signing, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = self.kms.sign(**asked)["Signature"]
        if not self.kms.verify(**asked, Signature=signature)["SignatureValid"]:
            self.note("W", "a signature does not verify")

    def _random(self) -> None:
        if len(self.kms.generate_random(NumberOfBytes=16)["Plaintext"]) != 16:
            self.note("W", "too few random bytes")


def run(folder: Path, notes: Path, seed: int) -> None:
    """Asks until it is told to end (SIGTERM) or killed; SIGUSR1 fills its disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    going = [True]
    with notes.open("ab", buffering=0) as file, _opened(folder) as lab:
        client = Client(lab, file.fileno(), random.Random(seed))
        signal.signal(signal.SIGUSR1, client.fill_disk)
        signal.signal(signal.SIGTERM, lambda *_: going.clear())
        calls = 0
        client.note("S")
        while going:
            client.call()
            calls += 1
            if calls % 25 == 0:
                client.note("C", "25")


def _opened(folder: Path) -> Lab:
    """The lab, as soon as it opens: without an HSM it doesn't, and says so."""
    while True:
        try:
            return Lab(folder)
        except KmslabError:
            time.sleep(0.1)
