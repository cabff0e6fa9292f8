"""Two ways to a secret that two sides share: DeriveSharedSecret (ECDH), and ML-KEM's two halves.

    DeriveSharedSecret   own private key + the other side's public key  ▶ the same secret on both
    Encapsulate          the owner's public key                         ▶ a secret, and a ciphertext
    Decapsulate          the private key + that ciphertext              ▶ the secret

Source: DeriveSharedSecret (NIST SP 800-56A), Encapsulate and Decapsulate (FIPS 203).
"""

from __future__ import annotations

from asn1crypto.core import OctetString
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import algorithms, material
from kmslab.kms.request import Request


def derive_shared_secret(request: Request) -> Output:
    """DeriveSharedSecret: the raw ECDH secret. Put it through a key derivation function."""
    key, algorithm = request.key, request.get("KeyAgreementAlgorithm")
    algorithms.check(key, algorithm)
    token = material.current(request.rooms, key)
    return {
        "KeyId": key.arn,
        "SharedSecret": request.rooms.fleet.agree(key.usage.kind, token, _point(request)),
        "KeyAgreementAlgorithm": algorithm,
        "KeyOrigin": key.origin,
    }


def encapsulate(request: Request) -> Output:
    """Encapsulate: a new secret of 32 bytes, and the ciphertext from which the owner gets it."""
    from kmslab.hsm import outside  # brings python-pkcs11 with it: not before use

    key, algorithm = request.key, request.get("EncapsulationAlgorithm")
    algorithms.check(key, algorithm)
    public = material.public(request.rooms, key)
    secret, ciphertext = outside.encapsulate(key.usage.kind, public)
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "SharedSecretCiphertextBlob": ciphertext,
        "EncapsulationAlgorithm": algorithm,
    }


def decapsulate(request: Request) -> Output:
    """Decapsulate: the secret. Of a changed ciphertext another one comes out, and no error."""
    key, algorithm = request.key, request.get("EncapsulationAlgorithm")
    algorithms.check(key, algorithm)
    token, ciphertext = (
        material.current(request.rooms, key),
        request.get("SharedSecretCiphertextBlob"),
    )
    try:
        secret = request.rooms.fleet.decapsulate(key.usage.kind, token, ciphertext)
    except ValueError:
        raise AwsError("InvalidCiphertextException") from None
    return {"KeyId": key.arn, "SharedSecret": secret, "EncapsulationAlgorithm": algorithm}


def _point(request: Request) -> bytes:
    """The other side's public key as PKCS#11 takes it; it must be on the key's own curve."""
    try:
        public = load_der_public_key(request.get("PublicKey"))
    except (ValueError, UnsupportedAlgorithm):
        public = None
    curve = request.key.usage.kind.curve
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != curve:
        raise AwsError(
            "ValidationException",
            f"PublicKey is not a public key on the curve of {request.key.spec_name} in DER.",
        )
    raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    point: bytes = OctetString(raw).dump()
    return point
