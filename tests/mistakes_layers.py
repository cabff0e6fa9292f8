"""Mistakes in how policies limit each other, for `test_iam_mutants.py`.

A class is a mistake; its docstring says which.
"""

from __future__ import annotations

from naive import Rules
from naive_statements import Case, Document, Request, kind


class BoundaryGrants(Rules):
    """A boundary grants."""

    def identity_allows(self, case: Case, request: Request) -> bool:
        boundary = [case["boundary"]] if case.get("boundary") else []
        grown = {**case, "identity_policies": [*(case.get("identity_policies") or []), *boundary]}
        return super().identity_allows(grown, request)


class SessionPolicyGrants(Rules):
    """A session policy grants."""

    def identity_allows(self, case: Case, request: Request) -> bool:
        session = [case["session_policy"]] if case.get("session_policy") else []
        grown = {**case, "identity_policies": [*(case.get("identity_policies") or []), *session]}
        return super().identity_allows(grown, request)


class BoundaryIsIgnored(Rules):
    """A boundary does not limit."""

    def limits(self, case: Case) -> list[Document]:
        return super().limits({**case, "boundary": None})


class SessionPolicyIsIgnored(Rules):
    """A session policy does not limit."""

    def limits(self, case: Case) -> list[Document]:
        return super().limits({**case, "session_policy": None})


class OneLimitIsEnough(Rules):
    """One of boundary and session policy has to allow."""

    def within_limits(self, case: Case, request: Request) -> bool:
        limits = self.limits(case)
        return not limits or any(self.effects([one], "Allow", request) for one in limits)


class LimitsDenyImplicitly(Rules):
    """A Deny in a boundary or session policy is implicit."""

    def explicitly_denied(self, case: Case, request: Request) -> bool:
        return super().explicitly_denied(
            {**case, "boundary": None, "session_policy": None}, request
        )

    def scps_allow(self, case: Case, request: Request) -> bool:
        denied = self.effects(self.limits(case), "Deny", request)
        return not denied and super().scps_allow(case, request)


class BoundaryDeniesItsOwnOnly(Rules):
    """A Deny in a boundary does not reach what a resource's policy grants."""

    def explicitly_denied(self, case: Case, request: Request) -> bool:
        bounded = {**case, "boundary": None} if self.ways(case, request) else case
        return super().explicitly_denied(bounded, request)


class ScpDenyIsImplicit(Rules):
    """An explicit deny in an SCP is implicit."""

    def explicitly_denied(self, case: Case, request: Request) -> bool:
        return super().explicitly_denied({**case, "scps": []}, request)

    def scps_allow(self, case: Case, request: Request) -> bool:
        documents = self.organization_denies({**case, "rcps": []})
        denied = not self.is_linked(request) and self.effects(documents, "Deny", request)
        return not denied and super().scps_allow(case, request)


class ImplicitDenyComesFirst(Rules):
    """An SCP's silence is reported before an explicit deny."""

    def explicitly_denied(self, case: Case, request: Request) -> bool:
        return self.scps_allow(case, request) and super().explicitly_denied(case, request)


class ScpLevelsAddUp(Rules):
    """SCP levels are a union."""

    def scps_allow(self, case: Case, request: Request) -> bool:
        together = [document for level in case.get("scps") or [] for document in level]
        levels = [together] if case.get("scps") else []
        return super().scps_allow({**case, "scps": levels}, request)


class ScpsOfALevelMustAgree(Rules):
    """Every SCP of a level must allow."""

    def scps_allow(self, case: Case, request: Request) -> bool:
        levels = [[document] for level in case.get("scps") or [] for document in level]
        whole = super().scps_allow(case, request)
        return whole and super().scps_allow({**case, "scps": levels}, request)


class EmptyLevelAllows(Rules):
    """An SCP level without policies allows everything."""

    def scps_allow(self, case: Case, request: Request) -> bool:
        levels = [level for level in case.get("scps") or [] if level]
        return super().scps_allow({**case, "scps": levels}, request)


class OnlyTheLastLevel(Rules):
    """Only the SCPs of the account count."""

    def scps_allow(self, case: Case, request: Request) -> bool:
        return super().scps_allow({**case, "scps": (case.get("scps") or [])[-1:]}, request)


class ScpsSpareTheRootUser(Rules):
    """SCPs do not touch the root user."""

    def scps_allow(self, case: Case, request: Request) -> bool:
        return kind(request.principal) == "root" or super().scps_allow(case, request)


class ScpsGrantDirectly(Rules):
    """SCPs do not cap what a resource's policy grants."""

    def scps_allow(self, case: Case, request: Request) -> bool:
        return bool(self.ways(case, request)) or super().scps_allow(case, request)


class ScpsTouchLinkedRoles(Rules):
    """SCPs and RCPs touch service-linked roles."""

    def is_linked(self, request: Request) -> bool:
        return False


class AnyLinkedNameIsSpared(Rules):
    """A user with the name of a service-linked role is spared too."""

    def is_linked(self, request: Request) -> bool:
        return "/AWSServiceRoleFor" in request.principal


class RcpsAreIgnored(Rules):
    """RCPs deny nothing."""

    def organization_denies(self, case: Case) -> list[Document]:
        return super().organization_denies({**case, "rcps": []})


class FederatedUsersNeedNoSessionPolicy(Rules):
    """A federated user without a session policy has the user's permissions."""

    def session_is_empty(self, case: Case, request: Request) -> bool:
        return False


class LimitsStopAtTheBorder(Rules):
    """Across accounts boundary and session policy do not cap."""

    def cross_account(self, case: Case, request: Request) -> bool:
        free = {**case, "boundary": None}
        if case.get("session_policy"):
            free["session_policy"] = {
                "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}
            }
        return super().cross_account(free, request)


class OnlyTheFirstIdentityPolicy(Rules):
    """Only the first identity policy counts."""

    def identity_allows(self, case: Case, request: Request) -> bool:
        first = (case.get("identity_policies") or [])[:1]
        return super().identity_allows({**case, "identity_policies": first}, request)


class IdentityDenyStopsAtTheResource(Rules):
    """A Deny in an identity policy does not reach what a resource's policy grants."""

    def explicitly_denied(self, case: Case, request: Request) -> bool:
        free = {**case, "identity_policies": []} if self.ways(case, request) else case
        return super().explicitly_denied(free, request)
