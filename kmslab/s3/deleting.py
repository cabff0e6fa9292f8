"""DeleteObject and DeleteObjects. They need no key: nobody has to read what goes.

In a bucket with versions, deleting an object without naming one adds a delete marker, and
everything is still there; naming a version deletes it for good. Source: "Deleting object versions".
"""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.s3 import errors, names, permissions, records
from kmslab.s3.records import Bucket, Object
from kmslab.s3.request import Request

MOST_AT_ONCE = 1_000


def delete_object(request: Request) -> Output:
    """DeleteObject: also of one that isn't there."""
    return _delete(request, names.bucket(request), request.get("Key"), request.get("VersionId"))


def delete_objects(request: Request) -> Output:
    """DeleteObjects: up to 1,000; each is decided by itself."""
    bucket, asked = names.bucket(request), request.get("Delete")
    if not 0 < len(asked["Objects"]) <= MOST_AT_ONCE:
        raise errors.error("MalformedXML")
    deleted, failed = list[Output](), list[Output]()
    for each in asked["Objects"]:
        key, version = each["Key"], each.get("VersionId")
        try:
            _check(request, bucket, key, version)
            done = _delete(request, bucket, key, version)
        except AwsError as error:
            failed.append({"Key": key, "Code": error.code, "Message": error.message})
            continue
        deleted.append(_told(key, version, done))
    return {
        **({} if asked.get("Quiet") or not deleted else {"Deleted": deleted}),
        **({"Errors": failed} if failed else {}),
    }


def _check(request: Request, bucket: Bucket, key: str, version: str | None) -> None:
    action = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
    call = request.call.without_bytes()
    ask = permissions.on(call, action, bucket, f"{bucket.arn}/{key}")
    request.rooms.authorizer.check(call, ask)


def _told(key: str, version: str | None, done: Output) -> Output:
    if version:
        of_marker = {"DeleteMarker": True, "DeleteMarkerVersionId": version}
        return {"Key": key, "VersionId": version} | (of_marker if done.get("DeleteMarker") else {})
    if done.get("DeleteMarker"):
        return {"Key": key, "DeleteMarker": True, "DeleteMarkerVersionId": done["VersionId"]}
    return {"Key": key}


def _delete(request: Request, bucket: Bucket, key: str, version: str | None) -> Output:
    store = request.rooms.store
    with store.transaction():
        if bucket.versioning and not version:
            files, said = _mark(request, bucket, key)
        else:
            files, said = list[str](), Output()
            found = records.find_object(store, bucket.name, key, version or records.NO_VERSION)
            if found is not None:
                files = records.remove_version(store, bucket.name, key, found.version)
                said = {"VersionId": version} if version else {}
                said |= {"DeleteMarker": True} if found.is_marker else {}
    request.rooms.files.remove(files)
    return said


def _mark(request: Request, bucket: Bucket, key: str) -> tuple[list[str], Output]:
    """Adds a delete marker; while versioning is suspended it replaces the version without an id."""
    rooms, files = request.rooms, list[str]()
    version = records.NO_VERSION
    if bucket.versioning == "Enabled":
        version = rooms.settings.new_hex("version", 32)
    else:
        files = records.remove_version(rooms.store, bucket.name, key, version)
    marker = Object(0, bucket.name, key, version, request.now, 0, is_marker=True)
    records.add_object(rooms.store, marker, ())
    return files, {"DeleteMarker": True, "VersionId": version}
