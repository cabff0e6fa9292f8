"""Attacks on the keys of an HSM, each in both directions: careless attributes, careful ones.

Then what is left of a key outside the HSM: in Python's objects, and in the process's memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from expect import start
from intruder import known_token
from leaks import READY, assert_nowhere, count_in_memory
from pkcs11 import KeyType, Mechanism, MechanismFlag, TokenFlag
from pkcs11.exceptions import MechanismInvalid

from kmslab import Lab
from kmslab.errors import HsmError, HsmInput, HsmRefused
from kmslab.hsm import attacks, ecb
from kmslab.hsm.attempts import Attempt, same_key
from kmslab.hsm.guided import templates
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.own import Hsm
from kmslab.hsm.guided.session import Session
from kmslab.hsm.theft import Stolen

TESTS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Room:
    """The learner's HSM with a trusted key and one that wraps carelessly; the user is logged in."""

    hsm: Hsm
    user: Session
    trusted: Key
    loose: Key
    by_hand: Key

    def key(self, **attributes: Any) -> Key:
        """A target that can encrypt, which the comparison needs."""
        wanted: dict[str, Any] = {"ENCRYPT": True, **attributes, "TOKEN": False}
        return self.user.generate_key("target", **wanted)


@pytest.fixture(scope="module")
def room(lab: Lab) -> Room:
    """One room for all attacks: none may leave anything in it."""
    hsm = lab.hsm
    trusted = hsm.trusted_key()
    user = hsm.user()
    loose = user.generate_key("loose", WRAP=True, UNWRAP=True)
    return Room(hsm, user, trusted, loose, user.generate_key("by hand", ENCRYPT=True, DECRYPT=True))


Attack = Callable[[Room, Key], Attempt]
SENSITIVE_ONLY = {"SENSITIVE": True, "EXTRACTABLE": True}
UNTRUSTED = {**SENSITIVE_ONLY, "WRAP_WITH_TRUSTED": True}
STUCK = {"SENSITIVE": True, "EXTRACTABLE": False}
CAREFUL = {k: v for k, v in templates.CAREFUL.items() if k != "DECRYPT"}
ATTACKS: dict[str, tuple[Attack, dict[str, bool]]] = {  # the attack, and what it still works on
    "read": (lambda _, key: attacks.read(key), dict(templates.CARELESS)),
    "set back": (lambda _, key: attacks.set_back(key), dict(templates.CARELESS)),
    "copy": (lambda _, key: attacks.copy_open(key), dict(templates.CARELESS)),
    "own key": (lambda room, key: attacks.wrap_then_decrypt(room.user, key), SENSITIVE_ONLY),
    "known key": (lambda room, key: attacks.wrap_under_known(room.user, key), SENSITIVE_ONLY),
    "add decrypt": (lambda room, key: attacks.add_decrypt(room.loose, key), SENSITIVE_ONLY),
    "reimport": (lambda room, key: attacks.reimport(room.loose, key), SENSITIVE_ONLY),
    "half": (
        lambda room, key: ecb.exchange_half(room.user, room.by_hand, key),
        dict(templates.CARELESS),
    ),
}
# What stops each attack: on a key with these attributes, the return value and the attribute.
STOPPED: list[tuple[str, dict[str, bool], str, str]] = [
    ("read", SENSITIVE_ONLY, "CKR_ATTRIBUTE_SENSITIVE", "SENSITIVE=True"),
    (
        "read",
        {"SENSITIVE": False, "EXTRACTABLE": False},
        "CKR_ATTRIBUTE_SENSITIVE",
        "EXTRACTABLE=False",
    ),
    ("read", CAREFUL, "CKR_ATTRIBUTE_SENSITIVE", "SENSITIVE=True"),
    ("set back", SENSITIVE_ONLY, "CKR_ATTRIBUTE_READ_ONLY", "SENSITIVE"),
    ("set back", CAREFUL, "CKR_ACTION_PROHIBITED", "MODIFIABLE=False"),
    ("copy", SENSITIVE_ONLY, "CKR_ATTRIBUTE_READ_ONLY", "SENSITIVE"),
    (
        "copy",
        {"SENSITIVE": False, "EXTRACTABLE": False},
        "CKR_ATTRIBUTE_READ_ONLY",
        "EXTRACTABLE",
    ),
    ("copy", {**SENSITIVE_ONLY, "COPYABLE": False}, "CKR_ACTION_PROHIBITED", "COPYABLE=False"),
    ("copy", CAREFUL, "CKR_ATTRIBUTE_READ_ONLY", "MODIFIABLE=False"),
    *(
        (name, attributes, value, attribute)
        for name in ("own key", "known key", "add decrypt", "reimport")
        for attributes, value, attribute in (
            (STUCK, "CKR_KEY_UNEXTRACTABLE", "EXTRACTABLE=False"),
            (UNTRUSTED, "CKR_KEY_NOT_WRAPPABLE", "WRAP_WITH_TRUSTED=True"),
            (CAREFUL, "CKR_KEY_NOT_WRAPPABLE", "WRAP_WITH_TRUSTED=True"),
        )
    ),
    ("half", CAREFUL, "CKR_ATTRIBUTE_SENSITIVE", "SENSITIVE=True"),
]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_works_on_a_careless_key_and_leaves_nothing_behind(room: Room, name: str) -> None:
    attack, attributes = ATTACKS[name]
    key = room.key(**attributes)
    before = room.user.objects().labels
    made = attack(room, key)
    assert made.succeeded
    assert "of the restored key are known" in made.outcome or "all 32 bytes" in made.outcome
    assert (made.return_value, made.attribute) == ("", "")
    assert room.user.objects().labels == before
    key.destroy()


