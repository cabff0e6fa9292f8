"""The door for custom key stores: find a cluster, log in as kmsuser, use keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clusters import ALICE, BOB, ZONES, active, create, quickly
from expect import run
from pkcs11 import Attribute

from kmslab import Lab
from kmslab.cloudhsm.access import Access, KeyStoreSession
from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import (
    BadRequest,
    ClusterNotActive,
    ClusterNotFound,
    CryptoRefused,
    InvalidCredentials,
    KeyNotAvailable,
    KeyNotFound,
    NoActiveHsm,
    NotLoggedIn,
    UserLockedOut,
    UserLoggedIn,
    UserNotFound,
)


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture
def cli(fresh: Lab) -> CloudHsmCli:
    """An active cluster of two HSMs with a kmsuser."""
    client = active(fresh)
    client.create_user("kmsuser", BOB)
    return client


@pytest.fixture
def access(fresh: Lab) -> Access:
    """The lab's door."""
    return fresh._clusters.access


@pytest.fixture
def session(cli: CloudHsmCli, access: Access) -> KeyStoreSession:
    """KMS logged in."""
    return access.login(cli.cluster_id, "kmsuser", BOB)


def test_a_cluster_is_seen_as_it_is(fresh: Lab, cli: CloudHsmCli, access: Access) -> None:
    view = access.find(cli.cluster_id)
    assert (view.account, view.region, view.state) == (fresh.account, "us-east-1", "ACTIVE")
    assert [each.zone for each in view.hsms] == [*ZONES[:2]]
    assert view.zones == ZONES
    assert view.trust_anchor.startswith("-----BEGIN CERTIFICATE-----")
    assert len(view.fingerprint) == 64
    cli.switch_off(view.hsms[0].hsm_id)
    assert [each.zone for each in access.find(cli.cluster_id).hsms] == [ZONES[1]]
    new = access.find(create(fresh.client("cloudhsmv2")))
    assert (new.state, new.hsms, new.fingerprint) == ("CREATE_IN_PROGRESS", (), "")
    with pytest.raises(ClusterNotFound):
        access.find("cluster-aaaaaaaaaaa")


def test_each_hindrance_has_its_error(fresh: Lab, cli: CloudHsmCli, access: Access) -> None:
    cluster = cli.cluster_id
    with pytest.raises(ClusterNotFound):
        access.login("cluster-aaaaaaaaaaa", "kmsuser", BOB)
    with pytest.raises(ClusterNotActive):
        access.login(create(fresh.client("cloudhsmv2")), "kmsuser", BOB)
    with pytest.raises(UserNotFound):
        access.login(cluster, "nobody", BOB)
    with pytest.raises(UserNotFound):
        access.login(cluster, "admin", BOB)  # an admin is no crypto user
    learner = cli.session("kmsuser", BOB)
    with pytest.raises(UserLoggedIn):
        access.login(cluster, "kmsuser", BOB)
    learner.close()
    first, second = (access.login(cluster, "kmsuser", BOB) for _ in range(2))
    with pytest.raises(UserLoggedIn):
        access.login(cluster, "kmsuser", BOB, owner="somebody")
    first.logout()
    first.logout()
    second.logout()
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            access.login(cluster, "kmsuser", ALICE)
    with pytest.raises(UserLockedOut):
        access.login(cluster, "kmsuser", ALICE)
    for each in cli.hsms():
        cli.switch_off(each)
    with pytest.raises(NoActiveHsm):
        access.login(cluster, "kmsuser", BOB)


def test_a_key_encrypts_with_aad_and_stays(cli: CloudHsmCli, session: KeyStoreSession) -> None:
    handle = session.generate_key("a KMS key")
    assert session.find_keys("a KMS key") == (handle,)
    assert session.exists(handle)
    sealed = session.encrypt(handle, b"text", b"aad")
    assert len(sealed) == 12 + 4 + 16
    assert session.decrypt(handle, sealed, b"aad") == b"text"
    for wrong, aad in ((sealed, b"no"), (sealed[:20], b"aad"), (sealed[:-1] + b"?", b"aad")):
        with pytest.raises(CryptoRefused):
            session.decrypt(handle, wrong, aad)
    unit = cli._estate.units(cli.cluster_id)[0]
    (record,) = (each for each in session._using._find("a KMS key", None))
    assert not record.extractable
    assert unit.object_of(record)[Attribute.WRAP_WITH_TRUSTED]
    assert len(session.random(24)) == 24
    session.destroy(handle)
    assert not session.exists(handle)
    for work in (
        lambda: session.encrypt(handle, b"", b""),
        lambda: session.destroy(handle),
        lambda: session.encrypt("0x00", b"", b""),
    ):
        with pytest.raises(KeyNotFound):
            work()


def test_one_hsm_is_enough_to_use_a_key_not_to_make_one(
    cli: CloudHsmCli, session: KeyStoreSession
) -> None:
    handle = session.generate_key("key")
    sealed = session.encrypt(handle, b"text", b"")
    first, second = cli.hsms()
    cli.switch_off(first)
    assert session.decrypt(handle, sealed, b"") == b"text"
    with pytest.raises(KeyNotAvailable):
        session.generate_key("another")
    cli.switch_off(second)
    for work in (
        lambda: session.decrypt(handle, sealed, b""),
        lambda: session.exists(handle),
        lambda: session.generate_key("another"),
        lambda: session.random(8),
    ):
        with pytest.raises(NoActiveHsm):
            work()
    cli.switch_on(first)
    assert session.decrypt(handle, sealed, b"") == b"text"


def test_a_new_password_keeps_this_session_and_ends_others(
    cli: CloudHsmCli, access: Access, session: KeyStoreSession
) -> None:
    other = access.login(cli.cluster_id, "kmsuser", BOB)
    with pytest.raises(BadRequest):
        session.change_password("short")
    session.change_password(ALICE)
    assert session.random(8)
    with pytest.raises(NotLoggedIn):
        other.random(8)
    session.logout()
    with pytest.raises(NotLoggedIn):
        session.random(8)
    with pytest.raises(InvalidCredentials):
        access.login(cli.cluster_id, "kmsuser", BOB)


def test_another_process_sees_who_is_logged_in_and_a_dead_one_is_forgotten(
    fresh: Lab, cli: CloudHsmCli, access: Access, session: KeyStoreSession
) -> None:
    code = """
import sys
from kmslab import Lab
from kmslab.cloudhsm.errors import UserLoggedIn
with Lab(sys.argv[1]) as lab:
    cli = lab.cloudhsm(sys.argv[2])
    try:
        lab._clusters.access.login(sys.argv[2], "kmsuser", sys.argv[3], owner="other")
    except UserLoggedIn:
        print("logged in")
    session = lab._clusters.access.login(sys.argv[2], "kmsuser", sys.argv[3])
    print(session.decrypt(sys.argv[4], bytes.fromhex(sys.argv[5]), b"aad"))
    held = cli.session("kmsuser", sys.argv[3])
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL) if len(sys.argv) > 6 else None
"""
    handle = session.generate_key("key")
    sealed = session.encrypt(handle, b"text", b"aad").hex()
    seen = run(code, fresh.path, cli.cluster_id, BOB, handle, sealed)
    assert seen.splitlines() == ["logged in", "b'text'"]
    with pytest.raises(AssertionError):  # killed, still logged in
        run(code, fresh.path, cli.cluster_id, BOB, handle, sealed, "kill")
    session.logout()
    access.login(cli.cluster_id, "kmsuser", BOB).logout()
