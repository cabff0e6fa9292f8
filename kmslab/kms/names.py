"""How a request names a key: key id, key ARN, alias name or alias ARN."""

from __future__ import annotations

import re

from kmslab.access.refusal import hidden
from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.kms import aliases, records
from kmslab.kms.key import KEY_ID, Key
from kmslab.kms.request import Rooms

_ARN = re.compile(r"arn:aws:kms:([^:]*):(\d{12}):(key|alias)/(.+)", re.ASCII)


def resolve(rooms: Rooms, call: Call, name: str, aliases_too: bool) -> Key:
    """The key that a name stands for.

    Operations on a key itself take a key id or key ARN; cryptographic operations and DescribeKey
    take aliases too (`aliases_too`). Raises NotFoundException for a key that isn't there, and for
    another account's key the AccessDeniedException that doesn't say whether it exists. A text that
    is no ARN at all gets InvalidArnException.
    """
    if name.startswith("arn:"):
        return _by_arn(rooms, call, name, aliases_too)
    if name.startswith("alias/"):
        _check_aliases(aliases_too)
        return _by_alias(rooms, call, name)
    if not KEY_ID.fullmatch(name):
        raise AwsError("NotFoundException", f"Invalid keyId '{name}'")
    return _by_id(rooms, call, name)


def _by_arn(rooms: Rooms, call: Call, arn: str, aliases_too: bool) -> Key:
    parts = _ARN.fullmatch(arn)
    if parts is None:
        raise AwsError("InvalidArnException", f"Invalid arn {arn}")
    region, account, kind, name = parts.groups()
    _check_aliases(aliases_too or kind == "key")
    if region != call.region:
        raise AwsError("NotFoundException", f"Invalid arn {region}")
    if account != call.account:
        return _in_another_account(rooms, call, account, kind, name)
    if kind == "alias":
        return _by_alias(rooms, call, f"alias/{name}")
    if not KEY_ID.fullmatch(name):
        raise AwsError("NotFoundException", f"Invalid keyId {name}")
    return _by_id(rooms, call, name)


def _in_another_account(rooms: Rooms, call: Call, account: str, kind: str, name: str) -> Key:
    """Whether it isn't there or isn't for the caller, AWS doesn't say."""
    key_id: str | None = name
    if kind == "alias":
        alias = aliases.find_in(rooms, account, call.region, f"alias/{name}")
        key_id = alias.key_id if alias else None
    key = records.find(rooms, account, call.region, key_id) if key_id else None
    if key is None:
        raise hidden(call, f"kms:{call.operation}")
    return key


def _check_aliases(allowed: bool) -> None:
    if not allowed:
        raise AwsError("InvalidArnException", "Key Aliases are not supported for this operation.")


def _by_id(rooms: Rooms, call: Call, key_id: str) -> Key:
    key = records.find(rooms, call.account, call.region, key_id)
    if key is None:
        raise AwsError("NotFoundException", f"Key '{call.arn(f'key/{key_id}')}' does not exist")
    return key


def _by_alias(rooms: Rooms, call: Call, name: str) -> Key:
    alias = aliases.find(rooms, call, name)
    if alias is None:
        raise aliases.not_found(call, name)
    return _by_id(rooms, call, alias.key_id)
