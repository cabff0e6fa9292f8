"""Encrypt, Decrypt, ReEncrypt, GenerateRandom, and the data keys: what a KMS key does."""

from __future__ import annotations

from collections.abc import Mapping

from kmslab.aws.call import Output
from kmslab.errors import AwsError, HsmRefused
from kmslab.kms import keys
from kmslab.kms.ciphertext import Ciphertext, additional_data
from kmslab.kms.key import SYMMETRIC, Key
from kmslab.kms.request import Request, Rooms

Context = Mapping[str, str]
DATA_KEY_BYTES = {"AES_128": 16, "AES_256": 32}


def encrypt(request: Request) -> Output:
    """Encrypt: 1 to 4096 bytes of plaintext, under a key and an encryption context."""
    _algorithm(request, "EncryptionAlgorithm")
    plaintext, context = request.get("Plaintext"), request.get("EncryptionContext", {})
    return {
        "CiphertextBlob": _seal(request.rooms, request.key, plaintext, context),
        "KeyId": request.key.arn,
        "EncryptionAlgorithm": SYMMETRIC,
    }


def decrypt(request: Request) -> Output:
    """Decrypt: gives the plaintext back, under the same encryption context only.

    A wrong context, a changed byte and a blob of another format all get the same
    InvalidCiphertextException with an empty message: why it failed would help an attacker.
    """
    _algorithm(request, "EncryptionAlgorithm")
    blob = Ciphertext.unpack(request.get("CiphertextBlob"))
    context = request.get("EncryptionContext", {})
    return {
        "KeyId": request.key.arn,
        "Plaintext": _open(request.rooms, request.key, blob, context),
        "EncryptionAlgorithm": SYMMETRIC,
        "KeyMaterialId": blob.material_id,
    }


def re_encrypt(request: Request) -> Output:
    """ReEncrypt: from one key or context to another; the plaintext never leaves KMS."""
    _algorithm(request, "SourceEncryptionAlgorithm")
    _algorithm(request, "DestinationEncryptionAlgorithm")
    (source, destination), blob = request.keys, Ciphertext.unpack(request.get("CiphertextBlob"))
    plaintext = _open(request.rooms, source, blob, request.get("SourceEncryptionContext", {}))
    context = request.get("DestinationEncryptionContext", {})
    return {
        "CiphertextBlob": _seal(request.rooms, destination, plaintext, context),
        "SourceKeyId": source.arn,
        "KeyId": destination.arn,
        "SourceEncryptionAlgorithm": SYMMETRIC,
        "DestinationEncryptionAlgorithm": SYMMETRIC,
        "SourceKeyMaterialId": blob.material_id,
        "DestinationKeyMaterialId": destination.material_id,
    }


def generate_data_key(request: Request) -> Output:
    """GenerateDataKey: a new key in two forms, plaintext and encrypted. KMS keeps neither."""
    plaintext = _new_data_key(request)
    return {"Plaintext": plaintext, **_wrapped(request, plaintext)}


def generate_data_key_without_plaintext(request: Request) -> Output:
    """GenerateDataKeyWithoutPlaintext: only the encrypted form, for someone to decrypt later."""
    return _wrapped(request, _new_data_key(request))


def generate_random(request: Request) -> Output:
    """GenerateRandom: 1 to 1024 bytes from an HSM's random generator."""
    length = request.get("NumberOfBytes")
    if length is None:
        raise AwsError("ValidationException", "NumberOfBytes is required.")
    return {"Plaintext": request.rooms.fleet.random(length)}


def _new_data_key(request: Request) -> bytes:
    spec, length = request.get("KeySpec"), request.get("NumberOfBytes")
    if (spec is None) == (length is None):
        raise AwsError("ValidationException", "Please specify either number of bytes or key spec.")
    return request.rooms.fleet.random(length or DATA_KEY_BYTES[spec])


def _wrapped(request: Request, data_key: bytes) -> Output:
    context = request.get("EncryptionContext", {})
    return {
        "CiphertextBlob": _seal(request.rooms, request.key, data_key, context),
        "KeyId": request.key.arn,
        "KeyMaterialId": request.key.material_id,
    }


def _seal(rooms: Rooms, key: Key, plaintext: bytes, context: Context) -> bytes:
    aad = additional_data(key.key_id, key.material_id, context)
    token = keys.material(rooms, key, key.material_id)
    if token is None:
        raise AwsError("KMSInternalException", f"{key.arn} has no key material", 500)
    sealed = rooms.fleet.encrypt(token, plaintext, aad)
    return Ciphertext(key.key_id, key.material_id, sealed).pack()


def _open(rooms: Rooms, key: Key, blob: Ciphertext, context: Context) -> bytes:
    token = keys.material(rooms, key, blob.material_id)
    if token is None:
        raise AwsError("InvalidCiphertextException")
    aad = additional_data(blob.key_id, blob.material_id, context)
    try:
        return rooms.fleet.decrypt(token, blob.sealed, aad)
    except HsmRefused:
        raise AwsError("InvalidCiphertextException") from None


def _algorithm(request: Request, name: str) -> None:
    algorithm = request.get(name, SYMMETRIC)
    if algorithm != SYMMETRIC:
        raise AwsError(
            "InvalidKeyUsageException",
            f"Algorithm {algorithm} is incompatible with key spec {SYMMETRIC}.",
        )
