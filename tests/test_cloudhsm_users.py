"""Users inside a cluster: activation, passwords, lockout, quorum. IAM has no say in it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from clusters import ADMIN, ALICE, BOB, aes, alice, claimed, rsa_key, unclaimed
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from expect import files

from kmslab import Lab
from kmslab.cloudhsm import errors, records
from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import (
    BadRequest,
    ClusterNotActive,
    ClusterNotFound,
    InvalidCredentials,
    NotLoggedIn,
    NotPermitted,
    QuorumRequired,
    UserExists,
    UserLockedOut,
    UserNotFound,
)


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> str:
    """An active cluster of one HSM."""
    made = claimed(lab)
    lab.cloudhsm(made).activate(ADMIN)
    return made


@pytest.fixture
def cli(lab: Lab, cluster: str) -> Iterator[CloudHsmCli]:
    """A client in which the admin is logged in; the users that a test makes are gone after it."""
    client = lab.cloudhsm(cluster)
    client.login("admin", ADMIN)
    before = {(each["username"], each["role"]) for each in client.users()}
    yield client
    estate = client._estate
    with estate.store.transaction():
        for each in client.users():
            if (each["username"], each["role"]) not in before:
                estate.store.write(
                    "DELETE FROM cloudhsm_user WHERE name = ? AND role = ?",
                    (each["username"], each["role"]),
                )
        estate.store.write("DELETE FROM cloudhsm_token")


def named(cli: CloudHsmCli, name: str) -> Any:
    """A user as the list shows it, or None."""
    return next((each for each in cli.users() if each["username"] == name), None)


def test_activation_makes_the_admin_once(fresh: Lab) -> None:
    cluster = claimed(fresh)
    cli = fresh.cloudhsm(cluster)
    assert named(cli, "admin")["role"] == "unactivated-admin"
    with pytest.raises(ClusterNotActive):
        cli.login("admin", ADMIN)
    for bad in ("short", "x" * 33, "with:a colon", "", 7):
        with pytest.raises(BadRequest):
            cli.activate(bad)  # type: ignore[arg-type]
    cli.activate(ADMIN)
    assert named(cli, "admin")["role"] == "admin"
    assert named(cli, "app_user")["role"] == "internal(APPLIANCE_USER)"
    with pytest.raises(ClusterNotActive):
        cli.activate("another password")
    assert cli.login("ADMIN", ADMIN) == {"username": "admin", "role": "admin"}


def test_nobody_gets_in_before(fresh: Lab) -> None:
    with pytest.raises(ClusterNotFound):
        fresh.cloudhsm("cluster-aaaaaaaaaaa")
    with pytest.raises(BadRequest):
        fresh.cloudhsm(13)  # type: ignore[arg-type]
    cluster, _ = unclaimed(fresh)
    cli = fresh.cloudhsm(cluster)
    with pytest.raises(ClusterNotActive):
        cli.activate(ADMIN)
    with pytest.raises(ClusterNotActive):
        cli.session("alice", ALICE)


def test_only_an_admin_who_is_logged_in_makes_users(lab: Lab, cluster: str) -> None:
    cli = lab.cloudhsm(cluster)
    for call in (
        lambda: cli.create_user("alice", ALICE),
        lambda: cli.delete_user("alice"),
        lambda: cli.change_password("admin", "another one", "admin"),
        lambda: cli.generate_token("user"),
        lambda: cli.set_quorum("user", 2),
        cli.tokens,
    ):
        with pytest.raises(NotLoggedIn):
            call()
    with pytest.raises(InvalidCredentials):
        cli.login("admin", "not the password")
    with pytest.raises(UserNotFound):
        cli.login("nobody", ADMIN)
    cli.login("admin", ADMIN)
    cli.logout()
    with pytest.raises(NotLoggedIn):
        cli.tokens()


def test_users_are_made_listed_and_deleted(cli: CloudHsmCli) -> None:
    assert cli.create_user("Alice", ALICE) == {"username": "alice", "role": "crypto-user"}
    assert named(cli, "alice")["locked"] == "false"
    with pytest.raises(UserExists):
        cli.create_user("ALICE", BOB)
    cli.create_user("alice", BOB, "admin")  # another role is another user
    with pytest.raises(InvalidCredentials):
        cli.session("alice", BOB)
    session = cli.session("alice", ALICE)
    with pytest.raises(NotPermitted):
        cli.delete_user("alice")  # logged in
    session.close()
    cli.delete_user("alice")
    with pytest.raises(UserNotFound):
        cli.session("alice", ALICE)
    with pytest.raises(UserNotFound):
        cli.delete_user("alice")


@pytest.mark.parametrize(
    ("name", "password", "role"),
    [
        ("", ALICE, "crypto-user"),
        ("x" * 32, ALICE, "crypto-user"),
        ("a-b", ALICE, "crypto-user"),
        ("../../x", ALICE, "crypto-user"),
        ("ünder", ALICE, "crypto-user"),
        (None, ALICE, "crypto-user"),
        ("eve", "short6", "crypto-user"),
        ("eve", "x" * 33, "crypto-user"),
        ("eve", "half a pair \ud800", "crypto-user"),
        ("eve", None, "crypto-user"),
        ("eve", b"bytes are not", "crypto-user"),
        ("eve", ALICE, "root"),
        ("eve", ALICE, "unactivated-admin"),
    ],
)
def test_users_of_the_wrong_form_are_refused(
    cli: CloudHsmCli, name: Any, password: Any, role: Any
) -> None:
    before = cli.users()
    with pytest.raises(BadRequest) as caught:
        cli.create_user(name, password, role)
    assert str(password) not in str(caught.value)
    assert cli.users() == before


def test_a_user_who_owns_keys_stays(cli: CloudHsmCli) -> None:
    cli.create_user("alice", ALICE)
    with alice(cli, check_availability=False) as session:
        key = aes(session)
    with pytest.raises(NotPermitted):
        cli.delete_user("alice")
    with alice(cli, check_availability=False) as session:
        session.get_key(handle=key.handle).destroy()
    cli.delete_user("alice")


def test_too_many_wrong_passwords_lock_a_user_out_until_an_admin_helps(cli: CloudHsmCli) -> None:
    cli.create_user("alice", ALICE)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            cli.session("alice", "wrong password")
    alice(cli).close()  # a right one sets the count back
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            cli.session("alice", "wrong password")
    with pytest.raises(UserLockedOut):
        cli.session("alice", "wrong password")
    assert named(cli, "alice")["locked"] == "true"
    with pytest.raises(UserLockedOut):
        alice(cli)
    cli.change_password("alice", BOB)
    cli.session("alice", BOB).close()


def test_a_new_password_ends_other_sessions_and_an_admin_waits_for_logout(
    cli: CloudHsmCli,
) -> None:
    cli.create_user("alice", ALICE)
    first, second = alice(cli), alice(cli)
    with pytest.raises(NotPermitted):
        cli.change_password("alice", BOB)
    first.change_password(BOB)
    first.generate_random(64)
    with pytest.raises(NotLoggedIn):
        second.generate_random(64)
    with pytest.raises(InvalidCredentials):
        alice(cli)
    first.close()
    with pytest.raises(NotLoggedIn):
        first.generate_random(64)
    cli.change_password("alice", ALICE)
    alice(cli).close()


def test_an_admin_changes_the_own_password_and_goes_on(cli: CloudHsmCli) -> None:
    cli.create_user("second", BOB, "admin")
    cli.login("second", BOB)
    cli.change_password("second", ALICE, "admin")
    cli.create_user("carol", BOB)
    with pytest.raises(InvalidCredentials):
        cli.login("second", BOB)
    with pytest.raises(NotLoggedIn):
        cli.create_user("dave", BOB)


def test_passwords_are_in_no_file_repr_or_message(lab: Lab, cli: CloudHsmCli) -> None:
    cli.create_user("alice", ALICE)
    session = alice(cli)
    with pytest.raises(InvalidCredentials) as caught:
        cli.session("alice", "a wrong secret")
    assert "a wrong secret" not in str(caught.value)
    shown = repr((session, session.entry, session.entry.user(), cli, session.entry.login))
    for secret in (ADMIN, ALICE):
        assert secret not in shown
        for path, content in files(lab.path).items():
            assert secret.encode() not in content, path
    assert session.entry.user().password not in shown
    session.close()


def test_equal_passwords_have_different_hashes(lab: Lab, cli: CloudHsmCli) -> None:
    cli.create_user("alice", ALICE)
    cli.create_user("bob", ALICE)
    rows = lab._rooms.store.rows(
        "SELECT details FROM cloudhsm_user WHERE cluster = ?", (cli.cluster_id,)
    )
    hashes_of = [row[0].split('"password": "')[1][:64] for row in rows]
    assert len(set(hashes_of)) == len(rows) == 3


# --- quorum ------------------------------------------------------------------------------------


def signed(token: dict[str, Any], key: Any, name: str) -> dict[str, Any]:
    """The token with one more signature."""
    digest = base64.b64decode(token["token"])
    signature = key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    entry = {"username": name, "signature": base64.b64encode(signature).decode()}
    return {**token, "signatures": [*token["signatures"], entry]}


def public(key: Any) -> str:
    """Its public key as PEM."""
    text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return str(text.decode())


@pytest.fixture(scope="module")
def approvers() -> dict[str, Any]:
    """The approval keys of three admins."""
    return {name: rsa_key() for name in ("admin", "second", "third")}


@pytest.fixture
def board(cli: CloudHsmCli, approvers: dict[str, Any]) -> Iterator[CloudHsmCli]:
    """Three admins with registered keys, two of whom have to approve; admin is logged in."""
    for name in ("second", "third"):
        cli.create_user(name, BOB, "admin")
    for name, key in approvers.items():
        cli.login(name, ADMIN if name == "admin" else BOB)
        token = cli.generate_token("registration")
        cli.register_key(public(key), signed(token, key, name))
    cli.login("admin", ADMIN)
    cli.set_quorum("user", 2)
    yield cli
    store = cli._estate.store
    with store.transaction():
        records.put(store, replace(cli._estate.cluster(cli.cluster_id), quorum={}))


def test_with_a_quorum_no_admin_manages_users_alone(
    board: CloudHsmCli, approvers: dict[str, Any]
) -> None:
    assert board.quorum_values() == {"user": 2, "quorum": 1}
    for call in (
        lambda **more: board.create_user("alice", ALICE, **more),
        lambda **more: board.change_password("second", ALICE, "admin", **more),
        lambda **more: board.delete_user("third", "admin", **more),
    ):
        with pytest.raises(QuorumRequired, match="Quorum approval is required"):
            call()
        token = signed(board.generate_token("user"), approvers["admin"], "admin")
        with pytest.raises(QuorumRequired, match="1 of 2"):
            call(approval=token)
        twice = signed(token, approvers["admin"], "ADMIN")
        with pytest.raises(QuorumRequired, match="1 of 2"):
            call(approval=twice)
        call(approval=signed(token, approvers["second"], "second"))
        with pytest.raises((QuorumRequired, UserNotFound)):  # used up
            call(approval=signed(token, approvers["second"], "second"))
    board.change_password("admin", ADMIN, "admin")  # the own one needs no approval


def test_signatures_of_others_or_for_others_do_not_count(
    board: CloudHsmCli, approvers: dict[str, Any]
) -> None:
    token = board.generate_token("user")
    forged = signed(signed(token, rsa_key(), "second"), rsa_key(), "third")
    with pytest.raises(QuorumRequired, match="0 of 2"):
        board.create_user("alice", ALICE, approval=forged)
    names = signed(signed(token, approvers["second"], "third"), approvers["second"], "nobody")
    with pytest.raises(QuorumRequired, match="0 of 2"):
        board.create_user("alice", ALICE, approval=names)
    other = board.generate_token("quorum")
    good = signed(signed(other, approvers["second"], "second"), approvers["third"], "third")
    with pytest.raises(QuorumRequired, match="not one of this login"):
        board.create_user("alice", ALICE, approval=good)
    assert named(board, "alice") is None


def test_a_token_lasts_ten_minutes_and_one_login_and_until_the_next(
    lab: Lab, board: CloudHsmCli, approvers: dict[str, Any]
) -> None:
    def approved() -> dict[str, Any]:
        token = board.generate_token("user")
        return signed(signed(token, approvers["second"], "second"), approvers["third"], "third")

    old = approved()
    assert len(board.tokens()) == 1
    lab.clock.advance(minutes=10)
    assert board.tokens() == []
    replaced, new = approved(), approved()
    for token in (old, replaced):
        with pytest.raises(QuorumRequired):
            board.create_user("alice", ALICE, approval=token)
    board.login("admin", ADMIN)
    with pytest.raises(QuorumRequired):
        board.create_user("alice", ALICE, approval=new)
    board.create_user("alice", ALICE, approval=approved())


@pytest.mark.parametrize(
    "change",
    [
        {"token": ""},
        {"approval_data": "AAAA"},
        {"approval_data": None},
        {"signatures": "none"},
        {"signatures": [{"username": "second"}]},
        {"signatures": [{"username": 2, "signature": ""}]},
    ],
)
def test_tokens_of_the_wrong_form_are_refused(board: CloudHsmCli, change: dict[str, Any]) -> None:
    token = {**board.generate_token("user"), **change}
    with pytest.raises(errors.ClusterError):
        board.create_user("alice", ALICE, approval=token)
    with pytest.raises(BadRequest):
        board.create_user("alice", ALICE, approval="token")  # type: ignore[arg-type]


def test_a_key_is_registered_only_by_who_has_its_private_key(cli: CloudHsmCli) -> None:
    key, token = rsa_key(), cli.generate_token("registration")
    with pytest.raises(BadRequest, match="not signed"):
        cli.register_key(public(key), token)
    with pytest.raises(BadRequest, match="not signed"):
        cli.register_key(public(key), signed(token, rsa_key(), "admin"))
    with pytest.raises(BadRequest, match="registration token"):
        cli.register_key(public(key), signed(cli.generate_token("user"), key, "admin"))
    for bad in ("no key", public(ec.generate_private_key(ec.SECP256R1())), 5):
        with pytest.raises(BadRequest):
            cli.register_key(bad, token)  # type: ignore[arg-type]


def test_a_quorum_has_two_to_eight_and_not_more_than_admins(board: CloudHsmCli) -> None:
    for service, value in (("user", 4), ("user", 9), ("user", 0), ("user", True), ("keys", 2)):
        with pytest.raises(BadRequest):
            board.set_quorum(service, value)
    board.set_quorum("quorum", 2)
    with pytest.raises(QuorumRequired):
        board.set_quorum("user", 1)
