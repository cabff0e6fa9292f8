"""Keys that AWS services use by themselves: what their account sees of them and may do.

The policy of aws/s3 is worded as AWS's own is; so are the descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from working import MODEL, SYMMETRIC, THERE, World, kind, prepare

from kmslab import Lab
from kmslab.kms import service_keys
from kmslab.kms.operations import OPERATIONS

MANAGED = ("s3", "ebs", "secretsmanager", "ssm")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A lab in which every service was used once."""
    with Lab() as lab:
        for service in service_keys.SERVICES:
            lab.first_use(service)
        yield World(lab)


def _managed(world: World, service: str = "s3") -> dict[str, Any]:
    shown: dict[str, Any] = world.kms.describe_key(KeyId=f"alias/aws/{service}")["KeyMetadata"]
    return shown


def test_first_use_says_which_kind_of_key_it_was(fresh: Lab) -> None:
    assert fresh.first_use("s3") == "alias/aws/s3"
    assert fresh.first_use("dynamodb") == "AWS owned key"
    with pytest.raises(ValueError, match="service='lambda': one of s3, ebs, "):
        fresh.first_use("lambda")


DESCRIPTIONS = {
    "s3": "Default key that protects my S3 objects when no other key is defined",
    "ebs": "Default key that protects my EBS volumes when no other key is defined",
    "secretsmanager": "Default key that protects my Secrets Manager data when no other key is "
    "defined",
    "ssm": "Default key that protects my SSM parameters when no other key is defined",
}


@pytest.mark.parametrize("service", MANAGED)
def test_an_aws_managed_key_is_in_the_account_and_shows_itself(world: World, service: str) -> None:
    shown = _managed(world, service)
    assert shown == shown | {
        "KeyManager": "AWS",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "MultiRegion": False,
        "Description": DESCRIPTIONS[service],
        "AWSAccountId": world.lab.account,
    }
    assert shown["KeyId"] in {entry["KeyId"] for entry in world.kms.list_keys()["Keys"]}
    (alias,) = world.kms.list_aliases(KeyId=shown["KeyId"])["Aliases"]
    assert alias["AliasName"] == f"alias/aws/{service}"


def test_a_service_keeps_its_key(world: World) -> None:
    before = _managed(world)["KeyId"]
    world.lab.first_use("s3")
    assert _managed(world)["KeyId"] == before
    assert len(world.kms.list_keys()["Keys"]) == len(MANAGED)


def test_each_region_has_its_own(world: World) -> None:
    there = World(world.lab, THERE)
    with refused("NotFoundException"):
        _managed(there)
    world.lab.first_use("s3", region=THERE)
    assert _managed(there)["KeyId"] != _managed(world)["KeyId"]
    policy = there.kms.get_key_policy(KeyId=_managed(there)["KeyId"])["Policy"]
    assert f"s3.{THERE}.amazonaws.com" in policy


def test_the_policy_of_aws_s3_reads_as_awss_own(world: World) -> None:
    answer = world.kms.get_key_policy(KeyId=_managed(world)["KeyId"])
    policy = json.loads(answer["Policy"])
    assert policy == {
        "Version": "2012-10-17",
        "Id": "auto-s3-2",
        "Statement": [
            {
                "Sid": "Allow access through S3 for all principals in the account that are "
                "authorized to use S3",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [
                    *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"),
                    "kms:DescribeKey",
                ],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "kms:ViaService": "s3.us-east-1.amazonaws.com",
                        "kms:CallerAccount": world.lab.account,
                    }
                },
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{world.lab.account}:root"},
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
                "Resource": "*",
            },
        ],
    }


def test_services_that_lend_their_key_have_grants_in_its_policy(world: World) -> None:
    for service in MANAGED:
        policy = world.kms.get_key_policy(KeyId=_managed(world, service)["KeyId"])["Policy"]
        lends = service in ("ebs", "secretsmanager")
        assert ("kms:CreateGrant" in policy, "kms:RevokeGrant" in policy) == (lends, lends)


LOOKS = ("Describe", "Get", "List")
# Operations that a key of this kind could be used with, if it were one's own.
ABOUT_A_KEY = [
    operation
    for operation in OPERATIONS
    if MODEL.operation_model(operation).input_shape.members.keys() & {"KeyId", "TargetKeyId"}
    and kind(operation) == SYMMETRIC
    and operation not in ("Decrypt", "RetireGrant")
]


def _about(world: World, operation: str, key: str) -> dict[str, Any]:
    """A request that works with a key of one's own, about another one."""
    parameters = prepare(world, operation)
    member = "TargetKeyId" if "TargetKeyId" in parameters else "KeyId"
    return {**parameters, member: key}


