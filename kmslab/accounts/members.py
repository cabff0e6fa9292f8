"""Users, groups and roles as a learner holds them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import boto3

from kmslab.accounts import assuming, founding, records, sessions
from kmslab.accounts.callers import Caller, Facts, RoleSession, Shown, Stage
from kmslab.accounts.documents import Policy, written
from kmslab.accounts.given import policy_arn
from kmslab.accounts.records import Entity, Kind
from kmslab.accounts.roles import HOUR
from kmslab.accounts.subjects import find, title
from kmslab.aws.principal import Principal, Session

OWN_SESSION = "kmslab"  # the session that a role calls under when none was opened


class Holder(Shown):
    """Someone who holds policies: a user, a group or a role."""

    _stage: Stage
    _kind: Kind
    _number: str
    _called: str

    def put_policy(self, name: str, document: Policy) -> None:
        """Adds an inline policy, or replaces the one of that name."""
        self._do("Put", "Policy", PolicyName=name, PolicyDocument=written(document))

    def delete_policy(self, name: str) -> None:
        """Takes an inline policy away."""
        self._do("Delete", "Policy", PolicyName=name)

    def attach(self, policy: str) -> None:
        """Attaches a managed policy: its ARN, or the name of one of AWS's or of the account's."""
        self._do("Attach", "Policy", PolicyArn=self._arn_of(policy))

    def detach(self, policy: str) -> None:
        """Detaches a managed policy."""
        self._do("Detach", "Policy", PolicyArn=self._arn_of(policy))

    def _arn_of(self, policy: str) -> str:
        return policy_arn(self._stage.accounts, self._number, policy)

    def _do(self, verb: str, what: str, **parameters: Any) -> None:
        name = title(self._kind)
        parameters[f"{name}Name"] = self._called
        root = founding.root(self._number)
        self._stage.iam.direct(root, f"{verb}{name}{what}", **parameters)

    def _entity(self) -> Entity:
        return find(self._stage.accounts, self._number, self._kind, self._called)

    def _held(self) -> Facts:
        """What it holds, as a table shows it."""
        accounts, entity = self._stage.accounts, self._entity()
        attached = [arn.rpartition("/")[2] for arn in records.targets(accounts, entity, "policy")]
        yield "Policies", ", ".join([*entity.inline, *attached]) or "none"
        boundaries = records.targets(accounts, entity, "boundary")
        yield "Boundary", ", ".join(arn.rpartition("/")[2] for arn in boundaries)
        yield "Tags", ", ".join(f"{key}={value}" for key, value in entity.tags)


class User(Holder, Caller):
    """A user, with an access key from the start."""

    _kind = "user"

    def __init__(self, stage: Stage, entity: Entity) -> None:
        Caller.__init__(self, stage, founding.user(entity))
        self._number, self._called = entity.account, entity.name

    def _facts(self) -> Facts:
        yield from Caller._facts(self)
        accounts = self._stage.accounts
        yield "Groups", ", ".join(records.targets(accounts, self._entity(), "group"))
        yield from self._held()


class Group(Holder):
    """A group of users: what it may do, they may do. It is no caller, and no principal."""

    _kind = "group"

    def __init__(self, stage: Stage, entity: Entity) -> None:
        self._stage, self._number, self._called = stage, entity.account, entity.name
        self.arn = entity.arn

    @property
    def name(self) -> str:
        """The name."""
        return self._called

    @property
    def account(self) -> str:
        """The account's number."""
        return self._number

    def add(self, user: User) -> None:
        """Takes a user in."""
        self._member("AddUserToGroup", user)

    def remove(self, user: User) -> None:
        """Puts a user out."""
        self._member("RemoveUserFromGroup", user)

    def _member(self, operation: str, user: User) -> None:
        if not isinstance(user, User):
            raise TypeError(f"user={user!r}: a user is due, as lab.user gives it")
        names = {"GroupName": self._called, "UserName": user.name}
        self._stage.iam.direct(founding.root(self._number), operation, **names)

    def _facts(self) -> Facts:
        accounts = self._stage.accounts
        members = records.linked_to(accounts, self._number, "group", self._called)
        yield "Group", self.name
        yield "ARN", self.arn
        yield "Users", ", ".join(name for _, name in members)
        yield from self._held()

    def __repr__(self) -> str:
        return f"<Group {self.arn}>"


class Role(Holder, Caller):
    """A role. `session` opens a session of it; called directly, it is one named "kmslab".

    That one does not end: its credentials are renewed by themselves, as those of an EC2 instance's
    role are.
    """

    _kind = "role"

    def __init__(self, stage: Stage, entity: Entity) -> None:
        lasting = Session(entity.arn, entity.id, stage.accounts.settings.now_in_call(), math.inf)
        key = "ASIA" + hashlib.sha256(entity.id.encode()).hexdigest()[:16].upper()
        who = assuming.opened(entity, OWN_SESSION, lasting)
        principal = Principal(
            who.account, who.kind, who.name, who.unique_id, key, session=who.session
        )
        Caller.__init__(self, stage, principal)
        self._number, self._called = entity.account, entity.name
        self._role_arn, self._id = entity.arn, entity.id

    @property
    def name(self) -> str:
        """The role's name."""
        return self._called

    @property
    def arn(self) -> str:
        """The role's ARN, as policies name it; its sessions have others."""
        return self._role_arn

    @property
    def unique_id(self) -> str:
        """As in AROA…."""
        return self._id

    def session(
        self,
        name: str = OWN_SESSION,
        *,
        policy: Policy | None = None,
        tags: Mapping[str, str] | None = None,
        duration: int = HOUR,
        source_identity: str | None = None,
    ) -> RoleSession:
        """A session of the role, for `duration` seconds of the lab's time.

        It is opened without asking the trust policy: that is asked by
        `client("sts").assume_role(…)`, which gives the same.
        """
        asked = {
            **{"RoleArn": self.arn, "RoleSessionName": name},
            "Policy": None if policy is None else written(policy),
            "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
            "DurationSeconds": duration,
            "SourceIdentity": source_identity,
        }
        given = {key: value for key, value in asked.items() if value not in (None, [])}
        someone = Principal(self.account, "user", founding.ADMIN, "", "")
        answer = self._stage.sts.direct(someone, "AssumeRole", **given)
        return opened(self._stage, answer["Credentials"])

    def boto3_session(self) -> boto3.Session:
        """A `boto3.Session` of the session that does not end."""
        return self._stage.clients.session(self.principal)

    def _facts(self) -> Facts:
        yield from Caller._facts(self)
        yield from self._held()


def opened(stage: Stage, credentials: Mapping[str, Any]) -> RoleSession:
    """The caller that credentials of STS belong to; `KmslabError` where STS gave no such ones."""
    principal = sessions.bearer(stage.accounts, credentials)
    secret, token = credentials.get("SecretAccessKey"), credentials["SessionToken"]
    stage.clients.session(principal, secret=str(secret), token=token)
    return RoleSession(stage, principal)
