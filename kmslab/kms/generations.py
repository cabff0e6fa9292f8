"""Which imported material a key may take, which generation it is, and what its coming and going do.

    first import        becomes CURRENT, and the key Enabled
    the same again      is put back where it was; the key is Enabled when all of them are there
    NEW_KEY_MATERIAL    waits as PENDING_ROTATION until RotateKeyOnDemand makes it current; of a
                        multi-Region key it first waits until every Region has it
    deleted, expired    the key is PendingImport; what only waited for a rotation is just dropped

Source: ImportKeyMaterial, DeleteImportedKeyMaterial, KeyMaterialState in ListKeyRotations.
"""

from __future__ import annotations

from kmslab.errors import AwsError
from kmslab.kms import agenda, material, records, states
from kmslab.kms.key import Key
from kmslab.kms.material import (
    CURRENT,
    PENDING_REPLICAS,
    PENDING_ROTATION,
    WAITING,
    Material,
)
from kmslab.kms.request import Request, Rooms

NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"


def admit(request: Request, named: str) -> None:
    """Makes a row for new material, or finds that of known material, or refuses it."""
    rooms, key = request.rooms, request.key
    known = material.of(rooms, key)
    asked = request.get("ImportType", EXISTING if known else NEW)
    only_symmetric = ("ImportType", "KeyMaterialId", "KeyMaterialDescription")
    if not key.is_symmetric and any(request.get(name) for name in only_symmetric):
        _unsupported(key, "takes one key material only, without type, id and description")
    if asked == NEW and request.get("KeyMaterialId"):
        raise AwsError("ValidationException", f"KeyMaterialId is not valid with ImportType {NEW}.")
    if request.get("KeyMaterialId", named) != named:
        _incorrect(key, "has another id than KeyMaterialId says")
    if asked == EXISTING and named not in [each.material_id for each in known]:
        _incorrect(key, "is not what was imported before")
    if asked == NEW:
        _admit_new(rooms, key, known, named)


def settle(rooms: Rooms, key: Key) -> None:
    """After an import: is the key complete, and is what waits in every Region?"""
    for each in records.related(rooms, key):
        for waiting in _waiting(rooms, each):
            everywhere = all(
                material.token(rooms, other, waiting.material_id)
                for other in records.related(rooms, key)
            )
            state = PENDING_ROTATION if everywhere else PENDING_REPLICAS
            material.change(rooms, each, waiting.material_id, state=state)
    if key.state == states.PENDING_IMPORT and complete(rooms, key):
        records.change(rooms, key, state=states.ENABLED)


def complete(rooms: Rooms, key: Key) -> bool:
    """Whether all imported material is there that the key needs; before the first, none is."""
    known = material.of(rooms, key)
    return bool(known) and all(each.token is not None or each.state in WAITING for each in known)


def remove(rooms: Rooms, key: Key, named: str) -> None:
    """Deletes material in this Region; dropping what waits at a primary drops it everywhere."""
    waits = named in [each.material_id for each in _waiting(rooms, key)]
    everywhere = waits and not key.is_replica
    for each in records.related(rooms, key) if everywhere else [key]:
        agenda.cancel(rooms, each, "expire", named)
        if everywhere:
            material.drop(rooms, each, named)
        else:
            material.change(rooms, each, named, token=None, expires=None)
    if waits:
        settle(rooms, key)
    elif key.state not in (states.PENDING_DELETION, states.PENDING_REPLICA_DELETION):
        records.change(rooms, key, state=states.PENDING_IMPORT)
    agenda.scrub_later(rooms, key)


def _admit_new(rooms: Rooms, key: Key, known: list[Material], named: str) -> None:
    if not known:
        material.add(rooms, key, Material(named, 1, None, None, CURRENT))
        records.change(rooms, key, material_id=named)
        return
    if not key.is_symmetric:
        _unsupported(key, "keeps its key material for ever")
    if key.is_replica:
        _unsupported(key, "is a replica key: import new key material into the primary key first")
    if named in [each.material_id for each in known]:
        _incorrect(key, "was imported before")
    for waiting in _waiting(rooms, key):
        raise AwsError(
            "KMSInvalidStateException",
            f"New key material (id: {named}) cannot be imported into KMS key {key.arn}, because "
            f"another key material (id: {waiting.material_id}) is pending rotation.",
        )
    for each in records.related(rooms, key):
        material.add(rooms, each, Material(named, len(known) + 1, None, None, PENDING_ROTATION))


def _waiting(rooms: Rooms, key: Key) -> list[Material]:
    return [each for each in material.of(rooms, key) if each.state in WAITING]


def _unsupported(key: Key, why: str) -> None:
    raise AwsError("UnsupportedOperationException", f"{key.arn} {why}.")


def _incorrect(key: Key, why: str) -> None:
    raise AwsError("IncorrectKeyMaterialException", f"The key material for {key.arn} {why}.")
