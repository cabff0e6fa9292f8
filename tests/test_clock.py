"""The lab's clock: it follows the computer's or a seed, and moves forward only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kmslab import Lab


@pytest.fixture(scope="module")
def seeded() -> Any:
    """A lab with a seed."""
    with Lab(seed=1) as lab:
        yield lab


def test_a_clock_without_a_seed_is_the_computers(fresh: Lab) -> None:
    assert abs(fresh.clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert fresh.clock.now().tzinfo is UTC


def test_a_seeded_clock_starts_on_a_monday_and_moves_with_each_call(seeded: Lab) -> None:
    start = seeded.clock.now()
    assert start == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert start.weekday() == 0
    assert seeded.clock.now() == start
    seeded.client("kms").list_keys()
    assert seeded.clock.now() == start + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("by", "seconds"),
    [
        ({"days": 365}, 365 * 86_400),
        ({"hours": 2}, 7_200),
        ({"minutes": 3}, 180),
        ({"seconds": 4.5}, 4.5),
        ({"days": 1, "hours": 1, "minutes": 1, "seconds": 1}, 90_061),
        ({}, 0),
    ],
)
def test_advance_moves_forward_and_tells_the_new_time(
    seeded: Lab, by: dict[str, float], seconds: float
) -> None:
    before = seeded.clock.now()
    assert seeded.clock.advance(**by) == before + timedelta(seconds=seconds)
    assert seeded.clock.now() == before + timedelta(seconds=seconds)


@pytest.mark.parametrize("by", [{"days": -1}, {"seconds": -0.001}, {"days": 1, "hours": -25}])
def test_a_step_back_is_refused(seeded: Lab, by: dict[str, float]) -> None:
    before = seeded.clock.now()
    with pytest.raises(ValueError, match="forward only"):
        seeded.clock.advance(**by)
    assert seeded.clock.now() == before


@pytest.mark.parametrize("days", [3_000_000, 1e12, float("inf"), float("nan")])
def test_a_step_beyond_the_calendar_is_refused_and_the_lab_goes_on(
    seeded: Lab, days: float
) -> None:
    before = seeded.clock.now()
    with pytest.raises((OverflowError, ValueError)):
        seeded.clock.advance(days=days)
    assert seeded.clock.now() == before
    assert seeded.client("kms").create_key()["KeyMetadata"]["Enabled"]


def test_a_moved_clock_stays_moved(tmp_path: Path) -> None:
    with Lab(tmp_path, seed=2) as lab:
        now = lab.clock.advance(days=100)
    with Lab(tmp_path) as lab:
        assert lab.clock.now() == now


def test_keys_and_events_have_the_labs_time(fresh: Lab) -> None:
    fresh.clock.advance(days=1_000)
    made = fresh.client("kms").create_key()["KeyMetadata"]
    now = fresh.clock.now()
    assert abs(made["CreationDate"] - now) < timedelta(seconds=10)
    stamp = datetime.fromisoformat(fresh.trail()[-1]["eventTime"])
    assert abs(stamp - now) < timedelta(seconds=10)


def test_the_repr_tells_the_time() -> None:
    with Lab(seed=3) as lab:
        assert repr(lab.clock) == "<Clock 2026-01-05 09:00:00 UTC>"


def test_a_step_that_is_no_number_is_named(fresh: Lab) -> None:
    with pytest.raises(TypeError, match="days='one': a number is due"):
        fresh.clock.advance(days="one")  # type: ignore[arg-type]


def test_a_clock_that_was_moved_is_moved_for_everyone_who_has_the_lab_open(tmp_path: Path) -> None:
    with Lab(tmp_path, seed=4) as one, Lab(tmp_path) as other, Lab(seed=4) as third:
        one.clock.advance(days=10)
        other.clock.advance(days=5)
        assert one.clock.now() == other.clock.now() == third.clock.now() + timedelta(days=15)


def test_what_is_due_happens_at_the_next_call_not_while_the_clock_moves() -> None:
    with Lab(seed=5) as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=key)
        lab.clock.advance(days=40)
        before = lab.clock.now()
        assert len(lab.trail().named("DeleteKey")) == 0
        assert kms.list_keys()["Keys"] == []
        assert len(lab.trail().named("DeleteKey")) == 1
        # The deletion was recorded, and so was the call: a second each.
        assert lab.clock.now() == before + timedelta(seconds=2)


def test_a_century_passes_year_by_year(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key)
    fresh.clock.advance(days=100 * 365 + 1)
    assert len(kms.list_key_rotations(KeyId=key, Limit=1000)["Rotations"]) == 100
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"


def test_a_key_made_before_a_leap_of_the_clock_is_as_old_as_the_leap(seeded: Lab) -> None:
    kms = seeded.client("kms")
    made = kms.create_key()["KeyMetadata"]
    seeded.clock.advance(days=1_000)
    shown = kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    assert shown["CreationDate"] == made["CreationDate"]
    assert seeded.clock.now() - shown["CreationDate"] == timedelta(days=1_000, seconds=2)
