"""What a lab answers about permissions: why, who can, what if, and what is odd in a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from kmslab.accounts.callers import Caller
from kmslab.accounts.documents import Policy, written
from kmslab.aws import regions
from kmslab.explain import questions
from kmslab.explain.advice import Advice
from kmslab.explain.explanation import Explanation
from kmslab.explain.questions import Given, WhoCan
from kmslab.iam.decision import Decision
from kmslab.kms.request import Rooms

if TYPE_CHECKING:
    from kmslab.lint.findings import Findings

_LOCKOUT = (
    "The question was whether the caller could still change the policy, with the new one in place."
)


_LOCKED = (
    "Nobody may put another policy on this key: it is locked, and only AWS Support could help."
)


class Answers:
    """Questions about permissions; none of them does anything, or leaves an event."""

    _rooms: Rooms

    def explain(self, error: ClientError | None = None) -> Explanation | Advice:
        """Why the last call was allowed or refused, or why a call ended in this error.

        A table in a notebook: the statement that decided first, and what would turn the answer.
        """
        authorizer = self._rooms.authorizer
        if error is None:
            if authorizer.history.error is not None:
                return Advice(authorizer.history.error.code, authorizer.history.error.message)
            if not authorizer.history.last:
                raise ValueError("nothing was decided yet: make a call first")
            return self._explained(authorizer.last())
        if not isinstance(error, ClientError):
            raise TypeError(f"an error of a boto3 client is due, not a {type(error).__name__}")
        told = error.response["Error"]
        decisions = authorizer.history.of(error.response["ResponseMetadata"]["RequestId"])
        if not decisions:
            return Advice(told["Code"], told.get("Message", ""))
        refused_to_save = told["Code"] == "MalformedPolicyDocumentException"
        return self._explained(decisions, _LOCKOUT if refused_to_save else "")

    def _explained(self, decisions: tuple[Decision, ...], note: str = "") -> Explanation:
        if not note and questions.is_locked(self._rooms, decisions[-1]):
            return Explanation(decisions, _LOCKED, is_locked=True)
        return Explanation(decisions, note)

    def who_can(
        self,
        resource: str,
        action: str,
        context: Given | None = None,
        region: str = regions.DEFAULT,
    ) -> WhoCan:
        """Everybody in the lab's accounts who may do an action with a key (or any ARN)."""
        return questions.who_can(self._rooms, action, resource, region, context or {})

    def simulate(
        self,
        principal: Caller,
        action: str,
        resource: str = "*",
        context: Mapping[str, Any] | None = None,
        region: str = regions.DEFAULT,
        policy: Policy | None = None,
    ) -> Explanation:
        """The answer that a request would get, without making it.

        `context` holds condition keys and their values, as in {"kms:EncryptionContext:dept": "hr"}.
        With `policy`, as if the key had that one; `MalformedPolicy`, a `ValueError`, if it is none.
        """
        if not isinstance(principal, Caller):
            raise TypeError(f"principal={principal!r}: a caller is due, as lab.user gives it")
        if context is not None and not isinstance(context, Mapping):
            raise TypeError(f"context={context!r}: condition keys and their values are due")
        who, given = principal.principal, context or {}
        document = None if policy is None else written(policy)
        decision = questions.supposed(self._rooms, who, action, resource, region, given, document)
        return Explanation((decision,))

    def lint(self, policy: str | Mapping[str, Any], kind: str = "key policy") -> Findings:
        """What is odd in a policy document: line, statement, what, and what to do.

        `kind` is one of "key policy", "identity policy", "trust policy", "SCP", "RCP".
        """
        from kmslab.lint import lint  # takes 50 ms to import: not before use

        return lint(policy, kind, account=self._rooms.settings.account)
