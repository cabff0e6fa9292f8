"""How the calls of two buckets are shown: two rows of bars, with the last call's context."""

from __future__ import annotations

import html
from collections.abc import Sequence

from kmslab.course import style
from kmslab.course.bucket_calls import OPERATIONS, Count, Counter
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture

_LEFT, _WIDTH = 21.0, 58.0  # where bars begin, and how long the longest is
_COLORS = dict(zip(OPERATIONS, (style.DATA_KEY, style.KMS_KEY), strict=True))


def picture(counts: Sequence[Count]) -> Picture:
    """A bar for each operation of each bucket, as long as the number of its calls."""
    sheet = Diagram(88, 13 * len(counts) + 1)
    most = max(1, *(number for each in counts for number in each.calls.values()))
    for place, count in enumerate(reversed(counts)):
        _bucket(sheet, 13.0 * place, count, most)
    return sheet.picture(alt(counts))


def alt(counts: Sequence[Count]) -> str:
    """What the picture shows, in words."""
    said = [
        f"{_name(each)}: "
        + ", ".join(f"{number} {name}" for name, number in each.calls.items())
        + (f", the last with the context {each.context}" if each.context else "")
        for each in counts
    ]
    return f"Calls of KMS in the trail. {'; '.join(said)}."


def page(counter: Counter) -> str:
    """HTML: what was done, and the bars."""
    return (
        f'<div style="width:0;min-width:100%"><div style="color:{style.INK};'
        f'background:{style.PAPER};padding:0.3em 0.8em;line-height:1.4;max-width:900px">'
        f"<p>{html.escape(_done(counter))} Calls of KMS in the trail:</p>"
        f"{picture(counter.counts).html()}</div></div>"
    )


def line(counter: Counter) -> str:
    """What was done and what it cost, in one line of text."""
    said = [f"{each.bucket} {each.total}" for each in counter.counts]
    return f"{counter.last or 'begin'} ({counter.caller}) | calls of KMS: {', '.join(said)}"


def _done(counter: Counter) -> str:
    return (
        f"In each bucket: {counter.puts} objects put, {counter.gets} got. "
        f"The caller is {counter.caller}."
    )


def _name(count: Count) -> str:
    kept = "with a bucket key" if count.with_bucket_key else "without a bucket key"
    return f"bucket {count.bucket}, {kept}"


def _bucket(sheet: Diagram, floor: float, count: Count, most: int) -> None:
    sheet.text((44, floor + 11.6), _name(count), bold=True)
    for row, (name, number) in enumerate(count.calls.items()):
        height = floor + 8.4 - 3.4 * row
        sheet.text((_LEFT / 2, height), name, size=9)
        long = _WIDTH * number / most
        if number:
            sheet.box((_LEFT, height - 1.2), (max(long, 0.6), 2.4), _COLORS[name])
        sheet.text((_LEFT + max(long, 0.6) + 3, height), str(number), size=9, bold=True)
    last = f"last context: aws:s3:arn = {count.context}" if count.context else "no call yet"
    by = f", by {count.caller}" if count.caller else ""
    sheet.text((44, floor + 2.2), last + by, size=9, color=style.QUIET)
