"""The condition keys that every request carries, filled in from the call itself.

A key is absent where AWS leaves it out: aws:username for roles, aws:MultiFactorAuthPresent for a
user's own access key, aws:SourceIp behind a VPC endpoint. Source: IAM User Guide, "AWS global
condition context keys". Every client of the lab counts as one that came over TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from kmslab.access.ask import Ask
from kmslab.accounts import organization
from kmslab.accounts.applying import Applying
from kmslab.accounts.records import Accounts
from kmslab.aws.call import Call
from kmslab.aws.principal import Tags
from kmslab.iam.request import text
from kmslab.iam.variables import Values

# Calls that a service forwards come from its own address; this one is of a range for examples.
SERVICE_ADDRESS = "192.0.2.53"
_TYPES = {
    "user": "User",
    "root": "Account",
    "role session": "AssumedRole",
    "federated user": "FederatedUser",
    "service": "Service",
}


@dataclass(frozen=True, slots=True)
class Context:
    """A request's condition keys: `context("aws:username")` gives their values, or None."""

    call: Call
    ask: Ask
    who: Applying
    accounts: Accounts

    def __call__(self, key: str) -> Values | None:
        """The values of a key, which is given in small letters."""
        find = _KEYS.get(key)
        if find is not None:
            value = find(self)
            return (value,) if isinstance(value, str) else value
        if key.startswith(_PRINCIPAL_TAG):
            return _tag(self.who.tags, key.removeprefix(_PRINCIPAL_TAG))
        return self.ask.lookup(key)

    def for_resource(self, key: str) -> Values | None:
        """The same for the resource's own policy, which sees fewer keys of the resource."""
        lookup = self.ask.resource_lookup
        known = key in _KEYS or key.startswith(_PRINCIPAL_TAG) or lookup is None
        return self(key) if known or lookup is None else lookup(key)

    @property
    def is_temporary(self) -> bool:
        """Whether the caller came with temporary credentials."""
        return self.call.principal.session is not None


_PRINCIPAL_TAG = "aws:principaltag/"
Find = Callable[[Context], str | Values | None]


def _tag(tags: Tags, name: str) -> Values | None:
    return next(((value,) for key, value in tags if key.lower() == name), None)


def _user_name(context: Context) -> str | None:
    principal = context.call.principal
    return principal.name if principal.kind == "user" else None


def _source_ip(context: Context) -> str | None:
    way = context.call.way
    if way.endpoint is not None:
        return None
    return SERVICE_ADDRESS if way.service else way.source_ip


def _mfa(context: Context) -> str | None:
    mfa = context.call.way.mfa
    if mfa is None:
        return "false" if context.is_temporary else None
    return text(mfa)


def _issued(context: Context) -> str | None:
    session = context.call.principal.session
    return _time(session.created) if session else None


def _source_identity(context: Context) -> str | None:
    session = context.call.principal.session
    return (session and session.source_identity) or None


def _service_name(context: Context) -> str | None:
    principal = context.call.principal
    return principal.name if principal.kind == "service" else None


def _endpoint(context: Context) -> str | None:
    endpoint = context.call.way.endpoint
    return endpoint.endpoint_id if endpoint else None


def _resource_organization(context: Context) -> str | None:
    account = context.ask.account or context.call.account
    return organization.place(context.accounts, account)[0] or None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_KEYS: Mapping[str, Find] = MappingProxyType(
    {
        "aws:principalarn": lambda it: it.call.principal.policy_arn,
        "aws:principalaccount": lambda it: it.call.principal.account or None,
        "aws:principaltype": lambda it: _TYPES[it.call.principal.kind],
        "aws:principalisawsservice": lambda it: text(it.call.principal.kind == "service"),
        "aws:principalservicename": _service_name,
        "aws:principalorgid": lambda it: it.who.organization or None,
        "aws:principalorgpaths": lambda it: it.who.organization_path or None,
        "aws:userid": lambda it: it.call.principal.unique_id or None,
        "aws:username": _user_name,
        "aws:sourceidentity": _source_identity,
        "aws:tokenissuetime": _issued,
        "aws:multifactorauthpresent": _mfa,
        "aws:sourceip": _source_ip,
        "aws:sourcevpce": _endpoint,
        "aws:sourcearn": lambda it: it.call.way.source_arn or None,
        "aws:sourceaccount": lambda it: it.call.way.source_account or None,
        "aws:viaawsservice": lambda it: text(bool(it.call.way.service)),
        "aws:calledvia": lambda it: it.call.way.service or None,
        "aws:calledviafirst": lambda it: it.call.way.service or None,
        "aws:calledvialast": lambda it: it.call.way.service or None,
        "aws:currenttime": lambda it: _time(it.accounts.settings.now_in_call()),
        "aws:epochtime": lambda it: str(int(it.accounts.settings.now_in_call())),
        "aws:securetransport": lambda _: "true",
        "aws:useragent": lambda it: it.call.user_agent,
        "aws:requestedregion": lambda it: it.ask.region or it.call.region,
        "aws:resourceaccount": lambda it: it.ask.account or it.call.account,
        "aws:resourceorgid": _resource_organization,
    }
)
KEYS = frozenset(_KEYS)
