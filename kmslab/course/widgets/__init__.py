"""The widgets that lessons show; their logic is in plain modules of `kmslab.course`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmslab.course import flow, holders, inside, s3_flow, signature
from kmslab.course.widgets.anatomy import CiphertextAnatomy
from kmslab.course.widgets.bucket_calls import BucketCalls
from kmslab.course.widgets.cluster import HurtCluster
from kmslab.course.widgets.families import KeyFamilies
from kmslab.course.widgets.layers import PolicySieve
from kmslab.course.widgets.life import KeyLife
from kmslab.course.widgets.loan import GrantLife
from kmslab.course.widgets.pile import RotationPile
from kmslab.course.widgets.playground import PolicyPlayground
from kmslab.course.widgets.progress import Progress
from kmslab.course.widgets.stepper import Stepper
from kmslab.course.widgets.timeline import TrailTimeline
from kmslab.course.widgets.wall import HsmWall
from kmslab.envelope import Header
from kmslab.lab import Lab

__all__ = [
    "BucketCalls",
    "CiphertextAnatomy",
    "GrantLife",
    "HsmWall",
    "HurtCluster",
    "KeyFamilies",
    "KeyLife",
    "PolicyPlayground",
    "PolicySieve",
    "Progress",
    "RotationPile",
    "Stepper",
    "TrailTimeline",
    "data_key_holders",
    "encryption_flow",
    "s3_way",
    "signature_way",
    "way_down",
]


def data_key_holders(data_key: Mapping[str, Any], data: bytes, sealed: bytes) -> Stepper:
    """Lesson 05: who holds what, from GenerateDataKey's answer, the data and its ciphertext."""
    return Stepper(holders.story(data_key, data, sealed))


def encryption_flow(header: Header, size: int, name: str = "X-ray") -> Stepper:
    """Lesson 06: the encryption flow of a file that `encrypt_file` wrote."""
    return Stepper(flow.story(header, size, name))


def s3_way(lab: Lab, bucket: str, key: str) -> Stepper:
    """Lesson 11: the way of an object that was put with aws:kms, and got once."""
    return Stepper(s3_flow.story(lab, bucket, key))


def signature_way(
    message: bytes, signed: bytes, public: bytes, arrived: bytes | None = None
) -> Stepper:
    """Lesson 04: the way of a signature; with `arrived`, of another message than was signed."""
    return Stepper(signature.story(message, signed, public, arrived))


def way_down(lab: Lab, blob: bytes, context: Mapping[str, str]) -> Stepper:
    """Lesson 15: the way of a blob down to the domain key and back; it is decrypted once."""
    return Stepper(inside.story(inside.look(lab, blob, context)))
