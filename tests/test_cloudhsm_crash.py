"""kill -9 at any step, two processes with one lab, and what is on the disk."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from clusters import ADMIN, ALICE, ZONES, active, add_hsm, aes, alice, quickly
from expect import ROOT, files, start
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from kmslab import Lab
from kmslab.cloudhsm.key import Key

LABELS = ("one", "two", "three")


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, str]]:
    """Labs with an active cluster of one and two HSMs and some keys; tests get copies."""
    made = {}
    for hsms in (1, 2):
        folder = tmp_path_factory.mktemp("template") / "lab"
        with Lab(folder) as lab:
            cli = active(lab, hsms=hsms)
            session = alice(cli, check_availability=False)
            for name in LABELS:
                aes(session, name)
            made[hsms] = folder, cli.cluster_id
    return made


@pytest.fixture
def copied(
    tmp_path: Path, templates: dict[int, tuple[Path, str]]
) -> Callable[[int], tuple[Path, str]]:
    """Gives a copy of a template, and its cluster."""

    def copy(hsms: int) -> tuple[Path, str]:
        folder, cluster = templates[hsms]
        shutil.copytree(folder, tmp_path / "lab")
        return tmp_path / "lab", cluster

    return copy


Copy = Callable[[int], tuple[Path, str]]
Action = Callable[[Lab, str], object]


def killed(folder: Path, cluster: str, begin: Action, action: Action, point: str) -> None:
    """Runs an action in a child process that is killed at the n-th call of a function."""
    child = os.fork()
    if not child:
        try:
            with Lab(folder) as lab:
                held = begin(lab, cluster)
                _arm(*point.split())
                action(lab, cluster)
                assert held is not lab
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "not killed"


def _arm(target: str, moment: str, number: str) -> None:
    module, _, name = target.rpartition(".")
    owner, _, kind = module.rpartition(":")
    place: Any = importlib.import_module(owner or module)
    place = getattr(place, kind) if owner else place
    real, calls = getattr(place, name), count(1)

    def cut(*arguments: Any, **more: Any) -> Any:
        now = next(calls) == int(number)
        if now and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **more)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(place, name, cut)


def nothing(_lab: Lab, _cluster: str) -> None:
    """No preparation."""


def create(lab: Lab, cluster: str) -> None:
    """CreateHsm."""
    lab.client("cloudhsmv2").create_hsm(ClusterId=cluster, AvailabilityZone=ZONES[1])


def wait(lab: Lab, cluster: str) -> None:
    """Until the HSM is ready and filled."""
    lab.clock.advance(minutes=5)
    lab.cloudhsm(cluster).users()


def delete_last(lab: Lab, cluster: str) -> None:
    """DeleteHsm of the newest HSM."""
    last = list(lab.cloudhsm(cluster).hsms())[-1]
    lab.client("cloudhsmv2").delete_hsm(ClusterId=cluster, HsmId=last)


def make_key(lab: Lab, cluster: str) -> None:
    """A token key."""
    aes(alice(lab.cloudhsm(cluster)), "new")


@pytest.mark.parametrize(
    "point",
    [
        "kmslab.cloudhsm.estate.provision after 1",
        "kmslab.cloudhsm.cluster_key.clone before 1",
        "kmslab.cloudhsm.cluster_key.clone after 1",
        "kmslab.cloudhsm.backup_files.write after 1",
        "kmslab.cloudhsm.estate:Estate.build after 1",
        "kmslab.cloudhsm.records.put after 1",
    ],
)
def test_an_hsm_whose_creation_was_cut_off_leaves_nothing_in_the_way(
    copied: Copy, point: str
) -> None:
    folder, cluster = copied(1)
    killed(folder, cluster, nothing, create, point)
    with Lab(folder) as lab:
        cli = lab.cloudhsm(cluster)
        assert list(cli.hsms().values()) == ["ACTIVE"]
        new = add_hsm(lab, cluster, ZONES[1])
        assert new in alice(cli).get_key(label="one").hsms
        assert set(cli.hsms()) == on_disk(folder, cluster)


@pytest.mark.parametrize(
    "point",
    [
        "kmslab.cloudhsm.unit:Unit.receive before 1",
        "kmslab.cloudhsm.unit:Unit.receive after 2",
        "kmslab.cloudhsm.keys.put before 1",
    ],
)
@pytest.mark.parametrize("action", ["fill", "restore"])
def test_filling_an_hsm_that_was_cut_off_is_done_again(
    copied: Copy, action: str, point: str
) -> None:
    folder, cluster = copied(1)
    with Lab(folder) as lab:
        session = alice(lab.cloudhsm(cluster), check_availability=False)
        sealed = {name: session.get_key(label=name).encrypt(b"before") for name in LABELS}
        if action == "restore":
            delete_last(lab, cluster)
    killed(folder, cluster, create, wait, point)
    with Lab(folder) as lab:
        cli = lab.cloudhsm(cluster)
        assert set(cli.hsms().values()) == {"ACTIVE"}
        if action == "fill":
            cli.switch_off(next(iter(cli.hsms())))
        session = alice(cli, check_availability=False)
        assert {key.label for key in session.get_keys()} == set(sealed)
        for name, text in sealed.items():
            assert session.get_key(label=name).decrypt(text) == b"before"


@pytest.mark.parametrize(
    "point",
    [
        "kmslab.cloudhsm.keys.make_secret after 1",
        "kmslab.cloudhsm.unit:Unit.receive after 1",
        "kmslab.cloudhsm.keys.put before 1",
        "kmslab.cloudhsm.keys.put after 1",
    ],
)
def test_a_key_that_was_cut_off_is_whole_or_not_there(copied: Copy, point: str) -> None:
    folder, cluster = copied(2)
    killed(folder, cluster, nothing, make_key, point)
    with Lab(folder) as lab:
        cli = lab.cloudhsm(cluster)
        session = alice(cli)
        for key in session.get_keys():
            assert key.decrypt(key.encrypt(b"x")) == b"x"
            assert len(key.hsms) == 2
        known = {key.handle for key in session.get_keys()}
        assert len(known) == len(LABELS) + point.endswith("put after 1")
        for unit in cli._estate.units(cluster):
            held = unit.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
            ids = {f"0x{key[Attribute.ID].hex()}" for key in held if key[Attribute.ID]}
            assert ids == known


@pytest.mark.parametrize(
    "point", ["kmslab.cloudhsm.records.put after 2", "kmslab.cloudhsm.estate:Estate.sweep before 1"]
)
def test_a_deletion_that_was_cut_off_is_done_or_not(copied: Copy, point: str) -> None:
    folder, cluster = copied(2)
    killed(folder, cluster, nothing, delete_last, point)
    with Lab(folder) as lab:
        cli = lab.cloudhsm(cluster)
        assert set(cli.hsms().values()) == {"ACTIVE"}
        add_hsm(lab, cluster, ZONES[2])
        assert set(cli.hsms()) == on_disk(folder, cluster)


def on_disk(folder: Path, cluster: str) -> set[str]:
    """The HSMs that have a folder."""
    return {each.name for each in (folder / "cloudhsm" / cluster).glob("hsm-*")}


def test_two_processes_use_one_cluster_at_once(copied: Copy) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from clusters import *
from kmslab import Lab
with Lab(sys.argv[2]) as lab:
    cli = lab.cloudhsm(sys.argv[3])
    session = alice(cli)
    print("ready", flush=True)
    made = [aes(session, "theirs") for _ in range(5)]
    for key in made:
        assert key.decrypt(key.encrypt(b"x")) == b"x"
    print(session.get_key(label="one").decrypt(bytes.fromhex(sys.argv[4])))
    made[0].destroy()
    sys.stdin.readline()
    cli.switch_off(sys.argv[5])
    print("off", flush=True)
    sys.stdin.readline()
    cli.switch_on(sys.argv[5])
"""
    folder, cluster = copied(2)
    with Lab(folder) as lab:
        cli = lab.cloudhsm(cluster)
        session = alice(cli)
        one, first = session.get_key(label="one"), next(iter(cli.hsms()))
        sealed = one.encrypt(b"before")
        process = start(
            code, ROOT / "tests", folder, cluster, sealed.hex(), first, stdin=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "ready\n"
            mine = [aes(session, "mine") for _ in range(5)]
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "b'before'\n"
            assert process.stdout.readline() == "off\n"
            assert cli.hsms()[first] == "DEGRADED"
            assert one.decrypt(sealed) == b"before"
            assert first not in one.hsms
            output, _ = process.communicate("\n", timeout=50)
        assert (process.returncode, output) == (0, "")
        assert first in one.hsms
        labels = sorted(key.label for key in session.get_keys())
        assert labels == sorted([*LABELS, *(["theirs"] * 4), *(["mine"] * 5)])
        assert all(key.decrypt(key.encrypt(b"x")) == b"x" for key in session.get_keys())
        assert all(len(key.hsms) == 2 for key in mine)


def test_no_secret_is_on_the_disk_in_clear(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        cli = active(lab)
        session = alice(cli)
        wrapping = aes(session)
        key = session.generate_key(KeyType.GENERIC_SECRET, 256, label="to be read")
        plain = b"a plaintext that nobody may see"
        sealed = wrapping.encrypt(plain)
        # The value of a key, by a way that leads out of the HSM for extractable keys only.
        value = value_of(wrapping, key)
        delete = lab.client("cloudhsmv2").delete_hsm
        delete(ClusterId=cli.cluster_id, HsmId=next(iter(cli.hsms())))
        assert wrapping.decrypt(sealed) == plain
        for path, content in files(tmp_path).items():
            for secret in (ADMIN.encode(), ALICE.encode(), plain, value, value.hex().encode()):
                assert secret not in content, path


def value_of(wrapping: Key, key: Key) -> bytes:
    """A key's bytes: wrapped under a key that also decrypts, which undoes RFC 3394 by hand."""
    wrapped = wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP)
    a, r = wrapped[:8], [wrapped[8 * i : 8 * i + 8] for i in range(1, 5)]
    for j in range(5, -1, -1):
        for i in range(4, 0, -1):
            t = (4 * j + i).to_bytes(8)
            block = bytes(x ^ y for x, y in zip(a, t, strict=True)) + r[i - 1]
            out = wrapping.decrypt(block, mechanism=Mechanism.AES_ECB)
            a, r[i - 1] = out[:8], out[8:16]
    assert a == b"\xa6" * 8
    return b"".join(r)
