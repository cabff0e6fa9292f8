"""EBS volumes: a data key each, which a grant lends to the host while the volume is attached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused, run
from integrated import allow, deny, events, flip, last

from kmslab import Lab

HOST, OTHER = "i-0123456789abcdef0", "i-0fedcba9876543210"
ZONE, DEVICE = "us-east-1a", "/dev/sdf"


@pytest.fixture
def made() -> Iterator[Lab]:
    """A lab for one test."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def ec2(made: Lab) -> Any:
    """The admin's client."""
    return made.client("ec2")


@pytest.fixture
def own(made: Lab) -> str:
    """The ARN of a customer managed key."""
    return str(made.client("kms").create_key()["KeyMetadata"]["Arn"])


def create(client: Any, **more: Any) -> str:
    """The id of a new encrypted volume."""
    asked = {"AvailabilityZone": ZONE, "Size": 8, "Encrypted": True, **more}
    return str(client.create_volume(**asked)["VolumeId"])


def attach(client: Any, volume: str, instance: str = HOST, device: str = DEVICE) -> Any:
    """Attaches a volume."""
    return client.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)


def state(client: Any, volume: str) -> str:
    """The state of a volume."""
    (shown,) = client.describe_volumes(VolumeIds=[volume])["Volumes"]
    return str(shown["State"])


def grants(lab: Lab, key: str) -> list[Any]:
    """The grants on a key."""
    return list(lab.client("kms").list_grants(KeyId=key)["Grants"])


def revoked(volume: str) -> str:
    """What EC2 says where KMS refuses."""
    return (
        f"Volume {volume} cannot be attached. The encrypted volume was unable to access the KMS "
        "key."
    )


def test_a_volume_is_made_attached_detached_and_deleted(made: Lab, ec2: Any, own: str) -> None:
    answer = ec2.create_volume(AvailabilityZone=ZONE, Size=8, Encrypted=True, KmsKeyId=own)
    volume = answer["VolumeId"]
    assert answer == answer | {"State": "creating", "Encrypted": True, "KmsKeyId": own, "Size": 8}
    assert state(ec2, volume) == "available"
    assert attach(ec2, volume)["State"] == "attaching"
    (shown,) = ec2.describe_volumes()["Volumes"]
    assert (shown["State"], shown["VolumeType"]) == ("in-use", "gp2")
    (there,) = shown["Attachments"]
    assert there == there | {"InstanceId": HOST, "Device": DEVICE, "State": "attached"}
    assert ec2.detach_volume(VolumeId=volume)["State"] == "detaching"
    assert state(ec2, volume) == "available"
    ec2.delete_volume(VolumeId=volume)
    with refused("InvalidVolume.NotFound", f"The volume '{volume}' does not exist."):
        state(ec2, volume)
    assert made._rooms.store.rows("SELECT * FROM volume") == []


def test_waiters_wait_for_volumes(ec2: Any) -> None:
    volume = create(ec2)
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume])
    attach(ec2, volume)
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume])


def test_nobody_sees_the_data_key_when_a_volume_is_made(made: Lab, ec2: Any, own: str) -> None:
    volume = create(ec2, KmsKeyId=own)
    event = last(made, "GenerateDataKeyWithoutPlaintext")
    assert event["requestParameters"] == {
        "keyId": own,
        "numberOfBytes": 64,
        "encryptionContext": {"aws:ebs:id": volume},
    }
    assert event["userIdentity"]["arn"] == made.admin.arn
    assert event["userIdentity"]["invokedBy"] == "ec2-frontend-api.amazonaws.com"
    assert events(made, "Decrypt") == events(made, "GenerateDataKey") == []


