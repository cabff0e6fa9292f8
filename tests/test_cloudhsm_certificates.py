"""A cluster is claimed with a certificate of one's own CA: verified for real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from clusters import Ca, described, pem, rsa_key, unclaimed
from cryptography import x509
from expect import refused

from kmslab import Lab

INVALID = "CloudHsmInvalidRequestException"


@pytest.fixture(scope="module")
def first(lab: Lab) -> tuple[str, str]:
    """A cluster that nobody claims, and its CSR."""
    return unclaimed(lab)


@pytest.fixture(scope="module")
def other_csr(lab: Lab) -> str:
    """The CSR of another cluster."""
    return unclaimed(lab)[1]


def test_the_hardware_certificates_lead_to_the_roots(lab: Lab, first: tuple[str, str]) -> None:
    cluster, csr = first
    shown = described(lab.client("cloudhsmv2"), cluster)["Certificates"]
    own, aws, maker = (
        x509.load_pem_x509_certificate(shown[name].encode())
        for name in (
            "HsmCertificate",
            "AwsHardwareCertificate",
            "ManufacturerHardwareCertificate",
        )
    )
    roots = lab.cloudhsm(cluster).roots()
    assert roots == lab.cloudhsm(cluster).roots()
    for hardware, text in zip((aws, maker), roots.values(), strict=True):
        root = x509.load_pem_x509_certificate(text.encode())
        root.verify_directly_issued_by(root)
        hardware.verify_directly_issued_by(root)
        own.verify_directly_issued_by(hardware)
    request = x509.load_pem_x509_csr(csr.encode())
    assert request.is_signature_valid
    assert own.public_key() == request.public_key()
    assert request.public_key().key_size == 2048  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="Issuer"):
        aws.verify_directly_issued_by(maker)


Wrong = Callable[[Lab, Ca, str, str], tuple[str, str]]


def _wrong_ca(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return ca.sign(csr, lab.clock.now()), pem(Ca.make(lab.clock.now()).root)


def _other_cluster(lab: Lab, ca: Ca, _csr: str, other: str) -> tuple[str, str]:
    return ca.sign(other, lab.clock.now()), pem(ca.root)


def _other_key(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return ca.sign(csr, lab.clock.now(), key=rsa_key().public_key()), pem(ca.root)


def _expired(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return ca.sign(csr, lab.clock.now(), life=timedelta(seconds=-1)), pem(ca.root)


def _expired_root(lab: Lab, _ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    ca = Ca.make(lab.clock.now(), life=timedelta(seconds=-1))
    return ca.sign(csr, lab.clock.now()), pem(ca.root)


def _no_ca(lab: Lab, _ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    ca = Ca.make(lab.clock.now(), is_ca=False)
    return ca.sign(csr, lab.clock.now()), pem(ca.root)


def _not_self_signed(lab: Lab, ca: Ca, csr: str, other: str) -> tuple[str, str]:
    return ca.sign(csr, lab.clock.now()), ca.sign(other, lab.clock.now())


def _intermediate(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    """A CA whose own certificate another one signed: the root must be there directly."""
    between = Ca.make(lab.clock.now(), name="between", signed_by=ca)
    return between.sign(csr, lab.clock.now()), pem(between.root)


def _same_name(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    """Another CA of the same name: only its signature tells it."""
    return Ca.make(lab.clock.now()).sign(csr, lab.clock.now()), pem(ca.root)


def _swapped(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return pem(ca.root), ca.sign(csr, lab.clock.now())


def _csr_itself(_lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return csr, pem(ca.root)


def _text(_lab: Lab, ca: Ca, _csr: str, _other: str) -> tuple[str, str]:
    return "certificate", pem(ca.root)


def _empty(_lab: Lab, _ca: Ca, _csr: str, _other: str) -> tuple[str, str]:
    return "", ""


def _two(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return ca.sign(csr, lab.clock.now()), pem(ca.root) * 2


def _long(lab: Lab, ca: Ca, csr: str, _other: str) -> tuple[str, str]:
    return ca.sign(csr, lab.clock.now()) + "\n" * 5000, pem(ca.root)


@pytest.mark.parametrize(
    "wrong",
    [
        *(_wrong_ca, _other_cluster, _other_key, _expired, _expired_root, _no_ca),
        *(
            _not_self_signed,
            _intermediate,
            _same_name,
            _swapped,
            _csr_itself,
            _text,
            _empty,
            _two,
            _long,
        ),
    ],
)
def test_a_wrong_certificate_does_not_claim_a_cluster(
    lab: Lab, first: tuple[str, str], other_csr: str, wrong: Wrong
) -> None:
    (cluster, csr), hsm = first, lab.client("cloudhsmv2")
    signed, anchor = wrong(lab, Ca.make(lab.clock.now()), csr, other_csr)
    with refused(INVALID):
        hsm.initialize_cluster(ClusterId=cluster, SignedCert=signed, TrustAnchor=anchor)
    assert described(hsm, cluster)["State"] == "UNINITIALIZED"


def test_the_right_certificate_claims_it_once(lab: Lab) -> None:
    cluster, csr = unclaimed(lab)
    hsm, now = lab.client("cloudhsmv2"), lab.clock.now()
    ca = Ca.make(now)
    asked: dict[str, Any] = {"SignedCert": ca.sign(csr, now), "TrustAnchor": pem(ca.root)}
    answer = hsm.initialize_cluster(ClusterId=cluster, **asked)
    assert answer["State"] == "INITIALIZE_IN_PROGRESS"
    assert answer["StateMessage"].startswith("Cluster is initializing.")
    with refused(INVALID):
        hsm.initialize_cluster(ClusterId=cluster, **asked)
    lab.clock.advance(minutes=3)
    with refused(INVALID):
        hsm.initialize_cluster(ClusterId=cluster, **asked)
    assert described(hsm, cluster)["Certificates"] == {"ClusterCertificate": asked["SignedCert"]}


def test_a_new_first_hsm_makes_a_new_csr(fresh: Lab) -> None:
    cluster, csr = unclaimed(fresh)
    hsm = fresh.client("cloudhsmv2")
    (one,) = described(hsm, cluster)["Hsms"]
    hsm.delete_hsm(ClusterId=cluster, HsmId=one["HsmId"])
    hsm.create_hsm(ClusterId=cluster, AvailabilityZone="us-east-1b")
    fresh.clock.advance(minutes=5)
    again = described(hsm, cluster)["Certificates"]["ClusterCsr"]
    assert again != csr
    ca = Ca.make(fresh.clock.now())
    with refused(INVALID):
        hsm.initialize_cluster(
            ClusterId=cluster,
            SignedCert=ca.sign(csr, fresh.clock.now()),
            TrustAnchor=pem(ca.root),
        )
