"""A CloudHSM cluster that is ready for a custom key store, for a lesson that begins where 13 ends.

    cluster = own_cluster.make(lab)
    cluster.id, cluster.trust_anchor, cluster.cli

Two HSMs in two zones, an admin, and the crypto user kmsuser. It takes the lab half an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.lab import Lab

ADMIN_PASSWORD, KMSUSER_PASSWORD = "admin-of-lesson-14", "kmsPswd1"
_SUBNETS = ("subnet-11111111", "subnet-22222222")
_ZONES = ("us-east-1a", "us-east-1b")
_LIFE = timedelta(days=3652)


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """An active cluster."""

    id: str
    trust_anchor: str = field(repr=False)  # customerCA.crt, PEM
    cli: CloudHsmCli = field(repr=False)


def make(lab: Lab) -> OwnCluster:
    """Makes one, as lesson 13 does step by step."""
    api = lab.client("cloudhsmv2")
    made = api.create_cluster(HsmType="hsm2m.medium", SubnetIds=list(_SUBNETS))
    cluster: str = made["Cluster"]["ClusterId"]
    lab.clock.advance(minutes=1)
    _add_hsm(lab, api, cluster, _ZONES[0])
    anchor = _claim(lab, api, cluster)
    cli = lab.cloudhsm(cluster)
    cli.activate(ADMIN_PASSWORD)
    cli.login("admin", ADMIN_PASSWORD)
    cli.create_user("kmsuser", KMSUSER_PASSWORD)
    _add_hsm(lab, api, cluster, _ZONES[1])
    return OwnCluster(cluster, anchor, cli)


def _add_hsm(lab: Lab, api: Any, cluster: str, zone: str) -> None:
    api.create_hsm(ClusterId=cluster, AvailabilityZone=zone)
    lab.clock.advance(minutes=6)


def _claim(lab: Lab, api: Any, cluster: str) -> str:
    """Signs the cluster's certificate with a CA of one's own; returns the CA's, as PEM."""
    (shown,) = api.describe_clusters(Filters={"clusterIds": [cluster]})["Clusters"]
    csr = x509.load_pem_x509_csr(shown["Certificates"]["ClusterCsr"].encode())
    key, now = ec.generate_private_key(ec.SECP256R1()), lab.clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the clinic's CA")])
    base = x509.CertificateBuilder().issuer_name(name).not_valid_before(now - timedelta(days=1))
    base = base.not_valid_after(now + _LIFE)
    own = base.subject_name(name).public_key(key.public_key()).serial_number(1)
    own = own.add_extension(x509.BasicConstraints(True, None), critical=True)
    root = own.sign(key, hashes.SHA256())
    signed = base.subject_name(csr.subject).public_key(csr.public_key()).serial_number(2)
    anchor = _pem(root)
    api.initialize_cluster(
        ClusterId=cluster, SignedCert=_pem(signed.sign(key, hashes.SHA256())), TrustAnchor=anchor
    )
    lab.clock.advance(minutes=4)
    return anchor


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