def test_attaching_lends_the_data_key_to_the_host(made: Lab, ec2: Any, own: str) -> None:
    volume = create(ec2, KmsKeyId=own)
    assert grants(made, own) == []
    attach(ec2, volume)
    (grant,) = grants(made, own)
    host = f"arn:aws:sts::{made.account}:assumed-role/aws:ec2-infrastructure/{HOST}"
    assert grant == grant | {
        "GranteePrincipal": host,
        "Operations": ["Decrypt"],
        "Constraints": {"EncryptionContextSubset": {"aws:ebs:id": volume}},
        "RetiringServicePrincipal": "ec2.us-east-1.amazonaws.com",
    }
    assert [each["eventName"] for each in made.trail()][-4:-1] == [
        *("CreateGrant", "Decrypt", "AttachVolume")
    ]
    assert last(made, "CreateGrant")["userIdentity"]["arn"] == made.admin.arn
    event = last(made, "Decrypt")
    assert event["userIdentity"] == event["userIdentity"] | {
        "type": "AssumedRole",
        "principalId": f"{made.account}:aws:ec2-infrastructure:{HOST}",
        "arn": host,
        "invokedBy": "AWS Internal",
    }
    assert event["userIdentity"]["sessionContext"]["sessionIssuer"] == {
        "type": "Role",
        "principalId": f"{made.account}:aws:ec2-infrastructure",
        "arn": f"arn:aws:iam::{made.account}:role/aws:ec2-infrastructure",
        "accountId": made.account,
        "userName": "aws:ec2-infrastructure",
    }
    assert event["sourceIPAddress"] == event["userAgent"] == "AWS Internal"
    assert event["requestParameters"]["encryptionContext"] == {"aws:ebs:id": volume}


def test_detaching_ends_the_grant(made: Lab, ec2: Any, own: str) -> None:
    volume, other = create(ec2, KmsKeyId=own), create(ec2, KmsKeyId=own)
    attach(ec2, volume)
    attach(ec2, other, OTHER)
    ec2.detach_volume(VolumeId=volume)
    (left,) = grants(made, own)
    assert left["Constraints"]["EncryptionContextSubset"] == {"aws:ebs:id": other}
    event = last(made, "RetireGrant")
    assert event["userIdentity"]["type"] == "AWSService"
    assert event["resources"][0]["ARN"] == own


def test_a_host_opens_its_volume_and_no_other(made: Lab, ec2: Any, own: str) -> None:
    """The grant holds for one context: the host of one volume can't have another's data key."""
    from kmslab.integrated.volumes import host
    from kmslab.integrated.volumes.records import Volume

    first, second = create(ec2, KmsKeyId=own), create(ec2, KmsKeyId=own)
    asked: list[Any] = []
    decrypt = host._decrypt

    def other(request: Any, volume: Volume, *more: Any) -> None:
        asked.append(volume.id)
        rows = made._rooms.store.rows("SELECT data_key FROM volume WHERE id = ?", (second,))
        stolen = Volume(
            second,
            *(getattr(volume, n) for n in ("account", "region", "created")),
            rows[0][0],
            volume.details,
        )
        decrypt(request, stolen, *more)

    host._decrypt = other
    try:
        with refused("CustomerKeyHasBeenRevoked"):
            attach(ec2, first)
    finally:
        host._decrypt = decrypt
    assert asked == [first]
    assert last(made, "Decrypt")["errorCode"] == "AccessDenied"
    assert grants(made, own) == []  # what was lent in vain is taken back
    assert state(ec2, first) == "available"


def test_a_caller_without_create_grant_can_not_attach(made: Lab, ec2: Any, own: str) -> None:
    volume = create(ec2, KmsKeyId=own)
    alice = made.user("alice", policy=[allow("ec2:*", "kms:Decrypt", "kms:GenerateDataKey*")])
    with refused("CustomerKeyHasBeenRevoked", revoked(volume)) as caught:
        attach(alice.client("ec2"), volume)
    assert "kms:CreateGrant" in str(made.explain(caught.value))
    assert last(made, "CreateGrant")["errorCode"] == "AccessDenied"
    event = last(made, "AttachVolume")
    assert event["errorCode"] == "Client.CustomerKeyHasBeenRevoked"
    assert event["requestParameters"]["volumeId"] == volume
    assert state(ec2, volume) == "available"


