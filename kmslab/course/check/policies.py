"""What checks of policies need: policies as learners write them, saved and tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from botocore.exceptions import ClientError

from kmslab.accounts.callers import Caller
from kmslab.course.check.exercise import NotYet, need
from kmslab.errors import AwsError, KmslabError
from kmslab.lab import Lab

Statements = list[dict[str, object]]
ALL_OF_KMS: Mapping[str, object] = MappingProxyType(
    {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
)
_NOTHING: Mapping[str, object] = MappingProxyType({})


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
        raise NotYet(f"a dict is due, not {type(answer).__name__}")
    need(
        set(answer) == {first, second},
        f'the dict needs the keys "{first}" and "{second}", and no other',
    )
    return statements(answer[first], first), statements(answer[second], second)


def statements(policy: object, name: str) -> Statements:
    """The statements of a policy: a document, its JSON, one statement or a list of them."""
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError as error:
            raise NotYet(f"{name} is no JSON: {error}") from error
    if isinstance(policy, Mapping):
        policy = policy.get("Statement", policy)
    found = [policy] if isinstance(policy, Mapping) else policy
    if not isinstance(found, list | tuple) or not all(isinstance(each, Mapping) for each in found):
        raise NotYet(f"{name}: a list of statements is due")
    need(found, f"{name} has no statement")
    return [dict(each) for each in found]


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
