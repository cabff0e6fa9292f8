"""Lesson 15: a call's way, the blob's story, tokens on the disk, requests under way, the checks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kmslab import Lab
from kmslab.course import check, figures, inside, load, tokens, tries, walk, widgets
from kmslab.errors import QuorumMissing

CONTEXT = {"patient": "23"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that no test leaves broken."""
    with Lab(seed=15) as lab:
        yield lab


@pytest.fixture
def key(lab: Lab) -> str:
    """A new KMS key."""
    return str(lab.client("kms").create_key()["KeyMetadata"]["KeyId"])


def seal(lab: Lab, key: str) -> dict[str, Any]:
    """Decrypt's parameters for a new blob of a key."""
    asked = {"KeyId": key, "Plaintext": b"letter", "EncryptionContext": CONTEXT}
    blob = lab.client("kms").encrypt(**asked)["CiphertextBlob"]
    return {"CiphertextBlob": blob, "EncryptionContext": CONTEXT}


# --- A call's way ------------------------------------------------------------------------------


def test_a_call_that_succeeds_reaches_every_stage(lab: Lab, key: str) -> None:
    kms, sealed = lab.client("kms"), seal(lab, key)
    for way in (walk.follow(kms.decrypt, **sealed), walk.follow(kms.encrypt, KeyId=key,
                                                                Plaintext=b"x")):  # fmt: skip
        assert (way.stages, way.outcome, way.stopped_at) == (walk.STAGES, "ok", "")
        assert way.hsm in {each.device.name for each in lab.hsms.hsms}
        assert [way.token] == tokens.of(lab, key)
    assert "letter" not in repr(way)
    assert way.token.hex() not in repr(way)


def test_the_ways_of_kms_that_need_no_hsm_reach_none(lab: Lab, key: str) -> None:
    way = walk.follow(lab.client("kms").describe_key, KeyId=key)
    assert way.stages == tuple(each for each in walk.STAGES if each != "HSM")


@pytest.mark.parametrize(
    ("stage", "asked"),
    [
        ("validate", {"Plaintext": bytes(5_000)}),
        ("find", {"KeyId": "00000000-0000-0000-0000-000000000000"}),
        ("authorize", {"by": "eve"}),
        ("state", {"disabled": True}),
    ],
)
def test_a_refused_call_stops_where_the_service_says(
    lab: Lab, key: str, stage: str, asked: dict[str, Any]
) -> None:
    kms = lab.client("kms")
    caller = lab.user(asked.pop("by")).client("kms") if "by" in asked else kms
    if asked.pop("disabled", False):
        kms.disable_key(KeyId=key)
    way = walk.follow(caller.encrypt, **{"KeyId": key, "Plaintext": b"x", **asked})
    assert way.stopped_at == stage
    assert "HSM" not in way.stages
    assert (way.hsm, way.token) == ("", b"")


def test_a_profiler_of_before_is_put_back_even_after_an_error(lab: Lab) -> None:
    def mine(*_: object) -> None:
        """A profiler that notes nothing."""

    before = sys.getprofile()
    sys.setprofile(mine)
    try:
        with pytest.raises(Exception, match="Unknown parameter"):
            walk.follow(lab.client("kms").encrypt, Nothing=1)
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(before)


def test_a_table_of_ways_says_where_each_stopped(lab: Lab, key: str) -> None:
    kms, sealed = lab.client("kms"), seal(lab, key)
    wrong = {**sealed, "EncryptionContext": {}}
    table = walk.table({"good": walk.follow(kms.decrypt, **sealed),
                        "wrong": walk.follow(kms.decrypt, **wrong)})  # fmt: skip
    assert list(table.rows[0]) == ["good", *["ok"] * 8, "ok"]
    assert list(table.rows[1])[-3:] == ["stop", "ok", "InvalidCiphertextException"]
    opened = walk.opens({"good": sealed, "wrong": wrong}, here=kms)
    assert opened.rows == [("good", "ok"), ("wrong", "InvalidCiphertextException")]


# --- The blob's story --------------------------------------------------------------------------


def test_the_story_tells_what_was_passed_on(lab: Lab, key: str) -> None:
    kms = lab.client("kms")
    sealed = seal(lab, key)
    kms.rotate_key_on_demand(KeyId=key)
    lab.clock.advance(minutes=1)
    assert len({seal(lab, key)["CiphertextBlob"][18:50], sealed["CiphertextBlob"][18:50]}) == 2
    facts = inside.look(lab, sealed["CiphertextBlob"], CONTEXT)
    story = inside.story(facts)
    said = [story.line(number) for number in range(1, 8)]
    token = tokens.of(lab, key)[0]
    assert "generation 1 of 2" in said[2]
    assert f"40 bytes, which begin {token[:4].hex(' ')}" in said[3]
    assert facts.way.hsm in said[3]
    assert f"begin {sealed['CiphertextBlob'][50:54].hex(' ')}" in said[5]
    assert "67 bytes of AAD: 50 of header and 17 of encryption context. 6 bytes" in said[6]
    whole = " ".join(story.html(number) for number in range(1, 8))
    assert token.hex() not in whole.replace(" ", "")


def test_the_story_wants_a_blob_that_opens(lab: Lab, key: str) -> None:
    sealed = seal(lab, key)
    with pytest.raises(ValueError, match="InvalidCiphertextException"):
        inside.look(lab, sealed["CiphertextBlob"], {})
    with pytest.raises(ValueError, match="no blob"):
        inside.look(lab, b"no blob", {})


