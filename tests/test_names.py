"""Key id, key ARN, alias name, alias ARN: accepted where AWS accepts them, refused elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused

from kmslab import Lab

Call = Callable[[Any, str], Any]


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


def _blob(kms: Any, name: str) -> bytes:
    return kms.encrypt(KeyId=kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"], Plaintext="x")[
        "CiphertextBlob"
    ]


TAKES_ALIASES: dict[str, Call] = {
    "DescribeKey": lambda kms, name: kms.describe_key(KeyId=name),
    "Encrypt": lambda kms, name: kms.encrypt(KeyId=name, Plaintext=b"x"),
    "Decrypt": lambda kms, name: kms.decrypt(KeyId=name, CiphertextBlob=_blob(kms, name)),
    "GenerateDataKey": lambda kms, name: kms.generate_data_key(KeyId=name, KeySpec="AES_128"),
    "GenerateDataKeyWithoutPlaintext": lambda kms, name: kms.generate_data_key_without_plaintext(
        KeyId=name, NumberOfBytes=5
    ),
    "ReEncrypt, source": lambda kms, name: kms.re_encrypt(
        CiphertextBlob=_blob(kms, name), SourceKeyId=name, DestinationKeyId=name
    ),
    "ReEncrypt, destination": lambda kms, name: kms.re_encrypt(
        CiphertextBlob=_blob(kms, name), DestinationKeyId=name
    ),
}
TAKES_KEYS_ONLY: dict[str, Call] = {
    "EnableKey": lambda kms, name: kms.enable_key(KeyId=name),
    "DisableKey": lambda kms, name: kms.disable_key(KeyId=name),
    "UpdateKeyDescription": lambda kms, name: kms.update_key_description(
        KeyId=name, Description=""
    ),
    "CreateAlias": lambda kms, name: kms.create_alias(AliasName="alias/new", TargetKeyId=name),
    "UpdateAlias": lambda kms, name: kms.update_alias(
        AliasName="alias/app/named", TargetKeyId=name
    ),
    "ListAliases": lambda kms, name: kms.list_aliases(KeyId=name),
}


@pytest.mark.parametrize("form", ["key id", "key ARN", "alias name", "alias ARN"])
@pytest.mark.parametrize("operation", TAKES_ALIASES)
def test_every_name_is_accepted(kms: Any, named: dict[str, str], operation: str, form: str) -> None:
    answer = TAKES_ALIASES[operation](kms, named[form])
    found = answer.get("KeyId") or answer["KeyMetadata"]["Arn"]
    assert found == named["key ARN"]


@pytest.mark.parametrize("form", ["key id", "key ARN"])
@pytest.mark.parametrize("operation", TAKES_KEYS_ONLY)
def test_id_and_arn_are_accepted(
    kms: Any, named: dict[str, str], operation: str, form: str
) -> None:
    TAKES_KEYS_ONLY[operation](kms, named[form])
    kms.enable_key(KeyId=named["key id"])
    if operation == "CreateAlias":
        kms.delete_alias(AliasName="alias/new")


@pytest.mark.parametrize("form", ["alias name", "alias ARN"])
@pytest.mark.parametrize("operation", TAKES_KEYS_ONLY)
def test_an_alias_is_refused_where_only_keys_are_taken(
    kms: Any, named: dict[str, str], operation: str, form: str
) -> None:
    with refused("NotFoundException") as caught:
        TAKES_KEYS_ONLY[operation](kms, named[form])
    assert "Invalid" in str(caught.value)


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
