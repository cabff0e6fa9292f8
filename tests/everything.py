"""A lab with a key of every kind and something made with each, to see later that all works."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from working import another_public_key
from wrapping import bring

from kmslab import Lab
from kmslab.kms.specs import AGREE, ENCRYPT, MAC, SIGN, SPECS

CONTEXT, TEXT = {"patient": "17"}, b"what was written before"
_LARGE = ("RSA_3072", "RSA_4096")  # the same kind as RSA_2048, and slow to make
Check = Callable[[Any], object]


class Everything:
    """Keys of all specs and usages, older generations and imported material among them."""

    def __init__(self, lab: Lab) -> None:
        kms = lab.client("kms")
        self.kept: dict[str, tuple[Check, object]] = {}
        for name, spec in SPECS.items():
            for usage in spec.usages if name not in _LARGE else ():
                key = kms.create_key(KeySpec=name, KeyUsage=usage)["KeyMetadata"]["KeyId"]
                self._keep(kms, f"{name} {usage}", _use(kms, key, spec.usages[usage].algorithms))
        rotated = kms.create_key()["KeyMetadata"]["KeyId"]
        self._keep(kms, "first generation", _decrypts(kms, rotated, "SYMMETRIC_DEFAULT"))
        kms.rotate_key_on_demand(KeyId=rotated)
        lab.clock.advance(minutes=1)
        self._keep(kms, "second generation", _decrypts(kms, rotated, "SYMMETRIC_DEFAULT"))
        brought = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        bring(kms, brought, hashlib.sha256(b"its owner's").digest())
        self._keep(kms, "imported", _decrypts(kms, brought, "SYMMETRIC_DEFAULT"))
        grant = kms.create_grant(
            KeyId=brought, GranteePrincipal=lab.admin.arn, Operations=["Decrypt"]
        )
        self._keep(
            kms,
            "grant token",
            lambda kms: kms.encrypt(
                KeyId=brought, Plaintext=b"x", GrantTokens=[grant["GrantToken"]]
            )["KeyId"],
        )

    def check(self, lab: Lab) -> None:
        """Everything that was made before still gives what it gave."""
        kms = lab.client("kms")
        for name, (check, before) in self.kept.items():
            assert check(kms) == before, name

    def _keep(self, kms: Any, name: str, check: Check) -> None:
        self.kept[name] = check, check(kms)


def _use(kms: Any, key: str, algorithms: tuple[str, ...]) -> Check:
    usage = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyUsage"]
    if usage == ENCRYPT:
        return _decrypts(kms, key, algorithms[-1])
    if usage == SIGN:
        return _verifies(kms, key, algorithms[0])
    if usage == MAC:
        asked = {"KeyId": key, "Message": TEXT, "MacAlgorithm": algorithms[0]}
        return lambda kms: kms.generate_mac(**asked)["Mac"]
    if usage == AGREE:
        return lambda kms: _agreed(kms, key)
    made = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    blob = made["SharedSecretCiphertextBlob"]
    return lambda kms: kms.decapsulate(
        KeyId=key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=blob
    )["SharedSecret"]


def _decrypts(kms: Any, key: str, algorithm: str) -> Check:
    more: dict[str, Any] = {"KeyId": key, "EncryptionAlgorithm": algorithm}
    if algorithm == "SYMMETRIC_DEFAULT":
        more["EncryptionContext"] = CONTEXT
    blob = kms.encrypt(Plaintext=TEXT, **more)["CiphertextBlob"]
    return lambda kms: kms.decrypt(CiphertextBlob=blob, **more)["Plaintext"]


def _verifies(kms: Any, key: str, algorithm: str) -> Check:
    """An old signature verifies, and a new one under the public key of before."""
    asked = {"KeyId": key, "Message": TEXT, "SigningAlgorithm": algorithm}
    if algorithm.startswith("ED25519_PH"):
        asked |= {"Message": hashlib.sha512(TEXT).digest(), "MessageType": "DIGEST"}
    old = kms.sign(**asked)["Signature"]

    def check(kms: Any) -> object:
        new = kms.sign(**asked)["Signature"]
        return [kms.verify(**asked, Signature=each)["SignatureValid"] for each in (old, new)]

    return check


def _agreed(kms: Any, key: str) -> object:
    """The shared secret with a public key on the same curve: the key's own, of another lab's."""
    public = kms.get_public_key(KeyId=key)
    other = another_public_key() if public["KeySpec"] == "ECC_NIST_P256" else public["PublicKey"]
    return kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=other)[
        "SharedSecret"
    ]
