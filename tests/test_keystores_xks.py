"""External key stores through boto3: both encryptions, and every way in which a proxy can fail."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import stores
from asking import allow
from expect import files, refused, run, start
from stores import Parameters

from kmslab import Lab
from kmslab.errors import HsmRefused
from kmslab.kms.ciphertext import Ciphertext, additional_data
from kmslab.kms.stores import failures, wire
from kmslab.kms.stores.failures import FAILURES
from kmslab.xks.faults import LIES
from kmslab.xks.proxy import XksProxy

TEXT, CONTEXT = b"salary: 1", {"dept": "hr"}
STATE = "KMSInvalidStateException"


class World:
    """A lab with a proxy, a connected store over it, and a key in it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.kms = lab, lab.client("kms")
        self.proxy: XksProxy = stores.proxy(lab)
        self.store = stores.external(lab, self.kms)
        self.key = self.new_key()
        self.blob = self.encrypt()

    def new_key(self, external: str = "") -> str:
        """A KMS key with a new external key."""
        made: str = self.kms.create_key(**self.asked(external))["KeyMetadata"]["KeyId"]
        return made

    def asked(self, external: str = "") -> Parameters:
        """A CreateKey request that works."""
        external = external or self.proxy.new_key()
        store = {"CustomKeyStoreId": self.store, "Origin": "EXTERNAL_KEY_STORE"}
        return {**store, "XksKeyId": external}

    def encrypt(self) -> bytes:
        """A blob."""
        made: bytes = self.kms.encrypt(KeyId=self.key, Plaintext=TEXT, EncryptionContext=CONTEXT)[
            "CiphertextBlob"
        ]
        return made

    def decrypt(self, blob: bytes = b"") -> bytes:
        """What is in the blob."""
        opened: bytes = self.kms.decrypt(
            CiphertextBlob=blob or self.blob, EncryptionContext=CONTEXT
        )["Plaintext"]
        return opened


@pytest.fixture(scope="module")
def world(lab: Lab) -> World:
    """The module's store."""
    return World(lab)


@pytest.fixture(autouse=True)
def _mended(world: World) -> Iterator[None]:
    """After every test the proxy is well."""
    yield
    world.proxy.plug_in()
    world.proxy.lie()
    world.proxy.slow(0)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> float:
    """KMS waits for half a second only."""
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 0.5)
    return 0.5


# --- double encryption -------------------------------------------------------------------------


def test_what_a_key_in_the_store_encrypts_it_decrypts(world: World) -> None:
    assert world.decrypt() == TEXT
    made = world.kms.generate_data_key(KeyId=world.key, KeySpec="AES_256")
    opened = world.kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    assert opened["Plaintext"] == made["Plaintext"]
    assert "KeyMaterialId" not in {**made, **opened}
    bare = world.kms.generate_data_key_without_plaintext(KeyId=world.key, NumberOfBytes=1024)
    assert len(world.kms.decrypt(CiphertextBlob=bare["CiphertextBlob"])["Plaintext"]) == 1024


def test_4096_bytes_and_a_large_context_pass(world: World) -> None:
    text, context = secrets.token_bytes(4096), {"a": "b" * 8000}
    blob = world.kms.encrypt(KeyId=world.key, Plaintext=text, EncryptionContext=context)
    assert len(blob["CiphertextBlob"]) <= 6144
    asked = {"CiphertextBlob": blob["CiphertextBlob"], "EncryptionContext": context}
    assert world.kms.decrypt(**asked)["Plaintext"] == text


def test_re_encrypt_moves_in_out_and_between(world: World) -> None:
    standard = world.kms.create_key()["KeyMetadata"]["KeyId"]
    other = world.new_key()
    blob, context = world.blob, CONTEXT
    for destination in (standard, world.key, other):
        moved = world.kms.re_encrypt(
            CiphertextBlob=blob,
            SourceEncryptionContext=context,
            DestinationKeyId=destination,
            DestinationEncryptionContext=CONTEXT,
        )
        assert ("DestinationKeyMaterialId" in moved) == (destination == standard)
        blob = moved["CiphertextBlob"]
        assert world.decrypt(blob) == TEXT


