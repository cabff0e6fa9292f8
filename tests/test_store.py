"""The records: transactions, threads, and a disk that is full."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from expect import refused, run

from kmslab import Lab
from kmslab.errors import StoreBusy, StoreError
from kmslab.kms import states
from kmslab.kms.ciphertext import Ciphertext, additional_data
from kmslab.kms.specs import ENCRYPT, SPECS, SYMMETRIC
from kmslab.store import MIGRATIONS, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store."""
    store = Store(tmp_path / "records.sqlite")
    yield store
    store.close()


def _add(store: Store, name: str) -> int:
    return store.write("INSERT INTO lab VALUES (?, '')", (name,))


def _add_and_fail(store: Store, error: Any, inner: bool = False) -> None:
    with store.transaction():
        with store.transaction() if inner else nullcontext():
            _add(store, "a")
        raise error


def _names(store: Store) -> list[str]:
    return [name for (name,) in store.rows("SELECT name FROM lab ORDER BY name")]


def test_a_transaction_is_kept_whole(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "records.sqlite")
    with store.transaction():
        _add(store, "a")
        assert _names(other) == []
        _add(store, "b")
    assert _names(other) == ["a", "b"]
    other.close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StoreError])
def test_a_transaction_that_fails_is_taken_back_whole(
    store: Store, error: type[BaseException]
) -> None:
    _add(store, "before")
    with pytest.raises(error):
        _add_and_fail(store, error)
    assert _names(store) == ["before"]
    _add(store, "after")
    assert _names(store) == ["after", "before"]


def test_a_transaction_inside_another_is_part_of_it(store: Store) -> None:
    with pytest.raises(ValueError, match="outer"):
        _add_and_fail(store, ValueError("outer"), inner=True)
    assert _names(store) == []
    with store.transaction(), store.transaction():
        _add(store, "both")
    assert _names(store) == ["both"]


def test_a_wrong_statement_is_a_store_error(store: Store) -> None:
    with pytest.raises(StoreError, match=r"records\.sqlite"):
        store.rows("SELECT * FROM nothing")
    _add(store, "a")
    with pytest.raises(StoreError):
        _add(store, "a")


def test_write_says_how_many_rows_changed(store: Store) -> None:
    assert [_add(store, name) for name in "ab"] == [1, 1]
    assert store.write("DELETE FROM lab") == 2
    assert store.row("SELECT * FROM lab") is None


def test_threads_do_not_see_each_others_transactions(store: Store) -> None:
    def add(number: int) -> None:
        for turn in range(20):
            with store.transaction():
                (count,) = store.row("SELECT count(*) FROM lab") or (0,)
                store.write("INSERT INTO lab VALUES (?, ?)", (f"{number} {turn}", str(count)))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sorted(int(value) for (value,) in store.rows("SELECT value FROM lab"))
    assert counts == list(range(80))


def _account(store: Store) -> str:
    """What the store knows of a setting."""
    return store.known("SELECT value FROM lab WHERE name = 'account'", (), str) or ""


def test_what_is_known_is_read_once(store: Store) -> None:
    made: list[int] = []
    for _ in range(3):
        store.catch_up()
        store.known("SELECT 1", (), made.append)
    assert made == [1]
    store.append("INSERT INTO key_use VALUES ('x', 1)")
    store.known("SELECT 1", (), made.append)
    assert made == [1]


def test_what_is_known_follows_every_write(store: Store) -> None:
    assert _account(store) == ""
    store.write("INSERT INTO lab VALUES ('account', '1')")
    assert _account(store) == "1"
    with suppress(ZeroDivisionError), store.transaction():
        store.write("UPDATE lab SET value = '2'")
        assert _account(store) == "2"
        raise ZeroDivisionError
    assert _account(store) == "1"


def test_another_process_write_is_known_after_catching_up(store: Store) -> None:
    other = Store(store.path)
    assert _account(store) == ""
    other.write("INSERT INTO lab VALUES ('account', '1')")
    store.catch_up()
    assert _account(store) == "1"
    other.write("UPDATE lab SET value = '2'")
    with store.transaction():
        assert _account(store) == "2"
    other.close()


def test_what_is_known_has_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmslab.store.MOST_KNOWN", 3)
    for number in range(10):
        assert store.known("SELECT ?", (number,), int) == number
        assert len(store._known) <= 3


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.close()
    store.close()
    with pytest.raises(StoreError):
        store.rows("SELECT 1")
    with pytest.raises(StoreError), store.transaction():
        pass


