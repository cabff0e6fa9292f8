"""Who works with which key at the clinic of the incident, and from where (lesson 16).

Four keys, three users, four roles, a service, a laboratory with an account of its own, and an
account that nobody at the clinic knows. Addresses are from the blocks that RFC 5737 keeps for
examples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kmslab.accounts.callers import Caller, RoleSession
from kmslab.accounts.members import Role, User
from kmslab.course.tries import outcome
from kmslab.lab import Lab

LABORATORY, STRANGERS = "222222222222", "555555555555"
KINDS = ("letter", "x-ray", "blood")
PATIENTS = tuple(str(number) for number in range(17, 57))
LOGS = "logs.amazonaws.com"
ADDRESSES: Mapping[str, str] = MappingProxyType(
    {
        "admin": "198.51.100.20",
        "alice": "198.51.100.21",
        "bob": "198.51.100.22",
        "carol": "198.51.100.23",
        "scanner": "198.51.100.31",
        "records-app": "198.51.100.40",
        "backup": "198.51.100.50",
        "deploy": "198.51.100.60",
        "laboratory": "192.0.2.40",
    }
)
_USE = ["kms:Decrypt", "kms:GenerateDataKey"]
SESSIONS: Mapping[str, str] = MappingProxyType(
    {
        "records-app": "web-{}",
        "backup": "night-{}",
        "deploy": "build-80{}",
        "scanner": "ward-{}",
    }
)
_LONGEST = 12 * 3600  # seconds that a session of these roles may last
# The hole: whoever has the role may lend the key to anybody, for anything.
LENDING = "lend-keys"


@dataclass(frozen=True)
class Cast:
    """The lab with everybody in it. A sealed record is found by patient and kind."""

    lab: Lab
    keys: Mapping[str, str]
    sealed: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    _sessions: dict[tuple[str, int], RoleSession] = field(default_factory=dict, repr=False)
    _clients: dict[tuple[str, int, str], Any] = field(default_factory=dict, repr=False)

    @property
    def stranger(self) -> User:
        """Whom the intruder lends the key to: a user in an account of the intruder's own."""
        return self.lab.account(STRANGERS).user("helper")

    def arn(self, key: str) -> str:
        """A key's ARN, by the name that the clinic has for it."""
        return f"arn:aws:kms:us-east-1:{self.lab.account}:key/{self.keys[key]}"

    def session(self, role: str, day: int) -> RoleSession:
        """The session of a role on a day, opened when it is first asked for."""
        if (role, day) not in self._sessions:
            name = SESSIONS[role].format(day + 1)
            self._sessions[role, day] = self.lab.role(role).session(name, duration=_LONGEST)
        return self._sessions[role, day]

    def kms(self, name: str, day: int = 0, address: str = "") -> Any:
        """The client with which somebody works on a day, from the usual address or another."""
        place = (name, day if name in SESSIONS else 0, address)
        if place not in self._clients:
            who = self._who(name, day)
            self._clients[place] = who.client("kms", source_ip=address or ADDRESSES.get(name))
        return self._clients[place]

    def read(self, kms: Any, patient: str, kind: str, said: str = "", **more: Any) -> str:
        """Decrypts a record: "ok" or the error's code. `said` is a wrong kind in the context."""
        return outcome(
            kms.decrypt,
            KeyId=self.arn("records"),
            CiphertextBlob=self.sealed[patient, kind],
            EncryptionContext={"patient": patient, "kind": said or kind},
            **more,
        )

    def _who(self, name: str, day: int) -> Caller:
        match name:
            case "laboratory":
                return self.lab.account(LABORATORY).user("results")
            case "stranger":
                return self.stranger
            case "logs":
                return self.lab.service(LOGS, source_account=str(self.lab.account))
        return self.session(name, day) if name in SESSIONS else self.lab.user(name)


def gather(seed: int) -> Cast:
    """A lab with the keys and the people; nobody has worked yet."""
    lab = Lab(seed=seed)
    kms, keys = lab.client("kms"), dict[str, str]()
    for name in ("records", "billing", "backup", "logs", "old-archive"):
        keys[name] = kms.create_key(Description=name)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=keys[name])
    cast = Cast(lab, MappingProxyType(keys))
    _employ(cast)
    _share(cast)
    return cast


def _employ(cast: Cast) -> None:
    """The users and roles, with what each may do."""
    lab = cast.lab
    may = {
        "alice": _allow(_USE, cast.arn("records")),
        "bob": _allow(_USE, cast.arn("records")),
        "carol": _allow(_USE, cast.arn("billing")),
    }
    for name, policy in may.items():
        lab.user(name, policy=policy)
    lab.account(LABORATORY, name="laboratory").user("results", policy=_allow(_USE))
    lab.account(STRANGERS, name="unknown").user("helper", policy=_allow(_USE))
    roles = {
        "records-app": _allow(_USE, cast.arn("records")),
        "backup": _allow(_USE, cast.arn("backup"), cast.arn("old-archive")),
        "deploy": _allow(["kms:DescribeKey", "kms:ListGrants", "kms:CreateGrant"]),
        "scanner": None,
    }
    iam = lab.client("iam")
    for name, document in roles.items():
        role: Role = lab.role(name)
        if document:
            role.put_policy(LENDING if name == "deploy" else "work", document)
        iam.update_role(RoleName=name, MaxSessionDuration=_LONGEST)


def _share(cast: Cast) -> None:
    """The laboratory reads blood results, and the log service seals its logs."""
    laboratory = {
        "Sid": "The laboratory reads blood results",
        "Effect": "Allow",
        "Principal": {"AWS": LABORATORY},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:kind": "blood"}},
    }
    logs = {
        "Sid": "The log service seals logs",
        "Effect": "Allow",
        "Principal": {"Service": LOGS},
        "Action": "kms:GenerateDataKey",
        "Resource": "*",
    }
    kms = cast.lab.client("kms")
    for key, statement in (("records", laboratory), ("logs", logs)):
        policy = json.loads(kms.get_key_policy(KeyId=cast.keys[key])["Policy"])
        policy["Statement"].append(statement)
        kms.put_key_policy(KeyId=cast.keys[key], Policy=json.dumps(policy))


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": list(resources) or "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
