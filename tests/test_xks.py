"""The XKS proxy by itself: its API as the specification has it, over HTTPS, signed by hand.

Signatures are made with botocore's own SigV4, and the key's AES-GCM is checked with pyca's, so that
neither the proxy's code nor KMS's judges itself.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from expect import files, run
from pkcs11 import Attribute, GCMParams, Mechanism
from pkcs11.exceptions import AttributeSensitive, PKCS11Error

from kmslab import Lab
from kmslab.xks import authentication, protocol, signing
from kmslab.xks.proxy import XksProxy

METADATA = {
    "awsPrincipalArn": "arn:aws:iam::111122223333:user/alice",
    "kmsKeyArn": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "kmsOperation": "Encrypt",
}
TEXT, AAD = b"Hello World!", b"project=nile,department=marketing"
Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab whose clock stands still unless it is moved."""
    with Lab(seed=14) as lab:
        yield lab


@pytest.fixture(scope="module")
def proxy(lab: Lab) -> XksProxy:
    """The module's proxy."""
    return lab.xks_proxy("keys.example.com")


@pytest.fixture(scope="module")
def key(proxy: XksProxy) -> str:
    """An external key."""
    return proxy.new_key()


class Caller:
    """Somebody who knows the proxy's credential."""

    def __init__(self, lab: Lab, proxy: XksProxy) -> None:
        self.lab, self.proxy = lab, proxy
        self.number = 0
        self.credential = proxy.configuration["XksProxyAuthenticationCredential"]

    def headers(self, path: str, body: bytes, service: str = signing.SERVICE) -> dict[str, str]:
        """Signed headers, made by botocore at the lab's time."""
        moment = self.lab.clock.now().strftime("%Y%m%dT%H%M%SZ")
        given = {"host": self.proxy.host, "x-amz-date": moment}
        request = AWSRequest("POST", f"https://{self.proxy.host}{path}", given, data=body)
        secret = self.credential["RawSecretAccessKey"]
        auth = botocore.auth.SigV4Auth(
            Credentials(self.credential["AccessKeyId"], secret), service, "us-east-1"
        )
        request.context["timestamp"] = moment
        text = auth.string_to_sign(request, auth.canonical_request(request))
        scope = auth.scope(request)
        names = auth.signed_headers(auth.headers_to_sign(request))
        header = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, "
            f"Signature={auth.signature(text, request)}"
        )
        return {**given, "authorization": header, "content-type": "application/json"}

    def call(self, operation: str, body: dict[str, Any] | None = None, **more: Any) -> Answer:
        """A signed request of an operation; no two are the same."""
        self.number += 1
        metadata = {**METADATA, "kmsRequestId": f"request-{self.number}"}
        raw = json.dumps({"requestMetadata": metadata, **(body or {})} | more).encode()
        path = f"{self.proxy.path}/{operation}"
        return self.send(path, self.headers(path, raw), raw)

    def send(self, path: str, headers: dict[str, str], body: bytes, method: str = "POST") -> Answer:
        """Whatever is given, over TLS that trusts the proxy's certificate."""
        row = self.lab._rooms.store.row("SELECT port, certificate FROM xks_host")
        assert row is not None
        context = ssl.create_default_context(cadata=row[1])
        plain = socket.create_connection(("127.0.0.1", row[0]), 5)
        connection = http.client.HTTPConnection(self.proxy.host)
        with context.wrap_socket(plain, server_hostname=self.proxy.host) as connection.sock:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            assert answer.version == 11
            assert answer.getheader("Content-Type") == "application/json"
            return answer.status, json.loads(answer.read())


@pytest.fixture(scope="module")
def caller(lab: Lab, proxy: XksProxy) -> Caller:
    """The module's caller."""
    return Caller(lab, proxy)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _sealed(caller: Caller, key: str, **more: Any) -> dict[str, Any]:
    asked = {
        "plaintext": _b64(TEXT),
        "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": _b64(AAD),
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    }
    status, answer = caller.call(f"keys/{key}/encrypt", {**asked, **more})
    assert status == 200, answer
    return answer


