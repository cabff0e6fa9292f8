"""What notebooks show, never what KMS does: figures, widgets, checks.

`%load_ext kmslab.course` in a notebook makes a refusal one line. An error of AWS or of kmslab is
what a lesson is about; its place in their source is not, nor is it where a widget was given a value
of another kind. Any other error keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any

_PACKAGE = str(Path(__file__).parents[1])


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext kmslab.course` does."""
    from botocore.exceptions import BotoCoreError, ClientError
    from traitlets import TraitError  # IPython has imported it

    from kmslab.errors import KmslabError

    def one_line(
        _shell: Any, kind: type[BaseException], error: BaseException, where: Any, **_: Any
    ) -> list[str] | None:
        if not isinstance(error, refusals) and not _raised_here(where):
            shell.showtraceback((kind, error, where))
            return None
        lines = [f"{kind.__name__}: {error}"]
        shell._showtraceback(kind, error, lines)
        return lines

    refusals = (ClientError, BotoCoreError, KmslabError, TraitError)
    shell.set_custom_exc((*refusals, ValueError, TypeError, OSError), one_line)


def _raised_here(where: TracebackType | None) -> bool:
    """Whether an error was raised by kmslab itself, which then named the value at fault."""
    files = [frame.f_code.co_filename for frame, _ in walk_tb(where)]
    return bool(files) and files[-1].startswith(_PACKAGE)
