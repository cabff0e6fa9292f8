"""GetKeyLastUsage: which calls count, for which key, and that it stays quick."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from working import (
    IMPORTED,
    MODEL,
    SHARED,
    TEXT,
    THERE,
    World,
    kind,
    one_rsa_key,
    prepare,
)

from kmslab import Lab
from kmslab.kms.operations import OPERATIONS

# What AWS counts, in its model's own words.
COUNTED = set(
    MODEL.shape_for("GetKeyLastUsageResponse").members["KeyLastUsage"].members["Operation"].enum
)
NOT_COUNTED = [
    *("DescribeKey", "GetPublicKey", "EnableKey", "UpdateKeyDescription", "CreateGrant"),
    *("RotateKeyOnDemand", "ListGrants", "GetKeyPolicy", "TagResource", "GetKeyLastUsage"),
]


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


def last(world: World, key: str) -> dict[str, Any]:
    """The last use of a key; empty if there was none."""
    used: dict[str, Any] = world.kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
    return used


def test_a_new_key_was_not_used(world: World) -> None:
    made = world.kms.create_key()["KeyMetadata"]
    answer = world.kms.get_key_last_usage(KeyId=made["KeyId"])
    assert answer["KeyId"] == made["Arn"]
    assert answer["KeyLastUsage"] == {}
    assert answer["KeyCreationDate"] == made["CreationDate"]
    assert answer["TrackingStartDate"] == made["CreationDate"]


def test_aws_counts_fourteen_operations() -> None:
    assert len(COUNTED) == 14
    assert set(OPERATIONS) > COUNTED


@pytest.mark.parametrize("operation", sorted(COUNTED))
def test_a_use_is_shown_with_its_time_and_event(world: World, operation: str) -> None:
    key = world.key(**kind(operation))
    asked = prepare(world, operation, key)
    answer = world.call(operation, asked)
    used, event = last(world, key), world.lab.trail().named(operation)[-1]
    assert used["Operation"] == operation
    assert used["KmsRequestId"] == answer["ResponseMetadata"]["RequestId"] == event["requestID"]
    assert used["CloudTrailEventId"] == event["eventID"]
    assert isinstance(used["Timestamp"], datetime)
    assert used["Timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ") == event["eventTime"]


@pytest.mark.parametrize("operation", NOT_COUNTED)
def test_what_is_no_cryptography_does_not_count(world: World, operation: str) -> None:
    key = world.key(**kind(operation))
    world.call(operation, prepare(world, operation, key))
    assert last(world, key) == {}


def test_the_newest_use_is_shown(world: World) -> None:
    key = world.key()
    blob = world.kms.encrypt(KeyId=key, Plaintext=TEXT)["CiphertextBlob"]
    world.kms.decrypt(CiphertextBlob=blob)
    assert last(world, key)["Operation"] == "Decrypt"
    world.kms.encrypt(KeyId=key, Plaintext=TEXT)
    assert last(world, key)["Operation"] == "Encrypt"


@pytest.mark.parametrize("end", ["source", "destination"])
def test_re_encrypt_counts_for_both_its_keys(world: World, end: str) -> None:
    keys = {name: world.key() for name in ("source", "destination")}
    blob = world.kms.encrypt(KeyId=keys["source"], Plaintext=TEXT)["CiphertextBlob"]
    answer = world.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=keys["destination"])
    used = last(world, keys[end])
    assert used["Operation"] == "ReEncrypt"
    assert used["KmsRequestId"] == answer["ResponseMetadata"]["RequestId"]
    assert last(world, world.key()) == {}
    world.kms.encrypt(KeyId=keys[end], Plaintext=TEXT)
    assert last(world, keys[end])["Operation"] == "Encrypt"


def test_calls_that_failed_do_not_count(world: World) -> None:
    key = world.key()
    blob = world.kms.encrypt(KeyId=key, Plaintext=TEXT)["CiphertextBlob"]
    with refused("InvalidCiphertextException"):
        world.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})
    with refused("DryRunOperationException"):
        world.kms.decrypt(CiphertextBlob=blob, DryRun=True)
    with refused("InvalidKeyUsageException"):
        world.kms.encrypt(KeyId=key, Plaintext=TEXT, EncryptionAlgorithm="RSAES_OAEP_SHA_1")
    world.kms.disable_key(KeyId=key)
    with refused("DisabledException"):
        world.kms.decrypt(CiphertextBlob=blob)
    with refused("DisabledException"):
        world.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=world.key())
    assert last(world, key)["Operation"] == "Encrypt"


def test_a_re_encryption_that_failed_counts_for_neither_key(world: World) -> None:
    source, destination = world.key(), world.key()
    blob = world.kms.generate_data_key(KeyId=source, KeySpec="AES_256")["CiphertextBlob"]
    with refused("InvalidCiphertextException"):
        world.kms.re_encrypt(
            CiphertextBlob=blob,
            DestinationKeyId=destination,
            SourceEncryptionContext={"a": "b"},
        )
    assert last(world, source)["Operation"] == "GenerateDataKey"
    assert last(world, destination) == {}


def test_each_region_of_a_key_has_its_own_last_use(world: World) -> None:
    key, there = world.key(**SHARED), World(world.lab, THERE)
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.settle()
    world.kms.encrypt(KeyId=key, Plaintext=TEXT)
    assert last(there, key) == {}
    there.kms.generate_data_key(KeyId=key, KeySpec="AES_128")
    assert last(world, key)["Operation"] == "Encrypt"
    assert last(there, key)["Operation"] == "GenerateDataKey"


def test_a_key_in_any_state_shows_its_last_use(world: World) -> None:
    key = world.key()
    world.kms.encrypt(KeyId=key, Plaintext=TEXT)
    world.kms.schedule_key_deletion(KeyId=key)
    assert last(world, key)["Operation"] == "Encrypt"
    assert last(world, world.key(**IMPORTED)) == {}
    with refused("NotFoundException"):
        last(world, UNKNOWN_ID)
    with refused("InvalidArnException", "Key Aliases are not supported for this operation."):
        last(world, "alias/x")


def _steps(world: World, key: str) -> int:
    """How many steps SQLite's machine takes for it; times say little on a busy computer."""
    store, count = world.lab._rooms.store, 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    store._connection.set_progress_handler(step, 10)
    last(world, key)
    store._connection.set_progress_handler(None, 10)
    return count


