"""The cluster key: an AES-256 key that every HSM of a cluster has and none ever shows.

Token keys travel from one HSM of a cluster to the others, and into backups, wrapped under it. It
belongs to a backup history: a cluster that is made from a backup gets the same one. It is made in
the factory, an HSM of the lab that stands for what the manufacturer and AWS build into the
hardware, and cloned into each new HSM as a domain key is (`hsm/trusted.py`).

In the factory it can be wrapped under a trusted key; in an HSM of a cluster not at all. With real
HSMs, a persistent backup key is derived from two keys, one built in by the manufacturer and one by
AWS, so that only hardware of both opens a backup ("AWS CloudHSM cluster backups").
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pkcs11
from pkcs11 import Attribute, Mechanism

from kmslab.hsm import trusted
from kmslab.hsm.attributes import Template
from kmslab.hsm.device import Device
from kmslab.hsm.trusted import Form

# As a domain key, but for what it unwraps: whatever is sensitive, for the uses it was made for.
CLUSTER_KEY: Template = {
    Attribute.PRIVATE: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.TRUSTED: True,
    Attribute.ALLOWED_MECHANISMS: (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD),
    Attribute.UNWRAP_TEMPLATE: {Attribute.SENSITIVE: True},
}
IN_CLUSTER: Template = {**CLUSTER_KEY, Attribute.EXTRACTABLE: False}


def label(history: str) -> str:
    """What the cluster key of a backup history is called in an HSM."""
    return f"cluster key {history}"


def find(session: pkcs11.Session, name: str) -> Any:
    """A cluster key's handle, or None. Only the security officer marks a key as trusted, so none
    that a user made passes for it."""
    template = {Attribute.LABEL: name, Attribute.TRUSTED: True, Attribute.PRIVATE: True}
    return next(iter(list(session.get_objects(template))), None)


def make(device: Device, name: str) -> None:
    """Makes a cluster key in the factory, unless it is there."""
    with device.lock:
        with device.meeting() as meeting, device.user():
            if find(meeting, name) is not None:
                return
        trusted.make(device, Form(name, CLUSTER_KEY))


def clone(source: Device, target: Device, name: str) -> None:
    """Gives a new HSM the cluster key that the factory has."""
    trusted.clone(source, target, partial(find, name=name), Form(name, IN_CLUSTER))
