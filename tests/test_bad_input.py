"""Wrong values in every member of every operation: the answer is AWS's, never a Python exception.

boto3 itself refuses some of them; its check is switched off here, as other clients have none.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import Shape
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from expect import UNKNOWN_ID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapes import undeclared
from working import ELSEWHERE, HERE, MODEL, Parameters, World, one_rsa_key, prepare
from wrapping import parameters

import kmslab
from kmslab import Lab
from kmslab.kms.operations import OPERATIONS

OURS = str(Path(kmslab.__file__).parent)


class Unchecked(World):
    """A lab whose clients send whatever they are given."""

    def client(self, region: str) -> Any:
        """The client of a Region."""
        if region not in self._clients:
            self._clients[region] = self.lab.session().client(
                "kms", region_name=region, config=Config(parameter_validation=False)
            )
        return self._clients[region]


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield Unchecked(lab)


def _spki(public: Any) -> bytes:
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


SLOW = {"RSA_3072", "RSA_4096"}  # right values, of which one is enough
EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
STRINGS = [
    *("", " ", "x", "\x00", "\n", "a b", "é", "\ud800", "密" * 40, "x" * 9_000, "'; --", "%s{0}"),
    *("alias/x", "alias/", "alias/aws/s3", "arn:", "arn:aws:kms:::", "mrk-", UNKNOWN_ID),
    f"arn:aws:kms:{ELSEWHERE}:111122223333:key/{UNKNOWN_ID}",
    f"arn:aws:kms:{HERE}:111122223333:alias/x",
    f"arn:aws:kms:{HERE}:111122223333:key/{'x' * 3_000}",
    "arn:aws:iam::111122223333:user/\ud800",
    *("a" * 64, "0" * 64, "{", "[]", '{"Statement": 5}', "-1", "us-east-1", "mars-north-1"),
]
BLOBS = [
    *(b"", b"\0", b"x" * 64, bytes(256), b"\xff" * 6_144, b"x" * 6_145, b"\x01\x00" + b"x" * 120),
    *("a text", bytearray(b"bytes"), b"\x30\x82\xff\xff", b"\x30\x80"),
    _spki(rsa.generate_private_key(65537, 2048).public_key()),
    _spki(ec.generate_private_key(ec.SECP384R1()).public_key()),
    _spki(ec.generate_private_key(ec.SECP256R1()).public_key())[:-1],
    _spki(ed25519.Ed25519PrivateKey.generate().public_key()),
    _spki(x25519.X25519PrivateKey.generate().public_key()),
]
INTEGERS = [0, -1, 1, 7, 8, 90, 365, 1_025, 2**31, 2**63, 10**30, -(10**30)]
TIMES = [
    *(datetime.min, datetime.max, datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
    *(datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST)),
    *("2999-01-01", "1970-01-01T00:00:00Z", "0001-01-01", 0, -1, 4_102_444_800, 10**11),
]
MAPS = [
    *({}, {"": ""}, {"a": ""}, {"\ud800": "x"}, {"a": "\udfff"}, {"a" * 9_000: "b" * 9_000}),
    {str(number): "x" for number in range(300)},
]


def wrong(shape: Shape, works: Any = None) -> Iterator[Any]:
    """Values of a shape's type, most of them wrong; `works` is one that is right."""
    yield None
    if shape.type_name == "string":
        yield from (*STRINGS, *(value for value in shape.enum if value not in SLOW))
    elif shape.type_name == "blob":
        yield from BLOBS
        if works:
            yield from (works[:-1], works[1:], works + b"\0", works[::-1])
    elif shape.type_name == "integer":
        yield from INTEGERS
    elif shape.type_name == "boolean":
        yield from (True, False)
    elif shape.type_name == "timestamp":
        yield from TIMES
    elif shape.type_name == "map":
        yield from MAPS
    elif shape.type_name == "list":
        yield []
        yield from ([value] for value in wrong(shape.member) if value is not None)
        yield [value for value in wrong(shape.member) if value is not None]
    else:
        yield {}
        for name, member in shape.members.items():
            yield from ({name: value} for value in wrong(member))


