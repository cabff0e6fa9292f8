"""Volumes as records: one row each, the encrypted data key in it. No plaintext key is ever kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kmslab.errors import AwsError
from kmslab.integrated.request import Request, Rooms

_COLUMNS = "id, account, region, created, data_key, details, attachment"


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a volume is attached, and the grant that lends its data key to that host."""

    instance: str
    device: str
    time: float
    grant_id: str = ""  # of an encrypted volume


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume. What is on it isn't simulated."""

    id: str
    account: str
    region: str
    created: float
    data_key: bytes | None  # encrypted; of a volume that isn't, None
    details: Mapping[str, Any]  # Size, VolumeType, AvailabilityZone, KmsKeyId
    attachment: Attachment | None = None

    @property
    def arn(self) -> str:
        """As in arn:aws:ec2:us-east-1:111122223333:volume/vol-…."""
        return f"arn:aws:ec2:{self.region}:{self.account}:volume/{self.id}"

    @property
    def key(self) -> str:
        """The ARN of its KMS key; empty without encryption."""
        return str(self.details.get("KmsKeyId", ""))

    @property
    def context(self) -> dict[str, str]:
        """The encryption context of its data key."""
        return {"aws:ebs:id": self.id}


def new_id(rooms: Rooms) -> str:
    """An id for a new volume: vol- and 17 hexadecimal digits."""
    with rooms.store.transaction():
        return f"vol-{rooms.settings.new_hex('volume', 17)}"


def find(request: Request[Rooms], volume_id: str) -> Volume | None:
    """A volume of the caller's account and Region, or None."""
    call = request.call
    row = request.rooms.store.row(
        f"SELECT {_COLUMNS} FROM volume WHERE id = ? AND account = ? AND region = ?",
        (volume_id, call.account, call.region),
    )
    return _volume(row) if row else None


def found(request: Request[Rooms], volume_id: str) -> Volume:
    """The same; InvalidVolume.NotFound without one."""
    volume = find(request, volume_id)
    if volume is None:
        raise AwsError("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
    return volume


def all_of(request: Request[Rooms]) -> list[Volume]:
    """The volumes of the caller's account and Region, by id."""
    call = request.call
    rows = request.rooms.store.rows(
        f"SELECT {_COLUMNS} FROM volume WHERE account = ? AND region = ? ORDER BY id",
        (call.account, call.region),
    )
    return [_volume(row) for row in rows]


def put(rooms: Rooms, volume: Volume) -> None:
    """Writes a volume, new or changed."""
    attachment = json.dumps(asdict(volume.attachment)) if volume.attachment else None
    rooms.store.write(
        f"INSERT OR REPLACE INTO volume ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(volume.id, volume.account, volume.region, volume.created, volume.data_key),
            *(json.dumps(dict(volume.details)), attachment),
        ),
    )


def drop(rooms: Rooms, volume_id: str) -> None:
    """Takes a volume away, its encrypted data key with it."""
    rooms.store.write("DELETE FROM volume WHERE id = ?", (volume_id,))


def _volume(row: tuple[Any, ...]) -> Volume:
    attachment = Attachment(**json.loads(row[6])) if row[6] else None
    more: dict[str, Any] = {"details": json.loads(row[5]), "attachment": attachment}
    return Volume(*row[:5], **more)
