"""Which permissions an operation of S3 asks for, on the bucket or the object, in which account.

A bucket's policy is a resource policy like any other: within an account its Allow is enough, from
another account the caller's own policies have to allow as well. What KMS is asked for besides is
KMS's to decide (`keys.py`).
Sources: "Policy actions for Amazon S3"; Service Authorization Reference, "Amazon S3".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from kmslab.access.ask import Ask, ResourcePolicy
from kmslab.aws.call import Call
from kmslab.iam.request import text
from kmslab.iam.variables import Lookup, Values
from kmslab.s3 import names, uploads
from kmslab.s3.public import is_public
from kmslab.s3.records import Bucket
from kmslab.s3.request import Request

Asks = Callable[[Request], Iterable[Ask]]
NOTHING: Mapping[str, str] = MappingProxyType({})
_HEADERS: Mapping[str, str] = MappingProxyType(
    {  # condition keys that are a request's own parameters
        "s3:x-amz-server-side-encryption": "ServerSideEncryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
        "s3:x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
        "s3:x-amz-copy-source": "CopySource",
        "s3:x-amz-metadata-directive": "MetadataDirective",
        "s3:x-amz-storage-class": "StorageClass",
        "s3:x-amz-acl": "ACL",
        "s3:if-match": "IfMatch",
        "s3:if-none-match": "IfNoneMatch",
        "s3:versionid": "VersionId",
        "s3:prefix": "Prefix",
        "s3:delimiter": "Delimiter",
        "s3:max-keys": "MaxKeys",
    }
)


def on(
    call: Call, action: str, bucket: Bucket, resource: str = "", more: Mapping[str, str] = NOTHING
) -> Ask:
    """A question about a bucket, or about an object in it by its ARN.

    `more` are parameters that the request itself doesn't hold, and yet counts as having.
    """
    policy = bucket.policy
    if policy and bucket.restricts and call.account != bucket.account and is_public(policy):
        policy = None  # RestrictPublicBuckets: a public policy is for its own account alone
    return Ask(
        action=action,
        resource=resource or bucket.arn,
        account=bucket.account,
        policy=ResourcePolicy("bucket policy", policy) if policy else None,
        lookup=_lookup(call, bucket, more),
        region=bucket.region,
    )


def on_bucket(action: str) -> Asks:
    """The permission for an operation on a bucket."""
    return lambda request: [on(request.call, f"s3:{action}", names.bucket(request))]


def on_object(action: str, of_version: str = "") -> Asks:
    """The permission for an operation on an object; on a version that is named, another one."""

    def asks(request: Request) -> Iterable[Ask]:
        name = of_version if of_version and request.get("VersionId") else action
        found = names.bucket(request)
        names.check_key(request.get("Key"))
        yield on(request.call, f"s3:{name}", found, f"{found.arn}/{request.get('Key')}")

    return asks


def on_upload(request: Request) -> Iterable[Ask]:
    """UploadPart, CompleteMultipartUpload: to put the object.

    How it will be encrypted was said when the upload was created. Here a policy sees that with each
    part again, else "deny uploads without SSE-KMS" would let no part through. (An inference: such
    policies are in use with multipart uploads, and AWS doesn't say how they come through.)
    """
    found, more = names.bucket(request), uploads.asked(request)
    yield on(request.call, "s3:PutObject", found, f"{found.arn}/{request.get('Key')}", more)


def copying(request: Request) -> Iterable[Ask]:
    """CopyObject, UploadPartCopy: to get the source, and to put the target."""
    source, key, version = names.copy_source(request)
    action = "GetObjectVersion" if version else "GetObject"
    yield on(request.call, f"s3:{action}", source, f"{source.arn}/{key}")
    yield from on_upload(request) if request.get("UploadId") else on_object("PutObject")(request)


def on_new_bucket(request: Request) -> Iterable[Ask]:
    """CreateBucket: the bucket isn't there yet; the caller's own account decides."""
    name = request.get("Bucket")
    names.check_bucket_name(name)
    yield Ask("s3:CreateBucket", f"arn:aws:s3:::{name}", lookup=_lookup(request.call, None))


def on_all_buckets(request: Request) -> Iterable[Ask]:
    """ListBuckets."""
    yield Ask("s3:ListAllMyBuckets", lookup=_lookup(request.call, None))


def may_know(request: Request, bucket: Bucket) -> None:
    """Whether a key is there, only those learn who may list the bucket; AccessDenied for others."""
    request.rooms.authorizer.check(
        request.call.without_bytes(), on(request.call, "s3:ListBucket", bucket)
    )


def _lookup(call: Call, bucket: Bucket | None, more: Mapping[str, str] = NOTHING) -> Lookup:
    def find(key: str) -> Values | None:
        if key in _HEADERS:
            value = more.get(_HEADERS[key], call.parameters.get(_HEADERS[key]))
            return None if value is None else (text(value),)
        if key == "s3:resourceaccount" and bucket is not None:
            return (bucket.account,)
        if key == "s3:locationconstraint":
            asked = call.parameters.get("CreateBucketConfiguration") or {}
            return (asked["LocationConstraint"],) if asked.get("LocationConstraint") else None
        return _FIXED.get(key)

    return find


_FIXED: Mapping[str, Values] = MappingProxyType(
    {
        "s3:authtype": ("REST-HEADER",),
        "s3:signatureversion": ("AWS4-HMAC-SHA256",),
        "s3:tlsversion": ("1.3",),
    }
)