@pytest.mark.parametrize(("name", "attributes", "value", "attribute"), STOPPED)
def test_an_attack_ends_in_a_refusal_that_names_the_attribute(
    room: Room, name: str, attributes: dict[str, bool], value: str, attribute: str
) -> None:
    key = room.key(**attributes)
    before = room.user.objects().labels
    made = ATTACKS[name][0](room, key)
    assert not made.succeeded
    assert (made.return_value, made.attribute) == (value, attribute)
    assert made.steps
    assert value in repr(made)
    assert room.user.objects().labels == before
    key.destroy()


@pytest.mark.parametrize("attributes", [SENSITIVE_ONLY, CAREFUL, dict(templates.CARELESS)])
def test_the_trusted_key_keeps_every_backup_and_opens_none(
    room: Room, attributes: dict[str, bool]
) -> None:
    key = room.key(**attributes)
    stops = {
        "CKR_ACTION_PROHIBITED": attacks.add_decrypt(room.trusted, key),
        "CKR_TEMPLATE_INCONSISTENT": attacks.reimport(room.trusted, key),
        "CKR_GENERAL_ERROR": ecb.exchange_half(room.user, room.trusted, key, by="AES_KEY_WRAP"),
    }
    for value, made in stops.items():
        assert (made.succeeded, made.return_value) == (False, value)
    back = room.trusted.unwrap_key(
        room.trusted.wrap_key(key), "back", **templates.RESTORED, ENCRYPT=True, EXTRACTABLE=True
    )
    assert back.encrypt(bytes(16)) == key.encrypt(bytes(16))
    assert attacks.read(back).attribute == "SENSITIVE=True"
    assert attacks.wrap_then_decrypt(room.user, back).attribute == "WRAP_WITH_TRUSTED=True"
    back.destroy()
    key.destroy()


@pytest.mark.parametrize("name", ["SENSITIVE", "WRAP_WITH_TRUSTED", "WRAP", "UNWRAP"])
def test_a_backup_comes_back_with_no_attribute_loosened(room: Room, name: str) -> None:
    wrapped = _backup(room)
    loosened = {**templates.RESTORED, "EXTRACTABLE": True, name: not templates.RESTORED[name]}
    with pytest.raises(HsmRefused, match="CKR_TEMPLATE_INCONSISTENT"):
        room.trusted.unwrap_key(wrapped, "back", **loosened)
    missing = {k: v for k, v in templates.RESTORED.items() if k not in (name, "SENSITIVE")}
    with pytest.raises(HsmRefused, match="CKR_TEMPLATE_INCONSISTENT"):
        room.trusted.unwrap_key(wrapped, "back", **missing, SENSITIVE=False)