@pytest.mark.parametrize("operation", ABOUT_A_KEY)
def test_the_account_may_look_at_the_key_and_nothing_else(world: World, operation: str) -> None:
    shown = _managed(world)
    parameters = _about(world, operation, shown["KeyId"])
    if operation.startswith(LOOKS):
        world.call(operation, parameters)
        return
    message = (
        f"User: {world.lab.admin.arn} is not authorized to perform: kms:{operation} on resource: "
        f"{shown['Arn']} because no resource-based policy allows the kms:{operation} action"
    )
    with refused("AccessDeniedException", message):
        world.call(operation, parameters)
    assert _managed(world) == shown
    event = world.lab.trail().named(operation)[-1]
    assert event["errorCode"] == "AccessDenied"


def test_nothing_is_encrypted_from_or_to_the_key_directly(world: World) -> None:
    blob = prepare(world, "Decrypt")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        world.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId="alias/aws/s3")
    with refused("AccessDeniedException"):
        world.kms.encrypt(KeyId="alias/aws/s3", Plaintext=b"x")


def test_the_account_may_revoke_grants_where_the_policy_says_so(world: World) -> None:
    key = _managed(world, "ebs")["KeyId"]
    with refused("NotFoundException"):
        world.kms.revoke_grant(KeyId=key, GrantId="0" * 64)
    with refused("AccessDeniedException"):
        world.kms.revoke_grant(KeyId=_managed(world)["KeyId"], GrantId="0" * 64)


def test_the_alias_is_aws_s_own(world: World) -> None:
    mine = world.key()
    with refused("InvalidAliasNameException"):
        world.kms.create_alias(AliasName="alias/aws/s3", TargetKeyId=mine)
    with refused("ValidationException"):
        world.kms.update_alias(AliasName="alias/aws/s3", TargetKeyId=mine)
    with refused("AccessDeniedException"):
        world.kms.delete_alias(AliasName="alias/aws/s3")
    with refused("AccessDeniedException"):
        world.kms.create_alias(AliasName="alias/mine", TargetKeyId=_managed(world)["KeyId"])
    assert _managed(world)["KeyManager"] == "AWS"


def test_an_aws_managed_key_rotates_every_year(fresh: Lab) -> None:
    fresh.first_use("s3")
    world = World(fresh)
    first = _managed(world)
    status = world.kms.get_key_rotation_status(KeyId=first["KeyId"])
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    assert (status["NextRotationDate"] - first["CreationDate"]).days in (364, 365)
    for years in (1, 2):
        fresh.clock.advance(days=365)
        rotations = world.kms.list_key_rotations(KeyId=first["KeyId"])["Rotations"]
        assert [each["RotationType"] for each in rotations] == ["AUTOMATIC"] * years
    assert _managed(world)["CurrentKeyMaterialId"] != first["CurrentKeyMaterialId"]
    assert [event["eventName"] for event in fresh.trail().named("RotateKey")] == ["RotateKey"] * 2


def test_an_aws_owned_key_is_seen_nowhere(world: World) -> None:
    kms, store = world.kms, world.lab._rooms.store
    rows = store.rows("SELECT key_id, region FROM kms_key WHERE account <> ?", (world.lab.account,))
    ((key, region),) = rows  # there is one, in an account of AWS's
    assert region == "us-east-1"
    assert key not in {entry["KeyId"] for entry in kms.list_keys()["Keys"]}
    assert "alias/aws/dynamodb" not in {each["AliasName"] for each in kms.list_aliases()["Aliases"]}
    for name in (key, "alias/aws/dynamodb", UNKNOWN_ID):
        with refused("NotFoundException"):
            kms.describe_key(KeyId=name)
    arn = f"arn:aws:kms:us-east-1:{service_keys.AWS_ACCOUNT}"
    messages = set()
    for resource in (f"key/{key}", f"key/{UNKNOWN_ID}", "alias/aws/dynamodb"):
        with refused("AccessDeniedException") as caught:
            kms.describe_key(KeyId=f"{arn}:{resource}")
        messages.add(str(caught.value))
    assert len(messages) == 1  # nothing says whether there is such a key
    assert key not in str([event["resources"] for event in world.lab.trail()])


def test_an_aws_owned_key_is_made_once(fresh: Lab) -> None:
    for _ in range(2):
        fresh.first_use("dynamodb")
    fresh.first_use("dynamodb", region=THERE)
    count = "SELECT region, count(*) FROM kms_key GROUP BY region ORDER BY region"
    assert fresh._rooms.store.rows(count) == [(THERE, 1), ("us-east-1", 1)]
