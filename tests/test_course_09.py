"""Lesson 09: the widget that lives a loan, and what the lesson's checks accept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from kmslab import Lab
from kmslab.course import check, loan, loan_view, tries, widgets
from kmslab.course.loan import Loan, Moment

DENIED = "AccessDeniedException"
# How a loan comes into a state, from that in which it begins.
WAYS = {loan.MADE: (), loan.IN_FORCE: ("+6 min",), loan.ENDED: (loan.REVOKE,)}
# What each try comes to in each state, and what it makes of the grant.
OUTCOMES = {
    loan.USE: {loan.MADE: DENIED, loan.IN_FORCE: "ok", loan.ENDED: DENIED},
    loan.USE_EARLY: {loan.MADE: "ok", loan.IN_FORCE: "ok", loan.ENDED: DENIED},
    loan.USE_ELSEWHERE: dict.fromkeys(WAYS, DENIED),
    loan.STEAL: dict.fromkeys(WAYS, DENIED),
    loan.RETIRE: {loan.MADE: "ok", loan.IN_FORCE: "ok", loan.ENDED: DENIED},
    loan.REVOKE: {loan.MADE: "ok", loan.IN_FORCE: "ok", loan.ENDED: "NotFoundException"},
    loan.LEND: {loan.MADE: "ok, the same grant", loan.IN_FORCE: "ok, the same grant"}
    | {loan.ENDED: "ok"},
}


@pytest.fixture(scope="module")
def widget() -> widgets.GrantLife:
    """A widget that the tests of this module share; each begins with a new key."""
    return widgets.GrantLife()


@pytest.fixture
def lived(widget: widgets.GrantLife) -> Loan:
    """A loan that was just made."""
    widget.do(loan.NEW_KEY)
    return widget.loan


@pytest.fixture(scope="module")
def clinic() -> Iterator[Lab]:
    """The learner's lab."""
    with Lab() as lab:
        yield lab


# --- A loan's life -----------------------------------------------------------------------------


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("name", OUTCOMES)
def test_each_try_gets_the_answer_of_the_grants_state(lived: Loan, name: str, state: str) -> None:
    for step in WAYS[state]:
        lived.do(step)
    assert lived.state == state
    lived.do(name)
    assert lived.moments[-1].outcome == OUTCOMES[name][state]
    ended = name in (loan.RETIRE, loan.REVOKE)
    renewed = loan.MADE if name == loan.LEND and state == loan.ENDED else state
    assert lived.state == (loan.ENDED if ended else renewed)


def test_a_loan_begins_with_a_refusal_and_the_grant(lived: Loan) -> None:
    assert [(each.name, each.outcome, each.state) for each in lived.moments] == [
        (loan.USE, DENIED, loan.NONE),
        (loan.LEND, "ok", loan.MADE),
    ]


def test_a_grant_counts_for_itself_after_five_minutes_and_not_before(lived: Loan) -> None:
    for minutes in range(1, 5):
        lived.do("+1 min")
        assert (lived.state, lived.waits() > 0) == (loan.MADE, True), minutes
    lived.do("+1 min")
    assert (lived.state, lived.waits()) == (loan.IN_FORCE, 0)
    lived.do(loan.USE)
    assert lived.moments[-1].outcome == "ok"


def test_the_laboratory_can_work_longer_than_a_session_lasts(lived: Loan) -> None:
    for _ in range(11):
        lived.do("+6 min")
    lived.do(loan.USE)
    assert lived.moments[-1].outcome == "ok"


def test_time_and_order_are_kept(lived: Loan) -> None:
    lived.do("+6 min")
    times = [each.seconds for each in lived.moments]
    assert times == sorted(times)
    assert times[-1] - times[-2] >= 360
    assert lived.moments[-1].outcome == ""


# --- How it is shown ---------------------------------------------------------------------------

STORY = [
    Moment(5, loan.USE, DENIED, loan.NONE),
    Moment(7, loan.LEND, "ok", loan.MADE),
    Moment(367, "+6 min", "", loan.IN_FORCE),
    Moment(369, loan.USE, "ok", loan.IN_FORCE),
    Moment(3_671, loan.REVOKE, "ok", loan.ENDED),
]


