"""Encrypt, Decrypt, ReEncrypt: up to 4,096 bytes under a symmetric key, far fewer under an RSA key.

A symmetric ciphertext names its key and covers its encryption context (ciphertext.py). An RSA one
is standard RSA-OAEP: anyone encrypts with the public key, and nothing in it says which key it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kmslab.aws.call import Output
from kmslab.errors import AwsError, HsmRefused
from kmslab.kms import algorithms, backing, material
from kmslab.kms.ciphertext import Ciphertext, additional_data
from kmslab.kms.key import Key
from kmslab.kms.request import Request
from kmslab.kms.specs import SYMMETRIC, hash_name

Context = Mapping[str, str]
_HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303  OAEP, as RFC 8017 has it


def encrypt(request: Request) -> Output:
    """Encrypt: a plaintext of 1 to 4096 bytes, under a key and an encryption context."""
    algorithm = _algorithm(request, "EncryptionAlgorithm")
    plaintext, context = request.get("Plaintext"), request.get("EncryptionContext", {})
    return {
        "CiphertextBlob": _close(request, request.key, algorithm, plaintext, context),
        "KeyId": request.key.arn,
        "EncryptionAlgorithm": algorithm,
    }


def decrypt(request: Request) -> Output:
    """Decrypt: gives the plaintext back, under the same encryption context only.

    A wrong context, a changed byte and a blob of another format all get the same
    InvalidCiphertextException with an empty message: why it failed would help an attacker.
    """
    algorithm = _algorithm(request, "EncryptionAlgorithm")
    plaintext, material_id = _open(
        request, request.key, algorithm, request.get("EncryptionContext", {})
    )
    return {
        "KeyId": request.key.arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": algorithm,
        **({"KeyMaterialId": material_id} if material_id else {}),
    }


def re_encrypt(request: Request) -> Output:
    """ReEncrypt: from one key or context to another; the plaintext never leaves KMS."""
    source, destination = request.keys
    old = _algorithm(request, "SourceEncryptionAlgorithm")
    new = _algorithm(request, "DestinationEncryptionAlgorithm", destination)
    plaintext, material_id = _open(request, source, old, request.get("SourceEncryptionContext", {}))
    context = request.get("DestinationEncryptionContext", {})
    answer = {
        "CiphertextBlob": _close(request, destination, new, plaintext, context),
        "SourceKeyId": source.arn,
        "KeyId": destination.arn,
        "SourceEncryptionAlgorithm": old,
        "DestinationEncryptionAlgorithm": new,
    }
    if material_id:
        answer["SourceKeyMaterialId"] = material_id
    if destination.shows_material:
        answer["DestinationKeyMaterialId"] = destination.material_id
    return answer


def seal(request: Request, key: Key, plaintext: bytes, context: Context) -> bytes:
    """A symmetric ciphertext blob."""
    aad = additional_data(key.key_id, key.material_id, context)
    sealed = backing.encrypt(request, key, plaintext, aad)
    return Ciphertext(key.key_id, key.material_id, sealed).pack()


def unseal(request: Request, key: Key, blob: Ciphertext, context: Context) -> bytes:
    """What is in a symmetric ciphertext blob, or InvalidCiphertextException."""
    aad = additional_data(blob.key_id, blob.material_id, context)
    try:
        return backing.decrypt(request, key, blob.material_id, blob.sealed, aad)
    except HsmRefused:
        raise AwsError("InvalidCiphertextException") from None


def _close(request: Request, key: Key, algorithm: str, plaintext: bytes, context: Context) -> bytes:
    if algorithm == SYMMETRIC:
        return seal(request, key, plaintext, context)
    _no_context(context, "encrypting")
    digest = _HASHES[hash_name(algorithm)]
    most = key.usage.kind.size // 8 - 2 * digest.digest_size - 2
    if len(plaintext) > most:
        raise AwsError(
            "ValidationException",
            f"Algorithm {algorithm} and key spec {key.spec_name} cannot encrypt data larger than "
            f"{most} bytes.",
        )
    public = load_der_public_key(material.public(request.rooms, key))
    assert isinstance(public, rsa.RSAPublicKey)  # noqa: S101  what else an RSA key could have
    return public.encrypt(plaintext, padding.OAEP(padding.MGF1(digest), digest, None))


def _open(request: Request, key: Key, algorithm: str, context: Context) -> tuple[bytes, str]:
    """The plaintext of the request's CiphertextBlob, and which key material opened it."""
    blob = request.get("CiphertextBlob")
    if algorithm == SYMMETRIC:
        parts = Ciphertext.unpack(blob)
        shown = parts.material_id if key.shows_material else ""
        return unseal(request, key, parts, context), shown
    _no_context(context, "decrypting")
    token, kind = material.current(request.rooms, key), key.usage.kind
    try:
        return request.rooms.fleet.decrypt_oaep(kind, token, hash_name(algorithm), blob), ""
    except HsmRefused:
        raise AwsError("InvalidCiphertextException") from None


def _algorithm(request: Request, name: str, key: Key | None = None) -> str:
    """The algorithm that a request names or leaves to KMS; it must fit the key."""
    algorithm: str = request.get(name, SYMMETRIC)
    algorithms.check(key or request.key, algorithm)
    return algorithm


def _no_context(context: Context, doing: str) -> None:
    if context:
        raise AwsError(
            "ValidationException",
            f"EncryptionContext is not supported when {doing} with asymmetric CMKs.",
        )
