"""How the policy playground answers: the way through the questions, each statement, and the lint.

Every cell brings its own colours, since JupyterLab colours the rows of tables by itself.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kmslab.course import policy_ways, style
from kmslab.course.playground import Answer
from kmslab.explain.page import short
from kmslab.iam.trace import ElementLook, StatementLook

if TYPE_CHECKING:
    from kmslab.lint import Findings  # takes 50 ms: not with every lesson

_LOOK = f"color:{style.INK};background:{style.PAPER}"
_CELL = (
    f"{_LOOK};padding:0.3em 0.8em;text-align:left;vertical-align:top;"
    "border-bottom:1px solid #BBBBBB"
)
_LIT = "background:#E5F1F8;font-weight:bold"
_BAR = f"box-shadow:inset 6px 0 {style.KMS_KEY}"
_SHORT, _LONG = "white-space:nowrap", "overflow-wrap:anywhere"
_NARROW = "width:0;min-width:100%"  # no wider than the page, whatever is in it
_MARKS = {True: "✓", False: "✗"}


def page(answer: Answer, said: str = "") -> str:
    """HTML: the answer, the way to it, every statement, what would turn it, and the lint."""
    color = style.PLAINTEXT if answer.verdict == "Allowed" else style.DENIED
    head = (
        f'<p style="border-left:6px solid {color};padding-left:0.6em;margin:0.3em 0">'
        f"{html.escape(answer.asked)}: <b>{answer.verdict}</b>, {html.escape(answer.why)}</p>"
    )
    parts = [_line(said), head]
    if answer.explanation is not None:
        parts.append(policy_ways.picture(at=answer.end).html())
        parts.append(_statements(answer.explanation.statements))
        turns = (f"What would turn it: {each}." for each in answer.explanation.changes)
        parts += [_line(each) for each in turns]
    parts.append(_findings(answer.findings))
    return (
        f'<div style="{_NARROW}"><div style="{_LOOK};padding:0.3em 0.8em;line-height:1.4;'
        f'max-width:1000px">{"".join(parts)}</div></div>'
    )


def _line(text: str) -> str:
    return f'<p style="margin:0.3em 0">{html.escape(text)}</p>' if text else ""


def _statements(looks: Sequence[StatementLook]) -> str:
    """Every statement that was looked at; the one that decided stands first and is lit."""
    rows = []
    for look in looks:
        names = "▶ decides" if look.decides else "", look.policy, look.name, look.effect
        fits = "<br>".join(map(_element, look.elements))
        cells = [*map(html.escape, names), fits]
        rows.append(_row(cells, lit=look.decides))
    head = ("", "policy", "statement", "effect", "fits this request?")
    return _table("The statements that were looked at", head, rows)


def _element(look: ElementLook) -> str:
    wanted = f"{look.key} {look.name} {look.wanted}" if look.key else f"{look.name} {look.wanted}"
    asked = f" (it is {look.asked})" if look.key and not look.fits else ""
    return html.escape(f"{_MARKS[look.fits]} {short(wanted)}{asked}")


def _findings(findings: Findings) -> str:
    """What the linter says, by line of the policy."""
    if not findings:
        return _line("lab.lint: nothing found.")
    rows = [
        _row(
            [
                str(each.line),
                html.escape(each.statement),
                f"<b>{each.level}</b>: {html.escape(each.message)}<br>→ {html.escape(each.advice)}",
            ]
        )
        for each in findings
    ]
    return _table("lab.lint", ("line", "statement", "what, and what to do"), rows)


def _table(title: str, head: Iterable[str], rows: Iterable[str]) -> str:
    heads = "".join(f'<th scope="col" style="{_CELL}">{each}</th>' for each in head)
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.4;'
        f'{_LOOK}"><caption style="text-align:left;padding:0.4em 0.8em;font-weight:bold;{_LOOK}">'
        f"{title}</caption><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
        "</table></div>"
    )


def _row(cells: Sequence[str], *, lit: bool = False) -> str:
    """A row of short cells and a long one; a lit row is bold, tinted, and has a bar at its left."""
    looks = [_SHORT] * (len(cells) - 1) + [_LONG]
    if lit:
        looks = [f"{look};{_LIT}" for look in looks]
        looks[0] += f";{_BAR}"
    shown = zip(cells, looks, strict=True)
    return (
        "<tr>"
        + "".join(f'<td style="{_CELL};{look}">{cell}</td>' for cell, look in shown)
        + "</tr>"
    )
