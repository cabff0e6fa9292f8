"""Key id, key ARN, alias name, alias ARN: accepted where AWS accepts them, refused elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from working import MODEL, World, kind, one_rsa_key, prepare

from kmslab import Lab
from kmslab.kms.operations import OPERATIONS


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


@pytest.fixture(scope="module")
def named(lab: Lab, kms: Any, key: str) -> dict[str, str]:
    """The four names of one key."""
    kms.create_alias(AliasName="alias/app/named", TargetKeyId=key)
    start = f"arn:aws:kms:us-east-1:{lab.account}"
    return {
        "key id": key,
        "key ARN": f"{start}:key/{key}",
        "alias name": "alias/app/named",
        "alias ARN": f"{start}:alias/app/named",
    }


# Members that name a key. An alias is taken by cryptography and by what shows a key to its user.
TAKES_ALIASES = {
    *("DescribeKey", "GetPublicKey", "Encrypt", "Decrypt", "ReEncrypt", "Sign", "Verify"),
    *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateMac", "VerifyMac"),
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "DeriveSharedSecret"),
    *("Encapsulate", "Decapsulate"),
}
NAMING = [
    (operation, member)
    for operation in OPERATIONS
    for member in ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId")
    if member in MODEL.operation_model(operation).input_shape.members
]


def _by(world: World, operation: str, member: str, form: str) -> tuple[dict[str, Any], str]:
    """A request that works, with its key named in this form, and the key's ARN."""
    key, alias = world.key(**kind(operation)), f"alias/{uuid.uuid4()}"
    of = "RevokeGrant" if operation == "RetireGrant" else operation
    parameters = prepare(world, of, key)
    if form.startswith("alias") and operation != "CancelKeyDeletion":
        world.kms.create_alias(AliasName=alias, TargetKeyId=key)
    forms = {
        "key id": key,
        "key ARN": world.arn(key),
        "alias name": alias,
        "alias ARN": world.arn(key).replace(f"key/{key}", alias),
    }
    return {**parameters, member: forms[form]}, world.arn(key)


@pytest.mark.parametrize("form", ["key id", "key ARN", "alias name", "alias ARN"])
@pytest.mark.parametrize(
    ("operation", "member"), [pair for pair in NAMING if pair[0] in TAKES_ALIASES]
)
def test_every_name_is_accepted(world: World, operation: str, member: str, form: str) -> None:
    parameters, arn = _by(world, operation, member, form)
    answer = world.call(operation, parameters)
    assert (answer.get("KeyId") or answer["KeyMetadata"]["Arn"]) == arn


@pytest.mark.parametrize("form", ["key id", "key ARN"])
@pytest.mark.parametrize(
    ("operation", "member"), [pair for pair in NAMING if pair[0] not in TAKES_ALIASES]
)
def test_id_and_arn_are_accepted(world: World, operation: str, member: str, form: str) -> None:
    world.call(operation, _by(world, operation, member, form)[0])


@pytest.mark.parametrize("form", ["alias name", "alias ARN"])
@pytest.mark.parametrize(
    ("operation", "member"), [pair for pair in NAMING if pair[0] not in TAKES_ALIASES]
)
def test_an_alias_is_refused_where_only_keys_are_taken(
    world: World, operation: str, member: str, form: str
) -> None:
    declared = {each.name for each in MODEL.operation_model(operation).error_shapes}
    code = "InvalidArnException" if "InvalidArnException" in declared else "NotFoundException"
    with refused(code, "Key Aliases are not supported for this operation."):
        world.call(operation, _by(world, operation, member, form)[0])


@pytest.mark.parametrize("name", ["fake-key-id", "key/abc", "ALIAS/x", "mrk-1234", "x" * 40])
def test_a_name_of_no_form_is_an_invalid_key_id(kms: Any, name: str) -> None:
    with refused("NotFoundException", f"Invalid keyId '{name}'"):
        kms.encrypt(KeyId=name, Plaintext=b"x")


def test_an_unknown_alias_is_not_found(lab: Lab, kms: Any) -> None:
    arn = f"arn:aws:kms:us-east-1:{lab.account}:alias/nobody"
    for name in ("alias/nobody", arn):
        with refused("NotFoundException", f"Alias {arn} is not found."):
            kms.encrypt(KeyId=name, Plaintext=b"x")


def test_aliases_are_case_sensitive(kms: Any, named: dict[str, str]) -> None:
    with refused("NotFoundException"):
        kms.describe_key(KeyId=named["alias name"].upper().replace("ALIAS", "alias"))


def test_an_arn_of_another_region_is_invalid(lab: Lab, kms: Any, key: str) -> None:
    for resource in (f"key/{key}", "alias/app/named"):
        arn = f"arn:aws:kms:ap-southeast-1:{lab.account}:{resource}"
        with refused("NotFoundException", "Invalid arn ap-southeast-1"):
            kms.encrypt(KeyId=arn, Plaintext=b"x")


def test_an_arn_of_an_unknown_key_of_the_account_is_not_found(lab: Lab, kms: Any) -> None:
    arn = f"arn:aws:kms:us-east-1:{lab.account}:key/{UNKNOWN_ID}"
    with refused("NotFoundException", f"Key '{arn}' does not exist"):
        kms.encrypt(KeyId=arn, Plaintext=b"x")


@pytest.mark.parametrize("resource", ["key/{key}", "alias/app/named", "key/" + UNKNOWN_ID])
def test_a_foreign_account_hides_whether_its_key_exists(
    lab: Lab, kms: Any, key: str, resource: str
) -> None:
    arn = f"arn:aws:kms:us-east-1:111122223333:{resource.format(key=key)}"
    message = (
        f"User: {lab.admin.arn} is not authorized to perform: kms:Encrypt on this resource because "
        "the resource does not exist in this Region, no resource-based policies allow access, or a "
        "resource-based policy explicitly denies access"
    )
    with refused("AccessDeniedException", message):
        kms.encrypt(KeyId=arn, Plaintext=b"x")


@pytest.mark.parametrize(
    "arn", ["arn:", "arn:aws:s3:::bucket", "arn:aws:kms:us-east-1:12:key/x", "arn:aws:kms:::key/"]
)
def test_an_arn_of_something_else_is_invalid(kms: Any, arn: str) -> None:
    with refused("NotFoundException", f"Invalid arn {arn}"):
        kms.encrypt(KeyId=arn, Plaintext=b"x")


def test_a_name_that_is_no_unicode_is_refused(kms: Any) -> None:
    with refused("SerializationException"):
        kms.encrypt(KeyId="alias/\ud800", Plaintext=b"x")


def test_a_bad_id_in_an_arn_is_not_in_quotes(lab: Lab, kms: Any) -> None:
    with refused("NotFoundException", "Invalid keyId fake"):
        kms.encrypt(KeyId=f"arn:aws:kms:us-east-1:{lab.account}:key/fake", Plaintext=b"x")


@pytest.mark.parametrize("arn", ["arn:", "arn:aws:s3:::bucket", "arn:aws-cn:kms:x:1:key/y"])
def test_what_is_no_arn_of_kms_is_an_invalid_arn_where_aws_declares_that(
    kms: Any, arn: str
) -> None:
    with refused("InvalidArnException", f"Invalid arn {arn}") as caught:
        kms.describe_key(KeyId=arn)
    assert isinstance(caught.value, kms.exceptions.InvalidArnException)
