"""The way in: a user's login to a cluster, and whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from kmslab.cloudhsm import filling, logins, timing, users
from kmslab.cloudhsm.errors import (
    ClusterNotActive,
    InvalidCredentials,
    NoActiveHsm,
    NotLoggedIn,
    UserLockedOut,
    UserLoggedIn,
    UserNotFound,
)
from kmslab.cloudhsm.estate import Estate
from kmslab.cloudhsm.logins import Login
from kmslab.cloudhsm.records import Cluster
from kmslab.cloudhsm.users import User

LEARNER = "client"  # for whom a login is that KMS didn't make


@dataclass(slots=True)
class Entry:
    """Somebody who is logged in; its repr shows no secret, as it has none."""

    estate: Estate
    cluster_id: str
    role: str
    name: str
    version: int  # of the password at the time
    login: Login

    def user(self) -> User:
        """The user; `NotLoggedIn` where the login doesn't hold any more."""
        if not self.login.lasts:
            raise NotLoggedIn(f"{self.name} is not logged in to {self.cluster_id}")
        filling.settle(self.estate, self.cluster_id)
        try:
            user = users.find(self.estate.store, self.cluster_id, self.role, self.name)
        except UserNotFound:
            user = None
        if user is None or user.version != self.version:
            self.login.end()
            raise NotLoggedIn(f"{self.name} has to log in to {self.cluster_id} again")
        return user


def enter(
    estate: Estate, cluster_id: str, role: str, name: str, password: str, owner: str = LEARNER
) -> Entry:
    """Logs a user in; errors as `Access.login` says."""
    cluster = usable(estate, cluster_id)
    user = users.find(estate.store, cluster.id, role, users.checked_name(name))
    folder = place(estate, cluster.id)
    if owner != LEARNER and any(each != owner for each in logins.owners(folder, role, user.name)):
        raise UserLoggedIn(f"somebody is logged in to {cluster_id} as {user.name}")
    if not user.salt:
        raise ClusterNotActive(f"{cluster_id} has not been activated")
    user = _let_in(estate, cluster.id, user, password)
    login = logins.begin(folder, role, user.name, owner)
    return Entry(estate, cluster.id, role, user.name, user.version, login)


def usable(estate: Estate, cluster_id: str) -> Cluster:
    """A cluster that users can reach, with what is due done."""
    cluster = filling.settle(estate, cluster_id)
    state = timing.cluster_state(cluster, estate.settings.now())
    if state != "ACTIVE":
        raise ClusterNotActive(f"{cluster_id} is in state {state}: nobody can log in yet")
    if not estate.units(cluster_id):
        raise NoActiveHsm(f"no HSM of {cluster_id} serves")
    return cluster


def place(estate: Estate, cluster_id: str) -> Path:
    """Where a cluster's logins are noted."""
    return estate.folder / cluster_id / "logins"


def is_logged_in(estate: Estate, cluster_id: str, user: User) -> bool:
    """Whether anybody is logged in as this user."""
    return any(True for _ in logins.owners(place(estate, cluster_id), user.role, user.name))


def _let_in(estate: Estate, cluster_id: str, user: User, password: str) -> User:
    """Counts wrong passwords. AWS counts them on each HSM by itself, so there it may take more."""
    right = users.is_right(user, password)
    with estate.store.transaction():
        user = users.find(estate.store, cluster_id, user.role, user.name)
        if user.is_locked:
            raise UserLockedOut(f"{user.name} is locked out: an admin has to set a new password")
        user = replace(user, failures=0 if right else user.failures + 1)
        changed = users.find(estate.store, cluster_id, user.role, user.name) != user
        if changed:
            users.put(estate.store, cluster_id, user)
    if user.is_locked:
        raise UserLockedOut(f"{user.name} is locked out: an admin has to set a new password")
    if not right:
        raise InvalidCredentials(f"the password of {user.name} is wrong")
    return user
