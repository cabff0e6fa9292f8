"""What goes wrong when things break at random, under requests?

A thousand faults and more, drawn from a seed, hit the HSMs, the records and the processes of one
lab while client processes (fault_client.py) use it. Wanted: no wrong answer, no key lost, and every
failed call an error of AWS. At the end every blob that was ever made is decrypted once more.

python -m bench faults                     a seed of its own, shown
KMSLAB_SEED=17 python -m bench faults      the same faults again (not the same interleaving)
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench import fault_client
from bench.measure import Result
from kmslab import Lab
from kmslab.errors import HsmError
from kmslab.hsm import quorum, roster

FAULTS, CLIENTS = 1_000, 2
MOST_SECONDS = 270.0
_LATE_SECONDS = 0.5  # after a restore, in which a client may still hear of the loss
_CLEAN = {"KMSInternalException", "KeyUnavailableException", "DependencyTimeoutException"}


class Storm:
    """A lab, its clients, and what is done to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["bench.fault_client", "kmslab.hsm.fleet"])
        self.lab = Lab(folder / "lab")
        self.notes: list[Path] = [folder] * CLIENTS
        self.clients = [self._start(place) for place in range(CLIENTS)]
        self.backup = self.lab.hsms.backup(folder / "safe", 3, 2)
        self.died = 0  # clients, by themselves
        self.done: Counter[str] = Counter()
        self.dark: list[tuple[float, float]] = []  # when no HSM was left
        self.kinds: dict[str, tuple[int, Callable[[], None]]] = {
            "HSM pulled, put back": (30, self.pull),
            "HSM removed, added": (8, self.replace),
            "token folder gone": (8, self.spoil),
            "PIN file damaged": (5, self.damage_pins),
            "records locked": (20, self.lock),
            "disk full": (20, self.fill),
            "client killed": (6, self.kill),
            "clock moved": (15, self.advance),
            "killed while adding": (2, self.kill_surgeon),
            "all HSMs lost, restored": (0.6, self.lose_all),
            "domain key rotated": (0.8, self.rotate),
            "killed while rotating": (0.8, self.kill_rotating),
        }

    def strike(self) -> None:
        """One fault, of a kind that is drawn."""
        weights = [weight for weight, _ in self.kinds.values()]
        (name,) = self.rng.choices(list(self.kinds), weights)
        self.kinds[name][1]()
        self.done[name] += 1
        time.sleep(self.rng.random() * 0.03)

    def pull(self) -> None:
        """An HSM is pulled out, now and then two, and put back."""
        chosen = self.rng.sample(self._names(), self.rng.choice((1, 1, 2)))
        for name in chosen:
            self.lab.hsms.switch_off(name)
        time.sleep(self.rng.random() * 0.05)
        for name in chosen:
            self.lab.hsms.switch_on(name)

    def replace(self) -> None:
        """An HSM is gone for good, and another one made."""
        self.lab.hsms.remove(self.rng.choice(self._names()))
        self.lab.hsms.add()

    def spoil(self) -> None:
        """The files of an HSM disappear while it runs."""
        name = self.rng.choice(self._names())
        part = self.rng.choice(("", "tokens"))
        shutil.rmtree(self.lab.path / "hsms" / name / part, ignore_errors=True)
        time.sleep(self.rng.random() * 0.05)
        self.lab.hsms.remove(name, last=True)
        self.lab.hsms.add()

    def damage_pins(self) -> None:
        """An HSM's PIN file is overwritten; it runs on until it is opened again."""
        name = self.rng.choice(self._names())
        (self.lab.path / "hsms" / name / "pins.json").write_bytes(self.rng.randbytes(40))
        self.lab.hsms.remove(name)
        self.lab.hsms.add()

    def lock(self) -> None:
        """Somebody else writes to the records."""
        with sqlite3.connect(self.lab.path / "records.sqlite", isolation_level=None) as other:
            other.execute("PRAGMA busy_timeout = 5000")
            other.execute("BEGIN IMMEDIATE")
            time.sleep(self.rng.random() * 0.1)
            other.execute("ROLLBACK")
        other.close()

    def fill(self) -> None:
        """A client's disk is full for some calls."""
        place = self.rng.randrange(len(self.clients))
        notes, client = self.notes[place], self.clients[place]
        if notes.stat().st_size and client.is_alive():  # it is at work
            os.kill(client.pid or 0, signal.SIGUSR1)

    def kill(self) -> None:
        """kill -9 of a client in the middle of whatever it does; another one starts."""
        place = self.rng.randrange(len(self.clients))
        self.died += not self.clients[place].is_alive()
        self.clients[place].kill()
        self.clients[place].join()
        self.clients[place] = self._start(place)

    def advance(self) -> None:
        """Time passes: hours, or years."""
        self.lab.clock.advance(days=self.rng.choice((0.1, 3, 40, 400)) * self.rng.random())

    def kill_surgeon(self) -> None:
        """kill -9 of a process that adds an HSM and removes another one."""
        self._kill(_operate, 0.4)
        while len(self._names()) > 3:
            self.lab.hsms.remove(self._names()[0])
        while len(self._names()) < 3:
            self.lab.hsms.add()

    def kill_rotating(self) -> None:
        """kill -9 of a process that rotates the domain key; another one goes on with it."""
        self._kill(_rotate, 2.0)
        self.rotate()

    def lose_all(self) -> None:
        """No HSM is left; two of three operators bring new ones."""
        begin = time.monotonic()
        for name in self._names():
            self.lab.hsms.remove(name, last=True)
        self.lab.hsms.restore(self.backup, self.rng.sample(self.backup.cards, 2))
        self.dark.append((begin, time.monotonic() + _LATE_SECONDS))

    def rotate(self) -> None:
        """A new domain key, and a new backup."""
        self.lab.hsms.rotate_domain_key()
        self.backup = self.lab.hsms.backup(self.folder / "safe", 3, 2)

    def was_dark(self, when: float) -> bool:
        """Whether no HSM was left at that time."""
        return any(begin <= when <= end for begin, end in self.dark)

    def end(self) -> list[int | None]:
        """The clients end in order; how each of them did."""
        for client in self.clients:
            client.terminate()
            client.join()
        return [client.exitcode for client in self.clients]

    def _kill(self, work: Callable[[Path], None], within: float) -> None:
        act = self.processes.Process(target=work, args=(self.lab.path,))
        act.start()
        time.sleep(self.rng.random() * within)
        act.kill()
        act.join()

    def _names(self) -> list[str]:
        return [each.name for each in roster.read(self.lab.path / "hsms").places]

    def _start(self, place: int) -> multiprocessing.process.BaseProcess:
        number = len(list(self.folder.glob("notes-*")))
        notes = self.folder / f"notes-{number:04}"
        notes.touch()
        self.notes[place] = notes
        client = self.processes.Process(
            target=fault_client.run, args=(self.folder / "lab", notes, self.rng.randrange(2**32))
        )
        client.start()
        return client


