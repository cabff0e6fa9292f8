"""The short forms by which a learner gets at everybody who can call: `lab.user("alice")`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3

from kmslab.accounts import account, members, organizing
from kmslab.accounts.account import Account, AccountNumber
from kmslab.accounts.callers import Caller, Root, ServicePrincipal, Stage
from kmslab.accounts.documents import Policy
from kmslab.accounts.given import Given
from kmslab.accounts.members import Group, Role, User
from kmslab.accounts.organizing import Organization
from kmslab.aws import regions
from kmslab.aws.call import Endpoint


class People:
    """Everybody in a lab's accounts."""

    def __init__(self, stage: Stage, number: str) -> None:
        self._stage = stage
        self._own = Account(stage, number)
        self._acting = threading.local()
        self.admin = self._own.admin

    @property
    def account(self) -> AccountNumber:
        """The lab's account number, twelve digits.

        Called with another number, it gives that account, made if there is none:
        `lab.account("222222222222", name="partner")`; called without, the lab's own.
        """
        return AccountNumber(self._own.number, self._account)

    @property
    def root(self) -> Root:
        """The root user of the lab's account."""
        return self._own.root

    @property
    def organization(self) -> Organization:
        """The lab's organisation, made at first use; the lab's account is then a member."""
        return organizing.opened(self._stage, self._own.number)

    def user(
        self,
        name: str,
        *,
        policy: Given = None,
        groups: Iterable[str | Group] = (),
        boundary: str | None = None,
        tags: Mapping[str, str] | None = None,
        path: str = "/",
    ) -> User:
        """The user of that name in the lab's account, made if there is none.

        `policy` is a policy document (or its statements), or the name or ARN of a managed policy,
        or a list of these. Without one, and without groups, a user may do nothing yet.
        """
        given: dict[str, Any] = {"groups": groups, "boundary": boundary, "tags": tags}
        return self._own.user(name, policy=policy, path=path, **given)

    def group(self, name: str, *, policy: Given = None, path: str = "/") -> Group:
        """The group of that name in the lab's account, made if there is none."""
        return self._own.group(name, policy=policy, path=path)

    def role(
        self,
        name: str,
        *,
        policy: Given = None,
        trust: Policy | None = None,
        boundary: str | None = None,
        tags: Mapping[str, str] | None = None,
        path: str = "/",
    ) -> Role:
        """The role of that name in the lab's account, made if there is none.

        `trust` is its trust policy; by default the account's own policies say who may assume it.
        """
        given: dict[str, Any] = {"trust": trust, "boundary": boundary, "tags": tags}
        return self._own.role(name, policy=policy, path=path, **given)

    def service(
        self, name: str, *, source_arn: str = "", source_account: str = ""
    ) -> ServicePrincipal:
        """An AWS service that calls for itself, as in "logs.amazonaws.com".

        `source_arn` and `source_account` say for which resource it calls, in whose account.
        """
        if not isinstance(name, str) or not name.endswith(".amazonaws.com"):
            raise ValueError(f"name={name!r}: a service's name is due, as in logs.amazonaws.com")
        return ServicePrincipal(self._stage, name, source_arn, str(source_account))

    @contextmanager
    def acting_as(self, who: Caller) -> Iterator[Caller]:
        """Inside, `lab.client(…)` and `lab.session()` are this caller's, in this thread.

        A client keeps the caller it was made for: those made before stay the admin's, and those
        made inside stay this caller's.
        """
        if not isinstance(who, Caller):
            raise TypeError(f"who={who!r}: a caller is due, as lab.user gives it")
        before = self._who()
        self._acting.who = who
        try:
            yield who
        finally:
            self._acting.who = before

    def client(
        self,
        service: str,
        region: str = regions.DEFAULT,
        *,
        source_ip: str | None = None,
        vpc_endpoint: Endpoint | Policy | None = None,
        mfa: bool | None = None,
    ) -> Any:
        """A boto3 client of the admin, answered inside this process: no network, no AWS account.

        Keys of one Region are not seen in another; a multi-Region key is in several. Calls come
        from `source_ip`, or through a VPC endpoint with a policy; see `Caller.client`.
        """
        way: dict[str, Any] = {"source_ip": source_ip, "vpc_endpoint": vpc_endpoint, "mfa": mfa}
        return self._who().client(service, region, **way)

    def session(self, who: Caller | Mapping[str, Any] | None = None) -> boto3.Session:
        """A `boto3.Session` for libraries that want one: the admin's, or a caller's.

        Also of the Credentials that STS answered; `KmslabError` for others.
        """
        if isinstance(who, Mapping):
            return members.opened(self._stage, who).session()
        if isinstance(who, Role):
            return who.boto3_session()
        if not isinstance(who, Caller | None):
            raise TypeError(f"who={who!r}: a caller, or the Credentials of STS's answer, are due")
        return (who or self._who()).session()

    def _who(self) -> Caller:
        who: Caller = getattr(self._acting, "who", self.admin)
        return who

    def _account(self, number: str, name: str) -> Account:
        return account.opened(self._stage, number, name)
