"""A key of a cluster in the hands of a crypto user; methods as python-pkcs11's keys have them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from kmslab.cloudhsm import keys, users
from kmslab.cloudhsm.errors import (
    BadRequest,
    KeyNotAvailable,
    KeyNotFound,
    NoActiveHsm,
    NotPermitted,
    Pkcs11Refused,
)
from kmslab.cloudhsm.keys import KeyRecord
from kmslab.cloudhsm.sealing import checked_bytes, open_sealed, seal
from kmslab.cloudhsm.unit import Unit
from kmslab.errors import HsmOff

if TYPE_CHECKING:
    from kmslab.cloudhsm.session import Session

Result = TypeVar("Result")
_SIGN = {
    "RSA": Mechanism.SHA256_RSA_PKCS,
    "EC": Mechanism.ECDSA,
    "GENERIC_SECRET": Mechanism.SHA256_HMAC,
}


class Key:
    """A secret key, or a private key with its public one. It knows no key material."""

    def __init__(self, session: Session, record: KeyRecord, *, in_memory: bool = False) -> None:
        self._session = session
        self._record = record
        self._in_memory = in_memory

    @property
    def handle(self) -> str:
        """As CloudHSM CLI shows it: 0x and 16 hexadecimal digits."""
        return self._record.handle

    @property
    def label(self) -> str:
        """Its CKA_LABEL."""
        return self._record.label

    @property
    def key_type(self) -> KeyType:
        """Its CKA_KEY_TYPE."""
        return KeyType[self._record.kind]

    @property
    def key_length(self) -> int:
        """Bits."""
        return self._record.size

    @property
    def owner(self) -> str:
        """The crypto user who made it."""
        return self._record.owner

    @property
    def shared_with(self) -> tuple[str, ...]:
        """Who else may use it."""
        return self._current().shared

    @property
    def hsms(self) -> tuple[str, ...]:
        """The HSMs that have it, of those that serve."""
        entry = self._session.entry
        serving = {unit.id for unit in entry.estate.units(entry.cluster_id)}
        return tuple(each for each in self._current().hsms if each in serving)

    @property
    def public_key(self) -> bytes:
        """Of a pair: SubjectPublicKeyInfo in DER."""
        if not self._record.is_pair:
            raise BadRequest(f"a {self._record.kind} key has no public key")
        return bytes.fromhex(self._record.public)

    def encrypt(
        self,
        data: bytes,
        *,
        mechanism: Mechanism | None = None,
        mechanism_param: Any = None,
        aad: bytes = b"",
    ) -> bytes:
        """Encrypts. An AES key without a mechanism does GCM: 12 bytes of IV that the HSM makes,
        the ciphertext, 16 bytes of tag. Of a pair, the public key does it."""
        data = checked_bytes(data)
        if mechanism is None and self._record.kind == "AES":
            return self._use(lambda unit, key: seal(unit, key, data, checked_bytes(aad)))
        return self._use(
            lambda _, key: bytes(
                key.encrypt(data, mechanism=mechanism, mechanism_param=mechanism_param)
            ),
            public=self._record.is_pair,
        )

    def decrypt(
        self,
        data: bytes,
        *,
        mechanism: Mechanism | None = None,
        mechanism_param: Any = None,
        aad: bytes = b"",
    ) -> bytes:
        """Opens what `encrypt` made; `CryptoRefused` where a tag doesn't fit."""
        data = checked_bytes(data)
        if mechanism is None and self._record.kind == "AES":
            return self._use(lambda _, key: open_sealed(key, data, checked_bytes(aad)))
        return self._use(
            lambda _, key: bytes(
                key.decrypt(data, mechanism=mechanism, mechanism_param=mechanism_param)
            )
        )

    def sign(self, data: bytes, *, mechanism: Mechanism | None = None) -> bytes:
        """Signs. Without a mechanism: RSA with PKCS#1 v1.5 and SHA-256, ECDSA of the SHA-256
        digest (r and s, as PKCS#11 has it), HMAC with SHA-256."""
        asked, data = self._signing(checked_bytes(data), mechanism)
        return self._use(lambda _, key: bytes(key.sign(data, mechanism=asked)))

    def verify(self, data: bytes, signature: bytes, *, mechanism: Mechanism | None = None) -> bool:
        """Whether `sign` made this signature of these bytes."""
        asked, data = self._signing(checked_bytes(data), mechanism)
        signature = checked_bytes(signature)
        return self._use(
            lambda _, key: bool(key.verify(data, signature, mechanism=asked)),
            public=self._record.is_pair,
        )

    def wrap_key(self, key: Key, *, mechanism: Mechanism = Mechanism.AES_KEY_WRAP_PAD) -> bytes:
        """Another key under this one (AES); only its owner may. An HSM refuses a key that is not
        extractable: CKR_KEY_NOT_WRAPPABLE."""
        key.check_own("wrap")
        inner = key._current()

        def work(unit: Unit, wrapping: Any) -> bytes:
            try:
                return bytes(wrapping.wrap_key(unit.object_of(inner), mechanism=mechanism))
            except KeyError:
                raise HsmOff(f"{unit.id} has not got the key to wrap") from None

        return self._use(work)

    def unwrap_key(
        self,
        key_type: KeyType,
        key_length: int,
        wrapped: bytes,
        *,
        label: str = "",
        mechanism: Mechanism = Mechanism.AES_KEY_WRAP_PAD,
        extractable: bool = True,
    ) -> Key:
        """Takes in a secret key that was wrapped under this one, as a new token key."""
        wrapped = checked_bytes(wrapped)
        if not isinstance(key_type, KeyType) or key_type.name not in ("AES", "GENERIC_SECRET"):
            raise BadRequest("key_type: KeyType.AES or KeyType.GENERIC_SECRET is due")
        record = self._session.record(key_type.name, key_length, label, extractable)
        own = self._current()

        def make(unit: Unit, new: KeyRecord) -> KeyRecord:
            unit.object_of(own).unwrap_key(
                ObjectClass.SECRET_KEY,
                key_type,
                wrapped,
                mechanism=mechanism,
                id=new.id,
                label=new.label,
                store=True,
                capabilities=MechanismFlag(new.uses),
                template=keys.template(new),
            )
            return new

        return self._session.add(record, make, store=True)

    def share(self, user: str) -> None:
        """Lets another crypto user use the key: not wrap, share or destroy it."""
        self._share(user, add=True)

    def unshare(self, user: str) -> None:
        """Takes that back."""
        self._share(user, add=False)

    def destroy(self) -> None:
        """Destroys the key on all HSMs that serve; one that is off does so when it is back."""
        self.check_own("destroy")
        entry, record = self._session.entry, self._current()
        with entry.estate.alone():
            if not self._in_memory:
                keys.drop(entry.estate.store, entry.cluster_id, record.handle)
            for unit in entry.estate.units(entry.cluster_id):
                unit.destroy(record)

    def __getitem__(self, name: Attribute) -> Any:
        """A PKCS#11 attribute; `Pkcs11Refused` for its value: CKR_ATTRIBUTE_SENSITIVE."""
        if name is Attribute.EXTRACTABLE:  # CloudHSM's own sense of it: see keys.py
            return self._current().extractable
        return self._use(lambda _, key: key[name])

    def check_own(self, what: str) -> None:
        """`NotPermitted` for who only was given the key."""
        if self._current().owner != self._session.user:
            raise NotPermitted(f"only its owner may {what} a key")

    def _share(self, user: str, *, add: bool) -> None:
        self.check_own("share")
        if self._in_memory:
            raise BadRequest("a session key can't be shared")
        entry = self._session.entry
        store, cluster = entry.estate.store, entry.cluster_id
        other = users.find(store, cluster, users.CRYPTO_USER, user)
        with store.transaction():
            record = self._current()
            left = tuple(each for each in record.shared if each != other.name)
            keys.put(store, cluster, replace(record, shared=(*left, other.name) if add else left))

    def _current(self) -> KeyRecord:
        """The record as it is now; `KeyNotFound` where it is gone, or no longer shared."""
        entry = self._session.entry
        entry.user()
        if self._in_memory:
            return self._record
        known = keys.of(entry.estate.store, entry.cluster_id).get(self.handle)
        if known is None or self._session.user not in (known.owner, *known.shared):
            raise KeyNotFound(f"{self._session.user} has no key {self.handle}")
        return known

    def _signing(self, data: bytes, mechanism: Mechanism | None) -> tuple[Mechanism, bytes]:
        if mechanism is not None:
            return mechanism, data
        kind = self._record.kind
        if kind not in _SIGN:
            raise BadRequest(f"a {kind} key doesn't sign")
        return _SIGN[kind], hashlib.sha256(data).digest() if kind == "EC" else data

    def _use(self, work: Callable[[Unit, Any], Result], *, public: bool = False) -> Result:
        """What an HSM that has the key makes of it."""
        record, entry = self._current(), self._session.entry

        def there(unit: Unit) -> Result:
            if public:
                return work(unit, unit.public_of(record))
            try:
                handle = unit.object_of(record)
            except KeyError:
                raise HsmOff(f"{unit.id} has not got the key") from None
            return work(unit, handle)

        try:
            only = record.hsms[0] if self._in_memory else ""
            return entry.estate.serve(entry.cluster_id, there, only)
        except NoActiveHsm:
            if entry.estate.units(entry.cluster_id):
                raise KeyNotAvailable(f"no HSM that serves has key {self.handle}") from None
            raise
        except PKCS11Error as error:
            raise Pkcs11Refused(error) from error
        except (AttributeError, TypeError) as error:  # python-pkcs11's way to say it can't
            raise BadRequest(f"a {record.kind} key can't do that: {error}") from None

    def __repr__(self) -> str:
        kind = f"{self._record.kind} {self._record.size}"
        return f"<Key {self.handle} {self.label!r}, {kind}, of {self.owner}>"
