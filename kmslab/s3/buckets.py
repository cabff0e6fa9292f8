"""CreateBucket, DeleteBucket, HeadBucket, ListBuckets, GetBucketLocation, and versioning.

A new bucket encrypts with SSE-S3, takes no SSE-C, lets no public policy in and has no ACLs, as AWS
makes them now (since January 2023 and April 2023, SSE-C since April 2026).
"""

from __future__ import annotations

from dataclasses import replace

from kmslab.aws import regions
from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms.timing import when
from kmslab.s3 import errors, names, records, uploads
from kmslab.s3.records import Bucket
from kmslab.s3.request import Request


def create_bucket(request: Request) -> Output:
    """CreateBucket. One's own bucket again is answered as a new one in us-east-1, as AWS does."""
    name, region = request.get("Bucket"), _region(request)
    _check_ownership(request)
    rooms = request.rooms
    with rooms.store.transaction():
        known = records.find_bucket(rooms.store, name)
        if known is None:
            made = Bucket(name, request.call.account, region, request.now)
            records.save_bucket(rooms.store, made)
        elif known.account != request.call.account:
            raise errors.error("BucketAlreadyExists")
        elif region != regions.DEFAULT:
            raise errors.error("BucketAlreadyOwnedByYou")
    return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}


def delete_bucket(request: Request) -> Output:
    """DeleteBucket: only an empty one goes; uploads that were never completed go with it."""
    store, bucket = request.rooms.store, names.bucket(request)
    with store.transaction():
        if not records.is_empty(store, bucket.name):
            raise errors.error("BucketNotEmpty")
        files = uploads.forget_all(store, bucket.name)
        records.remove_bucket(store, bucket.name)
    request.rooms.files.remove(files)
    return {}


def head_bucket(request: Request) -> Output:
    """HeadBucket."""
    bucket = names.bucket(request)
    return {"BucketRegion": bucket.region, "BucketArn": bucket.arn, "AccessPointAlias": False}


def list_buckets(request: Request) -> Output:
    """ListBuckets: those of the caller's account, all on one page."""
    prefix = request.get("Prefix", "")
    found = [
        {
            "Name": bucket.name,
            "CreationDate": when(bucket.created),
            "BucketRegion": bucket.region,
            "BucketArn": bucket.arn,
        }
        for bucket in records.buckets_of(request.rooms.store, request.call.account)
        if bucket.name.startswith(prefix) and request.get("BucketRegion") in (None, bucket.region)
    ]
    return {"Buckets": found, "Owner": {"ID": request.call.account}}


def get_bucket_location(request: Request) -> Output:
    """GetBucketLocation: the Region; nothing for us-east-1, as ever."""
    region = names.bucket(request).region
    return {"LocationConstraint": None if region == regions.DEFAULT else region}


def put_bucket_versioning(request: Request) -> Output:
    """PutBucketVersioning: once enabled, it can be suspended and never taken away."""
    asked = request.get("VersioningConfiguration").get("Status")
    if asked not in ("Enabled", "Suspended"):
        raise errors.error("MalformedXML")
    with request.rooms.store.transaction():
        changed = replace(names.bucket(request), versioning=asked)
        records.save_bucket(request.rooms.store, changed)
    return {}


def get_bucket_versioning(request: Request) -> Output:
    """GetBucketVersioning: nothing for a bucket that never had versions."""
    status = names.bucket(request).versioning
    return {"Status": status} if status else {}


def _check_ownership(request: Request) -> None:
    if names.has_acl(request):
        raise errors.error("InvalidBucketAclWithObjectOwnership")
    for name, known in (
        ("ObjectOwnership", "BucketOwnerEnforced"),
        ("ObjectLockEnabledForBucket", False),
    ):
        if request.get(name, known) != known:
            raise errors.unanswered(name, request.get(name))


def _region(request: Request) -> str:
    """Where a new bucket lies: LocationConstraint says it, except in us-east-1."""
    asked = (request.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
    here: str = request.call.region
    if asked is not None and (asked not in regions.names() or asked == regions.DEFAULT):
        raise AwsError(
            "InvalidLocationConstraint", "The specified location-constraint is not valid"
        )
    if here == regions.DEFAULT:
        return asked or here
    if asked != here:
        what = f"{asked} location" if asked else "unspecified location"
        raise errors.error(
            "IllegalLocationConstraintException",
            f"The {what} constraint is incompatible for the region specific endpoint this request "
            "was sent to.",
        )
    return here
