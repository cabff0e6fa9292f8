"""Rules about statements together: who can change the policy, and what another statement undoes.

Sources: PutKeyPolicy in the API reference (lockout safety check); IAM User Guide, "IAM JSON policy
elements: Sid", "How AWS enforcement code logic evaluates requests …" (a Deny outweighs any Allow).
Whether one statement covers another is read off the texts alone: what isn't found may still be so.
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam.conditions import Condition
from kmslab.iam.documents import Statement
from kmslab.iam.elements import Element
from kmslab.iam.principals import PrincipalElement
from kmslab.iam.wildcards import ONE, matches
from kmslab.lint.actions import of_statement
from kmslab.lint.document import KEY_POLICY, Document, Found, Part
from kmslab.lint.findings import Level
from kmslab.lint.words import shown

_CHANGING = "kms:PutKeyPolicy"


def locked_out(document: Document) -> Iterator[Found]:
    """A key policy that lets nobody change it."""
    complete = len(document.good) == len(document.parts)
    if document.kind != KEY_POLICY or not complete or not document.parts:
        return
    denying = [
        each.good
        for each in document.good
        if not each.good.allows and _CHANGING in of_statement(each.good) and not each.good.is_idle
    ]
    for part in document.good:
        if part.allows and _lets_change(part.good) and not _undone(part.good, denying):
            return
    yield Found(
        ("Statement",),
        "error",
        "nobody could call kms:PutKeyPolicy: AWS refuses a policy that locks the key for ever",
        "keep the statement for the account, arn:aws:iam::ACCOUNT:root, with kms:*",
    )


def twice(document: Document) -> Iterator[Found]:
    """A statement that says what one before says."""
    seen = dict[object, Part]()
    for part in document.good:
        first = seen.setdefault(_meaning(part.good), part)
        if first is not part:
            what = f"it says the same as {shown(first.name)}"
            yield Found(part.path, "suggestion", what, "remove it")


def same_sid(document: Document) -> Iterator[Found]:
    """A Sid that two statements have."""
    seen = set[str]()
    for part in document.parts:
        sid = part.elements.get("Sid")
        if isinstance(sid, str) and sid:
            if sid in seen:
                what = f"{shown(sid)} is the Sid of a statement above"
                level: Level = "warning" if document.kind == KEY_POLICY else "error"
                yield Found(part.at("Sid"), level, what, "keep one: a Sid names one statement")
            seen.add(sid)


def undone(document: Document) -> Iterator[Found]:
    """An Allow all of which a Deny takes back."""
    denies = [each for each in document.good if not each.good.allows and not each.good.is_idle]
    for part in document.good:
        deny = next(
            (each for each in denies if part.allows and _covers(each.good, part.good)), None
        )
        if deny is not None:
            what = f"{shown(deny.name)} denies all that it allows: a Deny outweighs any Allow"
            yield Found(part.path, "warning", what, "remove one of the two, or narrow the Deny")


def _lets_change(statement: Statement) -> bool:
    """Whether it allows somebody who is no service to change the policy."""
    principal = statement.principal
    if principal is None or _CHANGING not in of_statement(statement):
        return False
    people = any(not name.startswith("service ") for name in principal.names)
    return bool(
        principal.negated or principal.everyone or principal.accounts or principal.roles or people
    )


def _undone(statement: Statement, denying: list[Statement]) -> bool:
    """Whether a Deny takes the right to change the policy from all whom the statement names."""
    return any(
        not deny.conditions and _covers_principal(deny.principal, statement.principal)
        for deny in denying
    )


def _meaning(statement: Statement) -> object:
    action, resource, principal = statement.action, statement.resource, statement.principal
    return (
        statement.allows,
        principal and (frozenset(principal.written), principal.negated),
        action and (frozenset(map(str.lower, action.written)), action.negated),
        resource and (frozenset(resource.written), resource.negated),
        frozenset(map(_asked, statement.conditions)),
    )


def _covers(deny: Statement, allow: Statement) -> bool:
    conditions = {_asked(each) for each in allow.conditions}
    return (
        all(_asked(each) in conditions for each in deny.conditions)
        and _covers_principal(deny.principal, allow.principal)
        and _covers_element(deny.action, allow.action)
        and _covers_element(deny.resource, allow.resource)
    )


def _covers_principal(deny: PrincipalElement | None, allow: PrincipalElement | None) -> bool:
    if deny is None or allow is None:
        return deny is allow
    if deny.negated or allow.negated:
        return deny.everyone and not deny.negated
    return deny.everyone or (bool(allow.written) and set(allow.written) <= set(deny.written))


def _covers_element(deny: Element | None, allow: Element | None) -> bool:
    """Whether every pattern of the Allow is within one of the Deny.

    A pattern that fits another's text fits all that the other fits, as long as it has no "?": that
    could stand for the other's star.
    """
    if deny is None or allow is None or deny.negated or allow.negated or not allow.written:
        return False
    small = str.lower if deny.place == "Action" else str
    wider = [small(each) for each in deny.written if ONE not in each and "${" not in each]
    return all(any(matches(each, small(text)) for each in wider) for text in allow.written)


def _asked(condition: Condition) -> tuple[object, ...]:
    wanted = frozenset(each.written for each in condition.wanted)
    return condition.name.lower(), condition.lookup_key, wanted
