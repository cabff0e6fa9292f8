"""What a check is: a judge, its hints, and three states."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kmslab.course import style

Judge = Callable[..., str]
_COLORS = {
    "not started": style.QUIET,
    "not yet": style.DENIED,
    "done": style.PLAINTEXT,
}


class NotYet(Exception):
    """A judge's verdict that something is still missing; the message says what."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: its state, and a sentence or two."""

    state: str
    text: str

    def __repr__(self) -> str:
        return f"{self.state}: {self.text}"

    def _repr_html_(self) -> str:
        color = _COLORS[self.state]
        return (
            f'<div style="border-left:6px solid {color};padding:0.3em 0.8em">'
            f"<b>{self.state}</b> · {html.escape(self.text)}</div>"
        )


class Exercise:
    """A judge made safe to call: it takes any answer, and hints further on each call."""

    def __init__(self, judge: Judge, todo: str, hints: Sequence[str]) -> None:
        self._judge = judge
        self._todo = todo
        self._hints = hints
        self._missed = 0
        self.__doc__ = judge.__doc__

    def __call__(self, *answer: object) -> Outcome:
        """Judges an answer. `...` is an exercise that was not started."""
        if any(part is ... for part in answer):
            return Outcome("not started", self._todo)
        try:
            return Outcome("done", self._judge(*answer))
        except NotYet as reason:
            return self._not_yet(str(reason))
        except Exception as error:  # whatever an answer does, the learner gets a sentence
            return self._not_yet(f"the check stopped with {type(error).__name__}: {error}")

    def _not_yet(self, reason: str) -> Outcome:
        hint = self._hints[min(self._missed, len(self._hints)) - 1] if self._missed else ""
        self._missed += 1
        end = "" if reason.endswith("?") else "."
        said = f"{reason.rstrip('.')}{end} {hint and f'Hint: {hint}'}"
        return Outcome("not yet", said.strip())

    def __repr__(self) -> str:
        return f"<Exercise: {self._todo}>"


def exercise(todo: str, *hints: str) -> Callable[[Judge], Exercise]:
    """Makes an exercise of a judge: it returns why the answer is right, or raises `NotYet`."""
    return lambda judge: Exercise(judge, todo, hints)


def need(condition: object, reason: str) -> None:
    """Raises `NotYet` with the reason where the condition is not met."""
    if not condition:
        raise NotYet(reason)


def need_bytes(answer: object, what: str) -> bytes:
    """The answer as bytes, or `NotYet`."""
    if not isinstance(answer, bytes):
        raise NotYet(f"{what} is due, as bytes, not {type(answer).__name__}")
    return answer


def opened(kms: Any, blob: bytes, context: Mapping[str, str], key: str | None = None) -> bytes:
    """What KMS finds in a blob with a context, and with the KMS key `key` only; or `NotYet`."""
    named = {"KeyId": key} if key else {}
    try:
        answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(context), **named)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        with_key = " and this KMS key" if key else ""
        raise NotYet(f"KMS does not open it with {dict(context)}{with_key}: {code}") from error
    plaintext: bytes = answer["Plaintext"]
    return plaintext
