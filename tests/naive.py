"""AWS's policy evaluation, straight from its documentation, to compare `kmslab.iam` with.

`decide(case)` answers "Allowed", "ImplicitlyDenied" or "ExplicitlyDenied". Sources in the IAM User
Guide: "How AWS enforcement code logic evaluates requests", "Cross-account policy evaluation logic",
"Principal", "NotPrincipal", "Resource", "Permissions boundaries"; in the Organizations User Guide
"SCP evaluation" and "RCP evaluation"; in the KMS Developer Guide "Key policies"; STS "AssumeRole".
"""

from __future__ import annotations

from typing import Any

from naive_conditions import items, words
from naive_statements import Case, Document, Request, Statement, Statements, kind, role_arn

DIRECT = "direct"  # nothing but an explicit deny limits it
ROLE = "role"  # boundary and session policy limit it
ACCOUNT = "account"  # delegation to the account's own policies


class Rules(Statements):
    """Each method is one rule of the documentation."""

    # --- principals --------------------------------------------------------------------------

    def names(self, principal: Any) -> list[str]:
        """ "Principal": `*` and {"AWS": "*"} are equal; other kinds name no caller of ours."""
        return words(principal if principal == "*" else principal.get("AWS", []))

    def is_account(self, name: str, account: str) -> bool:
        """The account, by its ARN or its id."""
        return name in (account, f"arn:aws:iam::{account}:root")

    def is_role_of(self, name: str, principal: str) -> bool:
        """A role covers its sessions; the path in the role's ARN is missing in the session's."""
        if kind(principal) != "assumed-role" or ":role/" not in name:
            return False
        before, after = name.split(":role/", 1)
        return f"{before}:role/{after.split('/')[-1]}" == role_arn(principal)

    def grants(self, name: str, request: Request) -> str | None:
        """How one name in Principal covers the caller, None if not. No wildcards but `*`."""
        if self.is_account(name, request.account):
            return DIRECT if kind(request.principal) == "root" else ACCOUNT
        if name == request.principal:
            return ROLE if kind(name) == "role" else DIRECT
        if name == "*":
            return DIRECT
        return ROLE if self.is_role_of(name, request.principal) else None

    def how(self, statement: Statement, request: Request) -> set[str]:
        """The ways in which a statement of a resource's policy names the caller."""
        if "NotPrincipal" in statement:
            return {DIRECT} if self.all_but(statement, request) else set()
        found = [self.grants(name, request) for name in self.names(statement.get("Principal", {}))]
        return {way for way in found if way is not None}

    def all_but(self, statement: Statement, request: Request) -> bool:
        """ "NotPrincipal": all but those listed.

        With Deny, whoever has a boundary is hit, and a caller is spared only when its account, its
        role and itself are listed: AWS "might" check each of them. With Allow (no longer
        supported), any entry that covers the caller keeps it out. Both refuse more.
        """
        listed = self.names(statement["NotPrincipal"])
        if statement["Effect"] == "Allow":
            return all(self.grants(name, request) is None for name in listed)
        return self.hits_bounded(request) or not self.spared(listed, request)

    def hits_bounded(self, request: Request) -> bool:
        """ "NotPrincipal": with Deny it always denies a principal that has a boundary."""
        return request.bounded

    def spared(self, listed: list[str], request: Request) -> bool:
        """Whether NotPrincipal lists the account, the role (of a session) and the caller."""
        account = any(self.is_account(name, request.account) for name in listed)
        itself = request.principal in listed or kind(request.principal) == "root"
        role = kind(request.principal) != "assumed-role" or any(
            self.is_role_of(name, request.principal) for name in listed
        )
        return "*" in listed or (account and role and itself)

    # --- the decision ------------------------------------------------------------------------

    def is_linked(self, request: Request) -> bool:
        """ "SCPs" and "RCPs": service-linked roles are not touched."""
        parts = request.principal.split("/")
        name = parts[1] if kind(request.principal) == "assumed-role" else parts[-1]
        is_role = kind(request.principal) in ("role", "assumed-role")
        return is_role and name.startswith("AWSServiceRoleFor")

    def is_trust_root(self, request: Request) -> bool:
        """Key policies and role trust policies must allow explicitly ("policy-eval-denyallow")."""
        is_key = request.resource.startswith("arn:aws:kms:") and ":key/" in request.resource
        return is_key or request.action.lower() == "sts:assumerole"

    def explicitly_denied(self, case: Case, request: Request) -> bool:
        """ "Deny evaluation": one Deny that applies, in any policy, is final."""
        own = [*(case.get("identity_policies") or []), *self.limits(case)]
        if not self.is_linked(request):
            own += self.organization_denies(case)
        if self.effects(own, "Deny", request):
            return True
        denies = self.effects(self.attached(case, request), "Deny", request)
        return any(self.hit(statement, request) for statement in denies)

    def attached(self, case: Case, request: Request) -> list[Document]:
        """The resource's policy, if any. A trust policy has no Resource: it means its role."""
        document = case.get("resource_policy")
        if document is None:
            return []
        if request.action.lower() != "sts:assumerole":
            return [document]
        statements = [{"Resource": "*"} | one for one in items(document.get("Statement", []))]
        return [{**document, "Statement": statements}]

    def hit(self, statement: Statement, request: Request) -> bool:
        """A Deny hits whoever is named in whatever way: an account is everyone in it."""
        return bool(self.how(statement, request))

    def organization_denies(self, case: Case) -> list[Document]:
        """SCPs and RCPs of every level. RCPFullAWSAccess makes an RCP's Allow meaningless."""
        levels = [*(case.get("scps") or []), *(case.get("rcps") or [])]
        return [document for level in levels for document in level]

    def limits(self, case: Case) -> list[Document]:
        """The boundary and the session policy, if any."""
        return [case[name] for name in ("boundary", "session_policy") if case.get(name) is not None]

    def within_limits(self, case: Case, request: Request) -> bool:
        """ "Permissions boundaries", "Session policies": each that is there must allow."""
        return all(self.effects([limit], "Allow", request) for limit in self.limits(case))

    def scps_allow(self, case: Case, request: Request) -> bool:
        """ "SCP evaluation": an Allow at every level; policies of one level add up."""
        levels = case.get("scps") or []
        return self.is_linked(request) or all(
            self.effects(level, "Allow", request) for level in levels
        )

    def identity_allows(self, case: Case, request: Request) -> bool:
        """ "Identity-based policies"; the account's root user has none and may do everything."""
        if kind(request.principal) == "root":
            return self.root_may(request)
        documents = case.get("identity_policies") or []
        return bool(self.effects(documents, "Allow", request)) and self.within_limits(case, request)

    def root_may(self, request: Request) -> bool:
        """The root user has full access to what its account decides."""
        return bool(request.account)

    def session_is_empty(self, case: Case, request: Request) -> bool:
        """ "Session policies": a federated user without a session policy may do nothing by IAM."""
        return kind(request.principal) == "federated-user" and case.get("session_policy") is None

    def ways(self, case: Case, request: Request) -> set[str]:
        """How the resource's policy allows the request."""
        allows = self.effects(self.attached(case, request), "Allow", request)
        return {way for statement in allows for way in self.how(statement, request)}

    def same_account(self, case: Case, request: Request) -> bool:
        """ "Policy evaluation for requests within a single account", "Resource-based policies"."""
        ways = self.ways(case, request)
        if DIRECT in ways or (ROLE in ways and self.within_limits(case, request)):
            return True
        by_identity = self.identity_allows(case, request) and not self.session_is_empty(
            case, request
        )
        return by_identity and (not self.is_trust_root(request) or self.delegated(ways))

    def delegated(self, ways: set[str]) -> bool:
        """ "Key policies": IAM policies count only after a statement for the account."""
        return ACCOUNT in ways

    def cross_account(self, case: Case, request: Request) -> bool:
        """ "Cross-account policy evaluation logic": both accounts must allow."""
        by_identity = self.identity_allows(case, request) and not self.session_is_empty(
            case, request
        )
        return by_identity and bool(self.ways(case, request))

    def decide(self, case: Case) -> str:
        """The decision, in the order of "How AWS enforcement code logic evaluates requests"."""
        request = self.request(case)
        if self.explicitly_denied(case, request):
            return "ExplicitlyDenied"
        same = case["account"] == (case.get("resource_account") or case["account"])
        within = self.same_account if same else self.cross_account
        allowed = self.scps_allow(case, request) and within(case, request)
        return "Allowed" if allowed else "ImplicitlyDenied"


def decide(case: Case) -> str:
    """The decision on a case of the common interface."""
    return Rules().decide(case)
