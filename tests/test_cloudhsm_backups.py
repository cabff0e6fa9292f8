"""Backups: made by events and by time, encrypted inside, restored with users, keys, certificate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from clusters import (
    ADMIN,
    ALICE,
    BOB,
    ZONES,
    active,
    add_hsm,
    aes,
    alice,
    claimed,
    create,
    described,
    quickly,
)
from expect import refused
from pkcs11 import KeyType

from kmslab import Lab
from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import (
    ClusterError,
    KeyNotFound,
    NoActiveHsm,
    QuorumRequired,
    UserNotFound,
)

INVALID, MISSING = "CloudHsmInvalidRequestException", "CloudHsmResourceNotFoundException"


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


def backups(lab: Lab, region: str = "us-east-1", **filters: list[str]) -> list[dict[str, Any]]:
    """The backups of a Region, oldest first."""
    hsm = lab.client("cloudhsmv2", region=region)
    found = hsm.describe_backups(Filters=filters, SortAscending=True)["Backups"]
    return list(found)


def delete_all(lab: Lab, cli: CloudHsmCli) -> None:
    """Deletes every HSM of a cluster."""
    for each in cli.hsms():
        lab.client("cloudhsmv2").delete_hsm(ClusterId=cli.cluster_id, HsmId=each)


def restored(lab: Lab, backup: str, region: str = "us-east-1", **more: Any) -> CloudHsmCli:
    """A new cluster of one HSM, made from a backup."""
    hsm = lab.client("cloudhsmv2", region=region)
    cluster = create(hsm, SourceBackupId=backup, **more)
    lab.clock.advance(minutes=1)
    hsm.create_hsm(ClusterId=cluster, AvailabilityZone=f"{region}a")
    lab.clock.advance(minutes=5)
    return lab.cloudhsm(cluster)


def test_backups_are_made_when_hsms_come_and_go_and_once_a_day(fresh: Lab) -> None:
    cluster = claimed(fresh)
    assert len(backups(fresh)) == 1  # by InitializeCluster
    cli = fresh.cloudhsm(cluster)
    cli.activate(ADMIN)
    add_hsm(fresh, cluster, ZONES[1])
    assert len(backups(fresh)) == 2
    fresh.client("cloudhsmv2").delete_hsm(ClusterId=cluster, HsmId=next(iter(cli.hsms())))
    assert [each["BackupState"] for each in backups(fresh)] == [
        *("READY", "READY"),
        "CREATE_IN_PROGRESS",
    ]
    fresh.clock.advance(hours=23)
    assert len(backups(fresh)) == 3
    fresh.clock.advance(hours=1)
    assert len(backups(fresh)) == 4
    fresh.clock.advance(days=3)
    assert len(backups(fresh)) == 5


def test_keys_and_users_are_there_after_the_last_hsm_was_deleted(fresh: Lab) -> None:
    cli = active(fresh)
    cli.create_user("bob", BOB)
    session = alice(cli)
    keys = [aes(session, "aes"), aes(session, "kept", extractable=False)]
    pair = session.generate_keypair(KeyType.RSA, 2048, label="rsa")
    mac = session.generate_key(KeyType.GENERIC_SECRET, 256, label="mac")
    keys[0].share("bob")
    sealed = {key.label: key.encrypt(b"before", aad=b"x") for key in keys}
    letter, tag = pair.encrypt(b"before"), mac.sign(b"before")
    delete_all(fresh, cli)
    with pytest.raises((NoActiveHsm, ClusterError)):
        keys[0].decrypt(sealed["aes"], aad=b"x")
    with pytest.raises(NoActiveHsm):
        alice(cli)
    assert not list((fresh.path / "cloudhsm" / cli.cluster_id).glob("hsm-*"))
    add_hsm(fresh, cli.cluster_id, ZONES[1])
    session = alice(cli, check_availability=False)
    for label, text in sealed.items():
        assert session.get_key(label=label).decrypt(text, aad=b"x") == b"before"
    assert session.get_key(label="rsa").decrypt(letter) == b"before"
    assert session.get_key(label="mac").verify(b"before", tag)
    bob = cli.session("bob", BOB, check_availability=False)
    assert bob.get_key(label="aes").decrypt(sealed["aes"], aad=b"x") == b"before"
    with pytest.raises(KeyNotFound):
        bob.get_key(label="kept")
    cli.login("admin", ADMIN)


def test_what_was_made_after_the_last_backup_is_lost_with_the_hsms(fresh: Lab) -> None:
    cli = active(fresh)
    session = alice(cli)
    aes(session, "before")
    fresh.clock.advance(days=1)
    cli.users()  # the daily backup
    aes(session, "after")
    cli.create_user("late", BOB)
    for each in cli.hsms():
        cli.destroy(each)
    delete_all(fresh, cli)
    add_hsm(fresh, cli.cluster_id)
    session = alice(cli, check_availability=False)
    assert [key.label for key in session.get_keys()] == ["before"]
    with pytest.raises(UserNotFound):
        cli.session("late", BOB)


def test_a_cluster_from_a_backup_is_related_and_needs_no_ceremony(fresh: Lab) -> None:
    cli = active(fresh)
    sealed = aes(alice(cli), "key", extractable=False).encrypt(b"before")
    hsm = fresh.client("cloudhsmv2")
    hsm.delete_hsm(ClusterId=cli.cluster_id, HsmId=next(iter(cli.hsms())))
    fresh.clock.advance(minutes=1)
    new = restored(fresh, backups(fresh)[-1]["BackupId"])
    one, two = described(hsm, cli.cluster_id), described(hsm, new.cluster_id)
    assert two["State"] == "ACTIVE"
    assert two["SourceBackupId"] == backups(fresh)[-1]["BackupId"]
    assert one["Certificates"] == two["Certificates"]
    access = fresh._clusters.access
    views = [access.find(each) for each in (cli.cluster_id, new.cluster_id)]
    assert views[0].history == views[1].history
    assert views[0].fingerprint == views[1].fingerprint != ""
    session = new.session("alice", ALICE, check_availability=False)
    key = session.get_key(label="key")
    assert key.decrypt(sealed) == b"before"
    aes(session, "only here")
    with pytest.raises(KeyNotFound):
        alice(cli, check_availability=False).get_key(label="only here")


def test_a_cluster_of_another_history_opens_no_such_backup(fresh: Lab) -> None:
    cli, other = active(fresh, hsms=1), active(fresh, hsms=1)
    delete_all(fresh, cli)
    delete_all(fresh, other)
    (mine, theirs) = (
        backups(fresh, clusterIds=[each.cluster_id])[-1]["BackupId"] for each in (cli, other)
    )
    folder = fresh.path / "cloudhsm" / "backups"
    text = (folder / f"{theirs}.json").read_text()
    for each in backups(fresh, clusterIds=[cli.cluster_id]):
        (folder / f"{each['BackupId']}.json").write_text(text)
    new = add_hsm(fresh, cli.cluster_id)
    assert cli.hsms() == {new: "DEGRADED"}
    with pytest.raises(NoActiveHsm):
        alice(cli)
    assert mine != theirs


@pytest.mark.parametrize("change", ["head", "body", "ebk", "cut", "empty", "text"])
def test_a_damaged_backup_is_passed_over_for_the_one_before(fresh: Lab, change: str) -> None:
    cli = active(fresh, hsms=1)
    aes(alice(cli, check_availability=False), "key")
    fresh.clock.advance(days=1)
    cli.users()
    delete_all(fresh, cli)
    newest = fresh.path / "cloudhsm" / "backups" / f"{backups(fresh)[-1]['BackupId']}.json"
    whole = json.loads(newest.read_text())
    if change in ("body", "ebk"):
        middle = len(whole[change]) // 2
        digit = "0" if whole[change][middle] != "0" else "1"
        whole[change] = whole[change][:middle] + digit + whole[change][middle + 1 :]
    elif change == "head":
        whole["head"]["mode"] = "NON_FIPS"
    text = {"cut": json.dumps(whole)[:-40], "empty": "", "text": "[1]"}
    newest.write_text(text.get(change, json.dumps(whole)))
    add_hsm(fresh, cli.cluster_id)
    session = alice(cli, check_availability=False)
    assert session.get_key(label="key").decrypt(session.get_key(label="key").encrypt(b"x")) == b"x"


def test_a_quorum_comes_back_with_the_users(fresh: Lab) -> None:
    cli = active(fresh, hsms=1)
    cli.create_user("second", BOB, "admin")
    cli.set_quorum("user", 2)
    delete_all(fresh, cli)
    add_hsm(fresh, cli.cluster_id)
    assert cli.quorum_values() == {"user": 2, "quorum": 1}
    new = restored(fresh, backups(fresh)[-1]["BackupId"])
    assert new.quorum_values() == {"user": 2, "quorum": 1}
    new.login("admin", ADMIN)
    with pytest.raises(QuorumRequired):
        new.create_user("mallory", BOB)


def test_in_a_seeded_lab_keys_and_backups_keep_their_order() -> None:
    with Lab(seed=3) as lab:
        cli = active(lab, hsms=1)
        session = alice(cli, check_availability=False)
        made = [aes(session).handle for _ in range(5)]
        assert [key.handle for key in session.get_keys()] == made
        lab.clock.advance(days=1)
        cli.users()
        before = {each["BackupId"] for each in backups(lab)}
        lab.clock.advance(days=1)
        cli.users()
        delete_all(lab, cli)
        order = [each["BackupId"] for each in backups(lab)]
        assert set(order[: len(before)]) == before
        times = [each["CreateTimestamp"] for each in backups(lab)]
        assert len(set(times)) == len(times)


def test_backups_hold_nothing_in_clear(fresh: Lab) -> None:
    cli = active(fresh, hsms=1)
    aes(alice(cli, check_availability=False), "the label of a key")
    delete_all(fresh, cli)
    for path in (fresh.path / "cloudhsm" / "backups").iterdir():
        text = path.read_text()
        for secret in ("alice", "the label of a key", "admin", ALICE):
            assert secret not in text
            assert secret.encode().hex() not in text
        assert path.stat().st_mode & 0o077 == 0


def test_a_backup_goes_back_into_the_same_mode_only(fresh: Lab) -> None:
    claimed(fresh, Mode="NON_FIPS")
    hsm = fresh.client("cloudhsmv2")
    fresh.clock.advance(minutes=1)
    (backup,) = backups(fresh)
    assert backup["Mode"] == "NON_FIPS"
    for mode in ({}, {"Mode": "FIPS"}):
        with refused(INVALID):
            create(hsm, SourceBackupId=backup["BackupId"], **mode)
    create(hsm, SourceBackupId=backup["BackupArn"], Mode="NON_FIPS")
    with refused(MISSING):
        create(hsm, SourceBackupId=backup["BackupArn"].replace("east-1", "west-2"))
    with refused(MISSING):
        create(hsm, SourceBackupId="backup-aaaaaaaaaaa")


def test_a_copy_in_another_region_restores_there_with_its_keys(fresh: Lab) -> None:
    cli = active(fresh, hsms=1)
    sealed = aes(alice(cli, check_availability=False), "key").encrypt(b"before")
    delete_all(fresh, cli)
    source = backups(fresh)[-1]["BackupId"]
    hsm = fresh.client("cloudhsmv2")
    with refused(INVALID):
        hsm.copy_backup_to_region(DestinationRegion="eu-west-1", BackupId=source)  # not READY
    fresh.clock.advance(minutes=1)
    for wrong in ("us-east-1", "moon-east-1"):
        with refused(INVALID):
            hsm.copy_backup_to_region(DestinationRegion=wrong, BackupId=source)
    told = hsm.copy_backup_to_region(DestinationRegion="eu-west-1", BackupId=source)
    assert told["DestinationBackup"]["SourceBackup"] == source
    fresh.clock.advance(minutes=1)
    (copy,) = backups(fresh, "eu-west-1", sourceBackupIds=[source])
    assert copy["SourceCluster"] == cli.cluster_id
    assert copy["CreateTimestamp"] == told["DestinationBackup"]["CreateTimestamp"]
    new = restored(fresh, copy["BackupId"], "eu-west-1")
    session = new.session("alice", ALICE, check_availability=False)
    assert session.get_key(label="key").decrypt(sealed) == b"before"
    fresh.clock.advance(days=400)
    assert copy["BackupId"] in [each["BackupId"] for each in backups(fresh, "eu-west-1")]


def test_a_deleted_backup_can_be_brought_back_for_seven_days(fresh: Lab) -> None:
    claimed(fresh)
    fresh.clock.advance(minutes=1)
    hsm, (backup,) = fresh.client("cloudhsmv2"), backups(fresh)
    name = {"BackupId": backup["BackupId"]}
    with refused(INVALID):
        hsm.restore_backup(**name)
    gone = hsm.delete_backup(**name)["Backup"]
    assert gone["BackupState"] == "PENDING_DELETION"
    assert (gone["DeleteTimestamp"] - fresh.clock.now()).days in (6, 7)
    with refused(INVALID):
        hsm.delete_backup(**name)
    with refused(INVALID):
        create(hsm, SourceBackupId=backup["BackupId"])
    fresh.clock.advance(days=6)
    assert hsm.restore_backup(**name)["Backup"]["BackupState"] == "READY"
    hsm.delete_backup(**name)
    fresh.clock.advance(days=7)
    with refused(MISSING):
        hsm.restore_backup(**name)
    file = fresh.path / "cloudhsm" / "backups" / f"{backup['BackupId']}.json"
    assert not file.exists()


def test_old_backups_go_by_the_clusters_retention_but_not_the_last(fresh: Lab) -> None:
    cluster, hsm = claimed(fresh), fresh.client("cloudhsmv2")
    policy = {"Type": "DAYS", "Value": "7"}
    hsm.modify_cluster(ClusterId=cluster, BackupRetentionPolicy=policy)
    first = backups(fresh)[0]["BackupId"]
    fresh.clock.advance(days=1)
    second = backups(fresh)[-1]["BackupId"]
    hsm.modify_backup_attributes(BackupId=first, NeverExpires=True)
    fresh.clock.advance(days=7)
    states = {each["BackupId"]: each["BackupState"] for each in backups(fresh)}
    assert states[first] == "READY"
    assert states[second] == "PENDING_DELETION"
    assert [each["BackupId"] for each in backups(fresh, neverExpires=["true"])] == [first]
    (one,) = described(hsm, cluster)["Hsms"]
    hsm.delete_hsm(ClusterId=cluster, HsmId=one["HsmId"])
    hsm.modify_backup_attributes(BackupId=first, NeverExpires=False)
    fresh.clock.advance(days=30)
    left = [each for each in backups(fresh) if each["BackupState"] == "READY"]
    assert len(left) == 1


def test_backups_come_in_pages_newest_first(fresh: Lab) -> None:
    claimed(fresh)
    for _ in range(3):
        fresh.clock.advance(days=1)
        backups(fresh)
    hsm = fresh.client("cloudhsmv2")
    pages = list(hsm.get_paginator("describe_backups").paginate(PaginationConfig={"PageSize": 3}))
    times = [each["CreateTimestamp"] for page in pages for each in page["Backups"]]
    assert [len(page["Backups"]) for page in pages] == [3, 1]
    assert times == sorted(times, reverse=True)
    assert hsm.describe_backups(Shared=True)["Backups"] == []
    with refused(INVALID):
        hsm.describe_backups(Filters={"colour": ["red"]})
    with refused(MISSING):
        hsm.delete_backup(BackupId="backup-aaaaaaaaaaa")
    with refused(INVALID):
        hsm.delete_backup(BackupId="backup")
