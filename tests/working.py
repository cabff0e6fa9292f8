"""For every operation that the lab answers: a key it works with, and a request that works.

`prepare` makes what a request needs (a blob, a signature, a grant, an import token) while the key
is still enabled; a test then disables the key, pulls the HSMs or changes one parameter.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
import stores
import wrapping
from botocore import xform_name
from botocore.model import ServiceModel
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kmslab import Lab
from kmslab.aws.session import loader
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.kms import material
from kmslab.kms.request import Rooms

MODEL = ServiceModel(loader().load_service_model("kms", "service-2"), "kms")
Parameters = dict[str, Any]
HERE, THERE, ELSEWHERE = "us-east-1", "eu-central-1", "ap-south-1"
TEXT = b"what nobody but its owner may read"
GRANTEE = "arn:aws:iam::111122223333:user/alice"
MATERIAL = hashlib.sha256(b"a symmetric key's own material").digest()
# What makes a key of each kind: parameters of CreateKey.
SYMMETRIC: Parameters = {}
SIGNING = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
MACS = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
AGREEING = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}
CARRYING = {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
IMPORTED = {"Origin": "EXTERNAL"}
SHARED = {"MultiRegion": True}
_KINDS: dict[str, Parameters] = {
    **dict.fromkeys(("Sign", "Verify", "GetPublicKey"), SIGNING),
    **dict.fromkeys(("GenerateMac", "VerifyMac"), MACS),
    "DeriveSharedSecret": AGREEING,
    **dict.fromkeys(("Encapsulate", "Decapsulate"), CARRYING),
    **dict.fromkeys(
        ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"), IMPORTED
    ),
    **dict.fromkeys(("ReplicateKey", "UpdatePrimaryRegion"), SHARED),
}


class World:
    """A lab seen from a Region, and short words for what tests do with it."""

    def __init__(self, lab: Lab, region: str = HERE) -> None:
        self.lab = lab
        self.region = region
        self._clients: dict[str, Any] = {}
        self.kms = self.client(region)

    def client(self, region: str) -> Any:
        """The client of a Region."""
        if region not in self._clients:
            self._clients[region] = self.lab.client("kms", region=region)
        return self._clients[region]

    def key(self, **parameters: Any) -> str:
        """The id of a new key."""
        key_id: str = self.kms.create_key(**parameters)["KeyMetadata"]["KeyId"]
        return key_id

    def arn(self, key: str) -> str:
        """A key's ARN."""
        return f"arn:aws:kms:{self.region}:{self.lab.account}:key/{key}"

    def call(self, operation: str, parameters: Parameters, region: str = "") -> Parameters:
        """Calls an operation by AWS's name, in this Region or another."""
        client = self.client(region or self.region)
        answer: Parameters = getattr(client, xform_name(operation))(**parameters)
        return answer

    def settle(self) -> None:
        """Whatever takes a few seconds is over."""
        self.lab.clock.advance(seconds=31)


def kind(operation: str) -> Parameters:
    """CreateKey's parameters for a key that the operation works with."""
    return _KINDS.get(operation, SYMMETRIC)


def prepare(world: World, operation: str, key: str | None = None) -> Parameters:
    """The parameters of a request that works, about this key or a new one."""
    return _PREPARE[operation](world, key or world.key(**kind(operation)))


def work(world: World, operation: str) -> Parameters:
    """Makes a request that works."""
    return world.call(operation, prepare(world, operation))


def import_request(world: World, key: str, material: bytes = MATERIAL) -> Parameters:
    """A request that imports a symmetric key's material for good."""
    return wrapping.parameters(world.kms, key, material)


@contextmanager
def one_rsa_key() -> Iterator[None]:
    """Each lab makes one RSA key of a kind, and takes it again: finding primes takes a while."""
    made: dict[tuple[Rooms, Kind], NewKey] = {}
    make = material.make

    def make_once(rooms: Rooms, kind: Kind) -> NewKey:
        if kind.family != "RSA":
            return make(rooms, kind)
        if (rooms, kind) not in made:
            made[rooms, kind] = make(rooms, kind)
        return made[rooms, kind]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(material, "make", make_once)
        yield


