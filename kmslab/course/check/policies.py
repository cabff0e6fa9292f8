"""What checks of policies need: policies as learners write them, saved and tried."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType

from botocore.exceptions import ClientError

from kmslab.accounts.callers import Caller
from kmslab.course.check.exercise import Exercise, Judge, NotYet, Outcome, need
from kmslab.errors import AwsError, KmslabError
from kmslab.lab import Lab

Statements = list[dict[str, object]]
ALL_OF_KMS: Mapping[str, object] = MappingProxyType(
    {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
)
_NOTHING: Mapping[str, object] = MappingProxyType({})


class WrongForm(NotYet):
    """A verdict on the form of an answer, before any policy in it is tried."""


class Rehearsal(Exercise):
    """An exercise that gives no hint to an answer of another form: hints are about policies."""

    def _not_yet(self, reason: str) -> Outcome:
        if isinstance(sys.exception(), WrongForm):
            return Outcome("not yet", f"{reason.rstrip('.')}.")
        return super()._not_yet(reason)


class _Undo(Exception):
    """Ends a rehearsal."""


@contextmanager
def rehearsed(lab: Lab) -> Iterator[None]:
    """Undoes at its end whatever is done inside, and leaves no event: the records are put back."""
    with suppress(_Undo), lab._rooms.store.transaction():
        yield
        raise _Undo


def rehearsal(todo: str, *hints: str) -> Callable[[Judge], Exercise]:
    """Makes an exercise of a judge that tries policies in the learner's lab, its first argument.

    Users with many rights that a judge makes are gone with the rehearsal.
    """

    def made(judge: Judge) -> Exercise:
        @wraps(judge)
        def run(lab: Lab, *answer: object) -> str:
            with rehearsed(lab):
                return judge(lab, *answer)

        return Rehearsal(run, todo, hints)

    return made


@dataclass(frozen=True, slots=True)
class Asked:
    """Asks a lab who may do something with a key; `NotYet` where the answer isn't the due one."""

    lab: Lab
    key: str

    def may(
        self,
        who: Caller,
        name: str,
        given: Mapping[str, object] = _NOTHING,
        action: str = "kms:Decrypt",
    ) -> None:
        """`who`, whom the verdict calls `name`, has to be allowed."""
        found = self.lab.simulate(who, action, self.key, given)
        need(found.allowed, f"{name} may not do {action}, {found.reason}")

    def may_not(
        self,
        who: Caller,
        name: str,
        given: Mapping[str, object] = _NOTHING,
        action: str = "kms:Decrypt",
    ) -> None:
        """`who` has to be refused."""
        found = self.lab.simulate(who, action, self.key, given)
        need(not found.allowed, f"{name} may do {action}: it is {found.reason}")


def two(answer: object, first: str, second: str) -> tuple[Statements, Statements]:
    """Two policies from a dict with these names."""
    if not isinstance(answer, Mapping):
        raise WrongForm(f"a dict is due, not {type(answer).__name__}")
    if set(answer) != {first, second}:
        raise WrongForm(f'the dict needs the keys "{first}" and "{second}", and no other')
    return statements(answer[first], first), statements(answer[second], second)


def statements(policy: object, name: str) -> Statements:
    """The statements of a policy: a document, its JSON, one statement or a list of them."""
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError as error:
            raise WrongForm(f"{name} is no JSON: {error}") from error
    if isinstance(policy, Mapping):
        policy = policy.get("Statement", [policy] if policy else [])
    found = [policy] if isinstance(policy, Mapping) else policy
    if not isinstance(found, list | tuple) or not all(isinstance(each, Mapping) for each in found):
        raise WrongForm(f"{name}: a list of statements is due")
    if not found:
        raise WrongForm(f"{name} has no statement")
    return [dict(each) for each in found]


def without_principal(policy: Statements, name: str) -> Statements:
    """The statements of an IAM policy, which says for whom it is by hanging there."""
    if any("Principal" in each or "NotPrincipal" in each for each in policy):
        raise WrongForm(f"{name}: an IAM policy has no Principal")
    return policy


def put_key_policy(lab: Lab, key: str, policy: Statements) -> None:
    """Saves a key policy as the lab's admin; `NotYet` with AWS's words where it is refused."""

    def put() -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": policy})
        lab.client("kms").put_key_policy(KeyId=key, Policy=document)

    kept("the key policy", put)


def kept(name: str, save: Callable[[], None]) -> None:
    """Saves a policy; `NotYet` where it can't be."""
    try:
        save()
    except (ClientError, AwsError, KmslabError, ValueError, TypeError) as error:
        raise NotYet(f"{name} can't be saved: {error}") from error
