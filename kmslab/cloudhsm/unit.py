"""One HSM of a cluster that is switched on, with its cluster key at hand.

Its PKCS#11 user is the HSM's own firmware, not one of the cluster's users: SoftHSM2 knows a single
user, while a CloudHSM knows a thousand. Who may do what is decided above (`session.py`), before a
call gets here.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pkcs11
from asn1crypto.keys import PublicKeyInfo
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import decode_ec_public_key
from pkcs11.util.rsa import decode_rsa_public_key

from kmslab.cloudhsm import cluster_key, keys
from kmslab.cloudhsm.keys import KeyRecord
from kmslab.errors import HsmOff
from kmslab.hsm.device import Device


class Unit:
    """An HSM at work. Its lock is held around every call."""

    def __init__(self, folder: Path, history: str) -> None:
        self.id, self.cluster_id = folder.name, folder.parent.name
        self._folder = folder
        self.device = Device(folder)
        self.lock = self.device.lock
        with self.lock:
            self._login: Any = self.device.user()
            self._session: pkcs11.Session | None = self.device.meeting()
            self._cluster_key = cluster_key.find(self._session, cluster_key.label(history))
        self._at_hand: dict[str, Any] = {}  # handle → object
        self._public: dict[str, Any] = {}
        self.in_memory: dict[str, Any] = {}  # session keys: handle → object

    @property
    def session(self) -> pkcs11.Session:
        """The PKCS#11 session; `HsmOff` where the HSM isn't there any more."""
        if self._session is None or not self.works:
            raise HsmOff(f"{self.id} is gone")
        return self._session

    @property
    def works(self) -> bool:
        """Whether the HSM is on and its token is there."""
        return self._session is not None and token_is_there(self._folder)

    @property
    def cluster_key(self) -> Any:
        """The key under which others travel."""
        if self._cluster_key is None:
            raise HsmOff(f"{self.id} has no cluster key")
        return self._cluster_key

    def object_of(self, key: KeyRecord) -> Any:
        """The PKCS#11 object of a key; `KeyError` where this HSM doesn't have it."""
        session = self.session
        if key.handle in self.in_memory:
            return self.in_memory[key.handle]
        known = self._at_hand.get(key.handle)
        if known is None:
            known = self._at_hand[key.handle] = self._find(session, key)
        return known

    def public_of(self, key: KeyRecord) -> Any:
        """The public key of a pair, put into the HSM's memory from its record."""
        session = self.session
        known = self._public.get(key.handle)
        if known is None:
            known = self._public[key.handle] = _public(session, key)
        return known

    def receive(self, key: KeyRecord, wrapped: bytes) -> None:
        """Takes in a key from another HSM or a backup, unless it is here."""
        with self.lock:
            if self.has(key):
                return
            self._at_hand[key.handle] = keys.unwrap(self.cluster_key, key, wrapped)

    def give(self, key: KeyRecord) -> bytes:
        """A key under the cluster key."""
        with self.lock:
            return keys.wrap(self.cluster_key, key, self.object_of(key))

    def has(self, key: KeyRecord) -> bool:
        """Whether this HSM has a key."""
        with self.lock:
            try:
                self.object_of(key)
            except KeyError:
                return False
            return True

    def destroy(self, key: KeyRecord) -> None:
        """Destroys a key, if it is here."""
        with self.lock:
            with contextlib.suppress(KeyError):
                self.object_of(key).destroy()
            for known in (self._at_hand, self._public, self.in_memory):
                known.pop(key.handle, None)

    def forget(self, handle: str) -> None:
        """Drops what this process remembers of a key that another one destroyed."""
        with self.lock:
            self._at_hand.pop(handle, None)

    def clear(self, but: frozenset[bytes]) -> None:
        """Destroys every token key whose ID isn't among those given: what was left half done."""
        with self.lock:
            for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY):
                template = {Attribute.CLASS: kind, Attribute.TOKEN: True}
                for each in list(self.session.get_objects(template)):
                    key_id = each[Attribute.ID]
                    if key_id and key_id not in but:
                        each.destroy()
            self._at_hand.clear()

    def switch_off(self) -> None:
        """Switches the HSM off; session keys are gone."""
        with self.lock, contextlib.suppress(PKCS11Error):
            self._session = self._login = self._cluster_key = None
            self._at_hand, self._public, self.in_memory = {}, {}, {}
            self.device.switch_off()

    def _find(self, session: pkcs11.Session, key: KeyRecord) -> Any:
        kind = ObjectClass.PRIVATE_KEY if key.is_pair else ObjectClass.SECRET_KEY
        template = {Attribute.ID: key.id, Attribute.CLASS: kind, Attribute.TOKEN: True}
        for each in list(session.get_objects(template)):
            return each
        raise KeyError(key.handle)

    def __repr__(self) -> str:
        return f"<Unit {self.id}>"


def token_is_there(folder: Path) -> bool:
    """Whether an HSM's token lies in its folder."""
    try:
        return bool(os.listdir(f"{folder}/tokens"))  # noqa: PTH208  asked with every call
    except OSError:
        return False


def _public(session: pkcs11.Session, key: KeyRecord) -> Any:
    """A key pair's public half as an object in an HSM's memory."""
    der, uses = bytes.fromhex(key.public), keys.PUBLIC_USES[key.kind]
    if key.kind == "EC":
        attributes = {**decode_ec_public_key(der), Attribute.VERIFY: True}
    else:
        rsa = PublicKeyInfo.load(der)["public_key"].parsed.dump()
        attributes = decode_rsa_public_key(rsa, capabilities=uses)
    return session.create_object({**attributes, Attribute.TOKEN: False, Attribute.PRIVATE: False})
