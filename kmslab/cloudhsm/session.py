"""A crypto user at work: the PKCS#11 session of a program that uses the cluster.

    session = cli.session("alice", password)
    key = session.generate_key(KeyType.AES, 256, label="payroll")      a token key, on all HSMs
    sealed = key.encrypt(b"...", aad=b"...")
    session.get_key(label="payroll").decrypt(sealed, aad=b"...")

Names and arguments are python-pkcs11's. What it hands out are not python-pkcs11's own objects, as
those belong to one HSM: a `Key` finds its object in whichever HSM serves. A refusal of an HSM that
works comes as `Pkcs11Refused`, with PKCS#11's return value and python-pkcs11's exception as its
cause.

A token key has to be on two HSMs to be made or found (Client SDK 5, "Change AWS CloudHSM client key
durability settings"); a `Key` at hand works on as long as one HSM has it. AWS's client writes that
message to its log and answers CKR_... to the program; here it is the exception's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pkcs11 import KeyType, MechanismFlag
from pkcs11.exceptions import PKCS11Error

from kmslab.cloudhsm import hardware, keys, users
from kmslab.cloudhsm.entering import Entry
from kmslab.cloudhsm.errors import (
    BadRequest,
    KeyNotAvailable,
    KeyNotFound,
    NoActiveHsm,
    Pkcs11Refused,
)
from kmslab.cloudhsm.key import Key
from kmslab.cloudhsm.keys import KeyRecord
from kmslab.cloudhsm.unit import Unit

FEWEST_HSMS = 2
_TICK = 0.001  # seconds
_SIZES = {
    "AES": (128, 192, 256),
    "GENERIC_SECRET": range(64, 4097, 8),
    "RSA": (2048, 3072, 4096),
    "EC": (256, 384, 521),
}
_CURVES = {256: "secp256r1", 384: "secp384r1", 521: "secp521r1"}
Put = Callable[[Unit, KeyRecord], KeyRecord]


class Session:
    """A crypto user who is logged in to a cluster. Ends with `close` or the process."""

    def __init__(self, entry: Entry, *, check_availability: bool = True) -> None:
        self.entry = entry
        self._check = check_availability

    @property
    def user(self) -> str:
        """The crypto user's name."""
        return self.entry.name

    def generate_key(
        self,
        key_type: KeyType,
        key_length: int,
        *,
        label: str = "",
        store: bool = True,
        extractable: bool = True,
        capabilities: MechanismFlag | None = None,
    ) -> Key:
        """A new secret key (AES, GENERIC_SECRET). `store`: a token key; else one that lives in one
        HSM until the session ends. `extractable`: whether its owner may wrap it, which CloudHSM
        allows unless told otherwise."""
        self._reject_pair(key_type, pair=False)
        record = self._described(key_type, key_length, label, extractable, capabilities)

        def make(unit: Unit, key: KeyRecord) -> KeyRecord:
            self._hold(unit, key, keys.make_secret(unit.session, key, store), store)
            return key

        return self.add(record, make, store)

    def generate_keypair(
        self,
        key_type: KeyType,
        key_length: int,
        *,
        label: str = "",
        store: bool = True,
        extractable: bool = True,
    ) -> Key:
        """A new key pair (RSA, EC); the `Key` is the private one and knows its public key."""
        self._reject_pair(key_type, pair=True)
        record = self._described(key_type, key_length, label, extractable, None)

        def make(unit: Unit, key: KeyRecord) -> KeyRecord:
            public, private = keys.make_pair(unit.session, key, store)
            self._hold(unit, key, private, store)
            return replace(key, public=hardware.spki(key, public).hex())

        return self.add(record, make, store)

    def get_key(self, *, label: str | None = None, handle: str | None = None) -> Key:
        """The one key of this label or handle that the user owns or was given.

        `KeyNotFound` for none or several, `KeyNotAvailable` for one on too few HSMs.
        """
        found = list(self._find(label, handle))
        if len(found) != 1:
            raise KeyNotFound(f"{len(found) or 'no'} keys of {self.user} have this label or handle")
        self._check_available(found[0])
        return Key(self, found[0])

    def get_keys(self, *, label: str | None = None) -> list[Key]:
        """All keys that the user owns or was given, oldest first."""
        found = list(self._find(label, None))
        for record in found:
            self._check_available(record)
        return [Key(self, record) for record in found]

    def generate_random(self, nbits: int) -> bytes:
        """Random bits of an HSM, as bytes."""
        if isinstance(nbits, bool) or not isinstance(nbits, int) or nbits < 8 or nbits % 8:
            raise BadRequest(f"nbits={nbits!r}: a multiple of 8 is due")
        self.entry.user()
        estate, cluster = self.entry.estate, self.entry.cluster_id
        return bytes(estate.serve(cluster, lambda unit: unit.session.generate_random(nbits)))

    def change_password(self, password: str) -> None:
        """Sets the user's own password. Other sessions of the user end."""
        entry = self.entry
        with entry.estate.store.transaction():
            changed = users.with_password(entry.user(), password)
            users.put(entry.estate.store, entry.cluster_id, changed)
        entry.version = changed.version

    def close(self) -> None:
        """Logs out; session keys are gone."""
        self.entry.login.end()

    def add(self, record: KeyRecord, make: Put, store: bool) -> Key:
        """A new key, made by `make` in one HSM; a token key is on all of them then."""
        estate, cluster = self.entry.estate, self.entry.cluster_id
        self.entry.user()
        with estate.alone():
            units = estate.units(cluster)
            if not units:
                raise NoActiveHsm(f"no HSM of {cluster} serves")
            if not store:
                return Key(self, self._made(units[0], record, make), in_memory=True)
            if self._check and len(units) < FEWEST_HSMS:
                raise unavailable(record.handle)
            self._check_quota()
            made = self._made(units[0], record, make)
            try:
                for other in units[1:]:
                    other.receive(made, units[0].give(made))
            except BaseException:
                for unit in units:
                    unit.destroy(made)
                raise
            made = keys.on(made, (unit.id for unit in units))
            keys.put(estate.store, cluster, made)
            return Key(self, made)

    def _made(self, unit: Unit, record: KeyRecord, make: Put) -> KeyRecord:
        try:
            with unit.lock:
                return keys.on(make(unit, record), (unit.id,))
        except PKCS11Error as error:
            raise Pkcs11Refused(error) from error

    def _hold(self, unit: Unit, key: KeyRecord, handle: Any, store: bool) -> None:
        if not store:
            unit.in_memory[key.handle] = handle

    def _described(
        self,
        key_type: KeyType,
        size: int,
        label: str,
        extractable: bool,
        capabilities: MechanismFlag | None,
    ) -> KeyRecord:
        kind = key_type.name
        if isinstance(size, bool) or size not in _SIZES[kind]:
            raise BadRequest(f"key_length={size!r}: not a length of a {kind} key, in bits")
        return self.record(kind, size, label, extractable, capabilities)

    def record(
        self,
        kind: str,
        size: int,
        label: str,
        extractable: bool,
        capabilities: MechanismFlag | None = None,
    ) -> KeyRecord:
        """The record of a key that is about to be made."""
        settings, store = self.entry.estate.settings, self.entry.estate.store
        # A seeded lab's clock may stand still meanwhile, and keys are listed oldest first.
        known = keys.of(store, self.entry.cluster_id).values()
        created = max([settings.now(), *(each.created + _TICK for each in known)])
        with store.transaction():
            handle = "0x" + settings.new_hex("cloudhsm key", 16)
        uses = keys.USES[kind] if capabilities is None else MechanismFlag(capabilities)
        curve = _CURVES[size] if kind == "EC" else ""
        head = (handle, self.user, checked_label(label), kind, size, created)
        return KeyRecord(*head, bool(extractable), int(uses), curve)

    def _find(self, label: str | None, handle: str | None) -> Iterator[KeyRecord]:
        self.entry.user()
        for each in keys.of(self.entry.estate.store, self.entry.cluster_id).values():
            is_asked = label in (None, each.label) and handle in (None, each.handle)
            if is_asked and (each.owner == self.user or self.user in each.shared):
                yield each

    def _check_available(self, record: KeyRecord) -> None:
        units = self.entry.estate.units(self.entry.cluster_id)
        if self._check and sum(unit.id in record.hsms for unit in units) < FEWEST_HSMS:
            raise unavailable(record.handle)

    def _check_quota(self) -> None:
        estate, cluster_id = self.entry.estate, self.entry.cluster_id
        most = keys.MOST_KEYS[estate.cluster(cluster_id).hsm_type]
        if len(keys.of(estate.store, cluster_id)) >= most:
            raise BadRequest(f"a cluster has {most} keys at most")

    def _reject_pair(self, key_type: Any, *, pair: bool) -> None:
        kinds = ("RSA", "EC") if pair else ("AES", "GENERIC_SECRET")
        if not isinstance(key_type, KeyType) or key_type.name not in kinds:
            raise BadRequest(f"key_type={key_type!r}: one of KeyType.{', KeyType.'.join(kinds)}")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session of {self.user} on {self.entry.cluster_id}>"


def unavailable(handle: str) -> KeyNotAvailable:
    """Client SDK 5's refusal."""
    return KeyNotAvailable(
        f"Key {handle} does not meet the availability requirements - The key must be available on "
        f"at least {FEWEST_HSMS} HSMs before being used."
    )


def checked_label(label: Any) -> str:
    """A label that an HSM takes."""
    try:
        if isinstance(label, str) and len(label.encode()) <= 127 and "\0" not in label:
            return label
    except UnicodeEncodeError:
        pass
    raise BadRequest("a label is a text of up to 127 bytes")
