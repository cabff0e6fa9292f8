"""CloudHSM's API: clusters and HSMs, their states over the lab's time, refusals, tags, rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from clusters import SUBNETS, ZONES, active, add_hsm, claimed, create, described, quickly
from expect import refused, run
from integrated import allow, events, last

from kmslab import Lab
from kmslab.cloudhsm.admin import CloudHsmCli

INVALID, MISSING = "CloudHsmInvalidRequestException", "CloudHsmResourceNotFoundException"
DENIED = "CloudHsmAccessDeniedException"
NOBODY = "cluster-aaaaaaaaaaa"


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture
def made() -> Iterator[Lab]:
    """A lab for one test."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def hsm(made: Lab) -> Any:
    """The admin's client."""
    return made.client("cloudhsmv2")


@pytest.fixture(scope="module")
def two(lab: Lab) -> CloudHsmCli:
    """An active cluster of two HSMs, for tests that leave it as it is."""
    return active(lab)


def test_a_cluster_and_its_hsm_go_through_their_states_as_the_clock_goes(
    made: Lab, hsm: Any
) -> None:
    cluster = create(hsm)
    assert re.fullmatch(r"cluster-[2-7a-z]{11}", cluster)
    seen = [described(hsm, cluster)["State"]]
    made.clock.advance(minutes=1)
    seen.append(described(hsm, cluster)["State"])
    assert described(hsm, cluster)["Certificates"] == {}
    one = hsm.create_hsm(ClusterId=cluster, AvailabilityZone=ZONES[0])["Hsm"]
    assert one["State"] == "CREATE_IN_PROGRESS"
    assert described(hsm, cluster)["Certificates"] == {}
    made.clock.advance(minutes=5)
    (shown,) = described(hsm, cluster)["Hsms"]
    assert shown["State"] == "ACTIVE"
    assert (shown["SubnetId"], shown["EniIp"]) == (SUBNETS[0], "10.0.1.10")
    assert seen == ["CREATE_IN_PROGRESS", "UNINITIALIZED"]
    assert set(described(hsm, cluster)["Certificates"]) == {
        *("ClusterCsr", "HsmCertificate"),
        *("AwsHardwareCertificate", "ManufacturerHardwareCertificate"),
    }


def test_an_initialized_cluster_shows_its_certificate_and_becomes_active(made: Lab) -> None:
    cluster = claimed(made)
    hsm = made.client("cloudhsmv2")
    shown = described(hsm, cluster)
    assert shown["State"] == "INITIALIZED"
    assert list(shown["Certificates"]) == ["ClusterCertificate"]
    made.cloudhsm(cluster).activate("long enough")
    assert described(hsm, cluster)["State"] == "ACTIVE"


def test_deleted_hsms_and_clusters_are_shown_for_a_while(made: Lab) -> None:
    cluster, hsm = claimed(made), made.client("cloudhsmv2")
    (one,) = described(hsm, cluster)["Hsms"]
    with refused(INVALID):
        hsm.delete_cluster(ClusterId=cluster)
    assert hsm.delete_hsm(ClusterId=cluster, EniIp=one["EniIp"])["HsmId"] == one["HsmId"]
    assert described(hsm, cluster)["Hsms"][0]["State"] == "DELETE_IN_PROGRESS"
    assert not (made.path / "cloudhsm" / cluster / one["HsmId"]).exists()
    made.clock.advance(minutes=2)
    assert described(hsm, cluster)["Hsms"] == []
    assert hsm.delete_cluster(ClusterId=cluster)["Cluster"]["State"] == "DELETE_IN_PROGRESS"
    with refused(MISSING):
        hsm.create_hsm(ClusterId=cluster, AvailabilityZone=ZONES[0])
    made.clock.advance(minutes=1)
    assert hsm.describe_clusters()["Clusters"] == []
    assert hsm.describe_backups()["Backups"]  # they stay


def test_a_second_hsm_waits_for_activation(made: Lab) -> None:
    cluster, hsm = claimed(made), made.client("cloudhsmv2")
    words = f"Cluster '{cluster}' already contains an HSM but has not yet been fully activated"
    with refused(INVALID, words):
        hsm.create_hsm(ClusterId=cluster, AvailabilityZone=ZONES[1])


@pytest.mark.parametrize(
    "change",
    [
        {"HsmType": "hsm3.large"},
        {"HsmType": "hsm1.medium", "Mode": "NON_FIPS"},
        {"Mode": "FAST"},
        {"SubnetIds": ["subnet-11111111", "subnet-11111111"]},
        {"SubnetIds": [f"subnet-1111111{number}" for number in range(7)]},
        {"SubnetIds": ["vpc-11111111"]},
        {"BackupRetentionPolicy": {"Type": "DAYS", "Value": "6"}},
        {"BackupRetentionPolicy": {"Type": "DAYS", "Value": "380"}},
        {"BackupRetentionPolicy": {"Type": "DAYS", "Value": "x"}},
        {"SourceBackupId": "nothing"},
        {"NetworkType": "IPV9"},
    ],
)
def test_a_cluster_of_the_wrong_form_is_refused(lab: Lab, change: dict[str, Any]) -> None:
    with refused(INVALID):
        create(lab.client("cloudhsmv2"), **change)


