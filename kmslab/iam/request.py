"""What is asked: who wants which action with which resource, and what else is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from kmslab.iam.principals import Caller
from kmslab.iam.variables import Lookup, Several, Values

NO_RESOURCE = "*"  # of an action that is about no resource, such as kms:ListKeys


@dataclass(frozen=True, slots=True)
class Request:
    """One request to decide. `lookup` gives the values of a condition key, or None."""

    caller: Caller
    action: str  # as in kms:Decrypt
    resource: str  # an ARN, or NO_RESOURCE
    resource_account: str
    lookup: Lookup
    resource_lookup: Lookup | None = None  # what the resource's own policy sees, if it is less

    @classmethod
    def of(
        cls,
        caller: Caller,
        action: str,
        resource: str,
        account: str,
        given: Mapping[str, object] = MappingProxyType({}),
    ) -> Request:
        """A request with its context as a mapping; what follows from the caller is filled in."""
        known = caller_keys(caller) | context(given)
        return cls(caller, action, resource, account, known.get)

    @property
    def by_resource(self) -> Lookup:
        """The condition keys as the resource's own policy sees them."""
        return self.resource_lookup or self.lookup

    @property
    def in_resource(self) -> Request:
        """The request as the resource's own policy sees it."""
        return self if self.resource_lookup is None else replace(self, lookup=self.by_resource)

    @property
    def action_name(self) -> str:
        """The action in small letters: case means nothing in it."""
        return self.action.lower()

    @property
    def is_own(self) -> bool:
        """Whether the resource is in the caller's own account; a service has no account."""
        return self.caller.account == self.resource_account

    @property
    def is_rooted(self) -> bool:
        """Whether IAM policies count only where the resource's own policy lets them.

        So it is with KMS keys ("Key policies in AWS KMS") and with roles that are to be assumed.
        """
        kind = self.resource.split(":", 5)
        if len(kind) < 6:
            return False
        is_key = kind[2] == "kms" and kind[5].startswith("key/") and kind[5] != "key/*"
        return is_key or self.action_name in _TRUSTED


_TRUSTED = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity")


def caller_keys(caller: Caller) -> dict[str, Values]:
    """The condition keys that follow from who the caller is."""
    if caller.is_service:
        name = caller.arn
        return {
            "aws:principalarn": (name,),
            "aws:principaltype": ("Service",),
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (name,),
        }
    return {
        "aws:principalaccount": (caller.account,),
        "aws:principaltype": (_type(caller),),
        "aws:principalisawsservice": ("false",),
        "aws:principalarn": (_role_arn(caller),),
        **_name(caller),
    }


def context(given: Mapping[str, object]) -> dict[str, Values]:
    """A context as policies look into it: keys in small letters, each with its values as texts."""
    return {key.lower(): values(value) for key, value in given.items()}


def values(value: object) -> Values:
    """One value or several, as texts: true and 5 are "true" and "5"."""
    return Several(map(text, value)) if isinstance(value, list | tuple) else (text(value),)


def text(value: object) -> str:
    """A value of JSON as policies write it; `ValueError` for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"{value!r}: a text, a number, true or false is due")


def _type(caller: Caller) -> str:
    if caller.is_root:
        return "Account"
    if caller.role:
        return "AssumedRole"
    return "FederatedUser" if ":federated-user/" in caller.arn else "User"


def _role_arn(caller: Caller) -> str:
    """A session's principal ARN is its role's; the path of the role is not in a session's ARN."""
    if ":assumed-role/" not in caller.arn:
        return caller.arn
    account, role = caller.role.split(" ")
    return f"{caller.arn.partition(':sts:')[0]}:iam::{account}:role/{role}"


def _name(caller: Caller) -> dict[str, Values]:
    kind, _, path = caller.arn.split(":", 5)[5].partition("/")
    return {"aws:username": (path.rpartition("/")[2],)} if kind == "user" else {}
