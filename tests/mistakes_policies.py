"""Mistakes in statements, principals and the order of policies, for `test_iam_mutants.py`.

A class is a mistake; its docstring says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from naive import ACCOUNT, DIRECT, ROLE, Rules
from naive_conditions import Scope, words
from naive_statements import Case, Document, Request, Statement, kind


class ActionsKeepCase(Rules):
    """Actions do not ignore case."""

    def covers_action(self, pattern: str, action: str) -> bool:
        pieces = self.read(pattern, Scope({}, False))
        return pieces is not None and self.match(pieces, action)


class NotActionTakesNoWildcards(Rules):
    """NotAction ignores wildcards."""

    def on_action(self, statement: Statement, request: Request) -> bool:
        if "NotAction" in statement:
            names = [name.lower() for name in words(statement["NotAction"])]
            return request.action.lower() not in names
        return super().on_action(statement, request)


class NotActionIsAction(Rules):
    """NotAction means Action."""

    def on_action(self, statement: Statement, request: Request) -> bool:
        names = statement.get("NotAction", statement.get("Action", []))
        return self.listed_action(words(names), request)


class ResourcesIgnoreCase(Rules):
    """Resources ignore case."""

    def covers_resource(self, pattern: str, resource: str, scope: Scope) -> bool:
        known = {key: value for key, value in scope.context.items() if isinstance(value, str)}
        lower = Scope({key: value.lower() for key, value in known.items()}, scope.variables)
        return super().covers_resource(pattern.lower(), resource.lower(), lower)


class NotResourceIsEverything(Rules):
    """NotResource excepts nothing."""

    def on_resource(self, statement: Statement, request: Request, scope: Scope) -> bool:
        return "NotResource" in statement or super().on_resource(statement, request, scope)


class AnyResourceCoversNone(Rules):
    """An action without a resource is covered by any Resource."""

    def covers_resource(self, pattern: str, resource: str, scope: Scope) -> bool:
        return resource == "*" or super().covers_resource(pattern, resource, scope)


class BucketCoversItsObjects(Rules):
    """A bucket's ARN covers what is in it."""

    def covers_resource(self, pattern: str, resource: str, scope: Scope) -> bool:
        inside = super().covers_resource(pattern + "/*", resource, scope)
        return inside or super().covers_resource(pattern, resource, scope)


class MissingResourceIsThisKey(Rules):
    """A statement without Resource means the key."""

    def on_resource(self, statement: Statement, request: Request, scope: Scope) -> bool:
        return super().on_resource({"Resource": "*"} | dict(statement), request, scope)


class VariablesAnywhereInAnArn(Rules):
    """Variables work before the fifth colon of a resource."""

    def cut(self, pattern: str) -> tuple[str, str]:
        return "", pattern


class AccountGrantsDirectly(Rules):
    """The account principal grants directly."""

    def grants(self, name: str, request: Request) -> str | None:
        way = super().grants(name, request)
        return DIRECT if way == ACCOUNT else way


class AccountIsItsRootUser(Rules):
    """In a Deny the account principal is its root user alone."""

    def hit(self, statement: Statement, request: Request) -> bool:
        return bool(self.how(statement, request) - {ACCOUNT})


class AccountIdIsUnknown(Rules):
    """A bare account id is no principal."""

    def is_account(self, name: str, account: str) -> bool:
        return name != account and super().is_account(name, account)


class PrincipalsTakeWildcards(Rules):
    """A principal's ARN may hold wildcards."""

    def grants(self, name: str, request: Request) -> str | None:
        pieces = self.read(name, Scope({}, False)) or []
        matched = len(name) > 1 and self.match(pieces, request.principal)
        return super().grants(request.principal if matched else name, request)


class PrincipalsIgnoreCase(Rules):
    """Principals ignore case."""

    def grants(self, name: str, request: Request) -> str | None:
        same = name.lower() == request.principal.lower()
        return super().grants(request.principal if same else name, request)


class RoleDoesNotCoverSessions(Rules):
    """A role's ARN does not cover its sessions."""

    def is_role_of(self, name: str, principal: str) -> bool:
        return False


class RolePathMustMatch(Rules):
    """A role's path is compared with the session's ARN, which has none."""

    def is_role_of(self, name: str, principal: str) -> bool:
        return name.count("/") == 1 and super().is_role_of(name, principal)


