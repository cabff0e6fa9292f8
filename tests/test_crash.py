"""kill -9 at any moment: what was answered is kept, and nothing is there by half."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from expect import start

from kmslab import Lab
from kmslab.hsm import pairs
from kmslab.hsm.kinds import Kind
from kmslab.hsm.session import AES

CURVE = Kind("EC", "SIGN", curve="secp256r1")
MAKE_KEYS = """
import sys
from kmslab import Lab
lab = Lab(sys.argv[1])
kms = lab.client("kms")
print("ready", flush=True)
for number in range(100_000):
    tags = [{"TagKey": "number", "TagValue": str(number)}]
    key = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    print(key, flush=True)
    kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
    if number:
        kms.update_alias(AliasName="alias/0", TargetKeyId=key)
    if number % 3 == 0:
        kms.delete_alias(AliasName=f"alias/{number}") if number else None
"""


@pytest.mark.parametrize("moment", range(5))
def test_a_lab_that_was_killed_opens_whole(tmp_path: Path, moment: int) -> None:
    process = start(MAKE_KEYS, tmp_path)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05 * moment + random.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        printed = process.stdout.read().splitlines()
    printed = [line for line in printed if len(line) == 36]
    assert printed or moment == 0
    with Lab(tmp_path) as lab:
        kms, store = lab.client("kms"), lab._rooms.store
        listed = [
            entry["KeyId"]
            for page in kms.get_paginator("list_keys").paginate()
            for entry in page["Keys"]
        ]
        assert set(printed) <= set(listed)
        assert len(listed) <= len(printed) + 1
        for key in listed:
            blob = kms.encrypt(KeyId=key, Plaintext=key)["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == key.encode()
        for page in kms.get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                assert alias["TargetKeyId"] in listed
        halves = (
            "SELECT count(*) FROM kms_key WHERE material_id NOT IN "
            "(SELECT material_id FROM material WHERE token IS NOT NULL)",
            *(
                f"SELECT count(*) FROM {table} WHERE key_id NOT IN (SELECT key_id FROM kms_key)"
                for table in ("material", "policy", "tag", "alias")
            ),
            *(
                f"SELECT count(*) FROM kms_key WHERE key_id NOT IN (SELECT key_id FROM {table})"
                for table in ("policy", "tag")
            ),
        )
        assert [store.row(sql) for sql in halves] == [(0,)] * len(halves)
        assert store.row("PRAGMA integrity_check") == ("ok",)


MAKE_LAB = """
import sys
import kmslab.hsm.fleet, kmslab.aws.session
from kmslab import Lab
print("ready", flush=True)
Lab(sys.argv[1])
print("made", flush=True)
import time; time.sleep(60)
"""


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.04, 0.07, 0.1, 0.15])
def test_a_lab_that_was_killed_while_it_was_made_can_be_made(tmp_path: Path, moment: float) -> None:
    process = start(MAKE_LAB, tmp_path / "lab")
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
    with Lab(tmp_path / "lab") as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        token, pair = lab.hsms.generate(AES).token, lab.hsms.generate(CURVE).token
        for hsm in lab.hsms.hsms:
            assert hsm.encrypt(token, b"x", b"")
            assert pairs.sign(hsm, CURVE, pair, "ECDSA", "sha256", bytes(32))
    assert not (tmp_path / "lab" / "hsms.draft").exists()