def _backup(room: Room) -> bytes:
    key = room.key(**CAREFUL)
    wrapped = room.trusted.wrap_key(key)
    key.destroy()
    return wrapped


@pytest.mark.parametrize("change", ["DECRYPT", "ENCRYPT", "EXTRACTABLE", "MODIFIABLE", "SENSITIVE"])
def test_the_trusted_key_can_be_changed_by_nobody(room: Room, change: str) -> None:
    other = not room.trusted[change]
    with pytest.raises(HsmRefused, match="CKR_ACTION_PROHIBITED"):
        room.trusted[change] = other
    with pytest.raises(HsmRefused, match="CKR_ATTRIBUTE_READ_ONLY"):
        room.trusted.copy(**{change: other})
    with pytest.raises(HsmRefused, match="CKR_MECHANISM_INVALID"):
        room.trusted.wrap_key(room.by_hand, "AES_CBC")


def test_softhsm2_wraps_as_the_docstring_says(room: Room) -> None:
    key, uses = room.key(**SENSITIVE_ONLY), MechanismFlag.WRAP | MechanismFlag.UNWRAP
    short = room.user.generate_key("short", 128, TOKEN=False, WRAP=True, UNWRAP=True)
    for name, length in (("AES_KEY_WRAP", 40), ("AES_KEY_WRAP_PAD", 40), ("AES_CBC", 32)):
        assert len(short.wrap_key(key, name)) == length
    for name in ("AES_ECB", "AES_CBC_PAD"):
        with pytest.raises(HsmRefused, match="CKR_MECHANISM_INVALID"):
            short.wrap_key(key, name)
    with pytest.raises(HsmRefused, match="CKR_MECHANISM_INVALID"):
        short.unwrap_key(short.wrap_key(key, "AES_CBC"), "back", "AES_CBC")
    triple = room.user.pkcs11.generate_key(KeyType.DES3, capabilities=uses)
    for mechanism in (Mechanism.DES3_ECB, Mechanism.DES3_CBC):
        iv = bytes(8) if mechanism is Mechanism.DES3_CBC else None
        with pytest.raises(MechanismInvalid):
            triple.wrap_key(key.pkcs11, mechanism=mechanism, mechanism_param=iv)
    for each in (key, short, triple):
        each.destroy()


def test_a_backup_in_ecb_shows_a_key_that_repeats_itself(room: Room) -> None:
    for value, repeats in ((os.urandom(16) * 2, True), (os.urandom(32), False)):
        key = room.user.import_key("k", value, TOKEN=False, SENSITIVE=False, EXTRACTABLE=True)
        assert ecb.equal_halves(ecb.backup(room.by_hand, key)) is repeats
        assert not ecb.equal_halves(room.trusted.wrap_key(key)[:32])
        key.destroy()


def test_a_found_key_is_compared_and_never_shown(room: Room) -> None:
    value = os.urandom(32)
    key = room.user.import_key("k", value, TOKEN=False, SENSITIVE=False, EXTRACTABLE=True)
    assert same_key(key, value)
    wrong = (bytes([value[0] ^ 1]) + value[1:], value[:16], value[:7], b"", value[::-1])
    assert not any(same_key(key, each) for each in wrong)
    made = [attacks.read(key), attacks.wrap_then_decrypt(room.user, key)]
    shown = [*map(repr, (key, *made)), *(each._repr_html_() for each in made), str(made)]
    shown += [repr(key.attributes()), key.attributes()._repr_html_(), repr(room.user.objects())]
    assert_nowhere(value, {number: text.encode() for number, text in enumerate(shown)})
    key.destroy()


# --- A stolen token folder ---------------------------------------------------------------------


@pytest.fixture
def kept(fresh: Lab) -> tuple[Hsm, dict[str, bytes]]:
    """An HSM with one key that is PRIVATE and one that is not, both of known value."""
    values = {"private": os.urandom(32), "open": os.urandom(32)}
    user = fresh.hsm.user()
    for name, value in values.items():
        user.import_key(name, value, PRIVATE=name == "private", SENSITIVE=True, EXTRACTABLE=False)
    return fresh.hsm, values


