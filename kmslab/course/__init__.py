"""What notebooks show, never what KMS does: figures, widgets, checks.

`%load_ext kmslab.course` in a notebook makes a refusal one line. An error of AWS or of kmslab is
what a lesson is about; its place in boto3's source is not. Any other error keeps its traceback.
"""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext kmslab.course` does."""
    from botocore.exceptions import BotoCoreError, ClientError

    from kmslab.errors import KmslabError

    def one_line(
        _shell: Any, kind: type[BaseException], error: BaseException, *_: Any, **__: Any
    ) -> list[str]:
        lines = [f"{kind.__name__}: {error}"]
        shell._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((ClientError, BotoCoreError, KmslabError), one_line)
