"""A policy as the rules see it: its text with lines, and each statement compiled by itself.

The evaluator refuses a document at its first fault. A learner wants to see all of them, so each
statement is compiled alone, and the rules look at those that can be. A name of an element that is
nearly right counts as what was meant: its finding is enough.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kmslab.iam import documents
from kmslab.iam.conditions import Condition
from kmslab.iam.documents import CURRENT, ELEMENTS, MalformedPolicy, Statement, compiled
from kmslab.lint.findings import Level
from kmslab.lint.positions import Path, lines_of, nearest
from kmslab.lint.words import near

KEY_POLICY, IDENTITY, TRUST, SCP, RCP = (
    *("key policy", "identity policy", "trust policy", "SCP", "RCP"),
)
# Where the evaluator has each kind: see `documents.Kind`.
KINDS: Mapping[str, documents.Kind] = {
    KEY_POLICY: "resource",
    IDENTITY: "identity",
    TRUST: "trust",
    SCP: "identity",
    RCP: "control",
}
NAMES = tuple(sorted(ELEMENTS))  # of a statement's elements
TOP = ("Version", "Id", "Statement")
# Not from the evaluator's memory: what is being typed would push out what is in use.
_compile = compiled.__wrapped__


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found; its own name and the statement's are added later."""

    path: Path  # where, from the top of the document
    level: Level
    message: str
    advice: str
    line: int = 0  # where the path doesn't say it


@dataclass(frozen=True, slots=True)
class Part:
    """One statement."""

    number: int  # from 1
    path: Path
    written: Any  # as it stands
    elements: Mapping[str, Any]  # by their right names; empty if it is no object
    statement: Statement | None  # None if it can't be compiled
    fault: str  # why not
    kind: str
    account: str  # the resource's or the bearer's; empty: not known

    @property
    def name(self) -> str:
        """Its Sid, or its place in the document."""
        sid = self.elements.get("Sid")
        return sid if isinstance(sid, str) and sid else f"statement {self.number}"

    @property
    def good(self) -> Statement:
        """The statement, for rules that see only those which can be compiled."""
        if self.statement is None:
            raise ValueError(self.fault)
        return self.statement

    @property
    def allows(self) -> bool:
        """Whether it allows something; of a statement that can be compiled."""
        return self.good.allows and not self.good.is_idle

    def of(self, condition: Condition, *inside: int) -> Path:
        """The path of a condition."""
        return self.at("Condition", condition.name, condition.key, *inside)

    def at(self, *inside: str | int) -> Path:
        """The path of something in it."""
        return (*self.path, *inside)

    def element(self, name: str) -> str:
        """`name`, or its opposite if the statement has that one."""
        return f"Not{name}" if f"Not{name}" in self.elements else name


@dataclass(frozen=True, slots=True)
class Document:
    """A policy's text that is JSON."""

    text: str
    kind: str
    account: str  # the resource's or the bearer's; empty: not known
    whole: Any
    lines: Mapping[Path, int] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    twice: tuple[str, int] | None = None  # a name that stands twice in one object, and its line

    def line(self, path: Path) -> int:
        """The line of something in it."""
        return nearest(self.lines, path)

    @property
    def top(self) -> Mapping[str, Any]:
        """Its elements."""
        return self.whole if isinstance(self.whole, dict) else {}

    @property
    def good(self) -> list[Part]:
        """The statements that can be compiled."""
        return [part for part in self.parts if part.statement is not None]


def read(text: str, kind: str, account: str) -> Document:
    """The document of a text; `MalformedPolicy` or `json.JSONDecodeError` if it isn't JSON.

    `RecursionError` if it is nested deeper than Python's own json goes.
    """
    whole = _loaded(text)
    found = lines_of(text)
    made = Document(text, kind, account, whole, found.lines, twice=found.twice)
    return replace(made, parts=tuple(_parts(made)))


def fault_of(text: str, kind: str) -> str:
    """Why the evaluator refuses a document; empty if it doesn't."""
    try:
        _compile(text, KINDS[kind])
    except MalformedPolicy as error:
        return str(error)
    return ""


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a number too long for Python
        raise MalformedPolicy(str(error)) from None


def _parts(document: Document) -> Iterator[Part]:
    name = "Statement" if "Statement" in document.top else near("Statement", document.top) or ""
    statements = document.top.get(name)
    if statements is None:
        return
    # Its version decides about variables, and a version that there isn't is a finding of its own.
    version = document.top.get("Version")
    top = {"Version": version} if version in (CURRENT, documents.OLD) else {}
    listed = isinstance(statements, list)
    for at, written in enumerate(statements if listed else [statements]):
        path: Path = (name, at) if listed else (name,)
        elements = _elements(written) if isinstance(written, dict) else {}
        meant = elements if isinstance(written, dict) else written
        statement, fault = _compiled(top, meant, document.kind)
        if statement is not None:
            statement = replace(statement, number=at + 1)
        yield Part(
            at + 1, path, written, elements, statement, fault, document.kind, document.account
        )


def _compiled(top: Mapping[str, Any], written: Any, kind: str) -> tuple[Statement | None, str]:
    """A statement by itself, or why it is none."""
    try:
        policy = _compile(json.dumps({**top, "Statement": [written]}), KINDS[kind])
    except MalformedPolicy as error:
        return None, str(error).removeprefix("statement 1: ")
    return policy.statements[0], ""


def _elements(written: Mapping[str, Any]) -> dict[str, Any]:
    """What a statement holds, by the names of elements; what is near none is left out."""
    found = {name: value for name, value in written.items() if name in ELEMENTS}
    for name, value in written.items():
        meant = None if name in ELEMENTS else near(name, NAMES)
        if meant and meant not in found:
            found[meant] = value
    return found
