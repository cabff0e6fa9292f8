"""Checks of the exercises: `check.lesson05.ex1(answer)` says how far an answer is.

A check never raises. It runs the answer against the lab, so every right answer counts, not only
the one in `notebooks/solutions/`.
"""

from kmslab.course.check import (
    lesson00,
    lesson02,
    lesson03,
    lesson04,
    lesson05,
    lesson06,
    lesson07,
    lesson08,
    lesson09,
    lesson10,
    lesson11,
    lesson12,
    lesson13,
    lesson14,
    lesson15,
    lesson16,
)

__all__ = [
    "lesson00",
    "lesson02",
    "lesson03",
    "lesson04",
    "lesson05",
    "lesson06",
    "lesson07",
    "lesson08",
    "lesson09",
    "lesson10",
    "lesson11",
    "lesson12",
    "lesson13",
    "lesson14",
    "lesson15",
    "lesson16",
]
