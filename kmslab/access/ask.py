"""What a service asks before it does something: may this caller do that with this resource?"""

from __future__ import annotations

from dataclasses import dataclass

from kmslab.iam.decision import Lent
from kmslab.iam.documents import Kind
from kmslab.iam.request import NO_RESOURCE
from kmslab.iam.variables import Lookup


def no_keys(_key: str) -> None:
    """The condition keys of a service that has none for a request."""
    return


@dataclass(frozen=True, slots=True)
class ResourcePolicy:
    """The policy of a resource: what people call it, its document, and where it stands."""

    name: str  # as in "key policy"
    document: str
    kind: Kind = "resource"


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. A call may ask several, and is refused by the first no."""

    action: str  # as in kms:Decrypt
    resource: str = NO_RESOURCE
    account: str = ""  # the resource's; empty: the caller's
    policy: ResourcePolicy | None = None
    lookup: Lookup = no_keys  # the service's own condition keys, in small letters
    resource_lookup: Lookup | None = None  # the same for the resource's policy, if it sees fewer
    grants: tuple[Lent, ...] = ()
    region: str = ""  # where another Region than the call's is meant
    rcps: bool = True  # whether resource control policies reach the resource
