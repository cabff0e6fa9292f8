"""The figure `key-policy-ways`: how a request comes through a key policy (lesson 07).

`way` finds the place that a decision came to, so a widget can mark it in the same figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.picture import Picture
from kmslab.iam.decision import Decision, Layer, Outcome

FORBIDDEN, NAMED, CLOSED, BY_IAM, NO_IAM = "forbidden", "named", "closed", "by IAM", "no IAM"
# The ends, in the order of the questions, with what each says.
ENDS: Mapping[str, str] = MappingProxyType(
    {
        FORBIDDEN: "a Deny fits: denied",
        NAMED: "an Allow names the caller: allowed",
        CLOSED: "no Allow names the caller or its account: denied",
        BY_IAM: "an Allow names the account, and an IAM policy allows: allowed",
        NO_IAM: "an Allow names the account, and no IAM policy allows: denied",
    }
)
_ALT = (
    "How a key policy answers. First question: does a Deny fit, in any policy? If so, denied. "
    "Second: does an Allow name the caller itself? If so, allowed. Third: does an Allow name the "
    "caller's account? If not, denied. Fourth: does an IAM policy of the caller allow it? If so, "
    "allowed; if not, denied. A caller of another account always needs the fourth as well."
)
_STEP, _FIRST = 21.5, 11.0  # from question to question; the left side of the first
_UPPER, _LOWER, _LAST = (13.5, 6.5), (12.0, 5.0), (9.0, 5.0)
_TOP, _FLOOR = 18.5, 6.0  # the lower sides of the questions, and of the ends
_QUESTIONS = (
    "Does a Deny fit,\nin any policy?",
    "Does an Allow\nname the caller?",
    "Does an Allow\nname the account?",
    "Does an IAM policy\nallow it?",
)
_ONWARD = ("no", "no", "yes", "yes")
_DOWN = (FORBIDDEN, NAMED, CLOSED, NO_IAM)


def way(decision: Decision) -> str:
    """The end that a decision came to; "" where a layer decided that the figure leaves out."""
    if decision.outcome is Outcome.EXPLICIT:
        return FORBIDDEN
    if decision.outcome is Outcome.IMPLICIT:
        return {Layer.RESOURCE: CLOSED, Layer.IDENTITY: NO_IAM}.get(decision.layer, "")
    return {Layer.RESOURCE: NAMED, Layer.IDENTITY: BY_IAM}.get(decision.layer, "")


@lru_cache(maxsize=16)
def picture(kind: str = "svg", at: str = "") -> Picture:
    """The four questions; with `at`, one of the `ENDS`, the way to it and the end are marked."""
    sheet = Diagram(108, 27.5)
    sheet.principal((3.5, 22), "caller")
    sheet.arrow((7, 22), (_FIRST, 22))
    last = list(ENDS).index(at) if at else len(ENDS)
    for number, words in enumerate(_QUESTIONS):
        x, onward = _FIRST + _STEP * number, _ONWARD[number]
        color = style.KMS_KEY if number <= last else style.QUIET
        sheet.box((x, _TOP), _UPPER, color, words)
        sheet.arrow((x + _UPPER[0], 22), (x + _STEP, 22), onward)
        middle = x + _UPPER[0] / 2
        sheet.arrow((middle, _TOP), (middle, _FLOOR + _LOWER[1]))
        sheet.text((middle + 2.2, 15), {"no": "yes", "yes": "no"}[onward], size=9)
        _end(sheet, (middle - _LOWER[0] / 2, _FLOOR), _LOWER, _DOWN[number], at)
    _end(sheet, (_FIRST + _STEP * len(_QUESTIONS), 19.5), _LAST, BY_IAM, at)
    note = (
        "KMS asks in this order. Another account's caller needs an IAM policy over there, always."
    )
    sheet.text((60, 2.2), note, size=9, color=style.QUIET)
    marked = f" This request: {ENDS[at]}." if at else ""
    return sheet.picture(_ALT + marked, kind)


def _end(sheet: Diagram, corner: Point, size: Point, end: str, at: str) -> None:
    """An answer, marked in words too if this request came to it."""
    word = ENDS[end].rpartition(" ")[2]
    color = style.PLAINTEXT if word == "allowed" else style.DENIED
    if at == end:
        (x, y), (width, height) = corner, size
        sheet.box((x - 0.9, y - 0.9), (width + 1.8, height + 1.8), style.INK)
        word += "\n(here)"
    sheet.box(corner, size, color if at in ("", end) else style.QUIET, word)
