"""A picture that a notebook shows before anything was run: an `<img>` with alternative text.

JupyterLab does not show SVG of a notebook that came from somewhere else and was not run yet, but
it does show an image in a data address. So everything drawn here goes out that way.
"""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass, field
from pathlib import Path

TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Picture:
    """An image's bytes, what it shows in words, and how wide it is shown at most, in pixels."""

    data: bytes = field(repr=False)
    alt: str
    type: str = TYPES[".svg"]
    width: int = 860

    @classmethod
    def of_file(cls, path: str | Path, alt: str, width: int = 320) -> Picture:
        """A smaller copy of a picture file, so that a notebook stays small."""
        from PIL import Image

        with Image.open(path) as image:
            image.thumbnail((width, 4 * width))
            small = io.BytesIO()
            image.save(small, "PNG")
        return cls(small.getvalue(), alt, TYPES[".png"], width)

    def html(self) -> str:
        """The picture as HTML that needs nothing else."""
        narrow = f"min-width:{min(self.width, 600)}px;" if self.width > 400 else ""
        image = self._image(f"width:100%;{narrow}max-width:{self.width}px")
        return f'<div style="overflow-x:auto">{image}</div>'

    def icon(self) -> str:
        """The picture as small as a letter, for a line of text whose words say what it is."""
        return self._image("max-width:64px;height:1.6em;vertical-align:middle")

    def _image(self, style: str) -> str:
        data = base64.b64encode(self.data).decode()
        return (
            f'<img src="data:{self.type};base64,{data}" '
            f'alt="{html.escape(self.alt)}" style="{style}">'
        )

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"<Picture: {self.alt}>"
