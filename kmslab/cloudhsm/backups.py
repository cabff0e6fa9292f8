"""CopyBackupToRegion, DeleteBackup, RestoreBackup, ModifyBackupAttributes.

A copy has the same content, an id of its own, and no cluster whose retention it would follow
("Configuring AWS CloudHSM backup retention policy").
"""

from __future__ import annotations

import shutil
from dataclasses import replace

from kmslab.aws import regions
from kmslab.aws.call import Output
from kmslab.cloudhsm import filling, records, shown, timing
from kmslab.cloudhsm.records import Backup
from kmslab.cloudhsm.request import Request, found_backup, invalid, tags_of
from kmslab.kms.timing import when


def copy_backup_to_region(request: Request) -> Output:
    """CopyBackupToRegion: the copy is READY after some time."""
    backup, target = _in_state(request, "READY"), request.get("DestinationRegion")
    if target not in regions.names() or target == backup.region:
        raise invalid(f"A backup can't be copied to {target}.")
    rooms, now = request.rooms, request.rooms.settings.now()
    with rooms.estate.alone():
        with rooms.store.transaction():
            copy_id = rooms.settings.new_unique_id("backup-", 11).lower()
        copy = replace(
            backup,
            id=copy_id,
            region=target,
            copied=now,
            ready=now + timing.BACKUP_CREATING,
            never_expires=False,
            source_backup=backup.id,
            source_cluster=backup.cluster,
            source_region=backup.region,
            tags=tags_of(request) or dict(backup.tags),
        )
        draft = filling.file(rooms.estate, copy).with_suffix(".draft")
        shutil.copyfile(filling.file(rooms.estate, backup), draft)
        draft.chmod(0o600)
        draft.rename(filling.file(rooms.estate, copy))
        records.put(rooms.store, copy)
    return {
        "DestinationBackup": {
            "CreateTimestamp": when(backup.created),
            "SourceRegion": backup.region,
            "SourceBackup": backup.id,
            "SourceCluster": backup.cluster,
        }
    }


def delete_backup(request: Request) -> Output:
    """DeleteBackup: gone for good after seven days, until then RestoreBackup brings it back."""
    backup = _in_state(request, "READY")
    return _changed(request, backup, deletion=_now(request) + timing.BACKUP_DELETION)


def restore_backup(request: Request) -> Output:
    """RestoreBackup: of one that is PENDING_DELETION."""
    return _changed(request, _in_state(request, "PENDING_DELETION"), deletion=None)


def modify_backup_attributes(request: Request) -> Output:
    """ModifyBackupAttributes: whether the cluster's retention applies."""
    backup = _in_state(request, "READY")
    return _changed(request, backup, never_expires=request.get("NeverExpires"))


def _in_state(request: Request, wanted: str) -> Backup:
    backup = found_backup(request, request.get("BackupId"))
    state = timing.backup_state(backup, _now(request))
    if state != wanted:
        raise invalid(f"Backup {backup.id} is in state {state}, not {wanted}.")
    return backup


def _changed(request: Request, backup: Backup, **change: object) -> Output:
    changed = replace(backup, **change)  # type: ignore[arg-type]  # fields of the record
    records.put(request.rooms.store, changed)
    return {"Backup": shown.backup(request, changed)}


def _now(request: Request) -> float:
    return request.rooms.settings.now()