@cache
def another_public_key() -> bytes:
    """The public key of the other side of an agreement, in DER."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def grant(world: World, key: str) -> Parameters:
    """A grant on a key: its token and its id."""
    return world.call("CreateGrant", _grant(world, key))


def _about(_world: World, key: str) -> Parameters:
    return {"KeyId": key}


def _nothing(_world: World, _key: str) -> Parameters:
    return {}


def _with(**more: Any) -> Callable[[World, str], Parameters]:
    return lambda _world, key: {"KeyId": key, **more}


def _blob(world: World, key: str) -> bytes:
    blob: bytes = world.kms.encrypt(KeyId=key, Plaintext=TEXT)["CiphertextBlob"]
    return blob


def _re_encrypt(world: World, key: str) -> Parameters:
    return {"CiphertextBlob": _blob(world, key), "DestinationKeyId": key}


def _verify(world: World, key: str) -> Parameters:
    asked = {"KeyId": key, "Message": TEXT, "SigningAlgorithm": "ECDSA_SHA_256"}
    return {**asked, "Signature": world.kms.sign(**asked)["Signature"]}


def _verify_mac(world: World, key: str) -> Parameters:
    asked = {"KeyId": key, "Message": TEXT, "MacAlgorithm": "HMAC_SHA_256"}
    return {**asked, "Mac": world.kms.generate_mac(**asked)["Mac"]}


def _decapsulate(world: World, key: str) -> Parameters:
    asked = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    made = world.kms.encapsulate(**asked)
    return {**asked, "SharedSecretCiphertextBlob": made["SharedSecretCiphertextBlob"]}


def _deleting(world: World, key: str) -> Parameters:
    world.kms.schedule_key_deletion(KeyId=key)
    return {"KeyId": key}


def _delete_material(world: World, key: str) -> Parameters:
    world.kms.import_key_material(**import_request(world, key))
    return {"KeyId": key}


def _new_alias(_world: World, key: str) -> Parameters:
    return {"AliasName": f"alias/{uuid.uuid4()}", "TargetKeyId": key}


def _known_alias(world: World, key: str) -> Parameters:
    asked = _new_alias(world, key)
    world.kms.create_alias(**asked)
    return asked


def _delete_alias(world: World, key: str) -> Parameters:
    return {"AliasName": _known_alias(world, key)["AliasName"]}


def _policy(world: World, key: str) -> Parameters:
    return {"KeyId": key, "Policy": world.kms.get_key_policy(KeyId=key)["Policy"]}


def _grant(_world: World, key: str) -> Parameters:
    return {"KeyId": key, "GranteePrincipal": GRANTEE, "Operations": ["DescribeKey"]}


def _retire(world: World, key: str) -> Parameters:
    return {"GrantToken": grant(world, key)["GrantToken"]}


def _revoke(world: World, key: str) -> Parameters:
    return {"KeyId": key, "GrantId": grant(world, key)["GrantId"]}


def _store(world: World, state: str = "DISCONNECTED") -> Parameters:
    return {"CustomKeyStoreId": stores.external(world.lab, world.kms, state)}


def _promote(world: World, key: str) -> Parameters:
    world.kms.replicate_key(KeyId=key, ReplicaRegion=THERE)
    world.settle()
    return {"KeyId": key, "PrimaryRegion": THERE}


_PREPARE: dict[str, Callable[[World, str], Parameters]] = {
    "CreateKey": _nothing,
    "DescribeKey": _about,
    "ListKeys": _nothing,
    "EnableKey": _about,
    "DisableKey": _about,
    "UpdateKeyDescription": _with(Description="new"),
    "GetKeyLastUsage": _about,
    "ScheduleKeyDeletion": _about,
    "CancelKeyDeletion": _deleting,
    "CreateAlias": _new_alias,
    "UpdateAlias": _known_alias,
    "DeleteAlias": _delete_alias,
    "ListAliases": _about,
    "TagResource": _with(Tags=[{"TagKey": "team", "TagValue": "hr"}]),
    "UntagResource": _with(TagKeys=["team"]),
    "ListResourceTags": _about,
    "PutKeyPolicy": _policy,
    "GetKeyPolicy": _about,
    "ListKeyPolicies": _about,
    "CreateGrant": _grant,
    "ListGrants": _about,
    "ListRetirableGrants": lambda _world, _key: {"RetiringPrincipal": GRANTEE},
    "RetireGrant": _retire,
    "RevokeGrant": _revoke,
    "EnableKeyRotation": _about,
    "DisableKeyRotation": _about,
    "GetKeyRotationStatus": _about,
    "RotateKeyOnDemand": _about,
    "ListKeyRotations": _about,
    "GetParametersForImport": _with(
        WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    ),
    "ImportKeyMaterial": import_request,
    "DeleteImportedKeyMaterial": _delete_material,
    "ReplicateKey": _with(ReplicaRegion=ELSEWHERE),
    "UpdatePrimaryRegion": _promote,
    "Encrypt": _with(Plaintext=TEXT),
    "Decrypt": lambda world, key: {"CiphertextBlob": _blob(world, key)},
    "ReEncrypt": _re_encrypt,
    "GenerateDataKey": _with(KeySpec="AES_256"),
    "GenerateDataKeyWithoutPlaintext": _with(KeySpec="AES_256"),
    "GenerateDataKeyPair": _with(KeyPairSpec="ECC_NIST_P256"),
    "GenerateDataKeyPairWithoutPlaintext": _with(KeyPairSpec="ECC_NIST_P256"),
    "GenerateRandom": lambda _world, _key: {"NumberOfBytes": 8},
    "Sign": _with(Message=TEXT, SigningAlgorithm="ECDSA_SHA_256"),
    "Verify": _verify,
    "GetPublicKey": _about,
    "GenerateMac": _with(Message=TEXT, MacAlgorithm="HMAC_SHA_256"),
    "VerifyMac": _verify_mac,
    "DeriveSharedSecret": lambda _world, key: {
        "KeyId": key,
        "KeyAgreementAlgorithm": "ECDH",
        "PublicKey": another_public_key(),
    },
    "Encapsulate": _with(EncapsulationAlgorithm="ML_KEM"),
    "Decapsulate": _decapsulate,
    "CreateCustomKeyStore": lambda world, _key: stores.asked(world.lab),
    "ConnectCustomKeyStore": lambda world, _key: _store(world),
    "DisconnectCustomKeyStore": lambda world, _key: _store(world, "CONNECTED"),
    "DescribeCustomKeyStores": lambda world, _key: _store(world),
    "UpdateCustomKeyStore": lambda world, _key: {
        **_store(world),
        "NewCustomKeyStoreName": f"{uuid.uuid4()}",
    },
    "DeleteCustomKeyStore": lambda world, _key: _store(world),
}
