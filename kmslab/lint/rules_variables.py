"""Rules about policy variables: `${…}` where it is only text, and names that no request has.

Source: IAM User Guide, "IAM policy elements: Variables and tags" (variables work in Resource and
in string, ARN and Bool conditions, of version 2012-10-17; keys with several values are none),
"IAM policy validation check reference" (Invalid variable for operator).
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam import variables
from kmslab.iam.documents import CURRENT
from kmslab.iam.variables import Variable
from kmslab.lint.document import Document, Found, Part
from kmslab.lint.known_keys import NAMES, is_of_aws_or_kms, known
from kmslab.lint.positions import Path
from kmslab.lint.rules_principals import entries
from kmslab.lint.words import did_you_mean, shown

_MARK = "${"
_ARN_COLONS = 5


def old_version(document: Document) -> Iterator[Found]:
    """A variable in a document whose version doesn't know variables."""
    if document.top.get("Version") == CURRENT or _MARK not in document.text:
        return
    for part in document.good:
        for path, _ in (*_resources(part), *_values(part)):
            yield Found(
                path,
                "error",
                "${…} is text here: variables came with version 2012-10-17",
                f'write "Version": "{CURRENT}"',
            )


def misplaced(part: Part) -> Iterator[Found]:
    """A variable where there are none: it stands for itself."""
    for name in ("Action", "NotAction"):
        for path, text in _texts(part.at(name), part.elements.get(name)):
            yield _misplaced(path, text, name)
    for path, _, text in entries(part):
        if _MARK in text:
            yield _misplaced(path, text, "Principal")
    for path, text in _resources(part):
        if text.count(":", 0, text.index(_MARK)) < _ARN_COLONS:
            yield _misplaced(path, text, "the first five parts of an ARN")
    for condition in part.good.conditions:
        if condition.operator is None or not condition.operator.variables:
            for at, value in enumerate(condition.wanted):
                if _MARK in value.written:
                    yield _misplaced(part.of(condition, at), value.written, condition.name)


def unknown(document: Document) -> Iterator[Found]:
    """A variable that never has a value."""
    if document.top.get("Version") != CURRENT or _MARK not in document.text:
        return
    for part in document.good:
        for path, text in (*_resources(part), *_values(part)):
            read = variables.read(text, variables=True)
            parts = read.parts or (read.written,)
            for each in parts:
                if isinstance(each, Variable):
                    yield from _unknown(path, each)
                elif _MARK in each:
                    what = f"{shown(text)}: a variable that doesn't end"
                    yield Found(path, "error", what, "write it as ${aws:username}")


def _unknown(path: Path, variable: Variable) -> Iterator[Found]:
    key, fact = variable.key, known(variable.key)
    name = f"${{{shown(key)}}}"
    if fact is not None and fact.several:
        what = f"{name} never has a value: the key may have several"
        yield Found(path, "error", what, "use a key that has one value")
    elif fact is None and (":" not in key or is_of_aws_or_kms(key)):
        what = f"{name} never has a value: no such condition key is known"
        advice = did_you_mean(key if ":" in key else f"aws:{key}", NAMES, "name a condition key")
        yield Found(path, "error", what, advice)


def _misplaced(path: Path, text: str, where: str) -> Found:
    what = f"variables don't work in {shown(where)}: {shown(text)} is meant letter by letter"
    return Found(path, "error", what, "write the value itself")


def _resources(part: Part) -> Iterator[tuple[Path, str]]:
    for name in ("Resource", "NotResource"):
        yield from _texts(part.at(name), part.elements.get(name))


def _values(part: Part) -> Iterator[tuple[Path, str]]:
    """The values of conditions in which variables work, and stand."""
    for condition in part.good.conditions:
        if condition.operator is not None and condition.operator.variables:
            for at, value in enumerate(_written(part, condition.name, condition.key)):
                if isinstance(value, str) and _MARK in value:
                    yield part.of(condition, at), value


def _written(part: Part, operator: str, key: str) -> list[object]:
    """The values as they stand: the compiled ones have lost their ${*}."""
    values = part.elements["Condition"][operator][key]
    return values if isinstance(values, list) else [values]


def _texts(path: Path, element: object) -> Iterator[tuple[Path, str]]:
    """The texts of an element with a variable in them."""
    for at, each in enumerate(element if isinstance(element, list) else [element]):
        if isinstance(each, str) and _MARK in each:
            yield (*path, at), each
