"""The HSMs of a fleet as a table for a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmError
from kmslab.hsm.member import Member

_HEAD = ("HSM", "zone", "state", "domain key", "calls served")
_NOTE = "Calls served: by this process. The 16 digits name the domain key, and say nothing of it."


def as_line(members: Sequence[Member]) -> str:
    """One line: which HSMs there are, and which are on."""
    shown = ", ".join(
        f"<Device {each.place.name}, {'on' if each.is_on else 'off'}>" for each in members
    )
    return f"<Fleet of {shown or 'no HSM'}>"


def as_html(members: Sequence[Member]) -> str:
    """One row an HSM."""
    left = 'style="text-align:left"'
    head = "".join(f'<th scope="col" {left}>{each}</th>' for each in _HEAD)
    body = "".join(
        f'<tr><th scope="row" {left}>{html.escape(first)}</th>'
        + "".join(f"<td {left}>{html.escape(each)}</td>" for each in rest)
        + "</tr>"
        for first, *rest in _rows(members)
    )
    # JupyterLab shows the first line of a folded output: a word, not the markup of a table.
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"HSMs:\n{table}\n<p>{_NOTE}</p>"


def _rows(members: Sequence[Member]) -> Iterator[tuple[str, ...]]:
    for each in members:
        place = each.place
        yield place.name, place.zone, _state(each), _domain_key(each), f"{each.served:,}"


def _state(member: Member) -> str:
    if member.is_on:
        return "on"
    if member.trouble:
        return f"out of service: {member.trouble}"
    return "off" if member.place.is_on else "off: pulled out"


def _domain_key(member: Member) -> str:
    """An HSM that is off can't be asked."""
    if member.session is None or not member.is_on:
        return "can't be asked"
    try:
        return f"yes, {member.session.domain_name()}"
    except (HsmError, PKCS11Error):
        return "can't be asked"
