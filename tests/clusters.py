"""What the tests of CloudHSM share: a CA of one's own, and clusters in every state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pkcs11 import KeyType

from kmslab import Lab
from kmslab.cloudhsm import hardware, users
from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.key import Key
from kmslab.cloudhsm.session import Session

SUBNETS = ["subnet-11111111", "subnet-22222222", "subnet-33333333"]
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
ADMIN, ALICE, BOB = "the admin's word", "alice's long word", "bob's longer word"
DECADE = timedelta(days=3652)


@contextmanager
def quickly() -> Iterator[None]:
    """Smaller key pairs and cheaper hashes, for tests that are about neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hardware, "PAIR_BITS", 1024)
        patch.setattr(users, "COST", 2**4)
        yield


def pem(certificate: Any) -> str:
    """A certificate as text."""
    return str(certificate.public_bytes(Encoding.PEM).decode())


@dataclass(frozen=True)
class Ca:
    """A certification authority of a cluster's owner."""

    key: Any
    root: x509.Certificate

    @classmethod
    def make(
        cls,
        now: datetime,
        *,
        life: timedelta = DECADE,
        name: str = "my CA",
        is_ca: bool = True,
        signed_by: Ca | None = None,
    ) -> Ca:
        """A new one, self-signed unless another one signs it."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        root = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signed_by.root.subject if signed_by else subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .sign(signed_by.key if signed_by else key, hashes.SHA256())
        )
        return cls(key, root)

    def sign(self, csr: str, now: datetime, *, life: timedelta = DECADE, key: Any = None) -> str:
        """A certificate for a CSR, or for another key in its place."""
        request = x509.load_pem_x509_csr(csr.encode())
        return pem(
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.root.subject)
            .public_key(key or request.public_key())
            .serial_number(2)
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + life)
            .sign(self.key, hashes.SHA256())
        )


def create(hsm: Any, **more: Any) -> str:
    """The id of a new cluster, still in creation."""
    asked = {"HsmType": "hsm2m.medium", "SubnetIds": SUBNETS, **more}
    return str(hsm.create_cluster(**asked)["Cluster"]["ClusterId"])


def described(hsm: Any, cluster: str) -> dict[str, Any]:
    """A cluster as DescribeClusters has it."""
    (found,) = hsm.describe_clusters(Filters={"clusterIds": [cluster]})["Clusters"]
    return dict(found)


def add_hsm(lab: Lab, cluster: str, zone: str = ZONES[0]) -> str:
    """The id of a new HSM that is ready."""
    hsm = lab.client("cloudhsmv2")
    made = hsm.create_hsm(ClusterId=cluster, AvailabilityZone=zone)["Hsm"]["HsmId"]
    lab.clock.advance(minutes=5)
    return str(made)


def unclaimed(lab: Lab, **more: Any) -> tuple[str, str]:
    """A new cluster with its first HSM, and the CSR."""
    hsm = lab.client("cloudhsmv2")
    cluster = create(hsm, **more)
    lab.clock.advance(minutes=1)
    add_hsm(lab, cluster)
    return cluster, described(hsm, cluster)["Certificates"]["ClusterCsr"]


def claimed(lab: Lab, **more: Any) -> str:
    """A cluster that is INITIALIZED."""
    cluster, csr = unclaimed(lab, **more)
    now = lab.clock.now()
    ca = Ca.make(now)
    lab.client("cloudhsmv2").initialize_cluster(
        ClusterId=cluster, SignedCert=ca.sign(csr, now), TrustAnchor=pem(ca.root)
    )
    lab.clock.advance(minutes=3)
    return cluster


def active(lab: Lab, hsms: int = 2, **more: Any) -> CloudHsmCli:
    """A client of an active cluster, with the admin logged in, and the crypto user alice."""
    cluster = claimed(lab, **more)
    cli = lab.cloudhsm(cluster)
    cli.activate(ADMIN)
    cli.login("admin", ADMIN)
    cli.create_user("alice", ALICE)
    for zone in ZONES[1:hsms]:
        add_hsm(lab, cluster, zone)
    return cli


def alice(cli: CloudHsmCli, **more: Any) -> Session:
    """alice's session."""
    return cli.session("alice", ALICE, **more)


def aes(session: Session, label: str = "", **more: Any) -> Key:
    """A new AES-256 key."""
    return session.generate_key(KeyType.AES, 256, label=label, **more)


def rsa_key() -> rsa.RSAPrivateKey:
    """An admin's key for approvals."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