def _opening(answer: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if "Integrity" not in name}
    return {
        **kept,
        "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": _b64(AAD),
        **more,
    }


# --- what it answers ---------------------------------------------------------------------------


def test_the_specifications_own_example_has_its_integrity_value() -> None:
    metadata, iv = base64.b64decode("a2V5X3ZlcnNpb249MQ=="), base64.b64decode("HMrlRw85cAJUd5Ax")
    sealed, tag = base64.b64decode("ghxkK1txeDNn3q8Y"), base64.b64decode("vBxN2ncH1oEkR8WVXpmyYQ==")
    value = protocol.integrity_value(AAD, metadata, iv, sealed, tag)
    assert _b64(value) == "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc="


def test_health_names_a_key_manager_that_works(caller: Caller) -> None:
    status, answer = caller.call("health")
    assert status == 200
    assert [each["healthStatus"] for each in answer["ekmFleetDetails"]] == ["ACTIVE"]
    assert answer["xksProxyFleetSize"] >= 1
    assert {"xksProxyVendor", "xksProxyModel", "ekmVendor"} <= set(answer)


def test_metadata_says_what_a_key_is(caller: Caller, proxy: XksProxy, key: str) -> None:
    whole = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}
    assert caller.call(f"keys/{key}/metadata") == (200, whole)
    small = proxy.new_key("small", bits=128, usage=("DECRYPT",))
    proxy.disable(small)
    less = {"keySpec": "AES_128", "keyUsage": ["DECRYPT"], "keyStatus": "DISABLED"}
    assert caller.call(f"keys/{small}/metadata") == (200, less)


def test_what_is_encrypted_decrypts_and_is_as_long(caller: Caller, key: str) -> None:
    answer = _sealed(caller, key)
    sizes = {name: len(base64.b64decode(value)) for name, value in answer.items()}
    assert sizes == {
        "ciphertext": len(TEXT),
        "initializationVector": 12,
        "authenticationTag": 16,
        "ciphertextDataIntegrityValue": 32,
    }
    parts = [base64.b64decode(answer[name]) for name in list(sizes)[1:2] + list(sizes)[:1]]
    whole = AAD + b"".join(parts) + base64.b64decode(answer["authenticationTag"])
    assert answer["ciphertextDataIntegrityValue"] == _b64(hashlib.sha256(whole).digest())
    opened = caller.call(f"keys/{key}/decrypt", _opening(answer))
    assert opened == (200, {"plaintext": _b64(TEXT)})


def test_the_aad_stands_behind_its_length_as_the_specification_advises(
    caller: Caller, proxy: XksProxy, key: str
) -> None:
    answer = {name: base64.b64decode(value) for name, value in _sealed(caller, key).items()}
    manager = proxy._manager
    whole = struct.pack(">H", len(AAD)) + AAD + b"\0"
    opened = manager._get(key).decrypt(
        answer["ciphertext"] + answer["authenticationTag"],
        mechanism=Mechanism.AES_GCM,
        mechanism_param=GCMParams(answer["initializationVector"], whole, 128),
    )
    assert opened == TEXT


def test_4300_bytes_and_8192_of_aad_pass(caller: Caller, key: str) -> None:
    long, wide = _b64(bytes(4300)), _b64(bytes(8192))
    answer = _sealed(caller, key, plaintext=long, additionalAuthenticatedData=wide)
    body = _opening(answer, additionalAuthenticatedData=wide)
    assert caller.call(f"keys/{key}/decrypt", body) == (200, {"plaintext": long})


@pytest.mark.parametrize(
    "change",
    [
        {"ciphertext": _b64(bytes(12))},
        {"initializationVector": _b64(bytes(12))},
        {"initializationVector": _b64(bytes(13))},
        {"authenticationTag": _b64(bytes(16))},
        {"authenticationTag": _b64(bytes(12))},
        {"additionalAuthenticatedData": _b64(b"project=nile")},
        {"additionalAuthenticatedData": None},
        {"ciphertextMetadata": _b64(b"version 2")},
        {"ciphertextMetadata": _b64(bytes(21))},
    ],
)
def test_a_changed_ciphertext_does_not_open(
    caller: Caller, key: str, change: dict[str, str | None]
) -> None:
    body = {k: v for k, v in _opening(_sealed(caller, key), **change).items() if v is not None}
    assert caller.call(f"keys/{key}/decrypt", body)[1] == {
        "errorName": "InvalidCiphertextException"
    }


