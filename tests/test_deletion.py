"""Deleting keys and imported material: the waiting period, what goes with a key, that it is real.

"Gone" is looked for where it could be: as bytes in every file of the lab's folder, and as objects
in the HSMs' memory.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from expect import files, invalid, refused, run, start
from wrapping import bring

from kmslab import Lab
from kmslab.kms import due

DAY = timedelta(days=1)
GRANTEE = "arn:aws:iam::111122223333:user/alice"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Lab]:
    """A lab that lives in a folder."""
    with Lab(tmp_path / "lab") as lab:
        yield lab


def _key(kms: Any, **parameters: Any) -> str:
    key: str = kms.create_key(**parameters)["KeyMetadata"]["KeyId"]
    return key


def _tokens(lab: Lab, key: str) -> list[bytes]:
    """The exported key tokens of a key's material."""
    rows = lab._rooms.store.rows("SELECT token FROM material WHERE key_id = ?", (key,))
    return [bytes(token) for (token,) in rows if token is not None]


def _on_disk(folder: Path, token: bytes) -> list[str]:
    """The files below a folder that hold these bytes."""
    return sorted(path.name for path, raw in files(folder).items() if token in raw)


def _at_hand(lab: Lab, token: bytes) -> bool:
    """Whether an HSM has an object of this token in its memory."""
    return any(
        token in hsm._backing or any(name == token for name, _ in hsm._derived)
        for hsm in lab.hsms.hsms
    )


def _objects(lab: Lab) -> int:
    """How many secret and private keys the HSMs hold."""
    return sum(len(list(hsm.pkcs11_session.get_objects())) for hsm in lab.hsms.hsms)


# The waiting period


@pytest.mark.parametrize(("asked", "days"), [({}, 30), ({"PendingWindowInDays": 7}, 7)])
def test_a_key_waits_to_be_deleted(asked: dict[str, int], days: int) -> None:
    with Lab(seed=1) as lab:
        kms = lab.client("kms")
        key = _key(kms)
        arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
        date = lab.clock.now() + days * DAY
        answer = kms.schedule_key_deletion(KeyId=key, **asked)
        del answer["ResponseMetadata"]
        assert answer == {
            "KeyId": arn,
            "DeletionDate": date,
            "KeyState": "PendingDeletion",
            "PendingWindowInDays": days,
        }
        shown = kms.describe_key(KeyId=key)["KeyMetadata"]
        assert (shown["KeyState"], shown["DeletionDate"]) == ("PendingDeletion", date)
        assert not shown["Enabled"]
        assert "PendingDeletionWindowInDays" not in shown
        lab.clock.advance(seconds=(date - lab.clock.now()).total_seconds() - 1)
        kms.describe_key(KeyId=key)
        with refused("NotFoundException", f"Key '{arn}' does not exist"):
            kms.describe_key(KeyId=key)
        (event,) = lab.trail().named("DeleteKey")
        assert event["eventTime"] == f"{date:%Y-%m-%dT%H:%M:%SZ}"
        assert event["eventType"] == "AwsServiceEvent"
        assert event["serviceEventDetails"] == {"keyId": key}
        assert event["resources"][0]["ARN"] == arn


@pytest.mark.parametrize("days", [1, 6, 31, 365])
def test_a_waiting_period_is_7_to_30_days(kms: Any, key: str, days: int) -> None:
    with refused("ValidationException", "PendingWindowInDays must be between 7 and 30"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_waiting_period_out_of_all_reason_is_refused_by_its_shape(kms: Any, key: str) -> None:
    with pytest.raises(ParamValidationError):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=0)
    failure = (
        "Value '366' at 'pendingWindowInDays' failed to satisfy constraint: "
        "Member must have value less than or equal to 365"
    )
    with refused("ValidationException", invalid(failure)):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=366)


