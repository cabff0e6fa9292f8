"""Which condition keys a request for an action of KMS carries: the service itself is asked.

Each operation is put to `kms/conditions.py` twice: as a request with every parameter of botocore's
model, that a service forwards, and as one with none but those that are due. What the first has, a
request may carry; what the second has too, every one does. So no table of the service is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from botocore.model import ServiceModel

from kmslab.aws.call import DIRECT, Call, Way
from kmslab.aws.principal import Principal
from kmslab.aws.session import loader
from kmslab.kms.conditions import Keys
from kmslab.kms.key import Key
from kmslab.kms.operations import OPERATIONS
from kmslab.kms.request import Rooms
from kmslab.lint.actions import ACTIONS, is_about_no_key, operation_of
from kmslab.lint.known_keys import FAMILIES, KEYS

_NAME = "alias/x"  # for every text: where a key is to be named, it is an alias
_CALLER = Principal("111122223333", "user", "alice", "AIDAEXAMPLE", "")
_KEY = Key(
    account="111122223333",
    region="us-east-1",
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    created=0.0,
    description="",
    state="Enabled",
    material_id="",
    spec_name="SYMMETRIC_DEFAULT",
    usage_name="ENCRYPT_DECRYPT",
    origin="AWS_KMS",
    manager="CUSTOMER",
    primary_region="",
    deletion=None,
    window=None,
)
# Of the key itself, and seen by IAM policies alone.
OF_KEY = ("aws:resourcetag/", "kms:resourcealiases")
_ENCLAVES = "kms:recipientattestation:"
_ALIAS = "kms:requestalias"


@cache
def carried(action: str) -> frozenset[str]:
    """The keys and families, in small letters, that a request for an action may carry."""
    members = _members(operation_of(action))
    key = None if is_about_no_key(action) else replace(_KEY, primary_region=_KEY.region)
    found = set(_asked(action, key, _parameters(members, members), Way(service="s3.amazonaws.com")))
    if not _takes_aliases(operation_of(action)):
        found.discard(_ALIAS)
    if key is not None:
        found.update(OF_KEY)
    if "Recipient" in members:
        found.add(_ENCLAVES)
    return frozenset(found)


@cache
def always(action: str) -> frozenset[str]:
    """The keys, in small letters, that every request for an action carries."""
    shape = _model().operation_model(operation_of(action)).input_shape
    due = shape.required_members if shape else ()
    key = None if is_about_no_key(action) else _KEY
    found = _asked(action, key, _parameters(_members(operation_of(action)), due), DIRECT)
    return frozenset(found) - {_ALIAS}


def carries(action: str, key: str) -> bool:
    """Whether a request for an action may carry a key, given in small letters."""
    found = carried(action)
    return key in found or any(key.startswith(family) for family in found & FAMILIES.keys())


def depends_on_action(key: str) -> bool:
    """Whether there are actions of KMS that carry a key, and others that don't."""
    return any(key.startswith(head) if head in FAMILIES else key == head for head in _differing())


@cache
def _differing() -> frozenset[str]:
    return frozenset[str]().union(*map(carried, ACTIONS))


def _asked(action: str, key: Key | None, parameters: Mapping[str, Any], way: Way) -> Iterable[str]:
    call = Call(_CALLER, "kms", operation_of(action), "us-east-1", parameters, way=way)
    # None of the keys that a key policy sees needs the lab's rooms.
    keys = Keys(cast(Rooms, None), call, action, key)
    yield from (name for name in KEYS if keys.for_key_policy(name) is not None)
    yield from (name for name in FAMILIES if keys.for_key_policy(name + _NAME) is not None)


def _takes_aliases(operation: str) -> bool:
    """As AWS has it: cryptographic operations, DescribeKey and GetPublicKey."""
    served = OPERATIONS.get(operation)
    return served is not None and (
        bool(served.usage) or operation in ("DescribeKey", "GetPublicKey")
    )


@cache
def _model() -> ServiceModel:
    return ServiceModel(loader().load_service_model("kms", "service-2"), "kms")


def _members(operation: str) -> Mapping[str, Any]:
    """The parameters of an operation, with their shapes."""
    shape = _model().operation_model(operation).input_shape
    return shape.members if shape else {}


def _parameters(members: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(members[name]) for name in names}


def _value(shape: Any) -> Any:
    """Any value of a shape; whatever it can hold is in it."""
    match shape.type_name:
        case "structure":
            return _parameters(shape.members, shape.members)
        case "list":
            return [_value(shape.member)]
        case "map":
            return {_NAME: _NAME}
        case "string":
            return _NAME
        case "timestamp":
            return datetime(2026, 1, 1, tzinfo=UTC)
        case "blob":
            return b""
        case "boolean":
            return True
    return 1
