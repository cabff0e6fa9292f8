"""A new domain key: every token wrapped again, under requests, across processes and kill -9."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import busy_lab
import pytest
from everything import Everything
from expect import files, refused, start
from intruder import own_wrapping_key
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error
from test_hsm_domain import CURVE, LABELS
from test_hsm_fleet import cut_off, states, works
from wrapping import bring, parameters

from kmslab import Lab
from kmslab.errors import BackupRefused, FleetDown, HsmRefused, TokenRefused
from kmslab.hsm import domain, pairs, quorum, roster, rotation, seeds
from kmslab.hsm.fleet import NAMES, Fleet
from kmslab.hsm.kinds import Kind
from kmslab.hsm.session import AES
from kmslab.kms import material, rewrapping
from kmslab.kms.rewrapping import Tokens
from kmslab.kms.stores import records as stores
from kmslab.kms.stores import sealing
from kmslab.kms.stores.records import KeyStore


@pytest.fixture(autouse=True)
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other requests run, nobody has to be waited for."""
    if "requests" not in request.node.name:
        monkeypatch.setattr(rotation, "SETTLE_SECONDS", 0.0)


def tokens(lab: Lab) -> set[bytes]:
    """Every exported key token in the records."""
    store = lab._rooms.store
    kept = {row[0] for row in store.rows("SELECT token FROM material WHERE length(token) > 0")}
    service = store.row("SELECT value FROM lab WHERE name = 'service token'")
    return kept | ({bytes.fromhex(service[0])} if service else set())


def test_all_that_was_made_before_works_after_and_every_token_is_another(fresh: Lab) -> None:
    made, before, name = Everything(fresh), tokens(fresh), fresh.hsms.domain_name
    fresh.hsms.rotate_domain_key()
    assert fresh.hsms.domain_name != name
    made.check(fresh)
    works(fresh)
    assert len(before) > 20
    assert not before & tokens(fresh)
    for each in NAMES[:2]:  # each HSM alone
        fresh.hsms.switch_off(each)
        made.check(fresh)


def test_a_domain_key_can_be_rotated_again_and_again(fresh: Lab) -> None:
    made, names = Everything(fresh), {fresh.hsms.domain_name}
    for _ in range(3):
        fresh.hsms.rotate_domain_key()
        names.add(fresh.hsms.domain_name)
        made.check(fresh)
    assert len(names) == 4


def test_the_old_domain_key_is_in_no_hsm_and_on_no_disk(fresh: Lab) -> None:
    old = fresh.hsms.generate(AES).token, fresh.hsms.generate(CURVE).token
    before = {path for path in files(fresh.path / "hsms") if path.suffix == ".object"}
    fresh.hsms.rotate_domain_key()
    for hsm in fresh.hsms.hsms:
        kept = hsm.pkcs11_session.get_objects({Attribute.TOKEN: True})
        assert sorted(key[Attribute.LABEL] for key in kept) == sorted(LABELS)
        with pytest.raises(TokenRefused):
            hsm.encrypt(old[0], b"x", b"")
        with pytest.raises(TokenRefused):
            pairs.sign(hsm, CURVE, old[1], "ECDSA", "sha256", bytes(32))
    assert not before & set(files(fresh.path))


def test_new_domain_keys_have_every_rule_of_the_first(fresh: Lab) -> None:
    def rules() -> list[list[Any]]:
        session = fresh.hsms.hsms[0].pkcs11_session
        names = (
            *("PRIVATE", "SENSITIVE", "EXTRACTABLE", "WRAP_WITH_TRUSTED", "TRUSTED", "MODIFIABLE"),
            *("DESTROYABLE", "WRAP", "UNWRAP", "ENCRYPT", "DECRYPT", "SIGN", "DERIVE"),
        )
        keys = [domain.find(session, label) for label in LABELS]
        return [[key[Attribute[name]] for name in names] for key in keys]

    before = rules()
    fresh.hsms.rotate_domain_key()
    assert rules() == before
    hsm = fresh.hsms.hsms[0]
    with pytest.raises(PKCS11Error):  # unwrapped, it is readable under no circumstances
        hsm._for_secret_keys.unwrap_key(
            *(ObjectClass.SECRET_KEY, KeyType.AES, hsm.generate()),
            mechanism=Mechanism.AES_KEY_WRAP,
            store=False,
            template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
        )


