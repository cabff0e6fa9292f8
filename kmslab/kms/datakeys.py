"""Data keys, data key pairs and random bytes: made in an HSM for the caller; KMS keeps none."""

from __future__ import annotations

from kmslab import busy
from kmslab.aws.call import Call, Output
from kmslab.errors import AwsError
from kmslab.kms import algorithms
from kmslab.kms.cryptography import seal
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.specs import ENCAPSULATE, SIGN, SPECS
from kmslab.kms.stores import random as stored

BYTES = {"AES_128": 16, "AES_256": 32}


def length(_rooms: Rooms, call: Call) -> int:
    """How many bytes a data key shall have; the request says it in one of two ways."""
    spec, number = call.parameters.get("KeySpec"), call.parameters.get("NumberOfBytes")
    if (spec is None) == (number is None):
        raise AwsError("ValidationException", "Please specify either number of bytes or key spec.")
    return int(number or BYTES[str(spec)])


def generate_data_key(request: Request) -> Output:
    """GenerateDataKey: a new key in two forms, plaintext and encrypted. KMS keeps neither."""
    plaintext = _new_data_key(request)
    return {"Plaintext": plaintext, **_wrapped(request, plaintext)}


def generate_data_key_without_plaintext(request: Request) -> Output:
    """GenerateDataKeyWithoutPlaintext: only the encrypted form, for someone to decrypt later."""
    return _wrapped(request, _new_data_key(request))


def generate_data_key_pair(request: Request) -> Output:
    """GenerateDataKeyPair: a key pair for use outside KMS, its private half in two forms."""
    private, answer = _pair(request)
    return {"PrivateKeyPlaintext": private, **answer}


def generate_data_key_pair_without_plaintext(request: Request) -> Output:
    """GenerateDataKeyPairWithoutPlaintext: the private half in encrypted form only."""
    return _pair(request)[1]


def generate_random(request: Request) -> Output:
    """GenerateRandom: 1 to 1024 bytes from the random generator of an HSM: KMS's, or of a cluster.

    CustomKeyStoreId names a CloudHSM key store; an external key store has no such operation.
    """
    length = request.get("NumberOfBytes")
    if length is None:
        raise AwsError("ValidationException", "NumberOfBytes is required.")
    if request.get("CustomKeyStoreId") is not None:
        return {"Plaintext": stored.of_cluster(request, length)}
    return {"Plaintext": request.rooms.fleet.random(length)}


def _new_data_key(request: Request) -> bytes:
    algorithms.check_symmetric(request.key)
    return request.rooms.fleet.random(request.prepared)


def _wrapped(request: Request, data_key: bytes) -> Output:
    context = request.get("EncryptionContext", {})
    return {
        "CiphertextBlob": seal(request, request.key, data_key, context),
        "KeyId": request.key.arn,
        **_material_id(request.key),
    }


def _material_id(key: Key) -> Output:
    return {"KeyMaterialId": key.material_id} if key.shows_material else {}


def _pair(request: Request) -> tuple[bytes, Output]:
    """The private key (PKCS#8), and everything of the answer but that."""
    algorithms.check_symmetric(request.key)
    algorithms.check_not_stored(request.key)
    key, spec = request.key, request.get("KeyPairSpec")
    if spec not in SPECS:
        raise AwsError(
            "UnsupportedOperationException", f"KeyPairSpec {spec} is not supported in this Region"
        )
    usages = SPECS[spec].usages
    kind = (usages.get(SIGN) or usages[ENCAPSULATE]).kind
    if kind.family == "RSA":
        busy.making_rsa(kind.size)
    private, public = request.rooms.fleet.generate_readable(kind)
    context = request.get("EncryptionContext", {})
    return private, {
        "PrivateKeyCiphertextBlob": seal(request, key, private, context),
        "PublicKey": public,
        "KeyId": key.arn,
        "KeyPairSpec": spec,
        "KeyMaterialId": key.material_id,
    }
