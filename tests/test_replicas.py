"""Multi-Region keys: one key in several Regions, what they share, and what each has of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from expect import invalid, refused

from kmslab import Lab
from kmslab.kms import creating

HERE, THERE, FAR = "us-east-1", "eu-central-1", "ap-south-1"
GRANTEE = "arn:aws:iam::111122223333:user/alice"
KINDS = {
    "RSA": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    "HMAC": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "ECC": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "Ed25519": {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
    "ML-KEM": {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
}


@pytest.fixture(scope="module")
def there(lab: Lab) -> Any:
    """The client of a second Region."""
    return lab.client("kms", THERE)


@pytest.fixture(scope="module")
def far(lab: Lab) -> Any:
    """The client of a third Region."""
    return lab.client("kms", FAR)


def _key(lab: Lab, *regions: str, **parameters: Any) -> str:
    """A primary key here with replicas in these Regions, all of them Enabled."""
    kms = lab.client("kms")
    key: str = kms.create_key(MultiRegion=True, **parameters)["KeyMetadata"]["KeyId"]
    for region in regions:
        kms.replicate_key(KeyId=key, ReplicaRegion=region)
    lab.clock.advance(seconds=6)
    return key


def _shown(kms: Any, key: str) -> dict[str, Any]:
    metadata: dict[str, Any] = kms.describe_key(KeyId=key)["KeyMetadata"]
    return metadata


def _state(kms: Any, key: str) -> str:
    state: str = _shown(kms, key)["KeyState"]
    return state


def _arn(lab: Lab, region: str, key: str) -> str:
    return f"arn:aws:kms:{region}:{lab.account}:key/{key}"


# How a replica comes to be


def test_a_replica_has_the_primarys_id_and_is_creating_for_5_seconds() -> None:
    with Lab(seed=12) as lab:
        kms, there = lab.client("kms"), lab.client("kms", THERE)
        key = kms.create_key(MultiRegion=True, Description="the primary")["KeyMetadata"]["KeyId"]
        assert key.startswith("mrk-")
        start = lab.clock.now()
        made = kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
        replica = made["ReplicaKeyMetadata"]
        assert replica["KeyId"] == key
        assert replica["Arn"] == _arn(lab, THERE, key)
        assert (replica["KeyState"], replica["Enabled"]) == ("Creating", False)
        assert replica["Description"] == ""
        assert replica["CreationDate"] == start
        assert replica["MultiRegionConfiguration"] == {
            "MultiRegionKeyType": "REPLICA",
            "PrimaryKey": {"Arn": _arn(lab, HERE, key), "Region": HERE},
            "ReplicaKeys": [{"Arn": _arn(lab, THERE, key), "Region": THERE}],
        }
        assert made["ReplicaTags"] == []
        assert there.get_key_policy(KeyId=key)["Policy"] == made["ReplicaPolicy"]
        with refused("KMSInvalidStateException", f"{replica['Arn']} is creating."):
            there.encrypt(KeyId=key, Plaintext=b"x")
        lab.clock.advance(seconds=5 - (lab.clock.now() - start).total_seconds() - 1)
        assert _state(there, key) == "Creating"
        assert _state(there, key) == "Enabled"
        names = [event["eventName"] for event in lab.trail() if event["awsRegion"] == THERE]
        assert names.count("CreateKey") == 1
        (event,) = lab.trail().named("SynchronizeMultiRegionKey")
        assert event["resources"][0]["ARN"] == _arn(lab, HERE, key)
        assert len(lab.trail().named("ReplicateKey")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_is_replicated_with_its_material(
    lab: Lab, kms: Any, there: Any, kind: str
) -> None:
    key = _key(lab, THERE, **KINDS[kind])
    shown = _shown(there, key)
    if kind == "HMAC":
        mac = kms.generate_mac(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
        asked = {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256", "Mac": mac}
        assert there.verify_mac(KeyId=key, **asked)["MacValid"]
        return
    assert (
        kms.get_public_key(KeyId=key)["PublicKey"] == there.get_public_key(KeyId=key)["PublicKey"]
    )
    if kind == "ML-KEM":
        made = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
        opened = there.decapsulate(
            KeyId=key,
            EncapsulationAlgorithm="ML_KEM",
            SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"],
        )
        assert opened["SharedSecret"] == made["SharedSecret"]
    elif kind == "RSA":
        algorithm = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        blob = kms.encrypt(KeyId=key, Plaintext=b"text", **algorithm)["CiphertextBlob"]
        opened = there.decrypt(KeyId=key, CiphertextBlob=blob, **algorithm)
        assert opened["Plaintext"] == b"text"
    else:
        asked = {"Message": b"m", "SigningAlgorithm": shown["SigningAlgorithms"][0]}
        signature = kms.sign(KeyId=key, **asked)["Signature"]
        assert there.verify(KeyId=key, Signature=signature, **asked)["SignatureValid"]


def test_a_blob_of_one_region_opens_in_every_other(
    lab: Lab, kms: Any, there: Any, far: Any
) -> None:
    key = _key(lab, THERE, FAR)
    clients = (kms, there, far)
    for maker in clients:
        blob = maker.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext={"a": "b"})
        for reader in clients:
            answer = reader.decrypt(
                CiphertextBlob=blob["CiphertextBlob"], EncryptionContext={"a": "b"}
            )
            assert answer["Plaintext"] == b"text"
            assert answer["KeyId"] == _shown(reader, key)["Arn"]
            with refused("InvalidCiphertextException"):
                reader.decrypt(CiphertextBlob=blob["CiphertextBlob"])


def test_a_region_without_a_replica_opens_nothing(lab: Lab, kms: Any, far: Any) -> None:
    key = _key(lab, THERE)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        far.decrypt(CiphertextBlob=blob)
    with refused("NotFoundException", f"Key '{_arn(lab, FAR, key)}' does not exist"):
        far.describe_key(KeyId=key)
    with refused("NotFoundException"):
        far.describe_key(KeyId=_arn(lab, THERE, key))


# What is each Region's own


def test_policy_tags_description_aliases_grants_and_state_are_each_regions_own(
    lab: Lab, kms: Any, there: Any
) -> None:
    key = _key(lab, Description="here", Tags=[{"TagKey": "where", "TagValue": "here"}])
    kms.create_alias(AliasName="alias/own", TargetKeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=GRANTEE, Operations=["Decrypt"])
    policy = kms.get_key_policy(KeyId=key)["Policy"].replace(
        "Enable IAM User Permissions", "Another name"
    )
    tags = [{"TagKey": "where", "TagValue": "there"}]
    made = kms.replicate_key(
        KeyId=key, ReplicaRegion=THERE, Description="there", Policy=policy, Tags=tags
    )
    assert made["ReplicaTags"] == tags
    lab.clock.advance(seconds=6)
    assert _shown(there, key)["Description"] == "there"
    assert there.list_resource_tags(KeyId=key)["Tags"] == tags
    assert "Another name" in there.get_key_policy(KeyId=key)["Policy"]
    assert "Another name" not in kms.get_key_policy(KeyId=key)["Policy"]
    assert there.list_aliases(KeyId=key)["Aliases"] == []
    assert there.list_grants(KeyId=key)["Grants"] == []
    there.create_alias(AliasName="alias/own", TargetKeyId=key)  # the name is free there
    there.update_key_description(KeyId=key, Description="changed")
    there.untag_resource(KeyId=key, TagKeys=["where"])
    there.disable_key(KeyId=key)
    assert _shown(kms, key)["Description"] == "here"
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "where", "TagValue": "here"}]
    assert (_state(kms, key), _state(there, key)) == ("Enabled", "Disabled")
    assert kms.encrypt(KeyId="alias/own", Plaintext=b"x")
    with refused("DisabledException"):
        there.encrypt(KeyId="alias/own", Plaintext=b"x")


def test_key_spec_usage_origin_and_material_are_shared(lab: Lab, kms: Any, there: Any) -> None:
    key = _key(lab, THERE)
    own = {"Arn", "CreationDate", "MultiRegionConfiguration"}
    here, elsewhere = (
        {name: value for name, value in _shown(client, key).items() if name not in own}
        for client in (kms, there)
    )
    assert here == elsewhere


def test_each_key_of_a_set_lists_all_of_it(lab: Lab, kms: Any, there: Any, far: Any) -> None:
    key = _key(lab, THERE, FAR)
    for client, kind in ((kms, "PRIMARY"), (there, "REPLICA"), (far, "REPLICA")):
        configuration = _shown(client, key)["MultiRegionConfiguration"]
        assert configuration["MultiRegionKeyType"] == kind
        assert configuration["PrimaryKey"] == {"Arn": _arn(lab, HERE, key), "Region": HERE}
        assert [each["Region"] for each in configuration["ReplicaKeys"]] == sorted([THERE, FAR])


# What is refused


def test_only_a_primary_key_is_replicated(lab: Lab, kms: Any, there: Any, key: str) -> None:
    with refused(
        "UnsupportedOperationException",
        f"{_arn(lab, HERE, key)} is not a multi-Region primary key.",
    ):
        kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    shared = _key(lab, THERE)
    with refused(
        "UnsupportedOperationException",
        f"{_arn(lab, THERE, shared)} is not a multi-Region primary key.",
    ):
        there.replicate_key(KeyId=shared, ReplicaRegion=FAR)


def test_a_region_has_one_of_them_at_most(lab: Lab, kms: Any, there: Any) -> None:
    key = _key(lab, THERE)
    with refused("AlreadyExistsException"):
        kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    there.schedule_key_deletion(KeyId=key)
    with refused("AlreadyExistsException"):  # as long as it isn't deleted
        kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    with refused("AlreadyExistsException"):
        kms.replicate_key(KeyId=key, ReplicaRegion=HERE)


@pytest.mark.parametrize("region", ["mars-north-1", "us-gov-west-1", "cn-north-1"])
def test_a_region_outside_the_partition_is_refused(lab: Lab, kms: Any, region: str) -> None:
    key = _key(lab)
    with refused("ValidationException"):
        kms.replicate_key(KeyId=key, ReplicaRegion=region)
    with refused("NotFoundException"):
        kms.update_primary_region(KeyId=key, PrimaryRegion=region)
    with pytest.raises(ValueError, match=f"region='{region}': a Region is due"):
        lab.client("kms", region)


def test_a_text_that_is_no_regions_name_is_refused_by_its_shape(lab: Lab, kms: Any) -> None:
    failure = (
        "Value 'Frankfurt' at 'replicaRegion' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: ^([a-z]+-){2,3}\d+$"
    )
    with refused("ValidationException", invalid(failure)):
        kms.replicate_key(KeyId=_key(lab), ReplicaRegion="Frankfurt")


def test_a_region_that_is_full_takes_no_replica(
    lab: Lab, kms: Any, there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = _key(lab)
    monkeypatch.setattr(creating, "MOST_KEYS", len(there.list_keys(Limit=1000)["Keys"]))
    with refused("LimitExceededException"):
        kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    with refused("LimitExceededException"):
        there.create_key()


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_primary_that_is_off_is_neither_replicated_nor_replaced(
    lab: Lab, kms: Any, state: str
) -> None:
    key = _key(lab, THERE)
    if state == "Disabled":
        kms.disable_key(KeyId=key)
        code = "DisabledException"
    else:
        kms.schedule_key_deletion(KeyId=key)
        code = "KMSInvalidStateException"
    with refused(code):
        kms.replicate_key(KeyId=key, ReplicaRegion=FAR)
    with refused(code):
        kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)


# The primary Region


def test_a_replica_becomes_primary_while_both_go_on_working(
    lab: Lab, kms: Any, there: Any, far: Any
) -> None:
    key = _key(lab, THERE)
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    assert set(kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)) == {"ResponseMetadata"}
    assert (_state(kms, key), _state(there, key)) == ("Updating", "Updating")
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    kms.encrypt(KeyId=key, Plaintext=b"x")
    for call in (kms.disable_key, there.schedule_key_deletion):
        with refused("KMSInvalidStateException"):
            call(KeyId=key)
    with refused("KMSInvalidStateException"):
        there.replicate_key(KeyId=key, ReplicaRegion=FAR)
    lab.clock.advance(seconds=5)
    assert (_state(kms, key), _state(there, key)) == ("Enabled", "Enabled")
    kinds = [
        _shown(client, key)["MultiRegionConfiguration"]["MultiRegionKeyType"]
        for client in (kms, there)
    ]
    assert kinds == ["REPLICA", "PRIMARY"]
    with refused("UnsupportedOperationException"):
        kms.replicate_key(KeyId=key, ReplicaRegion=FAR)
    there.replicate_key(KeyId=key, ReplicaRegion=FAR)
    lab.clock.advance(seconds=6)
    assert far.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    regions = [event["awsRegion"] for event in lab.trail().named("UpdatePrimaryRegion")]
    assert regions[-2:] == [THERE, HERE]


def test_rotation_goes_with_the_primary(lab: Lab, kms: Any, there: Any) -> None:
    key = _key(lab, THERE)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    date = kms.get_key_rotation_status(KeyId=key)["NextRotationDate"]
    kms.rotate_key_on_demand(KeyId=key)
    kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)
    lab.clock.advance(minutes=1)
    assert there.get_key_rotation_status(KeyId=key)["NextRotationDate"] == date
    assert len(there.list_key_rotations(KeyId=key)["Rotations"]) == 1
    with refused("UnsupportedOperationException"):
        kms.disable_key_rotation(KeyId=key)
    kms.disable_key(KeyId=key)  # a replica's own affair
    lab.clock.advance(days=91)
    types = [each["RotationType"] for each in kms.list_key_rotations(KeyId=key)["Rotations"]]
    assert types == ["ON_DEMAND", "AUTOMATIC"]
    there.disable_key_rotation(KeyId=key)
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_the_primary_moves_on_before_the_last_move_has_settled(
    lab: Lab, kms: Any, there: Any, far: Any
) -> None:
    key = _key(lab, THERE, FAR)
    kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)
    lab.clock.advance(seconds=2)
    there.update_primary_region(KeyId=key, PrimaryRegion=FAR)
    lab.clock.advance(seconds=4)
    assert [_state(client, key) for client in (kms, there, far)] == [
        "Enabled",
        "Updating",
        "Updating",
    ]
    lab.clock.advance(seconds=2)
    assert {_state(client, key) for client in (kms, there, far)} == {"Enabled"}
    assert _shown(kms, key)["MultiRegionConfiguration"]["PrimaryKey"]["Region"] == FAR


def test_a_primary_moves_only_from_itself_and_to_a_replica_that_works(
    lab: Lab, kms: Any, there: Any, key: str
) -> None:
    with refused("UnsupportedOperationException"):
        kms.update_primary_region(KeyId=key, PrimaryRegion=THERE)
    shared = _key(lab, THERE)
    with refused("UnsupportedOperationException"):
        there.update_primary_region(KeyId=shared, PrimaryRegion=HERE)
    for region in (FAR, HERE):
        with refused("NotFoundException"):
            kms.update_primary_region(KeyId=shared, PrimaryRegion=region)
    there.disable_key(KeyId=shared)
    with refused("DisabledException", f"{_arn(lab, THERE, shared)} is disabled."):
        kms.update_primary_region(KeyId=shared, PrimaryRegion=THERE)
    assert _state(kms, shared) == "Enabled"


# Deletion


def test_a_primary_waits_until_its_last_replica_is_gone(
    lab: Lab, kms: Any, there: Any, far: Any
) -> None:
    key = _key(lab, THERE, FAR)
    answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=10)
    assert answer["KeyState"] == "PendingReplicaDeletion"
    assert answer["PendingWindowInDays"] == 10
    assert "DeletionDate" not in answer
    shown = _shown(kms, key)
    assert (shown["KeyState"], shown["PendingDeletionWindowInDays"]) == (
        "PendingReplicaDeletion",
        10,
    )
    assert "DeletionDate" not in shown
    with refused("KMSInvalidStateException"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    lab.clock.advance(days=400)  # it may wait for ever
    assert _state(kms, key) == "PendingReplicaDeletion"
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    last = far.schedule_key_deletion(KeyId=key, PendingWindowInDays=20)["DeletionDate"]
    lab.clock.advance(days=8)
    with refused("NotFoundException"):
        there.describe_key(KeyId=key)
    assert _state(kms, key) == "PendingReplicaDeletion"
    lab.clock.advance(days=13)
    shown = _shown(kms, key)
    assert (shown["KeyState"], shown["DeletionDate"]) == (
        "PendingDeletion",
        last + timedelta(days=10),
    )
    assert "PendingDeletionWindowInDays" not in shown
    lab.clock.advance(days=10)
    with refused("NotFoundException"):
        kms.describe_key(KeyId=key)
    assert lab._rooms.store.rows("SELECT * FROM rotation WHERE key_id = ?", (key,)) == []


def test_all_waiting_periods_that_passed_at_once_end_in_their_order(lab: Lab, kms: Any) -> None:
    key = _key(lab, THERE)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.client("kms", THERE).schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    start = lab.clock.now()
    lab.clock.advance(days=100)
    kms.list_keys()
    events = [each for each in lab.trail().named("DeleteKey") if key in str(each["resources"])]
    assert [event["awsRegion"] for event in events] == [THERE, HERE]
    assert events[1]["eventTime"][:10] == f"{start + timedelta(days=14):%Y-%m-%d}"


def test_a_primary_that_waits_for_its_replicas_can_be_kept(lab: Lab, kms: Any, there: Any) -> None:
    key = _key(lab, THERE)
    kms.schedule_key_deletion(KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    assert _state(kms, key) == "Disabled"
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.clock.advance(days=60)
    assert _state(kms, key) == "Disabled"
    kms.enable_key(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


def test_a_replica_goes_alone_and_leaves_the_others_material_in_place(
    lab: Lab, kms: Any, there: Any, far: Any
) -> None:
    key = _key(lab, THERE, FAR)
    blobs = [
        client.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
        for client in (kms, there, far)
    ]
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.clock.advance(days=8)
    for client in (kms, far):  # the one token of all three Regions is still theirs
        for blob in blobs:
            assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
        client.encrypt(KeyId=key, Plaintext=b"more")
    assert [
        each["Region"] for each in _shown(kms, key)["MultiRegionConfiguration"]["ReplicaKeys"]
    ] == [FAR]
    with refused("AccessDeniedException"):
        there.decrypt(CiphertextBlob=blobs[0])


def test_a_key_is_replicated_again_to_where_it_was_deleted(lab: Lab, kms: Any, there: Any) -> None:
    key = _key(lab, THERE)
    there.create_alias(AliasName="alias/again", TargetKeyId=key)
    there.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
    blob = there.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.clock.advance(days=8)
    kms.rotate_key_on_demand(KeyId=key)
    lab.clock.advance(minutes=1)
    kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    lab.clock.advance(seconds=6)
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    assert len(there.list_key_rotations(KeyId=key)["Rotations"]) == 1
    assert there.list_resource_tags(KeyId=key)["Tags"] == []
    assert there.list_aliases(KeyId=key)["Aliases"] == []


def test_a_replica_whose_deletion_was_cancelled_while_it_was_created_is_disabled(
    lab: Lab, kms: Any, there: Any
) -> None:
    key = _key(lab)
    kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    there.schedule_key_deletion(KeyId=key)
    lab.clock.advance(seconds=6)
    assert _state(there, key) == "PendingDeletion"
    there.cancel_key_deletion(KeyId=key)
    assert _state(there, key) == "Disabled"


def test_lists_show_a_regions_own_keys_only(fresh: Lab) -> None:
    kms, there = fresh.client("kms"), fresh.client("kms", THERE)
    key = _key(fresh, THERE)
    own = there.create_key()["KeyMetadata"]["KeyId"]
    assert [entry["KeyId"] for entry in kms.list_keys()["Keys"]] == [key]
    assert {entry["KeyId"] for entry in there.list_keys()["Keys"]} == {key, own}
    assert {entry["KeyArn"] for entry in there.list_keys()["Keys"]} == {
        _arn(fresh, THERE, name) for name in (key, own)
    }
