"""How the anatomy of a ciphertext looks: the learner's own bytes, and a figure for everybody's."""

from __future__ import annotations

import html
from functools import lru_cache

from kmslab.course import style
from kmslab.course.anatomy import OVERHEAD, Anatomy, Part, parts
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture

# A wide table in ipywidgets' HTML scrolls only where it asks for no width of its own.
_SCROLLS = '<div style="overflow-x:auto;width:0;min-width:100%">'
_ROW, _ROWS = 16, 4  # bytes in a row, and rows of one part that are shown
_WIDTHS = (7, 10, 13, 16, 12, 9, 16, 9)  # of the parts in the figure, which is not to scale
_LEFT = (
    "text-align:left;vertical-align:top;padding:0.3em 0.8em;border-bottom:1px solid #BBBBBB;"
    f"color:{style.INK};background:{style.PAPER}"  # in each cell: JupyterLab colours the rows
)
_TABLE = (
    f'<table style="border-collapse:collapse;line-height:1.4;color:{style.INK};'
    f'background:{style.PAPER}"><caption style="text-align:left;padding:0.3em 0.8em;'
    f'color:{style.INK};background:{style.PAPER}">'
)
ALT = (
    "The parts of a ciphertext, in order. The header lies in clear and says which key: version, "
    "multi-Region flag, key id, key material id. The HSM sealed the rest: nonce, IV, ciphertext, "
    "tag. The tag covers the header and the encryption context too, which is not in the blob."
)


def live(anatomy: Anatomy, place: int, flipped: bool) -> str:
    """The blob's own bytes, a row a part; the chosen byte has a frame around it."""
    part, byte = anatomy.part(place), anatomy.blob[place]
    became = f", {byte:02x} became {byte ^ 1:02x}" if flipped else ""
    how = "One bit of it is flipped" if flipped else "It is unchanged"
    says = anatomy.answer(place if flipped else None)
    return (
        f'<p style="max-width:56em;margin:0.6em 0;line-height:1.5">Byte {place} belongs to the '
        f"<b>{part.name}</b>: {html.escape(part.words)}.<br>{how}{became}. Decrypt says: "
        f"<b>{html.escape(says)}</b></p>"
        f"{_SCROLLS}{_TABLE}A ciphertext of {len(anatomy.blob)} bytes</caption>"
        f'<thead><tr><th scope="col" style="{_LEFT}">part</th>'
        f'<th scope="col" style="{_LEFT}">its bytes</th></tr></thead><tbody>'
        + "".join(_bytes_row(anatomy, each, place, flipped) for each in anatomy.parts)
        + "</tbody></table></div>"
    )


def still(anatomy: Anatomy) -> str:
    """The figure, and a table of what each part is and what a flipped bit in it comes to."""
    heads = ("part", "where", "what it is", "a bit flipped, Decrypt says")
    rows = [
        (each.name, each.span, each.words, anatomy.answer(each.start).split(",")[0])
        for each in anatomy.parts
    ]
    return (
        picture().html()
        + f'<div style="overflow-x:auto">{_TABLE}A ciphertext of {len(anatomy.blob)} bytes'
        "</caption><thead><tr>"
        + "".join(f'<th scope="col" style="{_LEFT}">{each}</th>' for each in heads)
        + "</tr></thead><tbody>"
        + "".join(
            f'<tr><th scope="row" style="{_LEFT}">{name}</th>'
            + "".join(f'<td style="{_LEFT}">{html.escape(each)}</td>' for each in rest)
            + "</tr>"
            for name, *rest in rows
        )
        + "</tbody></table></div>"
    )


@lru_cache
def picture(kind: str = "svg") -> Picture:
    """The parts of any ciphertext; the figure `ciphertext-anatomy`."""
    sheet = Diagram(100, 33)
    sheet.place((1.5, 9.5), (48.5, 22), "header: in clear")
    sheet.place((50.5, 9.5), (48, 22), "sealed by the HSM")
    left, known = 3.0, parts(OVERHEAD + 1)
    for part, width in zip(known, _WIDTHS, strict=True):
        name = part.name.replace(" ", "\n", 1).replace("material id", "material\nid")
        sheet.box((left, 15), (width, 11), part.color, name)
        length = "n" if part.name == "ciphertext" else f"{part.length}"
        unit = "byte" if part.length == 1 and length != "n" else "bytes"
        sheet.text((left + width / 2, 12.4), f"{length} {unit}", size=9, color=style.QUIET)
        left += width + (2.5 if part is known[3] else 0)
    sheet.box((3, 2), (94.5, 5), style.QUIET)
    words = "encryption context: you tell it to KMS each time; not in the blob, covered by the tag"
    sheet.text((50, 4.5), words, size=9)
    return sheet.picture(ALT, kind)


def _bytes_row(anatomy: Anatomy, part: Part, place: int, flipped: bool) -> str:
    rows, shown = range(part.start, part.last + 1, _ROW), []
    hidden = 0
    for number, start in enumerate(rows):
        line = range(start, min(start + _ROW, part.last + 1))
        if number < _ROWS or place in line:
            shown.append("".join(_byte(anatomy, part, each, place, flipped) for each in line))
        else:
            hidden += len(line)
    more = [f"… {hidden:,} bytes more"] if hidden else []
    return (
        f'<tr><th scope="row" style="{_LEFT};border-left:6px solid {part.color};'
        f'white-space:nowrap">{part.name}, <span style="font-weight:normal">{part.span}</span></th>'
        f'<td style="{_LEFT};font-family:monospace;white-space:nowrap">'
        f"{'<br>'.join([*shown, *more])}</td></tr>"
    )


def _byte(anatomy: Anatomy, part: Part, at: int, place: int, flipped: bool) -> str:
    value, look = anatomy.blob[at], f"padding:0 0.25em;background:{part.color}33"
    if at == place:
        value ^= flipped
        look += f";font-weight:bold;outline:3px solid {style.DENIED if flipped else style.INK}"
    return f'<span style="{look}">{value:02x}</span>'