def test_neither_side_alone_opens_a_ciphertext(world: World) -> None:
    parts = Ciphertext.unpack(world.blob).sealed
    assert (parts[0], parts[1]) == (0, 12)  # no metadata, an IV of 12 bytes
    iv, tag, body = parts[2:14], parts[14:30], parts[30:]
    aad = _aad(world)
    external = world.kms.describe_key(KeyId=world.key)["KeyMetadata"]["XksKeyConfiguration"]["Id"]
    inner = world.proxy._manager.decrypt(external, iv, body, tag, aad)
    assert TEXT not in inner  # what the proxy sees is a ciphertext of KMS's
    rooms = world.lab._rooms
    token = rooms.store.row("SELECT token FROM material WHERE key_id = ?", (world.key,))
    assert token is not None
    assert rooms.fleet.decrypt(token[0], inner, aad) == TEXT
    with pytest.raises(HsmRefused):  # and what KMS keeps opens the inner one only
        rooms.fleet.decrypt(token[0], body + tag, aad)


def _aad(world: World) -> bytes:
    blob = Ciphertext.unpack(world.blob)
    return additional_data(blob.key_id, blob.material_id, CONTEXT)


def test_the_proxy_is_told_who_asked_and_under_which_request(world: World) -> None:
    alice = world.lab.user("alice")
    alice.put_policy("use", [allow("kms:*")])
    answer = alice.client("kms").encrypt(KeyId=world.key, Plaintext=b"x")
    entry = world.proxy.log[-1]
    assert entry.metadata == {
        "awsPrincipalArn": alice.arn,
        "kmsOperation": "Encrypt",
        "kmsRequestId": answer["ResponseMetadata"]["RequestId"],
        "kmsKeyArn": answer["KeyId"],
    }
    assert world.lab.trail()[-1]["requestID"] == entry.metadata["kmsRequestId"]


def test_a_failure_is_in_the_trail_under_the_id_that_the_proxy_saw(world: World) -> None:
    world.kms.encrypt(KeyId=world.key, Plaintext=b"x")
    with refused(STATE):
        world.kms.decrypt(CiphertextBlob=world.blob, EncryptionContext={"dept": "it"})
    entry, event = world.proxy.log[-1], world.lab.trail()[-1]
    assert entry.outcome == "InvalidCiphertextException"
    assert event["requestID"] == entry.metadata["kmsRequestId"]
    assert event["errorCode"] == STATE
    assert event["additionalEventData"]["customKeyStoreId"] == world.store
    assert event["additionalEventData"]["xksKeyId"] == entry.key_id


@pytest.mark.parametrize("at", [0, 20, 51, 52, 66, 82, -1])
def test_a_changed_blob_does_not_open(world: World, at: int) -> None:
    changed = bytearray(world.blob)
    changed[at] ^= 1
    with pytest.raises(world.kms.exceptions.ClientError):
        world.decrypt(bytes(changed))


@pytest.mark.parametrize("length", [50, 51, 52, 63, 64, 80, 90])
def test_a_blob_cut_off_does_not_open(world: World, length: int) -> None:
    with pytest.raises(world.kms.exceptions.ClientError) as caught:
        world.decrypt(world.blob[:length])
    assert caught.value.response["Error"]["Code"] in (STATE, "InvalidCiphertextException")


def test_another_key_with_the_same_external_key_after_deletion_does_not_open_it(
    world: World,
) -> None:
    external = world.proxy.new_key()
    first = world.new_key(external)
    blob = world.kms.encrypt(KeyId=first, Plaintext=TEXT)["CiphertextBlob"]
    with refused("XksKeyAlreadyInUseException"):
        world.new_key(external)
    world.kms.schedule_key_deletion(KeyId=first, PendingWindowInDays=7)
    world.lab.clock.advance(days=8)
    second = world.new_key(external)
    with refused("IncorrectKeyException"):
        world.kms.decrypt(CiphertextBlob=blob, KeyId=second)
    with pytest.raises(world.kms.exceptions.ClientError):
        world.kms.decrypt(CiphertextBlob=blob)
    assert world.proxy.describe(external).status == "ENABLED"  # KMS does not touch it


def test_a_key_in_the_store_says_where_it_is(world: World) -> None:
    shown = world.kms.describe_key(KeyId=world.key)["KeyMetadata"]
    assert (shown["Origin"], shown["CustomKeyStoreId"]) == ("EXTERNAL_KEY_STORE", world.store)
    assert world.proxy.describe(shown["XksKeyConfiguration"]["Id"]).spec == "AES_256"
    assert "CloudHsmClusterId" not in shown
    assert "CurrentKeyMaterialId" not in shown


