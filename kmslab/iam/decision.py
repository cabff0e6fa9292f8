"""The answer to a request: allowed or not, by which layer of policies, and the statements in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kmslab.iam.documents import Policy, Statement
from kmslab.iam.principals import Caller, Way
from kmslab.iam.request import Request


class Outcome(StrEnum):
    """What came out."""

    ALLOWED = "Allowed"
    IMPLICIT = "ImplicitlyDenied"  # nothing allows it
    EXPLICIT = "ExplicitlyDenied"  # a Deny statement matched


class Layer(StrEnum):
    """The kinds of policies, by the names that AWS's messages have for them."""

    RCP = "resource control policy"
    SCP = "service control policy"
    ENDPOINT = "VPC endpoint policy"
    RESOURCE = "resource-based policy"
    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Named:
    """A policy, and what people call it."""

    name: str
    policy: Policy


class Lent(Protocol):
    """Something that allows beside all policies: a grant on a KMS key."""

    @property
    def name(self) -> str:
        """What people call it."""

    def way(self, caller: Caller) -> Way:
        """How it names a caller; `NONE` where it doesn't."""

    def covers(self, request: Request) -> bool:
        """Whether it lends what is asked for, under its constraints."""

    def looks(self, request: Request) -> tuple[tuple[str, str, str, bool], ...]:
        """Why: what is compared, what the grant wants, what the request has, whether it fits."""


Level = tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that applies to a request. `None` and empty mean that there is none."""

    resource: Named | None = None
    identity: Level = ()
    boundary: Named | None = None
    session: Level = ()  # policies of one session add up
    scps: tuple[Level, ...] = ()  # the organisation's root first; one level adds up
    rcps: tuple[Level, ...] = ()
    endpoint: Named | None = None
    grants: tuple[Lent, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What decided: a statement of a policy, or a grant (which has no statement)."""

    layer: Layer
    name: str
    statement: Statement | None = None

    def __str__(self) -> str:
        of_statement = f'"{self.statement.name}" of ' if self.statement else ""
        kind = "" if self.layer is Layer.RESOURCE else f"{self.layer} "  # its name says it
        return f"{of_statement}{kind}{self.name}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A request, the policies that applied, and what came of them.

    `layer` is the one that denied, or that allowed at last; `sources` are the statements that
    allowed or denied, the deciding one first. An implicit denial has none: nothing matched.
    """

    request: Request
    policies: Policies
    outcome: Outcome
    layer: Layer
    sources: tuple[Source, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.outcome is Outcome.ALLOWED

    @property
    def reason(self) -> str:
        """Why, in the words of AWS's messages: "because no … allows …", "with an explicit deny"."""
        if self.outcome is Outcome.EXPLICIT:
            return f"with an explicit deny in {_article(self.layer)} {self.layer}"
        if self.outcome is Outcome.IMPLICIT:
            return f"because no {self.layer} allows the {self.request.action} action"
        return "allowed by " + " and ".join(map(str, self.sources))


def _article(layer: Layer) -> str:
    return "an" if layer is Layer.IDENTITY else "a"
