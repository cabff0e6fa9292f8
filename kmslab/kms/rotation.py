"""Rotation: new key material under the same key id; the old material keeps decrypting.

Automatic rotation comes after a period, on-demand rotation when it is asked for, and then takes a
moment. Only symmetric encryption keys rotate. The schedule of a multi-Region key is kept once, for
all its Regions. Source: "Rotate AWS KMS keys", EnableKeyRotation, RotateKeyOnDemand.
"""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import agenda, algorithms, material, paging, records, states
from kmslab.kms.agenda import DAY, Due
from kmslab.kms.key import Key
from kmslab.kms.material import DOES_NOT_EXPIRE, EXPIRES, Material
from kmslab.kms.request import Request, Rooms
from kmslab.kms.timing import ROTATION_SECONDS, when

LIMIT = paging.Limit(default=100, most=1000)
DEFAULT_DAYS = 365
MOST_ON_DEMAND = 25  # rotations on demand a key
CLASH_SECONDS = 20 * 60  # no rotation on demand so close to an automatic one


def enable_key_rotation(request: Request) -> Output:
    """EnableKeyRotation: rotates every RotationPeriodInDays (90 to 2560) from now on."""
    rooms, key = request.rooms, request.key
    _check(key)
    asked = request.get("RotationPeriodInDays")
    if asked is not None or _plan(rooms, key)[0] is None:
        start(rooms, key, asked or DEFAULT_DAYS)
    return {}


def start(rooms: Rooms, key: Key, days: int) -> None:
    """Begins automatic rotation: the first one comes after a whole period."""
    _set(rooms, key, days, rooms.settings.now() + days * DAY)


def disable_key_rotation(request: Request) -> Output:
    """DisableKeyRotation: no more automatic rotations."""
    _check_primary(request.key)
    _set(request.rooms, request.key, None, None)
    return {}


def get_key_rotation_status(request: Request) -> Output:
    """GetKeyRotationStatus: whether it rotates by itself, how often, and when next.

    UnsupportedOperationException for a key in a custom key store ("Key states of AWS KMS keys").
    """
    rooms, key = request.rooms, request.key
    algorithms.check_not_stored(key)
    days, following, on_demand = _plan(rooms, key)
    deleting = key.state in (states.PENDING_DELETION, states.PENDING_REPLICA_DELETION)
    status: Output = {"KeyId": key.arn, "KeyRotationEnabled": days is not None and not deleting}
    if days is not None and following is not None and not deleting:
        status |= {"RotationPeriodInDays": days, "NextRotationDate": when(following)}
    if on_demand is not None:
        status["OnDemandRotationStartDate"] = when(on_demand)
    return status


def rotate_key_on_demand(request: Request) -> Output:
    """RotateKeyOnDemand: rotates now; it is done half a minute of lab time later.

    Asked again in that time, it changes nothing.
    """
    rooms, key = request.rooms, request.key
    _check(key)
    _, following, on_demand = _plan(rooms, key)
    now = rooms.settings.now()
    if on_demand is not None:
        return {"KeyId": key.key_id}  # it is in progress already
    if following is not None and following - now < CLASH_SECONDS:
        raise AwsError("ConflictException", f"{key.arn} is about to be rotated automatically.")
    done = [each for each in material.of(rooms, key) if each.rotation == "ON_DEMAND"]
    if len(done) >= MOST_ON_DEMAND:
        raise AwsError(
            "LimitExceededException",
            "The on-demand rotations limit has been reached for the given keyId. No more "
            f"on-demand rotations can be performed for this key: {key.arn}",
        )
    if key.origin == "EXTERNAL" and _waiting(rooms, key) is None:
        raise AwsError(
            "KMSInvalidStateException",
            f"No available key material pending rotation for the key: {key.arn}.",
        )
    _write(rooms, key, "on_demand", now)
    agenda.schedule(rooms, key, now + ROTATION_SECONDS, "rotate on demand")
    return {"KeyId": key.key_id}


def list_key_rotations(request: Request) -> Output:
    """ListKeyRotations: the rotations that are done or, with ALL_KEY_MATERIAL, every generation."""
    rooms, key, page = request.rooms, request.key, paging.page(request, LIMIT)
    every = request.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    if every and not key.shows_material:
        raise AwsError("UnsupportedOperationException")
    entries = [
        (f"{each.number:08}", _entry(key, each))
        for each in material.of(rooms, key)
        if every or each.rotation
    ]
    return page.cut_named("Rotations", [pair for pair in entries if pair[0] > page.after])


