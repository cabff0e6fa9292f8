"""What calls come to, side by side: a table of "ok" and of AWS's error codes."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

OK = "ok"


def outcome(call: Callable[..., object], **parameters: object) -> str:
    """Calls a client's method: "ok", or the code of the error that AWS answers with.

    What is wrong before AWS is asked, such as a parameter that boto3 doesn't know, is raised.
    """
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return OK


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head, as text and as HTML; each row begins with what was tried."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    name: str = "Tried"

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"a row of {len(row)} under a head of {len(self.head)}: {row!r}")

    def __repr__(self) -> str:
        lines = [[str(each) for each in line] for line in (self.head, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        left = 'style="text-align:left"'
        head = "".join(f'<th scope="col" {left}>{html.escape(each)}</th>' for each in self.head)
        body = "".join(
            f'<tr><th scope="row" {left}>{html.escape(str(first))}</th>'
            + "".join(f"<td {left}>{html.escape(str(each))}</td>" for each in rest)
            + "</tr>"
            for first, *rest in self.rows
        )
        # JupyterLab shows the first line of a folded output: a word, not the markup of a table.
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{html.escape(self.name)}:\n{table}"
