"""What happens to a cluster by itself as time goes on, done when somebody next looks at it.

    an HSM's creation is over   it gets the cluster's users and keys: from an HSM that works, else
                                from the newest backup, else (a new cluster) the unactivated admin
    a day is over               a backup; of several missed days one, as nobody was there to change
                                anything in between
    a backup is too old         it is deleted, and gone seven days later, unless it is the last one
    a token key is on one HSM   it is copied to the others

Each step may be cut off by `kill -9` and is then done again: the records change last.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, replace
from pathlib import Path

from pkcs11.exceptions import PKCS11Error

from kmslab.cloudhsm import backup_files, keys, records, timing, users
from kmslab.cloudhsm.errors import CryptoRefused
from kmslab.cloudhsm.estate import Estate
from kmslab.cloudhsm.records import Backup, Cluster, Hsm
from kmslab.cloudhsm.unit import Unit
from kmslab.cloudhsm.users import User
from kmslab.errors import HsmError

_TICK = 0.001  # seconds


def settle(estate: Estate, cluster_id: str) -> Cluster:
    """Does what is due in a cluster; returns its record, `ClusterNotFound` without one."""
    estate.store.catch_up()
    cluster = estate.cluster(cluster_id)
    if not _is_due(estate, cluster):
        return cluster
    with estate.alone():
        for hsm in estate.active(cluster_id):
            if not hsm.filled:
                _fill(estate, estate.cluster(cluster_id), hsm)
        if _backup_due(estate, estate.cluster(cluster_id)):
            back_up(estate, estate.cluster(cluster_id))
        return estate.cluster(cluster_id)


def settle_all(estate: Estate) -> None:
    """Does what is due in every cluster, and with backups."""
    for cluster in records.of(estate.store, Cluster):
        if cluster.deleted is None:
            settle(estate, cluster.id)
    expire(estate)


def spread(estate: Estate, cluster_id: str) -> None:
    """Copies token keys to the HSMs that have not got them (server-side key synchronization)."""
    units = estate.units(cluster_id)
    with estate.alone():
        for key in keys.of(estate.store, cluster_id).values():
            having = [unit for unit in units if unit.id in key.hsms]
            lacking = [unit for unit in units if unit.id not in key.hsms]
            if not having or not lacking:
                continue
            for unit in lacking:
                unit.receive(key, having[0].give(key))
            known = (*key.hsms, *(unit.id for unit in lacking))
            keys.put(estate.store, cluster_id, keys.on(key, known))


def back_up(estate: Estate, cluster: Cluster) -> Backup | None:
    """Makes a backup now, if an HSM of an initialized cluster works."""
    units = estate.units(cluster.id)
    if cluster.claimed is None or not units:
        return None
    now, store = estate.settings.now(), estate.store
    with estate.alone():
        with store.transaction():
            backup_id = estate.settings.new_unique_id("backup-", 11).lower()
        # A seeded lab's clock may stand still meanwhile, and backups are told apart by their time.
        times = [each.created for each in records.of(store, Backup, "account = ?", cluster.account)]
        backup = _described(cluster, backup_id, max([now, *(each + _TICK for each in times)]))
        content = {
            "users": [asdict(each) for each in users.of(store, cluster.id).values()],
            "quorum": dict(cluster.quorum),
        }
        head = {"backup": backup_id, "history": cluster.history, "mode": cluster.mode}
        unit = units[0]
        held = [key for key in keys.of(store, cluster.id).values() if unit.has(key)]
        backup_files.write(file(estate, backup), unit, head, content, held)
        with store.transaction():
            records.put(store, backup)
            records.put(store, replace(estate.cluster(cluster.id), backed_up=now))
    return backup


def expire(estate: Estate) -> None:
    """Deletes backups that are older than their cluster keeps them, and removes what is gone."""
    now, store = estate.settings.now(), estate.store
    for backup in records.of(store, Backup):
        if backup.deletion is not None:
            if now >= backup.deletion:
                file(estate, backup).unlink(missing_ok=True)
                records.drop(store, backup)
        elif not backup.never_expires and backup.copied is None and _is_old(estate, backup, now):
            records.put(store, replace(backup, deletion=now + timing.BACKUP_DELETION))


def usable(estate: Estate, cluster: Cluster) -> list[Backup]:
    """The backups from which an HSM of a cluster is made when no other one works, newest first."""
    known = list(reversed(_own(estate, cluster)))
    source = records.find(estate.store, Backup, cluster.source_backup)
    return [*known, source] if source and file(estate, source).exists() else known


def file(estate: Estate, backup: Backup) -> Path:
    """Where a backup lies."""
    return estate.folder / "backups" / f"{backup.id}.json"


def _own(estate: Estate, cluster: Cluster) -> list[Backup]:
    """A cluster's own backups that can be used, oldest first."""
    known = records.of(estate.store, Backup, "account = ?", cluster.account)
    return [
        each
        for each in known
        if each.cluster == cluster.id
        and each.copied is None
        and each.deletion is None
        and file(estate, each).exists()
    ]