def test_metadata_at_the_end_of_the_aad_does_not_pass_for_the_aad(caller: Caller, key: str) -> None:
    answer = _sealed(caller, key, additionalAuthenticatedData=_b64(b"ab"))
    body = _opening(answer, additionalAuthenticatedData=_b64(b"a"), ciphertextMetadata=_b64(b"b"))
    assert caller.call(f"keys/{key}/decrypt", body)[0] == 400


def test_another_key_does_not_open_it(caller: Caller, proxy: XksProxy, key: str) -> None:
    body = _opening(_sealed(caller, key))
    status, answer = caller.call(f"keys/{proxy.new_key()}/decrypt", body)
    assert (status, answer["errorName"]) == (400, "InvalidCiphertextException")


WRONG = [
    ("keys/nobody/metadata", {}, 404, "KeyNotFoundException"),
    ("keys/nobody/encrypt", {"plaintext": "AA==", "encryptionAlgorithm": "AES_GCM"}, 404, None),
    ("elsewhere", {}, 404, "InvalidUriPathException"),
    ("keys/KEY/destroy", {}, 404, "InvalidUriPathException"),
    ("keys/a b/metadata", {}, 400, None),
    ("keys/KEY/encrypt", {"encryptionAlgorithm": "AES_GCM"}, 400, "ValidationException"),
    ("keys/KEY/encrypt", {"plaintext": "AA=="}, 400, "ValidationException"),
    ("keys/KEY/encrypt", {"plaintext": 1, "encryptionAlgorithm": "AES_GCM"}, 400, None),
    ("keys/KEY/encrypt", {"plaintext": "A", "encryptionAlgorithm": "AES_GCM"}, 400, None),
    ("keys/KEY/encrypt", {"plaintext": "*", "encryptionAlgorithm": "AES_GCM"}, 400, None),
    (
        "keys/KEY/encrypt",
        {
            "plaintext": "AA==",
            "encryptionAlgorithm": "AES_GCM",
            "ciphertextDataIntegrityValueAlgorithm": "MD5",
        },
        400,
        "ValidationException",
    ),
    (
        "keys/KEY/encrypt",
        {"plaintext": _b64(bytes(9000)), "encryptionAlgorithm": "AES_GCM"},
        501,
        "UnsupportedOperationException",
    ),
    ("keys/KEY/decrypt", {"ciphertext": "AA==", "encryptionAlgorithm": "AES_GCM"}, 400, None),
    ("keys/KEY/metadata", {"requestMetadata": None}, 400, "ValidationException"),
    ("keys/KEY/metadata", {"requestMetadata": {}}, 400, "ValidationException"),
    ("keys/KEY/metadata", {"requestMetadata": {"kmsOperation": 1}}, 400, None),
]


@pytest.mark.parametrize(("operation", "body", "status", "name"), WRONG)
def test_a_wrong_request_gets_the_specifications_error(
    caller: Caller, key: str, operation: str, body: dict[str, Any], status: int, name: str | None
) -> None:
    if " " in operation:
        with pytest.raises(http.client.InvalidURL):
            caller.call(operation, body)
        return
    answer = caller.call(operation.replace("KEY", key), body)
    assert answer[0] == status
    assert protocol.STATUS[answer[1]["errorName"]] == status
    if name:
        assert answer[1]["errorName"] == name


def test_get_is_405(caller: Caller) -> None:
    path = f"{caller.proxy.path}/health"
    assert caller.send(path, caller.headers(path, b""), b"", "GET")[0] == 405


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("text/plain", b'{"requestMetadata": {}}'),
        ("application/json", b"no JSON"),
        ("application/json", b"[]"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 60_000),
        ("application/json", b" " * (protocol.MOST_BODY_BYTES + 1)),
    ],
)
def test_a_body_that_is_none_is_refused(caller: Caller, kind: str, raw: bytes) -> None:
    path = f"{caller.proxy.path}/health"
    headers = caller.headers(path, raw) | {"content-type": kind}
    assert caller.send(path, headers, raw)[0] == 400


