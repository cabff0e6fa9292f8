"""A cluster from where CloudHSM CLI stands: its users, its quorum, its HSMs.

    cli = lab.cloudhsm(cluster_id)
    cli.activate("a good password")                  the unactivated admin becomes the admin
    cli.login("admin", "a good password")
    cli.create_user("alice", "another password")     a crypto user
    session = cli.session("alice", "another password")

Method names are those of CloudHSM CLI's commands ("user create" is `create_user`); answers have the
form of its `data`. IAM has no say in any of it: who has the admin's password is the admin. A lost
one can't be found again, by AWS neither.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from kmslab.cloudhsm import (
    entering,
    filling,
    hardware,
    keys,
    quorum,
    records,
    timing,
    users,
)
from kmslab.cloudhsm.entering import Entry
from kmslab.cloudhsm.errors import (
    BadRequest,
    ClusterNotActive,
    NoActiveHsm,
    NotLoggedIn,
    NotPermitted,
    UserExists,
)
from kmslab.cloudhsm.estate import Estate
from kmslab.cloudhsm.records import Cluster, Hsm
from kmslab.cloudhsm.session import Session
from kmslab.cloudhsm.users import ADMIN, CRYPTO_USER, User

Shown = dict[str, Any]


class CloudHsmCli:
    """One client of a cluster, in which one admin can be logged in."""

    def __init__(self, estate: Estate, cluster_id: str) -> None:
        if not isinstance(cluster_id, str):
            raise BadRequest(f"cluster_id={cluster_id!r}: a cluster's id is due")
        self.cluster_id = cluster_id
        self._estate = estate
        self._entry: Entry | None = None
        filling.settle(estate, cluster_id)  # ClusterNotFound

    def activate(self, password: str) -> None:
        """`cluster activate`: sets the first admin's password; the cluster is ACTIVE then."""
        cluster = self._cluster()
        state = timing.cluster_state(cluster, self._estate.settings.now())
        if state != "INITIALIZED":
            raise ClusterNotActive(f"{cluster.id} is in state {state}, not INITIALIZED")
        if not self._estate.units(cluster.id):
            raise NoActiveHsm(f"no HSM of {cluster.id} serves")
        admin = users.with_password(User("admin", ADMIN), password)
        store = self._estate.store
        with store.transaction():
            first = users.find(store, cluster.id, users.UNACTIVATED, "admin")
            users.drop(store, cluster.id, first)
            users.put(store, cluster.id, admin)
            records.put(store, replace(self._estate.cluster(cluster.id), activated=True))

    def login(self, name: str, password: str) -> Shown:
        """`login` as an admin; crypto users get a `session`."""
        self.logout()
        self._entry = entering.enter(self._estate, self.cluster_id, ADMIN, name, password)
        return {"username": self._entry.name, "role": ADMIN}

    def logout(self) -> None:
        """`logout`; tokens that this login asked for are no longer good."""
        if self._entry is not None:
            self._entry.login.end()
            self._entry = None

    def session(self, name: str, password: str, *, check_availability: bool = True) -> Session:
        """Logs a crypto user in, as the PKCS#11 library does with the PIN "name:password".

        `check_availability=False` opts out of keys having to be on two HSMs, as the option
        --disable-key-availability-check does.
        """
        entry = entering.enter(self._estate, self.cluster_id, CRYPTO_USER, name, password)
        return Session(entry, check_availability=check_availability)

    def users(self) -> list[Shown]:
        """`user list`: everybody may."""
        self._cluster()
        known = users.of(self._estate.store, self.cluster_id).values()
        return [*map(users.shown, known), dict(users.APP_USER)]

    def create_user(
        self,
        name: str,
        password: str,
        role: str = CRYPTO_USER,
        *,
        approval: quorum.Token | None = None,
    ) -> Shown:
        """`user create`: by an admin, with `approval` where a quorum is set."""
        entry, store = self._admin(), self._estate.store
        user = User(users.checked_name(name), users.checked_role(role))
        user = users.with_password(user, password)
        token = quorum.check(entry, self._cluster(), "user", approval)
        with store.transaction():
            known = users.of(store, self.cluster_id)
            if (user.role, user.name) in known:
                raise UserExists(f"{self.cluster_id} has a {role} named {user.name}")
            if len(known) >= users.MOST_USERS - 1:  # app_user is one too
                raise BadRequest(f"a cluster has {users.MOST_USERS} users at most")
            quorum.use_up(entry, token)
            users.put(store, self.cluster_id, user)
        return {"username": user.name, "role": user.role}

    def delete_user(
        self, name: str, role: str = CRYPTO_USER, *, approval: quorum.Token | None = None
    ) -> Shown:
        """`user delete`: not of one who owns keys, or is logged in."""
        entry, store = self._admin(), self._estate.store
        user = users.find(store, self.cluster_id, users.checked_role(role), name)
        token = quorum.check(entry, self._cluster(), "user", approval)
        if entering.is_logged_in(self._estate, self.cluster_id, user):
            raise NotPermitted(f"{user.name} is logged in")
        owned = keys.of(store, self.cluster_id).values()
        if role == CRYPTO_USER and any(each.owner == user.name for each in owned):
            raise NotPermitted(f"{user.name} owns keys")
        with store.transaction():
            quorum.use_up(entry, token)
            users.drop(store, self.cluster_id, user)
        return {"username": user.name, "role": user.role}

    def change_password(
        self,
        name: str,
        password: str,
        role: str = CRYPTO_USER,
        *,
        approval: quorum.Token | None = None,
    ) -> Shown:
        """`user change-password`: the own one, or by an admin that of one who isn't logged in.

        A user who was locked out can log in again.
        """
        entry, store = self._admin(), self._estate.store
        user = users.find(store, self.cluster_id, users.checked_role(role), name)
        is_own = (entry.role, entry.name) == (user.role, user.name)
        token = "" if is_own else quorum.check(entry, self._cluster(), "user", approval)
        if not is_own and entering.is_logged_in(self._estate, self.cluster_id, user):
            raise NotPermitted(f"{user.name} is logged in")
        changed = users.with_password(user, password)
        with store.transaction():
            quorum.use_up(entry, token)
            users.put(store, self.cluster_id, changed)
        if is_own:
            entry.version = changed.version
        return {"username": user.name, "role": user.role}

    def generate_token(self, service: str) -> quorum.Token:
        """`quorum token-sign generate`: for `user`, `quorum` or `registration`."""
        return quorum.generate(self._admin(), service)

    def register_key(self, public_key: str, token: quorum.Token) -> Shown:
        """`user change-quorum token-sign register`: the admin's RSA key (PEM) for approvals.

        `token` is a registration token that the admin signed with the private key.
        """
        entry, store = self._admin(), self._estate.store
        text, used = quorum.registered(entry, public_key, token)
        with store.transaction():
            quorum.use_up(entry, used)
            users.put(store, self.cluster_id, replace(entry.user(), public_key=text))
        return {"username": entry.name, "role": entry.role}

    def set_quorum(self, service: str, value: int, *, approval: quorum.Token | None = None) -> None:
        """`quorum token-sign set-quorum-value`: so many admins have to approve from now on."""
        entry, store = self._admin(), self._estate.store
        value = quorum.checked_value(entry, service, value)
        token = quorum.check(entry, self._cluster(), "quorum", approval)
        with store.transaction():
            quorum.use_up(entry, token)
            cluster = self._estate.cluster(self.cluster_id)
            records.put(store, replace(cluster, quorum={**cluster.quorum, service: value}))

    def quorum_values(self) -> dict[str, int]:
        """`quorum token-sign list-quorum-values`: 1 stands for none."""
        cluster = self._cluster()
        return {service: cluster.quorum.get(service, 1) for service in quorum.SERVICES}

    def tokens(self) -> list[Shown]:
        """`quorum token-sign list`."""
        return quorum.listed(self._admin(), self._cluster())

    def hsms(self) -> dict[str, str]:
        """The HSMs that are not deleted and their states."""
        self._cluster()
        now = self._estate.settings.now()
        return {
            each.id: timing.hsm_state(each, now, each.filled and self._estate.works(each))
            for each in records.hsms(self._estate.store, self.cluster_id)
        }

    def roots(self) -> dict[str, str]:
        """The root certificates for the hardware's ones: AWS's and the manufacturer's, PEM. Those
        of this lab; the real ones are published on the web pages of both."""
        return dict(hardware.roots(self._estate))

    def switch_off(self, hsm_id: str) -> None:
        """Takes an HSM off the network, for every process: what a failure looks like."""
        self._switch(hsm_id, off=True)

    def switch_on(self, hsm_id: str) -> None:
        """Brings it back. What it missed meanwhile, it gets from the others."""
        self._switch(hsm_id, off=False)
        filling.spread(self._estate, self.cluster_id)

    def destroy(self, hsm_id: str) -> None:
        """Throws an HSM into the sea: its folder is gone, and no backup was made."""
        with self._estate.alone():
            hsm = self._hsm(hsm_id)
            self._estate.discard(hsm_id)
            shutil.rmtree(self._estate.place(hsm), ignore_errors=True)

    def _switch(self, hsm_id: str, *, off: bool) -> None:
        with self._estate.alone(), self._estate.store.transaction():
            records.put(self._estate.store, replace(self._hsm(hsm_id), off=off))
            self._estate.discard(hsm_id)

    def _hsm(self, hsm_id: str) -> Hsm:
        for each in records.hsms(self._estate.store, self.cluster_id):
            if each.id == hsm_id:
                return each
        raise BadRequest(f"{self.cluster_id} has no HSM {hsm_id!r}")

    def _cluster(self) -> Cluster:
        return filling.settle(self._estate, self.cluster_id)

    def _admin(self) -> Entry:
        """The admin who is logged in; an HSM has to be there to do what is asked."""
        if self._entry is None:
            raise NotLoggedIn("log in as an admin first")
        self._entry.user()
        entering.usable(self._estate, self.cluster_id)
        return self._entry

    def __repr__(self) -> str:
        who = f", {self._entry.name}" if self._entry is not None else ""
        return f"<CloudHsmCli {self.cluster_id}{who}>"
