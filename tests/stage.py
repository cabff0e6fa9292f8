"""Everybody in a lab's accounts without an HSM, and a question box where decisions are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmslab.accounts import founding, iam, sts
from kmslab.accounts.applying import Applying, applying
from kmslab.accounts.callers import Caller, Stage
from kmslab.accounts.people import People
from kmslab.accounts.records import Accounts
from kmslab.accounts.request import Rooms
from kmslab.accounts.service import AccountService
from kmslab.aws.authorize import NOTHING
from kmslab.aws.call import Call
from kmslab.aws.session import Clients
from kmslab.clock import Clock
from kmslab.cloudtrail.recorder import Recorder
from kmslab.errors import AwsError
from kmslab.settings import Settings
from kmslab.store import Store

ALLOW = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "kms:*", "Resource": "*"}


@dataclass
class Asked:
    """Lets everything pass, refuses what is in `refused`, and keeps what it was asked."""

    questions: list[dict[str, Any]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)

    def __call__(
        self,
        call: Call,
        action: str,
        resource: str,
        *,
        policy: str | None = None,
        account: str = "",
        context: Mapping[str, tuple[str, ...]] = NOTHING,
    ) -> None:
        """Keeps a question."""
        self.regions.add(call.region)
        self.questions.append(
            {
                **{"who": call.principal.arn, "action": action, "resource": resource},
                **{"policy": policy, "account": account, "context": dict(context)},
            }
        )
        if action in self.refused:
            raise AwsError("AccessDeniedException", f"{action} was refused")


class Folk(People):
    """A lab's people alone."""

    def __init__(self, folder: Path, seed: int | None = None) -> None:
        self.store = Store(folder / "records.sqlite")
        self.settings = Settings(self.store, seed)
        self.accounts = Accounts(self.store, self.settings)
        self.asked = Asked()
        self.clock = Clock(self.settings)
        rooms = Rooms(self.accounts, Recorder(self.store, self.settings), self.asked)
        clients = Clients()
        stage = Stage(
            self.accounts,
            AccountService("iam", rooms, iam.OPERATIONS, clients.model),
            AccountService("sts", rooms, sts.OPERATIONS, clients.model),
            clients,
        )
        clients.serve({"iam": stage.iam, "sts": stage.sts})
        founding.found(self.accounts, self.settings.account, "kmslab")
        super().__init__(stage, self.settings.account)

    def applying(self, who: Caller) -> Applying:
        """What applies to a caller."""
        return applying(self.accounts, who.principal)
