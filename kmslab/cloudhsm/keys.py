"""Token keys of a cluster: their records, and how an HSM makes, wraps and unwraps one.

What the record says is what CloudHSM keeps of a key beside PKCS#11's attributes: who owns it, with
whom it is shared, which HSMs have it. The material is in the HSMs alone, where each key is an
object with the handle as its ID:

    EXTRACTABLE, WRAP_WITH_TRUSTED     a key that may not leave: only the cluster key, which the
                                       security officer marked as trusted, wraps it, for the other
                                       HSMs and for backups
    EXTRACTABLE                        one that its owner may wrap under another key

A public key is no secret: its DER lies in the record, and is put into an HSM where it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_named_curve_parameters

from kmslab.store import Store

M = MechanismFlag
# What a new key of a kind can do, unless told otherwise.
USES: Mapping[str, MechanismFlag] = MappingProxyType(
    {
        "AES": M.ENCRYPT | M.DECRYPT | M.WRAP | M.UNWRAP,
        "GENERIC_SECRET": M.SIGN | M.VERIFY,
        "RSA": M.SIGN | M.DECRYPT | M.UNWRAP,
        "EC": M.SIGN | M.DERIVE,
    }
)
PUBLIC_USES: Mapping[str, MechanismFlag] = MappingProxyType(
    {"RSA": M.VERIFY | M.ENCRYPT | M.WRAP, "EC": M.VERIFY}
)
MOST_KEYS = {"hsm1.medium": 3_300, "hsm2m.medium": 16_666}  # in a cluster ("AWS CloudHSM quotas")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A token key."""

    handle: str  # as CloudHSM CLI shows it: 0x and 16 hexadecimal digits
    owner: str  # a crypto user; empty for the cluster's own key pair
    label: str
    kind: str  # AES, GENERIC_SECRET, RSA, EC
    size: int  # bits
    created: float
    extractable: bool
    uses: int  # PKCS#11's capabilities, as python-pkcs11 adds them up
    curve: str = ""
    public: str = ""  # of a pair: SubjectPublicKeyInfo in DER, hexadecimal
    shared: tuple[str, ...] = ()
    hsms: tuple[str, ...] = ()

    @property
    def id(self) -> bytes:
        """The PKCS#11 ID of its objects."""
        return bytes.fromhex(self.handle[2:])

    @property
    def is_pair(self) -> bool:
        """Whether it is a private key with a public one."""
        return self.kind in ("RSA", "EC")


def put(store: Store, cluster_id: str, key: KeyRecord) -> None:
    """Writes a key's record, new or changed."""
    values = asdict(key)
    store.write(
        "INSERT OR REPLACE INTO cloudhsm_key (cluster, handle, details) VALUES (?, ?, ?)",
        (cluster_id, values.pop("handle"), json.dumps(values)),
    )


def drop(store: Store, cluster_id: str, handle: str) -> None:
    """Takes a key's record away."""
    store.write("DELETE FROM cloudhsm_key WHERE cluster = ? AND handle = ?", (cluster_id, handle))


def of(store: Store, cluster_id: str) -> Mapping[str, KeyRecord]:
    """A cluster's keys by handle, oldest first; remembered until the records change."""

    def read() -> Mapping[str, KeyRecord]:
        rows = store.rows(
            "SELECT handle, details FROM cloudhsm_key WHERE cluster = ?", (cluster_id,)
        )
        keys = [from_json(handle, details) for handle, details in rows]
        keys.sort(key=lambda each: (each.created, each.handle))
        return MappingProxyType({each.handle: each for each in keys})

    return store.remembered(("cloudhsm keys", cluster_id), read)


def from_json(handle: str, details: str) -> KeyRecord:
    """A record as it was written."""
    values = json.loads(details)
    values["shared"], values["hsms"] = tuple(values["shared"]), tuple(values["hsms"])
    return KeyRecord(handle, **values)


def on(key: KeyRecord, hsms: Iterable[str]) -> KeyRecord:
    """The record with other HSMs."""
    return replace(key, hsms=tuple(hsms))


def make_secret(session: pkcs11.Session, key: KeyRecord, store: bool) -> Any:
    """A new secret key in an HSM."""
    aes = key.kind == "AES"
    return session.generate_key(
        KeyType[key.kind],
        key.size,
        store=store,
        id=key.id,
        label=key.label,
        mechanism=Mechanism.AES_KEY_GEN if aes else Mechanism.GENERIC_SECRET_KEY_GEN,
        capabilities=MechanismFlag(key.uses),
        template=template(key),
    )


def make_pair(session: pkcs11.Session, key: KeyRecord, store: bool) -> tuple[Any, Any]:
    """A new key pair in an HSM: the public key, in its memory only, and the private one."""
    more: dict[str, Any] = {
        "id": key.id,
        "label": key.label,
        "store": False,
        "capabilities": MechanismFlag(key.uses) | PUBLIC_USES[key.kind],
        "private_template": {**template(key), Attribute.TOKEN: store},
        "public_template": {Attribute.PRIVATE: False, Attribute.TOKEN: False},
    }
    if key.kind == "RSA":
        return session.generate_keypair(KeyType.RSA, key.size, **more)
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(key.curve)}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    return parameters.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, **more)


def wrap(cluster_key: Any, key: KeyRecord, handle: Any) -> bytes:
    """A key under the cluster key: the only form in which it leaves an HSM."""
    wrapped: bytes = cluster_key.wrap_key(handle, mechanism=_wrapping(key))
    return wrapped


def unwrap(cluster_key: Any, key: KeyRecord, wrapped: bytes) -> Any:
    """The key in an HSM that got it from another one, or from a backup."""
    own = template(key)
    if key.is_pair:  # what C_UnwrapKey must not set on a private key
        not_set = (Attribute.ENCRYPT, Attribute.WRAP, Attribute.VERIFY)
        own = {**dict.fromkeys(not_set, DEFAULT), Attribute.SIGN_RECOVER: False, **own}
    return cluster_key.unwrap_key(
        ObjectClass.PRIVATE_KEY if key.is_pair else ObjectClass.SECRET_KEY,
        KeyType[key.kind],
        wrapped,
        mechanism=_wrapping(key),
        id=key.id,
        label=key.label,
        store=True,
        capabilities=MechanismFlag(key.uses),
        template=own,
    )


def template(key: KeyRecord) -> dict[Attribute, Any]:
    """The attributes of a key's object beside its ID, label and uses."""
    return {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: True,
        Attribute.WRAP_WITH_TRUSTED: not key.extractable,
    }


def _wrapping(key: KeyRecord) -> Mechanism:
    return Mechanism.AES_KEY_WRAP if key.kind == "AES" else Mechanism.AES_KEY_WRAP_PAD
