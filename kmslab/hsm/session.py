"""What one HSM does for KMS with secret keys: it makes them, encrypts, decrypts and makes MACs.

    exported key token   a backing key as it lies outside the HSM, see backing.py
    derived key          AES-256, made in the HSM from a backing key and a 16-byte nonce
    sealed message       nonce (16) │ IV (12) │ ciphertext (as long as the plaintext) │ tag (16)

Derivation: the two 16-byte halves of SHA-256(label │ nonce), encrypted with the backing key in ECB
mode, are the derived key (CKM_AES_ECB_ENCRYPT_DATA, the derivation SoftHSM2 has). AWS KMS uses the
key derivation in counter mode of NIST SP 800-108 instead.

How far a nonce may be reused: AWS KMS derives a key for every request. Making an object in an HSM
is what costs time here, so one nonce serves up to `MESSAGES_PER_NONCE` messages, each with an IV
of its own. NIST SP 800-38D (section 8.3) allows 2^32 messages with random 96-bit IVs under one
key; at 1,000 the chance that two IVs meet is below 2^-77. A nonce is never shared between two
sessions, as each draws its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pkcs11
from cachetools import LRUCache
from pkcs11 import GCMParams, KeyType, Mechanism, MechanismFlag
from pkcs11.exceptions import PKCS11Error

from kmslab.errors import HsmError, HsmOff, HsmRefused, TokenRefused
from kmslab.hsm import attributes, backing, domain, mechanisms
from kmslab.hsm.device import Device
from kmslab.hsm.kinds import Kind

MESSAGES_PER_NONCE = 1_000
KEYS_AT_HAND = 4_096  # unwrapped backing keys, and as many derived keys, an HSM keeps at once
NONCE_BYTES, IV_BYTES, TAG_BYTES = 16, 12, 16
AES = Kind("AES", "DERIVE", 256)
_LABEL = b"kmslab derived key"


class _KeyCache(LRUCache[Any, Any]):
    """Keys at hand; the one longest unused is destroyed in the HSM when room is needed."""

    def popitem(self) -> tuple[Any, Any]:
        name, key = super().popitem()
        key.destroy()
        return name, key


class HsmSession:
    """The crypto user at work on one HSM. Every method holds the HSM's lock while it runs."""

    def __init__(self, device: Device, generation: int = 0) -> None:
        self.device = device
        with device.lock:
            try:
                self._session: pkcs11.Session | None = device.user()
                self.hold(generation)
            except PKCS11Error as error:
                raise HsmRefused(
                    f"{device.name} can't be used by its crypto user: {type(error).__name__}"
                ) from error
        self._backing = _KeyCache(KEYS_AT_HAND)  # exported key token → key
        self._derived = _KeyCache(KEYS_AT_HAND)  # (exported key token, nonce) → key
        self._nonces: LRUCache[bytes, tuple[bytes, int]] = LRUCache(KEYS_AT_HAND)

    def hold(self, generation: int = 0, other: int = 0) -> None:
        """Wraps and unwraps with this generation of the domain keys, and unwraps with another too.

        0 is the oldest that is there, and no other one.
        """
        with self.device.lock:
            session = self.pkcs11_session
            self._for_secret_keys = domain.find(session, domain.FOR_SECRET_KEYS, generation)
            self._for_private_keys = domain.find(session, domain.FOR_PRIVATE_KEYS, generation)
            self._others = (
                {
                    secret: domain.find(session, label, other)
                    for secret, label in (
                        (True, domain.FOR_SECRET_KEYS),
                        (False, domain.FOR_PRIVATE_KEYS),
                    )
                }
                if other
                else {}
            )

    def generate(self, kind: Kind = AES) -> bytes:
        """Makes a secret backing key; returns its exported key token, the only form that leaves."""
        with self.device.lock:
            key = backing.make_secret(self.pkcs11_session, kind)
            token = self.wrap(kind, key)
            key.destroy()
            return token

    def admit(self, kind: Kind, material: bytes) -> bytes:
        """Takes key material from outside in; returns its exported key token."""
        with self.device.lock:
            key = backing.admit(self.pkcs11_session, kind, material)
            token = self.wrap(kind, key)
            key.destroy()
            return token

    def mac(self, kind: Kind, token: bytes, digest_name: str, message: bytes) -> bytes:
        """HMAC of a message under the token's backing key."""
        with self.device.lock:
            return mechanisms.mac(self.handle(kind, token), digest_name, message)

    def encrypt(self, token: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """AES-256-GCM under a key derived from the token's backing key; returns it sealed."""
        with self.device.lock:
            nonce = self._nonce(token)
            iv = self.pkcs11_session.generate_random(IV_BYTES * 8)
            body: bytes = self._key(token, nonce).encrypt(
                plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(iv, aad)
            )
            return nonce + iv + body

    def decrypt(self, token: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Opens what `encrypt` of any HSM of the fleet sealed, or raises `HsmRefused`."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        iv, body = rest[:IV_BYTES], rest[IV_BYTES:]
        if len(body) < TAG_BYTES:
            raise HsmRefused("the sealed message is too short to hold a tag")
        with self.device.lock:
            key = self._key(token, nonce)
            try:
                plaintext: bytes = key.decrypt(
                    body, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(iv, aad)
                )
            except PKCS11Error as error:
                raise HsmRefused("the tag does not fit") from error
            return plaintext

    def random(self, length: int) -> bytes:
        """`length` bytes from the HSM's random generator."""
        with self.device.lock:
            return self.pkcs11_session.generate_random(length * 8)

    def handle(self, kind: Kind, token: bytes) -> Any:
        """The backing key of a token, at hand or unwrapped now; for use under the HSM's lock."""
        return self.at_hand(token, lambda: self._unwrap(kind, token))

    def at_hand(self, token: bytes, load: Callable[[], Any]) -> Any:
        """The key that was loaded for a token, or that `load` puts into the HSM now."""
        self.pkcs11_session  # noqa: B018  raises HsmOff
        key = self._backing.get(token)
        if key is None:
            key = self._backing[token] = load()
        return key

    def wrap(self, kind: Kind, key: Any) -> bytes:
        """A key in this HSM as an exported key token."""
        token: bytes = self._domain_key(kind).wrap_key(key, mechanism=backing.wrapping(kind))
        return token

    def forget(self, token: bytes) -> None:
        """Destroys what the HSM has in memory of a token: its key, and the keys derived.

        A sealed seed's token begins with that of the key that seals it (seeds.py), which goes too.
        """
        with self.device.lock:
            if not self.is_on:
                return  # switched off: there is nothing in its memory, and no module to call
            derived = [name for name in self._derived if token.startswith(name[0])]
            tokens = [name for name in self._backing if token.startswith(name)]
            for key in (*map(self._derived.pop, derived), *map(self._backing.pop, tokens)):
                key.destroy()
            for name in tokens:
                self._nonces.pop(name, None)

    def forget_all(self) -> None:
        """Destroys every key in the HSM's memory that came there by a token."""
        with self.device.lock:
            while self.is_on and (self._derived or self._backing):
                (self._derived or self._backing).popitem()

    def switch_off(self) -> None:
        """Switches the HSM off; the keys in its memory are gone, the exported tokens are not."""
        with self.device.lock:
            self._session = self._for_secret_keys = self._for_private_keys = None
            self._others = {}
            self.device.switch_off()

    @property
    def is_on(self) -> bool:
        """False once it was switched off, or its device was."""
        return self._session is not None and self.device.is_on

    @property
    def pkcs11_session(self) -> pkcs11.Session:
        """The crypto user's PKCS#11 session; `HsmOff` where the HSM is switched off."""
        if self._session is None or not self.device.is_on:
            raise HsmOff(f"{self.device.name} is switched off")
        return self._session

    def domain_name(self, generation: int = 0) -> str:
        """What tells a domain key from others: 16 hexadecimal digits, the same in every HSM.

        They are a hash of what the key makes of 32 zeros (AES Key Wrap is deterministic), so they
        say nothing of the key. 0 is the generation in use.
        """
        with self.device.lock:
            key = self._for_secret_keys
            if generation:
                key = domain.find(self.pkcs11_session, domain.FOR_SECRET_KEYS, generation)
            zeros = backing.admit(self.pkcs11_session, AES, bytes(32))
            try:
                wrapped = key.wrap_key(zeros, mechanism=backing.wrapping(AES))
            finally:
                zeros.destroy()
            return hashlib.sha256(wrapped).hexdigest()[:16]

    def is_sound(self) -> bool:
        """Whether the HSM can still wrap a key under its domain key."""
        try:
            return bool(self.domain_name())
        except (HsmError, PKCS11Error):
            return False

    def rewrap(self, kind: Kind, token: bytes, generation: int) -> bytes:
        """A token under another generation's domain key; as it is, where it already is.

        The backing key is never outside the HSM in between: unwrapped under the old domain key, it
        can be wrapped again under a trusted key only. That rule is a part of the domain key itself
        (attributes.py), so it needs no right beyond the crypto user's.
        """
        label = domain.FOR_SECRET_KEYS if backing.is_secret(kind) else domain.FOR_PRIVATE_KEYS
        with self.device.lock:
            new = domain.find(self.pkcs11_session, label, generation)
            key = self._unwrap(kind, token, again=True)
            try:
                wrapped: bytes = new.wrap_key(key, mechanism=backing.wrapping(kind))
            finally:
                key.destroy()
            return wrapped

    def _domain_key(self, kind: Kind) -> Any:
        return self._for_secret_keys if backing.is_secret(kind) else self._for_private_keys

    def _nonce(self, token: bytes) -> bytes:
        nonce, left = self._nonces.get(token, (b"", 0))
        if not left:
            nonce, left = self.random(NONCE_BYTES), MESSAGES_PER_NONCE
        self._nonces[token] = nonce, left - 1
        return nonce

    def _key(self, token: bytes, nonce: bytes) -> Any:
        """The derived key of a token and a nonce, at hand or made now."""
        self.pkcs11_session  # noqa: B018  raises HsmOff
        key = self._derived.get((token, nonce))
        if key is None:
            key = self.handle(AES, token).derive_key(
                KeyType.AES,
                256,
                mechanism=Mechanism.AES_ECB_ENCRYPT_DATA,
                mechanism_param=hashlib.sha256(_LABEL + nonce).digest(),
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template=dict(attributes.DERIVED_KEY),
            )
            self._derived[token, nonce] = key
        return key

    def _unwrap(self, kind: Kind, token: bytes, *, again: bool = False) -> Any:
        other = self._others.get(backing.is_secret(kind))
        try:
            return backing.unwrap(self._domain_key(kind), kind, token, again=again)
        except PKCS11Error as error:
            if other is None:
                raise TokenRefused("the key token does not open under the domain key") from error
        try:
            return backing.unwrap(other, kind, token, again=again)
        except PKCS11Error as error:
            raise TokenRefused("the key token does not open under the domain keys") from error


def _gcm(iv: bytes, aad: bytes) -> GCMParams:
    return GCMParams(iv, aad, TAG_BYTES * 8)
