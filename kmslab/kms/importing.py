"""Imported key material: a KMS key with Origin EXTERNAL gets it from its owner, wrapped.

    GetParametersForImport ──▶ an RSA public key, and an import token that is good for 24 hours
    the owner wraps the key material with the public key
    ImportKeyMaterial      ──▶ KMS unwraps it and keeps it like any other backing key

KMS keeps nothing between the two: the private wrapping key is inside the import token, as an
exported key token. It decrypts in the HSM; the material itself passes through this process once
(unwrapping.py). Source: "Importing key material", ImportKeyMaterial.
"""

from __future__ import annotations

import base64
from typing import Any

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import agenda, generations, material, rewrapping, tokens, unwrapping
from kmslab.kms.agenda import DAY, Due
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.timing import when

MOST_DAYS = 365  # until imported material expires, at most
TOKEN_DAYS = 1  # for which an import token is good


def get_parameters_for_import(request: Request) -> Output:
    """GetParametersForImport: a public key to wrap the material with, and its import token."""
    rooms, key = request.rooms, request.key
    algorithm, spec = request.get("WrappingAlgorithm"), request.get("WrappingKeySpec")
    kind = unwrapping.wrapping_kind(key, algorithm, spec)
    made = material.make(rooms, kind)
    ends = rooms.settings.now() + TOKEN_DAYS * DAY
    facts = {
        "key": key.arn,
        "algorithm": algorithm,
        "bits": kind.size,
        "wrapping key": base64.b64encode(made.token).decode(),
        "ends": ends,
        "domain": rewrapping.Tokens(rooms.store).domain(),
    }
    return {
        "KeyId": key.arn,
        "ImportToken": tokens.issue(rooms, "import", facts).encode(),
        "PublicKey": made.public,
        "ParametersValidTo": when(ends),
    }


def import_key_material(request: Request) -> Output:
    """ImportKeyMaterial: the first time any material of the key's kind, later the same again.

    A symmetric encryption key takes new material beside the old one, for RotateKeyOnDemand.
    """
    rooms, key = request.rooms, request.key
    facts, expires = _token(request), _expiry(request)
    bare = unwrapping.unwrap(rooms, facts, request.get("EncryptedKeyMaterial"))
    bare, public = unwrapping.check(key, bare)
    named = tokens.fingerprint(rooms, key.key_id, bare)
    generations.admit(request, named)
    agenda.cancel(rooms, key, "expire", named)
    token = rooms.fleet.renewed(key.usage.kind, rooms.fleet.admit(key.usage.kind, bare))
    values = {"token": token, "public": public}
    material.change(rooms, key, named, **values, expires=expires)
    if request.get("KeyMaterialDescription"):
        material.change(rooms, key, named, description=request.get("KeyMaterialDescription"))
    if expires is not None:
        agenda.schedule(rooms, key, expires, "expire", named)
    generations.settle(rooms, key)
    return _answer(key, named)


def delete_imported_key_material(request: Request) -> Output:
    """DeleteImportedKeyMaterial: at once. Without the owner's own copy it is lost.

    Without a KeyMaterialId it is the current material that goes.
    """
    rooms, key = request.rooms, request.key
    named = request.get("KeyMaterialId", key.material_id)
    known = [each.material_id for each in material.of(rooms, key)]
    if request.get("KeyMaterialId") and named not in known:
        raise AwsError("NotFoundException", f"{key.arn} has no key material {named}.")
    if named:
        generations.remove(rooms, key, named)
    return _answer(key, named)


def expire_when_due(rooms: Rooms, key: Key, due: Due) -> None:
    """The date until which imported material was valid."""
    generations.remove(rooms, key, due.detail)
    about = {"keyId": key.key_id, **({"keyMaterialId": due.detail} if key.is_symmetric else {})}
    rooms.recorder.happened(key.arn, "DeleteExpiredKeyMaterial", due.time, about)


def _answer(key: Key, named: str) -> Output:
    """Only the material of symmetric encryption keys has an id that is shown."""
    return {"KeyId": key.arn, **({"KeyMaterialId": named} if named and key.is_symmetric else {})}


def _token(request: Request) -> dict[str, Any]:
    """The facts of the import token, or the error that AWS has for a wrong one.

    Its wrapping key opens under the domain key of its time only, so it ends with that, too.
    """
    rooms = request.rooms
    facts = tokens.read(rooms, "import", request.get("ImportToken"))
    if facts is None or facts["key"] != request.key.arn:
        raise AwsError("InvalidImportTokenException")
    domain = rewrapping.Tokens(rooms.store).domain()
    if facts["ends"] < rooms.settings.now() or facts.get("domain", domain) != domain:
        raise AwsError("ExpiredImportTokenException")
    return facts


def _expiry(request: Request) -> float | None:
    """When the material expires; ValidationException where the two members don't agree."""
    date, now = request.get("ValidTo"), request.rooms.settings.now()
    if request.get("ExpirationModel", material.EXPIRES) == material.DOES_NOT_EXPIRE:
        if date is not None:
            raise AwsError(
                "ValidationException",
                f"A validTo date must not be set if the ExpirationModel is "
                f"{material.DOES_NOT_EXPIRE}",
            )
        return None
    if date is None:
        raise AwsError(
            "ValidationException",
            f"A validTo date must be set if the ExpirationModel is {material.EXPIRES}",
        )
    seconds: float = date.timestamp()
    if not now < seconds <= now + MOST_DAYS * DAY:
        raise AwsError(
            "ValidationException",
            f"The validTo date must be in the future, and at most {MOST_DAYS} days from now.",
        )
    return seconds
