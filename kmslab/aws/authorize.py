"""The hook by which a service asks whether a call is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from kmslab.aws.call import Call

Context = Mapping[str, tuple[str, ...]]  # condition keys in lower case, each with its values
NOTHING: Context = MappingProxyType({})


class Authorize(Protocol):
    """Returns when the caller may do an action with a resource; raises `AwsError` otherwise.

    `action` is as in "iam:CreateUser", `resource` an ARN or "*". `policy` is the resource's own
    policy, such as a role's trust policy; `account` the resource's account, by default the
    caller's. `context` holds the request's condition keys.
    """

    def __call__(
        self,
        call: Call,
        action: str,
        resource: str,
        *,
        policy: str | None = None,
        account: str = "",
        context: Context = NOTHING,
    ) -> None:
        """Decides."""
        ...


def let_pass(
    call: Call,
    action: str,
    resource: str,
    *,
    policy: str | None = None,
    account: str = "",
    context: Context = NOTHING,
) -> None:
    """Allows everything."""
