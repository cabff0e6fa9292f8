"""One HSM: its folder, its PINs, its two roles, and being switched off."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from expect import known_key, start
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass

from kmslab import Lab
from kmslab.errors import HsmError, HsmOff, HsmRefused, StoreError
from kmslab.hsm.device import Device, Pins, provision
from kmslab.hsm.fleet import NAMES
from kmslab.hsm.session import HsmSession


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The crypto user at a new HSM, which belongs to no fleet."""
    folder = tmp_path_factory.mktemp("hsm") / "hsm-new"
    provision(folder)
    device = Device(folder)
    with device.user() as session:
        yield session
    device.switch_off()


# McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, cases 13 to 16
# (AES-256): key, IV, additional data, plaintext, ciphertext, tag.
K = "feffe9928665731c6d6a8f9467308308" * 2
P = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
C = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
IV = "cafebabefacedbaddecaf888"
GCM = [
    ("00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
        *("00" * 32, "00" * 12, "", "00" * 16),
        *("cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    ),
    (K, IV, "", P, C, "b094dac5d93471bdec1a502270e3cc6c"),
    (
        *(K, IV, "feedfacedeadbeeffeedfacedeadbeefabaddad2", P[:120], C[:120]),
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]


@pytest.mark.parametrize(("key", "iv", "aad", "plaintext", "ciphertext", "tag"), GCM)
def test_aes_gcm_gives_the_known_answers(
    session: Any, key: str, iv: str, aad: str, plaintext: str, ciphertext: str, tag: str
) -> None:
    handle = known_key(session, bytes.fromhex(key), ENCRYPT=True, DECRYPT=True)
    parameters = GCMParams(bytes.fromhex(iv), bytes.fromhex(aad), 128)
    how = {"mechanism": Mechanism.AES_GCM, "mechanism_param": parameters}
    sealed = bytes.fromhex(ciphertext + tag)
    assert handle.encrypt(bytes.fromhex(plaintext), **how) == sealed
    assert handle.decrypt(sealed, **how) == bytes.fromhex(plaintext)


# RFC 3394, sections 4.3, 4.5 and 4.6: what a 256-bit key wraps, and what comes out.
KEY_WRAP = [
    (
        "00112233445566778899aabbccddeeff",
        "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7",
    ),
    (
        "00112233445566778899aabbccddeeff0001020304050607",
        "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1",
    ),
    (
        "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
    ),
]


@pytest.mark.parametrize(("data", "wrapped"), KEY_WRAP)
def test_aes_key_wrap_gives_the_known_answers(session: Any, data: str, wrapped: str) -> None:
    wrapping = known_key(session, bytes(range(32)), WRAP=True, UNWRAP=True)
    key = known_key(session, bytes.fromhex(data))
    assert wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP).hex() == wrapped
    back = wrapping.unwrap_key(
        ObjectClass.SECRET_KEY,
        KeyType.AES,
        bytes.fromhex(wrapped),
        mechanism=Mechanism.AES_KEY_WRAP,
        store=False,
        template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )
    assert back[Attribute.VALUE].hex() == data


def test_every_known_answer_of_key_wrap_is_pycas_too() -> None:
    for data, wrapped in KEY_WRAP:
        assert aes_key_wrap(bytes(range(32)), bytes.fromhex(data)).hex() == wrapped


def test_folders_are_0700_and_secrets_0600(fresh: Lab) -> None:
    hsms = fresh.path / "hsms"
    folders = [fresh.path, hsms, *hsms.iterdir(), *hsms.glob("*/tokens"), *hsms.glob("*/tokens/*")]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    private = [*hsms.rglob("pins.json"), *hsms.rglob("softhsm2.conf"), *hsms.rglob("*.object")]
    private += fresh.path.glob("records.sqlite*")
    assert len(private) > 12
    assert {stat.S_IMODE(file.stat().st_mode) for file in private} == {0o600}


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Lab(tmp_path / "lab") as lab:
            for path in [lab.path, *lab.path.rglob("*")]:
                mode = stat.S_IMODE(path.stat().st_mode)
                assert path.name == "hsms.lock" or not mode & 0o077, f"{path}: {mode:o}"
    finally:
        os.umask(before)


def test_no_copy_of_the_module_stays_behind(lab: Lab) -> None:
    assert not list(lab.path.rglob("*.so"))


def test_no_repr_shows_a_pin(hsm: HsmSession) -> None:
    pins = hsm.device._pins
    shown = f"{pins!r} {pins} {hsm!r} {hsm.device!r} {[pins]}"
    assert pins.officer not in shown
    assert pins.user not in shown


def test_pins_are_random(lab: Lab) -> None:
    pins = [hsm.device._pins for hsm in lab.hsms.hsms]
    assert len({pin for each in pins for pin in (each.officer, each.user)}) == 6
    assert all(len(each.user) == len(each.officer) == 32 for each in pins)


def test_a_device_that_is_off_says_so(tmp_path: Path) -> None:
    provision(tmp_path / "hsm-x")
    device = Device(tmp_path / "hsm-x")
    assert device.is_on
    device.switch_off()
    device.switch_off()
    assert not device.is_on
    assert repr(device) == "<Device hsm-x, off>"
    for role in (device.user, device.officer):
        with pytest.raises(HsmOff, match="hsm-x is switched off"):
            role()


def test_the_wrong_pin_is_refused_by_the_hsm(session: Any) -> None:
    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        session.token.open(user_pin="0" * 32)


LOG_IN = """
import sys
from pathlib import Path
from kmslab.hsm.device import Device
device = Device(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    device.user().close()
"""


def test_an_hsm_opens_again_whenever_kill_9_hits_a_login(tmp_path: Path) -> None:
    """SoftHSM2 empties the token's file at each login, and writes it anew."""
    provision(tmp_path / "hsm-x")
    device = Device(tmp_path / "hsm-x")
    with device.user(writing=True) as user:
        user.generate_key(KeyType.AES, 256, label="stays", store=True)
    device.switch_off()
    for moment in range(12):
        with start(LOG_IN, tmp_path / "hsm-x") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(moment / 500)
            process.kill()
        device = Device(tmp_path / "hsm-x")
        with device.user() as user, device.meeting():
            assert user.get_key(label="stays")
        device.switch_off()


@pytest.mark.parametrize("damage", ["emptied", "cut off", "gone"])
def test_a_damaged_token_file_is_replaced_by_its_copy(tmp_path: Path, damage: str) -> None:
    provision(tmp_path / "hsm-x")
    (own,) = tmp_path.rglob("token.object")
    (copy,) = tmp_path.rglob("token.kept")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    data = own.read_bytes()
    own.unlink() if damage == "gone" else own.write_bytes(data[: damage == "cut off" and 100])
    device = Device(tmp_path / "hsm-x")
    device.user().close()
    device.switch_off()
    copy.unlink()
    Device(tmp_path / "hsm-x").switch_off()  # an HSM of before gets its copy now
    assert copy.read_bytes() == own.read_bytes()


def test_a_token_file_without_a_copy_is_lost(tmp_path: Path) -> None:
    provision(tmp_path / "hsm-x")
    for path in (*tmp_path.rglob("token.object"), *tmp_path.rglob("token.kept")):
        path.write_bytes(b"")
    with pytest.raises(HsmRefused, match="holds no token"):
        Device(tmp_path / "hsm-x")


def _wrong_pin(hsm: Path) -> None:
    pins = json.loads((hsm / "pins.json").read_text())
    (hsm / "pins.json").write_text(json.dumps(pins | {"user": "0000"}))


def _no_token(hsm: Path) -> None:
    shutil.rmtree(hsm / "tokens")
    (hsm / "tokens").mkdir()


DAMAGES = {
    "a wrong PIN": (_wrong_pin, HsmRefused, "can't be used"),
    "no PINs": (lambda hsm: (hsm / "pins.json").write_text("{}"), HsmRefused, "hold the PINs"),
    "no JSON": (lambda hsm: (hsm / "pins.json").write_text("PINs"), HsmRefused, "hold the PINs"),
    "no token": (_no_token, HsmRefused, "holds no token"),
    "no PIN file": (lambda hsm: (hsm / "pins.json").unlink(), StoreError, "can't be opened"),
    "no HSM": (shutil.rmtree, StoreError, "can't be opened"),
    "no token folder": (
        lambda hsm: shutil.rmtree(hsm / "tokens"),
        HsmError,
        "token folder is gone",
    ),
}
CASES = [
    *((damage, "hsm-b") for damage in DAMAGES),
    *(("a wrong PIN", name) for name in ("hsm-a", "hsm-c")),
]


@pytest.mark.parametrize(("damage", "name"), CASES)
def test_a_damaged_hsm_is_out_of_service_with_its_reason_and_the_others_serve(
    tmp_path: Path, damage: str, name: str
) -> None:
    Lab(tmp_path / "lab").close()
    spoil, _, reason = DAMAGES[damage]
    spoil(tmp_path / "lab" / "hsms" / name)
    with Lab(tmp_path / "lab") as lab:
        assert f"<Device {name}, off>" in repr(lab.hsms)
        shown = lab.hsms._repr_html_()
        assert re.search(f"out of service: [^<]*({reason.replace(chr(39), '&#x27;')})", shown)
        kms = lab.client("kms")
        for _ in range(6):
            kms.generate_random(NumberOfBytes=8)
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lab_whose_hsms_are_all_damaged_says_why(tmp_path: Path, damage: str) -> None:
    Lab(tmp_path / "lab").close()
    spoil, error, reason = DAMAGES[damage]
    for name in NAMES:
        spoil(tmp_path / "lab" / "hsms" / name)
    with pytest.raises(error, match=reason):
        Lab(tmp_path / "lab")


def test_a_folder_that_was_moved_still_opens(tmp_path: Path) -> None:
    with Lab(tmp_path / "here") as lab:
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"moved")["CiphertextBlob"]
    (tmp_path / "here").rename(tmp_path / "there is a space")
    with Lab(tmp_path / "there is a space") as lab:
        assert lab.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"moved"


def test_pins_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "pins.json").write_text('{"officer": "a", "user": "b"}')
    assert Pins.read(tmp_path / "pins.json") == Pins("a", "b")
