"""Keys that AWS services use by themselves: AWS managed keys and AWS owned keys.

    AWS managed   in your account, under alias/aws/SERVICE, made when the service first needs it;
                  you see it and what it does, but only its service uses it, and nobody changes it
    AWS owned     in an account of the service; you see nothing of it, and pay nothing for it

Source: "AWS KMS keys" (customer managed, AWS managed and AWS owned keys). Both rotate every year.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Call, Output
from kmslab.aws.principal import Principal
from kmslab.kms import aliases, creating, policies, records, rotation, specs
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms

AWS_ACCOUNT = "000000000000"  # stands for the accounts in which services keep their own keys


@dataclass(frozen=True, slots=True)
class Service:
    """A service that encrypts what it stores: which kind of key it takes unless told otherwise."""

    name: str
    title: str  # its name in the policy of its AWS managed key
    stores: str  # what it protects, as the description of its AWS managed key says it
    version: int = 1  # of that policy
    lends: bool = False  # whether it makes grants on that key
    owned: bool = False
    via: str = ""  # the name under which it calls KMS, where it isn't its own

    @property
    def principal(self) -> str:
        """The service as a caller, as in s3.amazonaws.com."""
        return f"{self.via or self.name}.amazonaws.com"


SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "s3": Service("s3", "S3", "S3 objects", 2),
        "ebs": Service("ebs", "EBS", "EBS volumes", 2, lends=True, via="ec2"),
        "secretsmanager": Service(
            "secretsmanager", "AWS Secrets Manager", "Secrets Manager data", 2, lends=True
        ),
        "ssm": Service("ssm", "SSM", "SSM parameters"),
        "dynamodb": Service("dynamodb", "DynamoDB", "DynamoDB data", owned=True),
    }
)


def first_use(rooms: Rooms, call: Call, service: Service) -> Key:
    """The key that a service uses in the caller's account; made if this is the first time."""
    alias = aliases.AWS_PREFIX + service.name
    home = as_service(call, service) if service.owned else replace(call, parameters=_asked(service))
    with rooms.store.transaction():
        known = aliases.find(rooms, home, alias)
        key = known and records.find(rooms, home.account, home.region, known.key_id)
        return key or _make(rooms, home, service, alias)


def _make(rooms: Rooms, call: Call, service: Service, alias: str) -> Key:
    made = rooms.fleet.generate(specs.SPECS[specs.SYMMETRIC].usages[specs.ENCRYPT].kind)
    key = creating.add(rooms, call, made, manager="AWS")
    aliases.add(rooms, call, alias, key)
    policies.put(rooms, key, _policy(call, service))
    rotation.start(rooms, key, rotation.DEFAULT_DAYS)
    return key


def as_service(call: Call, service: Service) -> Call:
    """The same call as the service makes it in its own account."""
    who = Principal(AWS_ACCOUNT, "service", service.principal, "", "")
    return Call(who, "kms", "CreateKey", call.region, {})


def _asked(service: Service) -> Output:
    text = f"Default key that protects my {service.stores} when no other key is defined"
    return {"Description": text}


def _policy(call: Call, service: Service) -> str:
    """As the policies of AWS managed keys read: use through the service, a look for the account."""
    via = {
        "kms:ViaService": f"{service.via or service.name}.{call.region}.amazonaws.com",
        "kms:CallerAccount": call.account,
    }
    grant, revoke = (("CreateGrant",), ("RevokeGrant",)) if service.lends else ((), ())
    through = _allow(
        f"Allow access through {service.title} for all principals in the account that are "
        f"authorized to use {service.title}",
        "*",
        ("Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", *grant, "DescribeKey"),
    )
    direct = _allow(
        "Allow direct access to key metadata to the account",
        f"arn:aws:iam::{call.account}:root",
        ("Describe*", "Get*", "List*", *revoke),
    )
    document = {
        "Version": "2012-10-17",
        "Id": f"auto-{service.name}-{service.version}",
        "Statement": [{**through, "Condition": {"StringEquals": via}}, direct],
    }
    return json.dumps(document, indent=2)


def _allow(sid: str, principal: str, operations: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": [f"kms:{name}" for name in operations],
        "Resource": "*",
    }
