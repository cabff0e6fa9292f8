"""What a KMS key is: a name, a state, and which key material is its current one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kmslab.kms.specs import SPECS, Spec, Usage

KEY_ID = re.compile(
    r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: a name and a state for key material. The material itself is in the HSMs only."""

    account: str
    region: str
    key_id: str
    created: float
    description: str
    state: str
    material_id: str  # of the current material; empty before the first import
    spec_name: str
    usage_name: str
    origin: str  # AWS_KMS, EXTERNAL for imported material, or the kind of its key store
    manager: str  # CUSTOMER, or AWS
    primary_region: str  # of a multi-Region key; empty for a single-Region one
    deletion: float | None  # when it is deleted, in state PendingDeletion
    window: int | None  # waiting period in days, in both states of pending deletion
    store_id: str = ""  # of the custom key store that it is in, if it is in one
    external_id: str = ""  # of its external key (XksKeyId), in an external key store

    @property
    def arn(self) -> str:
        """The key's ARN, its name from anywhere."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.key_id}"

    @property
    def spec(self) -> Spec:
        """What kind of key it is."""
        return SPECS[self.spec_name]

    @property
    def usage(self) -> Usage:
        """What it is used for, by which algorithms."""
        return self.spec.usages[self.usage_name]

    @property
    def is_symmetric(self) -> bool:
        """Whether it is a symmetric encryption key: the only kind that rotates."""
        return self.spec.family == "symmetric"

    @property
    def shows_material(self) -> bool:
        """Whether answers name its key material: one that can rotate, so none in a key store."""
        return self.is_symmetric and not self.store_id

    @property
    def is_primary(self) -> bool:
        """Whether it is the primary key of a multi-Region set."""
        return self.primary_region == self.region

    @property
    def is_replica(self) -> bool:
        """Whether it is a replica key of a multi-Region set."""
        return bool(self.primary_region) and not self.is_primary