def test_while_a_key_is_wrapped_again_it_cannot_be_read_or_wrapped_under_a_users_key(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The widest a key is ever open: it can leave, under a trusted key only, and be read never."""
    hsm, seen = fresh.hsms.hsms[0], []
    unwrap = hsm._unwrap

    def spy(*arguments: Any, **more: Any) -> Any:
        key = unwrap(*arguments, **more)
        if more.get("again"):
            seen.append(key)
            for attack in (
                lambda: key[Attribute.VALUE],
                lambda: own_wrapping_key(hsm.pkcs11_session).wrap_key(
                    key, mechanism=Mechanism.AES_KEY_WRAP
                ),
                lambda: key.copy({Attribute.SENSITIVE: False}),
                lambda: key.__setitem__(Attribute.WRAP_WITH_TRUSTED, False),
            ):
                with pytest.raises(PKCS11Error):
                    attack()
        return key

    monkeypatch.setattr(hsm, "_unwrap", spy)
    token = hsm.generate()
    assert hsm.rewrap(AES, token, 1) == token
    assert len(seen) == 1


@pytest.mark.parametrize(
    "kind",
    [
        *(AES, Kind("HMAC", "SIGN", 224), Kind("HMAC", "SIGN", 512), CURVE),
        *(Kind("RSA", "SIGN", 2048), Kind("ED25519", "SIGN"), Kind("ML_KEM", "DECRYPT", 768)),
    ],
    ids=str,
)
def test_a_token_that_is_wrapped_already_stays_as_it_is(lab: Lab, kind: Kind) -> None:
    token = lab.hsms.generate(kind).token
    assert seeds.rewrap(lab.hsms.hsms[0], kind, token, 1) == token


def test_the_secret_of_a_custom_key_store_opens_after_it(fresh: Lab) -> None:
    rooms = fresh._rooms
    token = sealing.new_key(rooms)
    secret = sealing.seal(rooms, token, "cks-1", "a password")
    names = {"account": fresh.account, "region": "us-east-1", "store_id": "cks-1", "name": "one"}
    about = {"kind": "AWS_CLOUDHSM", "created": 0.0, "state": "CONNECTED", "error": ""}
    store = KeyStore(**names, **about, details={}, token=token, secret=secret, next_secret=None)
    stores.add(rooms, store)
    fresh.hsms.rotate_domain_key()
    (kept,) = stores.every(rooms, fresh.account, "us-east-1")
    assert kept.token != token
    assert sealing.unseal(rooms, kept) == "a password"


# What does not survive a rotation.


def test_a_backup_of_before_is_refused_and_says_that_the_key_was_rotated(
    fresh: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(quorum._SCRYPT, "n", 2**4)
    made = Everything(fresh)
    old = fresh.hsms.backup(tmp_path / "old")
    fresh.hsms.rotate_domain_key()
    new = fresh.hsms.backup(tmp_path / "new")
    for name in list(states(fresh)):
        fresh.hsms.remove(name, last=True)
    with pytest.raises(BackupRefused, match="the domain key was rotated since"):
        fresh.hsms.restore(old, old.cards[:3])
    fresh.hsms.restore(new, new.cards[:3])
    made.check(fresh)
    fresh.hsms.rotate_domain_key()
    made.check(fresh)


def test_an_import_token_of_before_is_expired_and_a_new_one_works(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    request = parameters(kms, key, bytes(range(32)))
    fresh.hsms.rotate_domain_key()
    with refused("ExpiredImportTokenException"):
        kms.import_key_material(**request)
    bring(kms, key, bytes(range(32)))
    assert kms.encrypt(KeyId=key, Plaintext=b"x")


def test_an_hsm_that_was_pulled_gets_the_new_key_and_loses_the_old_one_when_put_back(
    fresh: Lab,
) -> None:
    made, old = Everything(fresh), fresh.hsms.generate(AES).token
    fresh.hsms.switch_off("hsm-a")
    fresh.hsms.rotate_domain_key()
    fresh.hsms.switch_on("hsm-a")
    for name in ("hsm-b", "hsm-c"):
        fresh.hsms.switch_off(name)
    made.check(fresh)
    (hsm,) = [each for each in fresh.hsms.hsms if each.device.name == "hsm-a"]
    with pytest.raises(TokenRefused):
        hsm.encrypt(old, b"x", b"")
    fresh.hsms.rotate_domain_key()
    made.check(fresh)


def test_an_hsm_that_missed_a_rotation_and_has_no_helper_stays_out(fresh: Lab) -> None:
    fresh.hsms.switch_off("hsm-a")
    fresh.hsms.rotate_domain_key()
    for name in ("hsm-b", "hsm-c"):
        fresh.hsms.remove(name, last=True)
    with pytest.raises(HsmRefused, match="can't be used"):
        fresh.hsms.switch_on("hsm-a")


def test_without_an_hsm_or_records_nothing_is_rotated(fresh: Lab, tmp_path: Path) -> None:
    for name in NAMES:
        fresh.hsms.switch_off(name)
    with pytest.raises(FleetDown):
        fresh.hsms.rotate_domain_key()
    fleet = Fleet.open(tmp_path / "hsms")
    with pytest.raises(HsmRefused, match="serve no lab"):
        fleet.rotate_domain_key()
    fleet.switch_off()


def test_two_rotations_at_once_are_one(fresh: Lab) -> None:
    with roster.rotating(fresh.path / "hsms"), pytest.raises(HsmRefused, match="rotated already"):
        fresh.hsms.rotate_domain_key()


def test_records_of_another_domain_key_are_noticed_when_the_lab_opens(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Lab(tmp_path / name).close()
    shutil.rmtree(tmp_path / "one" / "hsms")
    (tmp_path / "two" / "hsms").rename(tmp_path / "one" / "hsms")
    with pytest.raises(HsmRefused, match="and the records are wrapped under"):
        Lab(tmp_path / "one")


# What is made while it goes on.


def test_requests_in_threads_do_not_notice_a_rotation(fresh: Lab) -> None:
    made = Everything(fresh)
    with busy_lab.threads(fresh):
        for _ in range(2):
            fresh.hsms.rotate_domain_key()
    made.check(fresh)


def test_requests_of_another_process_do_not_notice_a_rotation(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        made = Everything(lab)
        with busy_lab.process(tmp_path) as said:
            for _ in range(2):
                lab.hsms.rotate_domain_key()
        assert said["calls"] > 5
        assert said["fleet"].count(", on") == 3
        made.check(lab)


def test_requests_do_not_notice_that_the_only_hsm_is_replaced(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        for name in NAMES[:2]:
            lab.hsms.remove(name)
        with busy_lab.process(tmp_path), busy_lab.threads(lab):
            lab.hsms.rotate_domain_key()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_token_made_before_the_cut_over_and_kept_after_it_is_wrapped_again(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Another process rotates between the making of a key's material and its transaction."""
    kms, kept = fresh.client("kms"), []
    make = material.make

    def slow(*arguments: Any) -> Any:
        made = make(*arguments)
        if not kept:
            kept.append(made)
            if when == "before":  # the old domain key is not destroyed yet
                monkeypatch.setattr(rotation, "_destroy_old", lambda _racks: None)
            with Lab(fresh.path) as other:
                other.hsms.rotate_domain_key()
        return made

    monkeypatch.setattr(material, "make", slow)
    if when == "after":
        with refused("KMSInternalException"):
            kms.create_key()
        assert kms.list_keys()["Keys"] == []
    else:
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        monkeypatch.undo()
        fresh.hsms.rotate_domain_key()
        assert kms.encrypt(KeyId=key, Plaintext=b"x")
    works(fresh)


def test_a_key_deleted_while_it_goes_on_is_no_hindrance(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = fresh.client("kms")
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(7)]
    monkeypatch.setattr(rewrapping, "BATCH", 2)
    wrap_some = Tokens.wrap_some

    def delete(self: Tokens, *arguments: Any) -> int:
        left = wrap_some(self, *arguments)
        if keys:
            kms.schedule_key_deletion(KeyId=keys.pop(), PendingWindowInDays=7)
            fresh.clock.advance(days=8)
            kms.create_key()
        return left

    monkeypatch.setattr(Tokens, "wrap_some", delete)
    fresh.hsms.rotate_domain_key()
    for entry in kms.list_keys()["Keys"]:
        assert kms.encrypt(KeyId=entry["KeyId"], Plaintext=b"x")


def test_requests_that_hold_a_token_of_before_get_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(tmp_path) as lab, Lab(tmp_path) as other:
        old, waited = lab.hsms.generate(AES).token, list[float]()
        sealed = lab.hsms.encrypt(old, b"x", b"")

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            for hsm in (*lab.hsms.hsms, *other.hsms.hsms):
                assert hsm.decrypt(old, sealed, b"") == b"x"

        monkeypatch.setattr(rotation, "time", SimpleNamespace(sleep=sleep))
        lab.hsms.rotate_domain_key()
        assert waited == [1.0]
        for each in (lab, other):  # later, nobody takes it for a ciphertext's fault
            with pytest.raises(FleetDown, match="was replaced while the request ran: ask again"):
                each.hsms.decrypt(old, sealed, b"")


def test_material_that_changes_after_it_was_wrapped_is_wrapped_once_more(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms, store = fresh.client("kms"), fresh._rooms.store
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    new = fresh.hsms.generate(AES).token
    sealed, wrap_some = fresh.hsms.encrypt(new, b"x", b""), Tokens.wrap_some

    def change(self: Tokens, *arguments: Any) -> int:
        left = wrap_some(self, *arguments)
        store.write("UPDATE material SET token = ? WHERE key_id = ?", (new, key))
        return left

    monkeypatch.setattr(Tokens, "wrap_some", change)
    fresh.hsms.rotate_domain_key()
    (kept,) = store.row("SELECT token FROM material WHERE key_id = ?", (key,)) or ()
    assert fresh.hsms.decrypt(kept, sealed, b"") == b"x"


def test_a_damaged_token_stops_it_before_anything_is_lost(fresh: Lab) -> None:
    made, kms = Everything(fresh), fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    fresh._rooms.store.write("UPDATE material SET token = ? WHERE key_id = ?", (bytes(40), key))
    with pytest.raises(TokenRefused):
        fresh.hsms.rotate_domain_key()
    made.check(fresh)
    works(fresh)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    fresh.clock.advance(days=8)
    kms.list_keys()
    fresh.hsms.rotate_domain_key()
    made.check(fresh)


def test_a_thousand_tokens_are_wrapped_again_in_seconds(fresh: Lab) -> None:
    kms, store = fresh.client("kms"), fresh._rooms.store
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    row = store.row("SELECT account, region FROM material")
    with store.transaction():
        for number in range(1_000):
            token = fresh.hsms.generate(AES).token
            store.write(
                "INSERT INTO material (account, region, key_id, material_id, number, token, state) "
                "VALUES (?, ?, ?, ?, ?, ?, 'NON_CURRENT')",
                (*(row or ()), key, f"{number:064x}", number + 2, token),
            )
    begin = time.perf_counter()
    fresh.hsms.rotate_domain_key()
    assert time.perf_counter() - begin < 20
    for token in tokens(fresh):
        assert fresh.hsms.hsms[0].rewrap(AES, token, 2) == token


# kill -9.

ROTATE = "lab.hsms.rotate_domain_key()"


@pytest.mark.parametrize("step", [1, 2, 4, 6, 8, 10, 13, 16, 19, 22, 26, 30])
def test_a_rotation_that_kill_9_cut_off_loses_nothing_and_is_brought_to_its_end(
    cut: tuple[Path, Everything], tmp_path: Path, step: int
) -> None:
    folder, made = cut
    shutil.copytree(folder, tmp_path / "lab")
    cut_off(tmp_path / "lab", ROTATE, step)
    with Lab(tmp_path / "lab") as lab:
        made.check(lab)
        works(lab)
        now = roster.read(lab.path / "hsms")
        assert now.coming == 0
        for hsm in lab.hsms.hsms:
            assert len(list(hsm.pkcs11_session.get_objects({Attribute.TOKEN: True}))) == 2
        lab.hsms.rotate_domain_key()
        made.check(lab)


STATEMENTS = """
import os, signal, sys
from kmslab import Lab
from kmslab.kms import material, rewrapping
rewrapping.BATCH = 4
lab = Lab(sys.argv[1])
execute, left = lab._rooms.store._execute, [int(sys.argv[2])]
def count(*arguments):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(*arguments)
lab._rooms.store._execute = count
lab.hsms.rotate_domain_key()
print("ended", left[0])
"""


@pytest.mark.parametrize("statements", [3, 8, 20, 45, 70, 80, 85, 88, 90, 92])
def test_a_rotation_that_died_at_any_statement_goes_on(
    cut: tuple[Path, Everything], tmp_path: Path, statements: int
) -> None:
    folder, made = cut
    shutil.copytree(folder, tmp_path / "lab")
    with start(STATEMENTS, tmp_path / "lab", statements) as process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode == -signal.SIGKILL, output
    with Lab(tmp_path / "lab") as lab:
        made.check(lab)
        store = lab._rooms.store
        assert store.row("SELECT 1 FROM sqlite_master WHERE name = 'rewrapped'") is None


RENAMES = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from kmslab import Lab
from kmslab.hsm import rotation
rotation.SETTLE_SECONDS = 0.0
lab = Lab(sys.argv[1])
rename, left = Path.rename, [int(sys.argv[2])]
def count(*arguments):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(*arguments)
Path.rename = count
lab.hsms.rotate_domain_key()
"""


@pytest.mark.parametrize("renames", range(1, 10))
def test_an_hsm_that_was_being_replaced_is_there_again(
    cut: tuple[Path, Everything], tmp_path: Path, renames: int
) -> None:
    """Also where it is the only one: then the domain keys are nowhere else."""
    folder, made = cut
    shutil.copytree(folder, tmp_path / "lab")
    if renames <= 3:
        with Lab(tmp_path / "lab") as lab:
            for name in NAMES[:2]:
                lab.hsms.remove(name)
    with start(RENAMES, tmp_path / "lab", renames) as process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode == -signal.SIGKILL, output
    with Lab(tmp_path / "lab") as lab:
        made.check(lab)
        assert len(states(lab)) == (1 if renames <= 3 else 3)
        assert set(states(lab).values()) == {"on"}
    left = {path.name for path in (tmp_path / "lab").iterdir()}
    assert {"hsms.draft", "hsms.old", "hsms.gone"}.isdisjoint(left)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Everything]:
    """The folder of a lab with keys of every kind, to be copied."""
    folder = tmp_path_factory.mktemp("cut") / "lab"
    with Lab(folder) as lab:
        made = Everything(lab)
    return folder, made