def test_the_picture_has_every_moment_in_words_and_its_state_once() -> None:
    words = re.findall(r"<text[^>]*>(.*?)</text>", loan_view.picture(STORY).data.decode())
    for word in ("0:05", "0:07", "6:07", "6:09", "1:01:11", "AccessDenied-", "Exception"):
        assert words.count(word) == 1, word
    assert words.count("ok") == 3
    for state in ("no grant", "made: counts", "in force", "ended"):
        assert words.count(state) == 1, state
    assert loan_view.alt(STORY) == (
        "A grant in lab time, the last 5 moments: 0:05 Use, AccessDeniedException (no grant); "
        "0:07 Lend, ok (made); 6:07 +6 min (in force); 6:09 Use, ok (in force); "
        "1:01:11 Revoke, ok (ended)."
    )


def test_a_long_life_shows_its_last_moments() -> None:
    many = [Moment(each, loan.USE, "ok", loan.IN_FORCE) for each in range(20)]
    words = re.findall(r"<text[^>]*>(.*?)</text>", loan_view.picture(many).data.decode())
    assert words.count("ok") == loan_view.MOST
    assert "0:19" in words
    assert "0:11" not in words


def test_a_page_and_a_line_say_the_state_and_what_was_done_last() -> None:
    page = loan_view.page(STORY, 0)
    assert "<b>The grant has ended.</b><br>Last: Revoke: ok" in page
    assert '<img src="data:image/svg+xml' in page
    assert loan_view.line(STORY[:3], 0) == "+6 min: it is 6:07 | The grant is in force."
    assert loan_view.line(STORY[:2], 298) == (
        "Lend: ok | The grant is made. Without its token it counts in 4 min 58 s."
    )


def test_the_widget_is_driven_by_buttons_and_by_name(widget: widgets.GrantLife) -> None:
    widget.buttons[loan.NEW_KEY].click()
    assert set(widget.buttons) == set(widget.loan.names)
    widget.buttons["+6 min"].click()
    assert widget.value == loan.IN_FORCE
    widget.do(loan.STEAL)
    assert widget.text == f"Mallory uses token: {DENIED} | The grant is in force."
    assert repr(widget) == "<GrantLife: in force>"
    assert widget.still() == widget.view.value
    with pytest.raises(ValueError, match="'Explode': one of Lend, Revoke, "):
        widget.do("Explode")


# --- The checks --------------------------------------------------------------------------------

BOTH = ("results-2", "results")
ONLY_31 = {"EncryptionContextSubset": {"patient": "31"}}
BLOOD = {"patient": "23", "kind": "blood"}


