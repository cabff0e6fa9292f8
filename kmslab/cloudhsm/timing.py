"""How long CloudHSM takes, and the states that follow from the lab's clock.

    cluster   CREATE_IN_PROGRESS ─1 min▶ UNINITIALIZED ─InitializeCluster▶ INITIALIZE_IN_PROGRESS
              ─3 min▶ INITIALIZED ─the admin sets a password▶ ACTIVE ─DeleteCluster▶
              DELETE_IN_PROGRESS ─1 min▶ gone
    HSM       CREATE_IN_PROGRESS ─5 min▶ ACTIVE ─DeleteHsm▶ DELETE_IN_PROGRESS ─2 min▶ gone
    backup    CREATE_IN_PROGRESS ─1 min▶ READY ─DeleteBackup▶ PENDING_DELETION ─7 days▶ gone

AWS gives no exact figures for minutes; these are round numbers near what is seen there. A cluster
that was made from a backup needs no InitializeCluster and no activation ("Creating AWS CloudHSM
clusters from backups"); that it is ACTIVE right after its creation is an inference. Nothing here
waits: `lab.clock.advance(minutes=5)` makes an HSM ready.
"""

from __future__ import annotations

from kmslab.cloudhsm.records import Backup, Cluster, Hsm

MINUTE, DAY = 60.0, 86_400.0
CLUSTER_CREATING = 1 * MINUTE
CLUSTER_INITIALIZING = 3 * MINUTE
CLUSTER_DELETING = 1 * MINUTE
HSM_CREATING = 5 * MINUTE
HSM_DELETING = 2 * MINUTE
BACKUP_CREATING = 1 * MINUTE
BACKUP_EVERY = DAY  # "at least once per 24 hours" ("AWS CloudHSM cluster backups")
BACKUP_DELETION = 7 * DAY
TOKEN_LIFE = 10 * MINUTE  # of a quorum token ("token-timeout-seconds")


def cluster_state(cluster: Cluster, now: float) -> str:
    """A cluster's state; empty for one that is gone."""
    if cluster.deleted is not None:
        return "DELETE_IN_PROGRESS" if now < cluster.deleted + CLUSTER_DELETING else ""
    if now < cluster.created + CLUSTER_CREATING:
        return "CREATE_IN_PROGRESS"
    if cluster.claimed is None:
        return "UNINITIALIZED"
    if not cluster.source_backup and now < cluster.claimed + CLUSTER_INITIALIZING:
        return "INITIALIZE_IN_PROGRESS"
    return "ACTIVE" if cluster.activated else "INITIALIZED"


def hsm_state(hsm: Hsm, now: float, works: bool) -> str:
    """An HSM's state; empty for one that is gone. `works`: it can be reached, its token is there.

    That AWS shows an HSM that failed as DEGRADED is an inference; it replaces such HSMs by itself,
    which the lab leaves to the learner.
    """
    if hsm.deleted is not None:
        return "DELETE_IN_PROGRESS" if now < hsm.deleted + HSM_DELETING else ""
    if not is_ready(hsm, now):
        return "CREATE_IN_PROGRESS"
    return "ACTIVE" if works else "DEGRADED"


def backup_state(backup: Backup, now: float) -> str:
    """A backup's state; empty for one that is gone."""
    if backup.deletion is not None:
        return "PENDING_DELETION" if now < backup.deletion else ""
    return "READY" if now >= backup.ready else "CREATE_IN_PROGRESS"


def is_ready(hsm: Hsm, now: float) -> bool:
    """Whether an HSM's creation is over."""
    return now >= hsm.created + HSM_CREATING
