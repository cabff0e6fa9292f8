"""A bucket's default encryption and its public access block.

S3 doesn't look at the KMS key that is put as default: a wrong one shows at the next PutObject.
Every bucket has a default; to delete it means to go back to SSE-S3. What deleting does to the block
of SSE-C AWS doesn't say; here it stays. Sources: PutBucketEncryption, "Blocking or unblocking
SSE-C", PutPublicAccessBlock; errors as recorded from AWS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kmslab.aws.call import Output
from kmslab.s3 import errors, names, records
from kmslab.s3.protection import BY_KMS, SSE_S3, Default
from kmslab.s3.records import ALL_BLOCKED, Bucket
from kmslab.s3.request import Request


def put_bucket_encryption(request: Request) -> Output:
    """PutBucketEncryption: for objects that come from now on."""
    rules = request.get("ServerSideEncryptionConfiguration")["Rules"]
    with request.rooms.store.transaction():
        bucket = names.bucket(request)
        if len(rules) != 1:
            raise errors.error("MalformedXML")
        _save(request, bucket, default=_default(rules[0], bucket.default))
    return {}


def get_bucket_encryption(request: Request) -> Output:
    """GetBucketEncryption: of a bucket that was never configured, SSE-S3."""
    default = names.bucket(request).default
    applied = {"SSEAlgorithm": default.mode}
    if default.key_id:
        applied["KMSMasterKeyID"] = default.key_id
    rule = {
        "ApplyServerSideEncryptionByDefault": applied,
        "BucketKeyEnabled": default.bucket_key,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C" if default.blocks_sse_c else "NONE"]},
    }
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def delete_bucket_encryption(request: Request) -> Output:
    """DeleteBucketEncryption: back to SSE-S3."""
    with request.rooms.store.transaction():
        bucket = names.bucket(request)
        _save(request, bucket, default=Default(blocks_sse_c=bucket.default.blocks_sse_c))
    return {}


def put_public_access_block(request: Request) -> Output:
    """PutPublicAccessBlock: a setting that is left out is off."""
    asked = request.get("PublicAccessBlockConfiguration")
    with request.rooms.store.transaction():
        blocked = {name: bool(asked.get(name)) for name in ALL_BLOCKED}
        _save(request, names.bucket(request), public_access_block=blocked)
    return {}


def get_public_access_block(request: Request) -> Output:
    """GetPublicAccessBlock."""
    kept = names.bucket(request).public_access_block
    if kept is None:
        raise errors.error("NoSuchPublicAccessBlockConfiguration")
    return {"PublicAccessBlockConfiguration": dict(kept)}


def delete_public_access_block(request: Request) -> Output:
    """DeletePublicAccessBlock: nothing is blocked any more."""
    with request.rooms.store.transaction():
        _save(request, names.bucket(request), public_access_block=None)
    return {}


def _default(rule: dict[str, Any], before: Default) -> Default:
    """The default that a rule describes; what it leaves out of BlockedEncryptionTypes stays."""
    applied = rule.get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": SSE_S3}
    mode, key_id = applied["SSEAlgorithm"], applied.get("KMSMasterKeyID", "")
    if mode not in (SSE_S3, *BY_KMS):
        raise errors.error("MalformedXML")
    if key_id and mode not in BY_KMS:
        raise errors.invalid(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse"
        )
    types = (rule.get("BlockedEncryptionTypes") or {}).get("EncryptionType")
    if types is not None and (len(types) != 1 or types[0] not in ("NONE", "SSE-C")):
        raise errors.error("MalformedXML")
    blocks = before.blocks_sse_c if types is None else types == ["SSE-C"]
    return Default(mode, key_id, bool(rule.get("BucketKeyEnabled")), blocks)


def _save(request: Request, bucket: Bucket, **changed: Any) -> None:
    records.save_bucket(request.rooms.store, replace(bucket, **changed))
