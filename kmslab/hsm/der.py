"""Key pairs between an HSM's attributes and DER: SubjectPublicKeyInfo and PKCS#8."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from pkcs11 import Attribute
from pkcs11.util.ec import decode_ec_private_key, encode_ec_public_key
from pkcs11.util.rsa import decode_rsa_private_key

from kmslab.hsm.kinds import Kind

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
CURVES: Mapping[str, type[ec.EllipticCurve]] = MappingProxyType(
    {
        "secp256r1": ec.SECP256R1,
        "secp384r1": ec.SECP384R1,
        "secp521r1": ec.SECP521R1,
        "secp256k1": ec.SECP256K1,
    }
)


def public_der(kind: Kind, public: Any) -> bytes:
    """A public key's handle as SubjectPublicKeyInfo."""
    if kind.family == "EC":
        return encode_ec_public_key(public)
    e, n = _numbers(public, Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)
    key = rsa.RSAPublicNumbers(e, n).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_der(kind: Kind, public: Any, private: Any) -> bytes:
    """A readable key pair's handles as PKCS#8."""
    key: PrivateKey
    if kind.family == "EC":
        (number,) = _numbers(private, Attribute.VALUE)
        key = ec.derive_private_key(number, CURVES[kind.curve]())
    else:
        e, n = _numbers(public, Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)
        d, p, q = _numbers(
            private, Attribute.PRIVATE_EXPONENT, Attribute.PRIME_1, Attribute.PRIME_2
        )
        crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
        key = rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(e, n)).private_key()
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def private_attributes(kind: Kind, material: bytes) -> dict[Attribute, Any]:
    """A private key in PKCS#8 as the attributes that an HSM makes an object from."""
    key = load_der_private_key(material, password=None)
    old = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    if kind.family == "EC":
        return decode_ec_private_key(old)
    return decode_rsa_private_key(old)


def _numbers(handle: Any, *names: Attribute) -> list[int]:
    return [int.from_bytes(handle[name]) for name in names]