def _entry(key: Key, each: Material) -> Output:
    """One generation of material as ListKeyRotations shows it."""
    shown: Output = {
        "KeyId": key.arn,
        "KeyMaterialId": each.material_id,
        "KeyMaterialState": each.state,
    }
    if each.rotated is not None:
        shown |= {"RotationDate": when(each.rotated), "RotationType": each.rotation}
    if key.origin == "EXTERNAL":
        shown["ImportState"] = "IMPORTED" if each.token is not None else "PENDING_IMPORT"
        if each.description:
            shown["KeyMaterialDescription"] = each.description
        if each.token is not None:
            shown["ExpirationModel"] = DOES_NOT_EXPIRE if each.expires is None else EXPIRES
        if each.expires is not None:
            shown["ValidTo"] = when(each.expires)
    return shown


def rotate_when_due(rooms: Rooms, key: Key, due: Due) -> None:
    """An automatic rotation. A key that is not enabled skips it until it is enabled again."""
    days, _, _ = _plan(rooms, key)
    if days is None or key.state not in (states.ENABLED, states.UPDATING):
        return
    _rotate(rooms, key, due.time, "AUTOMATIC")
    _set(rooms, key, days, due.time + days * DAY)


def rotate_on_demand_when_due(rooms: Rooms, key: Key, due: Due) -> None:
    """The end of a rotation on demand."""
    _write(rooms, key, "on_demand", None)
    if key.state in (states.ENABLED, states.UPDATING, states.DISABLED):
        _rotate(rooms, key, due.time, "ON_DEMAND")


def resume(rooms: Rooms, key: Key) -> None:
    """A key that was enabled again: a rotation that it missed is due now."""
    days, following, _ = _plan(rooms, key)
    if days is not None and following is not None and not key.is_replica:
        _set(rooms, key, days, max(following, rooms.settings.now()))


def _rotate(rooms: Rooms, key: Key, time: float, how: str) -> None:
    """Gives the key, in all its Regions, new current material: from an HSM, or what waits."""
    waiting = _waiting(rooms, key) if key.origin == "EXTERNAL" else None
    if key.origin == "EXTERNAL" and waiting is None:
        return
    made = None if waiting else rooms.fleet.generate(key.usage.kind)
    new_id = waiting.material_id if waiting else rooms.settings.new_material_id()
    related = records.related(rooms, key)
    for each in related:
        material.change(rooms, each, each.material_id, state=material.NON_CURRENT)
        if made:
            number = len(material.of(rooms, each)) + 1
            material.add(rooms, each, Material(new_id, number, made.token, None, material.CURRENT))
        material.change(rooms, each, new_id, state=material.CURRENT, rotated=time, rotation=how)
        records.change(rooms, each, material_id=new_id)
    details = {
        "keyId": key.key_id,
        "rotationType": how,
        "keyOrigin": key.origin,
        "previousKeyMaterialId": key.material_id,
        "currentKeyMaterialId": new_id,
    }
    rooms.recorder.happened(key.arn, "RotateKey", time, details)
    if len(related) > 1:
        rooms.recorder.happened(key.arn, "SynchronizeMultiRegionKey", time)


def _waiting(rooms: Rooms, key: Key) -> Material | None:
    """Imported material that waits to become current, and is there."""
    for each in material.of(rooms, key):
        if each.state == material.PENDING_ROTATION and each.token is not None:
            return each
    return None


def _check(key: Key) -> None:
    """Raises UnsupportedOperationException for a key that does not rotate by itself."""
    if not key.is_symmetric:
        raise AwsError("UnsupportedOperationException")
    algorithms.check_not_stored(key)
    _check_primary(key)


def _check_primary(key: Key) -> None:
    if key.is_replica:
        raise AwsError(
            "UnsupportedOperationException", f"{key.arn} is not a multi-Region primary key."
        )


def _plan(rooms: Rooms, key: Key) -> tuple[int | None, float | None, float | None]:
    """Days between rotations, time of the next, start of one on demand; each None if not so."""
    row = rooms.store.row(
        "SELECT days, next, on_demand FROM rotation WHERE account = ? AND key_id = ?",
        (key.account, key.key_id),
    )
    return row or (None, None, None)


def _set(rooms: Rooms, key: Key, days: int | None, following: float | None) -> None:
    agenda.cancel(rooms, key, "rotate")
    _write(rooms, key, "days", days)
    _write(rooms, key, "next", following)
    if following is not None:
        agenda.schedule(rooms, key, following, "rotate")


def _write(rooms: Rooms, key: Key, column: str, value: float | None) -> None:
    rooms.store.write(
        f"INSERT INTO rotation (account, key_id, {column}) VALUES (?, ?, ?) "
        f"ON CONFLICT DO UPDATE SET {column} = excluded.{column}",
        (key.account, key.key_id, value),
    )