def test_four_clusters_and_six_hsms_are_the_most(made: Lab, hsm: Any) -> None:
    cli = active(made)
    for number in range(4):
        add_hsm(made, cli.cluster_id, ZONES[number % 3])
    with refused(INVALID, "The limit of 6 HSMs in this Region is reached."):
        hsm.create_hsm(ClusterId=cli.cluster_id, AvailabilityZone=ZONES[0])
    for _ in range(3):
        create(hsm)
    with refused(INVALID):
        create(hsm)
    create(made.client("cloudhsmv2", region="eu-west-1"))


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("create_hsm", {"AvailabilityZone": ZONES[0]}),
        ("delete_hsm", {"HsmId": "hsm-aaaaaaaaaaa"}),
        ("delete_cluster", {}),
        ("modify_cluster", {}),
        ("initialize_cluster", {"SignedCert": "x", "TrustAnchor": "x"}),
    ],
)
def test_a_cluster_that_is_not_there_is_not_found(
    lab: Lab, operation: str, asked: dict[str, str]
) -> None:
    hsm = lab.client("cloudhsmv2")
    with refused(MISSING):
        getattr(hsm, operation)(ClusterId=NOBODY, **asked)
    with refused(INVALID):
        getattr(hsm, operation)(ClusterId="kluster", **asked)


def test_another_account_and_region_have_no_such_cluster(lab: Lab, two: CloudHsmCli) -> None:
    other = lab.account("222233334444")
    for client in (other.client("cloudhsmv2"), lab.client("cloudhsmv2", region="eu-west-1")):
        assert client.describe_clusters()["Clusters"] == []
        with refused(MISSING):
            client.delete_cluster(ClusterId=two.cluster_id)


@pytest.mark.parametrize(
    "asked",
    [
        {"AvailabilityZone": "us-east-1d"},
        {"AvailabilityZone": "moon"},
        {"AvailabilityZone": ZONES[0], "IpAddress": "10.0.1.10"},
        {"AvailabilityZone": ZONES[0], "IpAddress": "here"},
    ],
)
def test_an_hsm_in_the_wrong_place_is_refused(
    lab: Lab, two: CloudHsmCli, asked: dict[str, str]
) -> None:
    with refused(INVALID):
        lab.client("cloudhsmv2").create_hsm(ClusterId=two.cluster_id, **asked)


def test_an_hsm_is_named_by_id_or_interface_and_all_that_is_given_must_fit(
    lab: Lab, two: CloudHsmCli
) -> None:
    hsm = lab.client("cloudhsmv2")
    first, second = described(hsm, two.cluster_id)["Hsms"]
    with refused(INVALID):
        hsm.delete_hsm(ClusterId=two.cluster_id)
    with refused(MISSING):
        hsm.delete_hsm(ClusterId=two.cluster_id, HsmId=first["HsmId"], EniId=second["EniId"])


