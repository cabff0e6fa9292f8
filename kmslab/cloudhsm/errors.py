"""What can go wrong inside a cluster, where no IAM reaches and AWS has no error codes.

    KmslabError
    └── ClusterError             a cluster can't do what was asked
        ├── ClusterNotFound          no cluster of this id in the account and Region
        ├── ClusterNotActive         it isn't activated: nobody can log in yet
        ├── NoActiveHsm              none of its HSMs serves
        ├── UserNotFound             the cluster has no such user
        ├── InvalidCredentials       the password is wrong
        ├── UserLockedOut            too many wrong passwords; an admin has to set a new one
        ├── UserLoggedIn             somebody else is logged in as this user
        ├── NotLoggedIn              nobody is logged in, or the session ended
        ├── NotPermitted             this role, or this user, may not do that
        ├── QuorumRequired           so many admins have not approved it
        ├── BadRequest               a name, password, token or certificate of the wrong form
        ├── UserExists               there is one of this name and role
        ├── KeyNotFound              no such key that this user has or was given
        ├── KeyNotAvailable          the key isn't on enough HSMs
        ├── Pkcs11Refused            an HSM that works refused, in PKCS#11's words
        └── CryptoRefused            a ciphertext doesn't fit its key or its AAD, or was changed

No message carries a password or a key.
"""

from __future__ import annotations

import re

from kmslab.errors import KmslabError


class ClusterError(KmslabError):
    """A cluster can't do what was asked."""


class ClusterNotFound(ClusterError):
    """No cluster of this id in the account and Region."""


class ClusterNotActive(ClusterError):
    """The cluster isn't activated: nobody can log in yet."""


class NoActiveHsm(ClusterError):
    """None of the cluster's HSMs serves."""


class UserNotFound(ClusterError):
    """The cluster has no such user."""


class InvalidCredentials(ClusterError):
    """The password is wrong."""


class UserLockedOut(ClusterError):
    """Too many wrong passwords; an admin has to set a new one."""


class UserLoggedIn(ClusterError):
    """Somebody else is logged in as this user."""


class NotLoggedIn(ClusterError):
    """Nobody is logged in, or the session ended."""


class NotPermitted(ClusterError):
    """This role, or this user, may not do that."""


class QuorumRequired(ClusterError):
    """So many admins have not approved it."""


class BadRequest(ClusterError):
    """A name, password, token or certificate of the wrong form."""


class UserExists(ClusterError):
    """There is a user of this name and role."""


class KeyNotFound(ClusterError):
    """No such key that this user has or was given."""


class KeyNotAvailable(ClusterError):
    """The key isn't on enough HSMs."""


class CryptoRefused(ClusterError):
    """A ciphertext doesn't fit its key or its AAD, or was changed."""


class Pkcs11Refused(ClusterError):
    """An HSM that works refused; its cause is python-pkcs11's exception."""

    def __init__(self, error: Exception) -> None:
        self.name = type(error).__name__  # python-pkcs11's, as in KeyNotWrappable
        words = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", self.name).upper()
        super().__init__(f"the HSM refuses: CKR_{words}")