def test_the_grant_is_one_for_a_resource_of_aws(made: Lab, own: str) -> None:
    """The least that AWS recommends: no grants but those that a service makes for the caller."""
    only = allow("kms:CreateGrant", resource=own, Bool={"kms:GrantIsForAWSResource": "true"})
    via = {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}
    make = allow("kms:GenerateDataKeyWithoutPlaintext", resource=own, StringEquals=via)
    alice = made.user("alice", policy=[allow("ec2:*"), only, make])
    volume = create(alice.client("ec2"), KmsKeyId=own)
    attach(alice.client("ec2"), volume)
    kms = alice.client("kms")
    with refused("AccessDeniedException"):
        kms.create_grant(KeyId=own, GranteePrincipal=alice.arn, Operations=["Decrypt"])
    with refused("AccessDeniedException"):
        kms.generate_data_key_without_plaintext(KeyId=own, NumberOfBytes=64)


def test_under_the_managed_key_the_permission_for_volumes_is_enough(made: Lab) -> None:
    alice = made.user("alice", policy=[allow("ec2:*")])
    volume = create(alice.client("ec2"))
    attach(alice.client("ec2"), volume)
    key = made.client("kms").describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert len(grants(made, key["Arn"])) == 1
    with refused("AccessDeniedException"):
        made.client("kms").create_grant(
            KeyId=key["Arn"], GranteePrincipal=alice.arn, Operations=["Decrypt"]
        )


def test_an_scp_reaches_the_host(made: Lab, ec2: Any, own: str) -> None:
    volume = create(ec2, KmsKeyId=own)
    hosts = {"aws:PrincipalArn": "arn:aws:iam::*:role/aws:ec2-infrastructure"}
    no_hosts = {**deny("kms:Decrypt"), "Condition": {"StringLike": hosts}}
    made.organization.scp("no hosts", [no_hosts])
    with refused("CustomerKeyHasBeenRevoked"):
        attach(ec2, volume)
    assert last(made, "Decrypt")["errorCode"] == "AccessDenied"


def test_what_is_attached_goes_on_without_its_key(made: Lab, ec2: Any, own: str) -> None:
    kms, volume = made.client("kms"), create(ec2, KmsKeyId=own)
    attach(ec2, volume)
    kms.disable_key(KeyId=own)
    assert state(ec2, volume) == "in-use"
    ec2.detach_volume(VolumeId=volume)
    with refused("CustomerKeyHasBeenRevoked", revoked(volume)):
        attach(ec2, volume)
    kms.enable_key(KeyId=own)
    attach(ec2, volume)


def test_a_revoked_grant_does_not_keep_a_volume(made: Lab, ec2: Any, own: str) -> None:
    volume = create(ec2, KmsKeyId=own)
    attach(ec2, volume)
    (grant,) = grants(made, own)
    made.client("kms").revoke_grant(KeyId=own, GrantId=grant["GrantId"])
    assert state(ec2, volume) == "in-use"
    ec2.detach_volume(VolumeId=volume)
    assert state(ec2, volume) == "available"


def test_with_a_key_that_can_not_be_used_a_volume_never_comes(
    made: Lab, ec2: Any, own: str
) -> None:
    """EC2 answers before KMS does; the volume is gone when it is asked for."""
    made.client("kms").disable_key(KeyId=own)
    for key in (own, UNKNOWN_ID, "alias/nothing"):
        answer = ec2.create_volume(AvailabilityZone=ZONE, Size=1, Encrypted=True, KmsKeyId=key)
        assert (answer["State"], answer["KmsKeyId"]) == ("creating", key)
        with refused("InvalidVolume.NotFound"):
            state(ec2, answer["VolumeId"])
    codes = [each["errorCode"] for each in events(made, "GenerateDataKeyWithoutPlaintext")]
    assert codes == ["DisabledException", "NotFoundException", "NotFoundException"]
    alice = made.user("alice", policy=[allow("ec2:*")]).client("ec2")
    made.client("kms").enable_key(KeyId=own)
    with refused("InvalidVolume.NotFound"):
        state(ec2, create(alice, KmsKeyId=own))
    assert last(made, "GenerateDataKeyWithoutPlaintext")["errorCode"] == "AccessDenied"


def test_a_volume_without_encryption_needs_no_key(made: Lab, ec2: Any) -> None:
    volume = create(ec2, Encrypted=False)
    attach(ec2, volume)
    ec2.detach_volume(VolumeId=volume)
    assert {each["eventSource"] for each in made.trail()} == {"ec2.amazonaws.com"}
    (shown,) = ec2.describe_volumes()["Volumes"]
    assert (shown["Encrypted"], "KmsKeyId" in shown) == (False, False)


