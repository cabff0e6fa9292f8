"""Which HSM does a key's symmetric cryptography: the one place that knows.

Origin              who encrypts
AWS_KMS, EXTERNAL   an HSM of KMS's fleet, with the key material that its token holds
AWS_CLOUDHSM        the cluster of the key's custom key store
EXTERNAL_KEY_STORE  an HSM of the fleet first, then the XKS proxy of the key store
"""

from __future__ import annotations

from kmslab.errors import HsmRefused
from kmslab.kms import material
from kmslab.kms.key import Key
from kmslab.kms.request import Request
from kmslab.kms.stores import keys as stored


def encrypt(request: Request, key: Key, plaintext: bytes, aad: bytes) -> bytes:
    """A plaintext, sealed with the key's current material; the tag covers `aad`."""
    if key.store_id:
        return stored.encrypt(request, key, plaintext, aad)
    rooms = request.rooms
    return rooms.fleet.encrypt(material.current(rooms, key), plaintext, aad)


def decrypt(request: Request, key: Key, material_id: str, sealed: bytes, aad: bytes) -> bytes:
    """What `encrypt` sealed with this material of the key.

    `HsmRefused`, or the `AwsError` of the key store, for anything else.
    """
    if key.store_id:
        return stored.decrypt(request, key, material_id, sealed, aad)
    token = material.token(request.rooms, key, material_id)
    if token is None:
        raise HsmRefused("the key has no such material")
    return request.rooms.fleet.decrypt(token, sealed, aad)
