"""Every operation that this S3 answers, in one table: its function, and what it asks first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kmslab.s3 import (
    buckets,
    configuration,
    copying,
    deleting,
    listing,
    multipart,
    policies,
    reading,
    rewrapping,
    uploads,
    writing,
)
from kmslab.s3.permissions import copying as to_copy
from kmslab.s3.permissions import on_all_buckets, on_bucket, on_new_bucket, on_object, on_upload
from kmslab.s3.request import Operation


def _nothing(_request: object) -> tuple[()]:
    """DeleteObjects asks for each object by itself."""
    return ()


_GET = on_object("GetObject", "GetObjectVersion")
_PUT = on_object("PutObject")
_READ, _WRITE = on_bucket("GetEncryptionConfiguration"), on_bucket("PutEncryptionConfiguration")
_READ_BLOCK = on_bucket("GetBucketPublicAccessBlock")
_WRITE_BLOCK = on_bucket("PutBucketPublicAccessBlock")

_MANAGEMENT: Mapping[str, Operation] = {
    "CreateBucket": Operation(buckets.create_bucket, on_new_bucket),
    "DeleteBucket": Operation(buckets.delete_bucket, on_bucket("DeleteBucket")),
    "HeadBucket": Operation(buckets.head_bucket, on_bucket("ListBucket")),
    "ListBuckets": Operation(buckets.list_buckets, on_all_buckets),
    "GetBucketLocation": Operation(buckets.get_bucket_location, on_bucket("GetBucketLocation")),
    "PutBucketVersioning": Operation(
        buckets.put_bucket_versioning, on_bucket("PutBucketVersioning")
    ),
    "GetBucketVersioning": Operation(
        buckets.get_bucket_versioning, on_bucket("GetBucketVersioning")
    ),
    "PutBucketEncryption": Operation(configuration.put_bucket_encryption, _WRITE),
    "GetBucketEncryption": Operation(configuration.get_bucket_encryption, _READ),
    "DeleteBucketEncryption": Operation(configuration.delete_bucket_encryption, _WRITE),
    "PutPublicAccessBlock": Operation(configuration.put_public_access_block, _WRITE_BLOCK),
    "GetPublicAccessBlock": Operation(configuration.get_public_access_block, _READ_BLOCK),
    "DeletePublicAccessBlock": Operation(configuration.delete_public_access_block, _WRITE_BLOCK),
    "PutBucketPolicy": Operation(policies.put_bucket_policy, on_bucket("PutBucketPolicy")),
    "GetBucketPolicy": Operation(policies.get_bucket_policy, on_bucket("GetBucketPolicy")),
    "GetBucketPolicyStatus": Operation(
        policies.get_bucket_policy_status, on_bucket("GetBucketPolicyStatus")
    ),
    "DeleteBucketPolicy": Operation(policies.delete_bucket_policy, on_bucket("DeleteBucketPolicy")),
}
_DATA: Mapping[str, Operation] = {
    "PutObject": Operation(writing.put_object, _PUT),
    "GetObject": Operation(reading.get_object, _GET),
    "HeadObject": Operation(reading.head_object, _GET),
    "CopyObject": Operation(copying.copy_object, to_copy),
    "UpdateObjectEncryption": Operation(
        rewrapping.update_object_encryption, on_object("UpdateObjectEncryption")
    ),
    "DeleteObject": Operation(
        deleting.delete_object, on_object("DeleteObject", "DeleteObjectVersion")
    ),
    "DeleteObjects": Operation(deleting.delete_objects, _nothing),
    "ListObjectsV2": Operation(listing.list_objects_v2, on_bucket("ListBucket")),
    "ListObjects": Operation(listing.list_objects, on_bucket("ListBucket")),
    "ListObjectVersions": Operation(listing.list_object_versions, on_bucket("ListBucketVersions")),
    "CreateMultipartUpload": Operation(multipart.create, _PUT),
    "UploadPart": Operation(multipart.upload_part, on_upload),
    "UploadPartCopy": Operation(copying.upload_part_copy, to_copy),
    "CompleteMultipartUpload": Operation(multipart.complete, on_upload),
    "AbortMultipartUpload": Operation(multipart.abort, on_object("AbortMultipartUpload")),
    "ListParts": Operation(uploads.list_parts, on_object("ListMultipartUploadParts")),
    "ListMultipartUploads": Operation(
        uploads.list_uploads, on_bucket("ListBucketMultipartUploads")
    ),
}
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {**_MANAGEMENT, **{name: each.as_data() for name, each in _DATA.items()}}
)