def test_a_key_of_another_account_serves_where_it_is_lent(made: Lab, ec2: Any) -> None:
    theirs = made.account("444455556666").admin.client("kms")
    key = theirs.create_key()["KeyMetadata"]["Arn"]
    with refused("InvalidVolume.NotFound"):
        state(ec2, create(ec2, KmsKeyId=key))
    document = json.loads(theirs.get_key_policy(KeyId=key)["Policy"])
    root = {"AWS": f"arn:aws:iam::{made.account}:root"}
    lent = allow("kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant")
    document["Statement"].append({**lent, "Principal": root})
    theirs.put_key_policy(KeyId=key, Policy=json.dumps(document))
    volume = create(ec2, KmsKeyId=key)
    attach(ec2, volume)
    assert len(theirs.list_grants(KeyId=key)["Grants"]) == 1
    ec2.detach_volume(VolumeId=volume)
    assert theirs.list_grants(KeyId=key)["Grants"] == []


def test_accounts_and_regions_have_volumes_of_their_own(made: Lab, ec2: Any) -> None:
    volume = create(ec2)
    stranger = made.account("444455556666").admin.client("ec2")
    there = made.client("ec2", region="eu-central-1")
    for client in (stranger, there):
        assert client.describe_volumes()["Volumes"] == []
        with refused("InvalidVolume.NotFound"):
            client.delete_volume(VolumeId=volume)
    create(there, AvailabilityZone="eu-central-1b")


CALLS = [
    ("CreateVolume", {"AvailabilityZone": ZONE, "Size": 1}),
    ("DescribeVolumes", {}),
    ("AttachVolume", {"InstanceId": HOST, "Device": DEVICE}),
    ("DetachVolume", {}),
    ("DeleteVolume", {}),
]


@pytest.mark.parametrize(("operation", "parameters"), CALLS, ids=[name for name, _ in CALLS])
def test_every_operation_is_decided_by_its_own_action(
    made: Lab, ec2: Any, operation: str, parameters: dict[str, Any]
) -> None:
    volume = create(ec2, Encrypted=False)
    if operation == "DetachVolume":
        attach(ec2, volume)
    if operation not in ("CreateVolume", "DescribeVolumes"):
        parameters = {"VolumeId": volume, **parameters}
    method = operation.replace("Volume", "_volume").lower()
    alice = made.user("alice")
    with refused("UnauthorizedOperation") as caught:
        getattr(alice.client("ec2"), method)(**parameters)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    message = response["Error"]["Message"]
    assert message.startswith(
        f"You are not authorized to perform this operation. User: {alice.arn} is not authorized "
        f"to perform: ec2:{operation} on resource: "
    )
    assert message.endswith(f"because no identity-based policy allows the ec2:{operation} action")
    event = last(made, operation)
    assert (event["errorCode"], event["errorMessage"]) == ("Client.UnauthorizedOperation", message)
    alice.put_policy("it", [allow(f"ec2:{operation}")])
    getattr(alice.client("ec2"), method)(**parameters)


def test_attaching_is_decided_for_volume_and_instance(made: Lab, ec2: Any) -> None:
    volume = create(ec2, Encrypted=False)
    base = f"arn:aws:ec2:us-east-1:{made.account}:"
    of_volume = allow("ec2:*", resource=f"{base}volume/*")
    alice = made.user("alice", policy=[of_volume]).client("ec2")
    with refused("UnauthorizedOperation") as caught:
        attach(alice, volume)
    assert f"on resource: {base}instance/{HOST} " in str(caught.value)
    of_host = allow("ec2:*", resource=f"{base}instance/{HOST}")
    bob = made.user("bob", policy=[of_volume, of_host]).client("ec2")
    attach(bob, volume)
    bob.detach_volume(VolumeId=volume)
    with refused("UnauthorizedOperation"):
        attach(bob, volume, OTHER)