# --- what goes wrong at the other end ------------------------------------------------------------

LYING = {  # lie: (the trouble with Encrypt, with Decrypt, with a health check); empty: none
    "wrong tag": ("unclear", "", ""),
    "wrong integrity": ("unclear", "", ""),
    "wrong plaintext": ("", "wrong inside", ""),
    "missing": ("unclear", "unclear", "unclear"),
    "unavailable": ("", "", "unhealthy"),
    "garbage": ("unclear", "unclear", "unclear"),
    "content type": ("unclear", "unclear", "unclear"),
    "huge": ("unclear", "unclear", "unclear"),
    **{name: (name, name, name) for name in LIES if name.endswith("Exception")},
}


@pytest.mark.parametrize("lie", LYING)
def test_a_lying_proxy_gets_nothing_past_kms(world: World, lie: str) -> None:
    assert set(LYING) == set(LIES)
    encrypting, decrypting, _ = LYING[lie]
    world.proxy.lie(lie)
    for trouble, call in ((encrypting, world.encrypt), (decrypting, world.decrypt)):
        with refused(STATE, FAILURES[trouble].message) if trouble else nullcontext():
            call()
    world.proxy.lie()
    assert world.decrypt() == TEXT


@pytest.mark.parametrize("lie", [name for name, told in LYING.items() if told[2]])
def test_an_unwell_proxy_makes_no_store_and_connects_none(world: World, lie: str) -> None:
    failure = FAILURES[LYING[lie][2]]
    path = {"XksProxyUriPath": world.proxy.path}
    world.proxy.lie(lie)
    with refused(failure.managing, failure.message):
        world.kms.update_custom_key_store(CustomKeyStoreId=world.store, **path)
    with (
        refused(failure.creating, failure.message)
        if lie != "unavailable"
        else refused("XksKeyNotFoundException")
    ):
        world.new_key("nobody")
    world.kms.disconnect_custom_key_store(CustomKeyStoreId=world.store)
    world.kms.connect_custom_key_store(CustomKeyStoreId=world.store)
    world.lab.clock.advance(minutes=6)
    assert stores.state(world.kms, world.store) == ("FAILED", failure.connecting)
    with refused(STATE, f"{_arn(world)} is unavailable."):
        world.decrypt()
    world.proxy.lie()
    _reconnect(world)
    assert world.decrypt() == TEXT


def _arn(world: World) -> str:
    return f"arn:aws:kms:us-east-1:{world.lab.account}:key/{world.key}"


def _reconnect(world: World) -> None:
    world.kms.disconnect_custom_key_store(CustomKeyStoreId=world.store)
    stores.bring(world.lab, world.kms, world.store)


def test_a_pulled_plug_stops_all_cryptography_and_the_store_reads_connected(world: World) -> None:
    world.proxy.unplug()
    for call in (world.encrypt, world.decrypt):
        with refused(STATE, FAILURES["no connection"].message):
            call()
    with refused("CustomKeyStoreInvalidStateException", FAILURES["no connection"].message):
        world.new_key()
    assert stores.state(world.kms, world.store) == ("CONNECTED", "")
    assert world.kms.describe_key(KeyId=world.key)["KeyMetadata"]["KeyState"] == "Enabled"
    world.proxy.plug_in()
    assert world.decrypt() == TEXT


@pytest.mark.parametrize(
    ("ail", "code"),
    [
        (lambda world: world.proxy.unplug(), "XKS_PROXY_NOT_REACHABLE"),
        (lambda world: world.proxy.slow(9), "XKS_PROXY_TIMED_OUT"),
    ],
)
@pytest.mark.usefixtures("hurried")
def test_connecting_to_nobody_fails(world: World, ail: Any, code: str) -> None:
    ail(world)
    world.kms.disconnect_custom_key_store(CustomKeyStoreId=world.store)
    world.kms.connect_custom_key_store(CustomKeyStoreId=world.store)
    world.lab.clock.advance(minutes=6)
    assert stores.state(world.kms, world.store) == ("FAILED", code)
    world.proxy.plug_in()
    world.proxy.slow(0)
    _reconnect(world)


