"""What an operation of IAM or STS gets: the call, and the rooms it may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kmslab.accounts.records import Accounts
from kmslab.aws.authorize import NOTHING, Authorize, Context
from kmslab.aws.call import Call, Output
from kmslab.cloudtrail.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Rooms:
    """What IAM and STS work with: the accounts, the trail, and who decides."""

    accounts: Accounts
    recorder: Recorder
    authorize: Authorize


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way down."""

    call: Call
    rooms: Rooms

    @property
    def accounts(self) -> Accounts:
        """The records."""
        return self.rooms.accounts

    @property
    def account(self) -> str:
        """The caller's account: IAM's operations work in no other."""
        return self.call.account

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter by AWS's name; `default` where it was left out."""
        value = self.call.parameters.get(name)
        return default if value is None else value

    def arn(self, resource: str) -> str:
        """The ARN of a resource of IAM in the caller's account."""
        return f"arn:aws:iam::{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation is served: what it is decided on, its function, whether it writes."""

    perform: Callable[[Request], Output]
    resource: Callable[[Request], str]  # the ARN on which it is decided
    context: Callable[[Request], Context] = lambda _: NOTHING
    changes: bool = False
    decides: bool = False  # the function itself asks whether the caller may


def when(seconds: float) -> datetime:
    """A time as IAM and STS show it: in UTC, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)


def pairs(tags: Sequence[dict[str, str]]) -> list[tuple[str, str]]:
    """Tags of a request as keys and values."""
    return [(tag["Key"], tag["Value"]) for tag in tags]
