"""AES-GCM as CloudHSM does it: the HSM makes the IV, which stands before the ciphertext.

    12 bytes of IV, the ciphertext, 16 bytes of tag

FIPS requires that the HSM makes the IV ("Known issues for the PKCS #11 library"). Differences: if
a caller gives mechanism and IV, as PKCS#11 has it, SoftHSM2 takes that IV; and there is no limit of
16 KB for a message, as CloudHSM does.
"""

from __future__ import annotations

from typing import Any

from pkcs11 import GCMParams, Mechanism
from pkcs11.exceptions import PKCS11Error

from kmslab.cloudhsm.errors import BadRequest, CryptoRefused
from kmslab.cloudhsm.unit import Unit

IV_BYTES, TAG_BYTES = 12, 16


def checked_bytes(data: Any) -> bytes:
    """Bytes, or `BadRequest`."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise BadRequest(f"bytes are due, not {type(data).__name__}")
    return bytes(data)


def seal(unit: Unit, key: Any, data: bytes, aad: bytes) -> bytes:
    """IV, ciphertext and tag, made in an HSM."""
    iv: bytes = unit.session.generate_random(IV_BYTES * 8)
    parameters = GCMParams(iv, aad, TAG_BYTES * 8)
    return iv + bytes(key.encrypt(data, mechanism=Mechanism.AES_GCM, mechanism_param=parameters))


def open_sealed(key: Any, data: bytes, aad: bytes) -> bytes:
    """What `seal` sealed; `CryptoRefused` where it does not fit."""
    if len(data) < IV_BYTES + TAG_BYTES:
        raise CryptoRefused("the ciphertext is too short")
    parameters = GCMParams(data[:IV_BYTES], aad, TAG_BYTES * 8)
    try:
        return bytes(
            key.decrypt(data[IV_BYTES:], mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
        )
    except PKCS11Error as error:
        if type(error).__name__ in ("GeneralError", "EncryptedDataInvalid"):
            raise CryptoRefused("the tag doesn't fit") from None
        raise
