"""A new account: its number, its name, and its first user, an administrator."""

from __future__ import annotations

import hashlib

from kmslab.accounts import managed, records
from kmslab.accounts.records import Accounts, Entity
from kmslab.aws.principal import Principal

ADMIN = "admin"


def found(accounts: Accounts, number: str, name: str) -> None:
    """Makes an account, unless it is there, with a user "admin" who may do everything in it.

    Real accounts begin with a root user alone, who then makes such a user ("Root user best
    practices").
    """
    if records.has_account(accounts, number):
        return
    with accounts.store.transaction():
        if records.has_account(accounts, number):
            return  # another process was faster
        now = accounts.settings.now()
        accounts.store.write("INSERT INTO account VALUES (?, ?, ?)", (number, name, now))
        details = {"key": f"AKIA{_tail(number)}"}
        admin = Entity(number, "user", ADMIN, "/", f"AIDA{_tail(number)}", now, details)
        records.link(accounts, records.add(accounts, admin), "policy", managed.ADMINISTRATOR)


def name(accounts: Accounts, number: str) -> str:
    """An account's name."""
    sql = "SELECT name FROM account WHERE number = ?"
    return accounts.store.known(sql, (number,), str) or ""


def root(number: str) -> Principal:
    """The root user of an account: the account itself."""
    return Principal(number, "root", "root", number, f"AKIA{_tail(number + ' root')}")


def user(entity: Entity) -> Principal:
    """A user as a caller. Each has an access key from the start; AWS makes one when asked."""
    return Principal(
        *(entity.account, "user", entity.name, entity.id, entity.details["key"]), path=entity.path
    )


def _tail(text: str) -> str:
    """What follows AIDA or AKIA in the ids of an account's first users: made from its number."""
    return hashlib.sha256(text.encode()).hexdigest()[:16].upper()
