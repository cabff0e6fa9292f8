"""Custom key stores for tests: an XKS proxy a lab, a pretended CloudHSM cluster, stores over them.

`Clusters` has the form of `kmslab.cloudhsm.access.Access`, in memory: users, passwords and keys of
clusters that tests make, break and repair. The keys are AESGCM objects of pyca/cryptography.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kmslab import Lab
from kmslab.cloudhsm import errors
from kmslab.cloudhsm.access import ActiveHsm, ClusterView
from kmslab.xks.proxy import XksProxy

Parameters = dict[str, Any]
HOST = "keys.example.com"
PASSWORD = "kmsPswd1"
MOST_FAILURES = 5


def proxy(lab: Lab) -> XksProxy:
    """The lab's proxy; it is one for all tests of a lab."""
    return next((each for each in lab._proxies if each.host == HOST), None) or lab.xks_proxy(HOST)


def asked(lab: Lab, name: str = "ours") -> Parameters:
    """A CreateCustomKeyStore request for an external key store that works: other stores go."""
    lab._rooms.store.write("DELETE FROM key_store")
    return {
        "CustomKeyStoreName": name,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        **proxy(lab).configuration,
    }


def external(lab: Lab, kms: Any, state: str = "CONNECTED") -> str:
    """A new external key store, the only key store of the lab."""
    store: str = kms.create_custom_key_store(**asked(lab))["CustomKeyStoreId"]
    return bring(lab, kms, store, state)


def bring(lab: Lab, kms: Any, store: str, state: str = "CONNECTED") -> str:
    """Brings a new key store into a state."""
    if state != "DISCONNECTED":
        kms.connect_custom_key_store(CustomKeyStoreId=store)
    if state == "CONNECTED":
        lab.clock.advance(minutes=11)
    shown = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]
    assert shown["ConnectionState"] == state, shown
    return store


def state(kms: Any, store: str) -> tuple[str, str]:
    """A store's connection state and error code."""
    shown = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]
    return shown["ConnectionState"], shown.get("ConnectionErrorCode", "")


def external_key(lab: Lab, kms: Any, store: str) -> str:
    """A KMS key in an external key store."""
    key: str = kms.create_key(
        CustomKeyStoreId=store, Origin="EXTERNAL_KEY_STORE", XksKeyId=proxy(lab).new_key()
    )["KeyMetadata"]["KeyId"]
    return key


# --- CloudHSM ----------------------------------------------------------------------------------


@cache
def anchor(name: str = "customer CA") -> str:
    """A trust anchor certificate (customerCA.crt), as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


@dataclass
class Cluster:
    """A cluster: what may be known of it, its one user, its keys."""

    view: ClusterView
    password: str = PASSWORD
    failures: int = 0
    holder: str = ""  # for whom kmsuser is logged in
    has_user: bool = True
    keys: dict[str, tuple[str, AESGCM]] = field(default_factory=dict)  # handle → label, key
    epoch: int = 0  # of the password

    def change(self, **values: Any) -> None:
        """Changes the view."""
        self.view = replace(self.view, **values)


class Clusters:
    """The clusters of a lab."""

    def __init__(self) -> None:
        self.all: dict[str, Cluster] = {}

    def make(self, lab: Lab, cluster_id: str = "cluster-abcdefg2345", **values: Any) -> Cluster:
        """A new cluster that is fit for a key store, unless `values` say otherwise."""
        view = ClusterView(
            cluster_id=cluster_id,
            account=lab.account,
            region="us-east-1",
            state="ACTIVE",
            hsm_type="hsm2m.medium",
            mode="FIPS",
            network_type="IPV4",
            trust_anchor=anchor(),
            fingerprint=f"certificate of {cluster_id}",
            history=cluster_id,
            zones=("us-east-1a", "us-east-1b"),
            hsms=(ActiveHsm("hsm-1", "us-east-1a"), ActiveHsm("hsm-2", "us-east-1b")),
        )
        self.all[cluster_id] = Cluster(replace(view, **values))
        return self.all[cluster_id]

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else is there."""
        return nullcontext()

    def find(self, cluster_id: str) -> ClusterView:
        """As `Access.find`."""
        if cluster_id not in self.all:
            raise errors.ClusterNotFound(cluster_id)
        return self.all[cluster_id].view

    def login(self, cluster_id: str, user: str, password: str, *, owner: str = "kms") -> Session:
        """As `Access.login`."""
        view = self.find(cluster_id)
        cluster = self.all[cluster_id]
        if view.state != "ACTIVE":
            raise errors.ClusterNotActive(cluster_id)
        if not view.hsms:
            raise errors.NoActiveHsm(cluster_id)
        if not cluster.has_user or user != "kmsuser":
            raise errors.UserNotFound(user)
        if cluster.holder not in ("", owner):
            raise errors.UserLoggedIn(user)
        if cluster.failures >= MOST_FAILURES:
            raise errors.UserLockedOut(user)
        if password != cluster.password:
            cluster.failures += 1
            raise errors.InvalidCredentials(user)
        cluster.failures, cluster.holder = 0, owner
        return Session(cluster)


class Session:
    """As `KeyStoreSession`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.epoch = cluster.epoch
        self.cluster_id = cluster.view.cluster_id

    def _in(self) -> Cluster:
        if self.cluster.epoch != self.epoch:
            raise errors.NotLoggedIn("the password was changed")
        if not self.cluster.view.hsms:
            raise errors.NoActiveHsm(self.cluster_id)
        return self.cluster

    def change_password(self, password: str) -> None:
        cluster = self._in()
        cluster.password, cluster.epoch = password, cluster.epoch + 1
        self.epoch = cluster.epoch

    def generate_key(self, label: str) -> str:
        if len(self._in().view.hsms) < 2:
            raise errors.KeyNotAvailable("two HSMs")
        handle = secrets.token_hex(8)
        self.cluster.keys[handle] = label, AESGCM(AESGCM.generate_key(256))
        return handle

    def find_keys(self, label: str) -> tuple[str, ...]:
        return tuple(h for h, (name, _) in self._in().keys.items() if name == label)

    def _key(self, handle: str) -> AESGCM:
        if handle not in self._in().keys:
            raise errors.KeyNotFound(handle)
        return self.cluster.keys[handle][1]

    def encrypt(self, handle: str, plaintext: bytes, aad: bytes) -> bytes:
        iv = secrets.token_bytes(12)
        return iv + self._key(handle).encrypt(iv, plaintext, aad)

    def decrypt(self, handle: str, sealed: bytes, aad: bytes) -> bytes:
        try:
            return self._key(handle).decrypt(sealed[:12], sealed[12:], aad)
        except (InvalidTag, ValueError):
            raise errors.CryptoRefused(handle) from None

    def random(self, length: int) -> bytes:
        self._in()
        return secrets.token_bytes(length)

    def destroy(self, handle: str) -> None:
        self._key(handle)
        del self.cluster.keys[handle]

    def logout(self) -> None:
        self.cluster.holder = ""


def pretend(lab: Lab) -> Clusters:
    """Gives the lab's KMS pretended clusters."""
    clusters = Clusters()
    lab._rooms.connections.clusters = clusters
    return clusters


def asked_of(cluster: Cluster, name: str = "hsm store") -> Parameters:
    """A CreateCustomKeyStore request for a CloudHSM key store."""
    return {
        "CustomKeyStoreName": name,
        "CloudHsmClusterId": cluster.view.cluster_id,
        "TrustAnchorCertificate": cluster.view.trust_anchor,
        "KeyStorePassword": cluster.password,
    }