def test_a_policy_may_demand_encryption(made: Lab) -> None:
    alice = made.user("alice", policy=[allow("ec2:*", Bool={"ec2:Encrypted": "true"})])
    with refused("UnauthorizedOperation"):
        create(alice.client("ec2"), Encrypted=False)
    create(alice.client("ec2"))
    large = deny("ec2:CreateVolume")
    large["Condition"] = {"NumericGreaterThan": {"ec2:VolumeSize": "100"}}
    alice.put_policy("small", [large])
    with refused("UnauthorizedOperation"):
        create(alice.client("ec2"), Size=101)
    create(alice.client("ec2"), Size=100)


def _create(client: Any, **more: Any) -> Any:
    asked = {"AvailabilityZone": ZONE, "Size": 1, **more}
    return client.create_volume(**{name: v for name, v in asked.items() if v is not None})


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("MissingParameter", lambda c, _: _create(c, AvailabilityZone=None)),
        ("MissingParameter", lambda c, _: _create(c, Size=None)),
        ("InvalidZone.NotFound", lambda c, _: _create(c, AvailabilityZone="eu-central-1a")),
        ("InvalidParameterValue", lambda c, _: _create(c, Size=0)),
        ("InvalidParameterValue", lambda c, _: _create(c, VolumeType="gp9")),
        ("InvalidParameterDependency", lambda c, _: _create(c, KmsKeyId="alias/x")),
        ("UnsupportedOperation", lambda c, _: _create(c, SnapshotId="snap-12345678")),
        ("UnsupportedOperation", lambda c, _: c.describe_instances()),
        ("DryRunOperation", lambda c, _: _create(c, DryRun=True)),
        ("InvalidInstanceID.Malformed", lambda c, v: attach(c, v, "server")),
        ("InvalidParameterValue", lambda c, _: attach(c, "disk")),
        ("InvalidVolume.NotFound", lambda c, _: attach(c, "vol-0123456789abcdef0")),
        ("InvalidVolume.NotFound", lambda c, _: c.delete_volume(VolumeId="vol-12345678")),
        ("InvalidParameterValue", lambda c, _: c.delete_volume(VolumeId="vol-ä")),
        ("IncorrectState", lambda c, v: c.detach_volume(VolumeId=v)),
        ("InvalidParameterValue", lambda c, _: c.describe_volumes(VolumeIds=["\ud800"])),
        ("InvalidNextToken", lambda c, _: c.describe_volumes(NextToken="?")),
    ],
)
def test_bad_input_gets_an_error_of_aws(ec2: Any, code: str, call: Any) -> None:
    volume = create(ec2, Encrypted=False)
    with refused(code):
        call(ec2, volume)
    assert [each["State"] for each in ec2.describe_volumes()["Volumes"]] == ["available"]


def test_a_volume_is_at_one_place_and_a_device_has_one_volume(ec2: Any) -> None:
    first, second = (create(ec2, Encrypted=False) for _ in range(2))
    attach(ec2, first)
    with refused("VolumeInUse", f"{first} is already attached to an instance"):
        attach(ec2, first, OTHER)
    with refused("InvalidParameterValue") as caught:
        attach(ec2, second)
    assert f"Attachment point {DEVICE} is already in use" in str(caught.value)
    with refused("VolumeInUse", f"Volume {first} is currently attached to {HOST}"):
        ec2.delete_volume(VolumeId=first)
    with refused("InvalidAttachment.NotFound"):
        ec2.detach_volume(VolumeId=first, InstanceId=OTHER)
    attach(ec2, second, device="/dev/sdg")
    ec2.detach_volume(VolumeId=first, InstanceId=HOST, Device=DEVICE)


def test_a_refused_attachment_makes_no_grant(made: Lab, ec2: Any, own: str) -> None:
    first, second = (create(ec2, KmsKeyId=own) for _ in range(2))
    attach(ec2, first)
    with refused("InvalidParameterValue"):
        attach(ec2, second)
    assert len(grants(made, own)) == 1


