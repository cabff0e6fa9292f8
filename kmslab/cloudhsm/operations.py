"""Every operation of CloudHSM that the lab answers, and what each has to be allowed.

Clusters and backups are resources, arn:aws:cloudhsm:REGION:ACCOUNT:cluster/cluster-… and
backup/backup-…, with aws:ResourceTag; Describe… and CreateCluster without a backup ask about "*".
Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudHSM";
that CreateHsm and DeleteHsm ask about the cluster is an inference, as is that a refusal has the
code CloudHsmAccessDeniedException, the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from kmslab.access.ask import Ask
from kmslab.aws.failures import Failures
from kmslab.cloudhsm import backups, describing, hsms, making, records
from kmslab.cloudhsm.records import Backup, Cluster
from kmslab.cloudhsm.request import Request, Rooms
from kmslab.iam.variables import Values
from kmslab.integrated.request import Operation
from kmslab.integrated.service import Words

_INTERNAL = "CloudHsmInternalFailureException"
WORDS = Words(
    Failures(
        busy=(_INTERNAL, 500),
        broken=(_INTERNAL, 500),
        text=("CloudHsmInvalidRequestException", 400),
        renamed={"AccessDeniedException": ("CloudHsmAccessDeniedException", 400)},
    ),
    invalid="CloudHsmInvalidRequestException",
)


def _arn(request: Request, kind: str, name: str) -> str:
    call = request.call
    return f"arn:aws:cloudhsm:{call.region}:{call.account}:{kind}/{name}"


def _ask(request: Request, name: str | None, action: str = "") -> Ask:
    """A question about one cluster or backup, or about none."""
    action = f"cloudhsm:{action or request.call.operation}"
    if name is None:
        return Ask(action, lookup=_keys(request, {}))
    store, is_backup = request.rooms.store, name.startswith("backup-")
    kind = "backup" if is_backup else "cluster"
    known = records.find(store, Backup, name) if is_backup else records.find(store, Cluster, name)
    tags = known.tags if known is not None else {}
    return Ask(action, _arn(request, kind, name), lookup=_keys(request, tags))


def _keys(request: Request, tags: Mapping[str, str]) -> Callable[[str], Values | None]:
    asked = {tag["Key"]: tag["Value"] for tag in request.get("TagList", ())}
    names = (*asked, *request.get("TagKeyList", ()))

    def lookup(key: str) -> Values | None:
        if key == "aws:tagkeys":
            return tuple(names) or None
        for prefix, values in (("aws:resourcetag/", tags), ("aws:requesttag/", asked)):
            if key.startswith(prefix):
                wanted = key.removeprefix(prefix)
                found = (value for name, value in values.items() if name.lower() == wanted)
                return next(((value,) for value in found), None)
        return None

    return lookup


def _none(request: Request) -> Iterator[Ask]:
    yield _ask(request, None)


def _about(member: str) -> Callable[[Request], Iterator[Ask]]:
    def asks(request: Request) -> Iterator[Ask]:
        yield _ask(request, request.get(member))

    return asks


def _creating(request: Request) -> Iterator[Ask]:
    source = request.get("SourceBackupId")
    yield _ask(request, source and source.rpartition("/")[2])
    yield from _tagging(request)


def _copying(request: Request) -> Iterator[Ask]:
    yield _ask(request, request.get("BackupId"))
    yield from _tagging(request)


def _tagging(request: Request) -> Iterator[Ask]:
    """Tags that are given at once need their own permission."""
    if request.get("TagList"):
        yield Ask("cloudhsm:TagResource", _arn(request, "cluster", "*"), lookup=_keys(request, {}))


_CLUSTER, _BACKUP, _RESOURCE = _about("ClusterId"), _about("BackupId"), _about("ResourceId")
OPERATIONS: Mapping[str, Operation[Rooms]] = MappingProxyType(
    {
        "CreateCluster": Operation(making.create_cluster, _creating),
        "InitializeCluster": Operation(making.initialize_cluster, _CLUSTER),
        "ModifyCluster": Operation(making.modify_cluster, _CLUSTER),
        "DeleteCluster": Operation(making.delete_cluster, _CLUSTER),
        "CreateHsm": Operation(hsms.create_hsm, _CLUSTER),
        "DeleteHsm": Operation(hsms.delete_hsm, _CLUSTER),
        "DescribeClusters": Operation(describing.describe_clusters, _none),
        "DescribeBackups": Operation(describing.describe_backups, _none),
        "CopyBackupToRegion": Operation(backups.copy_backup_to_region, _copying),
        "DeleteBackup": Operation(backups.delete_backup, _BACKUP),
        "RestoreBackup": Operation(backups.restore_backup, _BACKUP),
        "ModifyBackupAttributes": Operation(backups.modify_backup_attributes, _BACKUP),
        "TagResource": Operation(describing.tag_resource, _RESOURCE),
        "UntagResource": Operation(describing.untag_resource, _RESOURCE),
        "ListTags": Operation(describing.list_tags, _RESOURCE),
    }
)
