"""What an operation of such a service gets, and how the service's table describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

from kmslab.access.ask import Ask
from kmslab.access.authorizer import Authorizer
from kmslab.accounts.records import Accounts
from kmslab.aws.call import Call, Output
from kmslab.aws.call import Service as Answering
from kmslab.cloudtrail.recorder import Recorder
from kmslab.integrated.keys import ServiceKeys
from kmslab.kms import service_keys
from kmslab.kms.request import Rooms as KmsRooms
from kmslab.settings import Settings
from kmslab.store import Store


@dataclass(frozen=True, slots=True)
class Rooms:
    """What such a service works with: its records, clock and ids, trail, who decides, and KMS."""

    store: Store
    settings: Settings
    recorder: Recorder
    authorizer: Authorizer
    keys: ServiceKeys

    @classmethod
    def beside(
        cls, kms: Answering, rooms: KmsRooms, service: service_keys.Service, **more: Any
    ) -> Self:
        """The rooms of a service beside a KMS, in the same lab; `more` are those of its own."""
        keys = ServiceKeys(kms, rooms, service)
        return cls(rooms.store, rooms.settings, rooms.recorder, rooms.authorizer, keys=keys, **more)

    @property
    def accounts(self) -> Accounts:
        """The records of users, roles and policies, in the same store."""
        return Accounts(self.store, self.settings)


R = TypeVar("R", bound=Rooms)  # a service may have more rooms


@dataclass(frozen=True)  # no slots: Python 3.11 can't make a generic class that has them
class Request(Generic[R]):
    """One request on its way down."""

    call: Call
    rooms: R

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter by AWS's name; `default` where it was left out."""
        value = self.call.parameters.get(name)
        return default if value is None else value

    @property
    def now(self) -> float:
        """The lab's time in whole seconds, as such services show it."""
        return float(int(self.rooms.settings.now_in_call()))

    def kms(self, operation: str, **parameters: Any) -> Output:
        """A call of KMS with the caller's rights. Never inside a transaction: what KMS records of a
        refusal would be undone with it."""
        return self.rooms.keys.for_caller(self.call, operation, **parameters)


@dataclass(frozen=True)
class Operation(Generic[R]):
    """How an operation is served: its function, what it has to ask first, whether it is shown."""

    perform: Callable[[Request[R]], Output]
    asks: Callable[[Request[R]], Iterable[Ask]]
    is_data: bool = False  # a data event: a trail records it only where it is told to

    def as_data(self) -> Operation[R]:
        """The same, as one of those that leave data events."""
        return replace(self, is_data=True)