def test_a_disabled_key_and_one_for_less_refuse(caller: Caller, proxy: XksProxy) -> None:
    only, off = proxy.new_key(usage=("DECRYPT",)), proxy.new_key()
    proxy.disable(off)
    asked = {"plaintext": "AA==", "encryptionAlgorithm": "AES_GCM"}
    for name, error in ((only, "InvalidKeyUsageException"), (off, "InvalidStateException")):
        assert caller.call(f"keys/{name}/encrypt", asked)[1]["errorName"] == error
    proxy.enable(off)
    assert caller.call(f"keys/{off}/encrypt", asked)[0] == 200


def test_the_proxys_own_rule_refuses_a_principal_but_not_its_health(
    caller: Caller, proxy: XksProxy, key: str
) -> None:
    proxy.refuse(METADATA["awsPrincipalArn"])
    assert caller.call(f"keys/{key}/metadata")[0] == 403
    assert caller.call("health")[0] == 200
    proxy.allow(METADATA["awsPrincipalArn"])
    assert caller.call(f"keys/{key}/metadata")[0] == 200


def test_a_key_manager_that_is_off_is_an_internal_error(fresh: Lab) -> None:
    proxy = fresh.xks_proxy()
    caller = Caller(fresh, proxy)
    day = caller.credential["AccessKeyId"], fresh.clock.now().strftime("%Y%m%d")
    kept = proxy._manager.day_key(*day)
    proxy._application.authenticator._day_key = lambda *_: kept
    proxy._manager._session = None
    assert caller.call("health") == (500, {"errorName": "InternalException"})


# --- who may ask -------------------------------------------------------------------------------


def _forged(caller: Caller, change: dict[str, Any]) -> Answer:
    caller.number += 1
    metadata = {**METADATA, "kmsRequestId": f"forged-{caller.number}"}
    raw = json.dumps({"requestMetadata": metadata}).encode()
    path = f"{caller.proxy.path}/health"
    headers = caller.headers(path, raw)
    for name, how in change.items():
        if name == "body":
            raw += how
        elif how is None:
            headers.pop(name)
        else:
            headers[name] = how(headers[name])
    return caller.send(path, headers, raw)


FORGED: list[dict[str, Any]] = [
    {"authorization": None},
    {"authorization": lambda _: "Basic abc"},
    {"authorization": lambda text: text.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")},
    {"authorization": lambda text: text[:-1] + ("0" if text[-1] != "0" else "1")},
    {"authorization": lambda text: text.upper()},
    {"authorization": lambda text: text.replace("kms-xks-proxy", "kms")},
    {"authorization": lambda text: text.replace("us-east-1", "eu-west-1")},
    {"authorization": lambda text: text.replace("Credential=", "Credential=A")},
    {"authorization": lambda text: text.replace("host;x-amz-date", "host")},
    {"authorization": lambda text: text.replace("host;x-amz-date", "host;x-amz-date;x-more")},
    {"x-amz-date": None},
    {"x-amz-date": lambda text: text[:-3] + "59Z" if text[-3:-1] != "59" else text[:-3] + "58Z"},
    {"x-amz-date": lambda _: "yesterday"},
    {"host": lambda _: "another.example.com"},
    {"body": b" "},
]


@pytest.mark.parametrize("change", FORGED)
def test_a_request_that_was_changed_is_not_from_kms(caller: Caller, change: dict[str, Any]) -> None:
    before = len(caller.proxy.log)
    status, answer = _forged(caller, change)
    assert (status, answer["errorName"]) == (401, "AuthenticationFailedException")
    assert len(caller.proxy.log) == before
    assert _forged(caller, {})[0] == 200


def test_a_signature_for_another_service_is_none(caller: Caller) -> None:
    raw = json.dumps({"requestMetadata": {**METADATA, "kmsRequestId": "for s3"}}).encode()
    path = f"{caller.proxy.path}/health"
    assert caller.send(path, caller.headers(path, raw, "s3"), raw)[0] == 401
    assert caller.send(path, caller.headers(path, raw), raw)[0] == 200


def test_a_body_that_is_too_long_is_refused_though_it_is_signed_and_right(caller: Caller) -> None:
    fits = protocol.MOST_BODY_BYTES - 400
    for length, status in ((fits, 200), (protocol.MOST_BODY_BYTES, 400)):
        assert caller.call("health", {"more": "x" * length})[0] == status


def test_a_request_is_taken_once(caller: Caller) -> None:
    raw = json.dumps({"requestMetadata": {**METADATA, "kmsRequestId": "once"}}).encode()
    path = f"{caller.proxy.path}/health"
    headers = caller.headers(path, raw)
    assert caller.send(path, headers, raw)[0] == 200
    assert caller.send(path, headers, raw)[0] == 401


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 401), (60 * 24, 401)])
def test_a_request_is_good_for_five_minutes(caller: Caller, minutes: int, status: int) -> None:
    raw = json.dumps({"requestMetadata": {**METADATA, "kmsRequestId": f"{minutes}"}}).encode()
    path = f"{caller.proxy.path}/health"
    headers = caller.headers(path, raw)
    caller.lab.clock.advance(minutes=minutes)
    assert caller.send(path, headers, raw)[0] == status


