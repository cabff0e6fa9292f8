"""Object keys: where they come from when an object is written, and who opens them when it is read.

With the modes of KMS, S3 asks KMS with the *caller's* rights. So a caller who may get an object and
may not decrypt with its key is refused, by KMS, seen through S3. The encryption context is the
object's ARN, or the bucket's with a bucket key, after the caller's own pairs:

    {"case": "17", "aws:s3:arn": "arn:aws:s3:::records/letter.txt"}

Sources: "Using SSE-KMS", "Using SSE-C" (S3 keeps a salted HMAC of the caller's key).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.s3 import errors
from kmslab.s3.bucket_keys import DataKey
from kmslab.s3.protection import DSSE, SSE_C, SSE_S3, Layer, Protection, Wanted
from kmslab.s3.records import Bucket
from kmslab.s3.request import Request

ARN_NAME = "aws:s3:arn"
Keys = tuple[bytes, ...]  # plaintext, one a layer; never kept
_CANT_OPEN = "The data key of the stored object can't be opened: the object's metadata was changed."


def make(request: Request, bucket: Bucket, key: str, wanted: Wanted) -> tuple[Protection, Keys]:
    """New data keys for an object; raises KMS's refusal as S3 shows it."""
    if wanted.mode == SSE_C:
        return _from_customer(wanted.customer_key, secrets.token_bytes(32))
    if wanted.mode == SSE_S3:
        layer, plaintext = _own(request, bucket, key)
        return Protection(SSE_S3, (layer,)), (plaintext,)
    with_bucket_key = wanted.bucket_key and wanted.mode != DSSE
    arn = bucket.arn if with_bucket_key else f"{bucket.arn}/{key}"
    context = {**wanted.context, ARN_NAME: arn}
    data_key = _generate(request, wanted.key_id, context, with_bucket_key)
    layers = [Layer(b64encode(data_key.encrypted).decode(), context, by_caller=True)]
    keys = [data_key.plaintext]
    if wanted.mode == DSSE:
        layer, plaintext = _own(request, bucket, key)
        layers.append(layer)
        keys.append(plaintext)
    made = Protection(wanted.mode, tuple(layers), data_key.key_arn, bucket_key=with_bucket_key)
    return made, tuple(keys)


def open_keys(request: Request, protection: Protection, customer_key: bytes = b"") -> Keys:
    """The data keys of an object that is there."""
    if protection.mode == SSE_C:
        return _of_customer(protection, customer_key)
    return tuple(_opened(request, protection, layer) for layer in protection.layers)


def ask_kms(request: Request, operation: str, **parameters: object) -> Output:
    """A call of KMS with the caller's rights; its errors as S3 passes them on."""
    try:
        return request.kms(operation, **parameters)
    except AwsError as error:
        raise errors.through(error) from None


def _generate(
    request: Request, key_id: str, context: Mapping[str, str], with_bucket_key: bool
) -> DataKey:
    named = key_id or request.rooms.keys.managed(request.call)

    def ask() -> DataKey:
        made = ask_kms(
            request,
            "GenerateDataKey",
            KeyId=named,
            KeySpec="AES_256",
            EncryptionContext=dict(context),
        )
        return DataKey(made["Plaintext"], made["CiphertextBlob"], made["KeyId"])

    if with_bucket_key:
        return request.rooms.bucket_keys.to_encrypt(request.call, context, named, ask)
    return ask()


def _opened(request: Request, protection: Protection, layer: Layer) -> bytes:
    encrypted, context = _read(b64decode, layer.encrypted_key), dict(layer.context)
    asked = {"CiphertextBlob": encrypted, "EncryptionContext": context}
    if not layer.by_caller:
        try:
            plaintext: bytes = request.rooms.keys.for_itself(request.call, "Decrypt", **asked)[
                "Plaintext"
            ]
        except AwsError as error:
            raise errors.error("InternalError", _CANT_OPEN) from error
        return plaintext

    def ask() -> DataKey:
        opened = ask_kms(request, "Decrypt", **asked, KeyId=protection.key_arn)
        return DataKey(opened["Plaintext"], encrypted, protection.key_arn)

    if protection.bucket_key:
        return request.rooms.bucket_keys.to_open(request.call, context, encrypted, ask).plaintext
    return ask().plaintext


def _read(decode: Callable[[str], bytes], text: str) -> bytes:
    try:
        return decode(text)
    except ValueError:
        raise errors.error("InternalError", _CANT_OPEN) from None


def _own(request: Request, bucket: Bucket, key: str) -> tuple[Layer, bytes]:
    """A data key under the key that AWS owns for S3."""
    context = {ARN_NAME: f"{bucket.arn}/{key}"}
    made = request.rooms.keys.for_itself(
        request.call, "GenerateDataKey", KeySpec="AES_256", EncryptionContext=context
    )
    encrypted = b64encode(made["CiphertextBlob"]).decode()
    return Layer(encrypted, context, by_caller=False), made["Plaintext"]


def _from_customer(customer_key: bytes, salt: bytes) -> tuple[Protection, Keys]:
    """Keys derived from the caller's: one for the object, one by which the caller's is known again.

    The caller's own key encrypts nothing itself, so it may be used for any number of objects.
    """
    derived = HKDF(SHA256(), 64, salt, b"kmslab s3, SSE-C").derive(customer_key)
    check = hmac.new(derived[32:], customer_key, hashlib.sha256).hexdigest()
    md5 = hashlib.md5(customer_key, usedforsecurity=False).digest()
    made = Protection(SSE_C, (), salt=salt.hex(), check=check, key_md5=b64encode(md5).decode())
    return made, (derived[:32],)


def _of_customer(protection: Protection, customer_key: bytes) -> Keys:
    again, keys = _from_customer(customer_key, _read(bytes.fromhex, protection.salt))
    if not hmac.compare_digest(again.check.encode(), protection.check.encode()):
        raise errors.error(
            "AccessDenied",
            "Requests specifying Server Side Encryption with Customer provided keys must provide "
            "the correct secret key.",
        )
    return keys