def test_an_attachment_in_between_is_noticed(made: Lab, ec2: Any, own: str) -> None:
    """Another process attaches the volume while this one asks KMS."""
    from kmslab.integrated.volumes import host

    volume = create(ec2, KmsKeyId=own)
    lend = host.lend

    def meanwhile(*args: Any) -> str:
        host.lend = lend
        attach(ec2, volume, OTHER)
        return lend(*args)

    host.lend = meanwhile
    try:
        with refused("VolumeInUse"):
            attach(ec2, volume)
    finally:
        host.lend = lend
    (grant,) = grants(made, own)
    assert grant["GranteePrincipal"].endswith(OTHER)


def test_a_changed_byte_of_the_data_key_is_a_clear_error(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        ec2 = lab.client("ec2")
        volume = create(ec2)
        flip(lab, "volume", "data_key")
        with refused("CustomerKeyHasBeenRevoked", revoked(volume)):
            attach(ec2, volume)
        assert last(lab, "Decrypt")["errorCode"] == "InvalidCiphertextException"
        assert state(ec2, volume) == "available"


def test_events_show_what_awss_own_do(made: Lab, ec2: Any) -> None:
    volume = create(ec2)
    event = last(made, "CreateVolume")
    assert event["requestParameters"] == {"zone": ZONE, "size": 8, "encrypted": True}
    answer = event["responseElements"]
    assert answer == answer | {"volumeId": volume, "zone": ZONE, "status": "creating"}
    assert isinstance(answer["createTime"], int)
    attach(ec2, volume)
    event = last(made, "AttachVolume")
    assert event["eventSource"] == "ec2.amazonaws.com"
    assert event["requestParameters"] == {
        "volumeId": volume,
        "instanceId": HOST,
        "device": DEVICE,
    }
    answer = event["responseElements"]
    assert isinstance(answer.pop("attachTime"), int)
    assert answer == {
        "volumeId": volume,
        "instanceId": HOST,
        "device": DEVICE,
        "status": "attaching",
        "deleteOnTermination": False,
    }


def test_a_list_comes_in_pages(ec2: Any) -> None:
    volumes = sorted(create(ec2, Encrypted=False) for _ in range(5))
    pages = ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 2})
    shown = [[each["VolumeId"] for each in page["Volumes"]] for page in pages]
    assert [len(page) for page in shown] == [2, 2, 1]
    assert [volume for page in shown for volume in page] == volumes


def test_a_seeded_lab_repeats_its_ids(tmp_path: Path) -> None:
    def ids(folder: Path) -> list[Any]:
        with Lab(folder, seed=1) as lab:
            ec2 = lab.client("ec2")
            volume = create(ec2)
            attach(ec2, volume)
            ec2.detach_volume(VolumeId=volume)
            return [volume, *lab.trail()]

    assert ids(tmp_path / "a") == ids(tmp_path / "b")


KILLED = """
import os, signal, sys
from kmslab import Lab
ec2 = Lab(sys.argv[1]).client("ec2")
made = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=True)
ec2.attach_volume(VolumeId=made["VolumeId"], InstanceId="i-0123456789abcdef0", Device="/dev/sdf")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_call_wrote_survives_a_kill(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(KILLED, tmp_path)
    with Lab(tmp_path) as lab:
        ec2 = lab.client("ec2")
        (shown,) = ec2.describe_volumes()["Volumes"]
        assert shown["State"] == "in-use"
        assert len(grants(lab, shown["KmsKeyId"])) == 1
        ec2.detach_volume(VolumeId=shown["VolumeId"])
        assert grants(lab, shown["KmsKeyId"]) == []


def test_no_data_key_is_in_a_file_or_an_event(tmp_path: Path, monkeypatch: Any) -> None:
    """What KMS gives the host is seen here as it passes, and looked for everywhere."""
    from expect import files

    from kmslab.kms import cryptography

    seen: list[bytes] = []
    unseal = cryptography.unseal

    def watched(*args: Any, **more: Any) -> bytes:
        seen.append(unseal(*args, **more))
        return seen[-1]

    monkeypatch.setattr(cryptography, "unseal", watched)
    with Lab(tmp_path) as lab:
        ec2 = lab.client("ec2")
        attach(ec2, create(ec2))
        assert [len(key) for key in seen] == [64]
        assert not [path for path, content in files(tmp_path).items() if seen[0] in content]
    assert not [path for path, content in files(tmp_path).items() if seen[0] in content]
