"""Which kinds of KMS key there are: key spec, what each may be used for, and by which algorithms.

    usage                     what it does                   specs
    ENCRYPT_DECRYPT           encrypts up to 4,096 bytes     SYMMETRIC_DEFAULT, RSA
    SIGN_VERIFY               signs messages or digests      RSA, ECC, Ed25519, ML-DSA
    GENERATE_VERIFY_MAC       makes MACs                     HMAC
    KEY_AGREEMENT             agrees on a secret (ECDH)      ECC of NIST
    ENCAPSULATE_DECAPSULATE   carries a secret (ML-KEM)      ML-KEM

Source: CreateKey and "Key spec reference". SM2 keys exist in AWS's China Regions only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from kmslab.hsm.kinds import Kind

Family = Literal["symmetric", "HMAC", "asymmetric"]
SYMMETRIC = "SYMMETRIC_DEFAULT"
ENCRYPT, SIGN, MAC = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"
AGREE, ENCAPSULATE = "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"
RSA_ENCRYPTION = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
RSA_SIGNING = tuple(
    f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)
)
# The member of KeyMetadata and GetPublicKey that lists the algorithms of a usage.
LISTED_AS: Mapping[str, str] = MappingProxyType(
    {
        ENCRYPT: "EncryptionAlgorithms",
        SIGN: "SigningAlgorithms",
        MAC: "MacAlgorithms",
        AGREE: "KeyAgreementAlgorithms",
        ENCAPSULATE: "EncapsulationAlgorithms",
    }
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a spec offers for one usage: the algorithms, and the kind of backing key they need."""

    algorithms: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Spec:
    """One key spec."""

    name: str
    family: Family
    usages: Mapping[str, Usage]


def _rsa(bits: int) -> Spec:
    return Spec(
        f"RSA_{bits}",
        "asymmetric",
        {
            ENCRYPT: Usage(RSA_ENCRYPTION, Kind("RSA", "DECRYPT", bits)),
            SIGN: Usage(RSA_SIGNING, Kind("RSA", "SIGN", bits)),
        },
    )


def _ecc(name: str, curve: str, bits: int, agrees: bool = True) -> Spec:
    usages = {SIGN: Usage((f"ECDSA_SHA_{bits}",), Kind("EC", "SIGN", curve=curve))}
    if agrees:
        usages[AGREE] = Usage(("ECDH",), Kind("EC", "DERIVE", curve=curve))
    return Spec(name, "asymmetric", usages)


def _one(name: str, usage: str, kind: Kind, *algorithms: str) -> Spec:
    family: Family = "HMAC" if usage == MAC else "asymmetric" if kind.is_pair else "symmetric"
    return Spec(name, family, {usage: Usage(algorithms, kind)})


SPECS: Mapping[str, Spec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _one(SYMMETRIC, ENCRYPT, Kind("AES", "DERIVE", 256), SYMMETRIC),
            *(_rsa(bits) for bits in (2048, 3072, 4096)),
            _ecc("ECC_NIST_P256", "secp256r1", 256),
            _ecc("ECC_NIST_P384", "secp384r1", 384),
            _ecc("ECC_NIST_P521", "secp521r1", 512),
            _ecc("ECC_SECG_P256K1", "secp256k1", 256, agrees=False),
            _one(
                *("ECC_NIST_EDWARDS25519", SIGN, Kind("ED25519", "SIGN")),
                *("ED25519_SHA_512", "ED25519_PH_SHA_512"),
            ),
            *(
                _one(f"HMAC_{bits}", MAC, Kind("HMAC", "SIGN", bits), f"HMAC_SHA_{bits}")
                for bits in (224, 256, 384, 512)
            ),
            *(
                _one(f"ML_DSA_{size}", SIGN, Kind("ML_DSA", "SIGN", size), "ML_DSA_SHAKE_256")
                for size in (44, 65, 87)
            ),
            *(
                _one(f"ML_KEM_{size}", ENCAPSULATE, Kind("ML_KEM", "DECRYPT", size), "ML_KEM")
                for size in (512, 768, 1024)
            ),
        )
    }
)
# The specs that the old member CustomerMasterKeySpec can name: it was frozen before the others.
OLD_SPECS = frozenset(
    name for name in SPECS if not name.startswith(("ML_", "ECC_NIST_EDWARDS25519"))
)


def hash_name(algorithm: str) -> str:
    """The hash function in an algorithm's name, as hashlib names it: sha256 of …_SHA_256."""
    return "sha" + algorithm.rpartition("SHA_")[2]
