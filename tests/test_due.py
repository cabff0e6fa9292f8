"""What time brings: never early, in its order, and each thing once, whoever comes first."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from expect import refused, start
from wrapping import bring

from kmslab import Lab
from kmslab.kms import agenda, due

DAY = timedelta(days=1)
THERE = "eu-central-1"


@pytest.fixture
def still() -> Iterator[Lab]:
    """A lab whose clock stands still between calls."""
    with Lab(seed=13) as lab:
        yield lab


def _key(kms: Any, **parameters: Any) -> str:
    key: str = kms.create_key(**parameters)["KeyMetadata"]["KeyId"]
    return key


def _to(lab: Lab, moment: Any) -> None:
    lab.clock.advance(seconds=(moment - lab.clock.now()).total_seconds())


def _waiting(lab: Lab) -> list[tuple[Any, ...]]:
    return lab._rooms.store.rows("SELECT kind, key_id FROM due ORDER BY time, number")


def _by_itself(lab: Lab) -> list[tuple[str, str, str]]:
    """What KMS did by itself: when, what, and to which key."""
    return [
        (event["eventTime"], event["eventName"], event["resources"][0]["ARN"].split("/")[1])
        for event in lab.trail()
        if event["userAgent"] == "AWS Internal"
    ]


def test_nothing_happens_a_second_early_and_all_of_it_on_time(still: Lab) -> None:
    kms, there = still.client("kms"), still.client("kms", THERE)
    start = still.clock.now()
    shared, own, gone = _key(kms, MultiRegion=True), _key(kms, Origin="EXTERNAL"), _key(kms)
    bring(kms, own, b"1" * 32, ValidTo=start + 8 * DAY)
    kms.enable_key_rotation(KeyId=shared, RotationPeriodInDays=90)
    rotates = kms.get_key_rotation_status(KeyId=shared)["NextRotationDate"]
    ends = kms.schedule_key_deletion(KeyId=gone, PendingWindowInDays=7)["DeletionDate"]
    kms.rotate_key_on_demand(KeyId=shared)
    began = kms.get_key_rotation_status(KeyId=shared)["OnDemandRotationStartDate"]
    kms.replicate_key(KeyId=shared, ReplicaRegion=THERE)
    settles = there.describe_key(KeyId=shared)["KeyMetadata"]["CreationDate"] + timedelta(seconds=5)
    dates = {
        "settle": settles,
        "rotate on demand": began + timedelta(seconds=30),
        "delete": ends,
        "expire": start + 8 * DAY,
        "rotate": rotates,
    }
    assert [kind for kind, _ in _waiting(still)] == list(dates)
    for kind, date in dates.items():
        _to(still, date - timedelta(seconds=1))
        kms.list_keys()  # takes the second that was missing; what is due comes before a call
        number, first = still._rooms.store.rows(
            "SELECT number, kind FROM due ORDER BY time, number"
        )[0]
        assert first == kind
        kms.list_keys()
        assert not still._rooms.store.rows("SELECT * FROM due WHERE number = ?", (number,))
    assert [name for _, name, _ in _by_itself(still)] == [
        "SynchronizeMultiRegionKey",
        *("RotateKey", "SynchronizeMultiRegionKey"),
        "DeleteKey",
        "DeleteExpiredKeyMaterial",
        *("RotateKey", "SynchronizeMultiRegionKey"),
    ]


def test_what_became_due_together_happens_in_the_order_of_its_dates(still: Lab) -> None:
    kms = still.client("kms")
    keys = [_key(kms) for _ in range(3)]
    for key, days in zip(keys, (100, 93, 97), strict=True):
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=days)
    still.clock.advance(days=70)
    ends = kms.schedule_key_deletion(KeyId=keys[2], PendingWindowInDays=30)["DeletionDate"]
    still.clock.advance(days=400)
    kms.list_keys()
    happened = _by_itself(still)
    assert happened == sorted(happened)
    assert [key for _, name, key in happened if name == "DeleteKey"] == [keys[2]]
    assert happened.count((f"{ends:%Y-%m-%dT%H:%M:%SZ}", "DeleteKey", keys[2])) == 1
    rotations = [key for _, name, key in happened if name == "RotateKey"]
    assert rotations == [keys[1], keys[0], keys[1], keys[0], *rotations[4:]]
    assert keys[2] not in rotations  # it was pending deletion on its day


def test_a_key_that_is_gone_has_nothing_more_to_come(still: Lab) -> None:
    kms = still.client("kms")
    key = _key(kms, Origin="EXTERNAL")
    bring(kms, key, b"1" * 32, ValidTo=still.clock.now() + 300 * DAY)
    kms.schedule_key_deletion(KeyId=key)
    still.clock.advance(days=31)
    kms.list_keys()
    assert _waiting(still) == []


def test_time_passes_in_calls_that_are_refused_too(still: Lab) -> None:
    kms = still.client("kms")
    key = _key(kms)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    still.clock.advance(days=7)
    with refused("NotFoundException"):
        kms.cancel_key_deletion(KeyId=key)


def test_numbers_of_things_to_come_are_not_used_twice(still: Lab) -> None:
    """Or a process that is about to strike out what it did would strike out something new."""
    rooms, kms = still._rooms, still.client("kms")
    key = _key(kms)
    rooms.store.write("INSERT INTO due VALUES (500, 1e12, 'delete', 'a', 'r', 'k', '')")
    rooms.store.write("DELETE FROM due WHERE number = 500")
    kms.enable_key_rotation(KeyId=key)
    assert rooms.store.row("SELECT number FROM due") == (501,)


def test_what_needs_an_hsm_waits_until_one_serves(
    still: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = still.client("kms")
    key = _key(kms)
    kms.enable_key_rotation(KeyId=key)
    still.clock.advance(days=366)
    with monkeypatch.context() as pulled:
        for hsm in still.hsms.hsms:
            pulled.setattr(hsm, "_session", None)
        assert [entry["KeyId"] for entry in kms.list_keys()["Keys"]] == [key]
        assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 1


# Two processes, and processes that are killed

MANY = 12
RACE = """
import sys
from kmslab import Lab
lab = Lab(sys.argv[1])
kms = lab.client("kms")
print("ready", flush=True)
sys.stdin.readline()
kms.list_keys()
print("done", flush=True)
"""


def _prepare(folder: Path) -> list[str]:
    """A kept lab in which much is due: of each key three rotations."""
    with Lab(folder) as lab:
        kms = lab.client("kms")
        keys = [_key(kms) for _ in range(MANY)]
        for key in keys:
            kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
        lab.clock.advance(days=301)
        return keys


def _check(folder: Path, keys: list[str]) -> None:
    """Everything happened once and in its order, and every generation works."""
    with Lab(folder) as lab:
        kms = lab.client("kms")
        kms.list_keys()
        happened = [each for each in _by_itself(lab) if each[1] == "RotateKey"]
        assert happened == sorted(happened, key=lambda each: each[0])
        for key in keys:
            assert [name for _, _, name in happened].count(key) == 3
            rotations = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
            states = [each["KeyMaterialState"] for each in rotations["Rotations"]]
            assert states == ["NON_CURRENT"] * 3 + ["CURRENT"]
            first, *_, last = (each["KeyMaterialId"] for each in rotations["Rotations"])
            assert first != last
            blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == last
        assert [kind for kind, _ in _waiting(lab)] == ["rotate"] * MANY


def test_two_processes_that_come_at_once_let_each_thing_happen_once(tmp_path: Path) -> None:
    keys = _prepare(tmp_path)
    processes = [start(RACE, tmp_path, stdin=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        with process:
            output, _ = process.communicate(timeout=50)
        assert output == "done\n"
    _check(tmp_path, keys)


KILLED = """
import os, signal, sys
from kmslab import Lab
from kmslab.hsm.fleet import Fleet
lab = Lab(sys.argv[1])
left = [int(sys.argv[2])]
generate = Fleet.generate
def until(self, kind):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return generate(self, kind)
Fleet.generate = until
lab.client("kms").list_keys()
"""


def test_a_process_that_is_killed_in_between_loses_and_repeats_nothing(tmp_path: Path) -> None:
    keys = _prepare(tmp_path)
    for count in (1, 7, 15):  # in the middle of a rotation, each time a later one
        process = start(KILLED, tmp_path, count)
        with process:
            output, _ = process.communicate(timeout=50)
        assert process.returncode == -signal.SIGKILL, output
    _check(tmp_path, keys)


def test_what_another_process_took_meanwhile_is_left_to_it(
    still: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = still.client("kms")
    key = _key(kms)
    kms.enable_key_rotation(KeyId=key)
    still.clock.advance(days=366)
    original, answers = agenda.first, []

    def first(rooms: Any, until: float) -> Any:
        found = original(rooms, until)
        if not answers and found:  # seen, and then taken by somebody else
            answers.append(found)
            agenda.take(rooms, found)
        return found

    monkeypatch.setattr(due.agenda, "first", first)
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    assert len(answers) == 1
