"""Whoever can call AWS, as a learner holds it: an object that makes clients.

Making a caller sets a stage: it is decided by no policy and leaves no event. What a caller's
clients do is decided and recorded like every call.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import botocore.session

from kmslab.accounts import ways
from kmslab.accounts.documents import Policy
from kmslab.accounts.records import Accounts
from kmslab.accounts.service import AccountService
from kmslab.aws import regions
from kmslab.aws.call import Endpoint, Way
from kmslab.aws.principal import Principal
from kmslab.aws.session import Clients

Facts = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Stage:
    """What callers are made with."""

    accounts: Accounts
    iam: AccountService
    sts: AccountService
    clients: Clients


class Shown:
    """Something that a notebook shows as a small table, from its `_facts`."""

    def _facts(self) -> Facts:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align: left'>{html.escape(name)}</th>"
            f"<td style='text-align: left'>{html.escape(text)}</td></tr>"
            for name, text in self._facts()
            if text
        )
        return f"<table>{rows}</table>"


class Caller(Shown):
    """Someone who can call AWS, with clients of its own."""

    def __init__(self, stage: Stage, principal: Principal) -> None:
        self._stage = stage
        self._principal = principal

    @property
    def principal(self) -> Principal:
        """Who that is to the services."""
        return self._principal

    @property
    def arn(self) -> str:
        """The ARN, as error messages and CloudTrail show it."""
        return self.principal.arn

    @property
    def account(self) -> str:
        """The account's number; empty for an AWS service."""
        return self.principal.account

    @property
    def name(self) -> str:
        """The name."""
        return self.principal.name

    @property
    def unique_id(self) -> str:
        """As in AIDA…: never used again, whoever gets the name next."""
        return self.principal.unique_id

    @property
    def access_key_id(self) -> str:
        """As in AKIA…: names a key pair, and is no secret."""
        return self.principal.access_key_id

    def client(
        self,
        service: str,
        region: str = regions.DEFAULT,
        *,
        source_ip: str | None = None,
        vpc_endpoint: Endpoint | Policy | None = None,
        mfa: bool | None = None,
    ) -> Any:
        """A boto3 client whose calls are this caller's.

        They come from `source_ip`, or through a VPC endpoint with a policy (a document, or the id
        of an endpoint that lets everything pass). `mfa` says whether a second factor was shown;
        without it, the request has no such condition key.
        """
        way = self._way(ways.way(source_ip, vpc_endpoint, mfa))
        return self._stage.clients.client(self.principal, way, service, region)

    def session(self) -> boto3.Session:
        """A `boto3.Session`, for libraries that want one."""
        return self._stage.clients.session(self.principal, self._way(ways.way()))

    def botocore_session(self) -> botocore.session.Session:
        """A new botocore session, for libraries that want one, such as the AWS Encryption SDK."""
        return self._stage.clients.core(self.principal, self._way(ways.way()))

    def _way(self, way: Way) -> Way:
        return way

    def _facts(self) -> Facts:
        yield type(self).__name__, self.name
        yield "ARN", self.arn
        yield "Unique id", self.unique_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Caller) and self._same() == other._same()

    def __hash__(self) -> int:
        return hash(self._same())

    def _same(self) -> tuple[str, ...]:
        return self.arn, self.unique_id, self.access_key_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.arn}>"


class Root(Caller):
    """An account's root user."""


class RoleSession(Caller):
    """A session of a role: the role under a name, for a time."""

    @property
    def name(self) -> str:
        """The session's name; the role's is in the ARN."""
        return self.principal.name.rpartition("/")[2]

    def _facts(self) -> Facts:
        yield from super()._facts()
        session = self.principal.session
        if session is not None:
            yield "Tags", ", ".join(f"{key}={value}" for key, value in session.tags)
            yield "Session policies", str(len(session.policies) or "")


class ServicePrincipal(Caller):
    """An AWS service that calls for itself, such as a log service that encrypts what it keeps."""

    def __init__(self, stage: Stage, name: str, source_arn: str, source_account: str) -> None:
        super().__init__(stage, Principal("", "service", name, name, ""))
        self._source = source_arn, source_account

    def _way(self, way: Way) -> Way:
        source_arn, source_account = self._source
        return replace(way, source_arn=source_arn, source_account=source_account)

    def _facts(self) -> Facts:
        yield "Service", self.name
        yield "aws:SourceArn", self._source[0]
        yield "aws:SourceAccount", self._source[1]

    def _same(self) -> tuple[str, ...]:
        return self.name, *self._source
