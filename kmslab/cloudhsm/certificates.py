"""The certificates of a cluster: made with keys that stay in HSMs, and checked when it is claimed.

    AWS root ───────signs──▶ AwsHardwareCertificate ─────────┐ both for the
    manufacturer root ─────▶ ManufacturerHardwareCertificate ┘ hardware's key
    hardware's key ────────▶ HsmCertificate ┐ both for the
    ClusterCsr ─────────────────────────────┘ cluster's key, made in the first HSM

    your own CA ───signs──▶ ClusterCertificate

The roots' keys are in the factory's HSM; the roots are those of this lab, not AWS's or the
manufacturer's. Keys are RSA of 2048 bits, as AWS's are, but those of the roots and the hardware,
which are P-256 to spare the time. Source: "Verify the identity and authenticity of your cluster's
HSM". cryptography's own builders sign with keys that are in memory, so what is to be signed is put
together with asn1crypto.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import algos, core, csr, keys, pem, x509
from cryptography import x509 as crypto_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kmslab.cloudhsm.errors import BadRequest

Sign = Callable[[bytes], bytes]
_YEARS = timedelta(days=3652)
RSA, ECDSA = "sha256_rsa", "sha256_ecdsa"
MOST_CHARACTERS = 5000  # of a certificate ("InitializeCluster")


def name(common: str, unit: str = "CloudHSM") -> x509.Name:
    """A distinguished name of this lab."""
    return x509.Name.build(
        {
            "country_name": "US",
            "organization_name": "kmslab",
            "organizational_unit_name": unit,
            "common_name": common,
        }
    )


def request(subject: x509.Name, public: bytes, sign: Sign) -> str:
    """A certificate signing request (PKCS#10) for an RSA key; `sign` does RSA with SHA-256."""
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": subject,
            "subject_pk_info": keys.PublicKeyInfo.load(public),
            "attributes": csr.CRIAttributes([]),
        }
    )
    whole = csr.CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": RSA}),
            "signature": sign(info.dump()),
        }
    )
    return _pem("CERTIFICATE REQUEST", whole.dump())


def certificate(
    subject: x509.Name,
    public: bytes,
    issuer: x509.Name,
    sign: Sign,
    *,
    number: int,
    now: float,
    is_ca: bool,
) -> str:
    """A certificate for ten years, signed with ECDSA and SHA-256 by `sign`."""
    begin = datetime.fromtimestamp(int(now), UTC) - timedelta(days=1)
    end = min(begin, datetime(9980, 1, 1, tzinfo=UTC)) + _YEARS
    algorithm = algos.SignedDigestAlgorithm({"algorithm": ECDSA})
    inner = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": number,
            "signature": algorithm,
            "issuer": issuer,
            "validity": {"not_before": _time(begin), "not_after": _time(end)},
            "subject": subject,
            "subject_public_key_info": keys.PublicKeyInfo.load(public),
            "extensions": [
                {
                    "extn_id": "basic_constraints",
                    "critical": True,
                    "extn_value": core.ParsableOctetString(
                        x509.BasicConstraints({"ca": is_ca}).dump()
                    ),
                }
            ],
        }
    )
    whole = x509.Certificate(
        {
            "tbs_certificate": inner,
            "signature_algorithm": algorithm,
            "signature_value": sign(inner.dump()),
        }
    )
    return _pem("CERTIFICATE", whole.dump())


def check_claim(request_pem: str, signed: str, anchor: str, now: float) -> None:
    """Whether `signed` is the cluster's certificate, issued by the CA of `anchor`.

    `BadRequest` says what is wrong. CloudHSM's own words for that are not documented. A certificate
    that begins later than the lab's clock counts as good: a CA's clock may be ahead.
    """
    certificate, root = _read(signed, "SignedCert"), _read(anchor, "TrustAnchor")
    if root.subject != root.issuer or not _issued(root, root):
        raise BadRequest("TrustAnchor is not a self-signed certificate")
    for text, each in (("TrustAnchor", root), ("SignedCert", certificate)):
        if each.not_valid_after_utc.timestamp() <= now:
            raise BadRequest(f"{text} has expired")
    if not _may_sign(root):
        raise BadRequest("TrustAnchor is not the certificate of a CA")
    if certificate.issuer != root.subject or not _issued(certificate, root):
        raise BadRequest("SignedCert was not issued by the CA of TrustAnchor")
    wanted = crypto_x509.load_pem_x509_csr(request_pem.encode()).public_key()
    if _spki(certificate.public_key()) != _spki(wanted):
        raise BadRequest("SignedCert is not for the key of this cluster's CSR")


def fingerprint(text: str) -> str:
    """SHA-256 of a certificate's DER, in hexadecimal digits."""
    from hashlib import sha256

    return sha256(
        crypto_x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)
    ).hexdigest()


def _read(text: str, which: str) -> crypto_x509.Certificate:
    if len(text) > MOST_CHARACTERS:
        raise BadRequest(f"{which} has more than {MOST_CHARACTERS} characters")
    try:
        found = crypto_x509.load_pem_x509_certificates(text.encode())
        (certificate,) = found
        certificate.public_key(), certificate.not_valid_after_utc, certificate.extensions
        return certificate
    except Exception:  # cryptography's errors for what is no certificate are of many kinds
        raise BadRequest(f"{which} is not a certificate in PEM format") from None


def _issued(certificate: crypto_x509.Certificate, root: crypto_x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _may_sign(root: crypto_x509.Certificate) -> bool:
    """A root without basic constraints passes, as those of version 1 have none."""
    try:
        return root.extensions.get_extension_for_class(crypto_x509.BasicConstraints).value.ca
    except crypto_x509.ExtensionNotFound:
        return True


def _spki(key: Any) -> bytes:
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _time(moment: datetime) -> x509.Time:
    kind = "utc_time" if moment.year < 2050 else "general_time"
    return x509.Time({kind: moment})


def _pem(kind: str, der: bytes) -> str:
    return str(pem.armor(kind, der).decode())
