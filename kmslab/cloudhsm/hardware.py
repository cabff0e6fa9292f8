"""A new HSM: made, given the cluster key, and the first one of a cluster its key pairs.

The private key of the CSR never leaves the HSMs: it is one of the cluster's token keys, owned by
nobody, so the other HSMs get it as they get all of them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pkcs11
from asn1crypto.keys import PublicKeyInfo, RSAPublicKey
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import (
    encode_ec_public_key,
    encode_ecdsa_signature,
    encode_named_curve_parameters,
)
from pkcs11.util.rsa import encode_rsa_public_key

from kmslab.cloudhsm import certificates, cluster_key, keys
from kmslab.cloudhsm.estate import FACTORY, Estate
from kmslab.cloudhsm.keys import KeyRecord
from kmslab.cloudhsm.records import Cluster, Hsm
from kmslab.hsm.device import Device

AWS_ROOT, MAKER_ROOT = "kmslab CloudHSM root", "kmslab HSM manufacturer root"
CLUSTER_PAIR = "cluster"  # the label of the CSR's key
PAIR_BITS = 2048  # of the CSR's key
_HARDWARE = "hardware"


def build(estate: Estate, cluster: Cluster, hsm: Hsm) -> tuple[Cluster, KeyRecord | None]:
    """Makes an HSM's token. Of a cluster's first one, the cluster's record gets the CSR and the
    certificates, and the key pair of the CSR is returned."""
    made: list[tuple[Cluster, KeyRecord]] = []
    first = not cluster.csr and not cluster.certificate

    def equip(folder: Path) -> None:
        device = Device(folder)
        try:
            label = cluster_key.label(cluster.history)
            with estate.factory() as factory:
                cluster_key.make(factory, label)
                cluster_key.clone(factory, device, label)
                if first:
                    made.append(_certified(estate, factory, device, cluster, hsm))
        finally:
            device.switch_off()

    with estate.factory():  # before: it is built in the same place
        pass
    with estate.alone():
        estate.build(estate.place(hsm), equip)
    return made[0] if made else (cluster, None)


def roots(estate: Estate) -> dict[str, str]:
    """The root certificates, as AWS and the manufacturer publish theirs."""
    with estate.factory() as factory, _at_work(factory) as session:
        return {title: _root(estate, session, title) for title in (AWS_ROOT, MAKER_ROOT)}


@contextmanager
def _at_work(device: Device) -> Iterator[pkcs11.Session]:
    """The user's session of an HSM that is not in service."""
    with device.lock, device.meeting() as session, device.user():
        yield session


def _certified(
    estate: Estate, factory: Device, device: Device, cluster: Cluster, hsm: Hsm
) -> tuple[Cluster, KeyRecord]:
    """The cluster with its CSR and certificates, and the key pair of the CSR."""
    now = estate.settings.now()
    with _at_work(factory) as maker, _at_work(device) as session:
        hardware, hardware_key = _pair(session, _HARDWARE)
        pair, private = _cluster_pair(session, now)
        public = bytes.fromhex(pair.public)
        subject = certificates.name(f"HSM:{hsm.id}:PARTN:1, for {cluster.mode} mode", "N3FIPS")
        box = certificates.name(f"hardware of {hsm.id}")
        by_aws, by_maker = (
            _issue(box, hardware, title, maker, now) for title in (AWS_ROOT, MAKER_ROOT)
        )
        own = certificates.certificate(
            subject, public, box, _ecdsa(hardware_key), number=_number(), now=now, is_ca=False
        )
        request = certificates.request(subject, public, _rsa(private))
    certified = replace(
        cluster,
        csr=request,
        hsm_certificate=own,
        aws_certificate=by_aws,
        manufacturer_certificate=by_maker,
    )
    return certified, pair


def _cluster_pair(session: pkcs11.Session, now: float) -> tuple[KeyRecord, Any]:
    handle = "0x" + secrets.token_hex(8)
    record = KeyRecord(
        handle, "", CLUSTER_PAIR, "RSA", PAIR_BITS, now, False, int(MechanismFlag.SIGN)
    )
    public, private = keys.make_pair(session, record, store=True)
    return replace(record, public=spki(record, public).hex()), private


def spki(key: KeyRecord, public: Any) -> bytes:
    """A public key object as SubjectPublicKeyInfo in DER."""
    if key.kind == "EC":
        return bytes(encode_ec_public_key(public))
    inner = RSAPublicKey.load(encode_rsa_public_key(public))
    return bytes(PublicKeyInfo.wrap(inner, "rsa").dump())


def _pair(session: pkcs11.Session, label: str) -> tuple[bytes, Any]:
    """A P-256 key pair of an HSM's own: found again by its label, or made."""
    template = {Attribute.LABEL: label, Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    record = KeyRecord("0x00", "", label, "EC", 256, 0, False, int(MechanismFlag.SIGN), "secp256r1")
    for private in list(session.get_objects(template)):
        public_template = {**template, Attribute.CLASS: ObjectClass.PUBLIC_KEY}
        for public in list(session.get_objects(public_template)):
            return spki(record, public), private
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    domain = session.create_domain_parameters(KeyType.EC, curve, local=True)
    public, private = domain.generate_keypair(
        mechanism=Mechanism.EC_KEY_PAIR_GEN,
        store=True,
        label=label,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return spki(record, public), private


def _issue(subject: Any, public: bytes, title: str, maker: pkcs11.Session, now: float) -> str:
    """A certificate for hardware, by a root."""
    _, key = _pair(maker, title)
    return certificates.certificate(
        subject,
        public,
        certificates.name(title),
        _ecdsa(key),
        number=_number(),
        now=now,
        is_ca=True,
    )


def _root(estate: Estate, session: pkcs11.Session, title: str) -> str:
    """A root's certificate: made once, then kept beside the factory's HSM."""
    kept = estate.folder / FACTORY / f"{title.replace(' ', '-')}.pem"
    if not kept.exists():
        public, key = _pair(session, title)
        name, now = certificates.name(title), estate.settings.now()
        text = certificates.certificate(
            name, public, name, _ecdsa(key), number=_number(), now=now, is_ca=True
        )
        draft = kept.with_suffix(".draft")
        draft.write_text(text)
        draft.rename(kept)
    return kept.read_text()


def _ecdsa(key: Any) -> Callable[[bytes], bytes]:
    def sign(message: bytes) -> bytes:
        raw = key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA)
        return bytes(encode_ecdsa_signature(raw))

    return sign


def _rsa(key: Any) -> Callable[[bytes], bytes]:
    return lambda message: bytes(key.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS))


def _number() -> int:
    return secrets.randbits(64) | 1
