"""DescribeClusters and DescribeBackups, with their filters, and the tags of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Output
from kmslab.cloudhsm import filling, records, shown
from kmslab.cloudhsm.records import Backup, Cluster
from kmslab.cloudhsm.request import (
    Request,
    found_backup,
    found_cluster,
    invalid,
    tag_list,
    tags_of,
)
from kmslab.errors import AwsError
from kmslab.integrated.answers import cut

MOST_TAGS = 50
_INVALID = "CloudHsmInvalidRequestException"
Read = Callable[[Output], Any]
_OF_CLUSTERS: Mapping[str, Read] = MappingProxyType(
    {
        "clusterIds": lambda it: it["ClusterId"],
        "vpcIds": lambda it: it["VpcId"],
        "states": lambda it: it["State"],
    }
)
_OF_BACKUPS: Mapping[str, Read] = MappingProxyType(
    {
        "backupIds": lambda it: it["BackupId"],
        "sourceBackupIds": lambda it: it.get("SourceBackup"),
        "clusterIds": lambda it: it["ClusterId"],
        "states": lambda it: it["BackupState"],
        "neverExpires": lambda it: str(it["NeverExpires"]).lower(),
    }
)


def describe_clusters(request: Request) -> Output:
    """DescribeClusters: those of the account and Region that the filters let through."""
    _check(request, _OF_CLUSTERS)
    filling.settle_all(request.rooms.estate)
    all_of = [shown.cluster(request, each) for each in _own(request, Cluster)]
    seen = [each for each in all_of if each["State"] and _passes(request, each, _OF_CLUSTERS)]
    entries = [(f"{number:06}", each) for number, each in enumerate(seen)]
    return cut(request, "Clusters", entries, 25, _INVALID)


def describe_backups(request: Request) -> Output:
    """DescribeBackups: newest first, unless SortAscending. Nobody shares backups here."""
    _check(request, _OF_BACKUPS)
    filling.settle_all(request.rooms.estate)
    own = () if request.get("Shared", False) else _own(request, Backup)
    all_of = [shown.backup(request, each) for each in own]
    seen = [each for each in all_of if each["BackupState"] and _passes(request, each, _OF_BACKUPS)]
    if not request.get("SortAscending", False):
        seen.reverse()
    entries = [(f"{number:06}", each) for number, each in enumerate(seen)]
    return cut(request, "Backups", entries, 50, _INVALID)


def tag_resource(request: Request) -> Output:
    """TagResource: of a cluster or a backup."""
    record, added = _tagged(request), tags_of(request)
    tags = {**record.tags, **added}
    if len(tags) > MOST_TAGS:
        raise AwsError(
            "CloudHsmResourceLimitExceededException",
            f"{request.get('ResourceId')} would have more than {MOST_TAGS} tags.",
        )
    records.put(request.rooms.store, replace(record, tags=tags))
    return {}


def untag_resource(request: Request) -> Output:
    """UntagResource: keys that are not there are no error."""
    record, gone = _tagged(request), request.get("TagKeyList")
    tags = {key: value for key, value in record.tags.items() if key not in gone}
    records.put(request.rooms.store, replace(record, tags=tags))
    return {}


def list_tags(request: Request) -> Output:
    """ListTags."""
    entries = [(tag["Key"], tag) for tag in tag_list(_tagged(request).tags)]
    return cut(request, "TagList", entries, 100, _INVALID)


def _tagged(request: Request) -> Cluster | Backup:
    name = request.get("ResourceId")
    if name.startswith("backup-"):
        return found_backup(request, name)
    return found_cluster(request, name)


def _own(request: Request, kind: type[Any]) -> tuple[Any, ...]:
    call = request.call
    where = "account = ? AND region = ?"
    return records.of(request.rooms.store, kind, where, call.account, call.region)


def _passes(request: Request, each: Output, filters: Mapping[str, Read]) -> bool:
    """Whether every filter names a value that this one has."""
    asked: Mapping[str, list[str]] = request.get("Filters", {})
    return all(filters[name](each) in wanted for name, wanted in asked.items())


def _check(request: Request, filters: Mapping[str, Read]) -> None:
    """CloudHsmInvalidRequestException for a filter that there isn't."""
    for name in request.get("Filters", {}):
        if name not in filters:
            raise invalid(f"{name} is not a filter: {', '.join(filters)}.")
