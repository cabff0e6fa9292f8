"""The evaluator agrees with a second one that was written from AWS's documentation alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from naive import decide
from policy_cases import cases
from policy_minimal import Case, facts
from policy_seen import EVERYTHING, seen

from kmslab.iam.lines import answer

SEED, COUNT, NIGHTLY_COUNT = 20_240_229, 20_000, 400_000
LEAST = 10  # of everything that the generator is to cover


@cache
def generated() -> tuple[dict[str, Any], ...]:
    """The cases of this module, made once."""
    return tuple(cases(SEED, COUNT))


@cache
def right() -> tuple[str, ...]:
    """What the second evaluator decides on them."""
    return tuple(decide(case) for case in generated())


def decision(case: Case) -> str:
    """What the evaluator answers, or the error it ends in."""
    try:
        decided: str = answer(case)["decision"]
        return decided
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def difference(case: Case) -> str:
    """Both answers and the smallest case that still gets them."""
    ours, theirs = decide(case), decision(case)

    def same(other: Case) -> bool:
        return decide(other) == ours and decision(other) == theirs

    return f"the second evaluator: {ours}; kmslab.iam: {theirs}\n{facts(case, same)}"


def check(some: Iterable[tuple[Case, str]]) -> None:
    """Fail with the smallest facts of the first cases that the two decide differently."""
    differing = [case for case, expected in some if expected != decision(case)]
    if differing:
        shown = "\n\n".join(difference(case) for case in differing[:3])
        pytest.fail(f"{len(differing)} cases are decided differently:\n{shown}", pytrace=False)


def test_two_evaluators_agree() -> None:
    check(zip(generated(), right(), strict=True))


@pytest.mark.nightly
def test_two_evaluators_agree_on_many_more_cases() -> None:
    check((case, decide(case)) for case in cases(SEED + 1, NIGHTLY_COUNT))


def test_the_same_seed_gives_the_same_cases() -> None:
    assert list(cases(SEED, 200)) == list(generated()[:200])
    assert list(cases(SEED + 1, 20)) != list(generated()[:20])


@pytest.mark.parametrize("expected", ["Allowed", "ImplicitlyDenied", "ExplicitlyDenied"])
def test_each_decision_is_about_a_third_of_the_cases(expected: str) -> None:
    assert 0.25 < right().count(expected) / COUNT < 0.42


def test_the_cases_cover_every_operator_principal_policy_and_variable() -> None:
    counted = Counter(label for case in generated() for label in seen(case))
    rare = {label: counted[label] for label in EVERYTHING if counted[label] < LEAST}
    assert not rare
    assert not {label for label in counted if label.startswith("condition")} - {*EVERYTHING}