def test_clusters_come_in_pages_and_through_filters(made: Lab, hsm: Any) -> None:
    ids = [create(hsm) for _ in range(3)]
    made.clock.advance(minutes=1)
    ids.append(create(hsm))
    pages = list(hsm.get_paginator("describe_clusters").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Clusters"]) for page in pages] == [3, 1]
    assert {each["ClusterId"] for page in pages for each in page["Clusters"]} == set(ids)
    new = hsm.describe_clusters(Filters={"states": ["CREATE_IN_PROGRESS"]})["Clusters"]
    assert [each["ClusterId"] for each in new] == ids[3:]
    vpc = described(hsm, ids[0])["VpcId"]
    assert len(hsm.describe_clusters(Filters={"vpcIds": [vpc]})["Clusters"]) == 4
    both = {"clusterIds": ids[:2], "states": ["DELETED"]}
    assert hsm.describe_clusters(Filters=both)["Clusters"] == []
    with refused(INVALID):
        hsm.describe_clusters(Filters={"colour": ["red"]})
    with refused(INVALID):
        hsm.describe_clusters(NextToken="?")


def test_tags_are_put_listed_and_taken_off(hsm: Any) -> None:
    cluster = create(hsm, TagList=[{"Key": "team", "Value": "red"}])
    hsm.tag_resource(
        ResourceId=cluster, TagList=[{"Key": "team", "Value": "blue"}, {"Key": "x", "Value": ""}]
    )
    assert hsm.list_tags(ResourceId=cluster)["TagList"] == [
        {"Key": "team", "Value": "blue"},
        {"Key": "x", "Value": ""},
    ]
    hsm.untag_resource(ResourceId=cluster, TagKeyList=["x", "never"])
    assert described(hsm, cluster)["TagList"] == [{"Key": "team", "Value": "blue"}]
    with refused("CloudHsmTagException"):
        hsm.tag_resource(ResourceId=cluster, TagList=[{"Key": "aws:x", "Value": ""}])
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    with refused("CloudHsmResourceLimitExceededException"):
        hsm.tag_resource(ResourceId=cluster, TagList=many)
    with refused(MISSING):
        hsm.list_tags(ResourceId=NOBODY)


def test_iam_decides_by_action_cluster_and_tag(made: Lab, hsm: Any) -> None:
    cluster = create(hsm, TagList=[{"Key": "team", "Value": "red"}])
    other = create(hsm)
    made.clock.advance(minutes=1)
    arn = f"arn:aws:cloudhsm:us-east-1:{made.account}:cluster/{cluster}"
    carol = made.user("carol")
    mine = carol.client("cloudhsmv2")
    with refused(
        DENIED,
        f"User: {carol.arn} is not authorized to perform: cloudhsm:DescribeClusters on resource: * "
        "because no identity-based policy allows the cloudhsm:DescribeClusters action",
    ):
        mine.describe_clusters()
    mine = made.user("dave", policy=[allow("cloudhsm:CreateHsm", resource=arn)])
    mine.client("cloudhsmv2").create_hsm(ClusterId=cluster, AvailabilityZone=ZONES[0])
    with refused(DENIED):
        mine.client("cloudhsmv2").create_hsm(ClusterId=other, AvailabilityZone=ZONES[0])
    assert made.explain()
    red = allow("cloudhsm:ModifyCluster", StringEquals={"aws:ResourceTag/team": "red"})
    hers = made.user("erin", policy=[red]).client("cloudhsmv2")
    hers.modify_cluster(ClusterId=cluster)
    with refused(DENIED):
        hers.modify_cluster(ClusterId=other)


def test_cloudtrail_has_the_call_as_aws_shows_it(made: Lab, hsm: Any) -> None:
    cluster = create(hsm)
    made.clock.advance(minutes=1)
    hsm.create_hsm(ClusterId=cluster, AvailabilityZone=ZONES[0])
    event = last(made, "CreateHsm")
    assert event["eventSource"] == "cloudhsm.amazonaws.com"
    assert event["requestParameters"] == {"availabilityZone": ZONES[0], "clusterId": cluster}
    assert set(event["responseElements"]["hsm"]) >= {
        *("eniId", "clusterId", "state", "eniIp", "hsmId", "subnetId", "availabilityZone"),
    }
    hsm.describe_clusters()
    assert last(made, "DescribeClusters")["readOnly"]
    with pytest.raises(ClientError):
        hsm.delete_cluster(ClusterId=NOBODY)
    assert last(made, "DeleteCluster")["errorCode"] == MISSING
    assert len(events(made, "CreateHsm")) == 1


def test_retention_can_be_changed_the_type_not(lab: Lab, two: CloudHsmCli) -> None:
    hsm = lab.client("cloudhsmv2")
    policy = {"Type": "DAYS", "Value": "30"}
    shown = hsm.modify_cluster(ClusterId=two.cluster_id, BackupRetentionPolicy=policy)["Cluster"]
    assert shown["BackupRetentionPolicy"] == policy
    with refused("UnsupportedOperationException"):
        hsm.modify_cluster(ClusterId=two.cluster_id, HsmType="hsm1.medium")
    with refused("UnsupportedOperationException"):
        hsm.get_resource_policy()


def test_a_lab_without_clusters_loads_none_of_it() -> None:
    code = """
import sys
from kmslab import Lab
with Lab() as lab:
    lab.client("kms").create_key()
    print([name for name in sys.modules if name.startswith("kmslab.cloudhsm")])
    print((lab.path / "cloudhsm").exists())
"""
    seen, folder = run(code).splitlines()
    assert "kmslab.cloudhsm.estate" not in seen
    assert folder == "False"


@pytest.mark.usefixtures("two")
def test_folders_are_their_owners_alone(lab: Lab) -> None:
    for path in (lab.path / "cloudhsm").rglob("*"):
        if path.is_dir():
            assert path.stat().st_mode & 0o077 == 0, path
    assert (lab.path / "cloudhsm").stat().st_mode & 0o777 == 0o700


def test_a_seeded_lab_repeats_its_ids() -> None:
    seen = []
    for _ in range(2):
        with Lab(seed=5) as lab:
            cluster = create(lab.client("cloudhsmv2"))
            lab.clock.advance(minutes=1)
            seen.append((cluster, add_hsm(lab, cluster)))
    assert seen[0] == seen[1]
