"""Backups of the domain keys, and new HSMs from one when all others are lost.

    backup-1f2e3d4c.json
      {"backup": id, "quorum": 3, "operators": 5, "domain": name, "generation": 1,
       "keys": {label: 40 bytes in hexadecimal …}, "mac": HMAC-SHA256 over all the rest}

The domain keys leave an HSM wrapped (AES Key Wrap, RFC 3394) under a backup key that its security
officer marked as trusted, and go into another HSM the same way: they are nowhere in the clear. The
backup key is what passes through this process's memory, for the time of these two functions; see
quorum.py for what that means. The file may lie anywhere: without M operators it opens nothing.

A backup holds no KMS key. They are in the records, wrapped under the domain key: so the records
must be kept too, and a backup of another domain key than theirs is worth nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import BackupRefused, HsmRefused
from kmslab.hsm import ceremonies, device, domain, quorum, roster
from kmslab.hsm.quorum import Card
from kmslab.hsm.roster import Roster
from kmslab.hsm.session import HsmSession

_MAC_KEY = b"kmslab backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup's file, and the operators' cards as they were dealt: hand those out."""

    path: Path
    cards: tuple[Card, ...] = ()

    def __repr__(self) -> str:
        kept = self.read()
        return (
            f"<Backup {self.path.name} of the domain key {kept['domain']}, "
            f"{kept['quorum']} of {kept['operators']} operators open it>"
        )

    def read(self) -> dict[str, Any]:
        """What is in the file; `BackupRefused` where it is damaged."""
        try:
            kept = json.loads(Path(self.path).read_text())
            names = {"backup": str, "quorum": int, "operators": int, "domain": str}
            names |= {"generation": int, "keys": dict, "mac": str}
            if {name: type(value) for name, value in kept.items()} != names:
                raise ValueError("other members")
            return dict(kept)
        except (OSError, ValueError, AttributeError) as error:
            raise BackupRefused(f"{self.path} is no backup of HSMs, or damaged") from error


def back_up(
    source: Path, now: Roster, folder: Path, pins: Mapping[str, str], quorum_of: int
) -> Backup:
    """Backs up the domain keys of the HSM in `source`, and deals a card to each operator."""
    quorum.check(pins.keys(), pins.values(), quorum_of)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(16)
    with ceremonies.switched_on([source]) as (hsm,):
        session = HsmSession(hsm, now.generation)
        known, key = session.domain_name(), session.random(32)
        session.pkcs11_session.close()  # the officer and the user log in by turns
        keys = domain.make_backup(hsm, key, now.generation)
    kept = {
        **{"backup": name, "quorum": quorum_of, "operators": len(pins), "domain": known},
        **{"generation": now.generation, "keys": {each: keys[each].hex() for each in keys}},
    }
    cards = quorum.deal(key, name, pins, quorum_of, folder)
    path = folder / f"backup-{name[:8]}.json"
    device.write_private(path, json.dumps({**kept, "mac": _mac(key, kept)}))
    return Backup(path, tuple(cards))


def restore(
    folder: Path, now: Roster, backup: Backup, cards: Iterable[Card], records_domain: str
) -> Roster:
    """Makes a fleet of new HSMs with a backup's domain keys; with the fleet's lock held.

    `BackupRefused` for a damaged backup, or one of another domain key than the records'. Nothing is
    changed before all is checked, and the new HSMs appear whole.
    """
    kept = backup.read()
    key = quorum.join(cards, kept["backup"], kept["quorum"])
    if not hmac.compare_digest(_mac(key, kept).encode(), kept["mac"].encode()):
        raise BackupRefused(f"{backup.path.name} was changed since it was made, or a share was")
    if records_domain and kept["domain"] != records_domain:
        raise BackupRefused(
            f"{backup.path.name} holds the domain key {kept['domain']}, and the lab's tokens are "
            f"wrapped under {records_domain}: the domain key was rotated since. It opens records "
            "of before only; take a backup after each rotation"
        )
    empty = Roster((), now.made, kept["generation"])
    places = empty.new_places(len(roster.ZONES))
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = ceremonies.draft_of(folder)
    for place in places:
        device.provision(draft / place.name)
    try:
        with ceremonies.switched_on([draft / each.name for each in places]) as devices:
            wrapped = {label: bytes.fromhex(data) for label, data in kept["keys"].items()}
            domain.open_backup(devices[0], key, wrapped, kept["generation"])
            domain.supply(devices, kept["generation"])
    except PKCS11Error as error:
        raise HsmRefused(f"the HSM refused the backup: {type(error).__name__}") from error
    for place in places:
        (draft / place.name).rename(folder / place.name)
    done = replace(empty, places=places, made=now.made + len(places))
    roster.write(folder, done)
    ceremonies.tidy(folder, done)
    return done


def _mac(key: bytes, kept: Mapping[str, Any]) -> str:
    """HMAC over a backup's members, under a key that follows from the backup key."""
    covered = json.dumps({each: kept[each] for each in kept if each != "mac"}, sort_keys=True)
    mac_key = hmac.digest(key, _MAC_KEY, hashlib.sha256)
    return hmac.digest(mac_key, covered.encode(), hashlib.sha256).hex()
