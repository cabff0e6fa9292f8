"""UpdateObjectEncryption: another key for an object, in place. The bytes on the disk don't change.

Only the encrypted data key in the object's metadata is replaced: KMS re-encrypts it, or encrypts it
where S3's own key had it. ETag, dates and metadata stay. It is envelope encryption seen live, and
the reason why an object of any size takes no longer than a small one.

From SSE-S3 or SSE-KMS to SSE-KMS with a full key ARN of the bucket owner's account; messages as the
S3 API reference lists them. Here without BucketKeyEnabled, which would need the object's key
wrapped once more. Whether the caller's own encryption context stays AWS doesn't say; here it does.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import replace

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.s3 import errors, keys, reading, records
from kmslab.s3.keys import ARN_NAME
from kmslab.s3.protection import DSSE, SSE_C, SSE_KMS, Layer, Protection
from kmslab.s3.records import Bucket, Object
from kmslab.s3.request import Request

_ARN = re.compile(r"arn:aws[a-zA-Z0-9-]*:kms:[a-z0-9-]+:([0-9]{12}):key/[a-zA-Z0-9-]+")
_SOURCE = (
    "The UpdateObjectEncryption operation doesn't support source objects with the encryption type "
    "DSSE-KMS or SSE-C. Only source objects encrypted with SSE-S3 or SSE-KMS are supported."
)
_NO_ARN = (
    "Requests that modify an object's encryption type to SSE-KMS require a valid AWS KMS key "
    "Amazon Resource Name (ARN). Confirm that you have a correctly formatted KMS key ARN in your "
    "request, and then try again."
)
_NOT_OWN = (
    "The AWS KMS key in the request must be owned by the same account as the bucket. Modify the "
    "request to specify a KMS key from the same account, and then try again."
)


def update_object_encryption(request: Request) -> Output:
    """UpdateObjectEncryption."""
    bucket, found = reading.find(request)
    key_arn = _key_arn(request, bucket)
    if found.sealed.mode in (DSSE, SSE_C):
        raise errors.invalid_request(_SOURCE)
    layer, named = _wrapped(request, found, key_arn)
    protection = Protection(SSE_KMS, (layer,), named)
    if not records.reprotect(request.rooms.store, found, protection):
        raise errors.error("NoSuchKey")  # it was replaced meanwhile
    return {}


def _wrapped(request: Request, found: Object, key_arn: str) -> tuple[Layer, str]:
    """The object's data key under the new KMS key; no plaintext passes but where S3 had it."""
    (layer,) = found.sealed.layers
    context = {**layer.context, ARN_NAME: found.arn}
    if layer.by_caller:
        made = keys.ask_kms(
            request,
            "ReEncrypt",
            CiphertextBlob=b64decode(layer.encrypted_key),
            SourceEncryptionContext=dict(layer.context),
            SourceKeyId=found.sealed.key_arn,
            DestinationKeyId=key_arn,
            DestinationEncryptionContext=context,
        )
    else:
        (data_key,) = keys.open_keys(request, found.sealed)
        made = keys.ask_kms(
            request, "Encrypt", KeyId=key_arn, Plaintext=data_key, EncryptionContext=context
        )
    encrypted = b64encode(made["CiphertextBlob"]).decode()
    return replace(layer, encrypted_key=encrypted, context=context, by_caller=True), made["KeyId"]


def _key_arn(request: Request, bucket: Bucket) -> str:
    asked = request.get("ObjectEncryption").get("SSEKMS")
    if asked is None:
        raise errors.error("MalformedXML")
    if asked.get("BucketKeyEnabled"):
        raise errors.unanswered("BucketKeyEnabled", True)
    match = _ARN.fullmatch(asked["KMSKeyArn"])
    if match is None:
        raise errors.invalid_request(_NO_ARN)
    if match[1] != bucket.account:
        raise AwsError("AccessDenied", _NOT_OWN, 403)
    return match[0]
