"""Three HSMs that share two domain keys: losing HSMs, getting them back, several fleets at once."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from expect import refused, run

from kmslab import Lab
from kmslab.errors import FleetDown, HsmRefused, StoreError
from kmslab.hsm.fleet import NAMES, Fleet
from kmslab.hsm.session import AES


def test_a_token_of_any_hsm_works_on_all_three(lab: Lab) -> None:
    hsms = lab.hsms.hsms
    for maker in hsms:
        token = maker.generate()
        for sealer in hsms:
            sealed = sealer.encrypt(token, b"x", b"aad")
            assert [hsm.decrypt(token, sealed, b"aad") for hsm in hsms] == [b"x"] * 3


def test_a_token_of_another_fleet_does_not_open(lab: Lab, fresh: Lab) -> None:
    token = lab.hsms.generate(AES).token
    for hsm in fresh.hsms.hsms:
        with pytest.raises(HsmRefused):
            hsm.encrypt(token, b"x", b"")


@pytest.mark.parametrize("off", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_calls_go_on_while_one_hsm_is_on(off: tuple[int, ...]) -> None:
    with Lab() as lab:
        kms = lab.client("kms")
        keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(8)]
        blobs = [kms.encrypt(KeyId=key, Plaintext=key)["CiphertextBlob"] for key in keys]
        for number in off:
            lab.hsms.hsms[number].switch_off()
        for key, blob in zip(keys, blobs, strict=True):
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == key.encode()
            kms.encrypt(KeyId=key, Plaintext=b"x")
        new = kms.create_key()["KeyMetadata"]["KeyId"]
        assert kms.generate_data_key(KeyId=new, KeySpec="AES_256")["Plaintext"]


def test_with_no_hsm_on_a_call_is_an_error_of_the_service_and_changes_nothing(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    fresh.hsms.switch_off()
    with pytest.raises(FleetDown):
        fresh.hsms.generate(AES)
    unavailable, internal = "KeyUnavailableException", "KMSInternalException"
    calls = (
        (internal, lambda: kms.create_key()),
        (unavailable, lambda: kms.encrypt(KeyId=key, Plaintext=b"x")),
        (unavailable, lambda: kms.decrypt(CiphertextBlob=blob)),
        (unavailable, lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256")),
        (internal, lambda: kms.generate_random(NumberOfBytes=8)),
    )
    for code, call in calls:
        with refused(code, "no HSM of the fleet is switched on") as caught:
            call()
        assert isinstance(caught.value, getattr(kms.exceptions, code))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert [entry["KeyId"] for entry in kms.list_keys()["Keys"]] == [key]


def test_a_lab_that_lost_its_hsms_opens_again_whole(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
        lab.hsms.switch_off()
    with Lab(tmp_path) as lab:
        assert lab.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


def test_an_hsm_that_fails_inside_is_an_internal_error(fresh: Lab) -> None:
    kms = fresh.client("kms")
    shutil.rmtree(fresh.path / "hsms")
    with refused("KMSInternalException") as caught:
        kms.create_key()
    for name in NAMES:
        assert f"{name}: its token folder is gone" in str(caught.value)
    assert kms.list_keys()["Keys"] == []


def test_the_repr_shows_which_hsms_are_on(fresh: Lab) -> None:
    fresh.hsms.hsms[1].switch_off()
    assert repr(fresh.hsms) == "<Fleet of <Device hsm-a, on>, <Device hsm-b, off>, " + (
        "<Device hsm-c, on>>"
    )


def test_a_draft_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "hsms.draft" / "hsm-a" / "tokens").mkdir(parents=True)
    fleet = Fleet.open(tmp_path / "hsms")
    assert fleet.random(8)
    fleet.switch_off()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hsms", "hsms.lock"]


def test_a_folder_that_is_no_fleet_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "hsms").mkdir()
    with pytest.raises(StoreError, match="can't be opened"):
        Fleet.open(tmp_path / "hsms")


def test_several_fleets_work_at_once_in_threads() -> None:
    labs = [Lab() for _ in range(3)]
    wrong: list[object] = []

    def work(lab: Lab) -> None:
        try:
            token = lab.hsms.generate(AES).token
            for number in range(150):
                text = b"%d of %s" % (number, lab.account.encode())
                sealed = lab.hsms.hsms[number % 3].encrypt(token, text, b"")
                if lab.hsms.decrypt(token, sealed, b"") != text:
                    wrong.append(text)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(lab,)) for lab in labs for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for lab in labs:
        lab.close()
    assert wrong == []


def test_one_fleet_is_closed_while_another_works(fresh: Lab) -> None:
    other = Lab()
    token = fresh.hsms.generate(AES).token
    other.close()
    assert fresh.hsms.decrypt(token, fresh.hsms.encrypt(token, b"x", b""), b"") == b"x"


OPEN_AND_CLOSE = """
import sys
from pathlib import Path
from kmslab.hsm.device import Device
for _ in range(60):
    Device(Path(sys.argv[1])).switch_off()
"""


def test_an_hsm_opens_while_other_processes_and_threads_open_it(tmp_path: Path) -> None:
    Lab(tmp_path).close()
    folder = tmp_path / "hsms" / NAMES[0]
    threads = [threading.Thread(target=lambda: run(OPEN_AND_CLOSE, folder)) for _ in range(2)]
    failed: list[object] = []
    hook, threading.excepthook = threading.excepthook, lambda caught: failed.append(caught)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threading.excepthook = hook
    assert [caught.exc_value for caught in failed] == []
    assert {path.name for path in folder.iterdir()} == {"pins.json", "softhsm2.conf", "tokens"}