def test_a_store_knows_its_version(store: Store) -> None:
    assert store.row("PRAGMA user_version") == (len(MIGRATIONS),)
    assert store.row("PRAGMA journal_mode") == ("wal",)


# A lab of the first release: one key, its alias, and an event.
OLD_KEY, OLD_MATERIAL = "0a1b2c3d-1111-4222-8333-0123456789ab", "5e" * 32
OLD_ACCOUNT, CONTEXT = "123456789012", {"patient": "17"}
OLD_IDENTITY = (
    '{"type": "IAMUser", "principalId": "AIDAOLD", "accountId": "123456789012", '
    '"arn": "arn:aws:iam::123456789012:user/admin", "userName": "admin"}'
)
OLD_DETAILS = '{"requestParameters": {"description": "old"}, "responseElements": null}'


def _old_lab(folder: Path) -> bytes:
    """Makes the folder of a lab of version 1; returns a blob of its key."""
    with Lab(folder) as lab:  # for its HSMs alone
        token = lab.hsms.generate(SPECS[SYMMETRIC].usages[ENCRYPT].kind).token
        aad = additional_data(OLD_KEY, OLD_MATERIAL, CONTEXT)
        sealed = lab.hsms.encrypt(token, b"kept", aad)
    for left in folder.glob("records.sqlite*"):
        left.unlink()
    store = sqlite3.connect(folder / "records.sqlite", isolation_level=None)
    store.executescript(MIGRATIONS[0])
    settings = {"account": OLD_ACCOUNT, "seed": "", "offset": "0", "made": "0", "fleet": "made"}
    store.executemany("INSERT INTO lab VALUES (?, ?)", settings.items())
    names = OLD_ACCOUNT, "us-east-1"
    key = (*names, OLD_KEY, 1767000000.0, "old", "Enabled", OLD_MATERIAL)
    store.execute("INSERT INTO kms_key VALUES (?, ?, ?, ?, ?, ?, ?)", key)
    store.execute(
        "INSERT INTO backing_key VALUES (?, ?, ?, ?)", (OLD_MATERIAL, OLD_KEY, token, 1767000000.0)
    )
    alias = (*names, "alias/old", OLD_KEY, 1767000000.0, 1767000000.0)
    store.execute("INSERT INTO alias VALUES (?, ?, ?, ?, ?, ?)", alias)
    event = (
        *(1, "6f1e3a52-0000-4000-8000-000000000001", 1767000000.0, "kms", "CreateKey"),
        *("us-east-1", OLD_ACCOUNT, "Boto3/1.43.0", OLD_IDENTITY),
        *(f"arn:aws:kms:us-east-1:{OLD_ACCOUNT}:key/{OLD_KEY}", OLD_DETAILS),
    )
    store.execute(f"INSERT INTO event VALUES ({', '.join('?' * len(event))})", event)
    store.execute("PRAGMA user_version = 1")
    store.close()
    return Ciphertext(OLD_KEY, OLD_MATERIAL, sealed).pack()


def test_a_lab_of_the_first_release_opens_and_its_key_decrypts(tmp_path: Path) -> None:
    blob = _old_lab(tmp_path)
    with Lab(tmp_path) as lab:
        kms, (event,) = lab.client("kms"), lab.trail()
        assert (lab.account, event["eventName"]) == (OLD_ACCOUNT, "CreateKey")
        answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
        assert (answer["Plaintext"], answer["KeyMaterialId"]) == (b"kept", OLD_MATERIAL)
        assert lab._rooms.store.row("PRAGMA user_version") == (len(MIGRATIONS),)
    with Lab(tmp_path) as lab:  # and once more
        kms = lab.client("kms")
        shown = kms.describe_key(KeyId="alias/old")["KeyMetadata"]
        assert shown == shown | {
            "KeyId": OLD_KEY,
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": "Enabled",
            "KeyManager": "CUSTOMER",
            "Origin": "AWS_KMS",
            "MultiRegion": False,
            "CurrentKeyMaterialId": OLD_MATERIAL,
        }
        assert OLD_ACCOUNT in kms.get_key_policy(KeyId=OLD_KEY)["Policy"]
        assert kms.get_key_rotation_status(KeyId=OLD_KEY)["KeyRotationEnabled"] is False
        kms.rotate_key_on_demand(KeyId=OLD_KEY)
        lab.clock.advance(minutes=1)
        new = kms.encrypt(KeyId=OLD_KEY, Plaintext=b"new")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] != OLD_MATERIAL
        opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"kept", OLD_MATERIAL)


