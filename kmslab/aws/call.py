"""A request as a service sees it, whichever way it came in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import boto3

from kmslab.aws.principal import Principal

Parameters = Mapping[str, Any]
Output = dict[str, Any]
USER_AGENT = f"Boto3/{boto3.__version__}"


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """A member's name as AWS's messages and CloudTrail write it: keyId for KeyId."""
    return name[0].lower() + name[1:]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A VPC endpoint: a door of a network of one's own, with a policy of who may pass it."""

    endpoint_id: str  # as in vpce-…
    policy: str  # a document


@dataclass(frozen=True, slots=True)
class Way:
    """How a call came: from which address, through which door, by which service."""

    source_ip: str = "127.0.0.1"
    endpoint: Endpoint | None = None
    service: str = ""  # that calls with the caller's rights, as in s3.amazonaws.com
    source_arn: str = ""  # the resource for which a service principal calls
    source_account: str = ""
    mfa: bool | None = None  # whether the session began with MFA; None: no session, no such key


DIRECT = Way()


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks which service, in which Region, for what."""

    principal: Principal
    service: str  # botocore's name of the service, as in "kms"
    operation: str  # as in "GenerateDataKey"
    region: str
    parameters: Parameters = field(repr=False)  # may hold a plaintext
    user_agent: str = USER_AGENT
    way: Way = DIRECT

    @property
    def account(self) -> str:
        """The account that pays for the call: the caller's."""
        return self.principal.account

    def without_bytes(self) -> Call:
        """The same call without plaintexts and blobs: all that permissions are about."""
        bare = {k: v for k, v in self.parameters.items() if not isinstance(v, bytes | bytearray)}
        who, way = self.principal, self.way
        return Call(who, self.service, self.operation, self.region, bare, self.user_agent, way)

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this service in the caller's account and Region."""
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers: the output's members by AWS's names, and the request's id."""

    output: Output = field(repr=False)  # may hold a plaintext or a data key
    request_id: str


Service = Callable[[Call], Answer]
