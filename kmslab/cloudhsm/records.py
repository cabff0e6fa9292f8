"""Clusters, HSMs and backups as records: what AWS's side of CloudHSM knows, none of it secret.

A row holds what it is asked by, and the rest as JSON. States are not in it: they follow from the
times of the record and the lab's clock (`timing.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from kmslab.store import Store


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster. Certificates are PEM, times are seconds since 1970."""

    id: str
    account: str
    region: str
    created: float
    hsm_type: str
    mode: str
    network: str
    subnets: Mapping[str, str]  # Availability Zone → subnet
    vpc: str
    group: str  # security group
    history: str  # the same for all clusters that come from one by backups
    retention: int = 90  # days that backups are kept
    source_backup: str = ""
    csr: str = ""
    hsm_certificate: str = ""
    aws_certificate: str = ""
    manufacturer_certificate: str = ""
    certificate: str = ""  # signed by the owner's CA
    trust_anchor: str = ""  # the owner's CA
    claimed: float | None = None  # when InitializeCluster was called, or the backup's cluster was
    activated: bool = False
    deleted: float | None = None
    backed_up: float = 0.0  # the newest automatic backup
    quorum: Mapping[str, int] = field(default_factory=dict)  # of a service: approvals needed
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """As in arn:aws:cloudhsm:us-east-1:111122223333:cluster/cluster-…."""
        return f"arn:aws:cloudhsm:{self.region}:{self.account}:cluster/{self.id}"


@dataclass(frozen=True, slots=True)
class Hsm:
    """An HSM of a cluster."""

    id: str
    cluster: str
    created: float
    zone: str
    subnet: str
    eni: str
    ip: str
    ipv6: str = ""
    filled: bool = False  # whether it has the cluster's users and keys
    off: bool = False  # switched off, by the learner
    deleted: float | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup. Its file lies in the lab's folder; a copy has the same file under its own name."""

    id: str
    account: str
    region: str
    created: float
    cluster: str
    history: str
    hsm_type: str
    mode: str
    certificate: str
    trust_anchor: str
    activated: bool
    ready: float = 0.0  # when it is READY
    never_expires: bool = False
    deletion: float | None = None  # when it is gone for good
    copied: float | None = None
    source_backup: str = ""
    source_cluster: str = ""
    source_region: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """As in arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-…."""
        return f"arn:aws:cloudhsm:{self.region}:{self.account}:backup/{self.id}"


Record = TypeVar("Record", Cluster, Hsm, Backup)
_TABLES: Mapping[type, tuple[str, tuple[str, ...]]] = {
    Cluster: ("cloudhsm_cluster", ("id", "account", "region", "created")),
    Hsm: ("cloudhsm_hsm", ("id", "cluster", "created")),
    Backup: ("cloudhsm_backup", ("id", "account", "region", "created")),
}


def put(store: Store, record: Cluster | Hsm | Backup) -> None:
    """Writes a record, new or changed."""
    table, columns = _TABLES[type(record)]
    values = asdict(record)
    head = [values.pop(name) for name in columns]
    marks = ", ".join("?" * (len(columns) + 1))
    store.write(
        f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}, details) VALUES ({marks})",
        (*head, json.dumps(values)),
    )


def drop(store: Store, record: Hsm | Backup) -> None:
    """Takes a record away."""
    store.write(f"DELETE FROM {_TABLES[type(record)][0]} WHERE id = ?", (record.id,))


def find(store: Store, kind: type[Record], record_id: str) -> Record | None:
    """The record of an id, or None; remembered until the records change."""
    found = of(store, kind, "id = ?", record_id)
    return found[0] if found else None


def of(store: Store, kind: type[Record], where: str = "1", *values: Any) -> tuple[Record, ...]:
    """The records that a condition holds for, oldest first; remembered until they change."""

    def read() -> tuple[Record, ...]:
        table, columns = _TABLES[kind]
        rows = store.rows(
            f"SELECT {', '.join(columns)}, details FROM {table} WHERE {where} ORDER BY created, id",
            values,
        )
        return tuple(kind(*row[:-1], **json.loads(row[-1])) for row in rows)

    return store.remembered(("cloudhsm", kind.__name__, where, *values), read)


def hsms(store: Store, cluster_id: str) -> tuple[Hsm, ...]:
    """A cluster's HSMs but those deleted, oldest first."""
    return tuple(each for each in of(store, Hsm, "cluster = ?", cluster_id) if each.deleted is None)
