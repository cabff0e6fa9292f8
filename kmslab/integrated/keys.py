"""KMS as another AWS service uses it, in the two ways there are.

    with the caller's rights   the service passes the caller's call on (a forward access session):
                               KMS asks what the *caller* may do, sees kms:ViaService, and its event
                               names the caller, `invokedBy` the service
    for itself                 with a key that AWS owns, in an account of AWS: no policy of yours
                               decides, and your trail shows nothing

Sources: "How Amazon S3 uses AWS KMS", "AWS KMS keys" (AWS owned keys), "kms:ViaService".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from kmslab.aws.call import Call, Output, Way
from kmslab.aws.call import Service as Answering
from kmslab.kms.operations import OPERATIONS
from kmslab.kms.request import Request, Rooms
from kmslab.kms.service_keys import Service, as_service, first_use


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """KMS for one service. `kms` answers calls; `rooms` are KMS's own."""

    kms: Answering
    rooms: Rooms
    service: Service

    def for_caller(self, call: Call, operation: str, **parameters: Any) -> Output:
        """Calls KMS with the rights of whoever called the service; raises KMS's own errors."""
        way = _forwarded(call.way, self.service.principal)
        asked = Call(
            call.principal, "kms", operation, call.region, parameters, call.user_agent, way
        )
        return self.kms(asked).output

    def for_itself(self, call: Call, operation: str, **parameters: Any) -> Output:
        """Uses the key that AWS owns for this service in the call's Region."""
        home = as_service(call, self.service)
        if operation == "GenerateDataKey":
            owned = replace(self.service, owned=True)
            parameters["KeyId"] = first_use(self.rooms, home, owned).key_id
        asked = replace(home, operation=operation, parameters=parameters)
        served = OPERATIONS[operation]
        prepared = served.prepare(self.rooms, asked) if served.prepare else None
        keys = served.find(self.rooms, asked)
        return served.perform(Request(asked, self.rooms, keys, prepared))

    def managed(self, call: Call) -> str:
        """The ARN of the AWS managed key of the caller's account, made if this is its first use."""
        return first_use(self.rooms, call, self.service).arn


@lru_cache(maxsize=1024)
def _forwarded(way: Way, service: str) -> Way:
    """No endpoint of the caller's network lies between the service and KMS."""
    return replace(way, endpoint=None, service=service)