def test_a_key_that_awaits_deletion_does_nothing_and_can_be_read(kms: Any) -> None:
    key = _key(kms)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key)
    wording = f"{arn} is pending deletion."
    for call, more in (
        (kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        (kms.enable_key, {"KeyId": key}),
        (kms.disable_key, {"KeyId": key}),
        (kms.schedule_key_deletion, {"KeyId": key}),
        (kms.tag_resource, {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        (kms.create_alias, {"TargetKeyId": key, "AliasName": "alias/too-late"}),
        (kms.update_key_description, {"KeyId": key, "Description": "x"}),
    ):
        with refused("KMSInvalidStateException", wording):
            call(**more)
    kms.get_key_policy(KeyId=key)
    kms.list_resource_tags(KeyId=key)
    assert key in [entry["KeyId"] for entry in kms.list_keys(Limit=1000)["Keys"]]


def test_a_deletion_that_was_cancelled_does_not_come(lab: Lab, kms: Any) -> None:
    key = _key(kms)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    with refused("KMSInvalidStateException", f"{arn} is not pending deletion."):
        kms.cancel_key_deletion(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.clock.advance(days=6, hours=23)
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert shown["KeyState"] == "Disabled"
    assert "DeletionDate" not in shown
    lab.clock.advance(days=60)
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"


def test_a_deletion_that_is_scheduled_anew_waits_anew(lab: Lab, kms: Any) -> None:
    key = _key(kms)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=20)
    lab.clock.advance(days=19)
    kms.describe_key(KeyId=key)
    lab.clock.advance(days=2)
    with refused("NotFoundException"):
        kms.describe_key(KeyId=key)


# What goes with a key


def test_everything_that_belongs_to_a_key_goes_with_it(lab: Lab, kms: Any, other_key: str) -> None:
    key = _key(kms, Tags=[{"TagKey": "owner", "TagValue": "hr"}])
    kms.create_alias(AliasName="alias/goes", TargetKeyId=key)
    kms.create_alias(AliasName="alias/stays", TargetKeyId=other_key)
    kms.create_grant(
        KeyId=key, GranteePrincipal=GRANTEE, RetiringPrincipal=GRANTEE, Operations=["Decrypt"]
    )
    kms.enable_key_rotation(KeyId=key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key)
    lab.clock.advance(minutes=1)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.clock.advance(days=8)
    assert key not in [entry["KeyId"] for entry in kms.list_keys(Limit=1000)["Keys"]]
    aliases = [each["AliasName"] for each in kms.list_aliases()["Aliases"]]
    assert "alias/goes" not in aliases
    assert "alias/stays" in aliases
    assert kms.list_retirable_grants(RetiringPrincipal=GRANTEE)["Grants"] == []
    for call, more in (
        (kms.get_key_policy, {}),
        (kms.list_resource_tags, {}),
        (kms.list_grants, {}),
        (kms.get_key_rotation_status, {}),
        (kms.list_key_rotations, {}),
        (kms.cancel_key_deletion, {}),
        (kms.encrypt, {"Plaintext": b"x"}),
    ):
        with refused("NotFoundException"):
            call(KeyId=key, **more)
    with refused("AccessDeniedException"):  # as of any key that this caller can't see
        kms.decrypt(CiphertextBlob=blob)
    kms.create_alias(AliasName="alias/goes", TargetKeyId=other_key)  # the name is free again
    store = lab._rooms.store
    tables = [
        name
        for (name,) in store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if any(column[1] == "key_id" for column in store.rows(f"PRAGMA table_info({name})"))
    ]
    assert len(tables) >= 7
    for table in tables:
        assert store.rows(f"SELECT * FROM {table} WHERE key_id = ?", (key,)) == []


# That it is real


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
    ],
    ids=lambda each: each.get("KeySpec", "symmetric"),
)
def test_a_deleted_key_is_in_no_file_and_in_no_hsm(kept: Lab, parameters: dict[str, str]) -> None:
    kms = kept.client("kms")
    others = [_key(kms) for _ in range(30)]  # so that the records have pages of their own
    idle = _objects(kept)
    key = _key(kms, **parameters)
    _use(kms, key)
    if not parameters:
        kms.rotate_key_on_demand(KeyId=key)
        kept.clock.advance(minutes=1)
        _use(kms, key)
    tokens = _tokens(kept, key)
    assert len(tokens) == (1 if parameters else 2)
    assert all(_on_disk(kept.path, token) for token in tokens)
    assert _objects(kept) > idle
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kept.clock.advance(days=8)
    kms.list_keys()
    for token in tokens:
        assert _on_disk(kept.path, token) == []
        assert not _at_hand(kept, token)
    assert _objects(kept) == idle
    for other in others:
        kms.encrypt(KeyId=other, Plaintext=b"x")


def _use(kms: Any, key: str) -> None:
    """Brings a key's material into an HSM's memory."""
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    if "EncryptionAlgorithms" in shown:
        kms.encrypt(KeyId=key, Plaintext=b"x")
    elif "MacAlgorithms" in shown:
        kms.generate_mac(KeyId=key, Message=b"x", MacAlgorithm=shown["MacAlgorithms"][0])
    else:
        kms.sign(KeyId=key, Message=b"x", SigningAlgorithm=shown["SigningAlgorithms"][0])


def test_deleted_material_is_in_no_file_and_in_no_hsm_at_once(kept: Lab) -> None:
    kms = kept.client("kms")
    key = _key(kms, Origin="EXTERNAL")
    named = bring(kms, key, b"1" * 32)["KeyMaterialId"]
    _use(kms, key)
    (token,) = _tokens(kept, key)
    assert _on_disk(kept.path, token)
    assert _at_hand(kept, token)
    idle = _objects(kept)
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=named)
    assert _on_disk(kept.path, token) == []
    assert not _at_hand(kept, token)
    assert _objects(kept) < idle
    bring(kms, key, b"1" * 32)  # the owner's copy is all that is left of it
    assert kms.encrypt(KeyId=key, Plaintext=b"x")


