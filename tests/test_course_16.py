"""Lesson 16: the week of the incident, the timeline, what its checks accept, what it stands on."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from expect import refused

from kmslab import Lab
from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.trail import Trail
from kmslab.course import (
    check,
    incident,
    incident_week,
    timeline,
    timeline_picture,
    timeline_view,
    widgets,
)
from kmslab.course.incident import ELSEWHERE, HOME, Case
from kmslab.course.incident_cast import LENDING, PATIENTS, STRANGERS
from kmslab.course.timeline import Row, Wanted


@pytest.fixture(scope="module")
def case() -> Iterator[Case]:
    """The week, which the tests only look at."""
    made = incident.build()
    yield made
    made.lab.close()


@pytest.fixture(scope="module")
def week(case: Case) -> Trail:
    return case.trail()


@pytest.fixture(scope="module")
def rows(case: Case, week: Trail) -> tuple[Row, ...]:
    return timeline.rows(week, case.keys)


def contexts(events: Trail) -> set[str]:
    """The patients that events name."""
    return {event["requestParameters"]["encryptionContext"]["patient"] for event in events}


# --- The week ----------------------------------------------------------------------------------


def test_what_the_builder_noted_is_what_the_trail_says(case: Case, week: Trail) -> None:
    theirs = week.by(STRANGERS).named("Decrypt")
    answered = Trail([event for event in theirs if "errorCode" not in event])
    assert contexts(answered) == set(case.facts.opened)
    assert contexts(theirs.refused()) == case.facts.missed
    assert not case.facts.missed & set(case.facts.opened)
    for patient, places in case.facts.opened.items():
        at = {
            event["sourceIPAddress"] for event in answered if contexts(Trail([event])) == {patient}
        }
        assert at == places
    [made] = week.about(case.facts.grant).named("CreateGrant")
    assert made["userIdentity"]["arn"] == case.maker.arn
    assert made["requestParameters"]["granteePrincipal"] == case.cast.stranger.arn


def test_the_intruder_is_not_to_be_found_by_address_or_by_patient_alone(
    case: Case, week: Trail
) -> None:
    opened = case.facts.opened
    for address in (HOME, ELSEWHERE):
        assert 0 < sum(address in places for places in opened.values()) < len(opened)
    for patient in opened:  # all of them are read by honest people as well
        assert len(week.about(patient).named("Decrypt")) > 3
    assert len(week.named("CreateGrant")) > 5
    assert len(week.refused("AccessDenied")) > 5


def test_a_week_is_the_same_on_every_run(case: Case, week: Trail) -> None:
    again = incident.build()
    assert list(again.trail()) == list(week)
    assert again.facts == case.facts
    again.lab.close()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week in which nobody reads records in the ordinary way, which is lived through sooner."""
    monkeypatch.setattr(incident_week, "SHIFTS", {})


@pytest.mark.usefixtures("quiet")
def test_another_seed_gives_other_ids_and_the_same_story(case: Case) -> None:
    other = incident.build(seed=5)
    assert other.facts.grant != case.facts.grant
    assert other.facts.opened == case.facts.opened
    other.lab.close()


def test_a_case_does_not_show_its_answers(case: Case) -> None:
    for patient in ("31", "38", case.facts.grant):
        assert patient not in repr(case)


def test_no_secret_of_the_week_is_in_its_trail(case: Case, week: Trail) -> None:
    text = json.dumps(list(week))
    for blob in case.cast.sealed.values():
        assert base64.b64encode(blob).decode() not in text
    assert "grantToken" not in text


# --- The timeline ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "same"),
    [
        ({}, lambda week: week),
        ({"refused": True}, lambda week: week.refused()),
        ({"who": "deploy"}, lambda week: week.by("deploy")),
        ({"who": "deploy/build-804"}, lambda week: week.by("build-804")),
        ({"who": "account 555555555555"}, lambda week: week.by("555555555555")),
        ({"who": "logs.amazonaws.com"}, lambda week: week.by("logs.amazonaws.com")),
        ({"event": "CreateGrant"}, lambda week: week.named("CreateGrant")),
        ({"key": "billing", "refused": True}, lambda week: week.by("nobody")),
        ({"start": "2026-01-08 02:00", "end": "2026-01-08 03:00"},
         lambda week: week.between("2026-01-08 02:00", "2026-01-08 03:00")),
        ({"start": "2026-01-10"}, lambda week: week.between("2026-01-10")),
        ({"who": "bob", "refused": True, "end": "2026-01-07"},
         lambda week: week.by("bob").refused().between("2026-01-01", "2026-01-07")),
    ],
)  # fmt: skip
def test_what_is_looked_for_is_what_the_trail_has(
    case: Case, week: Trail, wanted: dict[str, Any], same: Any
) -> None:
    widget = widgets.TrailTimeline(week, case.keys)
    widget.value = wanted
    assert list(widget.found) == list(same(week))
    assert widget.text.startswith(f"{len(widget.found):,} of {len(week):,} events, ")


