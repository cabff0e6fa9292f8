"""Decides whether a call may go on: everything that applies to it, brought before the evaluator.

Most calls ask what the call before asked, so answers are remembered: see `remembered.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import lru_cache

from kmslab.access.ask import Ask, ResourcePolicy
from kmslab.access.context import Context
from kmslab.access.history import History
from kmslab.access.refusal import refusal
from kmslab.access.remembered import Answer, answer
from kmslab.accounts.applying import Applying, applying, rcps
from kmslab.accounts.named import Named as Document
from kmslab.accounts.records import Accounts
from kmslab.aws.authorize import NOTHING
from kmslab.aws.call import Call
from kmslab.aws.principal import Principal
from kmslab.iam.decision import Decision, Level, Named, Outcome, Policies
from kmslab.iam.documents import Kind, compiled
from kmslab.iam.evaluate import decide
from kmslab.iam.principals import Caller
from kmslab.iam.request import Request
from kmslab.iam.variables import Lookup, Values

MOST_REMEMBERED = 10_000


class Authorizer:
    """Decides for every service of a lab."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.history = History()

    def __call__(
        self,
        call: Call,
        action: str,
        resource: str,
        *,
        policy: str | None = None,
        account: str = "",
        context: Mapping[str, Values] = NOTHING,
    ) -> None:
        """`check` for services whose condition keys are few: see `aws/authorize.py`."""
        trust = ResourcePolicy("trust policy", policy, "trust") if policy else None
        self.check(call, Ask(action, resource, account, trust, context.get))

    def check(self, call: Call, ask: Ask) -> None:
        """Returns where the call may go on; raises AccessDenied, with its decisions, elsewhere."""
        who = applying(self._accounts, call.principal)
        kept = self._answer(call, ask, who)
        self.history.note(call, ask, who, kept)
        if kept.outcome is not Outcome.ALLOWED:
            decisions = self.last()
            error = refusal(call, ask, decisions[-1])
            error.decisions = decisions
            self.history.refused(error)
            raise error

    def decide(self, call: Call, ask: Ask) -> Decision:
        """The decision on one question of a call."""
        who = applying(self._accounts, call.principal)
        kept = self._answer(call, ask, who)
        self.history.note(call, ask, who, kept)
        return self._decision(call, ask, who, kept)

    def last(self) -> tuple[Decision, ...]:
        """The decisions of the last call that was decided, in order."""
        return tuple(self._decision(*noted) for noted in self.history.last)

    def suppose(self, call: Call, ask: Ask, given: Mapping[str, Values]) -> Decision:
        """The decision on a question that nobody asked, with some condition keys given."""
        who = applying(self._accounts, call.principal)
        request = _request(call, ask, Context(call, ask, who, self._accounts))
        supposed = replace(
            request,
            lookup=_over(given, request.lookup),
            resource_lookup=_over(given, request.by_resource),
        )
        return decide(supposed, _policies(self._accounts, call, ask, who))

    def _answer(self, call: Call, ask: Ask, who: Applying) -> Answer:
        """The answer that is remembered, if what it depended on is as it was; else a new one."""
        accounts, request = self._accounts, None
        if ask.grants:
            request = _request(call, ask, Context(call, ask, who, accounts))
        answers: dict[Hashable, Answer] = accounts.store.remembered("decisions", dict)
        name = _name(call, ask, request)
        kept = answers.get(name)
        if kept is not None and kept.depends_on_nothing:
            return kept
        request = request or _request(call, ask, Context(call, ask, who, accounts))
        if kept is None or not kept.holds(request):
            kept = answer(request, _policies(accounts, call, ask, who))
            if len(answers) >= MOST_REMEMBERED:
                answers.clear()
            answers[name] = kept
        return kept

    def _decision(self, call: Call, ask: Ask, who: Applying, kept: Answer) -> Decision:
        request = _request(call, ask, Context(call, ask, who, self._accounts))
        policies = replace(kept.policies, grants=ask.grants)
        return Decision(request, policies, kept.outcome, kept.layer, kept.sources)


def _name(call: Call, ask: Ask, request: Request | None) -> Hashable:
    """What an answer is remembered under: all that chooses the policies and grants that apply."""
    grants = tuple((grant.name, grant.covers(request)) for grant in ask.grants) if request else ()
    document = ask.policy.document if ask.policy else None
    return (
        *(call.principal, call.way.endpoint, ask.action, ask.resource, ask.account, document),
        *(ask.rcps, grants),
    )


def _over(given: Mapping[str, Values], lookup: Lookup) -> Lookup:
    return lambda key: given[key] if key in given else lookup(key)


def _request(call: Call, ask: Ask, context: Context) -> Request:
    return Request(
        caller=_caller(call.principal),
        action=ask.action,
        resource=ask.resource,
        resource_account=ask.account or call.account,
        lookup=context,
        resource_lookup=context.for_resource if ask.resource_lookup else None,
    )


@lru_cache(maxsize=1024)
def _caller(principal: Principal) -> Caller:
    return Caller.of(principal.arn, principal.account)


def _policies(accounts: Accounts, call: Call, ask: Ask, who: Applying) -> Policies:
    endpoint = call.way.endpoint
    account = ask.account or call.account
    return Policies(
        resource=_named(ask.policy, ask.policy.kind) if ask.policy else None,
        identity=_level(who.identity),
        boundary=_named(who.boundary) if who.boundary else None,
        session=_level(who.session),
        scps=tuple(map(_level, who.scps)),
        rcps=tuple(_level(each, "control") for each in rcps(accounts, account)) if ask.rcps else (),
        endpoint=_named(Document(endpoint.endpoint_id, endpoint.policy), "resource")
        if endpoint
        else None,
        grants=ask.grants,
    )


def _level(documents: tuple[Document, ...], kind: Kind = "identity") -> Level:
    return tuple(_named(each, kind) for each in documents)


def _named(named: Document | ResourcePolicy, kind: Kind = "identity") -> Named:
    return Named(named.name, compiled(named.document, kind))
