"""Lesson 11: S3's way with a KMS key, the counter of calls, tables, and what its checks accept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kmslab import Lab
from kmslab.course import (
    bucket_calls,
    bucket_calls_view,
    check,
    readers,
    s3_flow,
    service_calls,
    tries,
    widgets,
)
from kmslab.course.shorthand import allow

LETTER = b"glucose 5.1 mmol/l"
VIA = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}


@dataclass(frozen=True, slots=True)
class Clinic:
    """A lab with a bucket and a key."""

    lab: Lab
    key: str
    bucket: str = "clinic-records"

    @property
    def s3(self) -> Any:
        return self.lab.client("s3")

    @property
    def sse(self) -> dict[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key}


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    """The learner's lab."""
    with Lab() as lab:
        key = lab.client("kms").create_key(Description="records")["KeyMetadata"]["Arn"]
        made = Clinic(lab, key)
        made.s3.create_bucket(Bucket=made.bucket)
        yield made


@pytest.fixture(scope="module")
def counter() -> bucket_calls.Counter:
    """A counter that starts empty; a test of this module goes on where the last one ended."""
    return bucket_calls.Counter()


# --- PUT and GET, step by step -----------------------------------------------------------------


def test_the_way_shows_the_values_of_the_learners_own_object(clinic: Clinic) -> None:
    at = {"Bucket": clinic.bucket, "Key": "17.txt"}
    clinic.s3.put_object(**at, Body=LETTER, **clinic.sse)
    reader = clinic.lab.role("reader", policy=allow(["s3:GetObject", "kms:Decrypt"]))
    reader.session("night").client("s3").get_object(**at)["Body"].read()
    story = s3_flow.story(clinic.lab, *at.values())
    said = [story.line(number) for number in range(1, 9)]
    found = clinic.lab.s3.at_rest(*at.values())
    assert "admin sends 18 bytes" in said[0]
    assert f"aws:s3:arn = arn:aws:s3:::{clinic.bucket}/17.txt" in said[1]
    assert "by admin, through s3" in said[1]
    assert found.encrypted_data_keys[0][:6].hex(" ") in said[2]
    assert found.ciphertext[:6].hex(" ") in said[4]
    assert f"{len(found.read())} bytes" in said[4]
    assert "by reader/night, through s3" in said[6]
    for number in range(1, 9):
        assert f"{number}: " in story.html(number)


@pytest.mark.parametrize("way", ["SSE-S3", "not read"])
def test_a_way_that_was_not_gone_says_what_is_missing(clinic: Clinic, way: str) -> None:
    asked = clinic.sse if way == "not read" else {}
    missing = "Decrypt" if way == "not read" else "GenerateDataKey"
    clinic.s3.put_object(Bucket=clinic.bucket, Key=way, Body=LETTER, **asked)
    with pytest.raises(ValueError, match=f"has no {missing} for clinic-records/{way}: put it"):
        widgets.s3_way(clinic.lab, clinic.bucket, way)


def test_a_call_that_was_made_without_s3_is_not_taken_for_s3s(clinic: Clinic) -> None:
    clinic.s3.put_object(Bucket=clinic.bucket, Key="direct", Body=LETTER, **clinic.sse)
    found = clinic.lab.s3.at_rest(clinic.bucket, "direct")
    asked = {"CiphertextBlob": found.encrypted_data_keys[0], "EncryptionContext": found.context}
    clinic.lab.client("kms").decrypt(**asked)
    with pytest.raises(ValueError, match="has no Decrypt"):
        s3_flow.story(clinic.lab, clinic.bucket, "direct")


def test_a_picture_of_the_way_shows_what_came_so_far_and_says_only_that() -> None:
    fourth, last = s3_flow.picture(4), s3_flow.picture(8)
    assert b"GenerateDataKey" in fourth.data
    assert b">Decrypt<" in last.data
    assert b">Decrypt<" not in fourth.data
    assert "4: S3 encrypts" in fourth.alt
    assert "5: " not in fourth.alt


# --- The counter -------------------------------------------------------------------------------