def test_a_request_from_the_future_is_refused(caller: Caller, monkeypatch: Any) -> None:
    raw = json.dumps({"requestMetadata": {**METADATA, "kmsRequestId": "future"}}).encode()
    path, now = f"{caller.proxy.path}/health", caller.lab.clock.now().timestamp()
    headers = caller.headers(path, raw)
    monkeypatch.setattr(caller.proxy._application.authenticator, "_now", lambda: now - 301)
    assert caller.send(path, headers, raw)[0] == 401


def test_signatures_are_compared_in_constant_time(caller: Caller, monkeypatch: Any) -> None:
    compared = list[tuple[str, str]]()
    real = authentication.hmac.compare_digest
    monkeypatch.setattr(
        authentication.hmac, "compare_digest", lambda *two: compared.append(two) or real(*two)
    )
    assert _forged(caller, {})[0] == 200
    assert _forged(caller, FORGED[7])[0] == 401  # an unknown access key id is compared with, too
    assert len(compared) == 2


def test_the_signature_of_botocore_is_ours() -> None:
    secret, moment = "s" * 44, datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
    request = AWSRequest("POST", "https://a.example.com/kms/xks/v1/health", data=b"{}")
    date = signing.amz_date(moment)
    request.headers["host"], request.headers["x-amz-date"] = "a.example.com", date
    auth = botocore.auth.SigV4Auth(Credentials("A" * 20, secret), signing.SERVICE, "eu-west-1")
    request.context["timestamp"] = date
    expected = auth.signature(
        auth.string_to_sign(request, auth.canonical_request(request)), request
    )
    scope = signing.Scope("A" * 20, date[:8], "eu-west-1")
    key = signing.day_key(secret, scope.day)
    headers = {"host": "a.example.com", "x-amz-date": date}
    assert signing.signature(key, scope, "/kms/xks/v1/health", headers, b"{}") == expected


def test_a_second_credential_works_until_the_old_one_is_forgotten(fresh: Lab) -> None:
    proxy = fresh.xks_proxy()
    old = Caller(fresh, proxy)
    new = Caller(fresh, proxy)
    new.credential = proxy.new_credential()["XksProxyAuthenticationCredential"]
    new.number = 500
    assert [old.call("health")[0], new.call("health")[0]] == [200, 200]
    proxy.forget_old_credentials()
    assert [old.call("health")[0], new.call("health")[0]] == [401, 200]


# --- what it keeps, and where it listens ---------------------------------------------------------


