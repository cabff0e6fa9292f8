"""Checks of lesson 13, CloudHSM."""

from __future__ import annotations

from collections.abc import Mapping

from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import ClusterError, ClusterNotFound, KeyNotFound, UserExists
from kmslab.course.check.exercise import NotYet, exercise, need
from kmslab.course.rescue import LETTER, Lost
from kmslab.lab import Lab

NIGHT = "night"


@exercise(
    "bring the key `letters` back, and set answer to the id of a cluster in which it works.",
    "a backup is as old as its CreateTimestamp: which ones were made while the key was there?",
    "create_cluster takes a SourceBackupId; a minute later it takes an HSM, which takes five.",
)
def ex1(lab: Lab, lost: Lost, answer: object) -> str:
    """The id of a cluster in which the lost key opens the letter."""
    if not isinstance(answer, str):
        raise NotYet(f"the id of a cluster is due, as text, not {type(answer).__name__}")
    try:
        cli = lab.cloudhsm(answer)
        session = cli.session(lost.user, lost.password, check_availability=False)
        with session:
            text = session.get_key(label=lost.label).decrypt(lost.sealed)
    except ClusterNotFound as error:
        raise NotYet(f"there is no cluster {answer!r}") from error
    except KeyNotFound as error:
        raise NotYet("the cluster works, but it is from a time when the key was gone") from error
    except ClusterError as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    need(text == LETTER, "it opens, and another letter is in it")
    return (
        "the key was destroyed in every HSM, and lived on in the backups of before: to shred a "
        "key, its backups must go too"
    )


@exercise(
    f"set answer to a token that lets the admin make the crypto user {NIGHT!r}.",
    'cli.generate_token("user") asks for one; it waits for signatures.',
    "two different admins have to `approve` the same token, one after the other.",
)
def ex2(cli: CloudHsmCli, answer: object) -> str:
    """A quorum token with enough approvals, used to make a user."""
    if not isinstance(answer, Mapping):
        raise NotYet(f"a token is due, as a dict, not {type(answer).__name__}")
    needed = cli.quorum_values()["user"]
    need(needed >= 2, "the quorum of `user` is not 2 any more: run the cell that sets it")
    try:
        cli.create_user(NIGHT, "the night's watch", approval=dict(answer))
    except UserExists as error:
        raise NotYet(f"{NIGHT!r} was made already; delete the user, with a token too") from error
    except ClusterError as error:
        raise NotYet(f"the cluster says: {error}") from error
    names = [each["username"] for each in cli.users()]
    need(NIGHT in names, "the user is not there")
    return (
        "the cluster checked each signature against the key that the admin had registered; the "
        "token is used up now"
    )
