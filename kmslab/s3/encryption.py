"""Which protection a request asks for, and the headers that don't go together.

A request's own headers win over the bucket's default; `aws:kms` without a key means the AWS managed
key aws/s3 of whoever asks, even where the bucket's default names another. Wording as recorded from
AWS, except: a context that goes with no KMS mode, DSSE-KMS with a bucket key (ours).
Sources: "Specifying server-side encryption with AWS KMS", "Specifying SSE-C", PutObject.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.s3 import errors
from kmslab.s3.checksums import from_base64
from kmslab.s3.protection import BY_KMS, DSSE, SSE_C, SSE_KMS, SSE_S3, Protection, Wanted
from kmslab.s3.records import Bucket, Object
from kmslab.s3.request import Request

CUSTOMER_KEY_BYTES = 32
_MODES = (SSE_S3, *BY_KMS)
_CUSTOMER = "Requests specifying Server Side Encryption with Customer provided keys must provide "
_NEEDS_KEY = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be "
    "provided to retrieve the object."
)
_CONTEXT = (
    "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string "
    "holding JSON which represents a string-string map"
)


def wanted(request: Request, bucket: Bucket) -> Wanted:
    """What a request that writes asks for, or else its bucket's default."""
    mode = request.get("ServerSideEncryption")
    if names_customer_key(request):
        if mode or request.get("SSEKMSKeyId"):
            raise errors.invalid(
                "Server Side Encryption with Customer provided key is incompatible with the "
                "encryption method specified"
            )
        key = customer_key(request)
        _check_blocked(request, bucket)
        return Wanted(SSE_C, customer_key=key)
    if mode is not None and mode not in _MODES:
        raise errors.invalid("The encryption method specified is not supported")
    key_id, default = request.get("SSEKMSKeyId", ""), bucket.default
    if key_id and mode not in BY_KMS:
        raise errors.invalid(
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms"
        )
    if mode is None:
        mode, key_id = default.mode, default.key_id
    bucket_key = _bucket_key(request, mode, default.bucket_key)
    return Wanted(mode, key_id, bucket_key, _context(request, mode))


def customer_key(request: Request, prefix: str = "SSECustomer") -> bytes:
    """The key that a request brings along (SSE-C), 32 bytes; InvalidArgument where it is no key."""
    key = _brought(request, prefix)
    if len(key) != CUSTOMER_KEY_BYTES:
        raise errors.invalid("The secret key was invalid for the specified algorithm.")
    return key


def _brought(request: Request, prefix: str) -> bytes:
    algorithm, key = request.get(f"{prefix}Algorithm"), request.get(f"{prefix}Key")
    if algorithm is None:
        raise errors.invalid(f"{_CUSTOMER}a valid encryption algorithm.")
    if algorithm != SSE_S3:  # AES256, here too
        raise errors.error("InvalidEncryptionAlgorithmError")
    if key is None:
        raise errors.invalid(f"{_CUSTOMER}an appropriate secret key.")
    raw = from_base64(key)
    digest = base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
    said = str(request.get(f"{prefix}KeyMD5", ""))
    if not hmac.compare_digest(digest.encode(), said.encode()):
        raise errors.invalid(
            "The calculated MD5 hash of the key did not match the hash that was provided."
        )
    return raw


def key_to_read(request: Request, found: Object, prefix: str = "SSECustomer") -> bytes:
    """The customer's key with which to read an object; empty where it needs none.

    One of another length is a wrong key here, as any other: AccessDenied, recorded from AWS.
    """
    is_customers = found.sealed.mode == SSE_C
    if not names_customer_key(request, prefix):
        if is_customers:
            raise errors.invalid_request(_NEEDS_KEY)
        return b""
    if not is_customers:
        raise errors.invalid_request("The encryption parameters are not applicable to this object.")
    return _brought(request, prefix)


def echo(protection: Protection) -> Output:
    """What an answer says of an object's protection."""
    if protection.mode == SSE_C:
        return {"SSECustomerAlgorithm": SSE_S3, "SSECustomerKeyMD5": protection.key_md5}
    said: Output = {"ServerSideEncryption": protection.mode}
    if protection.key_arn:
        said["SSEKMSKeyId"] = protection.key_arn
    if protection.bucket_key:
        said["BucketKeyEnabled"] = True
    return said


def echo_context(context: Mapping[str, str]) -> Output:
    """The caller's own encryption context, which answers to writes repeat."""
    if not context:
        return {}
    text = json.dumps(dict(context), separators=(",", ":"))
    return {"SSEKMSEncryptionContext": base64.b64encode(text.encode()).decode()}


def names_customer_key(request: Request, prefix: str = "SSECustomer") -> bool:
    """Whether a request has anything of SSE-C in it."""
    given = (request.get(f"{prefix}{name}") for name in ("Algorithm", "Key", "KeyMD5"))
    return any(value is not None for value in given)


def _check_blocked(request: Request, bucket: Bucket) -> None:
    """New buckets take no SSE-C since April 2026, unless it is allowed again."""
    if bucket.default.blocks_sse_c:
        what = "s3:CopyObject" if request.call.operation == "CopyObject" else "s3:PutObject"
        raise AwsError(
            "AccessDenied",
            f"User: {request.call.principal.arn} is not authorized to perform: {what} on resource: "
            f'"{bucket.arn}/{request.get("Key")}" because this bucket has blocked upload requests '
            "that specify Server Side Encryption with Customer provided keys (SSE-C). Please "
            "specify a different server-side encryption type",
            403,
        )


def _bucket_key(request: Request, mode: str, default: bool) -> bool:
    asked: bool | None = request.get("BucketKeyEnabled")
    if mode == DSSE and asked:
        raise errors.invalid("S3 Bucket Keys are not supported with DSSE-KMS.")
    return mode == SSE_KMS and (default if asked is None else asked)


def _context(request: Request, mode: str) -> Mapping[str, str]:
    """The caller's own encryption context; S3 adds its pair to it."""
    text = request.get("SSEKMSEncryptionContext")
    if text is None:
        return {}
    if mode not in BY_KMS:
        raise errors.invalid("An encryption context needs x-amz-server-side-encryption: aws:kms.")
    try:
        context = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, RecursionError):
        raise errors.invalid(_CONTEXT) from None
    if not isinstance(context, dict) or not all(isinstance(v, str) for v in context.values()):
        raise errors.invalid(_CONTEXT)
    return context
