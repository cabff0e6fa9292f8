"""Rules about a document's form: what AWS refuses to save, and what it saves and ignores.

Sources: IAM User Guide, "Grammar of the IAM JSON policy language"; KMS Developer Guide, "Key
policies in AWS KMS" (a statement without Action or Resource has no effect, and no error says so).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kmslab.iam.documents import ELEMENTS
from kmslab.kms.saving_policies import MOST_BYTES
from kmslab.lint.document import (
    IDENTITY,
    KEY_POLICY,
    NAMES,
    SCP,
    TOP,
    Document,
    Found,
    Part,
    fault_of,
)
from kmslab.lint.positions import Path
from kmslab.lint.rules_principals import entries
from kmslab.lint.words import did_you_mean, shown

_NOT_TAKEN = re.compile("[^\t\n\r -\u00ff]")  # printable Latin-1, and white space
_GRAMMAR = "write it as the grammar of the IAM policy language has it"


def malformed(document: Document) -> Iterator[Found]:
    """What the evaluator refuses, each fault for itself."""
    if document.twice:
        name, line = document.twice
        yield Found(
            (),
            "error",
            f"{shown(name)} stands twice in one object",
            "keep one: which of the two counts would be a riddle",
            line,
        )
    if not isinstance(document.whole, dict):
        yield Found((), "error", "a policy is an object", "begin it with { and end it with }")
        return
    head = {name: value for name, value in document.top.items() if name in ("Version", "Id")}
    fault = fault_of(json.dumps({**head, "Statement": []}), document.kind)
    if fault:
        yield Found(("Version",), "error", shown(fault), 'write "Version": "2012-10-17"')
    if document.top.get("Statement") is None and not document.parts:
        yield Found((), "error", "it has no Statement", "add one: a policy is its statements")
    elif document.kind == KEY_POLICY and not document.parts:
        yield Found(
            ("Statement",), "error", "it has no statement", "add one: a key policy needs it"
        )


def malformed_statement(part: Part) -> Iterator[Found]:
    """A statement that the evaluator refuses."""
    if part.fault:
        place, advice = _place(part), _GRAMMAR
        if "names no Principal" in part.fault:
            advice = f"add one: a {part.kind} says whom each statement is for"
        elif not {"Principal", "NotPrincipal"}.isdisjoint(place):
            advice = "name accounts, users, roles or sessions by ARN, services by name"
            if part.kind in (IDENTITY, SCP):
                advice = "remove it: this policy is about whom it is attached to"
        yield Found(place, "error", shown(part.fault), advice)


def unknown_name(document: Document) -> Iterator[Found]:
    """A name that no element of a policy or statement has."""
    for name in document.top:
        if name not in TOP:
            yield _unknown((name,), "policy", TOP)
    for part in document.parts:
        if isinstance(part.written, dict):
            for name in part.written:
                if name not in ELEMENTS:
                    yield _unknown(part.at(name), "statement", NAMES)


def idle(part: Part) -> Iterator[Found]:
    """A statement without Action or Resource: AWS saves it in a key policy, and ignores it."""
    everything = 'add "Resource": "*"' + ", which is this key" * (part.kind == KEY_POLICY)
    for name, element, advice in (
        ("Action", part.good.action, "add the actions that it is for"),
        ("Resource", part.good.resource, everything),
    ):
        if element is None:
            what = f"it has no {name}: it matches nothing, and saving it tells nobody"
            yield Found(part.path, "error", what, advice)


def empty(part: Part) -> Iterator[Found]:
    """An element that lists nothing, and a Condition without conditions."""
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if part.elements.get(name) == []:
            yield Found(
                part.at(name), "warning", f"its {name} lists nothing", f"list what the {name} is"
            )
    for name in ("Principal", "NotPrincipal"):
        listed = part.elements.get(name)
        if isinstance(listed, dict) and not any(each != [] for each in listed.values()):
            yield Found(part.at(name), "warning", f"its {name} names nobody", "name somebody")
    written = part.elements.get("Condition")
    if isinstance(written, dict):
        for path, block in ((("Condition",), written), *_blocks(written)):
            if not block:
                yield Found(
                    part.at(*path),
                    "warning",
                    f"its {path[-1]} holds no condition: the statement applies without it",
                    "remove it, or write the condition that is meant",
                )


def size(document: Document) -> Iterator[Found]:
    """A key policy that is too long, or holds characters that AWS doesn't take."""
    if document.kind != KEY_POLICY:
        return
    length = len(document.text.encode(errors="surrogatepass"))
    if length > MOST_BYTES:
        yield Found(
            (),
            "error",
            f"it has {length:,} bytes, and a key policy has at most {MOST_BYTES:,}",
            "join statements, or move rights to IAM policies and grants",
        )
    strange = _NOT_TAKEN.search(document.text)
    if strange:
        yield Found(
            (),
            "error",
            f"it holds {strange.group()!a}: a key policy is printable Latin-1",
            "write another character",
            document.text.count("\n", 0, strange.start()) + 1,
        )


def _unknown(path: Path, where: str, names: tuple[str, ...]) -> Found:
    name = str(path[-1])
    return Found(
        path,
        "error",
        f"{shown(name)} is no element of a {where}",
        did_you_mean(name, names, f"a {where} has {', '.join(names)}"),
    )


def _blocks(written: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, block in written.items():
        if isinstance(block, dict):
            yield ("Condition", name), block


def _place(part: Part) -> Path:
    """Where the fault of a statement is, by the words of its message."""
    written = part.elements.get("Condition")
    operators = list(written) if isinstance(written, dict) else []
    for name in operators:
        if name and part.fault.startswith(name):
            return part.at("Condition", name)
    if "condition operator" in part.fault or ": a text, a number" in part.fault:
        return part.at("Condition")
    for name in sorted(part.elements, key=len, reverse=True):
        if name in part.fault:
            return part.at(name)
    if "principal" in part.fault:
        named = (path for path, _, name in entries(part) if repr(name) in part.fault)
        return next(named, part.at(part.element("Principal")))
    return part.path
