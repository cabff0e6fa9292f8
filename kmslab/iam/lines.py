"""The evaluator as a filter for other tools: one request a line in, one decision a line out.

    {"id": 1, "principal": "arn:aws:iam::111122223333:user/alice", "account": "111122223333",
     "action": "kms:Decrypt", "resource": "arn:aws:kms:…:key/…", "resource_account": "111122223333",
     "resource_policy": {…}, "identity_policies": [{…}], "boundary": null, "scps": [[{…}]],
     "rcps": null, "session_policy": null, "context": {"aws:SourceIp": "203.0.113.7"}}

    {"id": 1, "decision": "Allowed", "reason": "allowed by "read" of identity-based policy 1"}

Policies are documents; `scps` and `rcps` are lists of levels, each a list of documents; a context's
value is a text or a list of texts. What is absent means none. A line that can't be decided gets
{"id", "error"}, and the rest go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kmslab.iam.decision import Decision, Level, Named, Policies
from kmslab.iam.documents import Kind, compiled
from kmslab.iam.evaluate import decide
from kmslab.iam.principals import Caller
from kmslab.iam.request import Request

MEMBERS = (
    *("id", "principal", "account", "action", "resource", "resource_account", "resource_policy"),
    *("identity_policies", "boundary", "scps", "rcps", "session_policy", "context"),
)
Line = Mapping[str, Any]


def answers(lines: Iterable[str]) -> Iterator[str]:
    """A line of JSON for each line of JSON; empty lines are passed over."""
    for line in lines:
        if line.strip():
            yield json.dumps(_answer(line))


def _answer(line: str) -> dict[str, Any]:
    case: Any = None
    try:
        case = json.loads(line)
        if not isinstance(case, dict):
            raise ValueError("a line is an object")
        return answer(case)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        return {"id": case.get("id") if isinstance(case, dict) else None, "error": str(error)}


def answer(case: Line) -> dict[str, Any]:
    """The decision on one request, and why; `ValueError` for what is no request."""
    decision = decided(case)
    return {
        "id": case.get("id"),
        "decision": str(decision.outcome),
        "reason": decision.reason,
    }


def decided(case: Line) -> Decision:
    """The decision on one request, with all that led to it."""
    if unknown := case.keys() - set(MEMBERS):
        raise ValueError(f"{', '.join(sorted(map(str, unknown)))}: no member of a request")
    caller = Caller.of(_text(case, "principal"), _text(case, "account", ""))
    request = Request.of(
        caller,
        _text(case, "action"),
        _text(case, "resource", "*"),
        _text(case, "resource_account", caller.account),
        _of(case, "context", dict, {}),
    )
    return decide(request, _policies(case, request))


def _policies(case: Line, request: Request) -> Policies:
    kind: Kind = "trust" if request.action_name == "sts:assumerole" else "resource"
    return Policies(
        resource=_named("resource policy", case.get("resource_policy"), kind),
        identity=_level("identity policy", _of(case, "identity_policies", list, [])),
        boundary=_named("boundary", case.get("boundary")),
        session=_session(request.caller, case.get("session_policy")),
        scps=_levels("SCP", _of(case, "scps", list, []), "identity"),
        rcps=_levels("RCP", _of(case, "rcps", list, []), "control"),
    )


def _session(caller: Caller, document: Any) -> Level:
    """Session policies; a federated user without any has no rights but a resource's policy's."""
    if document is not None:
        return _level("session policy", document if isinstance(document, list) else [document])
    if ":federated-user/" in caller.arn:
        return (Named("no session policy", compiled('{"Statement": []}', "identity")),)
    return ()


def _text(case: Line, name: str, default: str | None = None) -> str:
    value = case.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}={value!r}: a text is due")
    return value


def _of(case: Line, name: str, kind: type, default: Any) -> Any:
    value = case.get(name)
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"{name}={value!r}: {'an object' if kind is dict else 'a list'} is due")
    return default if value is None else value


def _levels(name: str, levels: list[Any], kind: Kind) -> tuple[Level, ...]:
    found = []
    for number, level in enumerate(levels, start=1):
        if not isinstance(level, list):
            raise ValueError(f"{name} level {number}: a list of documents is due, not {level!r}")
        found.append(_level(f"{name} of level {number}", level, kind))
    return tuple(found)


def _level(name: str, documents: list[Any], kind: Kind = "identity") -> Level:
    return tuple(
        Named(f"{name} {number}", compiled(_document(each), kind))
        for number, each in enumerate(documents, start=1)
    )


def _named(name: str, document: Any, kind: Kind = "identity") -> Named | None:
    return None if document is None else Named(name, compiled(_document(document), kind))


def _document(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)