STEPS = (
    (bucket_calls.PUT, (1, 0), (1, 0)),
    (bucket_calls.PUT_10, (11, 0), (1, 0)),
    (bucket_calls.GET_10, (11, 10), (1, 0)),
    (bucket_calls.WAIT, (11, 10), (1, 0)),
    (bucket_calls.GET_10, (11, 20), (1, 1)),
    (bucket_calls.OTHER, (11, 20), (1, 1)),
    (bucket_calls.GET_10, (11, 30), (1, 2)),
    (bucket_calls.PUT, (12, 30), (2, 2)),
)


def test_each_count_is_that_of_the_trail(counter: bucket_calls.Counter) -> None:
    for name, without, kept in STEPS:
        counter.do(name)
        assert [tuple(each.calls.values()) for each in counter.counts] == [without, kept], name
    events = [e for e in counter._lab.trail() if e["eventName"] in bucket_calls.OPERATIONS]
    assert sum(each.total for each in counter.counts) == len(events)
    assert all(e["userIdentity"]["invokedBy"] == "fas.s3.amazonaws.com" for e in events)
    assert [(each.context, each.caller) for each in counter.counts] == [
        ("arn:aws:s3:::each-object/12.txt", "bob"),
        ("arn:aws:s3:::bucket-key", "bob"),
    ]


def test_the_counts_are_shown_in_words_and_as_bars(counter: bucket_calls.Counter) -> None:
    picture = bucket_calls_view.picture(counter.counts)
    assert picture.alt == (
        "Calls of KMS in the trail. bucket each-object, without a bucket key: 12 GenerateDataKey, "
        "30 Decrypt, the last with the context arn:aws:s3:::each-object/12.txt; bucket "
        "bucket-key, with a bucket key: 2 GenerateDataKey, 2 Decrypt, the last with the context "
        "arn:aws:s3:::bucket-key."
    )
    words = re.findall(r"<text[^>]*>(.*?)</text>", picture.data.decode())
    assert [each for each in words if each.isdigit()] == ["2", "2", "12", "30"]
    assert "In each bucket: 12 objects put, 30 got" in bucket_calls_view.page(counter)


def test_the_counter_is_driven_by_buttons_and_by_name() -> None:
    widget = widgets.BucketCalls()
    assert repr(widget) == (
        "<BucketCalls: begin (alice) | calls of KMS: each-object 0, bucket-key 0>"
    )
    widget.do(bucket_calls.GET_10)  # there is nothing to get yet
    assert widget.value == (0, 0)
    widget.buttons[bucket_calls.PUT_10].click()
    assert widget.value == (10, 1)
    assert widget.text == "Put 10 (alice) | calls of KMS: each-object 10, bucket-key 1"
    assert widget.still() == widget.view.value
    with pytest.raises(ValueError, match="'Explode': one of Put 1, Put 10, "):
        widget.do("Explode")


# --- Tables ------------------------------------------------------------------------------------


def test_who_reads_what_is_tried_and_not_told(clinic: Clinic) -> None:
    lab, bucket = clinic.lab, clinic.bucket
    nurse = lab.user("nurse", policy=allow("s3:GetObject"))
    doctor = lab.user("doctor", policy=allow(["s3:GetObject", "kms:Decrypt"]))
    modes = {"plain": {}, "kms": clinic.sse, "C": {"SSECustomerAlgorithm": "AES256"}}
    modes["C"]["SSECustomerKey"] = "k" * 32
    assert readers.stored(lab, bucket, LETTER, modes).rows == [
        ("plain", "ok", 1),
        ("kms", "ok", 1),
        ("C", "AccessDenied", 0),
    ]
    clinic.s3.put_object(Bucket=bucket, Key="sealed", Body=b"noise")
    table = readers.table(lab, bucket, ("plain", "kms", "sealed"), LETTER, nurse=nurse, dr=doctor)
    assert list(table.rows) == [
        ("plain", "ciphertext", "the letter", "the letter"),
        ("kms", "ciphertext", "nothing", "the letter"),
        ("sealed", "ciphertext", "ciphertext", "ciphertext"),
    ]


