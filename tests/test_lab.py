"""Labs: temporary and kept, seeded, opened twice, closed, and folders that can't be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from expect import refused, run, start

from kmslab import Lab
from kmslab.errors import StoreError


def play(lab: Lab) -> list[Any]:
    """A few calls, and everything about them that a seed should repeat."""
    kms = lab.client("kms")
    made = kms.create_key(Description="seeded")["KeyMetadata"]
    blob = kms.encrypt(KeyId=made["KeyId"], Plaintext=b"x")
    kms.create_alias(AliasName="alias/seeded", TargetKeyId=made["KeyId"])
    with refused("NotFoundException"):
        kms.describe_key(KeyId="nobody")
    lab.clock.advance(days=30)
    other = kms.create_key()["KeyMetadata"]
    ids = [blob["ResponseMetadata"]["RequestId"], lab.account, lab.admin, lab.clock.now()]
    return [made, other, kms.list_aliases()["Aliases"], lab.trail()[:], *ids]


def test_a_seed_repeats_ids_account_events_and_times() -> None:
    with Lab(seed=6) as first, Lab(seed=6) as second, Lab(seed=7) as third:
        played = play(first)
        assert played == play(second)
        other = play(third)
        assert all(here != there for here, there in zip(played[:-1], other[:-1], strict=True))


def test_a_seed_repeats_no_key_material() -> None:
    with Lab(seed=6) as first, Lab(seed=6) as second:
        blobs = []
        for lab in (first, second):
            key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
            blobs.append(lab.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])
            (token,) = lab._rooms.store.row("SELECT token FROM material") or ()
            blobs.append(token)
        assert blobs[0][:50] == blobs[2][:50]
        assert blobs[1] != blobs[3]
        kms = second.client("kms")
        with refused("InvalidCiphertextException"):
            kms.decrypt(CiphertextBlob=blobs[0])


def test_labs_without_a_seed_differ(fresh: Lab, lab: Lab) -> None:
    assert fresh.account != lab.account
    assert all(len(each.account) == 12 and each.account[0] != "0" for each in (fresh, lab))


def test_a_seed_goes_on_where_it_was_after_reopening(tmp_path: Path) -> None:
    with Lab(tmp_path / "at once", seed=6) as lab:
        played = play(lab)
    with Lab(tmp_path / "in parts", seed=6) as lab:
        lab.client("kms")
    with Lab(tmp_path / "in parts") as lab:
        assert play(lab) == played


def test_another_seed_than_the_labs_is_refused(tmp_path: Path) -> None:
    Lab(tmp_path / "six", seed=6).close()
    Lab(tmp_path / "none").close()
    for path, seed in (("six", 7), ("six", 0), ("none", 6)):
        with pytest.raises(ValueError, match=f"seed={seed}"):
            Lab(tmp_path / path, seed=seed)
    Lab(tmp_path / "six", seed=6).close()
    Lab(tmp_path / "six").close()


def test_a_kept_lab_opens_again_with_all_that_was_in_it(tmp_path: Path) -> None:
    with Lab(tmp_path / "a" / "b c") as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]
        kms.create_alias(AliasName="alias/kept", TargetKeyId=key["KeyId"])
        blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
        kms.disable_key(KeyId=key["KeyId"])
        account, events = lab.account, lab.trail()[:]
    with Lab(tmp_path / "a" / "b c") as lab:
        kms = lab.client("kms")
        assert (lab.account, lab.trail()[:]) == (account, events)
        assert kms.describe_key(KeyId="alias/kept")["KeyMetadata"]["KeyState"] == "Disabled"
        kms.enable_key(KeyId=key["KeyId"])
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    assert stat.S_IMODE((tmp_path / "a" / "b c").stat().st_mode) == 0o700


OTHER_PROCESS = """
import sys
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    kms = lab.client("kms")
    print(kms.decrypt(CiphertextBlob=bytes.fromhex(sys.argv[2]))["Plaintext"].decode())
    made = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=made, Plaintext=b"from there")["CiphertextBlob"]
    print(blob.hex())
    print(lab.account, lab.clock.advance(days=1).isoformat())
"""


def test_a_second_process_works_on_the_same_lab_at_the_same_time(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"from here")["CiphertextBlob"]
        before = lab.clock.now()
        text, there, account = run(OTHER_PROCESS, tmp_path, blob.hex()).splitlines()
        assert text == "from here"
        assert kms.decrypt(CiphertextBlob=bytes.fromhex(there))["Plaintext"] == b"from there"
        assert account.split()[0] == lab.account
        assert (lab.clock.now() - before).total_seconds() > 86_000
        assert kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


def test_several_processes_make_the_same_lab_at_the_same_time(tmp_path: Path) -> None:
    code = """
import sys
from kmslab import Lab
with Lab(sys.argv[1]) as lab:
    kms = lab.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    print(lab.account, blob.hex())
