"""Rotation: on schedule and on demand, what it leaves alone, and which keys refuse it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from expect import invalid, refused

from kmslab import Lab

DAY = timedelta(days=1)
THERE = "eu-central-1"
Make = Callable[..., str]
OTHER_KINDS = {
    "RSA": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
    "ECC": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "ML-DSA": {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
    "HMAC": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab whose clock stands still between calls."""
    with Lab(seed=10) as lab:
        yield lab


@pytest.fixture
def make(lab: Lab, kms: Any) -> Iterator[Make]:
    """Makes keys; after the test, time brings them nothing more."""
    made = []

    def make(**parameters: Any) -> str:
        made.append(kms.create_key(**parameters)["KeyMetadata"]["KeyId"])
        return made[-1]

    yield make
    for key in made:
        lab._rooms.store.write("DELETE FROM due WHERE key_id = ?", (key,))


@pytest.fixture
def key(make: Make) -> str:
    """A symmetric encryption key."""
    return make()


def _status(kms: Any, key: str) -> dict[str, Any]:
    """GetKeyRotationStatus without what every answer has."""
    answer: dict[str, Any] = kms.get_key_rotation_status(KeyId=key)
    return {
        name: value for name, value in answer.items() if name not in ("KeyId", "ResponseMetadata")
    }


def _rotations(kms: Any, key: str, **more: Any) -> list[dict[str, Any]]:
    rotations: list[dict[str, Any]] = kms.list_key_rotations(KeyId=key, **more)["Rotations"]
    return rotations


def _dates(kms: Any, key: str) -> list[datetime]:
    return [each["RotationDate"] for each in _rotations(kms, key)]


def _generations(kms: Any, key: str) -> list[str]:
    """The ids of all of a key's material, oldest first."""
    every = _rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    return [each["KeyMaterialId"] for each in every]


def _current(kms: Any, key: str) -> str:
    found: str = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    return found


def _rotate(lab: Lab, key: str, times: int = 1) -> None:
    """On demand, to the end."""
    for _ in range(times):
        lab.client("kms").rotate_key_on_demand(KeyId=key)
        lab.clock.advance(seconds=30)


def _events(lab: Lab, key: str) -> list[dict[str, Any]]:
    """The trail's events of a key's rotation."""
    events = lab.trail().named("RotateKey")
    return [event for event in events if event["resources"][0]["ARN"].endswith(key)]


def _to(lab: Lab, moment: datetime) -> None:
    """Moves the clock to a moment."""
    lab.clock.advance(seconds=(moment - lab.clock.now()).total_seconds())


# On schedule


@pytest.mark.parametrize("days", [90, 365, 2560])
def test_the_first_rotation_comes_after_a_whole_period(
    lab: Lab, kms: Any, key: str, days: int
) -> None:
    before = lab.clock.now()
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=days)
    first = _status(kms, key)["NextRotationDate"]
    assert first == before + days * DAY
    _to(lab, first - timedelta(seconds=1))
    assert _rotations(kms, key) == []
    (rotation,) = _rotations(kms, key)  # a second later, which the call above took
    assert rotation["RotationDate"] == first
    assert rotation["RotationType"] == "AUTOMATIC"
    assert rotation["KeyMaterialId"] == _current(kms, key)
    assert _status(kms, key)["NextRotationDate"] == first + days * DAY


def test_a_key_rotates_every_year_unless_told_otherwise(lab: Lab, kms: Any, key: str) -> None:
    assert _status(kms, key) == {"KeyRotationEnabled": False}
    start = lab.clock.now()
    kms.enable_key_rotation(KeyId=key)
    assert _status(kms, key) == {
        "KeyRotationEnabled": True,
        "RotationPeriodInDays": 365,
        "NextRotationDate": start + 365 * DAY,
    }


def test_a_period_is_90_to_2560_days(kms: Any, key: str) -> None:
    with pytest.raises(ParamValidationError, match="valid min value: 90"):  # boto3 itself
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=89)
    failure = (
        "Value '2561' at 'rotationPeriodInDays' failed to satisfy constraint: "
        "Member must have value less than or equal to 2560"
    )
    with refused("ValidationException", invalid(failure)):
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=2561)
    assert _status(kms, key) == {"KeyRotationEnabled": False}


