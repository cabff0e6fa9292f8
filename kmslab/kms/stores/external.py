"""External key stores: what KMS asks of an XKS proxy, and what it believes of the answers.

Double encryption: KMS encrypts with key material of its own first, then the proxy encrypts the
result with the external key. Neither opens a ciphertext without the other. In a blob, instead of
what the HSM of a standard key sealed:

    n (1) │ ciphertextMetadata (n, 0 to 20) │ m (1) │ IV (m, 12 or 16) │ tag (16) │ ciphertext

The encryption context is covered twice, as AAD of both encryptions. Source: "External key stores"
(KMS Developer Guide, 2023), "AWS KMS External Key Store Proxy API Specification". KMS also asks for
a proxy's health every few minutes; here it does so only when a store is made, changed or connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmslab.errors import HsmRefused
from kmslab.kms import material
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms
from kmslab.kms.stores import records, sealing, wire
from kmslab.kms.stores.failures import ProxyTrouble
from kmslab.kms.stores.records import KeyStore
from kmslab.xks.protocol import (
    IV_BYTES,
    MOST_METADATA_BYTES,
    TAG_BYTES,
    ProxyError,
    decoded,
    encoded,
    integrity_value,
)

MOST_USAGES = 10  # of a key, in a proxy's answer
MOST_MANAGERS = 10
_SCHEME = "https://"


def check_health(rooms: Rooms, store: KeyStore, operation: str, request_id: str) -> None:
    """GetHealthStatus; `ProxyTrouble` unless a key manager of the proxy's is there to work."""
    metadata = {"kmsRequestId": request_id, "kmsOperation": operation}
    answer = _ask(rooms, store, "health", {"requestMetadata": metadata})
    managers = answer.get("ekmFleetDetails")
    if not isinstance(managers, list) or not 1 <= len(managers) <= MOST_MANAGERS:
        raise ProxyTrouble("unclear")
    known = {"ACTIVE", "DEGRADED", "UNAVAILABLE"}
    states = [each.get("healthStatus") if isinstance(each, dict) else None for each in managers]
    if not all(isinstance(each, str) and each in known for each in states):
        raise ProxyTrouble("unclear")
    if set(states) == {"UNAVAILABLE"}:
        raise ProxyTrouble("unhealthy")


def describe(request: Request, store: KeyStore, key_id: str) -> tuple[str, tuple[str, ...], str]:
    """GetKeyMetadata: an external key's spec, usage and status."""
    body = {"requestMetadata": _metadata(request)}
    answer = _ask(request.rooms, store, f"keys/{key_id}/metadata", body)
    spec, usage, status = (answer.get(name) for name in ("keySpec", "keyUsage", "keyStatus"))
    if not isinstance(usage, list) or len(usage) > MOST_USAGES:
        raise ProxyTrouble("unclear")
    if not all(isinstance(each, str) for each in (spec, status, *usage)):
        raise ProxyTrouble("unclear")
    return str(spec), tuple(usage), str(status)


def encrypt(request: Request, key: Key, plaintext: bytes, aad: bytes) -> bytes:
    """Both encryptions of a plaintext."""
    rooms = request.rooms
    inner = rooms.fleet.encrypt(material.current(rooms, key), plaintext, aad)
    body = {
        "requestMetadata": _metadata(request, key),
        "additionalAuthenticatedData": encoded(aad),
        "plaintext": encoded(inner),
        "encryptionAlgorithm": "AES_GCM",
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    }
    answer = _of_key(request, key, "encrypt", body)
    try:
        sealed, iv = decoded(answer, "ciphertext"), decoded(answer, "initializationVector")
        tag = decoded(answer, "authenticationTag")
        value = decoded(answer, "ciphertextDataIntegrityValue")
        more = decoded(answer, "ciphertextMetadata", b"")
    except ProxyError:
        raise ProxyTrouble("unclear").using() from None
    sizes = len(iv) in IV_BYTES and len(tag) == TAG_BYTES and len(more) <= MOST_METADATA_BYTES
    true = value == integrity_value(aad, more, iv, sealed, tag)
    if not sizes or len(sealed) != len(inner) or not true:
        raise ProxyTrouble("unclear").using()
    return bytes([len(more)]) + more + bytes([len(iv)]) + iv + tag + sealed


def decrypt(request: Request, key: Key, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext, after both decryptions; KMSInvalidStateException for all that goes wrong."""
    more, rest = _first(sealed)
    iv, rest = _first(rest)
    body = {
        "requestMetadata": _metadata(request, key),
        "additionalAuthenticatedData": encoded(aad),
        "encryptionAlgorithm": "AES_GCM",
        "initializationVector": encoded(iv),
        "authenticationTag": encoded(rest[:TAG_BYTES]),
        "ciphertext": encoded(rest[TAG_BYTES:]),
        **({"ciphertextMetadata": encoded(more)} if more else {}),
    }
    answer = _of_key(request, key, "decrypt", body)
    try:
        inner = decoded(answer, "plaintext")
    except ProxyError:
        raise ProxyTrouble("unclear").using() from None
    try:
        return request.rooms.fleet.decrypt(material.current(request.rooms, key), inner, aad)
    except HsmRefused:
        raise ProxyTrouble("wrong inside").using() from None


def _first(data: bytes) -> tuple[bytes, bytes]:
    """A part that stands behind its length, and the rest."""
    length = data[0] if data else 0
    return data[1 : 1 + length], data[1 + length :]


def _of_key(request: Request, key: Key, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
    store = records.of_key(request.rooms, key)
    try:
        if store is None or store.state != records.CONNECTED:
            raise ProxyTrouble("no connection")
        return _ask(request.rooms, store, f"keys/{key.external_id}/{what}", body)
    except ProxyTrouble as trouble:
        raise trouble.using() from None


def _ask(rooms: Rooms, store: KeyStore, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
    details = store.details
    host = details["UriEndpoint"].removeprefix(_SCHEME)
    found = records.address(rooms, host.lower())
    if found is None:  # no name server knows it
        raise ProxyTrouble("no connection")
    port, certificate = found
    target = wire.Target(
        host.lower(),
        details["UriPath"],
        port,
        certificate,
        store.region,
        details["AccessKeyId"],
        sealing.unseal(rooms, store),
    )
    return wire.ask(target, what, body, rooms.settings.now())


def _metadata(request: Request, key: Key | None = None) -> dict[str, str]:
    """Who asked KMS for what, for the proxy's log and its own rules."""
    call = request.call
    way = call.way
    metadata = {
        "awsPrincipalArn": call.principal.policy_arn,
        "kmsOperation": call.operation,
        "kmsRequestId": request.request_id,
    }
    if key is not None:
        metadata["kmsKeyArn"] = key.arn
    if way.endpoint is not None and (key is None or key.account == call.account):
        metadata["awsSourceVpce"] = way.endpoint.endpoint_id
    if way.service:
        metadata["kmsViaService"] = way.service.partition(".")[0]
    return metadata
