"""A cluster as AWS KMS needs it for a custom key store: find one, log in to it, use its keys.

    access = lab.cloudhsm_access                    (an `Access`)
    view = access.find(cluster_id)                  state, certificates, active HSMs
    session = access.login(cluster_id, "kmsuser", password, owner="kms")
    session.change_password(new)                    as KMS does when it connects
    handle = session.generate_key("label")          AES-256, stays in the cluster for good
    sealed = session.encrypt(handle, plaintext, aad)
    session.decrypt(handle, sealed, aad)
    session.logout()

Every call goes to the HSMs that serve at that time: one that died is passed over. Errors are those
of `cloudhsm/errors.py`; nothing here raises an `AwsError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkcs11 import KeyType

from kmslab.cloudhsm import certificates, entering, filling, records, timing, users
from kmslab.cloudhsm.errors import KeyNotFound
from kmslab.cloudhsm.key import Key
from kmslab.cloudhsm.session import Session

if TYPE_CHECKING:
    from kmslab.cloudhsm.estate import Estate


@dataclass(frozen=True, slots=True)
class ActiveHsm:
    """An HSM that serves."""

    hsm_id: str
    zone: str  # the Availability Zone, as in us-east-1a


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What others may know of a cluster."""

    cluster_id: str
    account: str
    region: str
    state: str  # as DescribeClusters says it, by the lab's clock
    hsm_type: str
    mode: str  # FIPS or NON_FIPS
    network_type: str  # IPV4 or DUALSTACK
    trust_anchor: str  # the owner's CA (customerCA.crt) as PEM; empty before InitializeCluster
    fingerprint: str  # SHA-256 of the cluster's certificate (DER), hex; empty before
    history: str  # the same for all clusters that come from one cluster by backups
    zones: tuple[str, ...]  # of its subnets
    hsms: tuple[ActiveHsm, ...]


class Access:
    """The clusters of a lab, for other services. Has no rights of its own to check: IAM's yes to
    the caller of KMS comes before, the cluster's own users after."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def find(self, cluster_id: str) -> ClusterView:
        """A cluster of any account and Region; `ClusterNotFound` for one that is not there."""
        estate = self._estate
        cluster = filling.settle(estate, cluster_id)
        serving = {unit.id for unit in estate.units(cluster_id)}
        hsms = records.hsms(estate.store, cluster_id)
        return ClusterView(
            cluster_id=cluster.id,
            account=cluster.account,
            region=cluster.region,
            state=timing.cluster_state(cluster, estate.settings.now()),
            hsm_type=cluster.hsm_type,
            mode=cluster.mode,
            network_type=cluster.network,
            trust_anchor=cluster.trust_anchor,
            fingerprint=certificates.fingerprint(cluster.certificate)
            if cluster.certificate
            else "",
            history=cluster.history,
            zones=tuple(sorted(cluster.subnets)),
            hsms=tuple(ActiveHsm(each.id, each.zone) for each in hsms if each.id in serving),
        )

    def login(
        self, cluster_id: str, user: str, password: str, *, owner: str = "kms"
    ) -> KeyStoreSession:
        """A session of a crypto user.

        `owner` says for whom: where somebody who is not of this owner is logged in as the user,
        in this process or another one, `UserLoggedIn`. Logging in again as the same owner, from
        another process too, is allowed.

        Raises ClusterNotFound, ClusterNotActive, NoActiveHsm, UserNotFound, UserLoggedIn,
        UserLockedOut, InvalidCredentials; of several in this order.
        """
        entry = entering.enter(self._estate, cluster_id, users.CRYPTO_USER, user, password, owner)
        return KeyStoreSession(entry)


class KeyStoreSession:
    """A crypto user who is logged in. `NotLoggedIn` from every method after `logout`, and when
    another session changed the user's password since."""

    def __init__(self, entry: entering.Entry) -> None:
        self.cluster_id = entry.cluster_id
        self.user = entry.name
        self._entry = entry
        self._making = Session(entry)
        self._using = Session(entry, check_availability=False)

    def change_password(self, password: str) -> None:
        """Sets the user's own password, of 7 to 32 characters, else `BadRequest`. This session
        stays logged in, others of the user end."""
        self._using.change_password(password)

    def generate_key(self, label: str) -> str:
        """A new AES-256 key on all HSMs, that can't be exported; returns its handle, a text.

        `KeyNotAvailable` with fewer than two HSMs that serve, `NoActiveHsm` with none.
        """
        key = self._making.generate_key(KeyType.AES, 256, label=label, extractable=False)
        return key.handle

    def find_keys(self, label: str) -> tuple[str, ...]:
        """The handles of the user's keys with a label, oldest first."""
        return tuple(key.handle for key in self._using.get_keys(label=label))

    def exists(self, handle: str) -> bool:
        """Whether the key is there; `NoActiveHsm` where nobody can say."""
        try:
            key = self._key(handle)
        except KeyNotFound:
            return False
        return bool(key.hsms)

    def encrypt(self, handle: str, plaintext: bytes, aad: bytes) -> bytes:
        """AES-256-GCM: 12 bytes of IV that the HSM made, the ciphertext, 16 bytes of tag.

        `KeyNotFound`, `NoActiveHsm`. One HSM is enough.
        """
        return self._key(handle).encrypt(plaintext, aad=aad)

    def decrypt(self, handle: str, sealed: bytes, aad: bytes) -> bytes:
        """Opens what `encrypt` made; `CryptoRefused` for anything else. One HSM is enough."""
        return self._key(handle).decrypt(sealed, aad=aad)

    def random(self, length: int) -> bytes:
        """Random bytes made by an HSM of the cluster (KMS's GenerateRandom of a key store)."""
        return self._using.generate_random(length * 8)

    def destroy(self, handle: str) -> None:
        """Destroys the key on all HSMs that serve; `KeyNotFound`. Backups keep their copies."""
        self._key(handle).destroy()

    def logout(self) -> None:
        """Ends the session; again is no error."""
        self._using.close()

    def _key(self, handle: str) -> Key:
        """`NoActiveHsm` before `KeyNotFound`: without an HSM, nobody knows of any key."""
        self._entry.user()
        entering.usable(self._entry.estate, self.cluster_id)
        return self._using.get_key(handle=handle)

    def __repr__(self) -> str:
        return f"<KeyStoreSession of {self.user} on {self.cluster_id}>"
