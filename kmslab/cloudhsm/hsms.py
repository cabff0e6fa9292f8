"""CreateHsm and DeleteHsm.

An HSM added to a cluster is a copy of the others; each time a backup is made first, as on AWS. To
delete an HSM that works makes a backup too: so the last one can be deleted, and another one made
later that has the same users and keys ("Adding or removing HSMs", "AWS CloudHSM cluster backups").
One that does not work any more can be deleted as well, without a backup.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from kmslab.aws.call import Output
from kmslab.cloudhsm import filling, hardware, keys, records, shown, timing
from kmslab.cloudhsm.records import Cluster, Hsm
from kmslab.cloudhsm.request import Request, found_cluster, invalid, missing

MOST_HSMS, MOST_IN_CLUSTER = 6, 28  # in an account and Region; in a cluster
_READY = ("UNINITIALIZED", "INITIALIZED", "ACTIVE")


def create_hsm(request: Request) -> Output:
    """CreateHsm: its token is made now, its creation ends after some minutes of lab time."""
    estate, zone = request.rooms.estate, request.get("AvailabilityZone")
    with estate.alone():
        cluster = found_cluster(request, request.get("ClusterId"))
        _check(request, cluster, zone)
        estate.sweep(cluster.id)
        filling.back_up(estate, cluster)
        hsm = _described(request, cluster, zone)
        cluster, pair = hardware.build(estate, estate.cluster(cluster.id), hsm)
        with request.rooms.store.transaction():
            records.put(request.rooms.store, cluster)
            records.put(request.rooms.store, hsm)
            if pair is not None:
                held = keys.on(pair, (hsm.id,))
                keys.put(request.rooms.store, cluster.id, held)
    return {"Hsm": shown.hsm(request, cluster, hsm)}


def delete_hsm(request: Request) -> Output:
    """DeleteHsm: by its id, or by its network interface."""
    rooms = request.rooms
    with rooms.estate.alone():
        cluster = found_cluster(request, request.get("ClusterId"))
        hsm = _named(request, cluster)
        if timing.hsm_state(hsm, rooms.settings.now(), True) == "CREATE_IN_PROGRESS":
            raise invalid(f"HSM {hsm.id} is in state CREATE_IN_PROGRESS.")
        filling.back_up(rooms.estate, cluster)
        with rooms.store.transaction():
            records.put(rooms.store, replace(hsm, deleted=rooms.settings.now()))
            if not records.hsms(rooms.store, cluster.id):
                filling.empty(rooms.estate, cluster.id)
                if cluster.claimed is None:
                    records.put(rooms.store, replace(rooms.estate.cluster(cluster.id), csr=""))
        rooms.estate.discard(hsm.id)
        rooms.estate.sweep(cluster.id)
    return {"HsmId": hsm.id}


def _check(request: Request, cluster: Cluster, zone: str) -> None:
    rooms, call = request.rooms, request.call
    state = timing.cluster_state(cluster, rooms.settings.now())
    present = records.hsms(rooms.store, cluster.id)
    if present and state != "ACTIVE":  # AWS's own words, as users reported them
        raise invalid(
            f"Cluster '{cluster.id}' already contains an HSM but has not yet been fully activated"
        )
    if state not in _READY:
        raise invalid(f"Cluster {cluster.id} is in state {state}.")
    if zone not in cluster.subnets:
        raise invalid(f"Cluster {cluster.id} has no subnet in Availability Zone {zone}.")
    if len(present) >= MOST_IN_CLUSTER:
        raise invalid(f"The limit of {MOST_IN_CLUSTER} HSMs in a cluster is reached.")
    own = records.of(rooms.store, Cluster, "account = ? AND region = ?", call.account, call.region)
    if sum(len(records.hsms(rooms.store, each.id)) for each in own) >= MOST_HSMS:
        raise invalid(f"The limit of {MOST_HSMS} HSMs in this Region is reached.")
    taken = request.get("IpAddress")
    if taken and any(each.ip == taken for each in present):
        raise invalid(f"The IP address {taken} is in use.")


def _described(request: Request, cluster: Cluster, zone: str) -> Hsm:
    """The record of a new HSM, with a network interface that is plausible."""
    rooms = request.rooms
    with rooms.store.transaction():
        hsm_id = rooms.settings.new_unique_id("hsm-", 11).lower()
    seal = hashlib.sha256(hsm_id.encode())
    place = sorted(cluster.subnets).index(zone) + 1
    used = {each.ip for each in records.hsms(rooms.store, cluster.id)}
    free = (f"10.0.{place}.{number}" for number in range(10, 250))
    ip = request.get("IpAddress") or next(each for each in free if each not in used)
    dual = cluster.network == "DUALSTACK"
    return Hsm(
        id=hsm_id,
        cluster=cluster.id,
        created=rooms.settings.now(),
        zone=zone,
        subnet=cluster.subnets[zone],
        eni=f"eni-{seal.hexdigest()[:17]}",
        ip=ip,
        ipv6=f"2001:db8::{seal.hexdigest()[:4]}" if dual else "",
    )


def _named(request: Request, cluster: Cluster) -> Hsm:
    asked = {
        "id": request.get("HsmId"),
        "eni": request.get("EniId"),
        "ip": request.get("EniIp"),
    }
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        raise invalid("HsmId, EniId or EniIp is due.")
    for hsm in records.hsms(request.rooms.store, cluster.id):
        if all(getattr(hsm, name) == value for name, value in given.items()):
            return hsm
    raise missing("HSM", ", ".join(given.values()))
