"""What the operations of CloudHSM share: their rooms, their errors, what they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kmslab.cloudhsm import filling, records
from kmslab.cloudhsm.estate import Estate
from kmslab.cloudhsm.records import Backup, Cluster, Hsm
from kmslab.errors import AwsError
from kmslab.integrated import request as integrated


@dataclass(frozen=True, slots=True)
class Rooms(integrated.Rooms):
    """The rooms of such a service, and the clusters."""

    estate: Estate


Request = integrated.Request[Rooms]


def invalid(message: str) -> AwsError:
    """The error for a request that CloudHSM doesn't take. Its messages are not documented; those
    that users have reported are used, the others are the lab's words."""
    return AwsError("CloudHsmInvalidRequestException", message)


def missing(kind: str, name: str) -> AwsError:
    """The error for what is not there; the message is the lab's."""
    return AwsError("CloudHsmResourceNotFoundException", f"{kind} {name} does not exist.")


def found_cluster(request: Request, cluster_id: str) -> Cluster:
    """A cluster of the caller's account and Region, with what is due done."""
    known = records.find(request.rooms.store, Cluster, cluster_id)
    if known is None or known.deleted is not None or not is_own(request, known):
        raise missing("Cluster", cluster_id)
    return filling.settle(request.rooms.estate, cluster_id)


def found_backup(request: Request, backup_id: str) -> Backup:
    """A backup of the caller's account and Region."""
    filling.settle_all(request.rooms.estate)
    known = records.find(request.rooms.store, Backup, backup_id)
    if known is None or not is_own(request, known):
        raise missing("Backup", backup_id)
    return known


def is_own(request: Request, record: Cluster | Backup) -> bool:
    """Whether a record is of the caller's account and Region."""
    call = request.call
    return (record.account, record.region) == (call.account, call.region)


def hsms_of(request: Request, cluster: Cluster) -> tuple[Hsm, ...]:
    """The HSMs of a cluster, those that were just deleted too."""
    return records.of(request.rooms.store, Hsm, "cluster = ?", cluster.id)


def tags_of(request: Request) -> dict[str, str]:
    """TagList as a mapping; CloudHsmTagException for a key that stands twice or is AWS's."""
    tags: dict[str, str] = {}
    for tag in request.get("TagList", ()):
        if tag["Key"] in tags or tag["Key"].lower().startswith("aws:"):
            raise AwsError("CloudHsmTagException", f"The tag key {tag['Key']} can't be used.")
        tags[tag["Key"]] = tag["Value"]
    return tags


def tag_list(tags: Any) -> list[dict[str, str]]:
    """Tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
