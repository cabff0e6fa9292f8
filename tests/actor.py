"""Does the actions of `life.py` to a real lab; also in a process that is killed while it does.

The calls go to the service itself: boto3 in between would be half of the time.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from life import Action
from wrapping import FOR_EVER, bring

from kmslab import Lab, settings
from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.hsm.kinds import Kind, NewKey
from kmslab.kms import importing
from kmslab.kms.request import Rooms

START = datetime(2027, 3, 1, 12, tzinfo=UTC).timestamp()
PLAINTEXT, CONTEXT = b"a secret of the clinic", {"patient": "17"}
_CREATE: dict[str, dict[str, Any]] = {
    "plain": {},
    "shared": {"MultiRegion": True},
    "external": {"Origin": "EXTERNAL"},
    "shared external": {"Origin": "EXTERNAL", "MultiRegion": True},
}


def freeze() -> None:
    """From now on in this process, only `lab.clock.advance` moves a lab's clock."""
    settings.time = SimpleNamespace(time=lambda: START)  # type: ignore[attr-defined]
    importing.material = SimpleNamespace(  # type: ignore[attr-defined]
        **{**vars(importing.material), "make": _admitted}
    )


def thaw() -> None:
    """Undoes `freeze`."""
    import time

    from kmslab.kms import material

    settings.time = time  # type: ignore[attr-defined]
    importing.material = material  # type: ignore[attr-defined]


def material(label: str) -> bytes:
    """The owner's key material of a name."""
    return hashlib.sha256(label.encode()).digest()


class Kms:
    """KMS in one Region of a lab, with boto3's names of operations and AWS's of parameters."""

    def __init__(self, lab: Lab, region: str) -> None:
        self.lab, self.region = lab, region

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(word.title() for word in name.split("_"))

        def call(**parameters: Any) -> dict[str, Any]:
            asked = Call(self.lab.admin.principal, "kms", operation, self.region, parameters)
            return self.lab._services["kms"](asked).output

        return call


def perform(lab: Lab, key_id: str, action: Action) -> tuple[str, str]:
    """Does an action; returns the code of its error, or "" and what it gave (an id, a blob)."""
    kms = Kms(lab, action.region or action.more["region"])
    try:
        return "", _DO[action.name](kms, key_id, **action.more)
    except AwsError as error:
        return error.code, ""


def work_until_killed(
    folder: str, statements: int, work: Sequence[tuple[str, dict[str, Any]]], acks: str
) -> None:
    """Opens the lab, does the work, and dies of SIGKILL after so many SQL statements.

    What was answered until then stands in the file `acks`, a line each.
    """
    freeze()
    lab = Lab(folder)
    with Path(acks).open("w") as written:
        execute, left = lab._rooms.store._execute, [statements]

        def count(sql: str, values: Sequence[Any] = ()) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(sql, values)

        lab._rooms.store._execute = count  # type: ignore[method-assign]
        for key_id, fields in work:
            print(json.dumps(perform(lab, key_id, Action(**fields))), file=written, flush=True)
    os._exit(0)


