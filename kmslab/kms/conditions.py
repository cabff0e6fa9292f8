"""The condition keys of KMS: what a policy can ask about a request and the key it is about.

A key is there where AWS carries it: for some operations only, and a parameter that was left out
counts with its default. Keys that speak of the KMS key itself come from its record, or from the
request of a CreateKey. Source: KMS Developer Guide, "AWS KMS condition keys"; for each operation
"Permissions reference". Not here: kms:RecipientAttestation, since the lab has no Nitro Enclaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Call
from kmslab.iam.request import text, values
from kmslab.iam.variables import Several, Values
from kmslab.kms import aliases, tags
from kmslab.kms.condition_parameters import ENCRYPTING, PARAMETERS
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms
from kmslab.kms.specs import ENCRYPT, SYMMETRIC

_CONTEXT, _CONTEXT_KEYS = "kms:encryptioncontext:", "kms:encryptioncontextkeys"
_RESOURCE_TAG, _REQUEST_TAG = "aws:resourcetag/", "aws:requesttag/"
# Of ReEncrypt's two questions each sees its own half of the request.
_HALVES: Mapping[str, str] = {"kms:ReEncryptFrom": "Source", "kms:ReEncryptTo": "Destination"}


@dataclass(frozen=True, slots=True)
class Keys:
    """The condition keys of one question: `keys("kms:keyspec")` gives values, or None."""

    rooms: Rooms
    call: Call
    action: str
    key: Key | None = None  # that the question is about
    also: Key | None = None  # ReEncrypt's other key

    def __call__(self, name: str) -> Values | None:
        """All keys, as IAM policies see them."""
        if name.startswith(_RESOURCE_TAG):
            return self._tag(name.removeprefix(_RESOURCE_TAG))
        if name == "kms:resourcealiases":
            return Several(aliases.of_key(self.rooms, self.key) if self.key else ()) or None
        return self.for_key_policy(name)

    def for_key_policy(self, name: str) -> Values | None:
        """The keys that a key policy sees: not the tags and aliases of the KMS key."""
        if name in PARAMETERS:
            return self._parameter(*PARAMETERS[name])
        if name in _OTHERS:
            found = _OTHERS[name](self)
            return (found,) if isinstance(found, str) and found else found or None
        if name.startswith(_CONTEXT):
            return self._in_context(name.removeprefix(_CONTEXT))
        if name.startswith(_REQUEST_TAG):
            asked = name.removeprefix(_REQUEST_TAG)
            return tuple(v for k, v in self.request_tags().items() if k.lower() == asked) or None
        return None

    def half(self, parameter: str) -> str:
        """The name of a parameter in ReEncrypt's half of the request."""
        return _HALVES.get(self.action, "") + parameter

    def get(self, parameter: str, default: Any = None) -> Any:
        """A parameter of the request, or what AWS takes where it was left out."""
        value = self.call.parameters.get(parameter)
        return default if value is None else value

    def context(self) -> Mapping[str, str]:
        """The encryption context of the request; of CreateGrant, that of its constraint."""
        if self.call.operation != "CreateGrant":
            return dict(self.get(self.half("EncryptionContext"), {}))
        constraints = self.get("Constraints", {})
        names = ("EncryptionContextEquals", "EncryptionContextSubset")
        return {pair: v for name in names for pair, v in constraints.get(name, {}).items()}

    def request_tags(self) -> dict[str, str]:
        """The tags that the request puts on a key."""
        return {each["TagKey"]: each["TagValue"] for each in self.get("Tags", [])}

    def _parameter(self, parameter: str, operations: frozenset[str], default: Any) -> Values | None:
        value = self.get(parameter, default) if self.call.operation in operations else None
        if value is None:
            return None
        return values(value)

    def _in_context(self, name: str) -> Values | None:
        """The value of a pair; the name of its key is compared without regard to case."""
        return tuple(v for key, v in self.context().items() if key.lower() == name) or None

    def _tag(self, name: str) -> Values | None:
        kept = tags.of(self.rooms, self.key) if self.key else ()
        found = tuple(each["TagValue"] for each in kept if each["TagKey"].lower() == name)
        return found or None