def test_calls_of_kms_are_listed_with_whom_they_were_made_for(clinic: Clinic) -> None:
    start, kms = len(clinic.lab.trail()), clinic.lab.client("kms")
    clinic.s3.put_object(Bucket=clinic.bucket, Key="x", Body=b"x", **clinic.sse)
    kms.encrypt(KeyId=clinic.key, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})
    within = {"EncryptionContextSubset": {"patient": "17"}}
    who = clinic.lab.user("nurse").arn
    asked = {"KeyId": clinic.key, "GranteePrincipal": who, "Operations": ["Decrypt"]}
    kms.create_grant(**asked, Constraints=within)
    kms.create_grant(**asked)
    clinic.lab.user("not-of-kms")
    assert list(service_calls.table(clinic.lab.trail()[start:]).rows) == [
        ("admin", "s3", "GenerateDataKey", "aws:s3:arn"),
        ("admin", "", "Encrypt", "a, b"),
        ("admin", "", "CreateGrant", "patient"),
        ("admin", "", "CreateGrant", ""),
    ]


# --- The checks --------------------------------------------------------------------------------


def bad_export(s3: Any, bucket: str, name: str, letter: bytes) -> None:
    """SSE-C with its key in the object's metadata."""
    own = os.urandom(32)
    asked = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": own}
    s3.put_object(Bucket=bucket, Key=name, Body=letter, Metadata={"k": own.hex()}, **asked)


def test_the_thief_opens_what_has_its_key_beside_it_and_nothing_else(clinic: Clinic) -> None:
    def good(s3: Any, bucket: str, name: str, letter: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=name, Body=letter, Metadata={"k": "00" * 32})

    [[_, mode, read]] = check.lesson11.thief(clinic.lab, bad_export).rows
    assert (mode, read) == ("SSE-C", "the whole letter: the key in its metadata 'k' opens it")
    [[_, mode, read]] = check.lesson11.thief(clinic.lab, good).rows
    assert (mode, read) == ("AES256", "nothing")


WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"BucketKeyEnabled": True},
    {"ServerSideEncryption": "aws:kms:dsse"},
    {"Metadata": {"k": "11" * 32}},
)


@pytest.mark.parametrize("more", WAYS, ids=str)
def test_exercise_1_accepts_every_way_of_kms(clinic: Clinic, more: dict[str, Any]) -> None:
    def export(s3: Any, bucket: str, name: str, letter: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=name, Body=letter, **{**clinic.sse, **more})

    assert check.lesson11.ex1(clinic.lab, clinic.key, export).state == "done"


