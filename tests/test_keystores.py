"""CloudHSM key stores through boto3, over real clusters: connecting, using, breaking, mending."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clusters
import pytest
import stores
from asking import allow
from botocore.exceptions import ClientError, ParamValidationError
from clusters import ADMIN, ZONES
from expect import files, refused, start
from stores import PASSWORD, Parameters

from kmslab import Lab
from kmslab.cloudhsm.errors import ClusterError, InvalidCredentials
from kmslab.kms.stores import connecting, sealing
from kmslab.kms.stores import records as key_stores

TEXT, CONTEXT = b"salary: 1", {"dept": "hr"}
STATE, STORE_STATE = "KMSInvalidStateException", "CustomKeyStoreInvalidStateException"
UNREACHABLE = "KMS cannot communicate with your CloudHSM cluster"


class World:
    """A lab with a cluster that has kmsuser, a connected store over it, and a key in it."""

    def __init__(self, lab: Lab, before: World | None = None) -> None:
        """A new one, or a copy of one from before in a copy of its lab."""
        self.lab, self.kms = lab, lab.client("kms")
        self.cli = lab.cloudhsm(before.cluster) if before else clusters.active(lab)
        self.cluster = self.cli.cluster_id
        self.cli.login("admin", ADMIN)
        if before:
            self.anchor, self.store = before.anchor, before.store
            self.key, self.blob = before.key, before.blob
            return
        self.cli.create_user("kmsuser", PASSWORD)
        self.anchor = lab._clusters.find(self.cluster).trust_anchor
        self.store = self.kms.create_custom_key_store(**self.asked())["CustomKeyStoreId"]
        stores.bring(lab, self.kms, self.store)
        self.key = self.new_key()
        self.blob = self.encrypt()

    def asked(self, **more: Any) -> Parameters:
        """A CreateCustomKeyStore request that works, once."""
        return {
            "CustomKeyStoreName": "hsm store",
            "CloudHsmClusterId": self.cluster,
            "TrustAnchorCertificate": self.anchor,
            "KeyStorePassword": PASSWORD,
            **more,
        }

    def new_key(self, **more: Any) -> str:
        """A KMS key in the store."""
        made: str = self.kms.create_key(CustomKeyStoreId=self.store, Origin="AWS_CLOUDHSM", **more)[
            "KeyMetadata"
        ]["KeyId"]
        return made

    def arn(self, key: str = "") -> str:
        """A key's ARN, which is the label of its material."""
        return f"arn:aws:kms:us-east-1:{self.lab.account}:key/{key or self.key}"

    def encrypt(self) -> bytes:
        """A blob."""
        asked = {"KeyId": self.key, "Plaintext": TEXT, "EncryptionContext": CONTEXT}
        made: bytes = self.kms.encrypt(**asked)["CiphertextBlob"]
        return made

    def decrypt(self, blob: bytes = b"") -> bytes:
        """What is in the blob."""
        asked = {"CiphertextBlob": blob or self.blob, "EncryptionContext": CONTEXT}
        opened: bytes = self.kms.decrypt(**asked)["Plaintext"]
        return opened

    def key_state(self, key: str = "") -> str:
        """A key's state."""
        shown: str = self.kms.describe_key(KeyId=key or self.key)["KeyMetadata"]["KeyState"]
        return shown

    def state(self) -> tuple[str, str]:
        """The store's connection state and error."""
        return stores.state(self.kms, self.store)

    def disconnect(self) -> None:
        """Disconnects the store, to the end."""
        self.kms.disconnect_custom_key_store(CustomKeyStoreId=self.store)
        self.lab.clock.advance(minutes=2)

    def connect(self) -> tuple[str, str]:
        """Tries to connect; the state at the end."""
        self.kms.connect_custom_key_store(CustomKeyStoreId=self.store)
        self.lab.clock.advance(minutes=11)
        return self.state()

    def set_password(self, password: str) -> None:
        """An admin gives kmsuser a password, and KMS is told."""
        self.cli.login("admin", ADMIN)
        self.cli.change_password("kmsuser", password)
        self.kms.update_custom_key_store(CustomKeyStoreId=self.store, KeyStorePassword=password)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """A lab's folder to be copied: what takes long is made once."""
    folder = tmp_path_factory.mktemp("built") / "lab"
    with Lab(folder) as lab:
        return folder, World(lab)


