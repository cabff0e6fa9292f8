"""A request as a service sees it, whichever way it came in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import boto3

Parameters = Mapping[str, Any]
Output = dict[str, Any]
USER_AGENT = f"Boto3/{boto3.__version__}"


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """A member's name as AWS's messages and CloudTrail write it: keyId for KeyId."""
    return name[0].lower() + name[1:]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: an IAM user of an account."""

    account: str
    name: str
    user_id: str  # as in AIDA…
    access_key_id: str  # as in AKIA…; names a key pair, and is no secret

    @property
    def arn(self) -> str:
        """The caller's ARN, as error messages and CloudTrail show it."""
        return f"arn:aws:iam::{self.account}:user/{self.name}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks which service, in which Region, for what."""

    principal: Principal
    service: str  # botocore's name of the service, as in "kms"
    operation: str  # as in "GenerateDataKey"
    region: str
    parameters: Parameters = field(repr=False)  # may hold a plaintext
    user_agent: str = USER_AGENT

    @property
    def account(self) -> str:
        """The account that pays for the call: the caller's."""
        return self.principal.account

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this service in the caller's account and Region."""
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers: the output's members by AWS's names, and the request's id."""

    output: Output = field(repr=False)  # may hold a plaintext or a data key
    request_id: str


Service = Callable[[Call], Answer]
