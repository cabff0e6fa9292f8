"""AWS's wording for every kind of constraint that a request can fail."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import OperationModel
from expect import invalid

from kmslab import Lab
from kmslab.aws.validation import validate
from kmslab.errors import AwsError


def operation(lab: Lab, name: str) -> OperationModel:
    """botocore's model of an operation."""
    return lab.client("kms").meta.service_model.operation_model(name)


SECRET = "not to be repeated"
CONSTRAINTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "range, low": (
        "GenerateRandom",
        {"NumberOfBytes": 0},
        "Value '0' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    ),
    "range, high": (
        "GenerateRandom",
        {"NumberOfBytes": 1025},
        "Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value less than or equal to 1024",
    ),
    "length of a blob": (
        "Encrypt",
        {"KeyId": "a", "Plaintext": SECRET.encode() * 999},
        "Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096",
    ),
    "length of a text": (
        "Encrypt",
        {"KeyId": "", "Plaintext": b"x"},
        "Value '' at 'keyId' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
    "length of a list": (
        "Encrypt",
        {"KeyId": "a", "Plaintext": b"x", "GrantTokens": ["t"] * 11},
        f"Value '{['t'] * 11}' at 'grantTokens' failed to satisfy constraint: "
        "Member must have length less than or equal to 10",
    ),
    "member of a list": (
        "Encrypt",
        {"KeyId": "a", "Plaintext": b"x", "GrantTokens": ["t", ""]},
        "Value '' at 'grantTokens.2.member' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
    "pattern": (
        "CreateAlias",
        {"AliasName": "alias/a b", "TargetKeyId": "a"},
        "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ),
    "missing": (
        "Encrypt",
        {"Plaintext": b"x"},
        "Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    ),
    "nested": (
        "CreateKey",
        {"Tags": [{"TagKey": "", "TagValue": ""}]},
        "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_each_constraint_has_its_wording(lab: Lab, kind: str) -> None:
    name, parameters, failure = CONSTRAINTS[kind]
    with pytest.raises(AwsError) as caught:
        validate(operation(lab, name), parameters)
    assert caught.value.code == "ValidationException"
    assert caught.value.status == 400
    assert caught.value.message == invalid(failure)
    assert SECRET not in str(caught.value)


def test_an_enum_lists_its_values_in_any_order(lab: Lab) -> None:
    with pytest.raises(AwsError) as caught:
        validate(operation(lab, "GenerateDataKey"), {"KeyId": "a", "KeySpec": "AES_512"})
    start, values = caught.value.message.removesuffix("]").split(" [")
    assert start == invalid(
        "Value 'AES_512' at 'keySpec' failed to satisfy constraint: "
        "Member must satisfy enum value set:"
    )
    assert set(values.split(", ")) == {"AES_128", "AES_256"}


def test_several_failures_are_told_together(lab: Lab) -> None:
    with pytest.raises(AwsError) as caught:
        validate(operation(lab, "Encrypt"), {"KeyId": "", "Plaintext": b""})
    assert caught.value.message == (
        "2 validation errors detected: "
        "Value '' at 'keyId' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
        "Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Encrypt", {"KeyId": "a" * 2048, "Plaintext": b"x" * 4096, "GrantTokens": ["t"] * 10}),
        ("GenerateRandom", {"NumberOfBytes": 1}),
        ("GenerateRandom", {"NumberOfBytes": 1024}),
        ("GenerateRandom", {}),
        ("ListKeys", {"Limit": 1, "Marker": None}),
        ("ListKeys", {"UnknownToTheModel": 1}),
    ],
)
def test_a_request_of_the_right_shape_passes(
    lab: Lab, name: str, parameters: dict[str, Any]
) -> None:
    validate(operation(lab, name), parameters)