def test_exercise_1_accepts_a_default_of_the_bucket(clinic: Clinic) -> None:
    def export(s3: Any, bucket: str, name: str, letter: bytes) -> None:
        by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": clinic.key}
        rule = {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        s3.put_object(Bucket=bucket, Key=name, Body=letter)

    assert check.lesson11.ex1(clinic.lab, clinic.key, export).state == "done"


WARD = "arn:aws:s3:::clinic-ward"
ARN = "kms:EncryptionContext:aws:s3:arn"
PLACES = {ARN: [WARD, f"{WARD}/3/*"]}
NURSES: dict[str, dict[str, Any]] = {
    "StringLike": {"StringEquals": VIA, "StringLike": PLACES},
    "ArnLike": {"StringEquals": VIA, "ArnLike": PLACES},
    "any Region": {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com", **PLACES}},
}


@pytest.mark.parametrize("condition", NURSES)
def test_exercise_2_accepts_conditions_of_several_kinds(clinic: Clinic, condition: str) -> None:
    get = allow("s3:GetObject", f"{WARD}/3/*")
    answer = [get, allow("kms:Decrypt", clinic.key, Condition=NURSES[condition])]
    assert check.lesson11.ex2(clinic.lab, clinic.key, answer).state == "done"
    two = [
        allow("kms:Decrypt", clinic.key, Condition={"StringEquals": VIA, "StringLike": {ARN: one}})
        for one in PLACES[ARN]
    ]
    assert check.lesson11.ex2(clinic.lab, clinic.key, {"Statement": [get, *two]}).state == "done"


def test_exercise_2_is_not_fooled_by_a_bucket_key_that_an_earlier_answer_opened(
    clinic: Clinic,
) -> None:
    get = allow("s3:GetObject", f"{WARD}/3/*")
    good = [get, allow("kms:Decrypt", clinic.key, Condition=NURSES["StringLike"])]
    objects = {"StringEquals": VIA, "StringLike": {ARN: f"{WARD}/3/*"}}
    for _ in range(2):
        assert check.lesson11.ex2(clinic.lab, clinic.key, good).state == "done"
        said = check.lesson11.ex2(
            clinic.lab, clinic.key, [get, allow("kms:Decrypt", clinic.key, Condition=objects)]
        )
        assert "with a bucket key: the nurse's GetObject says AccessDenied" in said.text


def shared(clinic: Clinic, **more: Any) -> dict[str, Any]:
    """A right answer to exercise 3, and the changes to it."""
    reader = clinic.lab.account("222222222222", name="laboratory").role("reader")
    who, folder = {"AWS": reader.arn}, "arn:aws:s3:::clinic-shared/laboratory/*"
    right = {
        "bucket": [allow("s3:GetObject", folder, Principal=who)],
        "key": [allow("kms:Decrypt", Principal=who, Condition={"StringEquals": VIA})],
        "reader": [allow("s3:GetObject", folder), allow("kms:Decrypt", clinic.key)],
    }
    return {**right, **more}


def test_exercise_3_accepts_more_than_one_way(clinic: Clinic) -> None:
    lab = clinic.lab
    reader = lab.account("222222222222", name="laboratory").role("reader")
    folder = "arn:aws:s3:::clinic-shared/laboratory/*"
    context = {"StringEquals": VIA, "StringLike": {ARN: folder}}
    narrow = [allow("kms:Decrypt", Principal={"AWS": reader.arn}, Condition=context)]
    everything = [allow("s3:*", folder), allow("kms:Decrypt", clinic.key)]
    account = [allow("s3:GetObject", folder, Principal={"AWS": "222222222222"})]
    for more in ({}, {"key": narrow}, {"reader": everything}, {"bucket": account}):
        said = check.lesson11.ex3(lab, clinic.key, reader, shared(clinic, **more))
        assert said.state == "done", (more, said)


def state(lab: Lab) -> tuple[object, ...]:
    """What a check must not change: the trail, the disk, the buckets."""
    buckets = [each["Name"] for each in lab.client("s3").list_buckets()["Buckets"]]
    events = [each["eventID"] for each in lab.trail() if each["eventName"] != "ListBuckets"]
    return events, sorted(lab.s3.folder.iterdir()), buckets


def test_the_checks_leave_the_lab_as_it_was(clinic: Clinic) -> None:
    lab = clinic.lab
    reader = lab.account("222222222222", name="laboratory").role("reader")
    before = state(lab)
    check.lesson11.thief(lab, bad_export)
    check.lesson11.ex1(lab, clinic.key, bad_export)
    check.lesson11.ex2(lab, clinic.key, [allow("s3:*"), allow("kms:*")])
    check.lesson11.ex3(lab, clinic.key, reader, shared(clinic))
    assert state(lab) == before
    got = tries.outcome(
        reader.session("night").client("s3").get_object, Bucket=clinic.bucket, Key="17.txt"
    )
    assert got == "AccessDenied"


def test_the_checks_hint_further_and_never_raise(clinic: Clinic) -> None:
    lab, key = clinic.lab, clinic.key
    reader = lab.account("222222222222", name="laboratory").role("reader")
    assert check.lesson11.ex1(lab, key, ...).state == "not started"
    every: tuple[object, ...] = (None, [], {1: 2}, "x", [1], lambda: 1)
    for wrong in every:
        assert check.lesson11.ex1(lab, key, wrong).state == "not yet"
        assert check.lesson11.ex2(lab, key, wrong).state == "not yet"
        assert check.lesson11.ex3(lab, key, reader, wrong).state == "not yet"
        assert check.lesson11.ex3(lab, key, reader, shared(clinic, key=wrong)).state == "not yet"
    assert "Hint: " in repr(check.lesson11.ex1(lab, key, bad_export))
    assert "Hint: " in repr(check.lesson11.ex2(lab, key, [allow("s3:GetObject")]))
    only = shared(clinic, reader=[allow("s3:GetObject")])
    assert "Hint: " in repr(check.lesson11.ex3(lab, key, reader, only))
