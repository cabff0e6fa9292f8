"""The generated cases find mistakes: each is planted into the second evaluator, one rule at a time.

What they don't find in it they would not find in `kmslab.iam` either.
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import Any

import mistakes_conditions
import mistakes_layers
import mistakes_policies
import mistakes_texts
import pytest
from naive import Rules, decide
from policy_cases import cases
from test_iam_agreement import COUNT, SEED

MODULES = (mistakes_conditions, mistakes_texts, mistakes_policies, mistakes_layers)
MISTAKES: tuple[type[Rules], ...] = tuple(
    made
    for module in MODULES
    for made in vars(module).values()
    if isinstance(made, type) and issubclass(made, Rules) and made is not Rules
)


class Decided:
    """The generated cases with their decisions, made as far as they are asked for."""

    def __init__(self) -> None:
        self.source = cases(SEED, COUNT)
        self.made: list[tuple[dict[str, Any], str]] = []

    def __getitem__(self, at: int) -> tuple[dict[str, Any], str]:
        missing = at + 1 - len(self.made)
        self.made += [(case, decide(case)) for case in islice(self.source, max(missing, 0))]
        return self.made[at]


@cache
def decided() -> Decided:
    """Shared by all mistakes."""
    return Decided()


def first_difference(rules: Rules) -> int | None:
    """The number of the first case that a mistaken evaluator decides otherwise."""
    pairs = (decided()[at] for at in range(COUNT))
    return next((at for at, (case, right) in enumerate(pairs) if rules.decide(case) != right), None)


def test_there_are_enough_mistakes() -> None:
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_the_cases_find_the_mistake(mistake: type[Rules]) -> None:
    assert first_difference(mistake()) is not None, mistake.__doc__