def test_a_key_is_found_by_the_name_that_the_clinic_has_for_it(
    case: Case, week: Trail, rows: tuple[Row, ...]
) -> None:
    found = timeline.select(rows, Wanted(key="billing"))
    assert [week[row.number] for row in found] == list(week.about(case.keys["billing"]))
    unnamed = timeline.rows(week)
    assert case.keys["billing"][:8] + "…" in timeline.names(unnamed)["key"]


def test_the_end_of_a_range_belongs_to_it(rows: tuple[Row, ...]) -> None:
    found = timeline.select(rows, Wanted(start=rows[7].when, end=rows[7].when))
    assert rows[7] in found
    assert {row.when for row in found} == {rows[7].when}


def test_the_picture_has_a_line_a_caller_and_a_cross_a_refusal(rows: tuple[Row, ...]) -> None:
    found = timeline.select(rows, Wanted(start="2026-01-08 02:10", end="2026-01-08 02:30"))
    picture = draw(rows, Wanted(start="2026-01-08 02:10", end="2026-01-08 02:30"))
    words = re.findall(r"<text[^>]*>(.*?)</text>", picture.data.decode())
    assert words[:3] == ["08 Jan 02:10", "08 Jan 02:15", "08 Jan 02:20"]
    assert {"deploy", "account 555555555555", "refused"} < set(words)
    crosses = picture.data.decode().count("l8 10m0-10l-8 10")
    assert crosses == 2 * sum(bool(row.error) for row in found) + 1  # each with a rim; the legend
    assert picture.alt.startswith("A timeline of 9 events from 2026-01-08 02:12:00 to 2026-01-08")
    assert "account 555555555555 6, 1 refused; deploy 3, 2 refused." in picture.alt


def test_of_one_role_each_session_has_a_line(rows: tuple[Row, ...]) -> None:
    words = draw(rows, Wanted(who="deploy")).data.decode()
    for day in range(1, 8):
        assert f">deploy/build-80{day}</text>" in words


def test_more_callers_than_fit_share_a_line(week: Trail) -> None:
    events = [renamed(week[0], f"user-{number:02}") for number in range(40)]
    rows = timeline.rows(events)
    words = re.findall(r"<text[^>]*>(.*?)</text>", draw(rows, Wanted()).data.decode())
    assert sum(word.startswith("user-") for word in words) == timeline_picture.MOST_LANES - 1
    assert timeline_picture.OTHERS in words


@pytest.mark.parametrize("hours", [0, 1, 25, 24 * 45, 24 * 365 * 3])
def test_the_axis_has_a_few_ticks_for_any_length(rows: tuple[Row, ...], hours: int) -> None:
    picture = timeline_picture.picture(
        rows[:1], Wanted(), (rows[0].time, rows[0].time + hours * 3600 + 1)
    )
    ticks = picture.data.decode().count('font-size="12"')
    assert ticks <= 9


def test_names_from_outside_are_written_as_text(week: Trail) -> None:
    events = [renamed(week[0], "<b>&co")]
    widget = widgets.TrailTimeline(events)
    widget.value = {"chosen": 0}
    assert "<b>&co" not in widget.still()
    assert "&lt;b&gt;&amp;co" in timeline_view.table(timeline.rows(events))


def test_an_event_is_shown_whole_on_demand(case: Case, week: Trail) -> None:
    widget = widgets.TrailTimeline(week, case.keys)
    assert week[3]["eventID"] not in widget.still()
    widget.controls["chosen"].value = "3"
    assert week[3]["eventID"] in widget.still()
    assert widget.value["chosen"] == 3
    widget.controls["chosen"].value = ""
    assert week[3]["eventID"] not in widget.still()


