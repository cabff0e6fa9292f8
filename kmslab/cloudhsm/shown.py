"""Clusters, HSMs and backups as CloudHSM's answers show them."""

from __future__ import annotations

from typing import Any

from kmslab.aws.call import Output
from kmslab.cloudhsm import timing
from kmslab.cloudhsm.records import Backup, Cluster, Hsm
from kmslab.cloudhsm.request import Request, hsms_of, tag_list
from kmslab.kms.timing import when


def cluster(request: Request, each: Cluster) -> Output:
    """A cluster."""
    now = request.rooms.settings.now()
    state = timing.cluster_state(each, now)
    answer: Output = {
        "BackupPolicy": "DEFAULT",
        "BackupRetentionPolicy": {"Type": "DAYS", "Value": str(each.retention)},
        "ClusterId": each.id,
        "CreateTimestamp": when(each.created),
        "Hsms": [
            shown for one in hsms_of(request, each) if (shown := hsm(request, each, one))["State"]
        ],
        "HsmType": each.hsm_type,
        "SecurityGroup": each.group,
        "State": state,
        "SubnetMapping": dict(each.subnets),
        "VpcId": each.vpc,
        "NetworkType": each.network,
        "Certificates": _certificates(request, each, state),
        "TagList": tag_list(each.tags),
        "Mode": each.mode,
    }
    if each.source_backup:
        answer["SourceBackupId"] = each.source_backup
    if state == "INITIALIZE_IN_PROGRESS":
        answer["StateMessage"] = INITIALIZING
    return answer


INITIALIZING = "Cluster is initializing. State will change to INITIALIZED upon completion."


def hsm(request: Request, of: Cluster, each: Hsm) -> Output:
    """An HSM; its State is empty when it is gone."""
    works = each.filled and request.rooms.estate.works(each)
    state = timing.hsm_state(each, request.rooms.settings.now(), works)
    answer: Output = {
        "AvailabilityZone": each.zone,
        "ClusterId": each.cluster,
        "SubnetId": each.subnet,
        "EniId": each.eni,
        "EniIp": each.ip,
        "HsmId": each.id,
        "HsmType": of.hsm_type,
        "State": state,
    }
    if each.ipv6:
        answer["EniIpV6"] = each.ipv6
    return answer


def backup(request: Request, each: Backup) -> Output:
    """A backup."""
    times: dict[str, float | None] = {
        "CopyTimestamp": each.copied,
        "DeleteTimestamp": each.deletion,
    }
    texts = {
        "SourceRegion": each.source_region,
        "SourceBackup": each.source_backup,
        "SourceCluster": each.source_cluster,
    }
    answer: dict[str, Any] = {
        "BackupId": each.id,
        "BackupArn": each.arn,
        "BackupState": timing.backup_state(each, request.rooms.settings.now()),
        "ClusterId": each.cluster,
        "CreateTimestamp": when(each.created),
        "NeverExpires": each.never_expires,
        "TagList": tag_list(each.tags),
        "HsmType": each.hsm_type,
        "Mode": each.mode,
    }
    answer |= {name: when(value) for name, value in times.items() if value is not None}
    return answer | {name: value for name, value in texts.items() if value}


def _certificates(request: Request, each: Cluster, state: str) -> Output:
    """The CSR and the hardware's certificates while nobody has claimed the cluster, once its first
    HSM is there; afterwards the cluster's certificate."""
    if each.certificate:
        return {"ClusterCertificate": each.certificate}
    if state != "UNINITIALIZED" or not request.rooms.estate.active(each.id):
        return {}
    return {
        "ClusterCsr": each.csr,
        "HsmCertificate": each.hsm_certificate,
        "AwsHardwareCertificate": each.aws_certificate,
        "ManufacturerHardwareCertificate": each.manufacturer_certificate,
    }