def test_a_slow_proxy_is_not_waited_for(world: World, hurried: float) -> None:
    world.proxy.slow(20)
    for call in (world.encrypt, world.decrypt):
        began = time.monotonic()
        with refused(STATE, FAILURES["timeout"].message):
            call()
        assert hurried <= time.monotonic() - began < hurried + 2


def test_a_proxy_that_answers_a_byte_at_a_time_is_not_waited_for(
    world: World, hurried: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(_environ: Any, answer: Any) -> Iterator[bytes]:
        answer("200 OK", [("Content-Type", "application/json"), ("Content-Length", "9999")])
        for _ in range(100):
            time.sleep(0.1)
            yield b" "

    assert world.proxy._server is not None
    monkeypatch.setattr(world.proxy._server._server, "application", drip)
    began = time.monotonic()
    with refused(STATE, FAILURES["timeout"].message):
        world.decrypt()
    assert time.monotonic() - began < hurried + 2


def test_a_proxy_that_hangs_up_is_not_understood(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_environ: Any, _answer: Any) -> list[bytes]:
        raise ConnectionError

    assert world.proxy._server is not None
    monkeypatch.setattr(world.proxy._server._server, "application", silent)
    with pytest.raises(world.kms.exceptions.KMSInvalidStateException):
        world.decrypt()


def test_a_stranger_at_the_proxys_address_is_not_believed(world: World) -> None:
    rooms = world.lab._rooms
    with world.lab.xks_proxy("stranger.example.com") as stranger:
        assert stranger._server is not None
        port, kept = (
            stranger._server.listening.port,
            world.lab._rooms.store.row("SELECT port FROM xks_host WHERE host = ?", (stores.HOST,)),
        )
        assert kept is not None
        rooms.store.write("UPDATE xks_host SET port = ? WHERE host = ?", (port, stores.HOST))
        with refused(STATE, FAILURES["no TLS"].message):
            world.decrypt()
        world.kms.disconnect_custom_key_store(CustomKeyStoreId=world.store)
        world.kms.connect_custom_key_store(CustomKeyStoreId=world.store)
        world.lab.clock.advance(minutes=6)
        shown = stores.state(world.kms, world.store)
        assert shown == ("FAILED", "XKS_PROXY_INVALID_TLS_CONFIGURATION")
        assert stranger.log == ()
        rooms.store.write("UPDATE xks_host SET port = ? WHERE host = ?", (kept[0], stores.HOST))
    _reconnect(world)


def test_a_certificate_for_another_name_is_not_believed(world: World) -> None:
    rooms = world.lab._rooms
    row = rooms.store.row("SELECT port, certificate FROM xks_host WHERE host = ?", (stores.HOST,))
    assert row is not None
    rooms.store.write("INSERT INTO xks_host VALUES ('alias.example.com', ?, ?)", row)
    with refused("XksProxyInvalidConfigurationException", FAILURES["no TLS"].message):
        world.kms.create_custom_key_store(
            **{**world.proxy.configuration, "XksProxyUriEndpoint": "https://alias.example.com"},
            CustomKeyStoreName="alias",
            CustomKeyStoreType="EXTERNAL_KEY_STORE",
        )


KEY_TROUBLE = {
    "a disabled key": (XksProxy.disable, XksProxy.enable, "InvalidStateException"),
    "a deleted key": (XksProxy.delete_key, None, "KeyNotFoundException"),
}


@pytest.mark.parametrize("case", KEY_TROUBLE)
def test_an_external_key_that_is_off_or_gone_stops_its_kms_key(world: World, case: str) -> None:
    break_it, mend_it, trouble = KEY_TROUBLE[case]
    external = world.proxy.new_key()
    key = world.new_key(external)
    blob = world.kms.encrypt(KeyId=key, Plaintext=TEXT)["CiphertextBlob"]
    break_it(world.proxy, external)
    for call, asked in (
        (world.kms.encrypt, {"KeyId": key, "Plaintext": TEXT}),
        (world.kms.decrypt, {"CiphertextBlob": blob}),
        (world.kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
    ):
        with refused(STATE, FAILURES[trouble].message):
            call(**asked)
    assert world.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    if mend_it:
        mend_it(world.proxy, external)
        assert world.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


UNFIT: dict[str, tuple[Parameters, bool, str, str]] = {
    "a short key": (
        {"bits": 128},
        False,
        "The key spec of the external key must be AES_256. The key spec of specified external key "
        "is AES_128.",
        "XksKeyInvalidConfigurationException",
    ),
    "a key that only encrypts": (
        {"usage": ("ENCRYPT",)},
        False,
        "The key usage of the external key must include ENCRYPT and DECRYPT. The key usage of "
        "specified external key is ENCRYPT.",
        "XksKeyInvalidConfigurationException",
    ),
    "a disabled key": (
        {},
        True,
        "The status of the external key must be ENABLED. The status of specified external key is "
        "DISABLED.",
        "XksKeyInvalidConfigurationException",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_create_key_wants_an_aes_256_key_that_is_on_and_does_both(world: World, case: str) -> None:
    made, off, message, code = UNFIT[case]
    external = world.proxy.new_key(**made)
    if off:
        world.proxy.disable(external)
    before = world.kms.list_keys()["Keys"]
    with refused(code, message):
        world.new_key(external)
    assert world.kms.list_keys()["Keys"] == before


@pytest.mark.parametrize("external", ["nobody", "..", "a" * 128])
def test_create_key_wants_a_key_that_is_there(world: World, external: str) -> None:
    with refused("XksKeyNotFoundException", FAILURES["KeyNotFoundException"].message):
        world.new_key(external)


def test_the_proxys_own_rule_stops_a_principal_whom_iam_allows(world: World) -> None:
    bob = world.lab.user("bob")
    bob.put_policy("use", [allow("kms:*")])
    kms, message = bob.client("kms"), FAILURES["AccessDeniedException"].message
    kms.encrypt(KeyId=world.key, Plaintext=b"x")
    world.proxy.refuse(bob.arn)
    with refused(STATE, message):
        kms.encrypt(KeyId=world.key, Plaintext=b"x")
    with refused("CustomKeyStoreInvalidStateException", message):
        kms.create_key(**world.asked())
    world.encrypt()
    world.proxy.allow(bob.arn)
    kms.encrypt(KeyId=world.key, Plaintext=b"x")


# --- credentials ---------------------------------------------------------------------------------


def test_a_rotated_credential_has_to_be_told_and_can_be_while_connected(fresh: Lab) -> None:
    own = World(fresh)
    new = own.proxy.new_credential()["XksProxyAuthenticationCredential"]
    assert own.decrypt() == TEXT
    own.proxy.forget_old_credentials()
    message = FAILURES["AuthenticationFailedException"].message
    with refused(STATE, message):
        own.decrypt()
    with refused("CustomKeyStoreInvalidStateException", message):
        own.new_key()
    own.kms.update_custom_key_store(
        CustomKeyStoreId=own.store, XksProxyAuthenticationCredential=new
    )
    assert own.decrypt() == TEXT
    shown = own.kms.describe_custom_key_stores()["CustomKeyStores"][0]["XksProxyConfiguration"]
    assert shown["AccessKeyId"] == new["AccessKeyId"]
    assert "RawSecretAccessKey" not in str(shown)


def test_a_wrong_credential_is_refused_and_the_right_one_stays(fresh: Lab) -> None:
    own = World(fresh)
    good = own.proxy.configuration["XksProxyAuthenticationCredential"]
    code = "XksProxyIncorrectAuthenticationCredentialException"
    for wrong in ({**good, "RawSecretAccessKey": "A" * 44}, {**good, "AccessKeyId": "A" * 24}):
        with refused(code, FAILURES["AuthenticationFailedException"].message):
            own.kms.update_custom_key_store(
                CustomKeyStoreId=own.store, XksProxyAuthenticationCredential=wrong
            )
    assert own.decrypt() == TEXT
    own.kms.disconnect_custom_key_store(CustomKeyStoreId=own.store)
    own.proxy.new_credential()
    own.proxy.forget_old_credentials()
    own.kms.connect_custom_key_store(CustomKeyStoreId=own.store)
    fresh.clock.advance(minutes=6)
    assert stores.state(own.kms, own.store) == ("FAILED", "INVALID_CREDENTIALS")


def test_a_request_of_kms_can_not_be_replayed(fresh: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    own = World(fresh)
    sent = list[tuple[Any, ...]]()
    real = wire._exchange
    monkeypatch.setattr(wire, "_exchange", lambda *all: sent.append(all) or real(*all))
    own.decrypt()
    status, _, answer = real(*sent[0])
    assert (status, b"AuthenticationFailed" in answer) == (401, True)
    fresh.clock.advance(minutes=10)
    assert real(*sent[0])[0] == 401
    assert own.decrypt() == TEXT


def test_no_secret_of_a_store_is_on_disk_in_the_trail_or_in_a_message(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        own = World(lab)
        secret = own.proxy.configuration["XksProxyAuthenticationCredential"]["RawSecretAccessKey"]
        own.kms.describe_custom_key_stores()
        own.proxy.unplug()
        with pytest.raises(own.kms.exceptions.KMSInvalidStateException) as caught:
            own.decrypt()
        seen = repr(caught.value) + str(list(lab.trail())) + repr(lab.trail())
        store = lab._rooms.store.rows("SELECT * FROM key_store")
        seen += repr(store) + repr(own.proxy)
    kept = b"".join(files(tmp_path).values())
    for form in (secret, secret.encode().hex()):
        assert form not in seen
        assert form.encode() not in kept
    assert TEXT not in kept


def test_a_sealed_secret_that_was_moved_to_another_store_does_not_open(fresh: Lab) -> None:
    own = World(fresh)
    rooms = fresh._rooms
    rooms.store.write("UPDATE key_store SET store_id = 'cks-00000000000000000'")
    rooms.store.write("UPDATE kms_key SET store = 'cks-00000000000000000' WHERE store <> ''")
    with pytest.raises(own.kms.exceptions.ClientError):
        own.decrypt()


# --- processes -----------------------------------------------------------------------------------

OTHER = """
import sys
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    kms = lab.client("kms")
    blob = kms.encrypt(KeyId=sys.argv[2], Plaintext=b"from another")["CiphertextBlob"]
    print(blob.hex())
"""
KILLED = """
import os, sys, time
from kmslab import Lab
lab = Lab(sys.argv[1])
proxy, kms = lab.xks_proxy(), lab.client("kms")
asked = {"CustomKeyStoreName": "ours", "CustomKeyStoreType": "EXTERNAL_KEY_STORE"}
store = kms.create_custom_key_store(**asked, **proxy.configuration)["CustomKeyStoreId"]
kms.connect_custom_key_store(CustomKeyStoreId=store)
print(store, proxy.new_key(), flush=True)
time.sleep(60)
"""


def test_another_process_uses_the_same_proxy(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        own = World(lab)
        blob = bytes.fromhex(run(OTHER, tmp_path, own.key).strip())
        assert own.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"from another"


def test_after_kill_9_the_store_goes_on_connecting_and_the_proxy_starts_again(
    tmp_path: Path,
) -> None:
    process = start(KILLED, tmp_path)
    assert process.stdout is not None
    store, external = process.stdout.readline().split()
    process.kill()
    process.communicate()
    with Lab(tmp_path) as lab:
        kms = lab.client("kms")
        assert stores.state(kms, store) == ("CONNECTING", "")
        lab.clock.advance(minutes=6)
        assert stores.state(kms, store) == ("FAILED", "XKS_PROXY_NOT_REACHABLE")
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        with lab.xks_proxy():
            stores.bring(lab, kms, store)
            made = {"CustomKeyStoreId": store, "Origin": "EXTERNAL_KEY_STORE"}
            key = kms.create_key(**made, XksKeyId=external)["KeyMetadata"]["KeyId"]
            blob = kms.encrypt(KeyId=key, Plaintext=TEXT)["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


def test_the_lab_ends_its_proxies() -> None:
    lab = Lab()
    proxy = lab.xks_proxy()
    lab.close()
    assert proxy._server is None
    proxy.close()  # again is no error


def test_every_failure_is_one_that_its_operations_declare(world: World) -> None:
    model = world.kms.meta.service_model

    def declared(operation: str) -> set[str]:
        return {shape.name for shape in model.operation_model(operation).error_shapes}

    codes = model.shape_for("ConnectionErrorCodeType").enum
    for failure in FAILURES.values():
        assert failure.managing in declared("CreateCustomKeyStore")
        assert failure.managing in declared("UpdateCustomKeyStore")
        assert failure.creating in declared("CreateKey")
        assert failure.connecting in codes
    assert failures.ProxyTrouble("timeout").using().code == STATE


def test_the_time_that_kms_waits_is_generous() -> None:
    assert wire.TIMEOUT_SECONDS >= 3  # AWS's 250 ms would fail on a busy laptop
