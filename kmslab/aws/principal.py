"""Who calls: the forms a principal has, and its ARN in each.

    user            arn:aws:iam::111122223333:user/path/alice
    root            arn:aws:iam::111122223333:root                  the account itself
    role session    arn:aws:sts::111122223333:assumed-role/app/run-1
    federated user  arn:aws:sts::111122223333:federated-user/alice
    service         s3.amazonaws.com

Source: IAM User Guide, "IAM JSON policy elements: Principal" and "IAM identifiers".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["user", "root", "role session", "federated user", "service"]
Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Session:
    """What a temporary session adds to its role or user. Times in seconds since 1970."""

    issuer: str  # the ARN of the role, with its path; of a federated user, of the user
    issuer_id: str  # AROA…, or AIDA…
    created: float
    expires: float
    tags: Tags = ()  # session tags; they hide the role's own of the same key
    policies: tuple[str, ...] = ()  # session policies, as documents: if any, they cap the role
    source_identity: str = ""
    transitive: tuple[str, ...] = ()  # keys of session tags that the next role in a chain inherits


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. What it may do is not here: its policies are looked up at each call."""

    account: str  # of a service: empty
    kind: Kind
    name: str  # of the user; "role/session"; of the service
    unique_id: str  # as in AIDA…, or AROA…:session; root's is its account number
    access_key_id: str  # as in AKIA… or ASIA…; names a key pair, and is no secret
    path: str = "/"  # of a user
    session: Session | None = field(default=None, repr=False)

    def __hash__(self) -> int:
        """Of two members: callers are looked up often, and few differ in the others alone."""
        return hash((self.account, self.name))

    @property
    def arn(self) -> str:
        """The caller's ARN, as error messages and CloudTrail show it."""
        match self.kind:
            case "user":
                return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"
            case "root":
                return f"arn:aws:iam::{self.account}:root"
            case "role session":
                return f"arn:aws:sts::{self.account}:assumed-role/{self.name}"
            case "federated user":
                return f"arn:aws:sts::{self.account}:federated-user/{self.name}"
            case "service":
                return self.name

    @property
    def policy_arn(self) -> str:
        """The value of aws:PrincipalArn: a role session shows its role, with the role's path."""
        is_role = self.kind == "role session"
        return self.session.issuer if is_role and self.session else self.arn