def _rotate(folder: Path) -> None:
    with Lab(folder) as lab:
        lab.hsms.rotate_domain_key()


def _operate(folder: Path) -> None:
    with Lab(folder) as lab:
        while True:
            try:
                lab.hsms.remove(lab.hsms.add())
            except HsmError:
                return


def ask() -> list[Result]:
    """The storm, and what was seen in it."""
    seed = int(os.environ.get("KMSLAB_SEED") or random.SystemRandom().randrange(2**32))
    quorum._SCRYPT["n"] = 2**4  # a PIN is stretched less: it isn't what is asked here
    folder, begin = Path(tempfile.mkdtemp(prefix="kmslab-faults-")), time.monotonic()
    storm = Storm(folder, seed)
    try:
        while storm.done.total() < FAULTS and time.monotonic() - begin < MOST_SECONDS:
            storm.strike()
        ended = storm.end()
        report = _report(storm, seed, time.monotonic() - begin)
        died = storm.died + sum(each != 0 for each in ended)
        return [
            *report,
            Result("clients that ended by themselves", died, "", at_most=0),
            *_failover(),
        ]
    finally:
        storm.lab.close()
        shutil.rmtree(folder, ignore_errors=True)


def _report(storm: Storm, seed: int, took: float) -> list[Result]:
    notes = [line.split(" ") for f in storm.folder.glob("notes-*") for line in f.open()]
    seen = Counter(line[0] for line in notes)
    failed = [line for line in notes if line[0] == "O"]
    codes = Counter(line[2] for line in failed)
    needless = [line for line in failed if line[1] != "full" and not storm.was_dark(float(line[1]))]
    strange = [" ".join(line).strip() for line in notes if line[0] in "WU"]
    strange += [code for code in codes if code not in _CLEAN]
    unclean = len(strange) - seen["W"]
    lost, blobs = _lost(storm.lab, notes)
    for name, count in storm.done.items():
        print(f"  {count:>5}  {name}")
    strange += [f"needless: {' '.join(line[2:]).strip()}" for line in needless]
    for what, count in Counter(strange).most_common(10):
        print(f"  STRANGE {count} x {what[:200]}")
    errors = ", ".join(f"{count} {code}" for code, count in codes.items()) or "no failed call"
    return [
        Result("faults", storm.done.total(), "", at_least=FAULTS, detail=f"{took:.0f} s, {seed=}"),
        Result("calls meanwhile", 25 * seen["C"], "", at_least=1_000, detail=errors),
        Result("wrong answers", seen["W"], "", at_most=0),
        Result("failures that are no error of KMS", unclean, "", at_most=0),
        Result("failures with an HSM left and room on the disk", len(needless), "", at_most=0),
        Result("blobs and keys lost", lost, "", at_most=0, detail=f"of {blobs}"),
    ]


def _lost(lab: Lab, notes: list[list[str]]) -> tuple[int, int]:
    """How many of the blobs that were made don't decrypt any more, and of the keys aren't there."""
    kms, lost = lab.client("kms"), 0
    made = [line for line in notes if line[0] == "B"]
    for _, _, blob, text in made:
        plaintext = kms.decrypt(CiphertextBlob=bytes.fromhex(blob))["Plaintext"]
        lost += plaintext != text.strip().encode()
    pages = kms.get_paginator("list_keys").paginate()
    there = {entry["KeyId"] for page in pages for entry in page["Keys"]}
    keys = [line[1].strip() for line in notes if line[0] == "K"]
    return lost + sum(key not in there for key in keys), len(made) + len(keys)


def _failover() -> list[Result]:
    """How long the first call after a loss takes, its HSM's token being the one that is asked."""
    times = []
    with Lab() as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        for number in range(20):
            name = max(lab.hsms._racks.members, key=lambda each: each.served).place.name
            if number % 2:
                shutil.rmtree(lab.path / "hsms" / name)
                lab.hsms._racks.each(lambda hsm: hsm.forget_all())
            else:
                lab.hsms.remove(name)
            begin = time.perf_counter()
            kms.decrypt(CiphertextBlob=blob)
            times.append(time.perf_counter() - begin)
            if number % 2:
                lab.hsms.remove(name)
            lab.hsms.add()
    detail = f"of {len(times)}; median {sorted(times)[len(times) // 2] * 1000:.1f} ms"
    return [Result("the call after a loss, slowest", max(times) * 1000, "ms", None, 200, detail)]
