"""How a key's life is shown: its place among the states, and what the state allows (lesson 10)."""

from __future__ import annotations

import html

from kmslab.course import key_states, life, style

_NARROW = "width:0;min-width:100%"  # no wider than the page, whatever is in it


def page(state: str, last: str, ahead: str = "", now: str = "") -> str:
    """HTML: where the key is, what its state allows and refuses, and what was done last."""
    refused = life.refusals(state)
    allowed = [name for name in life.OPERATIONS if name not in refused]
    lists = {"Allows": allowed}
    for code in sorted(set(refused.values())):
        lists[f"Refuses with {code}"] = [name for name in refused if refused[name] == code]
    says = "".join(
        f'<p style="margin:0.3em 0"><b>{html.escape(name)}:</b> {", ".join(names) or "nothing"}</p>'
        for name, names in lists.items()
    )
    return (
        f'<div style="{_NARROW}"><div style="color:{style.INK};background:{style.PAPER};'
        f'padding:0.3em 0.8em;line-height:1.4;max-width:860px">'
        f"<p><b>{html.escape(state)}</b>{html.escape(now and f' on {now}')}. "
        f"{html.escape(ahead)}<br>Last: {html.escape(last)}</p>"
        f"{key_states.machine(state).html()}{says}</div></div>"
    )


def line(state: str, last: str, ahead: str = "") -> str:
    """What was done last, the state, and what time will bring, in one line of text."""
    return " ".join(filter(None, (f"{last} | {state}.", ahead)))
