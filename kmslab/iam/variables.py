"""Policy variables: `${aws:username}` in a policy is the caller's name when the policy is read.

    ${aws:username}                   the value of a condition key that has one value
    ${aws:PrincipalTag/team, 'none'}  with a default for a request that doesn't carry the key
    ${*}  ${?}  ${$}                  these characters themselves

A star in a value that was put in means itself. A variable that has no value and no default makes
its text `None`: it fits nothing. Only in documents of version 2012-10-17; elsewhere `${…}` is text.
Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kmslab.iam.wildcards import literal

Values = tuple[str, ...]


class Several(tuple[str, ...]):
    """The values of a key that may have several, even where it has one: no variable can be one."""

    __slots__ = ()


Lookup = Callable[[str], Values | None]  # a condition key in small letters → its values
# Each part excludes the character that ends it, so there is one way only to read a text.
_VARIABLE = re.compile(r"\$\{([^{}',]*)(?:,\s*'((?:[^']|'')*)'\s*)?\}")
_CHARACTERS = {"*": literal("*"), "?": literal("?"), "$": "$"}


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: the key in small letters, and its default if it has one."""

    key: str
    default: str | None

    def value(self, lookup: Lookup) -> str | None:
        """Its value in a request; None where there is none. Keys with several values have none."""
        values = lookup(self.key)
        if values is not None and len(values) == 1 and not isinstance(values, Several):
            return literal(values[0])
        return self.default


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a policy: as it was written, and its parts if variables are among them."""

    written: str
    parts: tuple[str | Variable, ...] = ()  # empty: `written` is all

    def resolve(self, lookup: Lookup) -> str | None:
        """The text for a request, or None where a variable has no value."""
        if not self.parts:
            return self.written
        found = [part if isinstance(part, str) else part.value(lookup) for part in self.parts]
        return None if None in found else "".join(filter(None, found))


def read(written: str, *, variables: bool) -> Text:
    """A text of a policy, taken apart if the document's version knows variables."""
    if not variables or "${" not in written:
        return Text(written)
    parts, at = list[str | Variable](), 0
    for found in _VARIABLE.finditer(written):
        parts += [written[at : found.start()], _part(found)]
        at = found.end()
    parts.append(written[at:])
    if not any(isinstance(part, Variable) for part in parts):
        return Text("".join(str(part) for part in parts))
    return Text(written, tuple(parts))


def _part(found: re.Match[str]) -> str | Variable:
    name, default = found.groups()
    if name in _CHARACTERS and default is None:
        return _CHARACTERS[name]
    return Variable(name.strip().lower(), default and literal(default.replace("''", "'")))
