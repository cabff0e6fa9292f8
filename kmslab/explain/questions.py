"""Questions that are asked without doing anything: who can, and what if."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import overload

from kmslab.access.ask import Ask
from kmslab.accounts import records
from kmslab.accounts.records import Accounts
from kmslab.aws.call import Call
from kmslab.aws.principal import Principal, Session
from kmslab.errors import AwsError
from kmslab.explain import page
from kmslab.explain.page import Row
from kmslab.iam.decision import Decision, Layer, Source
from kmslab.iam.request import context
from kmslab.kms import names, permissions
from kmslab.kms.operations import OPERATIONS
from kmslab.kms.request import Rooms
from kmslab.s3 import records as buckets
from kmslab.s3.permissions import on as on_bucket

Given = Mapping[str, object]
_ACTIONS = frozenset({*OPERATIONS, "ReEncryptFrom", "ReEncryptTo"})


@dataclass(frozen=True, slots=True)
class Can:
    """A principal that can, and what lets it."""

    principal: Principal
    decision: Decision


class WhoCan(Sequence[str]):
    """The ARNs of those who can; in a notebook a table that says what lets each."""

    def __init__(self, action: str, resource: str, found: Sequence[Can]) -> None:
        self._title = f"{action} on {resource}"
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        arns = [each.principal.policy_arn for each in self._found]
        return arns[at]

    def _rows(self) -> list[Row]:
        return [
            Row((each.principal.policy_arn, " and ".join(map(_through, each.decision.sources))))
            for each in self._found
        ]

    def __repr__(self) -> str:
        return "\n".join([self._heading, page.as_text(_HEAD, self._rows()) if self._found else ""])

    def _repr_html_(self) -> str:
        return page.as_html(self._heading, [], _HEAD, self._rows(), [])

    @property
    def _heading(self) -> str:
        return f"{len(self)} principals can: {self._title}"


def _through(source: Source) -> str:
    """What lets somebody: a policy by its name, and the statement where it has a Sid."""
    sid = source.statement.sid if source.statement else ""
    return f'{source.name} ("{sid}")' if sid else source.name


_HEAD = ("who", "what lets them")


def supposed(
    rooms: Rooms,
    who: Principal,
    action: str,
    resource: str,
    region: str,
    given: Given,
    document: str | None = None,
) -> Decision:
    """The decision on a request that isn't made. `given` holds condition keys, by their names.

    `document` stands for the policy of the key or bucket; `MalformedPolicy` where it is none.
    """
    service, _, operation = action.partition(":")
    if not operation or service == "arn":
        raise ValueError(f"action={action!r}: a service and an action are due, as in kms:Decrypt")
    _check_names(service, operation, given)
    name = "ReEncrypt" if operation in ("ReEncryptFrom", "ReEncryptTo") else operation
    names_key = service == "kms" and resource != "*"
    call = Call(who, service, name, region, {"KeyId": resource} if names_key else {})
    ask = _ask(rooms, call, action, resource, document)
    return rooms.authorizer.suppose(call, ask, context(given))


def is_locked(rooms: Rooms, decision: Decision) -> bool:
    """Whether a KMS key's own policy refused, and nobody in the lab may put another one."""
    request = decision.request
    parts = request.resource.split(":")
    if decision.allowed or decision.layer is not Layer.RESOURCE or parts[2:3] != ["kms"]:
        return False
    try:
        return all(
            found.layer is Layer.RESOURCE and not found.allowed
            for who in everybody(rooms.accounts)
            for found in (supposed(rooms, who, "kms:PutKeyPolicy", request.resource, parts[3], {}),)
        )
    except ValueError:  # the key is gone since
        return False


def _check_names(service: str, operation: str, given: Given) -> None:
    if service == "kms" and operation not in _ACTIONS:
        near = get_close_matches(operation, _ACTIONS, 1)
        hint = f"did you mean kms:{near[0]}?" if near else "KMS has no such action"
        raise ValueError(f"action='kms:{operation}': {hint}")
    for key in given:
        if ":" not in key:
            raise ValueError(
                f"context has {key!r}: a condition key is due, as in kms:EncryptionContext:dept"
            )


def who_can(rooms: Rooms, action: str, resource: str, region: str, given: Given) -> WhoCan:
    """Everybody in the lab's accounts who may do an action with a resource.

    Root users, users and roles; of a role each session counts as any. AWS services are not listed.
    """
    found = [
        Can(who, decision)
        for who in everybody(rooms.accounts)
        if (decision := supposed(rooms, who, action, resource, region, given)).allowed
    ]
    return WhoCan(action, resource, found)


def everybody(accounts: Accounts) -> Iterator[Principal]:
    """Every principal of the lab's accounts."""
    for (number,) in accounts.store.rows("SELECT number FROM account ORDER BY number"):
        yield Principal(number, "root", "root", number, "")
        for user in records.named_after(accounts, number, "user", "", "", _ALL):
            yield Principal(number, "user", user.name, user.id, "", user.path)
        for role in records.named_after(accounts, number, "role", "", "", _ALL):
            session = Session(role.arn, role.id, 0.0, math.inf)
            name = f"{role.name}/any"
            yield Principal(number, "role session", name, f"{role.id}:any", "", session=session)


_ALL = -1  # SQLite's word for no limit


def _ask(rooms: Rooms, call: Call, action: str, resource: str, document: str | None) -> Ask:
    if call.service == "s3":
        return _about_bucket(rooms, call, action, resource, document)
    if call.service != "kms" or resource == "*":
        return Ask(action, resource)
    number = rooms.settings.account  # a key id or alias is one of the lab's own account
    at_home = replace(call, principal=Principal(number, "root", "root", number, ""))
    try:
        key = names.resolve(rooms, at_home, resource, aliases_too=True)
    except AwsError as error:
        raise ValueError(f"resource={resource!r}: {error}") from None
    return permissions.on(rooms, call, action, key, document=document)


def _about_bucket(
    rooms: Rooms, call: Call, action: str, resource: str, document: str | None
) -> Ask:
    """A question about a bucket or what is in it; about one that isn't there, or all, without."""
    name = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    bucket = buckets.find_bucket(rooms.store, name)
    if bucket is None:
        return Ask(action, resource)
    if document is not None:
        bucket = replace(bucket, policy=document)
    return on_bucket(call, action, bucket, resource)
