"""HSMs that share two domain keys: losing them, getting them back, several fleets at once."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import busy_lab
import pytest
from expect import files, refused, run, start

from kmslab import Lab
from kmslab.errors import FleetDown, HsmOff, HsmRefused, StoreError
from kmslab.hsm import roster
from kmslab.hsm.fleet import NAMES, Fleet
from kmslab.hsm.racks import RETRY_SECONDS
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


# Pulled out and put back; gone for good, and a new one.


def states(lab: Lab) -> dict[str, str]:
    """The fleet as its table shows it: each HSM's state."""
    rows = re.findall(
        r'scope="row"[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)<',
        lab.hsms._repr_html_(),
    )
    return {name: state for name, _, state in rows}


def zones(lab: Lab) -> dict[str, str]:
    """The zone of each HSM."""
    return {each.name: each.zone for each in roster.read(lab.path / "hsms").places}


def works(lab: Lab) -> None:
    """Old and new keys work, in whichever HSM their tokens fall to."""
    kms = lab.client("kms")
    for _ in range(8):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_an_hsm_that_is_pulled_is_off_until_it_is_put_back(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.hsms.switch_off("hsm-b")
        assert states(lab) == {"hsm-a": "on", "hsm-b": "off: pulled out", "hsm-c": "on"}
        works(lab)
        (pulled,) = [hsm for hsm in lab.hsms.hsms if hsm.device.name == "hsm-b"]
        with pytest.raises(HsmOff):
            pulled.random(8)
    with Lab(tmp_path) as lab, Lab(tmp_path) as other:
        assert states(lab)["hsm-b"] == states(other)["hsm-b"] == "off: pulled out"
        works(lab)
        lab.hsms.switch_on("hsm-b")
        assert set(states(lab).values()) == set(states(other).values()) == {"on"}
        token = lab.hsms.generate(AES).token
        for each in (*lab.hsms.hsms, *other.hsms.hsms):
            assert each.encrypt(token, b"x", b"")


def test_another_process_that_saw_an_hsm_pulled_sees_it_put_back(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab, Lab(tmp_path) as other:
        for _ in range(2):
            lab.hsms.switch_off("hsm-b")
            works(other)
            assert states(other)["hsm-b"] == "off: pulled out"
            lab.hsms.switch_on("hsm-b")
            works(other)
            assert set(states(other).values()) == {"on"}


def test_all_hsms_can_be_pulled_and_put_back(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        client = busy_lab.Client(lab)
        for name in NAMES:
            lab.hsms.switch_off(name)
        with refused("KeyUnavailableException", "no HSM of the fleet is switched on"):
            client.work()
    with Lab(tmp_path) as lab:
        client.kms = lab.client("kms")
        with refused("KeyUnavailableException"):
            client.work()
        lab.hsms.switch_on("hsm-c")
        client.work()


def test_an_hsm_that_was_taken_out_of_service_can_be_put_back(fresh: Lab) -> None:
    fresh.hsms.hsms[0].device.switch_off()
    assert states(fresh)["hsm-a"] == "off"
    works(fresh)
    fresh.hsms.switch_on("hsm-a")
    assert states(fresh)["hsm-a"] == "on"
    fresh.hsms.switch_on("hsm-a")  # again: nothing happens to it
    works(fresh)


def test_a_removed_hsm_is_gone_and_a_new_one_has_another_name_and_its_zone(fresh: Lab) -> None:
    client = busy_lab.Client(fresh)
    fresh.hsms.remove("hsm-b")
    assert not (fresh.path / "hsms" / "hsm-b").exists()
    assert list(states(fresh)) == ["hsm-a", "hsm-c"]
    assert fresh.hsms.add() == "hsm-d"
    assert zones(fresh) == {"hsm-a": "us-east-1a", "hsm-c": "us-east-1c", "hsm-d": "us-east-1b"}
    fresh.hsms.remove("hsm-d")
    assert fresh.hsms.add(zone="us-east-1a") == "hsm-e"
    assert zones(fresh)["hsm-e"] == "us-east-1a"
    for name in ("hsm-a", "hsm-c"):
        fresh.hsms.remove(name)
    client.work()  # the new HSM alone has all there is to have
    works(fresh)


def test_the_last_hsm_does_not_go_by_mistake(fresh: Lab) -> None:
    fresh.hsms.remove("hsm-a")
    fresh.hsms.switch_off("hsm-b")
    with pytest.raises(HsmRefused, match="hsm-c is the last HSM with the domain key"):
        fresh.hsms.remove("hsm-c")
    works(fresh)
    fresh.hsms.remove("hsm-c", last=True)
    with pytest.raises(FleetDown):
        fresh.hsms.add()
    fresh.hsms.switch_on("hsm-b")
    works(fresh)


@pytest.mark.parametrize("act", ["switch_off", "switch_on", "remove"])
def test_an_unknown_hsm_is_named_beside_those_there_are(fresh: Lab, act: str) -> None:
    with pytest.raises(HsmRefused, match="no 'hsm-x'; the fleet's HSMs: hsm-a, hsm-b, hsm-c"):
        getattr(fresh.hsms, act)("hsm-x")
    works(fresh)


def test_files_of_changed_fleets_are_private(fresh: Lab) -> None:
    before = os.umask(0)
    try:
        fresh.hsms.remove("hsm-a")
        fresh.hsms.add()
        fresh.hsms.switch_off("hsm-b")
    finally:
        os.umask(before)
    for path in fresh.path.rglob("*"):
        assert path.name.endswith(".lock") or not path.stat().st_mode & 0o077, path


# Broken while it runs.


def _finalise(lab: Lab) -> None:
    """The module of hsm-a ends behind the process's back."""
    ctypes.CDLL(lab.hsms.hsms[0].device._module_path).C_Finalize(None)


BREAKS = {
    "its folder is gone": lambda lab: shutil.rmtree(lab.path / "hsms" / "hsm-a"),
    "its token folder is gone": lambda lab: shutil.rmtree(lab.path / "hsms" / "hsm-a" / "tokens"),
    "its module is finalised": _finalise,
    "its session is closed": lambda lab: lab.hsms.hsms[0].pkcs11_session.close(),
    "its device is switched off": lambda lab: lab.hsms.hsms[0].device.switch_off(),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_an_hsm_that_breaks_is_taken_out_and_nobody_who_asks_notices(
    fresh: Lab, broken: str
) -> None:
    clients = [busy_lab.Client(fresh) for _ in range(6)]
    for client in clients:
        client.work()
    BREAKS[broken](fresh)
    for hsm in fresh.hsms.hsms:
        hsm.forget_all() if hsm.device.name != "hsm-a" else None
    for client in clients * 2:
        client.work()
    works(fresh)
    fresh.hsms.keep_up(99)  # material was deleted: its memory is emptied, if it is there
    works(fresh)
    state = states(fresh)["hsm-a"]
    assert state.startswith(("out of service: ", "off")), state
    for pin in (each.device._pins for each in fresh.hsms.hsms):
        assert pin.user not in fresh.hsms._repr_html_()


def test_a_wrong_ciphertext_takes_no_hsm_out_of_service(fresh: Lab) -> None:
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for _ in range(5):
        with refused("InvalidCiphertextException"):
            kms.decrypt(CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]))
    assert set(states(fresh).values()) == {"on"}


def test_the_call_after_a_loss_takes_less_than_200_ms(fresh: Lab) -> None:
    client = busy_lab.Client(fresh)
    client.work()
    for lose in (
        lambda: fresh.hsms.remove("hsm-a"),
        lambda: shutil.rmtree(fresh.path / "hsms" / "hsm-b"),
    ):
        lose()
        begin = time.perf_counter()
        client.kms.decrypt(CiphertextBlob=client.blob)
        assert time.perf_counter() - begin < 0.2
    client.work()


def test_an_hsm_that_could_not_be_opened_is_tried_again_when_no_other_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(tmp_path) as lab, Lab(tmp_path) as other:
        client = busy_lab.Client(other)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            name = lab.hsms.add()
            patch.setattr("kmslab.hsm.device.shutil.copyfile", full)
            client.work()
            assert "No space left on device" in states(other)[name]
            for each in NAMES:
                lab.hsms.remove(each)
            with refused("KeyUnavailableException"):
                client.kms.decrypt(CiphertextBlob=client.blob)
        time.sleep(RETRY_SECONDS)
        client.work()
        assert states(other) == {name: "on"}


# Under requests, and with another process.


def _hurt_and_heal(lab: Lab) -> None:
    """Every HSM of before is pulled, put back and replaced; one is left at any time."""
    for name in NAMES:
        lab.hsms.switch_off(name)
        time.sleep(0.05)
        lab.hsms.switch_on(name)
        lab.hsms.remove(name)
        time.sleep(0.05)
        lab.hsms.add()
    for path in list((lab.path / "hsms").iterdir())[:2]:
        shutil.rmtree(path)
        time.sleep(0.05)


def test_requests_in_threads_do_not_notice_that_hsms_come_and_go(fresh: Lab) -> None:
    with busy_lab.threads(fresh) as clients:
        _hurt_and_heal(fresh)
    assert all(client.calls > 5 for client in clients)
    assert list(states(fresh)) == ["hsm-d", "hsm-e", "hsm-f"]


def test_requests_of_another_process_do_not_notice_that_hsms_come_and_go(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        with busy_lab.process(tmp_path) as said:
            _hurt_and_heal(lab)
        assert said["calls"] > 10
        assert "hsm-a" not in said["fleet"]
        assert ", on" in said["fleet"]


def test_an_hsm_added_by_one_process_serves_in_another(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab, Lab(tmp_path) as other:
        client = busy_lab.Client(other)
        name = lab.hsms.add()
        for each in NAMES:
            lab.hsms.remove(each)
        client.work()
        assert list(states(other)) == [name]


# kill -9.

CUT_OFF = """
import os, signal, sys
from pathlib import Path
from kmslab import Lab
lab = Lab(sys.argv[1])
left, act = [int(sys.argv[3])], sys.argv[2]
def counted(owner, name):
    function = getattr(owner, name)
    def step(*arguments, **more):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    setattr(owner, name, step)
from kmslab.hsm import device, roster, trusted
from kmslab.hsm import ceremonies
for owner, name in (
    (device, "provision"), (trusted, "clone"), (trusted, "keep"), (trusted, "make"),
    (roster, "write"), (Path, "rename"), (Path, "mkdir"), (ceremonies.shutil, "rmtree"),
    (os, "unlink"), (os, "rmdir"),
):
    counted(owner, name)
print("ready", flush=True)
exec(act)
print("done", left[0])
"""


def cut_off(folder: Path, act: str, step: int) -> bool:
    """Does something to `lab` in another process, which dies in a step of it; False if it ended."""
    with start(CUT_OFF, folder, act, step) as process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode in (0, -signal.SIGKILL), output
    return process.returncode == -signal.SIGKILL


REMOVE = "lab.hsms.remove(sorted(each.name for each in (lab.path / 'hsms').iterdir())[-1])"


@pytest.mark.parametrize("act", ["lab.hsms.add()", REMOVE])
def test_what_kill_9_cuts_off_leaves_a_whole_fleet_and_nothing_else(
    tmp_path: Path, act: str
) -> None:
    with Lab(tmp_path) as lab:
        client = busy_lab.Client(lab)
    for step in (*range(1, 12), 14, 17, 22, 30, 40):
        if not cut_off(tmp_path, act, step):
            break
        with Lab(tmp_path) as lab:
            assert set(states(lab).values()) == {"on"}
            client.kms = lab.client("kms")
            client.work()
            kept = {path.name for path in (tmp_path / "hsms").iterdir()}
            assert kept == set(states(lab)) == set(zones(lab))
            if len(kept) < 3:
                lab.hsms.add()
        assert {"hsms.draft", "hsms.old"}.isdisjoint(path.name for path in tmp_path.iterdir())
    assert step > 4


def test_no_domain_key_of_a_removed_hsm_stays_on_the_disk(fresh: Lab) -> None:
    names = {path for path in files(fresh.path / "hsms") if "hsm-b" in path.parts}
    assert any(path.suffix == ".object" for path in names)
    fresh.hsms.remove("hsm-b")
    assert not names & set(files(fresh.path))
