"""A cluster without HSMs, and a letter that only one of its keys opens (lesson 13, exercise 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pkcs11 import KeyType

from kmslab.course import ceremony
from kmslab.lab import Lab

_TAG = {"Key": "exercise", "Value": "rescue"}
LETTER = b"Dear patient, your results are here."


@dataclass(frozen=True, slots=True)
class Lost:
    """What is left: the cluster's id, who may use the key, and what it sealed."""

    cluster_id: str
    user: str
    label: str
    password: str = field(repr=False)
    sealed: bytes = field(repr=False)


def lost(lab: Lab) -> Lost:
    """A cluster whose key `letters` was destroyed by mistake. Then its HSMs were deleted.

    One that was made before goes, with what was made from its backups: there is a quota.
    """
    client = lab.client("cloudhsmv2")
    _clear(client)
    cli = ceremony.cluster(lab, "the board's password")
    cli.create_user("clinic", "the clinic's word")
    session = cli.session("clinic", "the clinic's word")
    key = session.generate_key(KeyType.AES, 256, label="letters", extractable=False)
    client.tag_resource(ResourceId=cli.cluster_id, TagList=[_TAG])
    made = Lost(cli.cluster_id, "clinic", "letters", "the clinic's word", key.encrypt(LETTER))
    lab.clock.advance(days=1)
    cli.users()  # a day is over: a backup, with the key
    key.destroy()
    session.close()
    for hsm in cli.hsms():  # each makes a backup, without the key
        client.delete_hsm(ClusterId=cli.cluster_id, HsmId=hsm)
    lab.clock.advance(minutes=2)
    return made


def _clear(client: Any) -> None:
    """Deletes the clusters of this exercise, if it was begun before: the first one is tagged, and
    so are its backups, and the others are made from these."""
    backups = [
        each["BackupId"]
        for page in client.get_paginator("describe_backups").paginate()
        for each in page["Backups"]
        if _TAG in each["TagList"]
    ]
    for each in client.describe_clusters()["Clusters"]:
        if each["State"] == "DELETE_IN_PROGRESS":
            continue
        if _TAG in each["TagList"] or each.get("SourceBackupId") in backups:
            for hsm in each["Hsms"]:
                if hsm["State"] != "DELETE_IN_PROGRESS":
                    client.delete_hsm(ClusterId=each["ClusterId"], HsmId=hsm["HsmId"])
            client.delete_cluster(ClusterId=each["ClusterId"])
