"""Which KMS keys a request is about: one function for each way an operation has to say it."""

from __future__ import annotations

from collections.abc import Callable

from kmslab.access.ask import Ask
from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.kms import aliases, names, records, tokens
from kmslab.kms.ciphertext import Ciphertext
from kmslab.kms.key import Key
from kmslab.kms.request import Rooms
from kmslab.kms.specs import SYMMETRIC

Finder = Callable[[Rooms, Call], tuple[Key, ...]]


def no_key(_rooms: Rooms, _call: Call) -> tuple[Key, ...]:
    """The operation is about no key."""
    return ()


def by_id(parameter: str) -> Finder:
    """A parameter takes a key id or key ARN; where it is optional and left out, no key."""

    def find(rooms: Rooms, call: Call) -> tuple[Key, ...]:
        name = call.parameters.get(parameter)
        return () if name is None else (names.resolve(rooms, call, name, aliases_too=False),)

    return find


def by_name(parameter: str) -> Finder:
    """A parameter takes any name of a key, aliases too."""

    def find(rooms: Rooms, call: Call) -> tuple[Key, ...]:
        return (names.resolve(rooms, call, call.parameters[parameter], aliases_too=True),)

    return find


def by_alias(rooms: Rooms, call: Call) -> tuple[Key, ...]:
    """The key that the alias in AliasName stands for."""
    name = call.parameters["AliasName"]
    aliases.check_prefix(name)
    alias = aliases.find(rooms, call, name)
    if alias is None:
        raise aliases.not_found(call, name)
    key = records.find(rooms, call.account, call.region, alias.key_id)
    return (key,) if key else ()


def by_ciphertext(parameter: str, algorithm: str) -> Finder:
    """The blob names its key; a key named beside it must be the same one.

    A blob that isn't one gets InvalidCiphertextException; one of a key that the caller can't see
    gets the AccessDeniedException that doesn't say whether the key exists. An RSA ciphertext names
    no key, so the request has to; and so has a dry run that ignores the ciphertext.
    """

    def find(rooms: Rooms, call: Call) -> tuple[Key, ...]:
        named = call.parameters.get(parameter)
        expected = named and names.resolve(rooms, call, named, aliases_too=True)
        symmetric = call.parameters.get(algorithm) in (None, SYMMETRIC)
        if ignores_ciphertext(call) or not symmetric:
            if not expected:
                raise AwsError("ValidationException", f"{parameter} must not be null")
            return (expected,)
        return (_of_blob(rooms, call, expected),)

    return find


def ignores_ciphertext(call: Call) -> bool:
    """Whether a dry run asks for the permission alone (DryRunModifiers)."""
    return "IGNORE_CIPHERTEXT" in (call.parameters.get("DryRunModifiers") or ())


def _of_blob(rooms: Rooms, call: Call, expected: Key | None) -> Key:
    blob = call.parameters.get("CiphertextBlob")
    if blob is None:
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
            "constraint: Member must not be null",
        )
    parts = Ciphertext.unpack(blob)
    if expected:
        if expected.key_id != parts.key_id:
            raise AwsError("IncorrectKeyException", _WRONG_KEY)
        return expected
    key = records.find(rooms, call.account, call.region, parts.key_id)
    key = key or records.find_anywhere(rooms, call.region, parts.key_id)
    if key is None:
        raise AwsError("AccessDeniedException", _NO_KEY)
    return key


def unseen(call: Call, ask: Ask, error: AwsError) -> AwsError:
    """The refusal of another account's key that only a ciphertext names: as if it weren't there."""
    half = {"kms:Decrypt": "KeyId", "kms:ReEncryptFrom": "SourceKeyId"}.get(ask.action)
    if half and call.parameters.get(half) is None and ask.account != call.account:
        error.message = _NO_KEY
    return error


def by_grant(rooms: Rooms, call: Call) -> tuple[Key, ...]:
    """The key of a grant: named by the grant's token, or by key ARN beside the grant's id."""
    token, arn = call.parameters.get("GrantToken"), call.parameters.get("KeyId")
    named = [arn is not None, call.parameters.get("GrantId") is not None]
    if any(named) if token is not None else not all(named):
        raise AwsError(
            "ValidationException", "Specify either a GrantToken, or a KeyId and a GrantId."
        )
    if token is not None:
        facts = tokens.read(rooms, "grant", token)
        if facts is None:
            raise AwsError("InvalidGrantTokenException")
        arn = facts["key"]
    return (names.resolve(rooms, call, arn or "", aliases_too=False),)


def source_and_destination(rooms: Rooms, call: Call) -> tuple[Key, ...]:
    """ReEncrypt's two keys: the blob's, and the one to encrypt under."""
    return (
        *by_ciphertext("SourceKeyId", "SourceEncryptionAlgorithm")(rooms, call),
        *by_name("DestinationKeyId")(rooms, call),
    )


# AWS's own words, in which a KMS key is still a customer master key.
_WRONG_KEY = "The key ID in the request does not identify a CMK that can perform this operation."
_NO_KEY = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)