def _of_key(member: str, parameter: str, default: str | None) -> Callable[[Keys], str | None]:
    """A fact about the KMS key: from its record, or from the request that is to make it."""

    def find(keys: Keys) -> str | None:
        if keys.key is not None:
            return str(getattr(keys.key, member))
        return keys.get(parameter, default) if keys.call.operation == "CreateKey" else None

    return find


def _spec(keys: Keys) -> str | None:
    if keys.key is None and keys.call.operation == "CreateKey":
        return str(keys.get("KeySpec") or keys.get("CustomerMasterKeySpec") or SYMMETRIC)
    return keys.key.spec_name if keys.key else None


def _multi_region(keys: Keys) -> str | None:
    if keys.key is None:
        asked = bool(keys.get("MultiRegion", False))
        return text(asked) if keys.call.operation == "CreateKey" else None
    return text(bool(keys.key.primary_region))


def _multi_region_type(keys: Keys) -> str | None:
    if keys.key is None:
        made = keys.call.operation == "CreateKey" and keys.get("MultiRegion", False)
        return "PRIMARY" if made else None
    if not keys.key.primary_region:
        return None
    return "PRIMARY" if keys.key.is_primary else "REPLICA"


def _algorithm(keys: Keys) -> str | None:
    if keys.call.operation not in ENCRYPTING:
        return None
    return str(keys.get(keys.half("EncryptionAlgorithm"), SYMMETRIC))


def _constraints(keys: Keys) -> Values | None:
    return Several(keys.get("Constraints", {})) or None


def _constraint_arn(keys: Keys) -> str | None:
    found: str | None = keys.get("Constraints", {}).get("SourceArn")
    return found


def _for_service(keys: Keys) -> str | None:
    """Whether an integrated service makes, lists or revokes grants for the caller."""
    made = keys.call.operation in ("CreateGrant", "ListGrants", "RevokeGrant")
    return text(bool(keys.call.way.service)) if made else None


def _same_key(keys: Keys) -> str | None:
    if keys.call.operation != "ReEncrypt":
        return None
    return text(keys.also is not None and keys.also == keys.key)


def _request_alias(keys: Keys) -> str | None:
    """The alias by which the request names the key; a key id or key ARN is none."""
    named = str(keys.get(keys.half("KeyId"), ""))
    alias = named.partition(":alias/")[2]
    return named if named.startswith(aliases.PREFIX) else f"{aliases.PREFIX}{alias}" * bool(alias)


def _via(keys: Keys) -> str | None:
    """As in s3.us-east-1.amazonaws.com; absent where the caller called KMS itself."""
    service, call = keys.call.way.service.partition(".")[0], keys.call
    return f"{service}.{call.region}.amazonaws.com" if service else None


def _valid_to(keys: Keys) -> str | None:
    date = keys.get("ValidTo") if keys.call.operation == "ImportKeyMaterial" else None
    return date and str(int(date.timestamp()))


def _tag_keys(keys: Keys) -> Values | None:
    return Several(keys.get("TagKeys", ())) or Several(keys.request_tags()) or None


def _context_keys(keys: Keys) -> Values | None:
    return Several(keys.context()) or None


_OTHERS: Mapping[str, Callable[[Keys], str | Values | None]] = MappingProxyType(
    {
        "kms:calleraccount": lambda keys: keys.call.account if keys.key else None,
        "kms:keyspec": _spec,
        "kms:customermasterkeyspec": _spec,
        "kms:keyusage": _of_key("usage_name", "KeyUsage", ENCRYPT),
        "kms:customermasterkeyusage": _of_key("usage_name", "KeyUsage", ENCRYPT),
        "kms:keyorigin": _of_key("origin", "Origin", "AWS_KMS"),
        "kms:multiregion": _multi_region,
        "kms:multiregionkeytype": _multi_region_type,
        "kms:encryptionalgorithm": _algorithm,
        "kms:encryptioncontextkeys": _context_keys,
        "kms:grantconstrainttype": _constraints,
        "kms:grantconstraintsourcearn": _constraint_arn,
        "kms:grantisforawsresource": _for_service,
        "kms:reencryptonsamekey": _same_key,
        "kms:requestalias": _request_alias,
        "kms:validto": _valid_to,
        "kms:viaservice": _via,
        "aws:tagkeys": _tag_keys,
    }
)