def test_periods_that_passed_at_once_bring_a_rotation_each_at_its_own_date(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    first = _status(kms, key)["NextRotationDate"]
    lab.clock.advance(days=550)
    dates = [first + number * 100 * DAY for number in range(5)]
    assert _dates(kms, key) == dates
    assert _status(kms, key)["NextRotationDate"] == first + 500 * DAY
    assert [event["eventTime"] for event in _events(lab, key)] == [
        f"{date:%Y-%m-%dT%H:%M:%SZ}" for date in dates
    ]
    assert len(set(_generations(kms, key))) == 6


def test_two_keys_rotate_in_the_order_of_their_dates(lab: Lab, kms: Any, make: Make) -> None:
    slow, fast = make(), make()
    kms.enable_key_rotation(KeyId=slow, RotationPeriodInDays=150)
    kms.enable_key_rotation(KeyId=fast, RotationPeriodInDays=100)
    lab.clock.advance(days=420)
    kms.list_keys()
    events = [event["serviceEventDetails"]["keyId"] for event in lab.trail().named("RotateKey")]
    order = [name for name in events if name in (slow, fast)]
    assert order == [fast, slow, fast, slow, fast, fast]  # days 100, 150, 200, 300, 300, 400


def test_a_new_period_counts_from_when_it_is_set_and_none_leaves_all_as_it_is(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    planned = _status(kms, key)
    lab.clock.advance(days=50)
    kms.enable_key_rotation(KeyId=key)
    assert _status(kms, key) == planned
    now = lab.clock.now()
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=200)
    assert _status(kms, key)["NextRotationDate"] == now + 200 * DAY
    lab.clock.advance(days=199)
    assert _rotations(kms, key) == []
    lab.clock.advance(days=1)
    assert len(_rotations(kms, key)) == 1


def test_rotation_that_was_switched_off_stays_off_and_begins_anew(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    lab.clock.advance(days=91)
    kms.disable_key_rotation(KeyId=key)
    assert _status(kms, key) == {"KeyRotationEnabled": False}
    lab.clock.advance(days=1000)
    assert len(_rotations(kms, key)) == 1
    now = lab.clock.now()
    kms.enable_key_rotation(KeyId=key)
    assert _status(kms, key)["NextRotationDate"] == now + 365 * DAY  # the old period is forgotten


def test_a_disabled_key_misses_its_rotation_catches_up_once_and_goes_on_from_there(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    kms.disable_key(KeyId=key)
    lab.clock.advance(days=350)
    assert _status(kms, key)["KeyRotationEnabled"]  # unchanged by disabling
    assert _rotations(kms, key) == []
    now = lab.clock.now()
    kms.enable_key(KeyId=key)
    assert _dates(kms, key) == [now]
    assert _status(kms, key)["NextRotationDate"] == now + 100 * DAY
    lab.clock.advance(days=101)
    assert _dates(kms, key) == [now, now + 100 * DAY]


def test_a_key_that_was_disabled_between_rotations_keeps_its_schedule(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key)
    planned = _status(kms, key)
    kms.disable_key(KeyId=key)
    lab.clock.advance(days=300)
    kms.enable_key(KeyId=key)
    assert _status(kms, key) == planned
    assert _rotations(kms, key) == []


def test_while_deletion_is_pending_rotation_reads_false_and_comes_back_when_cancelled(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    planned = _status(kms, key)
    lab.clock.advance(days=80)
    kms.schedule_key_deletion(KeyId=key)
    assert _status(kms, key) == {"KeyRotationEnabled": False}
    lab.clock.advance(days=20)
    kms.cancel_key_deletion(KeyId=key)
    assert _status(kms, key) == planned
    assert _rotations(kms, key) == []
    now = lab.clock.now()
    kms.enable_key(KeyId=key)
    assert _dates(kms, key) == [now]


# On demand


def test_a_rotation_on_demand_takes_30_seconds(lab: Lab, kms: Any, key: str) -> None:
    old, start = _current(kms, key), lab.clock.now()
    answer = kms.rotate_key_on_demand(KeyId=key)
    assert answer["KeyId"] == key
    assert _status(kms, key)["OnDemandRotationStartDate"] == start
    _to(lab, start + timedelta(seconds=29))
    assert _current(kms, key) == old
    assert _current(kms, key) != old
    assert "OnDemandRotationStartDate" not in _status(kms, key)
    (rotation,) = _rotations(kms, key)
    assert rotation["RotationType"] == "ON_DEMAND"
    assert rotation["RotationDate"] == start + timedelta(seconds=30)


def test_a_rotation_that_is_in_progress_is_not_begun_again(lab: Lab, kms: Any, key: str) -> None:
    start = lab.clock.now()
    for _ in range(3):
        assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == key
    assert _status(kms, key)["OnDemandRotationStartDate"] == start
    lab.clock.advance(minutes=5)
    assert _dates(kms, key) == [start + timedelta(seconds=30)]


def test_rotations_on_demand_leave_the_schedule_alone(lab: Lab, kms: Any, key: str) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=730)
    planned = _status(kms, key)
    lab.clock.advance(days=725)
    _rotate(lab, key)
    assert _status(kms, key) == planned
    _to(lab, planned["NextRotationDate"])
    assert [each["RotationType"] for each in _rotations(kms, key)] == ["ON_DEMAND", "AUTOMATIC"]


def test_a_key_is_rotated_on_demand_25_times_and_on_schedule_for_ever(
    lab: Lab, kms: Any, key: str
) -> None:
    _rotate(lab, key, 25)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    with refused(
        "LimitExceededException",
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        f"rotations can be performed for this key: {arn}",
    ):
        kms.rotate_key_on_demand(KeyId=key)
    kms.enable_key_rotation(KeyId=key)
    lab.clock.advance(days=366)
    types = [each["RotationType"] for each in _rotations(kms, key)]
    assert types == ["ON_DEMAND"] * 25 + ["AUTOMATIC"]


def test_no_rotation_on_demand_within_20_minutes_of_an_automatic_one(
    lab: Lab, kms: Any, key: str
) -> None:
    kms.enable_key_rotation(KeyId=key)
    date = _status(kms, key)["NextRotationDate"]
    _to(lab, date - timedelta(minutes=19))
    with refused("ConflictException"):
        kms.rotate_key_on_demand(KeyId=key)
    assert _dates(kms, key) == []
    _to(lab, date)
    _rotate(lab, key)
    assert _dates(kms, key)[0] == date

    _to(lab, date + 364 * DAY + timedelta(hours=23, minutes=39))
    _rotate(lab, key)  # 21 minutes before is early enough
    assert len(_dates(kms, key)) == 3


@pytest.mark.parametrize("state", ["disabled", "pending deletion"])
def test_a_key_that_is_switched_off_begins_no_rotation(kms: Any, key: str, state: str) -> None:
    if state == "disabled":
        kms.disable_key(KeyId=key)
        code = "DisabledException"
    else:
        kms.schedule_key_deletion(KeyId=key)
        code = "KMSInvalidStateException"
    for call in (kms.rotate_key_on_demand, kms.enable_key_rotation, kms.disable_key_rotation):
        with refused(code):
            call(KeyId=key)


def test_a_key_that_awaits_deletion_does_not_end_its_rotation(lab: Lab, kms: Any, key: str) -> None:
    old = _current(kms, key)
    kms.rotate_key_on_demand(KeyId=key)
    kms.schedule_key_deletion(KeyId=key)
    lab.clock.advance(minutes=1)
    assert _current(kms, key) == old
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert _status(kms, key) == {"KeyRotationEnabled": False}
    _rotate(lab, key)
    assert _current(kms, key) != old


# What rotates, and what doesn't


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_only_symmetric_encryption_keys_rotate(kms: Any, make: Make, kind: str) -> None:
    key = make(**OTHER_KINDS[kind])
    for call in (kms.rotate_key_on_demand, kms.enable_key_rotation):
        with refused("UnsupportedOperationException"):
            call(KeyId=key)
    assert _status(kms, key) == {"KeyRotationEnabled": False}
    assert _rotations(kms, key) == []
    with refused("UnsupportedOperationException"):
        _rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL")


def test_a_key_with_imported_material_has_no_schedule(kms: Any, make: Make) -> None:
    key = make(Origin="EXTERNAL")
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    wording = f"{arn} origin is EXTERNAL which is not valid for this operation."
    for call in (kms.enable_key_rotation, kms.disable_key_rotation):
        with refused("UnsupportedOperationException", wording):
            call(KeyId=key)
    assert _status(kms, key) == {"KeyRotationEnabled": False}
    with refused("KMSInvalidStateException", f"{arn} is pending import."):
        kms.rotate_key_on_demand(KeyId=key)


def test_a_multi_region_key_rotates_in_all_regions_by_its_primary_alone(
    lab: Lab, kms: Any, make: Make
) -> None:
    there = lab.client("kms", THERE)
    key = make(MultiRegion=True)
    old = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    lab.clock.advance(seconds=10)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    assert _status(there, key) == _status(kms, key)
    for call in (there.rotate_key_on_demand, there.enable_key_rotation, there.disable_key_rotation):
        with refused("UnsupportedOperationException"):
            call(KeyId=key)
    lab.clock.advance(days=91)
    _rotate(lab, key)
    new = there.encrypt(KeyId=key, Plaintext=b"new")
    assert _generations(kms, key) == _generations(there, key)
    assert len(_generations(kms, key)) == 3
    assert _current(there, key) == _current(kms, key) == _generations(kms, key)[2]
    assert kms.decrypt(CiphertextBlob=new["CiphertextBlob"])["Plaintext"] == b"new"
    assert there.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
    events = lab.trail().named("SynchronizeMultiRegionKey")
    assert len(events) == 3  # the replica's birth, and two rotations
    assert {event["awsRegion"] for event in events} == {"us-east-1"}  # the primary key's


def test_an_aws_managed_key_rotates_every_year(fresh: Lab) -> None:
    kms = fresh.client("kms")
    fresh.first_use("s3")
    key = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]
    planned = _status(kms, key)
    assert planned["KeyRotationEnabled"]
    assert planned["RotationPeriodInDays"] == 365
    made = kms.describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
    first = planned["NextRotationDate"]
    assert abs(first - made - 365 * DAY) < timedelta(seconds=1)
    for call in (kms.disable_key_rotation, kms.enable_key_rotation, kms.rotate_key_on_demand):
        with refused("AccessDeniedException"):
            call(KeyId=key)
    fresh.clock.advance(days=731)
    assert _dates(kms, key) == [first, first + 365 * DAY]


# What rotation leaves as it was, and what it changes


def test_old_blobs_open_with_their_own_material_and_new_ones_are_made_with_the_new(
    lab: Lab, kms: Any, key: str
) -> None:
    before = kms.describe_key(KeyId=key)["KeyMetadata"]
    blobs = []
    for number in range(4):
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
        assert made["KeyMaterialId"] == _current(kms, key)
        blobs.append((made["KeyMaterialId"], made["CiphertextBlob"], made["Plaintext"]))
        if number < 3:
            _rotate(lab, key)
    assert [name for name, _, _ in blobs] == _generations(kms, key)
    for name, blob, plaintext in blobs:
        answer = kms.decrypt(CiphertextBlob=blob)
        assert answer["Plaintext"] == plaintext
        assert answer["KeyMaterialId"] == name
    after = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert before.pop("CurrentKeyMaterialId") != after.pop("CurrentKeyMaterialId")
    assert before == after


def test_re_encrypting_moves_a_blob_to_the_new_material(lab: Lab, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    _rotate(lab, key)
    moved = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)
    old, new = _generations(kms, key)
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (old, new)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["KeyMaterialId"] == new


def test_rotations_are_listed_without_and_with_the_first_material(
    lab: Lab, kms: Any, key: str
) -> None:
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    first = _current(kms, key)
    assert _rotations(kms, key) == []
    only = {"KeyId": arn, "KeyMaterialId": first, "KeyMaterialState": "CURRENT"}
    assert _rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL") == [only]
    _rotate(lab, key, 2)
    done = _rotations(kms, key)
    every = _rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert every == [{**only, "KeyMaterialState": "NON_CURRENT"}, *done]
    assert [each["KeyMaterialState"] for each in done] == ["NON_CURRENT", "CURRENT"]
    assert _rotations(kms, key, IncludeKeyMaterial="ROTATIONS_ONLY") == done


def test_a_list_of_rotations_comes_in_pages(lab: Lab, kms: Any, key: str) -> None:
    _rotate(lab, key, 12)
    ids = _generations(kms, key)
    assert len(set(ids)) == 13
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 5}
    )
    sizes, seen = [], []
    for page in pages:
        sizes.append(len(page["Rotations"]))
        seen += [each["KeyMaterialId"] for each in page["Rotations"]]
    assert sizes == [5, 5, 3]
    assert seen == ids
    with refused("InvalidMarkerException"):
        kms.list_key_rotations(KeyId=key, Marker="made up")


def test_the_trail_tells_of_a_rotation_and_of_its_material(lab: Lab, kms: Any, key: str) -> None:
    old = _current(kms, key)
    _rotate(lab, key)
    new = _current(kms, key)
    (event,) = _events(lab, key)
    assert event["eventType"] == "AwsServiceEvent"
    assert event["serviceEventDetails"] == {
        "keyId": key,
        "rotationType": "ON_DEMAND",
        "keyOrigin": "AWS_KMS",
        "previousKeyMaterialId": old,
        "currentKeyMaterialId": new,
    }