def test_the_shelf_has_four_loans_of_which_two_break_the_rules(clinic: Lab) -> None:
    kms, key = clinic.client("kms"), check.lesson09.shelf(clinic)
    table = repr(loan_view.table(kms.list_grants(KeyId=key)["Grants"]))
    rows = [line.split()[:2] for line in table.splitlines()[1:]]
    assert rows == [
        ["bills", "billing"],
        ["look", "auditor"],
        ["results", "laboratory"],
        ["results-2", "courier"],
    ]
    made = [event["userIdentity"]["arn"] for event in clinic.trail().named("CreateGrant")][-4:]
    assert [arn.split("/")[-1] for arn in made] == ["admin", "admin", "night", "admin"]
    courier = clinic.role("courier").session("van").client("kms")
    context = {"patient": "31", "kind": "letter"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    asked = {"KeyId": key, "CiphertextBlob": blob, "EncryptionContext": context}
    assert tries.outcome(courier.decrypt, **asked) == "ok"


@pytest.mark.parametrize("extra", [{}, {"Name": "results"}, {"KeyId": "of another"}])
def test_exercise_1_accepts_any_loan_that_keeps_the_rules(
    clinic: Lab, extra: dict[str, Any]
) -> None:
    again = {"GranteePrincipal": clinic.role("laboratory").arn, "Operations": ["Decrypt"]}
    more = {"Operations": ["Decrypt", "DescribeKey", "RetireGrant"], "Constraints": ONLY_31}
    lend = {**again, **more, **extra}
    assert check.lesson09.ex1(clinic, {"revoke": [*BOTH], "lend": [lend]}).state == "done"
    assert check.lesson09.ex1(clinic, {"revoke": set(BOTH), "lend": lend}).state == "done"
    assert check.lesson09.ex1(clinic, {"revoke": BOTH, "lend": (lend,)}).state == "done"


def test_exercise_1_accepts_that_all_loans_are_made_anew(clinic: Lab) -> None:
    roles = {name: clinic.role(name).arn for name in ("laboratory", "billing", "auditor")}
    bill = {"EncryptionContextSubset": {"patient": "31", "kind": "bill"}}
    lend = [
        {
            "GranteePrincipal": roles["laboratory"],
            "Operations": ["Decrypt"],
            "Constraints": ONLY_31,
        },
        {"GranteePrincipal": roles["billing"], "Operations": ["Decrypt"], "Constraints": bill},
        {"GranteePrincipal": roles["auditor"], "Operations": ["DescribeKey"]},
    ]
    answer = {"revoke": ["bills", "look", "results", "results-2"], "lend": lend}
    assert check.lesson09.ex1(clinic, answer).state == "done"


def test_exercise_1_lets_a_session_of_a_reader_borrow_as_well(clinic: Lab) -> None:
    again = {"Operations": ["Decrypt"], "Constraints": ONLY_31}
    role = clinic.role("laboratory")
    lend = [{**again, "GranteePrincipal": arn} for arn in (role.arn, role.session("night").arn)]
    assert check.lesson09.ex1(clinic, {"revoke": BOTH, "lend": lend}).state == "done"
    answer = {"revoke": BOTH, "lend": lend[1]}  # by day the laboratory could not read
    assert "laboratory can't read" in check.lesson09.ex1(clinic, answer).text


def test_exercise_1_wants_names_and_says_so_of_ids(clinic: Lab) -> None:
    key = check.lesson09.shelf(clinic)
    ids = [grant["GrantId"] for grant in clinic.client("kms").list_grants(KeyId=key)["Grants"]]
    said = check.lesson09.ex1(clinic, {"revoke": ids, "lend": []}).text
    assert said.startswith('under "revoke" names are due, not ids.')


RIGHT: dict[str, dict[str, Any]] = {
    "the session retires it by an operation": {"Operations": ["Decrypt", "RetireGrant"]},
    "it is the retiring principal": {"RetiringPrincipal": "session", "Operations": ["Decrypt"]},
    "its role retires it": {"RetiringPrincipal": "role", "Operations": ["Decrypt"]},
    "a name with a capital": {
        "Operations": ["Decrypt", "DescribeKey", "RetireGrant"],
        "Constraints": {"EncryptionContextEquals": {"kind": "blood", "Patient": "23"}},
    },
}


@pytest.mark.parametrize("way", RIGHT)
def test_exercise_2_accepts_every_way_that_works(clinic: Lab, way: str) -> None:
    role = clinic.role("laboratory")
    task = role.session("task")
    who = {"role": role.arn, "session": task.arn}
    answer = {
        "GranteePrincipal": task.arn,
        "Constraints": {"EncryptionContextEquals": BLOOD},
        **{name: who.get(str(value), value) for name, value in RIGHT[way].items()},
    }
    assert check.lesson09.ex2(clinic, task, answer).state == "done"


def test_the_checks_hint_further_and_never_raise(clinic: Lab) -> None:
    task = clinic.role("laboratory").session("task")
    assert check.lesson09.ex2(clinic, task, ...).state == "not started"
    every: tuple[object, ...] = (None, [], {1: 2}, {"GranteePrincipal": object()}, "x")
    for wrong in every:
        assert check.lesson09.ex2(clinic, task, wrong).state == "not yet"
        assert check.lesson09.ex1(clinic, {"revoke": [wrong], "lend": [wrong]}).state == "not yet"
    assert "Hint: " in repr(check.lesson09.ex1(clinic, {}))
    assert "Hint: " in repr(check.lesson09.ex2(clinic, task, {}))