def test_controls_and_value_say_the_same(case: Case, week: Trail) -> None:
    widget = widgets.TrailTimeline(week, case.keys)
    widget.value = {"who": "bob", "refused": True, "start": "2026-01-06"}
    shown = {name: control.value for name, control in widget.controls.items()}
    assert shown == {**widget.value, "chosen": ""}
    widget.controls["who"].value = ""
    assert widget.value["who"] == ""
    assert len(widget.found) > 4
    assert list(widget.found) == list(week.refused().between("2026-01-06"))


def test_what_is_no_time_or_number_is_said_and_changes_nothing(case: Case, week: Trail) -> None:
    widget = widgets.TrailTimeline(week, case.keys)
    before = widget.text
    for name, typed in (("start", "soon"), ("end", "25:00"), ("chosen", "x"), ("chosen", "99999")):
        widget.controls[name].value = typed
        assert typed in widget.problem
        assert widget.problem in widget.still().replace("&#x27;", "'")
        widget.controls[name].value = ""
        assert (widget.problem, widget.text) == ("", before)
    widget.controls["start"].value = "2026-01-08"
    widget.controls["end"].value = "2026-01-07"
    assert widget.problem == "end='2026-01-07': a time from start='2026-01-08' on is due"
    widget.controls["end"].value = "2026-01-08"
    assert widget.problem == ""


@pytest.mark.parametrize(
    "wrong",
    [
        *({"whom": "bob"}, {"who": "zoe"}, {"event": "Open"}, {"key": "x"}, {"end": "y"}),
        *({"refused": "yes"}, {"refused": 1}, {"chosen": "x"}, {"chosen": True}, {"who": None}),
        *({"who": ["bob"]}, {"start": 7}, {"start": "2026-01-08", "end": "2026-01-07"}, "bob"),
    ],
)
def test_a_value_that_is_none_is_named_and_changes_nothing(wrong: Any, week: Trail) -> None:
    widget = widgets.TrailTimeline(week[:40])
    widget.value = {"refused": True}
    before = widget.value, widget.still()
    [*_, given] = wrong.values() if isinstance(wrong, dict) else [wrong]
    with pytest.raises(ValueError, match="is due") as caught:
        widget.value = wrong
    assert repr(given) in str(caught.value) or "whom" in wrong
    assert (widget.value, widget.still()) == before


def test_what_was_found_is_a_trail_which_shows_itself_in_lines(week: Trail) -> None:
    widget = widgets.TrailTimeline(week)
    assert len(widget.found) == len(week)
    assert len(repr(widget.found).splitlines()) < 300
    assert list(widget.found.named("CreateGrant")) == list(week.named("CreateGrant"))


def test_an_empty_trail_is_a_timeline_too() -> None:
    widget = widgets.TrailTimeline([])
    assert widget.text == "0 of 0 events, 0 refused"
    assert "A timeline without events." in widget.still()


def test_five_thousand_events_are_quick_and_small(week: Trail) -> None:
    events = sorted([*week] * 3, key=lambda event: event["eventTime"])
    widget = widgets.TrailTimeline(events)
    begun = time.process_time()
    for wanted in ({"refused": True}, {"who": "alice"}, {}):
        widget.value = wanted
    assert len(events) > 5_000
    assert time.process_time() - begun < 1  # a tenth of it is usual
    assert len(widget.still()) < 60_000


def draw(rows: tuple[Row, ...], wanted: Wanted) -> Any:
    found = timeline.select(rows, wanted)
    return timeline_picture.picture(found, wanted, timeline.span(rows, wanted))


def renamed(event: Event, name: str) -> Event:
    identity = {**event["userIdentity"], "type": "IAMUser", "userName": name, "arn": f"a/{name}"}
    return {**event, "userIdentity": identity}


# --- The checks --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [set, list, tuple, frozenset, lambda all_: set(map(int, all_))])
def test_exercise_1_accepts_patients_in_any_collection(case: Case, kind: Any) -> None:
    assert check.lesson16.ex1(case, kind(case.facts.opened)).state == "done"


def test_exercise_1_says_how_many_are_missing_and_not_which(case: Case) -> None:
    outcome = check.lesson16.ex1(case, {"23"})
    assert outcome.text.startswith("5 of 6 patients are missing.")
    everybody = check.lesson16.ex1(case, set(PATIENTS))
    assert "17, 18, 20 and 30 more: the intruder opened nothing" in everybody.text