@cache
def _wrapping_key() -> tuple[bytes, bytes]:
    private = rsa.generate_private_key(65537, 2048)
    return (
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def _admitted(rooms: Rooms, kind: Kind) -> NewKey:
    """One wrapping key for all imports: making an RSA key takes longer than everything else."""
    private, public = _wrapping_key()
    return NewKey(rooms.fleet.admit(kind, private), public)


def _create(kms: Kms, _key: str, kind: str, region: str) -> str:  # noqa: ARG001
    key: str = kms.create_key(**_CREATE[kind])["KeyMetadata"]["KeyId"]
    return key


def _use(kms: Kms, key: str) -> str:
    made = kms.encrypt(KeyId=key, Plaintext=PLAINTEXT, EncryptionContext=CONTEXT)
    blob: bytes = made["CiphertextBlob"]
    return blob.hex()


def _bring(kms: Kms, key: str, label: str, kind: str | None, expires: float | None) -> str:
    more: dict[str, Any] = {} if kind is None else {"ImportType": kind}
    if expires is None:
        more["ExpirationModel"] = FOR_EVER
    else:
        more["ValidTo"] = datetime.fromtimestamp(kms.lab._settings.now() + expires, UTC)
    bring(kms, key, material(label), **more)
    return ""


def _take_away(kms: Kms, key: str, number: int | None) -> str:
    more = {}
    if number is not None:
        names = [
            row[0]
            for row in kms.lab._rooms.store.rows(
                "SELECT material_id FROM material WHERE key_id = ? AND region = ? ORDER BY number",
                (key, kms.region),
            )
        ]
        more = {"KeyMaterialId": names[number]} if number < len(names) else {}
    kms.delete_imported_key_material(KeyId=key, **more)
    return ""


def _call(name: str, **names: str) -> Any:
    """A call whose parameters have AWS's names; those that are None are left out."""

    def call(kms: Kms, key: str, **more: Any) -> str:
        given = {names[name]: value for name, value in more.items() if value is not None}
        getattr(kms, name)(KeyId=key, **given)
        return ""

    return call


_DO: dict[str, Any] = {
    "create": _create,
    "use": _use,
    "enable": _call("enable_key"),
    "disable": _call("disable_key"),
    "schedule": _call("schedule_key_deletion", days="PendingWindowInDays"),
    "cancel": _call("cancel_key_deletion"),
    "enable_rotation": _call("enable_key_rotation", days="RotationPeriodInDays"),
    "disable_rotation": _call("disable_key_rotation"),
    "rotate_on_demand": _call("rotate_key_on_demand"),
    "replicate": _call("replicate_key", to="ReplicaRegion"),
    "move": _call("update_primary_region", to="PrimaryRegion"),
    "bring": _bring,
    "take_away": _take_away,
}


def seen(lab: Lab, regions: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every key in every Region, in the form of `Model.seen`."""
    found = {}
    for region in regions:
        kms = Kms(lab, region)
        for entry in kms.list_keys(Limit=1000)["Keys"]:
            found[entry["KeyId"], region] = _seen(kms, entry["KeyId"])
    return found


def _seen(kms: Kms, key: str) -> dict[str, Any]:
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    status = kms.get_key_rotation_status(KeyId=key)
    every = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", Limit=1000)
    current = [
        each["KeyMaterialId"]
        for each in every["Rotations"]
        if each["KeyMaterialState"] == "CURRENT"
    ]
    assert shown.get("CurrentKeyMaterialId") == (current[0] if current else None)
    assert shown["Enabled"] == (shown["KeyState"] == "Enabled")
    shared = shown.get("MultiRegionConfiguration")
    regions = [each["Region"] for each in shared["ReplicaKeys"]] if shared else []
    model = shown.get("ExpirationModel")
    return {
        "state": shown["KeyState"],
        "deletion": _milliseconds(shown.get("DeletionDate")),
        "window": shown.get("PendingDeletionWindowInDays"),
        "primary": shared and shared["PrimaryKey"]["Region"],
        "regions": shared and sorted([shared["PrimaryKey"]["Region"], *regions]),
        "generations": [_generation(each) for each in every["Rotations"]],
        "rotates": status["KeyRotationEnabled"],
        "days": status.get("RotationPeriodInDays"),
        "next": _milliseconds(status.get("NextRotationDate")),
        "on demand": _milliseconds(status.get("OnDemandRotationStartDate")),
        "expiry": (model, _milliseconds(shown.get("ValidTo"))) if model else None,
    }


def _generation(entry: dict[str, Any]) -> tuple[Any, ...]:
    state = entry.get("ImportState")
    return (
        entry["KeyMaterialState"],
        entry.get("RotationType"),
        _milliseconds(entry.get("RotationDate")),
        None if state is None else state == "IMPORTED",
        _milliseconds(entry.get("ValidTo")),
    )


def _milliseconds(date: datetime | None) -> int | None:
    return None if date is None else round(date.timestamp() * 1000)
