"""How everything here is measured, and what a result looks like.

The machine's speed changes from second to second, so two things are compared in rounds: each round
times the one, then the other, and gives one ratio. The median of the rounds is the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: a value in a unit, and its target where it has one."""

    question: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    detail: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value reaches its target; without a target, yes."""
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    def __str__(self) -> str:
        target = "for information"
        if self.at_least is not None:
            target = f"at least {self.at_least:g}"
        if self.at_most is not None:
            target = f"at most {self.at_most:g}"
        if self.at_least is not None and self.at_most is not None:
            target = f"{self.at_least:g} to {self.at_most:g}"
        mark = "" if self.is_met else "MISSED"
        value = f"{self.value:.2f} {self.unit}"
        return f"{self.question:<52} {value:>10}  {target:<15} {mark:<6} {self.detail}".rstrip()


def seconds(work: Work) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def side_by_side(base: Work, ours: Work, rounds: int) -> tuple[float, float, float]:
    """The median ratio of the times, base ÷ ours, and the median seconds of each.

    Both run once before, unmeasured; who goes first alternates from round to round.
    """
    base()
    ours()
    pairs = []
    for number in range(rounds):
        if number % 2:
            ours_took = seconds(ours)
            pairs.append((seconds(base), ours_took))
        else:
            pairs.append((seconds(base), seconds(ours)))
    ratio = median(one / other for one, other in pairs)
    return ratio, median(one for one, _ in pairs), median(other for _, other in pairs)


def repeated(work: Work, times: int) -> Work:
    """The same work, `times` times in a row."""

    def run() -> None:
        for _ in range(times):
            work()

    return run
