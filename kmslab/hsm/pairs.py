"""RSA and elliptic-curve key pairs in one HSM: making them, and working with the private half."""

from __future__ import annotations

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmRefused
from kmslab.hsm import attributes, backing, der, mechanisms, outside
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.hsm.session import HsmSession


def generate(hsm: HsmSession, kind: Kind) -> NewKey:
    """Makes a key pair; its private half leaves the HSM as a token only."""
    with hsm.device.lock:
        public, private = backing.make_pair(hsm.pkcs11_session, kind, attributes.NEW_BACKING_KEY)
        made = NewKey(hsm.wrap(kind, private), der.public_der(kind, public))
        public.destroy()
        private.destroy()
        return made


def generate_readable(hsm: HsmSession, kind: Kind) -> tuple[bytes, bytes]:
    """A key pair for the caller: private (PKCS#8) and public (SPKI). The HSM forgets it."""
    with hsm.device.lock:
        public, private = backing.make_pair(hsm.pkcs11_session, kind, attributes.DATA_KEY_PAIR)
        made = der.private_der(kind, public, private), der.public_der(kind, public)
        public.destroy()
        private.destroy()
        return made


def sign(hsm: HsmSession, kind: Kind, token: bytes, scheme: str, name: str, digest: bytes) -> bytes:
    """A signature of a digest that the hash function `name` made."""
    with hsm.device.lock:
        key = hsm.handle(kind, token)
        if scheme == "ECDSA":
            return mechanisms.sign_ecdsa(key, digest)
        if scheme == "PSS":
            return mechanisms.sign_pss(key, name, digest)
        return mechanisms.sign_pkcs1(key, name, digest)


def decrypt(hsm: HsmSession, kind: Kind, token: bytes, name: str, ciphertext: bytes) -> bytes:
    """RSAES-OAEP with the hash function `name`; `HsmRefused` for whatever does not decrypt."""
    with hsm.device.lock:
        key = hsm.handle(kind, token)
        try:
            if name == "sha1":
                return mechanisms.decrypt_oaep_sha1(key, ciphertext)
            return outside.unpad_oaep(mechanisms.decrypt_raw(key, ciphertext), name)
        except (PKCS11Error, ValueError) as error:
            raise HsmRefused("the ciphertext does not decrypt") from error


def agree(hsm: HsmSession, kind: Kind, token: bytes, point: bytes) -> bytes:
    """ECDH with the public key at `point`: the raw shared secret."""
    with hsm.device.lock:
        return mechanisms.agree(hsm.handle(kind, token), kind, point)
