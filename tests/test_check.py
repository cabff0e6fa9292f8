"""What a check says, and that it never raises."""

from __future__ import annotations

from typing import Any

import pytest

from kmslab.course.check.exercise import Exercise, exercise, need


def judging(reason: str = "") -> Exercise:
    @exercise("put a number into answer.", "it is small", "it is one")
    def ex(answer: Any) -> str:
        """One."""
        need(answer != 0, reason)
        return f"{1 / answer:.0f} it is"

    return ex


def test_an_exercise_that_was_not_started_says_what_to_do() -> None:
    outcome = judging()(...)
    assert (outcome.state, outcome.text) == ("not started", "put a number into answer.")


def test_a_right_answer_is_done_and_says_why() -> None:
    assert repr(judging()(1)) == "done: 1 it is"


def test_a_wrong_answer_gets_one_hint_more_on_each_call() -> None:
    ex = judging("zero is too small")
    said = [ex(0).text for _ in range(4)]
    assert said[0] == "zero is too small."
    assert said[1] == "zero is too small. Hint: it is small"
    assert said[2] == "zero is too small. Hint: it is one"
    assert said[3] == said[2]


@pytest.mark.parametrize("answer", ["text", None, [], object])
def test_an_answer_of_the_wrong_kind_gets_a_sentence(answer: object) -> None:
    outcome = judging()(answer)
    assert outcome.state == "not yet"
    assert outcome.text.startswith("the check stopped with TypeError")


def test_an_outcome_is_shown_with_its_state_in_words_and_no_markup_of_the_answer() -> None:
    outcome = judging("<b>no</b>")(0)
    assert "<b>not yet</b> · &lt;b&gt;no&lt;/b&gt;." in outcome._repr_html_()


def test_a_check_says_what_it_judges() -> None:
    assert judging().__doc__ == "One."
