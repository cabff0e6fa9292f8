"""A CloudHSM cluster that is ready for a custom key store, for a lesson that begins where 13 ends.

    cluster = own_cluster.make(lab)
    cluster.id, cluster.trust_anchor, cluster.cli

Two HSMs in two zones, an admin, and the crypto user kmsuser. It takes the lab half an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.course import ceremony
from kmslab.lab import Lab

ADMIN_PASSWORD, KMSUSER_PASSWORD = "admin-of-lesson-14", "kmsPswd1"


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """An active cluster."""

    id: str
    trust_anchor: str = field(repr=False)  # customerCA.crt, PEM
    cli: CloudHsmCli = field(repr=False)


def make(lab: Lab) -> OwnCluster:
    """Makes one, as lesson 13 does step by step."""
    cli, ca = ceremony.claimed(lab, ADMIN_PASSWORD)
    cli.create_user("kmsuser", KMSUSER_PASSWORD)
    return OwnCluster(cli.cluster_id, ca.certificate, cli)
