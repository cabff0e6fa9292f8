"""What each operation of KMS has to be allowed, and on what: the questions to the authorizer.

Most ask for one thing, the permission of their own name on their key. The others:

    about no key             IAM policies alone decide, on resource "*"
    ReEncrypt                kms:ReEncryptFrom on the first key, kms:ReEncryptTo on the second
    CreateAlias, DeleteAlias on the alias (IAM alone) and on the key; UpdateAlias on both keys
    CreateKey with tags      kms:TagResource too
    ReplicateKey             on the primary key, and kms:CreateKey in the replica's Region
    UpdatePrimaryRegion      on the old primary key and the new one
    Create- and UpdateCustomKeyStore   of a CloudHSM key store, cloudhsm:DescribeClusters too and,
                             before the account's first one, iam:CreateServiceLinkedRole
    RetireGrant              the grant decides: its retiring principal, its grantee if it lends
                             RetireGrant, the account it was made in; key policies have no say

Source: "AWS KMS permissions" (permissions reference).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kmslab.access.ask import Ask, ResourcePolicy
from kmslab.aws.call import Call
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request as Asked
from kmslab.kms import aliases, grants, lending, policies, records
from kmslab.kms.conditions import Keys
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms
from kmslab.kms.stores import linked_role

# The operations that another account's callers can be allowed, by key policy or grant.
ACROSS_ACCOUNTS = frozenset(
    {
        *("Encrypt", "Decrypt", "ReEncrypt", "Encapsulate", "Decapsulate", "DeriveSharedSecret"),
        *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateMac", "VerifyMac"),
        *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "Sign", "Verify"),
        *("DescribeKey", "GetPublicKey", "GetKeyRotationStatus"),
        *("CreateGrant", "ListGrants", "RetireGrant", "RevokeGrant"),
    }
)


def asks(rooms: Rooms, call: Call, keys: list[Key]) -> Iterator[Ask]:
    """The questions of a call, one after the other."""
    match call.operation:
        case "ListAliases":
            yield _without_key(rooms, call, "kms:ListAliases")
        case "CreateAlias" | "UpdateAlias" | "DeleteAlias":
            yield from _about_alias(rooms, call, keys)
        case "ReEncrypt":
            yield on(rooms, call, "kms:ReEncryptFrom", keys[0], keys[1])
            yield on(rooms, call, "kms:ReEncryptTo", keys[1], keys[0])
        case "RetireGrant":
            yield _retiring(rooms, call, keys[0])
        case "UpdatePrimaryRegion":
            yield from _both_primaries(rooms, call, keys[0])
        case "ReplicateKey":
            yield on(rooms, call, "kms:ReplicateKey", keys[0])
            yield from _creating(rooms, call, call.parameters["ReplicaRegion"])
        case "CreateKey":
            yield from _creating(rooms, call, call.region)
        case "CreateCustomKeyStore" | "UpdateCustomKeyStore":
            yield from _about_key_store(rooms, call)
        case name if keys:
            yield from (on(rooms, call, f"kms:{name}", key) for key in keys)
        case name:
            yield _without_key(rooms, call, f"kms:{name}")


def on(
    rooms: Rooms,
    call: Call,
    action: str,
    key: Key,
    also: Key | None = None,
    document: str | None = None,
) -> Ask:
    """A question about a KMS key; `document` stands for its policy where that is to be changed.

    What another account can't be allowed has no policy or grant that could do so.
    """
    keys = Keys(rooms, call, action, key, also)
    if key.account != call.account and call.operation not in ACROSS_ACCOUNTS:
        return Ask(action, key.arn, key.account, lookup=keys)
    policy = policies.find(rooms, key) if document is None else document
    return Ask(
        action=action,
        resource=key.arn,
        account=key.account,
        policy=ResourcePolicy("key policy", policy),
        lookup=keys,
        resource_lookup=keys.for_key_policy,
        grants=lending.loans(rooms, keys, key),
        region=key.region,
        rcps=key.manager != "AWS",
    )


def _without_key(rooms: Rooms, call: Call, action: str, region: str = "") -> Ask:
    return Ask(action, lookup=Keys(rooms, call, action), region=region, rcps=False)


def _creating(rooms: Rooms, call: Call, region: str) -> Iterator[Ask]:
    yield _without_key(rooms, call, "kms:CreateKey", region)
    if call.parameters.get("Tags"):
        keys = Keys(rooms, call, "kms:TagResource")
        every = f"arn:aws:kms:{region}:{call.account}:key/*"
        yield Ask("kms:TagResource", every, lookup=keys, region=region)


def _about_key_store(rooms: Rooms, call: Call) -> Iterator[Ask]:
    yield _without_key(rooms, call, f"kms:{call.operation}")
    if call.parameters.get("CloudHsmClusterId") is None:
        return
    yield Ask("cloudhsm:DescribeClusters", rcps=False)
    if call.operation == "CreateCustomKeyStore" and not linked_role.exists(rooms, call.account):
        yield Ask(
            "iam:CreateServiceLinkedRole",
            linked_role.arn(call.account),
            lookup=lambda name: (linked_role.SERVICE,) if name == "iam:awsservicename" else None,
            rcps=False,
        )


def _about_alias(rooms: Rooms, call: Call, keys: list[Key]) -> Iterator[Ask]:
    action, name = f"kms:{call.operation}", call.parameters["AliasName"]
    yield Ask(action, call.arn(name), lookup=Keys(rooms, call, action))
    if call.operation == "UpdateAlias" and (alias := aliases.find(rooms, call, name)):
        old = records.find(rooms, call.account, call.region, alias.key_id)
        yield from [on(rooms, call, action, old)] if old else []
    for key in keys:
        yield on(rooms, call, action, key)


def _both_primaries(rooms: Rooms, call: Call, key: Key) -> Iterator[Ask]:
    yield on(rooms, call, "kms:UpdatePrimaryRegion", key)
    replica = records.find(rooms, key.account, call.parameters["PrimaryRegion"], key.key_id)
    if replica is not None:
        yield on(rooms, call, "kms:UpdatePrimaryRegion", replica)


@dataclass(frozen=True, slots=True)
class _Retiring:
    """A grant that is to be retired: it lets its own principals do that."""

    name: str
    level: Way

    def way(self, _caller: Caller) -> Way:
        """How the grant lets the caller retire it."""
        return self.level

    def covers(self, _request: Asked) -> bool:
        """No constraint counts for RetireGrant."""
        return True

    def looks(self, request: Asked) -> tuple[tuple[str, str, str, bool], ...]:
        """Who may retire it, for an explanation."""
        wanted = {Way.NONE: "those who may retire it", Way.ACCOUNT: "the account it was made in"}
        told = wanted.get(self.level, "who may retire it")
        return (("Principal", told, request.caller.arn, bool(self.level)),)


def _retiring(rooms: Rooms, call: Call, key: Key) -> Ask:
    grant_id = grants.to_retire(rooms, call)
    grant = grants.find(rooms, key, grant_id)
    level = _retirer(call, grant) if grant else Way.NONE
    own = key.account == call.account and grant is None
    return Ask(
        "kms:RetireGrant",
        key.arn,
        key.account,
        lookup=Keys(rooms, call, "kms:RetireGrant", key),
        grants=(_Retiring(grant_id, Way.ACCOUNT if own else level),),
        rcps=False,
    )


def _retirer(call: Call, grant: grants.Grant) -> Way:
    who, details = call.principal, grant.details
    named = {details.get("RetiringPrincipal"), details.get("RetiringServicePrincipal")}
    if "RetireGrant" in details["Operations"]:
        named |= {details.get("GranteePrincipal"), details.get("GranteeServicePrincipal")}
    accounts = {who.account, f"arn:aws:iam::{who.account}:root"} if who.account else set()
    if not named.isdisjoint({who.arn, who.policy_arn}) and who.kind != "root":
        return Way.DIRECT
    if grant.account == who.account or not named.isdisjoint(accounts):
        return Way.DIRECT if who.kind == "root" else Way.ACCOUNT
    return Way.NONE
