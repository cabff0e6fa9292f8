"""What an operation gets: the call, the KMS keys it is about, and the rooms it may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kmslab.access.authorizer import Authorizer
from kmslab.accounts.records import Accounts
from kmslab.aws.call import Call
from kmslab.cloudtrail.recorder import Recorder
from kmslab.kms.key import Key
from kmslab.kms.stores.connections import Connections
from kmslab.settings import Settings
from kmslab.store import Store

if TYPE_CHECKING:
    from kmslab.hsm.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the service works with: its records, HSMs, clock and ids, trail, and who decides."""

    store: Store
    fleet: Fleet
    settings: Settings
    recorder: Recorder
    authorizer: Authorizer
    connections: Connections = field(default_factory=Connections)  # to custom key stores

    @property
    def accounts(self) -> Accounts:
        """The records of users, roles and policies, in the same store."""
        return Accounts(self.store, self.settings)


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way down, with the KMS keys that were found for it."""

    call: Call
    rooms: Rooms
    keys: tuple[Key, ...] = ()
    prepared: Any = None  # what the operation made before its transaction began
    noted: dict[str, Any] = field(default_factory=dict)  # for CloudTrail's additionalEventData
    ids: list[str] = field(default_factory=list)  # the request's id, where it went out already

    @property
    def key(self) -> Key:
        """The key that the operation works with; of ReEncrypt's two, the source."""
        return self.keys[0]

    @property
    def request_id(self) -> str:
        """The request's id in CloudTrail, for an XKS proxy that is asked before it is recorded."""
        if not self.ids:
            self.ids.append(self.rooms.settings.new_request_id())
        return self.ids[0]

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter by AWS's name; `default` where it was left out."""
        value = self.call.parameters.get(name)
        return default if value is None else value
