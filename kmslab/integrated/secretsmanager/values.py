"""Secret values: sealed under a data key of their own, which only KMS opens.

    GenerateDataKey (AES_256), with the caller's rights
        │ plaintext data key ── AES-256-GCM ── nonce (12) │ ciphertext │ tag (16)
        │                       associated data: SecretString or SecretBinary
        └ encrypted data key, kept beside it; the plaintext one is dropped

Encryption context, which binds the data key: SecretARN and SecretVersionId. AWS says "AES" only:
the mode and this layout are the lab's. When a secret gets another key, its versions that carry one
of AWS's labels are sealed again under the new one, and stay under the old one too, so that nobody
is locked out; where the caller may not do that, they stay as they are. Sources: "Secret encryption
and decryption in AWS Secrets Manager", "Change the encryption key for an AWS Secrets Manager
secret", "How AWS Secrets Manager uses AWS KMS" (the calls that only validate access).
"""

from __future__ import annotations

import os
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kmslab.errors import AwsError
from kmslab.integrated.answers import because, worded
from kmslab.integrated.request import Request, Rooms
from kmslab.integrated.secretsmanager.records import Sealed, Version, values

MANAGED = "alias/aws/secretsmanager"
VALIDATION = "RequestToValidateKeyAccess"  # instead of a version's id
_NONCE = 12


def seal(request: Request[Rooms], arn: str, key: str, version: Version, value: bytes) -> Sealed:
    """A value under a new data key. Raises AccessDeniedException or EncryptionFailure."""
    made = _generate(request, arn, key, version.version_id)
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(made["Plaintext"]).encrypt(nonce, value, version.kind.encode())
    return Sealed(made["CiphertextBlob"], nonce + sealed)


def unseal(request: Request[Rooms], arn: str, version: Version) -> bytes:
    """A version's value, by whichever of its keys the caller may use, the newest first.

    Raises AccessDeniedException or DecryptionFailure: the first of the refusals.
    """
    refusals: list[AwsError] = []
    for sealed in values(request.rooms, arn, version.version_id):
        try:
            return _open(request, arn, version, sealed)
        except AwsError as error:
            refusals.append(error)
    raise refusals[0] if refusals else _broken()


def validate(request: Request[Rooms], arn: str, key: str) -> None:
    """Asks KMS whether the caller may use a key for the secret; what it answers is dropped."""
    made = _generate(request, arn, key, VALIDATION)
    _decrypt(request, arn, VALIDATION, made["CiphertextBlob"])


def seal_again(request: Request[Rooms], arn: str, key: str, version: Version) -> Sealed | None:
    """A version's value under another key; None where the caller may not use both keys."""
    with suppress(AwsError):
        return seal(request, arn, key, version, unseal(request, arn, version))
    return None


def _open(request: Request[Rooms], arn: str, version: Version, sealed: Sealed) -> bytes:
    data_key = _decrypt(request, arn, version.version_id, sealed.data_key)
    nonce, value = sealed.value[:_NONCE], sealed.value[_NONCE:]
    try:
        return AESGCM(data_key).decrypt(nonce, value, version.kind.encode())
    except (InvalidTag, ValueError) as error:
        raise _broken() from error


def _generate(request: Request[Rooms], arn: str, key: str, version_id: str) -> dict[str, bytes]:
    try:
        return request.kms(
            "GenerateDataKey",
            KeyId=key or request.rooms.keys.managed(request.call),
            KeySpec="AES_256",
            EncryptionContext=_context(arn, version_id),
        )
    except AwsError as error:
        raise _refused(error, "EncryptionFailure", "encrypt") from error


def _decrypt(request: Request[Rooms], arn: str, version_id: str, blob: bytes) -> bytes:
    context = _context(arn, version_id)
    try:
        answer = request.kms("Decrypt", CiphertextBlob=blob, EncryptionContext=context)
    except AwsError as error:
        raise _refused(error, "DecryptionFailure", "decrypt") from error
    data_key: bytes = answer["Plaintext"]
    return data_key


def _context(arn: str, version_id: str) -> dict[str, str]:
    return {"SecretARN": arn, "SecretVersionId": version_id}


def _refused(error: AwsError, code: str, verb: str) -> AwsError:
    """In the words that users report; EncryptionFailure's are an inference from the other's."""
    if error.code == "AccessDeniedException":
        return because(error, error.code, "Access to KMS is not allowed")
    if error.status >= 500:
        return because(error, "InternalServiceError", worded(error), 500)
    return because(error, code, f"Secrets Manager can't {verb} the secret value: {worded(error)}")


def _broken() -> AwsError:
    return AwsError(
        "DecryptionFailure",
        "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    )
