"""The external key manager behind the proxy: one HSM of its own, outside of AWS's reach.

Its keys are AES token objects in a SoftHSM2 token (hsm/device.py): made there, not to be read or
wrapped, so none of them ever leaves. The secrets of the proxy's credentials are HMAC keys in the
same token: the first step of checking a signature is done there too.

    object              PKCS#11 label      PKCS#11 id
    external key        its id             ENABLED or DISABLED
    credential          its access key id  CREDENTIAL

`aad` of an encryption: 2 bytes of length │ additionalAuthenticatedData │ 1 byte of length │
ciphertextMetadata, as the specification advises: without lengths one could pass for the other.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmOff, HsmRefused
from kmslab.hsm import mechanisms
from kmslab.hsm.device import Device, provision
from kmslab.xks.protocol import TAG_BYTES, ProxyError

ENABLED, DISABLED = "ENABLED", "DISABLED"
_CREDENTIAL = b"CREDENTIAL"
_IV_BYTES = 12
_USES = {"ENCRYPT": MechanismFlag.ENCRYPT, "DECRYPT": MechanismFlag.DECRYPT}
_AT_REST = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """What may be known of an external key."""

    key_id: str
    spec: str  # AES_256, or what KMS does not take
    usage: tuple[str, ...]  # of ENCRYPT and DECRYPT
    status: str


class KeyManager:
    """An HSM with keys that AWS KMS may ask to use. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """Switches on the HSM in `folder`; makes it first where there is none."""
        if not (folder / "pins.json").exists():
            provision(folder)
        self._device = Device(folder)
        with self._device.lock:
            self._session: pkcs11.Session | None = self._device.user(writing=True)

    def new_key(self, key_id: str = "", *, bits: int = 256, usage: tuple[str, ...] = ()) -> str:
        """Makes an AES key; returns its id, which is made up where none is given."""
        key_id = key_id or secrets.token_hex(8)
        flags = MechanismFlag(0)
        for name in usage or tuple(_USES):
            flags |= _USES[name]
        with self._device.lock:
            if self._find(key_id) is not None:
                raise ValueError(f"key_id={key_id!r}: this key manager has such a key already")
            self._on().generate_key(
                KeyType.AES,
                bits,
                id=ENABLED.encode(),
                label=key_id,
                store=True,
                capabilities=flags,
                template=dict(_AT_REST),
            )
        return key_id

    def describe(self, key_id: str) -> ExternalKey:
        """What a key is; KeyNotFoundException where there is none."""
        with self._device.lock:
            key = self._get(key_id)
            usage = tuple(name for name in _USES if key[Attribute[name]])
            spec = f"AES_{key[Attribute.VALUE_LEN] * 8}"
            return ExternalKey(key_id, spec, usage, key[Attribute.ID].decode())

    def enable(self, key_id: str, enabled: bool = True) -> None:
        """Switches a key on, or off: then it neither encrypts nor decrypts."""
        with self._device.lock:
            self._get(key_id)[Attribute.ID] = (ENABLED if enabled else DISABLED).encode()

    def delete_key(self, key_id: str) -> None:
        """Destroys a key, for good."""
        with self._device.lock:
            self._get(key_id).destroy()

    def encrypt(
        self, key_id: str, plaintext: bytes, aad: bytes, metadata: bytes = b""
    ) -> tuple[bytes, bytes, bytes]:
        """AES-GCM under an external key: IV, ciphertext, tag."""
        with self._device.lock:
            key = self._usable(key_id, "ENCRYPT")
            iv = self._on().generate_random(_IV_BYTES * 8)
            body: bytes = key.encrypt(
                plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(iv, aad, metadata)
            )
        return iv, body[:-TAG_BYTES], body[-TAG_BYTES:]

    def decrypt(
        self, key_id: str, iv: bytes, body: bytes, tag: bytes, aad: bytes, metadata: bytes = b""
    ) -> bytes:
        """The plaintext; InvalidCiphertextException for whatever does not fit."""
        with self._device.lock:
            key = self._usable(key_id, "DECRYPT")
            try:
                plaintext: bytes = key.decrypt(
                    body + tag,
                    mechanism=Mechanism.AES_GCM,
                    mechanism_param=_gcm(iv, aad, metadata),
                )
            except PKCS11Error:
                raise ProxyError("InvalidCiphertextException") from None
            return plaintext

    def add_credential(self, access_key_id: str, secret: str) -> None:
        """Keeps the secret of a credential in the HSM, from where it does not come out again."""
        with self._device.lock:
            self._on().create_object(
                {
                    Attribute.CLASS: ObjectClass.SECRET_KEY,
                    Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                    Attribute.VALUE: b"AWS4" + secret.encode(),
                    Attribute.LABEL: access_key_id,
                    Attribute.ID: _CREDENTIAL,
                    Attribute.TOKEN: True,
                    Attribute.SIGN: True,
                    **_AT_REST,
                }
            )

    def credentials(self) -> tuple[str, ...]:
        """The access key ids of the credentials that the proxy takes."""
        with self._device.lock:
            found = self._on().get_objects({Attribute.ID: _CREDENTIAL})
            return tuple(sorted(each[Attribute.LABEL] for each in found))

    def drop_credential(self, access_key_id: str) -> None:
        """Takes a credential no longer."""
        with self._device.lock:
            secret = self._secret(access_key_id)
            if secret is not None:
                secret.destroy()

    def day_key(self, access_key_id: str, day: str) -> bytes | None:
        """The key of a day of Signature Version 4, for a credential; None for an unknown one."""
        with self._device.lock:
            secret = self._secret(access_key_id)
            return None if secret is None else mechanisms.mac(secret, "sha256", day.encode())

    def switch_off(self) -> None:
        """Unloads the HSM; its token stays."""
        with self._device.lock:
            self._session = None
            self._device.switch_off()

    def _on(self) -> pkcs11.Session:
        if self._session is None:
            raise HsmOff(f"{self._device.name} is switched off")
        return self._session

    def _usable(self, key_id: str, use: str) -> Any:
        key = self._get(key_id)
        if key[Attribute.ID] != ENABLED.encode():
            raise ProxyError("InvalidStateException", "The external key is disabled.")
        if not key[Attribute[use]]:
            raise ProxyError("InvalidKeyUsageException", f"The external key is not for {use}.")
        return key

    def _get(self, key_id: str) -> Any:
        key = self._find(key_id)
        if key is None:
            raise ProxyError("KeyNotFoundException", "The external key is not found.")
        return key

    def _find(self, key_id: str) -> Any:
        return self._one({Attribute.KEY_TYPE: KeyType.AES, Attribute.LABEL: key_id})

    def _secret(self, access_key_id: str) -> Any:
        return self._one({Attribute.ID: _CREDENTIAL, Attribute.LABEL: access_key_id})

    def _one(self, template: dict[Attribute, Any]) -> Any:
        try:
            return next(iter(list(self._on().get_objects(template))), None)
        except PKCS11Error as error:
            raise HsmRefused(f"the key manager refused: {type(error).__name__}") from error

    def __repr__(self) -> str:
        return f"<KeyManager {self._device.name}>"


def _gcm(iv: bytes, aad: bytes, metadata: bytes) -> GCMParams:
    whole = struct.pack(">H", len(aad)) + aad + struct.pack(">B", len(metadata)) + metadata
    return GCMParams(iv, whole, TAG_BYTES * 8)