def test_a_stolen_folder_shows_what_is_not_private(kept: tuple[Hsm, dict[str, bytes]]) -> None:
    hsm, values = kept
    with Stolen(hsm) as stolen:
        assert stolen.labels() == ["open"]
        assert stolen.look(values["open"]).succeeded
        assert not stolen.look(values["private"]).succeeded
        for pin in ("0000", hsm._pins().officer):
            with pytest.raises(HsmRefused, match="does not open"):
                stolen.labels(pin)
        assert stolen.labels(hsm._pins().user) == ["open", "private"]
    assert not stolen.folder.exists()
    with pytest.raises(HsmError):
        stolen.labels()


def test_no_key_of_the_lab_lies_in_the_clear_but_what_is_not_private(
    kept: tuple[Hsm, dict[str, bytes]],
) -> None:
    hsm, values = kept
    backup = hsm.trusted_key()
    contents: dict[Any, bytes] = {
        path: path.read_bytes() for path in hsm.folder.rglob("*") if path.is_file()
    }
    assert_nowhere(values["private"], contents)
    assert backup["PRIVATE"]
    with Stolen(hsm) as stolen:
        assert "backup key" not in stolen.labels()


def test_a_short_pin_is_guessed_and_a_long_one_is_not(fresh: Lab) -> None:
    hsm = fresh.hsm
    hsm.set_pin("0042")
    with Stolen(hsm) as stolen:
        made = stolen.guess(f"{number:04}" for number in range(10_000))
        assert made.succeeded
        assert "43 guesses" in made.outcome
        assert "0042" not in repr(made) + made._repr_html_()
    hsm.set_pin("a much longer one")
    with Stolen(hsm) as stolen:
        made = stolen.guess(f"{number:04}" for number in range(300))
        assert not made.succeeded
        flags = stolen.token.slot.get_token().flags
        assert flags & TokenFlag.USER_PIN_COUNT_LOW  # a warning, and no more:
        assert not stolen.locked  # SoftHSM2 counts nothing: 300 wrong ones, and the right one opens
        assert stolen.labels("a much longer one") == []
    assert hsm.user().objects().labels == ()


@pytest.mark.parametrize("pins", [[5], [None], ["\u0430"], [b"1"]])
def test_a_pin_that_is_no_text_is_named(fresh: Lab, pins: list[Any]) -> None:
    with Stolen(fresh.hsm) as stolen, pytest.raises(HsmInput, match="texts are due"):
        stolen.guess(pins)


def test_the_fleet_is_not_touched(fresh: Lab) -> None:
    folders = [hsm.device.name for hsm in fresh.hsms.hsms]
    before = {path: path.stat().st_mtime_ns for path in (fresh.path / "hsms").rglob("*.object")}
    hsm = fresh.hsm
    attacks.wrap_then_decrypt(hsm.user(), hsm.user().generate_key("k", EXTRACTABLE=True))
    hsm.trusted_key()
    after = {path: path.stat().st_mtime_ns for path in (fresh.path / "hsms").rglob("*.object")}
    assert hsm.folder.name not in folders
    assert before == after


# --- What is left of a key outside the HSM -----------------------------------------------------