"""
    processes = [start(code, tmp_path / "lab") for _ in range(4)]
    outputs = [process.communicate(timeout=50)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    accounts, blobs = zip(*(output.split() for output in outputs), strict=True)
    with Lab(tmp_path / "lab") as lab:
        assert set(accounts) == {lab.account}
        kms = lab.client("kms")
        for blob in blobs:
            assert kms.decrypt(CiphertextBlob=bytes.fromhex(blob))["Plaintext"] == b"x"


def test_a_temporary_lab_is_gone_after_close(temporary: Path) -> None:
    lab = Lab()
    assert lab.path.parent == temporary.resolve()
    assert stat.S_IMODE(lab.path.stat().st_mode) == 0o700
    lab.client("kms").create_key()
    lab.close()
    lab.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "import sys; sys.exit()"])
def test_a_temporary_lab_is_gone_when_its_process_ends(tmp_path: Path, end: str) -> None:
    code = f"from kmslab import Lab\nlab = Lab()\nlab.client('kms').create_key()\n{end}"
    run(code, env=dict(os.environ) | {"TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_kept_lab_stays_after_close(tmp_path: Path) -> None:
    Lab(tmp_path / "lab").close()
    assert (tmp_path / "lab" / "records.sqlite").is_file()


def test_a_lab_that_could_not_be_made_leaves_no_folder(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kmslab.hsm.ceremonies.make", lambda folder: folder / 1)
    with pytest.raises(TypeError):
        Lab()
    assert list(temporary.iterdir()) == []


def _with_records(folder: Path, spoil: Any) -> Path:
    Lab(folder).close()
    spoil(folder / "records.sqlite")
    return folder


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


UNUSABLE: dict[str, Any] = {
    "a file": lambda folder: (folder / "file").touch() or folder / "file",
    "below a file": lambda folder: (folder / "file").touch() or folder / "file" / "lab",
    "broken records": lambda folder: _with_records(
        folder / "lab", lambda path: path.write_bytes(b"no database" * 999)
    ),
    "records cut off": lambda folder: _with_records(
        folder / "lab", lambda path: path.write_bytes(path.read_bytes()[:4096])
    ),
    "records of a newer version": lambda folder: _with_records(folder / "lab", _newer),
    "a folder as records": lambda folder: (
        (folder / "lab" / "records.sqlite").mkdir(parents=True) or folder / "lab"
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path: Path, what: str) -> None:
    path = UNUSABLE[what](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for argument in (path, str(path)):
        with pytest.raises(StoreError) as caught:
            Lab(argument)
        assert str(path) in str(caught.value)
    assert set(before) <= set(tmp_path.rglob("*"))


def test_a_store_of_a_newer_version_says_what_to_do_and_stays(tmp_path: Path) -> None:
    _with_records(tmp_path / "lab", _newer)
    before = (tmp_path / "lab" / "records.sqlite").read_bytes()
    with pytest.raises(StoreError, match="update the course"):
        Lab(tmp_path / "lab")
    assert (tmp_path / "lab" / "records.sqlite").read_bytes() == before


UNWRITABLE = """
import os, sys
from kmslab import Lab
import kmslab.hsm.fleet, kmslab.aws.session
from kmslab.errors import StoreError
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    Lab(sys.argv[1])
except StoreError as error:
    print("StoreError", error)
"""


def test_a_folder_that_may_not_be_written_is_a_store_error(tmp_path: Path) -> None:
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)  # another user must get to it
    (tmp_path / "closed").mkdir(mode=0o555)
    (tmp_path / "closed").chmod(0o555)
    assert run(UNWRITABLE, tmp_path / "closed" / "lab").startswith("StoreError")
    assert list((tmp_path / "closed").iterdir()) == []


def test_the_repr_tells_what_the_lab_is(fresh: Lab, tmp_path: Path) -> None:
    assert repr(fresh) == f"<Lab temporary, account {fresh.account}, us-east-1, 3 HSMs>"
    with Lab(tmp_path) as kept:
        assert str(tmp_path) in repr(kept)


def test_a_home_folder_may_be_written_as_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Lab("~/my lab").close()
    assert (tmp_path / "my lab" / "records.sqlite").is_file()


def test_importing_kmslab_does_not_load_pkcs11() -> None:
    code = "import kmslab, sys; print('pkcs11' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_lab_whose_hsms_are_gone_says_so_and_makes_no_others(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.client("kms").create_key()
    (tmp_path / "hsms").rename(tmp_path / "taken")
    with pytest.raises(StoreError, match="the lab's HSMs are gone"):
        Lab(tmp_path)
    assert not (tmp_path / "hsms").exists()
    (tmp_path / "taken").rename(tmp_path / "hsms")
    with Lab(tmp_path) as lab:
        key = lab.client("kms").list_keys()["Keys"][0]["KeyId"]
        assert lab.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


def test_a_forked_child_that_ends_leaves_its_parents_lab_alone() -> None:
    program = """
import os, sys
from kmslab import Lab
lab = Lab()
kms = lab.client("kms")
key = kms.create_key()["KeyMetadata"]["KeyId"]
if not (child := os.fork()):
    sys.exit()
os.waitpid(child, 0)
assert lab.path.exists()
assert kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
print("whole")
"""
    assert run(program) == "whole\n"


def test_arguments_of_the_wrong_kind_are_named() -> None:
    with pytest.raises(TypeError, match="seed='x': a whole number is due"):
        Lab(seed="x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="path=5: the name of a folder is due"):
        Lab(5)  # type: ignore[arg-type]


def test_a_request_id_is_a_uuid_of_version_4(fresh: Lab) -> None:
    made = {fresh._rooms.settings.new_request_id() for _ in range(200)}
    assert len(made) == 200
    for text in made:
        found = uuid.UUID(text)
        assert (str(found), found.version, found.variant) == (text, 4, uuid.RFC_4122)
