"""CreateCluster, InitializeCluster, ModifyCluster, DeleteCluster.

VPCs and subnets are said, not simulated: subnets are taken as given, the first lies in the Region's
zone a, the second in b, and so on. Not made: PutResourcePolicy and what is shared by it, a change
of HsmType by ModifyCluster. Quotas: "AWS CloudHSM quotas"; the wording of most messages is the
lab's, as AWS documents none.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from kmslab.aws.call import Output
from kmslab.cloudhsm import certificates, filling, records, shown, timing
from kmslab.cloudhsm.errors import BadRequest
from kmslab.cloudhsm.records import Backup, Cluster
from kmslab.cloudhsm.request import (
    Request,
    found_backup,
    found_cluster,
    invalid,
    is_own,
    missing,
    tags_of,
)
from kmslab.errors import AwsError

HSM_TYPES = ("hsm1.medium", "hsm2m.medium")
MOST_CLUSTERS = 4  # in an account and Region
FEWEST_DAYS, MOST_DAYS = 7, 379  # that backups are kept


def create_cluster(request: Request) -> Output:
    """CreateCluster: empty, or from a backup with its users, keys and certificate to come."""
    hsm_type = request.get("HsmType")
    if hsm_type not in HSM_TYPES:
        raise invalid(f"HsmType must be one of {', '.join(HSM_TYPES)}.")
    mode, source = request.get("Mode", "FIPS"), _source(request)
    if mode == "NON_FIPS" and hsm_type == "hsm1.medium":
        raise invalid("Mode NON_FIPS needs HsmType hsm2m.medium.")
    if source is not None and source.mode != mode:
        raise invalid(f"A backup in {source.mode} mode can't be restored into {mode} mode.")
    subnets, retention, tags = _subnets(request), _retention(request, 90), tags_of(request)
    rooms, call = request.rooms, request.call
    with rooms.store.transaction():
        _check_quota(request)
        cluster_id = rooms.settings.new_unique_id("cluster-", 11).lower()
        seal = hashlib.sha256(cluster_id.encode()).hexdigest()
        cluster = Cluster(
            id=cluster_id,
            account=call.account,
            region=call.region,
            created=rooms.settings.now(),
            hsm_type=hsm_type,
            mode=mode,
            network=request.get("NetworkType", "IPV4"),
            subnets=subnets,
            vpc=f"vpc-{hashlib.sha256(''.join(subnets.values()).encode()).hexdigest()[:17]}",
            group=f"sg-{seal[:17]}",
            history=cluster_id,
            retention=retention,
            tags=tags,
        )
        records.put(rooms.store, _from_backup(cluster, source) if source else cluster)
    return {"Cluster": shown.cluster(request, rooms.estate.cluster(cluster_id))}


def initialize_cluster(request: Request) -> Output:
    """InitializeCluster: the owner claims the cluster with a certificate of an own CA."""
    cluster, rooms = found_cluster(request, request.get("ClusterId")), request.rooms
    now = rooms.settings.now()
    state = timing.cluster_state(cluster, now)
    if state != "UNINITIALIZED":
        raise invalid(f"Cluster {cluster.id} is in state {state}, not UNINITIALIZED.")
    if not rooms.estate.units(cluster.id):
        raise invalid(f"Cluster {cluster.id} has no HSM yet, so there is no CSR to sign.")
    signed, anchor = request.get("SignedCert"), request.get("TrustAnchor")
    try:
        certificates.check_claim(cluster.csr, signed, anchor, now)
    except BadRequest as error:
        raise invalid(f"{error}.") from None
    with rooms.estate.alone(), rooms.store.transaction():
        current = rooms.estate.cluster(cluster.id)
        if current.claimed is not None:
            raise invalid(f"Cluster {cluster.id} is in state INITIALIZE_IN_PROGRESS.")
        claimed = replace(current, certificate=signed, trust_anchor=anchor, claimed=now)
        records.put(rooms.store, claimed)
    filling.back_up(rooms.estate, rooms.estate.cluster(cluster.id))
    return {"State": "INITIALIZE_IN_PROGRESS", "StateMessage": shown.INITIALIZING}


def modify_cluster(request: Request) -> Output:
    """ModifyCluster: how long backups are kept."""
    if request.get("HsmType") is not None:
        raise AwsError(
            "UnsupportedOperationException",
            "kmslab does not answer the parameter HsmType of ModifyCluster yet.",
        )
    cluster, rooms = found_cluster(request, request.get("ClusterId")), request.rooms
    retention = _retention(request, cluster.retention)
    with rooms.store.transaction():
        records.put(rooms.store, replace(rooms.estate.cluster(cluster.id), retention=retention))
    filling.expire(rooms.estate)
    return {"Cluster": shown.cluster(request, rooms.estate.cluster(cluster.id))}


def delete_cluster(request: Request) -> Output:
    """DeleteCluster: of one without HSMs. Its backups stay."""
    cluster, rooms = found_cluster(request, request.get("ClusterId")), request.rooms
    with rooms.store.transaction():
        if records.hsms(rooms.store, cluster.id):
            raise invalid(f"Cluster {cluster.id} has HSMs; delete them first.")
        gone = replace(rooms.estate.cluster(cluster.id), deleted=rooms.settings.now())
        records.put(rooms.store, gone)
        filling.empty(rooms.estate, cluster.id)
    return {"Cluster": shown.cluster(request, gone)}


def _source(request: Request) -> Backup | None:
    """The backup to begin with. One of another account would need a resource policy."""
    name = request.get("SourceBackupId")
    if name is None:
        return None
    backup = found_backup(request, name.rpartition("/")[2])
    state = timing.backup_state(backup, request.rooms.settings.now())
    if not is_own(request, backup) or (":" in name and name != backup.arn):
        raise missing("Backup", name)
    if state != "READY":
        raise invalid(f"Backup {backup.id} is in state {state}, not READY.")
    return backup


def _from_backup(cluster: Cluster, source: Backup) -> Cluster:
    return replace(
        cluster,
        history=source.history,
        source_backup=source.id,
        certificate=source.certificate,
        trust_anchor=source.trust_anchor,
        claimed=cluster.created,
        activated=source.activated,
    )


def _subnets(request: Request) -> dict[str, str]:
    ids: list[str] = request.get("SubnetIds")
    if len(set(ids)) < len(ids):
        raise invalid("A subnet is given twice; there may be one in each Availability Zone.")
    zones = "abcdef"
    if len(ids) > len(zones):
        raise invalid("There may be one subnet in each Availability Zone.")
    return {f"{request.call.region}{zone}": each for zone, each in zip(zones, ids, strict=False)}


def _retention(request: Request, default: int) -> int:
    policy: dict[str, Any] = request.get("BackupRetentionPolicy", {})
    days = int(policy.get("Value", default))
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise invalid(f"Backups are kept between {FEWEST_DAYS} and {MOST_DAYS} days.")
    return days


def _check_quota(request: Request) -> None:
    call = request.call
    known = records.of(
        request.rooms.store, Cluster, "account = ? AND region = ?", call.account, call.region
    )
    if sum(each.deleted is None for each in known) >= MOST_CLUSTERS:
        raise invalid(f"The limit of {MOST_CLUSTERS} clusters in this Region is reached.")
