"""How far a call comes in the walk of `kmslab/kms/service.py`, seen while it runs (lesson 15).

`follow` makes a call and notes, through Python's profiler, which functions of KMS it reaches. It
shows what runs, so it needs no second list of what ought to run. A call's plaintext is not kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType, MappingProxyType
from typing import Any

from kmslab.aws.validation import validate
from kmslab.cloudtrail.recorder import Recorder
from kmslab.course import tries
from kmslab.hsm.session import HsmSession
from kmslab.kms import algorithms, due, finding, service, states

STAGES = ("time", "validate", "find", "authorize", "kind", "state", "perform", "HSM", "record")
_BY_CODE: Mapping[CodeType, str] = MappingProxyType(
    {
        due.happen.__code__: "time",
        validate.__code__: "validate",
        service.Kms._authorize.__code__: "authorize",
        algorithms.check_kind.__code__: "kind",
        states.check.__code__: "state",
        service._perform.__code__: "perform",
        HsmSession.encrypt.__code__: "HSM",
        HsmSession.decrypt.__code__: "HSM",
        HsmSession.mac.__code__: "HSM",
        Recorder._write.__code__: "record",
    }
)
_FINDERS = frozenset({"find", "by_alias", "by_grant", "source_and_destination"})


@dataclass(frozen=True, slots=True)
class Way:
    """The stages that a call reached, what it came to, and what the HSM was given for it."""

    stages: tuple[str, ...]
    outcome: str
    hsm: str = ""
    token: bytes = field(default=b"", repr=False)
    aad: bytes = field(default=b"", repr=False)

    def __repr__(self) -> str:
        return f"{' → '.join(self.stages)}: {self.outcome}"

    @property
    def stopped_at(self) -> str:
        """The stage that refused the call; "" where none did."""
        if self.outcome == tries.OK:
            return ""
        return [each for each in self.stages if each != "record"][-1]


def follow(call: Callable[..., object], **parameters: object) -> Way:
    """Makes a call of a KMS client, and returns its way; see `tries.outcome` for what it raises."""
    reached: dict[str, None] = {}
    given: dict[str, Any] = {}

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and (stage := _stage(frame.f_code)):
            reached[stage] = None
            if stage == "HSM":
                seen = frame.f_locals
                given.update({name: seen[name] for name in ("token", "aad") if name in seen})
                given["hsm"] = seen["self"].device.name

    with _profiled(look):
        outcome = tries.outcome(call, **parameters)
    return Way(tuple(each for each in STAGES if each in reached), outcome, **given)


def table(ways: Mapping[str, Way]) -> tries.Table:
    """Ways side by side: "ok" for a stage that was passed, "stop" for the one that refused."""
    shown = STAGES[1:]
    rows = [
        (
            name,
            *(
                "stop" if each == way.stopped_at else tries.OK * (each in way.stages)
                for each in shown
            ),
            way.outcome,
        )
        for name, way in ways.items()
    ]
    return tries.Table(("call", *shown, "answer"), rows, "Ways")


def opens(letters: Mapping[str, Mapping[str, Any]], **clients: Any) -> tries.Table:
    """What Decrypt says to each letter, a dict of its parameters, by each client."""
    rows = [
        (name, *(tries.outcome(each.decrypt, **letter) for each in clients.values()))
        for name, letter in letters.items()
    ]
    return tries.Table(("Decrypt", *clients), rows)


def _stage(code: CodeType) -> str:
    if code.co_filename == finding.__file__ and code.co_name in _FINDERS:
        return "find"
    return _BY_CODE.get(code, "")


@contextmanager
def _profiled(look: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
