"""Sign, Verify, GetPublicKey: the private key signs in the HSM, the public key is for everyone.

    MessageType   the Message is                    hashed by KMS
    RAW           the message itself, to 4096 B     yes
    DIGEST        its digest                        no; ED25519_PH_SHA_512 hashes it once more
    EXTERNAL_MU   ML-DSA's 64-byte representative   no

Source: Sign, Verify; RFC 8017 (RSA), FIPS 186-5 (ECDSA, Ed25519), FIPS 204 (ML-DSA).
"""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import algorithms, material
from kmslab.kms.key import Key
from kmslab.kms.request import Request
from kmslab.kms.specs import LISTED_AS, OLD_SPECS, hash_name

RAW, DIGEST, MU = "RAW", "DIGEST", "EXTERNAL_MU"
MU_BYTES = 64
_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def sign(request: Request) -> Output:
    """Sign: a signature of a message or of its digest."""
    key, algorithm = request.key, request.get("SigningAlgorithm")
    algorithms.check(key, algorithm)
    data = _data(request, algorithm)
    signature = request.rooms.fleet.sign(
        key.usage.kind,
        material.current(request.rooms, key),
        _scheme(request, algorithm),
        hash_name(algorithm),
        data,
    )
    return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": algorithm}


def verify(request: Request) -> Output:
    """Verify: SignatureValid is true, or the answer is KMSInvalidSignatureException.

    The public key does it, outside the HSM; anyone else can do it as well, with GetPublicKey.
    """
    key, algorithm = request.key, request.get("SigningAlgorithm")
    algorithms.check(key, algorithm)
    data, scheme = _data(request, algorithm), _scheme(request, algorithm)
    der, signature = material.public(request.rooms, key), request.get("Signature")
    try:
        _verify(load_der_public_key(der), scheme, hash_name(algorithm), signature, data)
    except (InvalidSignature, ValueError):
        raise AwsError("KMSInvalidSignatureException") from None
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


def get_public_key(request: Request) -> Output:
    """GetPublicKey: the public half of a key pair, in DER (SubjectPublicKeyInfo).

    A disabled key refuses it, as AWS's table of key states has it; others report that AWS answers.
    """
    key = request.key
    if not key.usage.kind.is_pair:
        raise AwsError("UnsupportedOperationException")
    shown = {
        "KeyId": key.arn,
        "PublicKey": material.public(request.rooms, key),
        "KeySpec": key.spec_name,
        "KeyUsage": key.usage_name,
        LISTED_AS[key.usage_name]: list(key.usage.algorithms),
    }
    if key.spec_name in OLD_SPECS:
        shown["CustomerMasterKeySpec"] = key.spec_name
    return shown


def _data(request: Request, algorithm: str) -> bytes:
    """What is signed: of RSA and ECDSA the digest, of the others the message (or mu, or digest)."""
    key, message, kind = request.key, request.get("Message"), request.get("MessageType", RAW)
    if kind not in _message_types(key, algorithm):
        which = f"algorithm {algorithm}" if key.usage.kind.family == "ED25519" else ""
        raise AwsError(
            "ValidationException",
            f"Message type {kind} is incompatible with {which or f'key spec {key.spec_name}'}.",
        )
    if kind != RAW and len(message) != _length(kind, algorithm):
        name = "External Mu" if kind == MU else "Digest"
        raise AwsError(
            "ValidationException", f"{name} is invalid length for algorithm {algorithm}."
        )
    if kind == RAW and not key.usage.kind.is_seed:
        digest: bytes = getattr(hashlib, hash_name(algorithm))(message).digest()
        return digest
    data: bytes = message
    return data


def _length(kind: str, algorithm: str) -> int:
    return MU_BYTES if kind == MU else hashlib.new(hash_name(algorithm)).digest_size


def _message_types(key: Key, algorithm: str) -> tuple[str, ...]:
    if key.usage.kind.family == "ML_DSA":
        return RAW, MU
    if key.usage.kind.family == "ED25519":
        return (DIGEST,) if "_PH_" in algorithm else (RAW,)
    return RAW, DIGEST


def _scheme(request: Request, algorithm: str) -> str:
    """How the HSM names what an algorithm does with the key."""
    if algorithm.startswith("ML_DSA"):
        return "ML_DSA_MU" if request.get("MessageType") == MU else "ML_DSA"
    return algorithm.removeprefix("RSASSA_").rpartition("_SHA_")[0]


def _verify(public: Any, scheme: str, name: str, signature: bytes, data: bytes) -> None:
    """InvalidSignature or `ValueError` where the signature is not this key's of this data."""
    from kmslab.hsm import outside  # brings python-pkcs11 with it: not before use

    if scheme == "ECDSA":
        public.verify(signature, data, ec.ECDSA(Prehashed(_HASHES[name])))
    elif scheme == "PSS":
        salt = padding.PSS(padding.MGF1(_HASHES[name]), _HASHES[name].digest_size)
        public.verify(signature, data, salt, Prehashed(_HASHES[name]))
    elif scheme == "PKCS1_V1_5":
        public.verify(signature, data, padding.PKCS1v15(), Prehashed(_HASHES[name]))
    elif scheme == "ED25519":
        public.verify(signature, data)
    elif scheme == "ED25519_PH":
        outside.verify_ed25519ph(public.public_bytes_raw(), signature, data)
    else:
        outside.verify_ml_dsa(public, signature, data, is_mu=scheme == "ML_DSA_MU")
