"""GenerateMac and VerifyMac, against Python's own HMAC."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from typing import Any

import pytest
from expect import invalid, refused
from working import one_rsa_key
from wrapping import bring

from kmslab import Lab

BITS = pytest.mark.parametrize("bits", [224, 256, 384, 512])
USAGE = {"KeyUsage": "GENERATE_VERIFY_MAC"}
MESSAGE = b"a prescription of 20 mg"


@pytest.fixture(scope="module", autouse=True)
def _one_rsa_key() -> Iterator[None]:
    with one_rsa_key():
        yield


@pytest.fixture(scope="module")
def made(kms: Any) -> dict[int, str]:
    """The id of a key of each length."""
    return {
        bits: kms.create_key(KeySpec=f"HMAC_{bits}", **USAGE)["KeyMetadata"]["KeyId"]
        for bits in (224, 256, 384, 512)
    }


def request(made: dict[int, str], bits: int, **more: Any) -> dict[str, Any]:
    """The parameters of a request that works, or of one with a change."""
    return {
        "KeyId": made[bits],
        "MacAlgorithm": f"HMAC_SHA_{bits}",
        "Message": MESSAGE,
        **more,
    }


@BITS
@pytest.mark.parametrize("size", [1, 63, 64, 65, 127, 128, 129, 4096])
def test_a_mac_is_the_one_that_the_keys_owner_makes(kms: Any, bits: int, size: int) -> None:
    material, message = os.urandom(bits // 8), os.urandom(size)
    key = kms.create_key(KeySpec=f"HMAC_{bits}", Origin="EXTERNAL", **USAGE)["KeyMetadata"]["KeyId"]
    bring(kms, key, material)
    about = {"KeyId": key, "MacAlgorithm": f"HMAC_SHA_{bits}", "Message": message}
    own = hmac.digest(material, message, f"sha{bits}")
    assert kms.generate_mac(**about)["Mac"] == own
    assert kms.verify_mac(Mac=own, **about)["MacValid"] is True


@BITS
def test_both_operations_answer_as_aws_does(
    lab: Lab, kms: Any, made: dict[int, str], bits: int
) -> None:
    about = {
        "KeyId": f"arn:aws:kms:us-east-1:{lab.account}:key/{made[bits]}",
        "MacAlgorithm": f"HMAC_SHA_{bits}",
    }
    answer = kms.generate_mac(**request(made, bits))
    tag = answer.pop("Mac")
    answer.pop("ResponseMetadata")
    assert answer == about
    assert len(tag) == bits // 8
    answer = kms.verify_mac(Mac=tag, **request(made, bits))
    answer.pop("ResponseMetadata")
    assert answer == about | {"MacValid": True}
    assert kms.generate_mac(**request(made, bits))["Mac"] == tag


@BITS
def test_a_mac_is_of_its_message_and_key_alone(kms: Any, made: dict[int, str], bits: int) -> None:
    tag = kms.generate_mac(**request(made, bits))["Mac"]
    other = kms.create_key(KeySpec=f"HMAC_{bits}", **USAGE)["KeyMetadata"]["KeyId"]
    flipped = bytes([tag[0] ^ 1]) + tag[1:], tag[:-1] + bytes([tag[-1] ^ 1])
    others = *flipped, tag[:-1], tag[:8], tag + b"\0", b"\0", bytes(6144)
    wrong = [
        *({"Mac": changed} for changed in others),
        *({"Mac": tag, "Message": message} for message in (MESSAGE[:-1], MESSAGE + b"\0", b"x")),
        {"Mac": tag, "KeyId": other},
    ]
    for change in wrong:
        with refused("KMSInvalidMacException", "") as caught:
            kms.verify_mac(**request(made, bits, **change))
        assert isinstance(caught.value, kms.exceptions.KMSInvalidMacException)
    assert kms.verify_mac(Mac=tag, **request(made, bits))["MacValid"]


@BITS
def test_a_key_makes_macs_by_its_own_algorithm_only(
    kms: Any, made: dict[int, str], bits: int
) -> None:
    for other in {224, 256, 384, 512} - {bits}:
        wording = f"Algorithm HMAC_SHA_{other} is incompatible with key spec HMAC_{bits}."
        about = request(made, bits, MacAlgorithm=f"HMAC_SHA_{other}")
        for call in (kms.generate_mac, lambda **more: kms.verify_mac(Mac=b"x", **more)):
            with refused("InvalidKeyUsageException", wording):
                call(**about)


@pytest.mark.parametrize(
    ("size", "limit"), [(0, "greater than or equal to 1"), (4097, "less than or equal to 4096")]
)
def test_a_message_has_1_to_4096_bytes(
    kms: Any, made: dict[int, str], size: int, limit: str
) -> None:
    failure = "Value at 'message' failed to satisfy constraint: Member must have length " + limit
    about = request(made, 256, Message=b"m" * size)
    for call in (kms.generate_mac, lambda **more: kms.verify_mac(Mac=b"x", **more)):
        with refused("ValidationException", invalid(failure)):
            call(**about)


def test_a_text_is_taken_for_its_bytes(kms: Any, made: dict[int, str]) -> None:
    text, raw = (
        kms.generate_mac(**request(made, 256, Message=message))["Mac"]
        for message in ("Größe", "Größe".encode())
    )
    assert text == raw


def test_the_trail_keeps_no_message_and_no_mac(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key(KeySpec="HMAC_256", **USAGE)["KeyMetadata"]["KeyId"]
    about = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_256", "Message": b"a secret message"}
    tag = kms.generate_mac(**about)["Mac"]
    kms.verify_mac(Mac=tag, **about)
    for event in fresh.trail().named("GenerateMac", "VerifyMac"):
        assert set(event["requestParameters"]) == {"keyId", "macAlgorithm"}
        assert event["responseElements"] is None