def test_an_external_key_cannot_leave_its_hsm(proxy: XksProxy, key: str) -> None:
    handle = proxy._manager._get(key)
    with pytest.raises(AttributeSensitive):
        handle[Attribute.VALUE]
    assert (handle[Attribute.SENSITIVE], handle[Attribute.EXTRACTABLE]) == (True, False)
    secret = proxy._manager._secret(proxy._credential[0])
    with pytest.raises(PKCS11Error):
        secret[Attribute.VALUE]


def test_no_secret_of_the_proxy_is_on_the_disk_or_in_its_log(lab: Lab, proxy: XksProxy) -> None:
    secret = proxy._credential[1]
    forms = (secret, secret.encode().hex(), base64.b64decode(secret).hex(), TEXT.decode())
    kept = b"".join(files(lab.path).values())
    for form in forms:
        assert form.encode() not in kept
        assert form not in repr(proxy.log)
    assert base64.b64decode(secret) not in kept
    assert secret not in repr(proxy) + repr(proxy.configuration) + str(proxy.configuration)
    assert b"BEGIN PRIVATE" not in kept


def test_the_log_says_who_asked_for_what_and_how_it_went(
    caller: Caller, proxy: XksProxy, key: str
) -> None:
    caller.call(f"keys/{key}/metadata")
    caller.call("keys/nobody/metadata")
    good, bad = proxy.log[-2:]
    assert (good.operation, good.key_id, good.outcome) == ("metadata", key, "ok")
    assert good.metadata["awsPrincipalArn"] == METADATA["awsPrincipalArn"]
    assert (bad.key_id, bad.outcome) == ("nobody", "KeyNotFoundException")


def test_it_listens_on_loopback_only_and_speaks_tls_only(proxy: XksProxy) -> None:
    assert proxy._server is not None
    assert proxy._server._server.socket.getsockname()[0] == "127.0.0.1"
    port = proxy._server.listening.port
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        plain.sendall(b"POST /kms/xks/v1/health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP" not in plain.recv(100)
    with socket.create_connection(("127.0.0.1", port), 5) as plain, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(plain, server_hostname=proxy.host)
    assert proxy._server._server._context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_caller_who_says_nothing_keeps_nobody_waiting(caller: Caller, proxy: XksProxy) -> None:
    assert proxy._server is not None
    port = proxy._server.listening.port
    silent = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(5)]
    began = time.monotonic()
    assert caller.call("health")[0] == 200
    assert time.monotonic() - began < 2
    for each in silent:
        each.close()


def test_the_proxy_starts_again_with_its_keys_and_credentials(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        with lab.xks_proxy() as proxy:
            key, credential = proxy.new_key(), proxy.configuration
        assert lab._rooms.store.rows("SELECT * FROM xks_host") == []
        assert repr(proxy) == "<XksProxy xks.example.com, unplugged>"
    with Lab(tmp_path) as lab, lab.xks_proxy() as proxy:
        assert proxy.describe(key).status == "ENABLED"
        caller = Caller(lab, proxy)
        caller.credential = credential["XksProxyAuthenticationCredential"]
        assert caller.call(f"keys/{key}/metadata")[0] == 200


def test_one_name_is_one_proxy(tmp_path: Path) -> None:
    code = """
import sys
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    try:
        lab.xks_proxy()
    except ValueError as error:
        print(error)
"""
    with Lab(tmp_path) as lab, lab.xks_proxy():
        assert "is running already" in run(code, tmp_path)
        with pytest.raises(ValueError, match="is running already"):
            lab.xks_proxy()


@pytest.mark.parametrize("host", ["", "localhost", "a..b", "https://a.example", "a.b/c", "A.b", 1])
def test_a_host_is_a_name(fresh: Lab, host: Any) -> None:
    with pytest.raises(ValueError, match="is due"):
        fresh.xks_proxy(host)


def test_a_misspelt_lie_and_a_second_key_of_one_id_are_refused(proxy: XksProxy, key: str) -> None:
    with pytest.raises(ValueError, match="is due"):
        proxy.lie("a little")
    with pytest.raises(ValueError, match="already"):
        proxy.new_key(key)