def test_expired_material_is_in_no_file_and_in_no_hsm(kept: Lab) -> None:
    kms = kept.client("kms")
    key = _key(kms, Origin="EXTERNAL")
    bring(kms, key, b"1" * 32, ValidTo=kept.clock.now() + 10 * DAY)
    _use(kms, key)
    (token,) = _tokens(kept, key)
    kept.clock.advance(days=11)
    kms.list_keys()
    assert _on_disk(kept.path, token) == []
    assert not _at_hand(kept, token)


def test_imported_material_itself_never_was_in_a_file(kept: Lab) -> None:
    kms, material = kept.client("kms"), bytes(range(100, 132))
    bring(kms, _key(kms, Origin="EXTERNAL"), material)
    assert _on_disk(kept.path, material) == []


def test_many_keys_leave_nothing_behind_wherever_their_rows_stood(kept: Lab) -> None:
    kms = kept.client("kms")
    keys = [_key(kms) for _ in range(150)]
    tokens = {key: _tokens(kept, key)[0] for key in keys}
    for key in keys[::3]:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kept.clock.advance(days=8)
    kms.list_keys()
    raw = b"".join(files(kept.path).values())
    assert [key for key in keys if tokens[key] not in raw] == keys[::3]


IN_BETWEEN = """
import os, signal, sys
from kmslab import Lab
from kmslab.store import Store
Store.scrub = lambda self: os.kill(os.getpid(), signal.SIGKILL)
lab = Lab(sys.argv[1])
kms = lab.client("kms")
if sys.argv[2] == "key":
    lab.clock.advance(days=8)
    kms.list_keys()
else:
    kms.delete_imported_key_material(KeyId=sys.argv[3])
"""