def test_a_long_trail_does_not_slow_it_down(fresh: Lab) -> None:
    world, store = World(fresh), fresh._rooms.store
    key, other = world.key(), world.key()
    world.kms.encrypt(KeyId=key, Plaintext=TEXT)
    few = _steps(world, key)
    blob = world.kms.encrypt(KeyId=other, Plaintext=TEXT)["CiphertextBlob"]
    world.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)
    for _ in range(11):
        store.write(
            "INSERT INTO event (request_id, time, service, operation, region, recipient, "
            "user_agent, identity, resources, details) SELECT request_id, time, service, "
            "operation, region, recipient, user_agent, identity, resources, details "
            "FROM event WHERE resources LIKE ?",
            (f"%{other}",),
        )
    assert store.row("SELECT count(*) > 5000 FROM event") == (1,)
    assert last(world, other)["Operation"] == "ReEncrypt"  # each event is looked at once
    assert _steps(world, key) < 2 * few


def test_the_event_of_a_strangers_use_is_found_in_the_owners_trail(fresh: Lab) -> None:
    world, stranger = World(fresh), fresh.account("222222222222")
    key = world.key()
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{each}:root"]},
                "Action": "kms:*",
                "Resource": "*",
            }
            for each in (fresh.account, stranger.number)
        ],
    }
    world.kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    stranger.client("kms").encrypt(KeyId=world.arn(key), Plaintext=TEXT)
    assert last(world, key)["CloudTrailEventId"] == fresh.trail().named("Encrypt")[-1]["eventID"]