@pytest.fixture(scope="module")
def world(built: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The module's store. A test leaves it connected."""
    folder = tmp_path_factory.mktemp("world") / "lab"
    shutil.copytree(built[0], folder)
    with Lab(folder) as lab:
        yield World(lab, built[1])


@pytest.fixture
def own(built: tuple[Path, World], tmp_path: Path) -> Iterator[World]:
    """A store for one test, in the folder `tmp_path / "lab"`."""
    shutil.copytree(built[0], tmp_path / "lab")
    with Lab(tmp_path / "lab") as lab:
        yield World(lab, built[1])


@pytest.fixture
def unmade(own: World) -> World:
    """The same without the store."""
    own.lab._rooms.store.write("DELETE FROM key_store")
    own.lab._rooms.connections.close()
    own.cli.change_password("kmsuser", PASSWORD)
    return own


# --- a key in the cluster -----------------------------------------------------------------------


def test_what_the_key_encrypts_it_decrypts(world: World) -> None:
    assert world.decrypt() == TEXT
    made = world.kms.generate_data_key(KeyId=world.key, KeySpec="AES_256")
    opened = world.kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    assert opened["Plaintext"] == made["Plaintext"]
    assert "KeyMaterialId" not in {**made, **opened}
    blob = world.kms.encrypt(KeyId=world.key, Plaintext=bytes(4096))["CiphertextBlob"]
    assert len(world.kms.decrypt(CiphertextBlob=blob)["Plaintext"]) == 4096


def test_the_key_material_is_in_the_cluster_alone_under_the_keys_arn(world: World) -> None:
    world.encrypt()
    session = world.lab._rooms.connections._sessions[world.store][0]
    (handle,) = session.find_keys(world.arn())
    row = world.lab._rooms.store.row("SELECT token FROM material WHERE key_id = ?", (world.key,))
    assert row == (None,)
    assert session.exists(handle)


def test_the_key_says_where_it_is(world: World) -> None:
    shown = world.kms.describe_key(KeyId=world.key)["KeyMetadata"]
    assert (shown["Origin"], shown["KeyState"]) == ("AWS_CLOUDHSM", "Enabled")
    assert shown["CustomKeyStoreId"] == world.store
    assert shown["CloudHsmClusterId"] == world.cluster
    assert "CurrentKeyMaterialId" not in shown
    assert "XksKeyConfiguration" not in shown
    event = world.lab.trail().named("CreateKey")[-1]
    assert event["responseElements"]["keyMetadata"]["cloudHsmClusterId"] == world.cluster


@pytest.mark.parametrize("at", [0, 20, 52, 64, -1])
def test_a_changed_blob_or_another_context_does_not_open(world: World, at: int) -> None:
    changed = bytearray(world.blob)
    changed[at] ^= 1
    with pytest.raises(world.kms.exceptions.ClientError):
        world.decrypt(bytes(changed))
    with refused("InvalidCiphertextException", ""):
        world.kms.decrypt(CiphertextBlob=world.blob, EncryptionContext={"dept": "it"})


@pytest.mark.parametrize("length", [50, 51, 62, 77])
def test_a_blob_cut_off_does_not_open(world: World, length: int) -> None:
    with refused("InvalidCiphertextException", ""):
        world.decrypt(world.blob[:length])


def test_re_encrypt_moves_in_and_out(world: World) -> None:
    standard = world.kms.create_key()["KeyMetadata"]["KeyId"]
    blob = world.blob
    for destination in (standard, world.key):
        blob = world.kms.re_encrypt(
            CiphertextBlob=blob,
            SourceEncryptionContext=CONTEXT,
            DestinationKeyId=destination,
            DestinationEncryptionContext=CONTEXT,
        )["CiphertextBlob"]
        assert world.decrypt(blob) == TEXT


def test_grants_policies_aliases_tags_and_descriptions_work_as_ever(world: World) -> None:
    kms, key = world.kms, world.new_key(Tags=[{"TagKey": "a", "TagValue": "b"}])
    alice = world.lab.user("alice")
    kms.create_alias(AliasName="alias/in-cluster", TargetKeyId=key)
    lent = {"GranteePrincipal": alice.arn, "Operations": ["Encrypt", "Decrypt"]}
    token = {"GrantTokens": [kms.create_grant(KeyId=key, **lent)["GrantToken"]]}
    own = alice.client("kms")
    blob = own.encrypt(KeyId=world.arn(key), Plaintext=TEXT, **token)["CiphertextBlob"]
    assert own.decrypt(CiphertextBlob=blob, **token)["Plaintext"] == TEXT
    assert kms.encrypt(KeyId="alias/in-cluster", Plaintext=TEXT)["KeyId"] == world.arn(key)
    policy = kms.get_key_policy(KeyId=key)["Policy"]
    kms.put_key_policy(KeyId=key, Policy=policy)
    kms.update_key_description(KeyId=key, Description="in the cluster")
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    kms.disable_key(KeyId=key)
    with refused("DisabledException"):
        kms.decrypt(CiphertextBlob=blob)
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


IMPOSSIBLE: dict[str, Parameters] = {
    "enable_key_rotation": {},
    "disable_key_rotation": {},
    "get_key_rotation_status": {},
    "rotate_key_on_demand": {},
    "get_parameters_for_import": {
        "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
        "WrappingKeySpec": "RSA_2048",
    },
    "import_key_material": {"ImportToken": b"x", "EncryptedKeyMaterial": b"x"},
    "delete_imported_key_material": {},
    "generate_data_key_pair": {"KeyPairSpec": "ECC_NIST_P256"},
    "generate_data_key_pair_without_plaintext": {"KeyPairSpec": "RSA_2048"},
    "replicate_key": {"ReplicaRegion": "eu-west-1"},
    "get_public_key": {},
    "list_key_rotations": {"IncludeKeyMaterial": "ALL_KEY_MATERIAL"},
}


@pytest.mark.parametrize("call", IMPOSSIBLE)
def test_what_such_a_key_can_not_do(world: World, call: str) -> None:
    with refused("UnsupportedOperationException"):
        getattr(world.kms, call)(KeyId=world.key, **IMPOSSIBLE[call])


def test_what_else_such_a_key_can_not_do(world: World) -> None:
    with refused("InvalidKeyUsageException"):
        world.kms.generate_mac(KeyId=world.key, Message=b"x", MacAlgorithm="HMAC_SHA_256")
    assert world.kms.list_key_rotations(KeyId=world.key)["Rotations"] == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
        ({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, None),
        ({"CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}, None),
        ({"MultiRegion": True}, "UnsupportedOperationException"),
        ({"Origin": "AWS_KMS"}, "ValidationException"),
        ({"Origin": "EXTERNAL"}, "ValidationException"),
        ({"Origin": "EXTERNAL_KEY_STORE"}, "ValidationException"),
        ({"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "a"}, "ValidationException"),
        ({"XksKeyId": "a"}, "ValidationException"),
        ({"CustomKeyStoreId": "cks-1"}, "CustomKeyStoreNotFoundException"),
        ({"CustomKeyStoreId": "x" * 65}, "ValidationException"),
        ({"Policy": "no policy"}, "MalformedPolicyDocumentException"),
    ],
)
def test_create_key_refuses_what_a_store_does_not_hold_and_leaves_no_key_behind(
    world: World, more: Parameters, code: str | None
) -> None:
    before = len(_labels(world))
    asked = {"CustomKeyStoreId": world.store, "Origin": "AWS_CLOUDHSM", **more}
    with refused(code or "UnsupportedOperationException"):
        world.kms.create_key(**asked)
    assert len(_labels(world)) == before


def _labels(world: World) -> list[str]:
    """The labels of all keys in the cluster."""
    rows = world.lab._rooms.store.rows(
        "SELECT details FROM cloudhsm_key WHERE cluster = ?", (world.cluster,)
    )
    return [json.loads(details)["label"] for (details,) in rows]


def test_random_bytes_come_from_the_cluster(world: World) -> None:
    asked = {"NumberOfBytes": 32, "CustomKeyStoreId": world.store}
    one, two = (world.kms.generate_random(**asked)["Plaintext"] for _ in range(2))
    assert (len(one), one == two) == (32, False)
    with refused("ValidationException", "NumberOfBytes is required."):
        world.kms.generate_random(CustomKeyStoreId=world.store)


# --- states over time ---------------------------------------------------------------------------


def test_connecting_takes_minutes_and_disconnecting_one(own: World) -> None:
    own.kms.disconnect_custom_key_store(CustomKeyStoreId=own.store)
    assert own.state() == ("DISCONNECTING", "")
    own.lab.clock.advance(seconds=59)
    assert own.state() == ("DISCONNECTING", "")
    own.lab.clock.advance(seconds=2)
    assert own.state() == ("DISCONNECTED", "")
    own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    own.lab.clock.advance(seconds=connecting.CONNECT_SECONDS["AWS_CLOUDHSM"] - 5)
    assert own.state() == ("CONNECTING", "")
    assert own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    own.lab.clock.advance(seconds=6)
    assert own.state() == ("CONNECTED", "")
    assert own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    assert own.decrypt() == TEXT


def test_a_disconnected_store_makes_its_keys_unavailable_at_once(own: World) -> None:
    disabled, deleting = own.new_key(), own.new_key()
    own.kms.disable_key(KeyId=disabled)
    own.kms.schedule_key_deletion(KeyId=deleting, PendingWindowInDays=7)
    own.kms.disconnect_custom_key_store(CustomKeyStoreId=own.store)
    states = [own.key_state(key) for key in (own.key, disabled, deleting)]
    assert states == ["Unavailable", "Unavailable", "PendingDeletion"]
    for call, asked in (
        (own.kms.encrypt, {"KeyId": own.key, "Plaintext": TEXT}),
        (own.kms.decrypt, {"CiphertextBlob": own.blob, "EncryptionContext": CONTEXT}),
        (own.kms.generate_data_key, {"KeyId": own.key, "KeySpec": "AES_256"}),
        (own.kms.re_encrypt, {"CiphertextBlob": own.blob, "DestinationKeyId": own.key}),
    ):
        with refused(STATE, f"{own.arn()} is unavailable."):
            call(**asked)
    with refused(STORE_STATE):
        own.new_key()
    with refused(STORE_STATE):
        own.kms.generate_random(NumberOfBytes=8, CustomKeyStoreId=own.store)
    own.kms.cancel_key_deletion(KeyId=deleting)
    assert own.key_state(deleting) == "Unavailable"
    own.kms.enable_key(KeyId=disabled)  # takes effect when the store is back
    own.kms.disable_key(KeyId=own.key)
    assert own.key_state(disabled) == "Unavailable"
    own.lab.clock.advance(minutes=2)
    assert own.connect() == ("CONNECTED", "")
    states = [own.key_state(key) for key in (own.key, disabled, deleting)]
    assert states == ["Disabled", "Enabled", "Disabled"]
    own.kms.enable_key(KeyId=own.key)
    assert own.decrypt() == TEXT


def test_kms_changes_the_password_of_kmsuser_each_time_it_connects(own: World) -> None:
    own.disconnect()
    with pytest.raises(InvalidCredentials):
        own.cli.session("kmsuser", PASSWORD)
    own.set_password("mine1234")
    own.cli.session("kmsuser", "mine1234").close()
    seen = set()
    for _ in range(2):
        assert own.connect() == ("CONNECTED", "")
        store = key_stores.find(own.lab._rooms, own.lab.account, "us-east-1", own.store)
        assert store is not None
        seen.add(sealing.unseal(own.lab._rooms, store))
        assert store.next_secret is None
        own.disconnect()
    assert len(seen) == 2
    assert seen.isdisjoint({PASSWORD, "mine1234"})
    assert {len(each) for each in seen} == {32}
    with pytest.raises(InvalidCredentials):
        own.cli.session("kmsuser", "mine1234")


# --- why connecting fails -----------------------------------------------------------------------


def _wrong_password(own: World) -> None:
    own.kms.update_custom_key_store(CustomKeyStoreId=own.store, KeyStorePassword="wrong123")


def _no_user(own: World) -> None:
    own.lab._rooms.store.write("DELETE FROM cloudhsm_user WHERE name = 'kmsuser'")


def _locked_out(own: World) -> None:
    for _ in range(10):
        with pytest.raises(ClusterError):
            own.cli.session("kmsuser", "no idea 1")


def _logged_in(own: World) -> None:
    own.set_password("mine1234")
    own.lab.kept = own.cli.session("kmsuser", "mine1234")  # type: ignore[attr-defined]


def _no_hsm(own: World) -> None:
    for hsm in own.cli.hsms():
        own.cli.switch_off(hsm)


def _gone(own: World) -> None:
    hsm = own.lab.client("cloudhsmv2")
    for each in own.cli.hsms():
        hsm.delete_hsm(ClusterId=own.cluster, HsmId=each)
    own.lab.clock.advance(minutes=3)
    hsm.delete_cluster(ClusterId=own.cluster)
    own.lab.clock.advance(minutes=2)


FAILING = {
    "INVALID_CREDENTIALS": (_wrong_password, lambda own: own.set_password("mended12")),
    "USER_NOT_FOUND": (_no_user, None),
    "USER_LOCKED_OUT": (_locked_out, lambda own: own.set_password("mended12")),
    "USER_LOGGED_IN": (_logged_in, lambda own: own.lab.kept.close()),
    "INSUFFICIENT_CLOUDHSM_HSMS": (
        _no_hsm,
        lambda own: [own.cli.switch_on(hsm) for hsm in own.cli.hsms()],
    ),
    "CLUSTER_NOT_FOUND": (_gone, None),
}


@pytest.mark.parametrize("code", FAILING)
def test_connecting_fails_for_a_reason_and_works_once_it_is_mended(own: World, code: str) -> None:
    spoil, mend = FAILING[code]
    own.disconnect()
    spoil(own)
    assert own.connect() == ("FAILED", code)
    assert own.key_state() == "Unavailable"
    with refused(STORE_STATE):
        own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    with refused(STORE_STATE):
        own.kms.update_custom_key_store(CustomKeyStoreId=own.store, KeyStorePassword="mended12")
    own.kms.disconnect_custom_key_store(CustomKeyStoreId=own.store)
    assert own.state() == ("DISCONNECTED", "")
    if mend is not None:
        mend(own)
        assert own.connect() == ("CONNECTED", "")
        assert own.decrypt() == TEXT


def test_what_was_mended_while_connecting_is_no_failure(own: World) -> None:
    own.disconnect()
    _no_hsm(own)
    own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    for hsm in own.cli.hsms():
        own.cli.switch_on(hsm)
    own.lab.clock.advance(minutes=11)
    assert own.state() == ("CONNECTED", "")


def test_a_connecting_store_can_be_disconnected_and_does_not_connect_later(own: World) -> None:
    own.disconnect()
    own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    own.lab.clock.advance(minutes=5)
    own.disconnect()
    own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    own.lab.clock.advance(minutes=5)
    assert own.state() == ("CONNECTING", "")  # the first attempt would have ended by now
    own.kms.disconnect_custom_key_store(CustomKeyStoreId=own.store)
    own.lab.clock.advance(minutes=30)
    assert own.state() == ("DISCONNECTED", "")


def test_a_user_locked_out_by_kms_itself_is_counted_by_the_cluster(own: World) -> None:
    own.disconnect()
    _wrong_password(own)
    codes = []
    for _ in range(6):
        codes.append(own.connect()[1])
        own.kms.disconnect_custom_key_store(CustomKeyStoreId=own.store)
    assert codes[0] == "INVALID_CREDENTIALS"
    assert codes[-1] == "USER_LOCKED_OUT"


# --- a broken cluster reads CONNECTED -----------------------------------------------------------


def test_without_an_hsm_the_store_reads_connected_and_cryptography_fails(own: World) -> None:
    _no_hsm(own)
    assert own.state() == ("CONNECTED", "")
    assert own.key_state() == "Enabled"
    for call in (own.encrypt, own.decrypt):
        with refused(STATE, UNREACHABLE):
            call()
    with refused("CloudHsmClusterInvalidConfigurationException"):
        own.new_key()
    with refused(STORE_STATE, UNREACHABLE):
        own.kms.generate_random(NumberOfBytes=8, CustomKeyStoreId=own.store)
    for hsm in own.cli.hsms():
        own.cli.switch_on(hsm)
    assert own.decrypt() == TEXT


def test_one_hsm_is_enough_to_use_keys_and_too_few_to_make_one(own: World) -> None:
    first, _ = own.cli.hsms()
    own.cli.switch_off(first)
    assert own.decrypt() == TEXT
    with refused("CloudHsmClusterInvalidConfigurationException") as caught:
        own.new_key()
    assert "2 active HSMs" in str(caught.value)
    own.disconnect()
    assert own.connect() == ("CONNECTED", "")


def test_a_key_deleted_behind_kms_s_back_is_unavailable_and_comes_back_from_a_backup(
    own: World,
) -> None:
    hsm = own.lab.client("cloudhsmv2")
    own.lab.clock.advance(days=2)  # a backup is made
    own.kms.list_keys()
    own.cli.hsms()
    backups = hsm.describe_backups(Filters={"clusterIds": [own.cluster]})["Backups"]
    newest = max(backups, key=lambda each: each["CreateTimestamp"])["BackupId"]
    other = own.new_key()
    session = own.lab._rooms.connections._sessions[own.store][0]
    (handle,) = session.find_keys(own.arn())
    session.destroy(handle)
    with refused(STATE) as caught:
        own.decrypt()
    assert own.cluster in str(caught.value)
    assert own.key_state() == "Unavailable"
    with refused(STATE, f"{own.arn()} is unavailable."):
        own.encrypt()
    assert own.key_state(other) == "Enabled"
    assert own.state() == ("CONNECTED", "")
    # a cluster from the backup has it again
    own.disconnect()
    restored = hsm.create_cluster(
        HsmType="hsm2m.medium", SubnetIds=clusters.SUBNETS, SourceBackupId=newest
    )["Cluster"]["ClusterId"]
    own.lab.clock.advance(minutes=1)
    for zone in ZONES[:2]:
        clusters.add_hsm(own.lab, restored, zone)
    own.kms.update_custom_key_store(CustomKeyStoreId=own.store, CloudHsmClusterId=restored)
    assert own.kms.describe_key(KeyId=own.key)["KeyMetadata"]["CloudHsmClusterId"] == restored
    new = own.lab.cloudhsm(restored)
    new.login("admin", ADMIN)
    new.change_password("kmsuser", "restored1")
    own.kms.update_custom_key_store(CustomKeyStoreId=own.store, KeyStorePassword="restored1")
    assert own.connect() == ("CONNECTED", "")
    assert own.decrypt() == TEXT
    assert own.key_state() == "Enabled"


# --- deletion -----------------------------------------------------------------------------------


def test_a_deleted_key_is_deleted_in_the_cluster_too(own: World) -> None:
    assert own.arn() in _labels(own)
    own.kms.schedule_key_deletion(KeyId=own.key, PendingWindowInDays=7)
    own.lab.clock.advance(days=8)
    own.kms.list_keys()
    assert own.arn() not in _labels(own)
    event = own.lab.trail().named("DeleteKey")[-1]
    more = event["additionalEventData"]
    assert (more["customKeyStoreId"], more["clusterId"]) == (own.store, own.cluster)
    (status,) = json.loads(more["backingKeysDeletionStatus"])
    assert status["deletionStatus"] == "SUCCESS"
    assert event["serviceEventDetails"] == {"keyId": own.key}


def test_a_key_deleted_while_disconnected_is_left_behind_and_the_trail_says_so(own: World) -> None:
    own.kms.schedule_key_deletion(KeyId=own.key, PendingWindowInDays=7)
    own.disconnect()
    with refused("CustomKeyStoreHasCMKsException"):
        own.kms.delete_custom_key_store(CustomKeyStoreId=own.store)
    own.lab.clock.advance(days=8)
    own.kms.list_keys()
    assert own.arn() in _labels(own)
    more = own.lab.trail().named("DeleteKey")[-1]["additionalEventData"]
    assert json.loads(more["backingKeysDeletionStatus"])[0]["deletionStatus"] == "FAILURE"
    own.kms.delete_custom_key_store(CustomKeyStoreId=own.store)
    assert own.kms.describe_custom_key_stores()["CustomKeyStores"] == []
    assert own.arn() in _labels(own)  # the cluster stays as it is
    with refused("CustomKeyStoreNotFoundException"):
        own.kms.describe_custom_key_stores(CustomKeyStoreId=own.store)


def test_a_connected_store_is_not_deleted(own: World) -> None:
    own.kms.schedule_key_deletion(KeyId=own.key, PendingWindowInDays=7)
    own.lab.clock.advance(days=8)
    with refused(STORE_STATE):
        own.kms.delete_custom_key_store(CustomKeyStoreId=own.store)


# --- settings -----------------------------------------------------------------------------------


def test_a_retry_of_create_gives_the_same_store_while_it_is_disconnected(own: World) -> None:
    with refused("CustomKeyStoreNameInUseException"):
        own.kms.create_custom_key_store(**own.asked())
    own.disconnect()
    own.set_password("again123")
    asked = own.asked(KeyStorePassword="again123")
    assert own.kms.create_custom_key_store(**asked)["CustomKeyStoreId"] == own.store
    with refused("CustomKeyStoreNameInUseException"):
        own.kms.create_custom_key_store(**own.asked(KeyStorePassword="other123"))
    with refused("CloudHsmClusterInUseException"):
        own.kms.create_custom_key_store(**own.asked(CustomKeyStoreName="another"))


INCOMPLETE: list[Parameters] = [
    {"CloudHsmClusterId": None},
    {"TrustAnchorCertificate": None},
    {"KeyStorePassword": None},
    {"KeyStorePassword": "short"},
    {"KeyStorePassword": "x" * 33},
    {"CloudHsmClusterId": "cluster-1"},
    {"CustomKeyStoreName": ""},
    {"CustomKeyStoreType": "TAPE"},
    {"CustomKeyStoreType": "EXTERNAL_KEY_STORE"},
    {"XksProxyUriPath": "/kms/xks/v1"},
    {"XksProxyConnectivity": "PUBLIC_ENDPOINT"},
]


@pytest.mark.parametrize("change", INCOMPLETE)
def test_an_incomplete_or_mixed_request_is_refused(world: World, change: Parameters) -> None:
    asked = {**world.asked(CustomKeyStoreName=f"{uuid.uuid4()}"), **change}
    asked = {name: value for name, value in asked.items() if value is not None}
    with pytest.raises((ClientError, ParamValidationError)) as caught:
        world.kms.create_custom_key_store(**asked)
    assert asked.get("KeyStorePassword", "never") not in str(caught.value)
    assert len(world.kms.describe_custom_key_stores()["CustomKeyStores"]) == 1


@pytest.mark.parametrize("anchor", ["no certificate", "", "-----BEGIN CERTIFICATE-----\nAA=="])
def test_a_trust_anchor_is_the_clusters_own(unmade: World, anchor: str) -> None:
    own = unmade
    for text in (anchor or "x", stores.anchor()):
        with refused("IncorrectTrustAnchorException"):
            own.kms.create_custom_key_store(**own.asked(TrustAnchorCertificate=text))
    windows = own.anchor.replace("\n", "\r\n")
    own.kms.create_custom_key_store(**own.asked(TrustAnchorCertificate=windows))


def test_a_cluster_is_there_active_and_has_two_hsms_in_two_zones(fresh: Lab) -> None:
    kms = fresh.client("kms")
    cluster = clusters.claimed(fresh)
    anchor = fresh._clusters.find(cluster).trust_anchor
    asked = {
        "CustomKeyStoreName": "early",
        "CloudHsmClusterId": cluster,
        "TrustAnchorCertificate": anchor,
        "KeyStorePassword": PASSWORD,
    }
    with refused("CloudHsmClusterNotActiveException"):
        kms.create_custom_key_store(**asked)
    fresh.cloudhsm(cluster).activate(ADMIN)
    with refused("CloudHsmClusterInvalidConfigurationException"):
        kms.create_custom_key_store(**asked)
    with refused("CloudHsmClusterNotFoundException"):
        kms.create_custom_key_store(**{**asked, "CloudHsmClusterId": "cluster-abcdefg2345"})
    with refused("CloudHsmClusterNotFoundException"):
        fresh.client("kms", region="eu-west-1").create_custom_key_store(**asked)
    clusters.add_hsm(fresh, cluster, ZONES[1])
    assert kms.create_custom_key_store(**asked)["CustomKeyStoreId"].startswith("cks-")


def test_ten_stores_are_the_most_and_come_in_pages_and_by_name(fresh: Lab) -> None:
    kms = fresh.client("kms")
    proxies = [fresh.xks_proxy(f"p{number}.example.com") for number in range(2)]
    made = {}
    for number in range(10):
        more = {
            "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
            "XksProxyVpcEndpointServiceName": f"com.amazonaws.vpce.us-east-1.vpce-svc-{number}",
            "XksProxyUriEndpoint": f"https://v{number}.example.com",
        }
        asked = {**proxies[0].configuration, **more, "CustomKeyStoreType": "EXTERNAL_KEY_STORE"}
        made[f"store {number}"] = kms.create_custom_key_store(
            CustomKeyStoreName=f"store {number}", **asked
        )["CustomKeyStoreId"]
    with refused("LimitExceededException"):
        kms.create_custom_key_store(
            CustomKeyStoreName="eleven",
            CustomKeyStoreType="EXTERNAL_KEY_STORE",
            **proxies[1].configuration,
        )
    pages = kms.get_paginator("describe_custom_key_stores").paginate(
        PaginationConfig={"PageSize": 3}
    )
    found = [each["CustomKeyStoreName"] for page in pages for each in page["CustomKeyStores"]]
    assert sorted(found) == sorted(made)
    (one,) = kms.describe_custom_key_stores(CustomKeyStoreName="store 3")["CustomKeyStores"]
    assert one["CustomKeyStoreId"] == made["store 3"]
    with refused("CustomKeyStoreNotFoundException"):
        kms.describe_custom_key_stores(CustomKeyStoreName="store 30")
    with refused("ValidationException"):
        kms.describe_custom_key_stores(
            CustomKeyStoreName="store 3", CustomKeyStoreId=made["store 3"]
        )
    there = fresh.client("kms", region="eu-west-1")
    assert there.describe_custom_key_stores()["CustomKeyStores"] == []


def test_a_store_is_renamed_while_connected_and_not_given_a_name_in_use(world: World) -> None:
    world.kms.update_custom_key_store(CustomKeyStoreId=world.store, NewCustomKeyStoreName="renamed")
    world.kms.update_custom_key_store(CustomKeyStoreId=world.store, NewCustomKeyStoreName="renamed")
    (shown,) = world.kms.describe_custom_key_stores()["CustomKeyStores"]
    assert shown["CustomKeyStoreName"] == "renamed"
    assert shown["TrustAnchorCertificate"] == world.anchor
    assert "KeyStorePassword" not in shown
    for change in (
        {"KeyStorePassword": "other123"},
        {"CloudHsmClusterId": world.cluster},
        {"NewCustomKeyStoreName": "both", "KeyStorePassword": "other123"},
    ):
        with refused(STORE_STATE):
            world.kms.update_custom_key_store(CustomKeyStoreId=world.store, **change)
    for change in ({}, {"XksProxyUriPath": "/kms/xks/v1"}):
        with refused("ValidationException"):
            world.kms.update_custom_key_store(CustomKeyStoreId=world.store, **change)


# --- rights, and what is seen of all this -------------------------------------------------------


def test_create_needs_describe_clusters_and_at_first_a_service_linked_role(unmade: World) -> None:
    own, alice = unmade, unmade.lab.user("alice")
    kms, iam = alice.client("kms"), own.lab.client("iam")
    role = "AWSServiceRoleForKeyManagementServiceCustomKeyStores"
    made = iam.get_role(RoleName=role)["Role"]
    assert made["Path"] == "/aws-service-role/cks.kms.amazonaws.com/"
    rights = [allow("kms:CreateCustomKeyStore"), allow("cloudhsm:DescribeClusters")]
    for left in rights:
        alice.put_policy("p", [left])
        with refused("AccessDeniedException"):
            kms.create_custom_key_store(**own.asked())
    alice.put_policy("p", rights)
    store = kms.create_custom_key_store(**own.asked())["CustomKeyStoreId"]
    own.kms.delete_custom_key_store(CustomKeyStoreId=store)
    iam.delete_role(RoleName=role)
    with refused("AccessDeniedException") as caught:
        kms.create_custom_key_store(**own.asked())
    assert "iam:CreateServiceLinkedRole" in str(caught.value)
    for_kms = {"StringEquals": {"iam:AWSServiceName": "cks.kms.amazonaws.com"}}
    alice.put_policy("p", [*rights, allow("iam:CreateServiceLinkedRole", Condition=for_kms)])
    kms.create_custom_key_store(**own.asked())
    assert iam.get_role(RoleName=role)["Role"]["RoleName"] == role


def test_a_policy_can_ask_for_the_origin_of_a_key(world: World) -> None:
    bob = world.lab.user("bob")
    here = {"StringEquals": {"kms:KeyOrigin": "AWS_CLOUDHSM"}}
    bob.put_policy("p", [allow("kms:Encrypt", "kms:CreateKey", Condition=here)])
    kms = bob.client("kms")
    kms.encrypt(KeyId=world.arn(), Plaintext=b"x")
    kms.create_key(CustomKeyStoreId=world.store, Origin="AWS_CLOUDHSM")
    with refused("AccessDeniedException"):
        kms.create_key()
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=world.kms.create_key()["KeyMetadata"]["Arn"], Plaintext=b"x")


def test_events_are_as_aws_shows_them(world: World) -> None:
    trail = world.lab.trail()
    made = _first(trail, "Create")
    assert made["requestParameters"] == {
        "customKeyStoreName": "hsm store",
        "clusterId": world.cluster,
    }
    assert made["responseElements"] == {"customKeyStoreId": world.store}
    assert made["readOnly"] is False
    joined = _first(trail, "Connect")
    assert joined["requestParameters"] == {"customKeyStoreId": world.store}
    assert joined["additionalEventData"] == {
        "customKeyStoreName": "hsm store",
        "clusterId": world.cluster,
    }
    world.encrypt()
    assert world.lab.trail()[-1]["additionalEventData"] == {"customKeyStoreId": world.store}


def _first(trail: Any, verb: str) -> dict[str, Any]:
    event: dict[str, Any] = trail.named(f"{verb}CustomKeyStore")[0]
    return event


def test_no_password_is_on_disk_in_the_trail_or_in_a_message(own: World) -> None:
    lab = own.lab
    store = key_stores.find(lab._rooms, lab.account, "us-east-1", own.store)
    assert store is not None
    secrets = [PASSWORD, sealing.unseal(lab._rooms, store), "mended123"]
    own.disconnect()
    own.set_password("mended123")
    seen = str(list(lab.trail())) + repr(store) + repr(lab._rooms.connections)
    kept = b"".join(files(lab.path).values())
    for each in secrets:
        assert each.encode() not in kept
        assert each.encode().hex().encode() not in kept
        assert each not in seen
    assert TEXT not in kept


# --- processes ----------------------------------------------------------------------------------

OTHER = """
import sys
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    kms = lab.client("kms")
    print(kms.encrypt(KeyId=sys.argv[2], Plaintext=b"from another")["CiphertextBlob"].hex())
    print("ready", flush=True)
    sys.stdin.readline()
    kms.list_keys()
    print(len(lab._rooms.connections._sessions), flush=True)
"""
KILLED = """
import os, sys
from kmslab import Lab
from kmslab.cloudhsm.errors import ClusterError, InvalidCredentials
from kmslab.kms.stores import connecting, records
change = records.change
def killed(rooms, store, **values):
    if "secret" in values:
        os.kill(os.getpid(), 9)  # the cluster has the new password, the records don't say so
    change(rooms, store, **values)
records.change = killed
with Lab(sys.argv[1]) as lab:
    kms = lab.client("kms")
    kms.connect_custom_key_store(CustomKeyStoreId=sys.argv[2])
    lab.clock.advance(minutes=11)
    kms.list_keys()
"""


def test_two_processes_use_a_store_and_one_that_disconnects_logs_both_out(own: World) -> None:
    other = start(OTHER, own.lab.path, own.key, stdin=subprocess.PIPE)
    assert other.stdin is not None
    assert other.stdout is not None
    blob = bytes.fromhex(other.stdout.readline().strip())
    assert other.stdout.readline() == "ready\n"
    assert own.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"from another"
    own.disconnect()
    output, _ = other.communicate("on\n", timeout=60)
    assert output.strip() == "0"
    own.set_password("between1")
    assert own.connect() == ("CONNECTED", "")
    assert own.decrypt() == TEXT


def test_a_session_that_ended_since_is_begun_again_with_the_password_of_now(own: World) -> None:
    assert own.decrypt() == TEXT
    rooms = own.lab._rooms
    store = key_stores.find(rooms, own.lab.account, "us-east-1", own.store)
    assert store is not None
    other = own.lab._clusters.login(own.cluster, "kmsuser", sealing.unseal(rooms, store))
    other.change_password("elsewhere")  # as another process does when it connects
    sealed = sealing.seal(rooms, store.token, store.store_id, "elsewhere")
    key_stores.change(rooms, store, secret=sealed)
    ended = rooms.connections._sessions[own.store][0]
    assert own.decrypt() == TEXT
    assert rooms.connections._sessions[own.store][0] is not ended


def test_kms_is_not_locked_out_by_kill_9_between_the_cluster_and_its_records(
    own: World,
) -> None:
    own.disconnect()
    own.lab.close()
    process = start(KILLED, own.lab.path, own.store)
    process.communicate(timeout=60)
    assert process.returncode == -9
    with Lab(own.lab.path) as lab:
        kms = lab.client("kms")
        assert stores.state(kms, own.store) == ("CONNECTED", "")
        asked = {"CiphertextBlob": own.blob, "EncryptionContext": CONTEXT}
        assert kms.decrypt(**asked)["Plaintext"] == TEXT


def test_kms_finds_the_password_that_it_set_and_could_not_note(own: World) -> None:
    own.disconnect()
    rooms = own.lab._rooms
    own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    store = key_stores.find(rooms, own.lab.account, "us-east-1", own.store)
    assert store is not None
    new = sealing.unseal(rooms, store, store.next_secret)
    own.cli.change_password("kmsuser", new)  # the cluster has it, the records say the old one
    own.lab.clock.advance(minutes=11)
    assert own.state() == ("CONNECTED", "")
    assert own.decrypt() == TEXT
    own.disconnect()
    assert own.connect() == ("CONNECTED", "")


def test_a_new_domain_key_of_kms_does_not_cost_a_store_its_password(own: World) -> None:
    own.lab.hsms.rotate_domain_key()
    own.disconnect()
    assert own.connect() == ("CONNECTED", "")
    assert own.decrypt() == TEXT
