"""How a request names a parameter: by name or ARN, with or without a version (name:3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kmslab.aws.call import Call
from kmslab.errors import AwsError

_ARN = re.compile(r"arn:aws:ssm:([^:]*):(\d{12}):parameter(/.+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """A parameter as it was asked for."""

    account: str
    name: str
    version: int | None = None


def named(call: Call, text: str) -> Named:
    """What a text names. Labels of versions are left out.

    An ARN doesn't say whether the name began with a slash: one without another slash had none.
    """
    account, parts = call.account, _ARN.fullmatch(text)
    if parts:
        account, text = parts[2], parts[3]
        text = text if text.count("/") > 1 else text[1:]
    elif text.startswith("arn:"):
        return Named(account, text)  # nothing has such a name
    name, _, selector = text.partition(":")
    if not selector:
        return Named(account, name)
    if not (selector.isascii() and selector.isdigit()) or len(selector) > 18:
        raise AwsError(
            "UnsupportedOperationException",
            f"kmslab knows versions by their number only, not by a label such as {selector!r}.",
        )
    return Named(account, name, int(selector))
