"""The lines of a JSON text: where each of its values stands, and each name of an object.

    {"Statement": [         ("Statement",)           1
       {"Effect": "Allow",  ("Statement", 0)         2
                            ("Statement", 0, "Effect") 2
        "Action": [         ("Statement", 0, "Action") 3
          "kms:*"]}]}       ("Statement", 0, "Action", 0) 4

Python's own json keeps no positions. It has read the text before, so that here no text is wrong
and what is left is to count brackets. Nothing here calls itself: a deep text needs no deep stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
_DEEPEST = 8  # elements of a path; a policy needs six
# A text, a bracket or colon or comma, or what is left: a number, true, false, null. Each kind
# excludes the first character of the others, so there is one way only to read a text.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(slots=True)
class _Open:
    """An object or array that is being read."""

    path: Path
    is_object: bool
    at: str | int  # the name or index that comes next or came last
    named: bool = False  # of an object: whether its name was read and its value is due
    names: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Lines:
    """The line of each path, and the first name that stands twice in one object."""

    lines: dict[Path, int] = field(default_factory=dict)
    twice: tuple[str, int] | None = None  # the name and its line


def lines_of(text: str) -> Lines:
    """The lines of a text of JSON that Python could read."""
    found, stack, line, counted = Lines({(): 1}), list[_Open](), 1, 0
    for token in _TOKEN.finditer(text):
        start = token.start()
        line += text.count("\n", counted, start)
        counted = start
        _take(token.group(), line, stack, found)
    return found


def _take(mark: str, line: int, stack: list[_Open], found: Lines) -> None:
    """Takes one token into account."""
    top = stack[-1] if stack else None
    if mark in "}]":
        stack.pop()
    elif mark == ",":
        if top is not None and not top.is_object:
            top.at = int(top.at) + 1
        elif top is not None:
            top.named = False
    elif mark == ":":
        return
    elif top is not None and top.is_object and not top.named:
        name: str = json.loads(mark) if "\\" in mark else mark[1:-1]
        _take_name(name, line, top, found)
    else:
        path = _inside(top) if top is not None else ()
        found.lines.setdefault(path, line)
        if mark in "{[":
            stack.append(_Open(path, mark == "{", "" if mark == "{" else 0))


def _take_name(name: str, line: int, top: _Open, found: Lines) -> None:
    """A name of an object: its line is that of its value too."""
    top.at, top.named = name, True
    if name in top.names and found.twice is None:
        found.twice = name, line
    top.names.add(name)
    found.lines[_inside(top)] = line


def _inside(top: _Open) -> Path:
    """The path of what comes next; what is nested deeper than policies are has its place's."""
    return (*top.path, top.at) if len(top.path) < _DEEPEST else top.path


def nearest(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it that has one."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)