@pytest.mark.parametrize("name", ["arn", "name", "unique_id", "access_key_id"])
def test_exercise_2_accepts_every_name_of_the_session(case: Case, name: str) -> None:
    who = getattr(case.maker, name)
    assert check.lesson16.ex2(case, (who, case.facts.grant)).state == "done"
    assert check.lesson16.ex2(case, [case.facts.grant, who]).state == "done"
    assert check.lesson16.ex2(case, ("deploy/build-804", case.facts.grant)).state == "done"


def end_the_grant(case: Case) -> None:
    kms = case.lab.client("kms")
    kms.revoke_grant(KeyId=case.keys["records"], GrantId=case.facts.grant)


def by_the_role(case: Case) -> None:
    end_the_grant(case)
    scanner = {"StringEquals": {"kms:GranteePrincipal": case.lab.role("scanner").arn}}
    lend = {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": scanner}
    case.lab.role("deploy").put_policy(LENDING, [lend])


def by_the_key_policy(case: Case) -> None:
    end_the_grant(case)
    kms, key = case.lab.client("kms"), case.keys["records"]
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {
                "StringNotEquals": {"kms:GranteePrincipal": case.lab.role("scanner").arn}
            },
        }
    )
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))


def by_the_organization(case: Case) -> None:
    end_the_grant(case)
    deny = {
        "Effect": "Deny",
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"kms:GranteePrincipal": case.lab.role("scanner").arn}},
    }
    case.lab.organization.scp("lend-to-the-scanner", [deny])


def by_denying_the_stranger(case: Case) -> None:
    by_the_role(case)
    kms, key = case.lab.client("kms"), case.keys["records"]
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    stranger = {"AWS": f"arn:aws:iam::{STRANGERS}:root"}
    policy["Statement"].append(
        {"Effect": "Deny", "Principal": stranger, "Action": "kms:*", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "repair", [by_the_role, by_the_key_policy, by_the_organization, by_denying_the_stranger]
)
def test_exercise_3_accepts_a_repair_by_any_policy(repair: Any) -> None:
    case = incident.build()
    assert check.lesson16.ex3(case, True).state == "not yet"
    repair(case)
    assert check.lesson16.ex3(case, True).state == "done"
    case.lab.clock.advance(days=30)  # the next morning counts as well
    assert check.lesson16.ex3(case, True).state == "done"
    case.lab.close()


@pytest.mark.usefixtures("quiet")
def test_exercise_3_leaves_no_grant_behind() -> None:
    case = incident.build()
    end_the_grant(case)
    kms, key = case.lab.client("kms"), case.keys["records"]
    before = kms.list_grants(KeyId=key)["Grants"]
    assert "lends the key for everything" in check.lesson16.ex3(case, True).text
    assert kms.list_grants(KeyId=key)["Grants"] == before
    case.lab.close()


@pytest.mark.usefixtures("quiet")
def test_exercise_3_points_at_the_old_policy_that_a_second_one_leaves_in_force() -> None:
    case = incident.build()
    end_the_grant(case)
    assert "old `lend-keys`" not in check.lesson16.ex3(case, True).text
    scanner = {"StringEquals": {"kms:GranteePrincipal": case.lab.role("scanner").arn}}
    lend = {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": scanner}
    case.lab.role("deploy").put_policy("lend-to-the-scanner", [lend])
    assert "the old `lend-keys` still allows it: replace" in check.lesson16.ex3(case, True).text
    case.lab.role("deploy").put_policy(LENDING, [lend])
    assert check.lesson16.ex3(case, True).state == "done"
    case.lab.close()


# --- What the lesson stands on -----------------------------------------------------------------


def test_a_call_that_only_an_endpoint_refused_leaves_no_event(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    door = [{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}]
    before = len(fresh.trail())
    with refused("AccessDeniedException") as caught:
        fresh.client("kms", vpc_endpoint=door).describe_key(KeyId=key)
    assert len(fresh.trail()) == before
    assert "VPC endpoint policy" in fresh.explain(caught.value).reason
    with refused("AccessDeniedException"):
        fresh.user("bob").client("kms", vpc_endpoint=door).describe_key(KeyId=key)
    assert len(fresh.trail()) == before + 1  # without the door he would have been refused too