def _ask(world: World, operation: str, parameters: Parameters) -> bool:
    """Whether the call went well; it may not end in anything but an answer of AWS's."""
    code, inside = "", []
    try:
        world.call(operation, parameters)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if any(name in str(error) for name in OPERATIONS[operation].not_yet):
            return False
    except Exception as error:  # botocore's own are its own; one of ours would be a bug
        inside = [each for each in traceback.extract_tb(error.__traceback__) if _is_ours(each)]
        code = "ValidationException"
    assert inside == [], (operation, parameters)
    assert code != "KMSInternalException", (operation, parameters)
    declared = not code or not undeclared(MODEL.operation_model(operation), code)
    assert declared, (code, operation, parameters)
    return not code


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(OURS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_value_gets_an_answer_of_aws(world: World, operation: str) -> None:
    works = prepare(world, operation)
    for name, shape in MODEL.operation_model(operation).input_shape.members.items():
        for value in wrong(shape, works.get(name)):
            went_well = _ask(world, operation, {**works, name: value})
            if went_well and OPERATIONS[operation].changes:
                works = prepare(world, operation)
    assert _ask(world, operation, prepare(world, operation))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_missing_value_gets_an_answer_of_aws(world: World, operation: str) -> None:
    works = prepare(world, operation)
    _ask(world, operation, {})
    for name in works:
        _ask(world, operation, {each: value for each, value in works.items() if each != name})
    shape = MODEL.operation_model(operation).input_shape
    for name in shape.required_members:
        with pytest.raises(ClientError) as caught:
            world.call(operation, {each: works[each] for each in works if each != name})
        failure = f"Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint"
        assert f"{failure}: Member must not be null" in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("Statement", "Effect", "Principal", "Action", "AWS", "Resource")),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(document=JSON, bypass=st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_json_is_a_policy_or_is_not(world: World, document: Any, bypass: bool) -> None:
    statement = document if isinstance(document, dict) else {"Statement": document}
    for each in (document, {"Statement": [{"Effect": "Allow", **statement}]}):
        asked = {"Policy": json.dumps(each), "BypassPolicyLockoutSafetyCheck": bypass}
        _ask(world, "PutKeyPolicy", {"KeyId": _key(world), **asked})


def _key(world: World) -> str:
    key: str = world.kms.list_keys(Limit=1)["Keys"][0]["KeyId"]
    return key


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_any_time_is_an_expiry_or_is_not(world: World, time: Any) -> None:
    asked = prepare(world, "ImportKeyMaterial") | {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}
    assert not _ask(world, "ImportKeyMaterial", {**asked, "ValidTo": time})
    soon = datetime.now() + timedelta(days=1)  # without a time zone, it is that of the computer
    for right in (soon, soon.astimezone(EAST), str(soon.astimezone(UTC)), soon.timestamp()):
        assert _ask(world, "ImportKeyMaterial", {**asked, "ValidTo": right})


KINDS = {
    "RSA_2048": ("SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256"),
    "ECC_NIST_P256": ("SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256"),
    "ECC_NIST_EDWARDS25519": ("SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256"),
    "ML_DSA_44": ("SIGN_VERIFY", "RSAES_OAEP_SHA_256"),
    "ML_KEM_512": ("ENCAPSULATE_DECAPSULATE", "RSAES_OAEP_SHA_256"),
    "ML_KEM_768": ("ENCAPSULATE_DECAPSULATE", "RSAES_OAEP_SHA_256"),
    "HMAC_256": ("GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256"),
    "SYMMETRIC_DEFAULT": ("ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_256"),
}


@pytest.mark.parametrize("spec", KINDS)
def test_bytes_that_are_no_material_are_refused(world: World, spec: str) -> None:
    usage, algorithm = KINDS[spec]
    key = world.key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
    for blob in BLOBS:
        material = blob.encode() if isinstance(blob, str) else bytes(blob)
        if algorithm.startswith("RSAES") and len(material) > 190:
            material = material[:190]
        asked = parameters(world.kms, key, material or b"x", algorithm)
        assert not _ask(world, "ImportKeyMaterial", asked)
    assert world.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