@pytest.mark.parametrize("what", ["key", "material"])
def test_what_was_deleted_right_before_a_kill_is_scrubbed_by_the_next_call(
    tmp_path: Path, what: str
) -> None:
    with Lab(tmp_path) as lab:
        kms = lab.client("kms")
        key = _key(kms, Origin="EXTERNAL")
        bring(kms, key, b"1" * 32)
        (token,) = _tokens(lab, key)
        if what == "key":
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    process = start(IN_BETWEEN, tmp_path, what, key)
    with process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode == -signal.SIGKILL, output
    # The deletion was committed; what it deleted is still in a file.
    assert _on_disk(tmp_path, token)
    with Lab(tmp_path) as lab:
        assert _tokens(lab, key) == []
        lab.client("kms").list_keys()
        assert _on_disk(tmp_path, token) == []


def test_a_disk_that_another_process_reads_is_scrubbed_later(kept: Lab) -> None:
    kms = kept.client("kms")
    key = _key(kms)
    (token,) = _tokens(kept, key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kept.clock.advance(days=8)
    reader = sqlite3.connect(kept.path / "records.sqlite", isolation_level=None)
    kept._rooms.store.row("PRAGMA busy_timeout = 50")  # or it would wait for half a minute
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM kms_key").fetchone()
        with refused("NotFoundException"):
            kms.describe_key(KeyId=key)
        assert _on_disk(kept.path, token)
    finally:
        reader.close()
    kept.clock.advance(seconds=due.SCRUB_AGAIN_SECONDS)
    kms.list_keys()
    assert _on_disk(kept.path, token) == []


@pytest.mark.parametrize("count", [2, 3])
def test_a_key_is_deleted_while_hsms_are_switched_off(kept: Lab, count: int) -> None:
    kms = kept.client("kms")
    keys = [_key(kms) for _ in range(25)]  # so that each HSM has some of them at hand
    for key in keys:
        _use(kms, key)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    tokens = [token for key in keys for token in _tokens(kept, key)]
    assert all(hsm._backing for hsm in kept.hsms.hsms)
    for hsm in kept.hsms.hsms[:count]:
        hsm.switch_off()
    kept.clock.advance(days=8)
    assert kms.list_keys()["Keys"] == []
    assert not any(_on_disk(kept.path, token) for token in tokens)


HOLD = """
import sys
from kmslab import Lab
lab = Lab(sys.argv[1])
kms = lab.client("kms")
def held():
    return sum(len(list(hsm.pkcs11_session.get_objects())) for hsm in lab.hsms.hsms)
idle = held()
kms.encrypt(KeyId=sys.argv[2], Plaintext=b"x")
print(held() > idle, flush=True)
sys.stdin.readline()
kms.list_keys()
print(held() == idle, flush=True)
"""


def test_a_deleted_key_leaves_the_hsms_of_every_process_at_its_next_call(kept: Lab) -> None:
    kms = kept.client("kms")
    key = _key(kms)
    process = start(HOLD, kept.path, key, stdin=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        kept.clock.advance(days=8)
        kms.list_keys()
        output, _ = process.communicate("\n", timeout=50)
    assert output == "True\n"


def test_the_trail_tells_of_scheduling_and_cancelling(kept: Lab) -> None:
    kms = kept.client("kms")
    key = _key(kms)
    kms.schedule_key_deletion(KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    scheduled, cancelled = kept.trail()[-2:]
    assert scheduled["responseElements"]["keyState"] == "PendingDeletion"
    assert cancelled["responseElements"]["keyId"].endswith(key)
    assert json.dumps(scheduled["requestParameters"]) == json.dumps({"keyId": key})


def test_a_lab_opened_anew_goes_on_with_what_was_due(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        key = _key(lab.client("kms"))
        lab.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        lab.clock.advance(days=8)
    code = "import sys, kmslab; print(kmslab.Lab(sys.argv[1]).client('kms').list_keys()['Keys'])"
    assert run(code, tmp_path) == "[]\n"
