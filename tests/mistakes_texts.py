"""Mistakes in wildcards and variables, one rule each, for `test_iam_mutants.py`.

A class is a mistake; its docstring says which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from naive import Rules
from naive_conditions import Pieces, Scope, Values, items
from naive_statements import Document, Request


class StringEqualsIgnoresCase(Rules):
    """StringEquals ignores case."""

    same = Rules.same_in_any_case


class IgnoreCaseKeepsCase(Rules):
    """StringEqualsIgnoreCase does not ignore case."""

    same_in_any_case = Rules.same


class StringEqualsTakesWildcards(Rules):
    """StringEquals takes wildcards."""

    def same(self, wanted: str, value: str, scope: Scope) -> bool:
        return self.like(wanted, value, scope)


class StringLikeTakesNone(Rules):
    """StringLike takes no wildcards."""

    like = Rules.same


class StringLikeIgnoresCase(Rules):
    """StringLike ignores case."""

    def like(self, wanted: str, value: str, scope: Scope) -> bool:
        return super().like(wanted.lower(), value.lower(), scope)


class StarNeedsACharacter(Rules):
    """`*` stands for one character at least."""

    def match(self, pattern: Pieces, text: str) -> bool:
        star = ("*", True)
        parts = [[("?", True), star] if piece == star else [piece] for piece in pattern]
        return super().match([piece for part in parts for piece in part], text)


class StarStopsAtSlash(Rules):
    """`*` does not cross a slash."""

    def match(self, pattern: Pieces, text: str) -> bool:
        marks = {"*": "[^/]*", "?": "."}
        built = "".join(marks[piece] if wild else re.escape(piece) for piece, wild in pattern)
        return re.fullmatch(built, text) is not None


class QuestionMarkMayBeNothing(Rules):
    """`?` may stand for nothing."""

    def match(self, pattern: Pieces, text: str) -> bool:
        without = [piece for piece in pattern if piece != ("?", True)]
        return super().match(pattern, text) or super().match(without, text)


class PatternsAreRegularExpressions(Rules):
    """Other characters than wildcards reach a regular expression unescaped."""

    def match(self, pattern: Pieces, text: str) -> bool:
        marks = {"*": ".*", "?": "."}
        try:
            built = "".join(marks[piece] if wild else piece for piece, wild in pattern)
            return re.fullmatch(built, text) is not None
        except re.error:
            return False


class PatternsMatchTheBeginning(Rules):
    """A pattern need only match the beginning."""

    def match(self, pattern: Pieces, text: str) -> bool:
        return super().match([*pattern, ("*", True)], text)


class ArnStarCrossesColons(Rules):
    """ArnLike compares the text as one, so that `*` crosses colons."""

    arn = Rules.like


class ArnTakesNoWildcards(Rules):
    """ArnEquals takes no wildcards."""

    def compare(self, operator: str, wanted: str, value: str, scope: Scope) -> bool:
        exact = "StringEquals" if operator == "ArnEquals" else operator
        return super().compare(exact, wanted, value, scope)


class NumbersTakeVariables(Rules):
    """Numeric operators take variables."""

    def compare(self, operator: str, wanted: str, value: str, scope: Scope) -> bool:
        pieces = self.read(wanted, scope) if operator.startswith("Numeric") else None
        text = wanted if pieces is None else "".join(piece for piece, _ in pieces)
        return super().compare(operator, text, value, scope)


class BooleansTakeNoVariables(Rules):
    """Bool takes no variables."""

    def boolean(self, wanted: str, value: str, scope: Scope) -> bool:
        return super().boolean(wanted, value, Scope(scope.context, False))


class VariablesInEveryVersion(Rules):
    """Variables work in Version 2008-10-17."""

    def has_variables(self, document: Document) -> bool:
        return "Version" in document


class NoVersionIsTheNewest(Rules):
    """Without a Version variables work."""

    def has_variables(self, document: Document) -> bool:
        return super().has_variables({"Version": "2012-10-17"} | dict(document))


class NoValueIsEmpty(Rules):
    """A variable without a value is empty text."""

    def no_value(self) -> str | None:
        return ""


class NoValueVoidsTheStatement(Rules):
    """A variable without a value makes a negated condition false too."""

    def satisfied(self, operator: str, wanted: list[str], value: str, scope: Scope) -> bool:
        lost = operator.startswith(("String", "Arn")) and any(
            self.read(one, scope) is None for one in wanted
        )
        return not lost and super().satisfied(operator, wanted, value, scope)


class DefaultsAreIgnored(Rules):
    """A variable's default is ignored."""

    def variable(self, inside: str, context: Mapping[str, Values]) -> str | None:
        return super().variable(inside.split(", ")[0], context)


class DefaultsKeepTheirQuotes(Rules):
    """A variable's default keeps its quotation marks."""

    def variable(self, inside: str, context: Mapping[str, Values]) -> str | None:
        found = super().variable(inside, context)
        return f"'{found}'" if found and inside.endswith(f"'{found}'") else found


class DefaultsWin(Rules):
    """A variable's default wins over the key's value."""

    def variable(self, inside: str, context: Mapping[str, Values]) -> str | None:
        return super().variable(inside, {} if ", " in inside else context)


class SpecialCharactersAreWildcards(Rules):
    """`${*}` and `${?}` are wildcards."""

    def read(self, text: str, scope: Scope, wildcards: bool = True) -> Pieces | None:
        plain = text.replace("${*}", "*").replace("${?}", "?") if scope.variables else text
        return super().read(plain, scope, wildcards)


class ValuesOfVariablesAreWildcards(Rules):
    """A `*` in the value of a variable is a wildcard."""

    def read(self, text: str, scope: Scope, wildcards: bool = True) -> Pieces | None:
        pieces = super().read(text, scope, wildcards)
        if pieces is None or not wildcards or "${*}" in text or "${?}" in text:
            return pieces
        return super().read("".join(piece for piece, _ in pieces), Scope({}, False))


class SeveralValuesAreAVariable(Rules):
    """A multivalued key works as a variable, with its first value."""

    def variable(self, inside: str, context: Mapping[str, Values]) -> str | None:
        first = {key: items(value) for key, value in context.items()}
        return super().variable(inside, {key: one[0] for key, one in first.items() if one})


class ActionsTakeVariables(Rules):
    """Variables work in Action."""

    def listed_action(self, patterns: list[str], request: Request) -> bool:
        read = [self.read(one, Scope(request.context, True)) for one in patterns]
        names = ["".join(piece for piece, _ in pieces) for pieces in read if pieces is not None]
        return super().listed_action(names, request)
