"""A trail's filters, its table and its data frame: what a learner finds with them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from asking import answer
from recorded import (
    ALICE,
    APP,
    CARL,
    KEY,
    KEY_ID,
    MINE,
    ROLE,
    ROOT,
    SERVICE,
    THEIR_KEY,
    THEIRS,
    Records,
)

from kmslab import Lab
from kmslab.aws.call import Way
from kmslab.cloudtrail.trail import Trail

ALIAS = "alias/payroll"
OTHER_KEY = KEY.replace("1234abcd", "9999abcd")
THROUGH_S3 = Way(service="s3.amazonaws.com")


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """One event a second from 9:00:00 on, on 5 January 2026."""
    records = Records(tmp_path, seed=1)
    context = {"aws:s3:arn": "arn:aws:s3:::b"}
    records.success(ALICE, "CreateAlias", {"AliasName": ALIAS, "TargetKeyId": KEY_ID})
    records.success(APP, "Encrypt", {"KeyId": ALIAS, "EncryptionContext": {"dept": "hr"}})
    records.success(ALICE, "Decrypt", {"EncryptionContext": context}, way=THROUGH_S3)
    records.failure("AccessDeniedException", ROOT, "DisableKey")
    asked = {"KeyId": OTHER_KEY}
    records.failure("DisabledException", CARL, "Sign", arns=(OTHER_KEY,), parameters=asked)
    records.success(SERVICE, "GenerateDataKey")
    records.success(ALICE, "AssumeRole", {"RoleArn": ROLE}, service="sts", arns=(ROLE,))
    stranger = replace(ALICE, account=THEIRS)
    records.success(stranger, "DescribeKey", {"KeyId": KEY})
    return records


def names(trail: Trail) -> list[str]:
    """The operations of a trail."""
    return [event["eventName"] for event in trail]


@pytest.mark.parametrize(
    ("caller", "operations"),
    [
        ("alice", ["CreateAlias", "Decrypt", "Sign", "AssumeRole"]),  # carl has alice's rights
        (ALICE.arn, ["CreateAlias", "Decrypt", "Sign", "AssumeRole"]),
        ("AKIAALICE", ["CreateAlias", "Decrypt", "AssumeRole"]),
        ("app", ["Encrypt"]),
        ("run-1", ["Encrypt"]),
        ("app/run-1", ["Encrypt"]),
        (ROLE, ["Encrypt"]),
        (APP.arn, ["Encrypt"]),
        ("root", ["DisableKey"]),
        ("carl", ["Sign"]),
        ("logs.amazonaws.com", ["GenerateDataKey"]),
        ("s3", ["Decrypt"]),
        (THEIRS, ["DescribeKey"]),
        ("ali", []),
        (MINE, ["DisableKey"]),  # root's own id
    ],
)
def test_by_finds_a_caller_by_every_name_it_has(
    records: Records, caller: str, operations: list[str]
) -> None:
    assert names(records.trail().by(caller)) == operations


@pytest.mark.parametrize(
    ("name", "operations"),
    [
        (ALIAS, ["CreateAlias", "Encrypt"]),
        (f"arn:aws:kms:us-east-1:{MINE}:{ALIAS}", ["CreateAlias", "Encrypt"]),
        (ROLE, ["AssumeRole"]),
        ("app", ["AssumeRole"]),
        (OTHER_KEY, ["Sign"]),
        ("payroll", []),
        ("1234abc", []),
        ("hr", []),
    ],
)
def test_about_finds_what_an_event_names(
    records: Records, name: str, operations: list[str]
) -> None:
    found = records.trail().about(name)
    assert names(found) == (operations if name != "hr" else ["Encrypt"])


def test_about_finds_a_key_by_its_id_and_by_its_arn(records: Records) -> None:
    everything = names(records.trail())
    everything.remove("Sign")
    everything.remove("AssumeRole")
    for name in (KEY_ID, KEY):
        assert names(records.trail().about(name)) == everything


def test_about_finds_calls_that_named_a_key_that_was_not_there(records: Records) -> None:
    records.failure("NotFoundException", arns=())
    for name in (KEY_ID, KEY):
        assert records.trail().about(name)[-1]["errorCode"] == "NotFoundException"


def test_about_finds_grants_and_key_material(records: Records) -> None:
    records.success(ALICE, "CreateGrant", output={"GrantId": "ab12", "GrantToken": "t"})
    records.success(ALICE, "RevokeGrant", {"KeyId": KEY_ID, "GrantId": "ab12"})
    call = records.call(ALICE, "RetireGrant", {"GrantToken": "t"})
    records.recorder.success(call, (KEY,), {}, {"grantId": "ab12"})
    records.success(ALICE, "Decrypt", output={"KeyMaterialId": "cd34", "Plaintext": b"x"})
    assert names(records.trail().about("ab12")) == ["CreateGrant", "RevokeGrant", "RetireGrant"]
    assert names(records.trail().about("cd34")) == ["Decrypt"]


def test_refused_finds_every_failure_or_those_of_some_errors(records: Records) -> None:
    trail = records.trail()
    assert names(trail.refused()) == ["DisableKey", "Sign"]
    assert names(trail.refused("AccessDenied")) == ["DisableKey"]
    assert names(trail.refused("AccessDenied", "DisabledException")) == ["DisableKey", "Sign"]


def test_between_has_both_ends_in_it(records: Records) -> None:
    trail = records.trail()
    assert trail[0]["eventTime"] == "2026-01-05T09:00:00Z"
    assert names(trail.between("2026-01-05 09:00:03")) == names(trail)[3:]
    assert names(trail.between("2026-01-05 09:00:03", "2026-01-05T09:00:04Z")) == names(trail)[3:5]
    start = datetime(2026, 1, 5, 9, 0, 3, tzinfo=UTC)
    assert names(trail.between(start, start)) == names(trail)[3:4]
    elsewhere = start.astimezone(timezone(timedelta(hours=5)))
    assert names(trail.between(elsewhere, elsewhere)) == names(trail)[3:4]
    assert names(trail.between(start.replace(tzinfo=None), start)) == names(trail)[3:4]
    assert len(trail.between("2027-01-01")) == 0


def test_filters_can_follow_each_other(records: Records) -> None:
    found = records.trail().about(KEY).by("alice").named("Decrypt").between("2026-01-05").tail(1)
    assert names(found) == ["Decrypt"]
    assert isinstance(found, Trail)


# --- the table ---------------------------------------------------------------------------------


def test_a_row_says_who_called_and_through_what(records: Records) -> None:
    lines = repr(records.trail()).splitlines()
    assert [line.split("  ")[2] for line in lines] == [
        "alice",
        "app/run-1",
        "alice via s3",
        "root",
        "federated-user/carl",
        "logs.amazonaws.com",
        "alice",
        f"account {THEIRS}",
    ]
    assert lines[6].endswith("AssumeRole  alice  role/team/app")
    assert lines[4].endswith("Sign  federated-user/carl  9999abcd…  DisabledException")


def test_up_to_50_events_are_shown_and_no_line_before_them(records: Records) -> None:
    trail = Trail((records.events() * 30)[:50])
    assert len(repr(trail).splitlines()) == 50
    shown = trail._repr_html_()
    assert shown.startswith("<table>")
    assert shown.count("<tr>") == 51


def test_of_more_events_the_newest_are_shown_and_how_to_narrow_them(records: Records) -> None:
    events = records.events() * 200
    newest = {**events[-1], "eventName": "TheNewest"}
    trail = Trail([*events[1:], newest])
    first, *rest = repr(trail).splitlines()
    assert first.startswith("1,550 earlier events are not shown: narrow the trail, as in .named(")
    assert len(rest) == 50
    assert "TheNewest" in rest[-1]
    shown = trail._repr_html_()
    assert shown.startswith("<p>1,550 earlier events are not shown")
    assert "TheNewest" in shown
    assert shown.count("<tr>") == 51
    assert len(trail) == 1600


def test_the_table_escapes_names_and_hints(records: Records) -> None:
    records.success(replace(ALICE, name="<b>"))
    assert "<b>" not in records.trail()._repr_html_()


# --- the data frame ----------------------------------------------------------------------------


def test_a_frame_has_one_row_an_event(records: Records) -> None:
    pandas = pytest.importorskip("pandas")
    frame = records.trail().frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(records.trail())
    assert list(frame["event"]) == names(records.trail())
    third = frame.iloc[2]
    assert (third["user"], third["via"], third["key"]) == ("alice", "s3", KEY)
    assert third["time"] == datetime(2026, 1, 5, 9, 0, 2, tzinfo=UTC)
    assert third["context"] == '{"aws:s3:arn": "arn:aws:s3:::b"}'
    assert list(frame[frame["error"] == "AccessDenied"]["event"]) == ["DisableKey"]
    assert list(frame.columns[:6]) == ["time", "event", "user", "key", "context", "error"]


def test_a_frame_of_no_events_has_the_same_columns(records: Records) -> None:
    pytest.importorskip("pandas")
    empty = records.trail().named("Nothing").frame()
    assert len(empty) == 0
    assert list(empty.columns) == list(records.trail().frame().columns)


def test_without_pandas_the_error_says_what_to_type(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="%pip install pandas"):
        records.trail().frame()


def test_events_of_a_strangers_key_show_whose_it_is(records: Records) -> None:
    records.success(ALICE, "Encrypt", arns=(THEIR_KEY,))
    assert records.trail(THEIRS).by(MINE).about(THEIR_KEY)[-1]["recipientAccountId"] == THEIRS
    line: Any = repr(records.trail(THEIRS).tail(1))
    assert f"account {MINE}" in line


@pytest.mark.parametrize(
    "wrong",
    [
        lambda trail: trail.by(3),
        lambda trail: trail.named(("Decrypt", "Encrypt")),
        lambda trail: trail.about({"patient": "23"}),
        lambda trail: trail.about(23),
        lambda trail: trail.refused(7),
    ],
)
def test_what_is_no_text_is_refused_and_finds_not_just_nothing(records: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"a text is due, as in \."):
        wrong(records.trail())


@pytest.mark.parametrize("count", [-2, "3", None, 1.5])
def test_a_tail_has_a_length(records: Any, count: Any) -> None:
    with pytest.raises(ValueError, match=r"as in \.tail\(5\)"):
        records.trail().tail(count)


def test_programs_and_events_name_a_refusal_differently_and_both_find_it() -> None:
    with Lab() as lab:
        alice, kms = lab.user("alice"), lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        assert answer(alice.client("kms").describe_key, KeyId=key) == "AccessDeniedException"
        trail = lab.trail()
        for name in ("AccessDenied", "AccessDeniedException"):
            assert len(trail.refused(name)) == 1
        assert len(trail.by(alice)) == len(trail.by("alice")) == 1
        assert len(trail.named("createkey")) == 1
        assert len(trail.about(key[:8])) == len(trail.about(f"{key[:8]}…")) == 2
        assert isinstance(trail[-2:], Trail)
        assert len(trail[-2:]) == 2
        assert "no events" in trail.by("nobody")._repr_html_()