_USE_KMS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from leaks import READY, dump
from kmslab import Lab
lab = Lab(sys.argv[1])
kms = lab.client("kms")
for n in range(3):
    blob = kms.encrypt(KeyId=sys.argv[3], Plaintext=b"x")["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
kms.generate_data_key(KeyId=sys.argv[3], KeySpec="AES_256")
dump(Path(sys.argv[2]))
print(READY, flush=True)
sys.stdin.readline()
"""
_USE_OWN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from leaks import READY, dump
from kmslab import Lab
from kmslab.hsm import attacks
lab = Lab(sys.argv[1])
user = lab.hsm.user()
key = user.get_key("target")
key.encrypt(bytes(16))
trusted = user.get_key("backup key")
made = [attacks.read(key), attacks.set_back(key), attacks.copy_open(key)]
made += [attacks.wrap_then_decrypt(user, key), attacks.wrap_under_known(user, key)]
made += [attacks.add_decrypt(trusted, key), attacks.reimport(trusted, key)]
kept = key["VALUE"] if sys.argv[3] == "keep" else None
assert sys.argv[3] != "nothing" or not any(each.succeeded for each in made)
dump(Path(sys.argv[2]))
print(READY, flush=True)
sys.stdin.readline()
"""


def looked_at(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that has done its work, and waits."""
    child = start(code, *arguments, TESTS, stdin=subprocess.PIPE)
    assert child.stdout is not None
    said = child.stdout.readline()
    assert said.strip() == READY, said + child.stdout.read()
    return child


def ended(child: subprocess.Popen[str]) -> None:
    with child:
        child.communicate("\n", timeout=50)


def test_no_python_object_holds_a_backing_key_after_use(tmp_path: Path) -> None:
    value = os.urandom(32)
    with Lab(tmp_path / "lab") as lab:
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        token = known_token(lab.hsms.hsms[0], value)
        lab._rooms.store.write("UPDATE material SET token = ? WHERE key_id = ?", (token, key))
    ended(looked_at(_USE_KMS, tmp_path / "lab", tmp_path / "dump", key))
    dumped = (tmp_path / "dump").read_bytes()
    assert token in dumped  # so the walk does find what Python has
    assert_nowhere(value, {"python": dumped})


def own_lab(folder: Path, value: bytes, attributes: dict[str, Any]) -> None:
    with Lab(folder) as lab:
        lab.hsm.trusted_key()
        lab.hsm.user().import_key("target", value, **attributes)


@pytest.mark.parametrize(
    ("template", "does", "found"),
    [
        (templates.CAREFUL, "nothing", False),
        (templates.CARELESS, "drop", False),  # every attack got it, compared it, and let it go
        (templates.CARELESS, "keep", True),
    ],
)
def test_no_python_object_holds_a_key_after_the_attacks(
    tmp_path: Path, template: dict[str, Any], does: str, found: bool
) -> None:
    value = os.urandom(32)
    own_lab(tmp_path / "lab", value, {**template})
    ended(looked_at(_USE_OWN, tmp_path / "lab", tmp_path / "dump", does))
    dumped = (tmp_path / "dump").read_bytes()
    if found:
        assert value in dumped
    else:
        assert_nowhere(value, {"python": dumped})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/mem")
def test_between_calls_no_memory_of_the_process_holds_a_backing_key(tmp_path: Path) -> None:
    """SoftHSM2 keeps PRIVATE objects encrypted in memory too, and wipes what it decrypted for use.

    This is no wall: the key that it encrypts them with lies in the same memory (under a mask), so
    whoever reads the process's memory at leisure has every key. That is what hardware is for.
    """
    value = os.urandom(32)
    with Lab(tmp_path / "lab") as lab:
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        token = known_token(lab.hsms.hsms[0], value)
        lab._rooms.store.write("UPDATE material SET token = ? WHERE key_id = ?", (token, key))
    child = looked_at(_USE_KMS, tmp_path / "lab", tmp_path / "dump", key)
    try:
        assert count_in_memory(child.pid, token) > 0  # the search does find what is there
        assert count_in_memory(child.pid, value[:16]) == 0
        assert count_in_memory(child.pid, value[16:]) == 0
    finally:
        ended(child)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/mem")
@pytest.mark.parametrize(
    ("template", "found"), [(templates.CAREFUL, False), (templates.CARELESS, True)]
)
def test_a_key_that_is_not_private_lies_in_memory_as_it_does_on_the_disk(
    tmp_path: Path, template: dict[str, Any], found: bool
) -> None:
    value = os.urandom(32)
    own_lab(tmp_path / "lab", value, {**template})
    child = looked_at(_USE_OWN, tmp_path / "lab", tmp_path / "dump", "drop")
    try:
        assert (count_in_memory(child.pid, value) > 0) is found
    finally:
        ended(child)
