"""Each condition key of KMS: what it is in a request, and when a request doesn't have it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kmslab import Lab
from kmslab.aws.call import Call, Way
from kmslab.kms import records
from kmslab.kms.condition_parameters import PARAMETERS
from kmslab.kms.conditions import _OTHERS, Keys
from kmslab.kms.key import Key

S3 = Way(service="s3.amazonaws.com")
GRANT = {
    "GranteePrincipal": "arn:aws:iam::111122223333:role/app",
    "RetiringPrincipal": "arn:aws:iam::111122223333:root",
    "Operations": ["Encrypt", "Decrypt"],
    "Constraints": {"EncryptionContextSubset": {"Dept": "hr"}, "SourceArn": "arn:aws:s3:::b"},
}
SERVICE_GRANT = {
    "GranteeServicePrincipal": "rds.amazonaws.com",
    "RetiringServicePrincipal": "ec2.amazonaws.com",
}


@pytest.fixture(scope="module")
def sample(lab: Lab) -> Key:
    kms = lab.client("kms")
    made = kms.create_key(Tags=[{"TagKey": "Team", "TagValue": "billing"}])["KeyMetadata"]
    for name in ("alias/b", "alias/a"):
        kms.create_alias(AliasName=name, TargetKeyId=made["KeyId"])
    return _key(lab, made["KeyId"])


@pytest.fixture(scope="module")
def set_of_keys(lab: Lab) -> tuple[Key, Key]:
    kms = lab.client("kms")
    made = kms.create_key(MultiRegion=True, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    key_id = made["KeyMetadata"]["KeyId"]
    kms.replicate_key(KeyId=key_id, ReplicaRegion="eu-west-1")
    return _key(lab, key_id), _key(lab, key_id, "eu-west-1")


def _key(lab: Lab, key_id: str, region: str = "us-east-1") -> Key:
    found = records.find(lab._rooms, str(lab.account), region, key_id)
    assert found is not None
    return found


def _keys(lab: Lab, operation: str, key: Key | None = None, action: str = "", **more: Any) -> Keys:
    way, also = more.pop("way", Way()), more.pop("also", None)
    call = Call(lab.admin.principal, "kms", operation, "us-east-1", more, way=way)
    return Keys(lab._rooms, call, action or f"kms:{operation}", key, also)


# Key, operation, parameters, value. `key`: the question is about the sample key.
REQUESTS: list[tuple[str, str, dict[str, Any], tuple[str, ...] | None]] = [
    ("kms:bypasspolicylockoutsafetycheck", "PutKeyPolicy", {}, ("false",)),
    (
        "kms:bypasspolicylockoutsafetycheck",
        "CreateKey",
        {"BypassPolicyLockoutSafetyCheck": True},
        ("true",),
    ),
    ("kms:bypasspolicylockoutsafetycheck", "ReplicateKey", {}, None),
    ("kms:datakeypairspec", "GenerateDataKeyPair", {"KeyPairSpec": "RSA_2048"}, ("RSA_2048",)),
    ("kms:datakeypairspec", "GenerateDataKey", {"KeyPairSpec": "RSA_2048"}, None),
    ("kms:encryptionalgorithm", "Encrypt", {}, ("SYMMETRIC_DEFAULT",)),
    ("kms:encryptionalgorithm", "GenerateDataKey", {}, ("SYMMETRIC_DEFAULT",)),
    (
        "kms:encryptionalgorithm",
        "Decrypt",
        {"EncryptionAlgorithm": "RSAES_OAEP_SHA_1"},
        ("RSAES_OAEP_SHA_1",),
    ),
    ("kms:encryptionalgorithm", "Sign", {}, None),
    ("kms:encryptioncontext:dept", "Encrypt", {"EncryptionContext": {"Dept": "HR"}}, ("HR",)),
    ("kms:encryptioncontext:dept", "Encrypt", {}, None),
    ("kms:encryptioncontext:dept", "CreateGrant", GRANT, ("hr",)),
    ("kms:encryptioncontextkeys", "Decrypt", {"EncryptionContext": {"a": "1"}}, ("a",)),
    ("kms:encryptioncontextkeys", "Decrypt", {}, None),
    ("kms:encryptioncontextkeys", "CreateGrant", GRANT, ("Dept",)),
    ("kms:expirationmodel", "ImportKeyMaterial", {}, ("KEY_MATERIAL_EXPIRES",)),
    ("kms:expirationmodel", "GetParametersForImport", {}, None),
    ("kms:grantconstrainttype", "CreateGrant", GRANT, ("EncryptionContextSubset", "SourceArn")),
    ("kms:grantconstrainttype", "CreateGrant", {}, None),
    ("kms:grantconstraintsourcearn", "CreateGrant", GRANT, ("arn:aws:s3:::b",)),
    ("kms:grantisforawsresource", "CreateGrant", GRANT, ("false",)),
    ("kms:grantisforawsresource", "RevokeGrant", {"way": S3}, ("true",)),
    ("kms:grantisforawsresource", "RetireGrant", {}, None),
    ("kms:grantoperations", "CreateGrant", GRANT, ("Encrypt", "Decrypt")),
    ("kms:granteeprincipal", "CreateGrant", GRANT, (GRANT["GranteePrincipal"],)),  # type: ignore[list-item]
    ("kms:granteeserviceprincipal", "CreateGrant", SERVICE_GRANT, ("rds.amazonaws.com",)),
    ("kms:retiringprincipal", "CreateGrant", GRANT, ("arn:aws:iam::111122223333:root",)),
    ("kms:retiringserviceprincipal", "CreateGrant", SERVICE_GRANT, ("ec2.amazonaws.com",)),
    (
        "kms:keyagreementalgorithm",
        "DeriveSharedSecret",
        {"KeyAgreementAlgorithm": "ECDH"},
        ("ECDH",),
    ),
    ("kms:macalgorithm", "VerifyMac", {"MacAlgorithm": "HMAC_SHA_256"}, ("HMAC_SHA_256",)),
    ("kms:messagetype", "Sign", {}, ("RAW",)),
    ("kms:messagetype", "Verify", {"MessageType": "DIGEST"}, ("DIGEST",)),
    ("kms:signingalgorithm", "Sign", {"SigningAlgorithm": "ECDSA_SHA_256"}, ("ECDSA_SHA_256",)),
    ("kms:policyname", "GetKeyPolicy", {}, ("default",)),
    ("kms:policyname", "ListKeyPolicies", {}, None),
    ("kms:primaryregion", "UpdatePrimaryRegion", {"PrimaryRegion": "eu-west-1"}, ("eu-west-1",)),
    ("kms:replicaregion", "ReplicateKey", {"ReplicaRegion": "eu-west-1"}, ("eu-west-1",)),
    ("kms:rotationperiodindays", "EnableKeyRotation", {}, ("365",)),
    ("kms:rotationperiodindays", "EnableKeyRotation", {"RotationPeriodInDays": 90}, ("90",)),
    ("kms:schedulekeydeletionpendingwindowindays", "ScheduleKeyDeletion", {}, ("30",)),
    (
        "kms:validto",
        "ImportKeyMaterial",
        {"ValidTo": datetime(2026, 1, 1, tzinfo=UTC)},
        ("1767225600",),
    ),
    ("kms:validto", "ImportKeyMaterial", {}, None),
    ("kms:wrappingalgorithm", "GetParametersForImport", {"WrappingAlgorithm": "X"}, ("X",)),
    (
        "kms:wrappingkeyspec",
        "GetParametersForImport",
        {"WrappingKeySpec": "RSA_4096"},
        ("RSA_4096",),
    ),
    ("kms:viaservice", "Decrypt", {}, None),
    ("kms:viaservice", "Decrypt", {"way": S3}, ("s3.us-east-1.amazonaws.com",)),
    ("kms:requestalias", "Encrypt", {"KeyId": "alias/a"}, ("alias/a",)),
    ("kms:requestalias", "Encrypt", {"KeyId": "arn:aws:kms:us-east-1:1:alias/a"}, ("alias/a",)),
    ("kms:requestalias", "Encrypt", {"KeyId": "1234abcd"}, None),
    ("kms:requestalias", "Decrypt", {}, None),
    ("kms:keyspec", "CreateKey", {}, ("SYMMETRIC_DEFAULT",)),
    ("kms:keyspec", "CreateKey", {"KeySpec": "RSA_2048"}, ("RSA_2048",)),
    (
        "kms:customermasterkeyspec",
        "CreateKey",
        {"CustomerMasterKeySpec": "RSA_2048"},
        ("RSA_2048",),
    ),
    ("kms:keyspec", "ListKeys", {}, None),
    ("kms:keyusage", "CreateKey", {"KeyUsage": "SIGN_VERIFY"}, ("SIGN_VERIFY",)),
    ("kms:customermasterkeyusage", "CreateKey", {}, ("ENCRYPT_DECRYPT",)),
    ("kms:keyorigin", "CreateKey", {"Origin": "EXTERNAL"}, ("EXTERNAL",)),
    ("kms:multiregion", "CreateKey", {}, ("false",)),
    ("kms:multiregionkeytype", "CreateKey", {"MultiRegion": True}, ("PRIMARY",)),
    ("kms:multiregionkeytype", "CreateKey", {}, None),
    ("kms:calleraccount", "ListKeys", {}, None),
    ("kms:reencryptonsamekey", "Encrypt", {}, None),
    ("aws:tagkeys", "TagResource", {"Tags": [{"TagKey": "A", "TagValue": "b"}]}, ("A",)),
    ("aws:tagkeys", "UntagResource", {"TagKeys": ["x", "y"]}, ("x", "y")),
    ("aws:tagkeys", "Encrypt", {}, None),
    ("aws:requesttag/a", "CreateKey", {"Tags": [{"TagKey": "A", "TagValue": "b"}]}, ("b",)),
    ("aws:requesttag/a", "CreateKey", {}, None),
    ("kms:nothing", "Encrypt", {}, None),
]


@pytest.mark.parametrize(("key", "operation", "parameters", "value"), REQUESTS)
def test_a_request_has_the_key_with_this_value(
    lab: Lab, key: str, operation: str, parameters: dict[str, Any], value: tuple[str, ...] | None
) -> None:
    keys = _keys(lab, operation, **parameters)
    assert keys(key) == value
    assert keys.for_key_policy(key) == value


def test_every_key_is_tested() -> None:
    elsewhere = {"kms:calleraccount", "kms:reencryptonsamekey"}
    assert {*PARAMETERS, *_OTHERS} <= {case[0] for case in REQUESTS} | elsewhere


def test_a_key_is_known_by_its_record(lab: Lab, sample: Key, set_of_keys: tuple[Key, Key]) -> None:
    keys = _keys(lab, "Encrypt", sample)
    assert keys("kms:calleraccount") == (lab.account,)
    assert keys("kms:keyspec") == keys("kms:customermasterkeyspec") == ("SYMMETRIC_DEFAULT",)
    assert keys("kms:keyusage") == ("ENCRYPT_DECRYPT",)
    assert keys("kms:keyorigin") == ("AWS_KMS",)
    assert keys("kms:multiregion") == ("false",)
    assert keys("kms:multiregionkeytype") is None
    for one, kind in zip(set_of_keys, ("PRIMARY", "REPLICA"), strict=True):
        assert _keys(lab, "GenerateMac", one)("kms:multiregion") == ("true",)
        assert _keys(lab, "GenerateMac", one)("kms:multiregionkeytype") == (kind,)
        assert _keys(lab, "GenerateMac", one)("kms:keyspec") == ("HMAC_256",)


def test_tags_and_aliases_of_a_key_are_for_iam_policies_alone(lab: Lab, sample: Key) -> None:
    keys = _keys(lab, "Encrypt", sample)
    assert keys("aws:resourcetag/team") == ("billing",)
    assert keys("kms:resourcealiases") == ("alias/a", "alias/b")
    assert keys("aws:resourcetag/other") is None
    for name in ("aws:resourcetag/team", "kms:resourcealiases"):
        assert keys.for_key_policy(name) is None


def test_each_half_of_reencrypt_sees_its_own_context_and_name(
    lab: Lab, sample: Key, set_of_keys: tuple[Key, Key]
) -> None:
    asked = {
        "SourceEncryptionContext": {"a": "1"},
        "DestinationEncryptionContext": {"b": "2"},
        "SourceKeyId": "alias/a",
        "DestinationKeyId": "alias/b",
        "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_1",
    }
    other = set_of_keys[0]
    first = _keys(lab, "ReEncrypt", sample, "kms:ReEncryptFrom", also=other, **asked)
    second = _keys(lab, "ReEncrypt", other, "kms:ReEncryptTo", also=sample, **asked)
    assert (first("kms:encryptioncontextkeys"), second("kms:encryptioncontextkeys")) == (
        ("a",),
        ("b",),
    )
    assert (first("kms:requestalias"), second("kms:requestalias")) == (("alias/a",), ("alias/b",))
    assert first("kms:encryptionalgorithm") == ("RSAES_OAEP_SHA_1",)
    assert second("kms:encryptionalgorithm") == ("SYMMETRIC_DEFAULT",)
    assert first("kms:reencryptonsamekey") == ("false",)
    same = _keys(lab, "ReEncrypt", sample, "kms:ReEncryptTo", also=sample, **asked)
    assert same("kms:reencryptonsamekey") == ("true",)