class SessionCoversSessions(Rules):
    """A session's ARN covers the other sessions of its role."""

    def grants(self, name: str, request: Request) -> str | None:
        same = "assumed-role" in name and name.rsplit("/", 1)[0] in request.principal
        return super().grants(request.principal if same else name, request)


class StarIsADelegation(Rules):
    """Principal `*` only delegates."""

    def grants(self, name: str, request: Request) -> str | None:
        return ACCOUNT if name == "*" else super().grants(name, request)


class EveryGrantIsCapped(Rules):
    """Boundary and session policy cap a user's or a session's direct grant."""

    def grants(self, name: str, request: Request) -> str | None:
        way = super().grants(name, request)
        return ROLE if way == DIRECT else way


class RoleGrantIsNotCapped(Rules):
    """Boundary and session policy do not cap a grant to the role."""

    def grants(self, name: str, request: Request) -> str | None:
        way = super().grants(name, request)
        return DIRECT if way == ROLE else way


class RoleGrantNeedsIdentity(Rules):
    """A grant to the role needs an identity policy too."""

    def grants(self, name: str, request: Request) -> str | None:
        way = super().grants(name, request)
        return ACCOUNT if way == ROLE else way


class OneEntrySpares(Rules):
    """One entry of NotPrincipal spares the caller."""

    def spared(self, listed: list[str], request: Request) -> bool:
        return any(self.grants(name, request) for name in listed)


class NotPrincipalSparesTheBounded(Rules):
    """Deny with NotPrincipal spares a listed caller that has a boundary."""

    def hits_bounded(self, request: Request) -> bool:
        return False


class NotPrincipalIsPrincipal(Rules):
    """NotPrincipal means Principal."""

    def all_but(self, statement: Statement, request: Request) -> bool:
        return any(self.grants(name, request) for name in self.names(statement["NotPrincipal"]))


class PrincipalArnIsTheSession(Rules):
    """aws:PrincipalArn of a session is the session's ARN."""

    def principal_arn(self, principal: str) -> str:
        return principal


class SessionsHaveAUsername(Rules):
    """A session has aws:username."""

    def request(self, case: Case) -> Request:
        found = super().request(case)
        name = {"aws:username": found.principal.split("/")[-1]}
        return replace(found, context=name | dict(found.context))


class RootIsAUser(Rules):
    """aws:PrincipalType of the root user is User."""

    def principal_type(self, of: str) -> str:
        return "User" if of == "root" else super().principal_type(of)


class KeysTrustIam(Rules):
    """A key needs no statement for the account."""

    def delegated(self, ways: set[str]) -> bool:
        return True


class EverythingIsLikeAKey(Rules):
    """Other resources need a statement for the account too."""

    def is_trust_root(self, request: Request) -> bool:
        return request.resource != "*"


class TrustPoliciesAreOrdinary(Rules):
    """A role's trust policy need not allow in the same account."""

    def is_trust_root(self, request: Request) -> bool:
        return request.action != "sts:AssumeRole" and super().is_trust_root(request)


class RootNeedsPolicies(Rules):
    """The root user needs an identity policy."""

    def root_may(self, request: Request) -> bool:
        return False


class RootMayUseEveryKey(Rules):
    """No key policy shuts the root user out."""

    def same_account(self, case: Case, request: Request) -> bool:
        return kind(request.principal) == "root" or super().same_account(case, request)


class ResourceSideIsEnough(Rules):
    """Across accounts the resource's policy is enough."""

    def cross_account(self, case: Case, request: Request) -> bool:
        return bool(self.ways(case, request))


class IdentitySideIsEnough(Rules):
    """Across accounts the identity's policy is enough."""

    def cross_account(self, case: Case, request: Request) -> bool:
        return self.identity_allows(case, request)


class StatementsInAList(Rules):
    """A single statement without a list is not read."""

    def effects(
        self, documents: Iterable[Document], effect: str, request: Request
    ) -> list[Statement]:
        kept = [one for one in documents if isinstance(one.get("Statement"), list)]
        return super().effects(kept, effect, request)


class OnlyTheLastStatement(Rules):
    """A later statement replaces an earlier one."""

    def effects(
        self, documents: Iterable[Document], effect: str, request: Request
    ) -> list[Statement]:
        def last(document: Document) -> Any:
            found = document["Statement"]
            return found[-1:] if isinstance(found, list) else found

        kept = [{**document, "Statement": last(document)} for document in documents]
        return super().effects(kept, effect, request)
