"""The owner's part of claiming a CloudHSM cluster: a certification authority of one's own.

AWS's guide does this with openssl, in "Initialize the cluster": a key, a self-signed certificate
(customerCA.crt, the trust anchor), and a certificate for the cluster's CSR. Here `cryptography`
does it. A real CA's key would be in a safe; in a lesson it is in memory.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.lab import Lab

_LIFE = timedelta(days=3652)  # as in AWS's example
_SUBNETS = ("subnet-0a1b2c3d", "subnet-1a2b3c4d", "subnet-2a3b4c5d")


class Ca:
    """A CA that signs what its owner gives it; `certificate` is PEM."""

    def __init__(self, name: str, now: datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = now
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key.public_key())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = self._signed(own.add_extension(constraints, critical=True))

    def sign(self, csr: str) -> str:
        """A certificate (PEM) for the key of a CSR (PEM)."""
        request = x509.load_pem_x509_csr(csr.encode())
        return self._signed(self._builder(request.subject, request.public_key()))

    def _builder(
        self, subject: x509.Name, public: CertificatePublicKeyTypes
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now)
            .not_valid_after(self._now + _LIFE)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> str:
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM).decode()

    def __repr__(self) -> str:
        return "<Ca>"


def cluster(lab: Lab, password: str, hsms: int = 2) -> CloudHsmCli:
    """A cluster after the whole ceremony: active, with so many HSMs; `password` is the admin's,
    who is logged in."""
    return claimed(lab, password, hsms)[0]


def claimed(lab: Lab, password: str, hsms: int = 2) -> tuple[CloudHsmCli, Ca]:
    """The same, with the CA that claimed it."""
    client = lab.client("cloudhsmv2")
    made = client.create_cluster(HsmType="hsm2m.medium", SubnetIds=list(_SUBNETS))["Cluster"]
    name, zones = made["ClusterId"], sorted(made["SubnetMapping"])
    lab.clock.advance(minutes=1)
    client.create_hsm(ClusterId=name, AvailabilityZone=zones[0])
    lab.clock.advance(minutes=5)
    (shown,) = client.describe_clusters(Filters={"clusterIds": [name]})["Clusters"]
    ca = Ca("exercise CA", lab.clock.now())
    signed = ca.sign(shown["Certificates"]["ClusterCsr"])
    client.initialize_cluster(ClusterId=name, SignedCert=signed, TrustAnchor=ca.certificate)
    lab.clock.advance(minutes=3)
    cli = lab.cloudhsm(name)
    cli.activate(password)
    cli.login("admin", password)
    for zone in zones[1:hsms]:
        client.create_hsm(ClusterId=name, AvailabilityZone=zone)
        lab.clock.advance(minutes=5)
    return cli, ca


class Approver:
    """An admin with an RSA key for quorum approvals, which stays with the admin."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = PublicFormat.SubjectPublicKeyInfo
        self.public_key = self._key.public_key().public_bytes(Encoding.PEM, form).decode()

    def approve(self, token: dict[str, Any]) -> dict[str, Any]:
        """The token with this admin's signature beside those that it has."""
        digest = base64.b64decode(token["token"])
        signed = self._key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        mine = {"username": self.name, "signature": base64.b64encode(signed).decode()}
        return {**token, "signatures": [*token["signatures"], mine]}

    def register(self, cli: CloudHsmCli) -> None:
        """Registers the key for the admin who is logged in."""
        cli.register_key(self.public_key, self.approve(cli.generate_token("registration")))

    def __repr__(self) -> str:
        return f"<Approver {self.name}>"
