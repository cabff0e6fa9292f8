"""AWS's own model of KMS, walked: every operation is known, every answer has the model's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import stores
from botocore.model import OperationModel
from expect import UNKNOWN_ID, refused
from shapes import misfits, undeclared
from working import (
    ELSEWHERE,
    GRANTEE,
    IMPORTED,
    MODEL,
    SHARED,
    THERE,
    World,
    import_request,
    one_rsa_key,
    prepare,
    work,
)

from kmslab import Lab
from kmslab.errors import StoreBusy
from kmslab.kms.operations import OPERATIONS
from kmslab.kms.specs import SPECS


class Checked(World):
    """A lab whose clients look at every answer; `wrong` is what they found, and should be empty."""

    def __init__(self, lab: Lab) -> None:
        self.wrong: list[str] = []
        super().__init__(lab)

    def client(self, region: str) -> Any:
        """The client of a Region, watched."""
        if region not in self._clients:
            client = super().client(region)
            client.meta.events.register_last("after-call.kms", self._look)
        return self._clients[region]

    def _look(self, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        answer = {name: parsed[name] for name in parsed if name != "ResponseMetadata"}
        if "Error" in answer:
            code = answer["Error"]["Code"]
            if undeclared(model, code):
                self.wrong.append(f"{model.name} answered with {code}")
        else:
            self.wrong += misfits(model.output_shape, answer, model.name)


@pytest.fixture(scope="module")
def checked(lab: Lab) -> Iterator[Checked]:
    """The module's lab, watched."""
    with one_rsa_key():
        yield Checked(lab)


@pytest.fixture(autouse=True)
def _all_is_right(checked: Checked) -> Iterator[None]:
    """After every test of this module: no answer was out of shape."""
    checked.wrong.clear()
    yield
    assert checked.wrong == []


def test_every_operation_is_answered() -> None:
    assert len(MODEL.operation_names) == 56
    assert set(MODEL.operation_names) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answer_has_the_shape_of_the_model(checked: Checked, operation: str) -> None:
    work(checked, operation)


KINDS = [  # RSA_3072 and RSA_4096 are as RSA_2048, and seconds slower
    (name, usage)
    for name, spec in SPECS.items()
    for usage in spec.usages
    if name not in ("RSA_3072", "RSA_4096")
]


@pytest.mark.parametrize(("spec", "usage"), KINDS)
def test_every_kind_of_key_shows_itself_in_shape(checked: Checked, spec: str, usage: str) -> None:
    kms, key = checked.kms, checked.key(KeySpec=spec, KeyUsage=usage, MultiRegion=True)
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeySpec"], shown["KeyUsage"]) == (spec, usage)
    assert ("CurrentKeyMaterialId" in shown) == (spec == "SYMMETRIC_DEFAULT")
    assert ("CustomerMasterKeySpec" in shown) == (not spec.startswith(("ML_", "ECC_NIST_ED")))
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    if SPECS[spec].family == "asymmetric":
        public = kms.get_public_key(KeyId=key)
        assert public["KeySpec"] == spec
        lists = [name for name in public if name.endswith("Algorithms")]
        assert {name: public[name] for name in lists} == {name: shown[name] for name in lists}
        assert len(lists) == 1
    else:
        with refused("UnsupportedOperationException", ""):
            kms.get_public_key(KeyId=key)


def test_every_state_shows_itself_in_shape(checked: Checked) -> None:
    kms, there = checked.kms, checked.client(THERE)
    waiting, primary = checked.key(**IMPORTED), checked.key(**SHARED)
    assert kms.describe_key(KeyId=waiting)["KeyMetadata"]["KeyState"] == "PendingImport"
    kms.replicate_key(KeyId=primary, ReplicaRegion=THERE)
    assert there.describe_key(KeyId=primary)["KeyMetadata"]["KeyState"] == "Creating"
    checked.settle()
    kms.update_primary_region(KeyId=primary, PrimaryRegion=THERE)
    shown = [each.describe_key(KeyId=primary)["KeyMetadata"] for each in (kms, there)]
    assert [each["KeyState"] for each in shown] == ["Updating", "Updating"]
    types = [each["MultiRegionConfiguration"]["MultiRegionKeyType"] for each in shown]
    assert types == ["REPLICA", "PRIMARY"]
    checked.settle()
    there.schedule_key_deletion(KeyId=primary, PendingWindowInDays=7)
    left = there.describe_key(KeyId=primary)["KeyMetadata"]
    assert (left["KeyState"], left["PendingDeletionWindowInDays"]) == ("PendingReplicaDeletion", 7)
    assert "DeletionDate" not in left
    kms.schedule_key_deletion(KeyId=primary)
    left = kms.describe_key(KeyId=primary)["KeyMetadata"]
    assert left["KeyState"] == "PendingDeletion"
    assert "PendingDeletionWindowInDays" not in left
    assert left["DeletionDate"] > left["CreationDate"]


def test_imported_material_shows_itself_in_shape(checked: Checked) -> None:
    kms, key = checked.kms, checked.key(**IMPORTED)
    until = checked.lab.clock.now() + timedelta(days=9)
    request = import_request(checked, key) | {
        "ExpirationModel": "KEY_MATERIAL_EXPIRES",
        "ValidTo": until,
        "KeyMaterialDescription": "ours: 2026-11",
    }
    material = kms.import_key_material(**request)["KeyMaterialId"]
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert shown["CurrentKeyMaterialId"] == material
    assert (shown["ExpirationModel"], shown["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", until)
    (entry,) = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert entry["KeyMaterialDescription"] == "ours: 2026-11"
    checked.lab.clock.advance(days=10)
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], "ExpirationModel" in shown) == ("PendingImport", False)
    kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert kms.delete_imported_key_material(KeyId=key)["KeyMaterialId"] == material