def test_the_widget_and_the_figure_say_the_whole_way_in_words(lab: Lab, key: str) -> None:
    widget = widgets.way_down(lab, *seal(lab, key).values())
    assert repr(widget) == "<Stepper 'Down to the domain key, and back', 7 steps>"
    for number in range(1, 8):
        widget.value = number
        assert inside.NAMES[number - 1] in widget.text
        assert f"{number}: " in inside.picture(number).alt
        assert f"{number + 1}: " not in inside.picture(number).alt
    assert figures.FIGURES["hsm-fleet"]("svg").alt == inside.picture().alt


# --- Tokens, requests --------------------------------------------------------------------------


def test_a_token_that_was_changed_or_moved_opens_nothing(lab: Lab, key: str) -> None:
    kms, sealed = lab.client("kms"), seal(lab, key)
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    [token] = tokens.of(lab, key)
    tokens.put(lab, key, bytes([token[0] ^ 1]) + token[1:])
    assert tries.outcome(kms.decrypt, **sealed) == "InvalidCiphertextException"
    assert tries.outcome(kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInternalException"
    tokens.put(lab, key, token)
    tokens.put(lab, other, token)
    forged = tokens.renamed(sealed["CiphertextBlob"], seal(lab, other)["CiphertextBlob"])
    said = tries.outcome(kms.decrypt, CiphertextBlob=forged, EncryptionContext=CONTEXT)
    assert said == "InvalidCiphertextException"
    assert tries.outcome(kms.decrypt, **sealed) == "ok"


def test_the_table_of_tokens_has_no_byte_of_them(lab: Lab) -> None:
    key = lab.client("kms").create_key(Description="shown")["KeyMetadata"]["KeyId"]
    table = tokens.table(lab)
    assert ("shown", 1, "CURRENT", "40 bytes") in table.rows
    assert tokens.of(lab, key)[0].hex()[:8] not in repr(table)
    assert tokens.of(lab, key, "eu-west-3") == []


def test_requests_go_on_while_an_hsm_is_pulled_and_are_counted(lab: Lab, key: str) -> None:
    kms = lab.client("kms")
    with load.running(kms, key) as requests:
        lab.hsms.switch_off("hsm-a")
        lab.hsms.switch_on("hsm-a")
    assert requests.answered >= 2 * load.LEAST
    assert repr(requests) == "<Requests: answered some, refused none>"
    kms.disable_key(KeyId=key)
    with load.running(kms, key) as requests:
        pass
    assert requests.refused.keys() == {"DisabledException"}
    assert requests.answered == 0


def test_what_hsms_say_is_a_name() -> None:
    assert load.said(lambda: None) == "ok"

    def short() -> None:
        raise QuorumMissing("a PIN would stand here")

    assert load.said(short) == "QuorumMissing"


# --- The checks --------------------------------------------------------------------------------


@pytest.mark.parametrize(("operators", "quorum"), [(6, 3), (7, 3), (7, 4)])
def test_exercise_1_accepts_every_plan_that_works(operators: int, quorum: int) -> None:
    answer: dict[str, Any] = {"operators": operators, "quorum": quorum}
    assert check.lesson15.ex1(answer).state == "done"
    answer["operators"] = {f"name-{each}": f"a long PIN {each}" for each in range(operators)}
    assert check.lesson15.ex1(answer).state == "done"


def test_exercise_2_is_judged_by_the_lab_that_opens_again() -> None:
    with Lab() as lab:
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        sealed = seal(lab, key)
        monday = lab.hsms.backup(lab.path / "monday")
        lab.hsms.rotate_domain_key()
        night = check.lesson15.night(lab, monday)
        assert check.lesson15.night(lab, monday) is night
        assert tries.outcome(lab.client("kms").decrypt, **sealed) == "KeyUnavailableException"
        answer = night.backups["friday"], night.cards[2:]
        for _ in range(2):  # it is tried on a copy
            assert check.lesson15.ex2(lab, sealed, answer).state == "done"
        lab.hsms.restore(*answer)
        assert tries.outcome(lab.client("kms").decrypt, **sealed) == "ok"
        by_path = night.backups["friday"].path, tuple(reversed(night.cards[2:]))
        assert check.lesson15.ex2(lab, sealed, by_path).state == "done"


def test_exercise_3_accepts_a_move_that_takes_its_time() -> None:
    def move(lab: Lab, key: str) -> None:
        home = lab.client("kms", "us-east-1")
        home.update_primary_region(KeyId=key, PrimaryRegion="eu-west-3")
        lab.clock.advance(days=2)
        home.disable_key(KeyId=key)
        home.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)

    assert check.lesson15.ex3(move).state == "done"


def test_the_checks_hint_further_and_never_raise(lab: Lab) -> None:
    every: tuple[object, ...] = (None, [], {1: 2}, (1, 2), "x", {"operators": -1, "quorum": True})
    for wrong in every:
        assert check.lesson15.ex1(wrong).state == "not yet"
        assert check.lesson15.ex2(lab, {}, wrong).state == "not yet"
        assert check.lesson15.ex3(wrong).state == "not yet"
    for judge, more in ((check.lesson15.ex1, ()), (check.lesson15.ex2, (lab, {}))):
        assert judge(*more, ...).state == "not started"
        assert "Hint: " in repr(judge(*more, None))
