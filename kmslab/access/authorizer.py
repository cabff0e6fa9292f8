"""Decides whether a call may go on: everything that applies to it, brought before the evaluator.

Most calls ask what the call before asked. A decision depends only on the policies, which are
records, and on the condition keys that were looked at on the way to it. So it is remembered with
those keys and their values, until a record changes; a request with the same values gets the same
answer. A condition on aws:CurrentTime makes each request a new one, and is decided anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from kmslab.access.ask import Ask, ResourcePolicy
from kmslab.access.context import Context
from kmslab.access.history import History
from kmslab.access.refusal import refusal
from kmslab.accounts.applying import Applying, applying, rcps
from kmslab.accounts.named import Named as Document
from kmslab.accounts.records import Accounts
from kmslab.aws.authorize import NOTHING
from kmslab.aws.call import Call
from kmslab.aws.principal import Principal
from kmslab.iam.decision import Decision, Layer, Level, Named, Outcome, Policies, Source
from kmslab.iam.documents import Kind, compiled
from kmslab.iam.evaluate import decide
from kmslab.iam.principals import Caller
from kmslab.iam.request import Request
from kmslab.iam.variables import Lookup, Values

MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    """An answer, and what it depended on."""

    policies: Policies
    seen: tuple[tuple[str, Values | None], ...]
    seen_by_resource: tuple[tuple[str, Values | None], ...]
    outcome: Outcome
    layer: Layer
    sources: tuple[Source, ...]


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

    def check(self, call: Call, ask: Ask) -> Decision:
        """The decision that lets a call go on; AccessDenied with that decision where none does."""
        decision = self.decide(call, ask)
        decisions = self.history.note(call, decision)
        if not decision.allowed:
            error = refusal(call, ask, decision)
            error.decisions = decisions
            self.history.refused(error)
            raise error
        return decision

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

    def decide(self, call: Call, ask: Ask) -> Decision:
        """The decision on one question of a call."""
        accounts = self._accounts
        who = applying(accounts, call.principal)
        context = Context(call, ask, who, accounts)
        answers: dict[Hashable, _Remembered] = accounts.store.remembered("decisions", dict)
        request = _request(call, ask, context)
        name = _name(call, ask, request)
        kept = answers.get(name)
        if kept is None or not _still_holds(kept, request):
            kept = self._decide(call, ask, who, request)
            if len(answers) >= MOST_REMEMBERED:
                answers.clear()
            answers[name] = kept
        return Decision(request, kept.policies, kept.outcome, kept.layer, kept.sources)

    def _decide(self, call: Call, ask: Ask, who: Applying, request: Request) -> _Remembered:
        seen, seen_by_resource = dict[str, Values | None](), dict[str, Values | None]()
        watched = replace(
            request,
            lookup=_watching(request.lookup, seen),
            resource_lookup=_watching(request.by_resource, seen_by_resource),
        )
        policies = _policies(self._accounts, call, ask, who)
        made = decide(watched, policies)
        looked_at = tuple(seen.items()), tuple(seen_by_resource.items())
        return _Remembered(policies, *looked_at, made.outcome, made.layer, made.sources)


def _name(call: Call, ask: Ask, request: Request) -> Hashable:
    """What a decision is remembered under: all that chooses the policies and grants that apply."""
    grants = tuple((grant.name, grant.covers(request)) for grant in ask.grants)
    document = ask.policy and ask.policy.document
    return (
        *(call.principal, call.way.endpoint, ask.action, ask.resource, ask.account, document),
        *(ask.rcps, grants),
    )


def _still_holds(kept: _Remembered, request: Request) -> bool:
    return all(request.lookup(key) == values for key, values in kept.seen) and all(
        request.by_resource(key) == values for key, values in kept.seen_by_resource
    )


def _over(given: Mapping[str, Values], lookup: Lookup) -> Lookup:
    return lambda key: given[key] if key in given else lookup(key)


def _watching(lookup: Lookup, seen: dict[str, Values | None]) -> Lookup:
    """The same lookup, that notes what it was asked and what it answered."""

    def watched(key: str) -> Values | None:
        seen[key] = values = lookup(key)
        return values

    return watched


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