def _is_due(estate: Estate, cluster: Cluster) -> bool:
    waiting = any(not each.filled for each in estate.active(cluster.id))
    return waiting or _backup_due(estate, cluster)


def _backup_due(estate: Estate, cluster: Cluster) -> bool:
    if cluster.claimed is None or not cluster.backed_up:
        return False
    return estate.settings.now() >= cluster.backed_up + timing.BACKUP_EVERY and any(
        each.filled for each in estate.active(cluster.id)
    )


def _is_old(estate: Estate, backup: Backup, now: float) -> bool:
    """Whether the retention of a backup's cluster is over; never for the cluster's last one.

    That the backups of a deleted cluster stay is an inference.
    """
    cluster = records.find(estate.store, Cluster, backup.cluster)
    if cluster is None or cluster.deleted is not None:
        return False
    others = [each for each in _own(estate, cluster) if each.id != backup.id]
    return bool(others) and now >= backup.created + cluster.retention * timing.DAY


def _fill(estate: Estate, cluster: Cluster, hsm: Hsm) -> None:
    """Gives a new HSM what the cluster has; where it can't be given, the HSM stays DEGRADED."""
    unit = estate.unit(hsm)
    if unit is None:
        return
    with contextlib.suppress(PKCS11Error, HsmError):
        if not _given(estate, cluster, unit):
            return
        with estate.store.transaction():
            current = records.find(estate.store, Hsm, hsm.id)
            if current is not None and current.deleted is None:
                records.put(estate.store, replace(current, filled=True))


def _given(estate: Estate, cluster: Cluster, unit: Unit) -> bool:
    """Whether an HSM got users and keys from where they are."""
    sources = estate.units(cluster.id)
    if sources:
        _from_others(estate, cluster, unit, sources)
        return True
    if cluster.claimed is None:
        with estate.store.transaction():
            users.put(estate.store, cluster.id, User("admin", users.UNACTIVATED))
        return True
    for backup in usable(estate, cluster):
        with contextlib.suppress(CryptoRefused):
            _from_backup(estate, cluster, unit, backup)
            return True
    return False


def _from_others(estate: Estate, cluster: Cluster, unit: Unit, sources: list[Unit]) -> None:
    for key in keys.of(estate.store, cluster.id).values():
        source = next((each for each in sources if each.has(key)), None)
        if source is None:
            continue
        unit.receive(key, source.give(key))
        held = tuple(dict.fromkeys((*key.hsms, unit.id)))
        keys.put(estate.store, cluster.id, keys.on(key, held))


def _from_backup(estate: Estate, cluster: Cluster, unit: Unit, backup: Backup) -> None:
    """Users and keys as they were; what the cluster's records said of later ones goes."""
    content, held = backup_files.read(file(estate, backup), unit)
    unit.clear(frozenset(key.id for key, _ in held))
    for key, wrapped in held:
        unit.receive(key, wrapped)
    store = estate.store
    with store.transaction():
        empty(estate, cluster.id)
        for each in content["users"]:
            users.put(store, cluster.id, User(**each))
        for key, _ in held:
            keys.put(store, cluster.id, keys.on(key, (unit.id,)))
        restored = replace(cluster, activated=backup.activated, quorum=content["quorum"])
        records.put(store, restored)


def empty(estate: Estate, cluster_id: str) -> None:
    """Forgets the users and keys of a cluster: no HSM has them any more."""
    for table in ("cloudhsm_user", "cloudhsm_key", "cloudhsm_token"):
        estate.store.write(f"DELETE FROM {table} WHERE cluster = ?", (cluster_id,))


def _described(cluster: Cluster, backup_id: str, now: float) -> Backup:
    return Backup(
        id=backup_id,
        account=cluster.account,
        region=cluster.region,
        created=now,
        cluster=cluster.id,
        history=cluster.history,
        hsm_type=cluster.hsm_type,
        mode=cluster.mode,
        certificate=cluster.certificate,
        trust_anchor=cluster.trust_anchor,
        activated=cluster.activated,
        ready=now + timing.BACKUP_CREATING,
        tags=dict(cluster.tags),
    )
