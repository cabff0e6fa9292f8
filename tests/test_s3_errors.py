"""Buckets, their names and policies, and AWS's words for what goes wrong with them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from asking import allow
from botocore.exceptions import ClientError
from expect import refused
from objects import bucket, policy, read

from kmslab import Lab

NUMBERS = itertools.count()
NO_BUCKET = "The specified bucket does not exist"


@pytest.fixture
def records(s3: Any) -> str:
    """A bucket of the test."""
    return bucket(s3, f"records-{next(NUMBERS)}")


def status(caught: pytest.ExceptionInfo[ClientError]) -> int:
    """The HTTP status of an error."""
    return int(caught.value.response["ResponseMetadata"]["HTTPStatusCode"])


GOOD = ["abc", "a" * 63, "1.2.3", "a-b", "0-0", "xn-a", "a.b-c"]
BAD = ["ab", "a" * 64, "Records", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "192.168.5.4",
       "xn--abc", "sthree-a", "amzn-s3-demo-a", "a-s3alias", "a--ol-s3", "a.mrap", "a--x-s3",
       "a--table-s3"]  # fmt: skip


def test_bucket_names(s3: Any) -> None:
    for name in GOOD:
        made = s3.create_bucket(Bucket=name)
        assert made["Location"] == f"/{name}"
        s3.delete_bucket(Bucket=name)
    for name in BAD:
        with refused("InvalidBucketName", "The specified bucket is not valid.") as caught:
            s3.create_bucket(Bucket=name)
        assert status(caught) == 400


def test_a_name_belongs_to_one_account(lab: Lab, s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x")
    s3.create_bucket(
        Bucket=records
    )  # in us-east-1 one's own again is no error, and changes nothing
    assert read(s3, records, "a") == b"x"
    partner = lab.account("222222222222", name="partner").client("s3")
    taken = ("The requested bucket name is not available. The bucket namespace is shared by all "
             "users of the system. Please select a different name and try again.")  # fmt: skip
    with refused("BucketAlreadyExists", taken) as caught:
        partner.create_bucket(Bucket=records)
    assert status(caught) == 409
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket=records)
    s3.delete_object(Bucket=records, Key="a")
    s3.delete_bucket(Bucket=records)
    partner.create_bucket(Bucket=records)


def test_a_bucket_lies_where_it_was_made(lab: Lab, s3: Any) -> None:
    far, name = lab.client("s3", "eu-west-1"), f"records-{next(NUMBERS)}"
    here, there = ({"LocationConstraint": each} for each in ("us-west-2", "eu-west-1"))
    words = ("The {} constraint is incompatible for the region specific endpoint this request was "
             "sent to.")  # fmt: skip
    code = "IllegalLocationConstraintException"
    with refused(code, words.format("unspecified location")):
        far.create_bucket(Bucket=name)
    with refused(code, words.format("us-west-2 location")):
        far.create_bucket(Bucket=name, CreateBucketConfiguration=here)
    for wrong in ("nowhere", "us-east-1", ""):
        with refused("InvalidLocationConstraint"):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": wrong})
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=there)
    owned = "Your previous request to create the named bucket succeeded and you already own it."
    with refused("BucketAlreadyOwnedByYou", owned):
        far.create_bucket(Bucket=name, CreateBucketConfiguration=there)
    assert far.head_bucket(Bucket=name)["BucketArn"] == f"arn:aws:s3:::{name}"


NEEDS_A_BUCKET = {
    "get_object": {"Key": "a"}, "put_object": {"Key": "a"}, "delete_object": {"Key": "a"},
    "create_multipart_upload": {"Key": "a"}, "list_objects_v2": {}, "list_objects": {},
    "list_object_versions": {}, "delete_bucket": {}, "get_bucket_location": {},
    "get_bucket_encryption": {}, "delete_bucket_encryption": {}, "get_bucket_versioning": {},
    "get_bucket_policy": {}, "get_bucket_policy_status": {}, "delete_bucket_policy": {},
    "get_public_access_block": {}, "delete_public_access_block": {}, "list_multipart_uploads": {},
    "copy_object": {"Key": "a", "CopySource": "no-such-bucket/a"},
    "upload_part": {"Key": "a", "UploadId": "u", "PartNumber": 1},
    "delete_objects": {"Delete": {"Objects": [{"Key": "a"}]}},
    "put_bucket_policy": {"Policy": "{}"},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "put_public_access_block": {"PublicAccessBlockConfiguration": {}},
    "put_bucket_encryption": {"ServerSideEncryptionConfiguration": {"Rules": []}},
}  # fmt: skip


@pytest.mark.parametrize("operation", NEEDS_A_BUCKET)
def test_a_bucket_that_is_not_there(s3: Any, operation: str) -> None:
    with refused("NoSuchBucket", NO_BUCKET) as caught:
        getattr(s3, operation)(Bucket="no-such-bucket", **NEEDS_A_BUCKET[operation])
    assert status(caught) == 404


def test_head_requests_show_a_status_alone(s3: Any, records: str) -> None:
    for call in (
        lambda: s3.head_bucket(Bucket="no-such-bucket"),
        lambda: s3.head_object(Bucket="no-such-bucket", Key="a"),
        lambda: s3.head_object(Bucket=records, Key="none"),
    ):
        with refused("404", "Not Found") as caught:
            call()
        assert status(caught) == 404
    with refused("403", "Forbidden"):
        s3.head_bucket(Bucket=records, ExpectedBucketOwner="1" * 12)


def test_another_owner_than_expected_is_refused(lab: Lab, s3: Any, records: str) -> None:
    s3.list_objects_v2(Bucket=records, ExpectedBucketOwner=str(lab.account))
    for call, more in ((s3.list_objects_v2, {}), (s3.put_object, {"Key": "a"}),
                       (s3.delete_bucket, {})):  # fmt: skip
        with refused("AccessDenied", "Access Denied"):
            call(Bucket=records, ExpectedBucketOwner="1" * 12, **more)


def test_acls_are_off(s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="a", Body=b"x", ACL="bucket-owner-full-control")
    s3.put_object(Bucket=records, Key="a", Body=b"x", ACL="private")
    for more in ({"ACL": "public-read"}, {"GrantRead": 'id="x"'}):
        with refused("AccessControlListNotSupported", "The bucket does not allow ACLs"):
            s3.put_object(Bucket=records, Key="a", **more)
        with refused("AccessControlListNotSupported"):
            s3.copy_object(Bucket=records, Key="b", CopySource=f"{records}/a", **more)
        with refused(
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ):
            s3.create_bucket(Bucket="with-acl", **more)
    for more in ({"ObjectOwnership": "ObjectWriter"}, {"ObjectLockEnabledForBucket": True}):
        with refused("NotImplemented"):
            s3.create_bucket(Bucket="with-more", **more)
    s3.create_bucket(Bucket="with-less", ObjectOwnership="BucketOwnerEnforced")


def test_a_new_bucket_blocks_public_access(s3: Any, records: str) -> None:
    blocked = s3.get_public_access_block(Bucket=records)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert len(blocked) == 4
    s3.delete_public_access_block(Bucket=records)
    with refused(
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ):
        s3.get_public_access_block(Bucket=records)


def test_a_bucket_policy_is_kept_as_it_was_put(s3: Any, records: str) -> None:
    with refused("NoSuchBucketPolicy", "The bucket policy does not exist") as caught:
        s3.get_bucket_policy(Bucket=records)
    assert status(caught) == 404
    with refused("NoSuchBucketPolicy"):
        s3.get_bucket_policy_status(Bucket=records)
    s3.delete_bucket_policy(Bucket=records)
    arn = f"arn:aws:s3:::{records}"
    for resource in (arn, f"{arn}/*", f"{arn}*", [arn, f"{arn}/a/*"]):
        document = policy(allow("s3:*", resource=resource, Principal={"AWS": "222222222222"}))
        lab_known = policy(
            allow("s3:*", resource=resource, Principal={"Service": "logs.amazonaws.com"})
        )
        s3.put_bucket_policy(Bucket=records, Policy=" " + lab_known)
        assert s3.get_bucket_policy(Bucket=records)["Policy"] == " " + lab_known
        assert document
    s3.delete_bucket_policy(Bucket=records)
    with refused("NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=records)


NOT_JSON = "Policies must be valid JSON and the first byte must be '{'"
HERE = "arn:aws:s3:::{}/*"
NOBODY = {"AWS": "arn:aws:iam::999999999999:user/nobody"}
BAD_POLICIES = {
    "empty": ("", NOT_JSON),
    "a list": ("[]", NOT_JSON),
    "no JSON": ("{", None),
    "nothing in it": ("{}", None),
    "no statement": (policy(), "Missing required field Statement"),
    "a principal that isn't there": (policy(allow("s3:*", resource=HERE, Principal=NOBODY)),
        "Invalid principal in policy"),
    "no principal": (policy(allow("s3:*", resource=HERE)), None),
    "an action of KMS": (policy(allow("kms:Decrypt", resource=HERE, Principal="*")),
        "Policy has invalid action"),
    "another bucket": (policy(allow("s3:*", resource="arn:aws:s3:::other/*", Principal="*")),
        "Policy has invalid resource"),
    "a bucket with a longer name": (policy(allow("s3:*", resource="arn:aws:s3:::{}-b/*",
        Principal="*")), "Policy has invalid resource"),
    "no resource": ('{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", '
        '"Action": "s3:*"}}', "Missing required field Resource"),
    "an unknown effect": (policy({**allow("s3:*", resource=HERE, Principal="*"),
        "Effect": "Maybe"}), None),
    "too long": (policy(allow("s3:*", resource=[HERE] * 2_000, Principal="*")),
        "A bucket policy has at most 20480 bytes."),
    "very deep": ('{"a":' * 3_000 + "1" + "}" * 3_000, None),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_POLICIES)
def test_what_is_no_bucket_policy(s3: Any, records: str, case: str) -> None:
    document, words = BAD_POLICIES[case]
    s3.delete_public_access_block(Bucket=records)
    with refused("MalformedPolicy", words) as caught:
        s3.put_bucket_policy(Bucket=records, Policy=document.replace("{}/*", f"{records}/*")
                             .replace("{}-b", f"{records}-b"))  # fmt: skip
    assert status(caught) == 400
    assert caught.value.response["Error"]["Message"]
    with refused("NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=records)


def test_a_statement_alone_and_not_actions_are_read_too(s3: Any, records: str) -> None:
    start = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", '
    arn = f"arn:aws:s3:::{records}"
    s3.put_bucket_policy(Bucket=records, Policy=start + f'"Action": "*", "Resource": "{arn}/x"}}}}')
    with refused("AccessDenied"):
        s3.put_object(Bucket=records, Key="x")
    for rest, words in (
        (f'"NotAction": "kms:*", "Resource": "{arn}/*"}}}}', "Policy has invalid action"),
        ('"Action": "s3:*", "NotResource": "arn:aws:s3:::other"}}', "Policy has invalid resource"),
    ):
        with refused("MalformedPolicy", words):
            s3.put_bucket_policy(Bucket=records, Policy=start + rest)


def test_a_principal_that_was_deleted_cannot_call(lab: Lab, records: str) -> None:
    alice = lab.user("alice", policy=[allow("s3:*")])
    client = alice.client("s3")
    client.put_object(Bucket=records, Key="a", Body=b"x")
    iam = lab.client("iam")
    iam.delete_user_policy(
        UserName="alice", PolicyName=iam.list_user_policies(UserName="alice")["PolicyNames"][0]
    )
    with refused("AccessDenied"):
        read(client, records, "a")
    iam.delete_user(UserName="alice")
    with refused("InvalidAccessKeyId") as caught:
        read(client, records, "a")
    assert status(caught) == 403


def test_a_session_that_is_over_is_told_so(lab: Lab, records: str) -> None:
    client = lab.role("reader", policy=[allow("s3:*")]).session("one").client("s3")
    client.list_objects_v2(Bucket=records)
    lab.clock.advance(hours=2)
    with refused("ExpiredToken") as caught:
        client.list_objects_v2(Bucket=records)
    assert status(caught) == 400


def test_the_request_id_is_in_the_answer(s3: Any, records: str) -> None:
    made = s3.put_object(Bucket=records, Key="a", Body=b"x")
    assert len(made["ResponseMetadata"]["RequestId"]) == 16
    with refused("NoSuchKey") as caught:
        read(s3, records, "none")
    assert len(caught.value.response["ResponseMetadata"]["RequestId"]) == 16
