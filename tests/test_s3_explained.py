"""What explain, simulate and who_can say of S3, and what becomes of names in bucket policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kmslab import Lab

BUCKET, KEY = "records", "letter.txt"
ARN = f"arn:aws:s3:::{BUCKET}"
READS = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{ARN}/*"}


@pytest.fixture
def clinic() -> Iterator[Lab]:
    """A lab with one object under a key of the clinic's."""
    with Lab() as lab:
        s3, kms = lab.client("s3"), lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["Arn"]
        s3.create_bucket(Bucket=BUCKET)
        asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"dear patient", **asked)
        yield lab


def read(who: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        who.client("s3").get_object(Bucket=BUCKET, Key=KEY)
    return refused.value


def put_policy(lab: Lab, *statements: dict[str, Any]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    lab.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=document)


def test_a_refusal_of_kms_through_s3_is_explained_as_kms_decided_it(clinic: Lab) -> None:
    error = read(clinic.user("nurse", policy=READS))
    for explanation in (clinic.explain(), clinic.explain(error)):
        assert explanation.decision.request.action == "kms:Decrypt"
        assert "Before that, s3:GetObject: Allowed" in repr(explanation)


def test_an_older_refusal_is_still_found_by_its_error(clinic: Lab) -> None:
    nurse = read(clinic.user("nurse", policy=READS))
    bob = read(clinic.user("bob"))
    assert clinic.explain(nurse).decision.request.action == "kms:Decrypt"
    assert clinic.explain(bob).decision.request.action == "s3:GetObject"


def test_a_call_that_was_allowed_shows_both_decisions(clinic: Lab) -> None:
    clinic.client("s3").get_object(Bucket=BUCKET, Key=KEY)
    shown = repr(clinic.explain())
    assert "kms:Decrypt" in shown
    assert "Before that, s3:GetObject" in shown


@pytest.mark.parametrize("service", ["iam", "sts", "s3", "cloudtrail"])
def test_a_failed_call_of_any_service_is_the_last_one(clinic: Lab, service: str) -> None:
    clinic.client("kms").list_keys()
    calls = {
        "iam": lambda client: client.get_user(UserName="nobody"),
        "sts": lambda client: client.assume_role(
            RoleArn=f"arn:aws:iam::{clinic.account}:role/none", RoleSessionName="x y"
        ),
        "s3": lambda client: client.get_object(Bucket="none-such", Key="x"),
        "cloudtrail": lambda client: client.lookup_events(NextToken="no"),
    }
    with pytest.raises(ClientError) as failed:
        calls[service](clinic.client(service))
    told = clinic.explain()
    assert told.code == failed.value.response["Error"]["Code"]


def test_an_error_of_kms_that_s3_passes_on_has_kms_advice(clinic: Lab) -> None:
    key = clinic.client("s3").head_object(Bucket=BUCKET, Key=KEY)["SSEKMSKeyId"]
    clinic.client("kms").disable_key(KeyId=key)
    error = read(clinic.admin)
    assert error.response["Error"]["Code"] == "KMS.DisabledException"
    assert "enable_key" in repr(clinic.explain(error))


def test_simulate_asks_the_bucket_policy(clinic: Lab) -> None:
    bob = clinic.user("bob")
    assert not clinic.simulate(bob, "s3:GetObject", f"{ARN}/{KEY}").allowed
    put_policy(clinic, {**READS, "Principal": {"AWS": bob.arn}})
    assert clinic.simulate(bob, "s3:GetObject", f"{ARN}/{KEY}").allowed
    assert not clinic.simulate(bob, "s3:PutObject", f"{ARN}/{KEY}").allowed
    supposed = {**READS, "Action": "s3:PutObject", "Principal": {"AWS": bob.arn}}
    document = json.dumps({"Version": "2012-10-17", "Statement": supposed})
    assert clinic.simulate(bob, "s3:PutObject", f"{ARN}/{KEY}", policy=document).allowed
    assert bob.arn in clinic.who_can(f"{ARN}/{KEY}", "s3:GetObject")
    assert bob.arn not in clinic.who_can("arn:aws:s3:::another/x", "s3:GetObject")


def test_a_deleted_user_leaves_its_id_in_a_bucket_policy(clinic: Lab) -> None:
    bob = clinic.user("bob")
    put_policy(clinic, {**READS, "Principal": {"AWS": bob.arn}})
    clinic.client("iam").delete_user(UserName="bob")
    policy = clinic.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"]
    assert bob.unique_id in policy
    assert bob.arn not in policy
    again = clinic.user("bob")
    assert read(again).response["Error"]["Code"] == "AccessDenied"