def test_rotations_and_use_show_themselves_in_shape(checked: Checked) -> None:
    kms, key = checked.kms, checked.key()
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    checked.lab.clock.advance(days=100)
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["OnDemandRotationStartDate"]
    checked.settle()
    kinds = [each["RotationType"] for each in kms.list_key_rotations(KeyId=key)["Rotations"]]
    assert kinds == ["AUTOMATIC", "ON_DEMAND"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]["Operation"] == "Encrypt"


def test_grants_of_every_form_show_themselves_in_shape(checked: Checked) -> None:
    kms, key = checked.kms, checked.key()
    kms.create_grant(
        KeyId=key,
        Name="a:b/c_d-e",
        GranteePrincipal=GRANTEE,
        RetiringPrincipal=GRANTEE,
        Operations=["Encrypt", "CreateGrant"],
        Constraints={"EncryptionContextSubset": {"Dept": "HR"}},
    )
    kms.create_grant(
        KeyId=key,
        GranteeServicePrincipal="ec2.amazonaws.com",
        RetiringServicePrincipal="ec2.amazonaws.com",
        Operations=["Encrypt"],
        Constraints={"SourceArn": "arn:aws:ec2:us-east-1:111122223333:instance/i-1"},
    )
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 2
    page = kms.list_grants(KeyId=key, Limit=1)
    assert page["Truncated"]
    assert len(kms.list_grants(KeyId=key, Marker=page["NextMarker"])["Grants"]) == 1
    assert kms.list_retirable_grants(RetiringPrincipal=GRANTEE)["Grants"]
    assert kms.list_retirable_grants(RetiringServicePrincipal="ec2.amazonaws.com")["Grants"]


def test_keys_of_services_show_themselves_in_shape(checked: Checked) -> None:
    for service in ("s3", "ebs", "secretsmanager", "ssm"):
        name = checked.lab.first_use(service)
        shown = checked.kms.describe_key(KeyId=name)["KeyMetadata"]
        assert shown["KeyManager"] == "AWS"
        checked.kms.get_key_policy(KeyId=shown["KeyId"])
        checked.kms.get_key_rotation_status(KeyId=shown["KeyId"])
    checked.kms.list_aliases()


def test_what_is_optional_in_a_replica_shows_itself_in_shape(checked: Checked) -> None:
    key = checked.key(**SHARED, Tags=[{"TagKey": "a", "TagValue": ""}])
    plain = checked.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    assert plain["ReplicaKeyMetadata"]["KeyState"] == "Creating"
    assert plain["ReplicaTags"] == []
    tags = [{"TagKey": "b", "TagValue": "c"}]
    asked = checked.kms.replicate_key(KeyId=key, ReplicaRegion=ELSEWHERE, Tags=tags)
    assert asked["ReplicaTags"] == tags


def test_keys_and_stores_of_both_kinds_show_themselves_in_shape(checked: Checked) -> None:
    lab, kms = checked.lab, checked.kms
    key = stores.external_key(lab, kms, stores.external(lab, kms))
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["Origin"], "CurrentKeyMaterialId" in shown) == ("EXTERNAL_KEY_STORE", False)
    kms.describe_custom_key_stores()
    cluster = stores.pretend(lab).make(lab)
    store = kms.create_custom_key_store(**stores.asked_of(cluster))["CustomKeyStoreId"]
    stores.bring(lab, kms, store)
    shown = kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")["KeyMetadata"]
    assert shown["CloudHsmClusterId"] == cluster.view.cluster_id
    cluster.has_user = False
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    lab.clock.advance(minutes=2)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    lab.clock.advance(minutes=11)
    assert stores.state(kms, store) == ("FAILED", "USER_NOT_FOUND")
    assert kms.describe_key(KeyId=shown["KeyId"])["KeyMetadata"]["KeyState"] == "Unavailable"


# Errors that a model does not declare, though its operation meets what they are for.
ODD: dict[str, tuple[str, Callable[[World], Any]]] = {
    "a marker of a list that has one page": (
        "ValidationException",
        lambda world: world.kms.list_key_policies(KeyId=world.key(), Marker="made-up"),
    ),
    "a grant token for DescribeKey": (
        "ValidationException",
        lambda world: world.kms.describe_key(KeyId=world.key(), GrantTokens=["made-up"]),
    ),
    "a name of AWS's for UpdateAlias": (
        "ValidationException",
        lambda world: world.kms.update_alias(AliasName="alias/aws/x", TargetKeyId=world.key()),
    ),
    "no ARN for Encrypt": (
        "NotFoundException",
        lambda world: world.kms.encrypt(KeyId="arn:aws:s3:::bucket", Plaintext=b"x"),
    ),
    "an alias for a deleted name": (
        "NotFoundException",
        lambda world: world.kms.delete_alias(AliasName="alias/aws/nothing"),
    ),
    "a foreign key": (
        "AccessDeniedException",
        lambda world: world.kms.list_grants(
            KeyId=f"arn:aws:kms:us-east-1:111122223333:key/{UNKNOWN_ID}"
        ),
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_an_error_is_one_that_the_model_declares(checked: Checked, case: str) -> None:
    code, ask = ODD[case]
    with refused(code):
        ask(checked)


@pytest.mark.parametrize("operation", ["GenerateMac", "ListResourceTags", "TagResource"])
def test_records_that_stay_busy_are_an_internal_error_where_aws_has_no_other(
    checked: Checked, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> int:
        raise StoreBusy("database is locked")

    parameters = prepare(checked, operation)
    for name in ("write", "append"):
        monkeypatch.setattr(checked.lab._rooms.store, name, busy)
    with refused("KMSInternalException", "database is locked"):
        checked.call(operation, parameters)
