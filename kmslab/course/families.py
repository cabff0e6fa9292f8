"""Which KMS key is for what: a map of the key families, and ten needs with a path each (lesson 02).

The map is made from `kmslab.kms.specs.SPECS`. A row of it is a group of key specs with one of the
usages that they can have, and each row answers one need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kmslab.kms import specs
from kmslab.kms.specs import AGREE, ENCAPSULATE, ENCRYPT, MAC, SIGN, SPECS, Spec

# The four families in the map's order, and what a key of each consists of.
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "symmetric encryption": "one key",
        "asymmetric": "a private key and a public key",
        "post-quantum": "a private key and a public key",
        "HMAC": "one key",
    }
)
USAGES: Mapping[str, str] = MappingProxyType(
    {
        ENCRYPT: "Encrypt, Decrypt",
        AGREE: "DeriveSharedSecret",
        SIGN: "Sign, Verify",
        ENCAPSULATE: "Encapsulate, Decapsulate",
        MAC: "GenerateMac, VerifyMac",
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the map: specs that differ in size only, one usage, and the algorithms for it."""

    family: str
    specs: tuple[str, ...]
    usage: str
    algorithms: tuple[str, ...]

    @property
    def name(self) -> str:
        """The specs in few letters: RSA_2048, _3072, _4096."""
        first, *others = self.specs
        return ", ".join([first, *(f"_{other.rpartition('_')[2]}" for other in others)])


def family_of(spec: Spec) -> str:
    """The family of a key spec. (AWS counts post-quantum keys among the asymmetric ones.)"""
    kind = next(iter(spec.usages.values())).kind
    if kind.family.startswith("ML_"):
        return "post-quantum"
    return "symmetric encryption" if spec.family == "symmetric" else spec.family


def rows() -> tuple[Row, ...]:
    """The whole map, family by family."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Spec]] = {}
    for spec in SPECS.values():
        kind = next(iter(spec.usages.values())).kind
        groups.setdefault((family_of(spec), kind.family, tuple(spec.usages)), []).append(spec)
    order = list(FAMILIES)
    return tuple(
        Row(family, tuple(spec.name for spec in group), usage, _algorithms(group, usage))
        for (family, _, usages), group in sorted(
            groups.items(), key=lambda item: order.index(item[0][0])
        )
        for usage in usages
    )


def _algorithms(group: list[Spec], usage: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in group for name in each.usages[usage].algorithms))


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody wants of a key, and the key for it: spec, usage, sizes, limits."""

    wish: str
    spec: str
    usage: str
    sizes: str
    cannot: str

    @property
    def row(self) -> Row:
        """Its place on the map."""
        return next(row for row in rows() if self.spec in row.specs and self.usage == row.usage)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What the key offers for its usage."""
        return SPECS[self.spec].usages[self.usage].algorithms

    @property
    def arguments(self) -> dict[str, Any]:
        """What CreateKey must be told; nothing for a symmetric encryption key."""
        asked = {"KeySpec": self.spec, "KeyUsage": self.usage}
        return {} if self.spec == specs.SYMMETRIC else asked

    @property
    def call(self) -> str:
        """The call that makes the key, as Python."""
        said = ", ".join(f'{name}="{value}"' for name, value in self.arguments.items())
        return f"kms.create_key({said})"


def need(name: str) -> Need:
    """The need with this name; `ValueError` lists those that there are."""
    if name not in NEEDS:
        raise ValueError(f"no need {name!r}; there are {', '.join(NEEDS)}")
    return NEEDS[name]


_MESSAGE = "a message of at most 4,096 bytes, or the digest (lesson 04) of a longer one"
# Sizes in bytes. Those of keys and signatures are DER where the algorithm has no form of its own.
NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "records": Need(
            "encrypt records that our own programs read",
            *(specs.SYMMETRIC, ENCRYPT),
            "at most 4,096 bytes at a time; anything longer under data keys (lesson 05)",
            "be used without a call to KMS; be given to a partner, since it has no public half",
        ),
        "outsider": Need(
            "let somebody without AWS credentials encrypt for us",
            *("RSA_3072", ENCRYPT),
            "at most 318 bytes at a time with RSAES_OAEP_SHA_256; the ciphertext has 384",
            "take an encryption context; make data keys; show who encrypted; withstand a quantum "
            "computer",
        ),
        "software": Need(
            "sign for programs that know nothing but RSA",
            *("RSA_3072", SIGN),
            f"{_MESSAGE}; the signature has 384",
            "encrypt as well, although RSA could; withstand a quantum computer",
        ),
        "letters": Need(
            "sign letters so that anyone can check them",
            *("ECC_NIST_P256", SIGN),
            f"{_MESSAGE}; the signature has at most 72, the public key 91",
            "encrypt; withstand a quantum computer",
        ),
        "partner": Need(
            "agree on a secret with a partner",
            *("ECC_NIST_P256", AGREE),
            "the secret has 32 (pass it through a key derivation function), the public key 91",
            "sign as well; show who the partner is; withstand a quantum computer",
        ),
        "blockchain": Need(
            "sign transactions of a blockchain",
            *("ECC_SECG_P256K1", SIGN),
            f"{_MESSAGE}; the signature has at most 72, the public key 88",
            "hash with Keccak, as Ethereum does (send it the digest); withstand a quantum computer",
        ),
        "tokens": Need(
            "sign tokens for a partner who asks for EdDSA",
            *("ECC_NIST_EDWARDS25519", SIGN),
            "a message of at most 4,096 bytes; the signature has 64, the public key 44",
            "agree on a secret; withstand a quantum computer",
        ),
        "archive": Need(
            "sign what must still count when there are quantum computers",
            *("ML_DSA_65", SIGN),
            "a message of at most 4,096 bytes, or the 64-byte mu of a longer one; the signature "
            "has 3,309, the public key 1,974",
            "be checked by programs that don't know ML-DSA, a standard of 2024 (FIPS 204)",
        ),
        "carry": Need(
            "carry a secret that no quantum computer opens later",
            *("ML_KEM_768", ENCAPSULATE),
            "the secret has 32, what carries it 1,088, the public key 1,206",
            "carry a secret of your own choice; show who sent it",
        ),
        "programs": Need(
            "notice a changed message between two of our own programs",
            *("HMAC_256", MAC),
            "a message of at most 4,096 bytes; the MAC has 32",
            "convince anybody else: who can check a MAC can also make one",
        ),
    }
)
