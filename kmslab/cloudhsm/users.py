"""The users inside a cluster: names, roles, and passwords as salted, slow hashes.

    unactivated-admin   exists until the cluster is activated
    admin               makes and deletes users, sets passwords; can't use keys
    crypto-user         makes, uses and shares keys
    (app_user)          AWS's own, that copies keys between HSMs; shown, and not kept here

Source: "HSM user types for CloudHSM CLI". On AWS they live in each HSM. Here they are records of
the lab, of which a backup has a copy: who writes to the lab's records can change them. Names are
not case-sensitive and shown in small letters; up to 31 characters, no special ones but the
underscore. Passwords have 7 to 32 characters ("AWS CloudHSM quotas"), may not hold a colon, which
the PKCS#11 library puts between name and password; and are never kept: scrypt with 16 MiB.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from kmslab.cloudhsm.errors import BadRequest, UserNotFound
from kmslab.store import Store

UNACTIVATED, ADMIN, CRYPTO_USER = "unactivated-admin", "admin", "crypto-user"
ROLES = (ADMIN, CRYPTO_USER)
MOST_USERS = 1_024  # in a cluster ("AWS CloudHSM quotas")
WRONG_PASSWORDS = 5  # allowed; one more locks the user out ("login" of CloudHSM CLI)
_NAME = re.compile(r"[a-z0-9_]{1,31}", re.ASCII)
COST = 2**14  # scrypt's n, of new hashes


@dataclass(frozen=True, slots=True)
class User:
    """A user. Its repr shows no hash."""

    name: str
    role: str
    salt: str = field(repr=False, default="")
    password: str = field(repr=False, default="")  # its hash
    cost: int = COST
    version: int = 0  # how often the password was changed
    failures: int = 0  # wrong passwords since the last right one
    public_key: str = ""  # for quorum approvals, PEM

    @property
    def is_locked(self) -> bool:
        """Whether too many wrong passwords were given."""
        return self.failures > WRONG_PASSWORDS


def checked_name(name: str) -> str:
    """A name in small letters; `BadRequest` for one that CloudHSM doesn't take."""
    small = name.lower() if isinstance(name, str) else ""
    if not _NAME.fullmatch(small):
        raise BadRequest("a user name has 1 to 31 characters: letters, digits, and the underscore")
    return small


def checked_role(role: str) -> str:
    """A role that people have."""
    if role not in ROLES:
        raise BadRequest(f"role={role!r}: {ADMIN!r} or {CRYPTO_USER!r} is due")
    return role


def with_password(user: User, password: str) -> User:
    """The user with a new password, unlocked; `BadRequest` for one of the wrong form."""
    if not isinstance(password, str) or not 7 <= len(password) <= 32 or ":" in password:
        raise BadRequest("a password has 7 to 32 characters, and no colon among them")
    salt = secrets.token_bytes(16)
    try:
        hashed = _hash(password, salt, COST)
    except UnicodeEncodeError:
        raise BadRequest("the password is not valid Unicode") from None
    new = replace(user, salt=salt.hex(), password=hashed.hex(), cost=COST)
    return replace(new, version=user.version + 1, failures=0)


def is_right(user: User, password: str) -> bool:
    """Whether it is the user's password; takes as long whatever the answer is."""
    try:
        text = password if isinstance(password, str) else ""
        given = _hash(text, bytes.fromhex(user.salt), user.cost)
    except UnicodeEncodeError:
        return False
    return hmac.compare_digest(given, bytes.fromhex(user.password))


def find(store: Store, cluster_id: str, role: str, name: str) -> User:
    """A user; `UserNotFound` where the cluster has none of this name and role."""
    known = of(store, cluster_id).get((role, name.lower() if isinstance(name, str) else ""))
    if known is None:
        raise UserNotFound(f"{cluster_id} has no {role} of this name")
    return known


def of(store: Store, cluster_id: str) -> Mapping[tuple[str, str], User]:
    """A cluster's users by role and name; remembered until the records change."""

    def read() -> Mapping[tuple[str, str], User]:
        rows = store.rows(
            "SELECT details FROM cloudhsm_user WHERE cluster = ? ORDER BY role, name",
            (cluster_id,),
        )
        users = [User(**json.loads(row[0])) for row in rows]
        return MappingProxyType({(each.role, each.name): each for each in users})

    return store.remembered(("cloudhsm users", cluster_id), read)


def put(store: Store, cluster_id: str, user: User) -> None:
    """Writes a user, new or changed."""
    store.write(
        "INSERT OR REPLACE INTO cloudhsm_user (cluster, role, name, details) VALUES (?, ?, ?, ?)",
        (cluster_id, user.role, user.name, json.dumps(asdict(user))),
    )


def drop(store: Store, cluster_id: str, user: User) -> None:
    """Takes a user away."""
    store.write(
        "DELETE FROM cloudhsm_user WHERE cluster = ? AND role = ? AND name = ?",
        (cluster_id, user.role, user.name),
    )


def shown(user: User) -> dict[str, Any]:
    """A user as `user list` of CloudHSM CLI shows it."""
    quorum = [{"strategy": "token-sign", "status": "enabled"}] if user.public_key else []
    return {
        "username": user.name,
        "role": user.role,
        "locked": "true" if user.is_locked else "false",
        "mfa": [],
        "quorum": quorum,
        "cluster-coverage": "full",
    }


APP_USER = {**shown(User("app_user", "internal(APPLIANCE_USER)"))}


def _hash(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=8, p=1, dklen=32, maxmem=2**26)
