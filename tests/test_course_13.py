"""Lesson 13: the cluster that one can hurt, the ceremony, and the rescue from a backup."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clusters import quickly
from cryptography import x509
from pkcs11 import KeyType

from kmslab import Lab
from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import QuorumRequired
from kmslab.course import ceremony, check, cluster, rescue
from kmslab.course.widgets import HurtCluster

BOARD, CLINIC = "the board's word", "the clinic's word"


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture
def made(fresh: Lab) -> CloudHsmCli:
    """A cluster of two HSMs, with a crypto user who has a key."""
    cli = ceremony.cluster(fresh, BOARD)
    cli.create_user("clinic", CLINIC)
    with cli.session("clinic", CLINIC) as session:
        session.generate_key(KeyType.AES, 256, label="records")
    return cli


@pytest.fixture
def hurt(fresh: Lab, made: CloudHsmCli) -> HurtCluster:
    """The widget."""
    return HurtCluster(fresh, made, "clinic", CLINIC, "records")


def test_a_ca_signs_csrs_and_itself(fresh: Lab) -> None:
    ca = ceremony.Ca("mine", fresh.clock.now())
    root = x509.load_pem_x509_certificate(ca.certificate.encode())
    root.verify_directly_issued_by(root)
    assert repr(ca) == "<Ca>"


def test_requests_go_on_with_one_hsm_and_end_with_none(hurt: HurtCluster) -> None:
    assert hurt.value == 2
    assert hurt.text == "2 of 2 HSMs serve, 2 backups, 10 of 10 requests answered"
    hurt.do(cluster.PULL)
    assert (hurt.value, hurt.picture.answered) == (1, 10)
    hurt.do(cluster.PULL)
    assert (hurt.value, hurt.picture.answered) == (0, 0)
    assert "NoActiveHsm" in hurt.text
    hurt.do(cluster.PULL)
    assert "no HSM left to pull out" in hurt.text


def test_a_new_hsm_is_filled_by_others_or_by_the_newest_backup(hurt: HurtCluster) -> None:
    hurt.do(cluster.PULL)
    hurt.do(cluster.DELETE)
    assert [each.state for each in hurt.picture.hsms] == ["ACTIVE"]
    hurt.do(cluster.ADD)
    assert [each.has_key for each in hurt.picture.hsms] == [True, True]
    for step in (cluster.DELETE, cluster.DELETE, cluster.ADD):
        hurt.do(step)
    assert (hurt.value, hurt.picture.answered) == (1, 10)
    hurt.do(cluster.DAY)
    before = hurt.picture.backups
    hurt.do(cluster.DAY)
    assert hurt.picture.backups == before + 1


def test_what_no_backup_has_is_lost(hurt: HurtCluster) -> None:
    for step in (cluster.PULL, cluster.PULL, cluster.DELETE, cluster.DELETE, cluster.ADD):
        hurt.do(step)
    assert (hurt.value, hurt.picture.answered) == (1, 0)
    assert [each.has_key for each in hurt.picture.hsms] == [False]
    for _ in range(2):
        hurt.do(cluster.DELETE)
    assert "no HSM left to delete" in hurt.text


def test_a_refusal_of_aws_is_shown(hurt: HurtCluster) -> None:
    for _ in range(5):
        hurt.do(cluster.ADD)
    assert "CloudHsmInvalidRequestException: The limit of 6 HSMs" in hurt.text


def test_the_widget_has_a_picture_a_button_each_and_refuses_other_steps(
    hurt: HurtCluster,
) -> None:
    assert set(hurt.buttons) == {cluster.PULL, cluster.DELETE, cluster.ADD, cluster.DAY}
    hurt.buttons[cluster.PULL].click()
    assert hurt.value == 1
    assert "10 of 10 requests were answered" in hurt.still()
    assert "<table" in hurt.still()
    bundle = hurt._repr_mimebundle_()
    assert bundle["text/plain"] == repr(hurt)
    assert bundle["text/html"] == hurt.still()
    with pytest.raises(ValueError, match="CreateHsm"):
        hurt.do("explode")


def test_an_approver_counts_once(made: CloudHsmCli) -> None:
    made.create_user("second", BOARD, "admin")
    board = [ceremony.Approver(name) for name in ("admin", "second")]
    for each in board:
        made.login(each.name, BOARD)
        each.register(made)
    made.login("admin", BOARD)
    made.set_quorum("user", 2)
    token = made.generate_token("user")
    for signed in (token, board[0].approve(board[0].approve(token))):
        with pytest.raises(QuorumRequired):
            made.create_user("night", CLINIC, approval=signed)
    made.create_user("night", CLINIC, approval=board[1].approve(board[0].approve(token)))
    assert check.lesson13.ex2(made, {}).state == "not yet"


def test_the_rescue_can_be_begun_again_and_again(fresh: Lab) -> None:
    client = fresh.client("cloudhsmv2")
    for _ in range(4):
        lost = rescue.lost(fresh)
        backups = client.describe_backups(Filters={"clusterIds": [lost.cluster_id]})["Backups"]
        made = client.create_cluster(
            HsmType="hsm2m.medium",
            SubnetIds=["subnet-0a1b2c3d"],
            SourceBackupId=backups[2]["BackupId"],
        )["Cluster"]["ClusterId"]
        fresh.clock.advance(minutes=1)
        client.create_hsm(ClusterId=made, AvailabilityZone="us-east-1a")
        assert check.lesson13.ex1(fresh, lost, made).state == "not yet"
        fresh.clock.advance(minutes=5)
        assert check.lesson13.ex1(fresh, lost, made).state == "done"
    assert lost.password not in repr(lost)