def test_the_keys_of_an_old_lab_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _old_lab(tmp_path)
    monkeypatch.setattr("kmslab.kms.creating.MOST_KEYS", 1)
    with Lab(tmp_path) as lab, refused("LimitExceededException"):
        lab.client("kms").create_key()


def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    Store(path).close()
    later = sqlite3.connect(path)
    later.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    later.close()
    with pytest.raises(StoreError, match="update the course"):
        Store(path)


def test_what_is_deleted_is_overwritten(store: Store) -> None:
    assert store.row("PRAGMA secure_delete") == (1,)


def test_a_write_waits_for_another_process(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Thread(target=_add, args=(store, "late"))
    done.start()
    done.join(0.1)
    assert done.is_alive()
    other.execute("COMMIT")
    done.join()
    assert _names(store) == ["late"]
    other.close()


def test_a_write_that_waits_too_long_says_that_the_records_are_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(tmp_path) as lab:
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
    monkeypatch.setattr("kmslab.store.WAIT_SECONDS", 0.05)
    with Lab(tmp_path) as lab:
        kms, other = lab.client("kms"), sqlite3.connect(tmp_path / "records.sqlite")
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            lab._rooms.store.write("DELETE FROM event")
        for call in (lambda: kms.disable_key(KeyId=key), kms.create_key, kms.list_keys):
            with refused("DependencyTimeoutException") as caught:
                call()
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        other.execute("ROLLBACK")
        other.close()
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == states.ENABLED
        assert len(kms.list_keys()["Keys"]) == 1


def test_a_full_disk_is_an_internal_error_and_nothing_is_lost(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        kms, store = lab.client("kms"), lab._rooms.store
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
        (pages,) = store.row("PRAGMA page_count") or (0,)
        store.rows(f"PRAGMA max_page_count = {pages}")
        made = [key]
        with refused("KMSInternalException") as caught:
            while len(made) < 200:
                made.append(kms.create_key(Description="x" * 4_000)["KeyMetadata"]["KeyId"])
        assert "full" in str(caught.value)
        for call in (
            lambda: kms.create_key(Description="x" * 4_000),
            lambda: kms.update_key_description(KeyId=key, Description="x" * 8_000),
        ):
            with refused("KMSInternalException"):
                call()
        store.rows("PRAGMA max_page_count = 1000000")
        assert {entry["KeyId"] for entry in kms.list_keys()["Keys"]} == set(made)
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    with Lab(tmp_path) as lab:
        kms = lab.client("kms")
        assert {entry["KeyId"] for entry in kms.list_keys()["Keys"]} == set(made)
        for name in made:
            kms.encrypt(KeyId=name, Plaintext=b"x")


LIMITED = """
import resource, sys
from botocore.exceptions import ClientError
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    kms = lab.client("kms")
    print(kms.create_key()["KeyMetadata"]["KeyId"])
    limit = (lab.path / "records.sqlite-wal").stat().st_size + 60_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for _ in range(500):
            print(kms.create_key(Description="x" * 4_000)["KeyMetadata"]["KeyId"])
    except ClientError as error:
        print(error.response["Error"]["Code"])
"""


def test_a_write_that_the_system_refuses_is_an_internal_error(tmp_path: Path) -> None:
    *made, code = run(LIMITED, tmp_path).split()
    assert code == "KMSInternalException"
    with Lab(tmp_path) as lab:
        kms = lab.client("kms")
        assert {entry["KeyId"] for entry in kms.list_keys(Limit=1000)["Keys"]} == set(made)
        for name in made:
            kms.encrypt(KeyId=name, Plaintext=b"x")
        kms.create_key()


def test_a_lab_whose_disk_is_full_from_the_start_is_a_store_error(tmp_path: Path) -> None:
    code = """
import resource, sys
from kmslab import Lab
import kmslab.hsm.fleet
from kmslab.errors import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    Lab(sys.argv[1])
except StoreError as error:
    print("StoreError")
"""
    for limit in (0, 4_096, 300_000):
        assert run(code, tmp_path / "lab", limit) == "StoreError\n"
    with Lab(tmp_path / "lab") as lab:
        assert lab.client("kms").create_key()["KeyMetadata"]["Enabled"]
