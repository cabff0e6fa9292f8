"""Requests and statements of AWS's policies: the middle part of the second opinion.

Sources in the IAM User Guide: "Action", "NotAction", "Resource", "NotResource", "Version",
"IAM policy elements: Variables and tags", "AWS global condition context keys".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from naive_conditions import Conditions, Scope, Values, items, words

Case = Mapping[str, Any]
Statement = Mapping[str, Any]
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for what; context names are in lower case."""

    principal: str
    account: str
    action: str
    resource: str
    context: Mapping[str, Values]
    bounded: bool


def kind(principal: str) -> str:
    """user, role, assumed-role, federated-user or root."""
    return principal.split(":", 5)[5].split("/")[0]


def role_arn(principal: str) -> str:
    """The ARN of a session's role, without a path: the session's ARN doesn't tell it."""
    _, _, _, _, account, rest = principal.split(":", 5)
    return f"arn:aws:iam::{account}:role/{rest.split('/')[1]}"


class Statements(Conditions):
    """Each method is one rule of the documentation."""

    # --- the request -------------------------------------------------------------------------

    def request(self, case: Case) -> Request:
        """The request, with the context keys that follow from its principal."""
        principal, account = case["principal"], case["account"]
        context: dict[str, Values] = {
            "aws:principalarn": self.principal_arn(principal),
            "aws:principalaccount": account,
            "aws:principaltype": self.principal_type(kind(principal)),
        }
        if kind(principal) == "user":
            context["aws:username"] = principal.split("/")[-1]
        context |= {self.fold(name): value for name, value in (case.get("context") or {}).items()}
        bounded = case.get("boundary") is not None
        return Request(principal, account, case["action"], case["resource"], context, bounded)

    def principal_arn(self, principal: str) -> str:
        """ "Global condition keys", aws:PrincipalArn: for a session it is the role's ARN."""
        return role_arn(principal) if kind(principal) == "assumed-role" else principal

    def principal_type(self, of: str) -> str:
        """ "Variables and tags", table of principal key values."""
        return {"root": "Account", "user": "User", "federated-user": "FederatedUser"}.get(
            of, "AssumedRole"
        )

    # --- a statement -------------------------------------------------------------------------

    def has_variables(self, document: Document) -> bool:
        """ "Version": variables need 2012-10-17; no Version means 2008-10-17."""
        return document.get("Version") == "2012-10-17"

    def covers_action(self, pattern: str, action: str) -> bool:
        """ "Action": names ignore case, may hold wildcards, never variables."""
        pieces = self.read(pattern.lower(), Scope({}, False))
        return pieces is not None and self.match(pieces, action.lower())

    def covers_resource(self, pattern: str, resource: str, scope: Scope) -> bool:
        """ "Resource": wildcards; variables after the fifth colon; no resource is only `*`."""
        if resource == "*" or pattern == "*":
            return pattern == "*"
        head, tail = self.cut(pattern)
        start = self.read(head, Scope({}, False))
        end = self.read(tail, scope)
        return start is not None and end is not None and self.match(start + end, resource)

    def cut(self, pattern: str) -> tuple[str, str]:
        """A pattern up to its fifth colon, and the rest."""
        parts = pattern.split(":", 5)
        return pattern[: len(pattern) - len(parts[5])] if len(parts) == 6 else pattern, (
            parts[5] if len(parts) == 6 else ""
        )

    def on_action(self, statement: Statement, request: Request) -> bool:
        """Action, or NotAction: everything but what is listed. Neither: the statement is void."""
        if "NotAction" in statement:
            return not self.listed_action(words(statement["NotAction"]), request)
        return self.listed_action(words(statement.get("Action", [])), request)

    def listed_action(self, patterns: list[str], request: Request) -> bool:
        """Whether one of the patterns covers the action."""
        return any(self.covers_action(pattern, request.action) for pattern in patterns)

    def on_resource(self, statement: Statement, request: Request, scope: Scope) -> bool:
        """Resource, or NotResource: everything but what is listed. Neither: a silent no-op."""

        def listed(patterns: list[str]) -> bool:
            return any(self.covers_resource(one, request.resource, scope) for one in patterns)

        if "NotResource" in statement:
            return not listed(words(statement["NotResource"]))
        return listed(words(statement.get("Resource", [])))

    def applies(self, document: Document, statement: Statement, request: Request) -> bool:
        """Action, resource and condition. Who is asked by `grants`."""
        scope = Scope(request.context, self.has_variables(document))
        return (
            self.on_action(statement, request)
            and self.on_resource(statement, request, scope)
            and self.conditions(statement.get("Condition") or {}, scope)
        )

    def effects(
        self, documents: Iterable[Document], effect: str, request: Request
    ) -> list[Statement]:
        """The statements of one effect that apply to the request."""
        return [
            statement
            for document in documents
            for statement in items(document.get("Statement", []))
            if statement.get("Effect") == effect and self.applies(document, statement, request)
        ]
