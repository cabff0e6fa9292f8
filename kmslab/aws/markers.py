"""Where a list goes on: the opaque text that one page ends with and the next one is asked with.

AWS calls it Marker, NextToken or ContinuationToken; what AWS writes in it is not documented. Here
it is the name of the last entry shown, so a page that follows needs nothing kept.
"""

from __future__ import annotations

import base64


def marker(name: str) -> str:
    """The text for a list that goes on after this name."""
    return base64.urlsafe_b64encode(b"after " + name.encode()).decode()


def after(text: str) -> str | None:
    """The name in a text that `marker` made; None for any other text."""
    try:
        read = base64.urlsafe_b64decode(text).decode()
    except ValueError:
        return None
    name = read.removeprefix("after ")
    return name if marker(name) == text else None
