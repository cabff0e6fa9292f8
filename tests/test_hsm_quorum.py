"""Backups that M of N operators open together, and new HSMs from them when all are lost."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from everything import Everything
from expect import files
from test_attacks import assert_nowhere
from test_hsm_fleet import cut_off, states, works

from kmslab import Lab
from kmslab.errors import BackupRefused, HsmRefused, QuorumMissing, ShareRefused, StoreError
from kmslab.hsm import quorum, restoring
from kmslab.hsm.fleet import NAMES, Fleet
from kmslab.hsm.quorum import Card
from kmslab.hsm.restoring import Backup
from kmslab.recovery import recover


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """PINs are stretched less, so that tests are quick."""
    monkeypatch.setitem(quorum._SCRYPT, "n", 2**4)


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[tuple[Lab, Everything, Backup]]:
    """A lab that lost all its HSMs, what was made in it before, and its backup."""
    with Lab(tmp_path / "lab") as lab:
        made = Everything(lab)
        backup = lab.hsms.backup(tmp_path / "safe")
        _lose_all(lab)
        yield lab, made, backup


def _lose_all(lab: Lab) -> None:
    for name in list(states(lab)):
        lab.hsms.remove(name, last=True)


def test_all_that_was_made_before_the_loss_works_after_the_restore(
    lost: tuple[Lab, Everything, Backup],
) -> None:
    lab, made, backup = lost
    lab.hsms.restore(backup, backup.cards[:3])
    made.check(lab)
    works(lab)
    assert states(lab) == {"hsm-d": "on", "hsm-e": "on", "hsm-f": "on"}
    for name in ("hsm-d", "hsm-e"):  # each of them alone
        lab.hsms.switch_off(name)
    made.check(lab)


@pytest.mark.parametrize("chosen", [*itertools.combinations(range(5), 3), range(5), (4, 2, 0)])
def test_any_three_of_five_operators_have_the_backup_key(tmp_path: Path, chosen: Any) -> None:
    key, pins = os.urandom(32), {f"operator-{n}": f"a pin of mine {n}" for n in range(5)}
    cards = quorum.deal(key, "b" * 32, pins, 3, tmp_path)
    assert quorum.join([cards[n] for n in chosen], "b" * 32, 3) == key


@pytest.mark.parametrize(("least", "operators"), [(2, 2), (2, 20), (20, 20), (3, 5)])
def test_a_quorum_of_any_size_works_and_one_less_does_not(
    tmp_path: Path, least: int, operators: int
) -> None:
    key, pins = os.urandom(32), {f"op{n}": "0123456789" for n in range(operators)}
    cards = quorum.deal(key, "b" * 32, pins, least, tmp_path)
    assert quorum.join(cards[-least:], "b" * 32, least) == key
    with pytest.raises(QuorumMissing, match=f"{least - 1} of the {least} operators"):
        quorum.join(cards[: least - 1], "b" * 32, least)
    fewer = quorum.join(cards[: least - 1], "b" * 32, least - 1)
    assert fewer[:16] != key[:16]
    assert fewer[16:] != key[16:]


def test_fewer_operators_or_one_twice_restore_nothing(
    lost: tuple[Lab, Everything, Backup],
) -> None:
    lab, _, backup = lost
    first, second = backup.cards[:2]
    for cards in ([], [first], [first, second], [first, second, first]):
        with pytest.raises(QuorumMissing, match="of the 3 operators that it takes are here"):
            lab.hsms.restore(backup, cards)
    assert states(lab) == {}


def _flip(path: Path) -> None:
    kept = json.loads(path.read_text())
    data = bytearray.fromhex(kept["sealed"])
    data[-20] ^= 1
    path.write_text(json.dumps({**kept, "sealed": data.hex()}))


def _rename(path: Path) -> None:
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "label": {**kept["label"], "number": 5}}))


CARDS: dict[str, Callable[[Path], object]] = {
    "a flipped bit": _flip,
    "another number": _rename,
    "empty": lambda path: path.write_text(""),
    "no card": lambda path: path.write_text("[]"),
    "gone": lambda path: path.unlink(),
    "cut off": lambda path: path.write_text(path.read_text()[:-40] + '"}'),
}


@pytest.mark.parametrize("damage", CARDS)
def test_a_damaged_card_is_refused_by_name_and_another_operator_can_come(
    lost: tuple[Lab, Everything, Backup], damage: str
) -> None:
    lab, made, backup = lost
    CARDS[damage](backup.cards[1].path)
    with pytest.raises(ShareRefused, match="operator-2"):
        lab.hsms.restore(backup, backup.cards[:3])
    lab.hsms.restore(backup, backup.cards[2:])
    made.check(lab)


def test_a_wrong_pin_opens_no_card(lost: tuple[Lab, Everything, Backup]) -> None:
    lab, _, backup = lost
    wrong = replace(backup.cards[0], pin=backup.cards[1].pin)
    with pytest.raises(ShareRefused, match=r"operator-1\.card does not open: a wrong PIN"):
        lab.hsms.restore(backup, [wrong, *backup.cards[1:3]])
    assert states(lab) == {}


def test_cards_of_another_backup_are_refused(tmp_path: Path) -> None:
    with Lab() as lab:
        one, two = (lab.hsms.backup(tmp_path / name) for name in ("one", "two"))
        _lose_all(lab)
        with pytest.raises(ShareRefused, match=f"another backup, {two.read()['backup'][:8]}"):
            lab.hsms.restore(one, [*one.cards[:2], two.cards[2]])
        lab.hsms.restore(one, one.cards[:3])


@pytest.mark.parametrize(
    "change",
    [
        {"quorum": 1},
        {"quorum": 0},
        {"quorum": -1},
        {"operators": 6},
        {"domain": "0" * 16},
        {"generation": 2},
        {"mac": "é"},
        {"keys": {}},
        {"keys": {"domain key": "00" * 40}},
    ],
)
def test_a_changed_backup_is_refused(
    lost: tuple[Lab, Everything, Backup], change: dict[str, Any]
) -> None:
    lab, _, backup = lost
    backup.path.write_text(json.dumps(backup.read() | change))
    with pytest.raises(BackupRefused, match="was changed"):
        lab.hsms.restore(backup, backup.cards)
    assert states(lab) == {}


def test_the_two_domain_keys_of_a_backup_cannot_be_exchanged(
    lost: tuple[Lab, Everything, Backup],
) -> None:
    lab, _, backup = lost
    kept = backup.read()
    first, second = kept["keys"]
    kept["keys"] = {first: kept["keys"][second], second: kept["keys"][first]}
    backup.path.write_text(json.dumps(kept))
    with pytest.raises(BackupRefused, match="was changed"):
        lab.hsms.restore(backup, backup.cards)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"backup": 1}', "no JSON"])
def test_what_is_no_backup_is_refused(lost: tuple[Lab, Everything, Backup], text: str) -> None:
    lab, _, backup = lost
    backup.path.write_text(text)
    with pytest.raises(BackupRefused, match="is no backup of HSMs, or damaged"):
        lab.hsms.restore(backup.path, backup.cards[:3])


def test_a_backup_of_another_lab_is_refused(
    lost: tuple[Lab, Everything, Backup], fresh: Lab, tmp_path: Path
) -> None:
    lab, made, backup = lost
    other = fresh.hsms.backup(tmp_path / "other")
    with pytest.raises(BackupRefused, match="holds the domain key"):
        lab.hsms.restore(other, other.cards[:3])
    lab.hsms.restore(backup, backup.cards[:3])
    made.check(lab)


def test_nothing_is_restored_beside_an_hsm_that_works_or_could(fresh: Lab, tmp_path: Path) -> None:
    backup = fresh.hsms.backup(tmp_path / "safe")
    with pytest.raises(HsmRefused, match=r"hsm-a has the domain key: add\(\) clones from it"):
        fresh.hsms.restore(backup, backup.cards[:3])
    for name in NAMES:
        fresh.hsms.switch_off(name)
    with pytest.raises(HsmRefused, match="hsm-a is only switched off"):
        fresh.hsms.restore(backup, backup.cards[:3])


def test_operators_may_have_names_and_pins_of_their_own(tmp_path: Path) -> None:
    pins = {"ann": "correct horse", "bob": "battery staple", "eve": "0123456789"}
    with Lab(tmp_path / "lab") as lab:
        backup = lab.hsms.backup(tmp_path / "safe", pins, quorum=2)
        assert [card.label.operator for card in backup.cards] == ["ann", "bob", "eve"]
        made = Everything(lab)
        _lose_all(lab)
        cards = [Card(card.path, pins[card.label.operator]) for card in backup.cards[1:]]
        lab.hsms.restore(backup.path, cards)
        made.check(lab)


@pytest.mark.parametrize(
    ("operators", "least"),
    [
        *((5, 1), (5, 6), (1, 1), (21, 3)),
        ({"ann": "short", "bob": "long enough"}, 2),
        ({"../ann": "long enough", "bob": "long enough"}, 2),
    ],
)
def test_a_quorum_that_protects_nothing_is_refused(
    fresh: Lab, tmp_path: Path, operators: Any, least: int
) -> None:
    with pytest.raises(ValueError, match="are due") as caught:
        fresh.hsms.backup(tmp_path / "safe", operators, quorum=least)
    assert "long enough" not in str(caught.value)
    assert not (tmp_path / "safe").exists()


def test_backup_and_cards_are_private_files_and_show_no_secret(
    fresh: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    deal = quorum.deal
    monkeypatch.setattr(quorum, "deal", lambda key, *more: seen.append(key) or deal(key, *more))
    backup = fresh.hsms.backup(tmp_path / "safe")
    (key,) = seen
    shares = [card.share()[1] for card in backup.cards]
    shown = {"repr": f"{backup!r} {backup.cards!r} {fresh.hsms!r}".encode()}
    for secret in (key, key[:16], key[16:], *shares, *(c.pin.encode() for c in backup.cards)):
        assert_nowhere(secret, files(tmp_path) | files(fresh.path) | shown)
    for path in (tmp_path / "safe").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "safe").stat().st_mode & 0o777 == 0o700


def test_the_backup_key_stays_in_no_hsm(fresh: Lab, tmp_path: Path) -> None:
    before = {path for path in files(fresh.path / "hsms") if path.suffix == ".object"}
    fresh.hsms.backup(tmp_path / "safe")
    after = {path for path in files(fresh.path / "hsms") if path.suffix == ".object"}
    assert after == before
    works(fresh)


# A lab that does not open any more.


def test_a_lab_whose_hsms_are_gone_is_recovered_by_its_folder(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab") as lab:
        made = Everything(lab)
        backup = lab.hsms.backup(tmp_path / "safe")
    with pytest.raises(HsmRefused, match="still works"):
        recover(tmp_path / "lab", backup, backup.cards[:3])
    shutil.rmtree(tmp_path / "lab" / "hsms")
    with pytest.raises(StoreError, match=r"unless there is a backup: kmslab\.recovery\.recover"):
        Lab(tmp_path / "lab")
    with pytest.raises(QuorumMissing):
        recover(tmp_path / "lab", backup, backup.cards[:2])
    recover(tmp_path / "lab", backup, backup.cards[:3])
    with Lab(tmp_path / "lab") as lab:
        made.check(lab)


def test_without_its_records_a_lab_is_not_recovered(tmp_path: Path, fresh: Lab) -> None:
    backup = fresh.hsms.backup(tmp_path / "safe")
    (tmp_path / "lab").mkdir()
    with pytest.raises(StoreError, match="has no records"):
        recover(tmp_path / "lab", backup, backup.cards[:3])


def test_another_process_sees_the_restored_hsms(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab") as lab, Lab(tmp_path / "lab") as other:
        made = Everything(lab)
        backup = lab.hsms.backup(tmp_path / "safe")
        _lose_all(lab)
        lab.hsms.restore(backup, backup.cards[:3])
        made.check(other)


RESTORE = """
from kmslab.hsm import quorum
from kmslab.hsm.quorum import Card
quorum._SCRYPT["n"] = 2**4
cards = [Card(Path(path), pin) for path, pin in {cards!r}]
lab.hsms.restore({path!r}, cards)
"""


def test_a_restore_that_kill_9_cut_off_is_done_again(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab") as lab:
        made = Everything(lab)
        backup = lab.hsms.backup(tmp_path / "safe")
        _lose_all(lab)
    cards = [(str(card.path), card.pin) for card in backup.cards[:3]]
    act = RESTORE.format(cards=cards, path=str(backup.path))
    killed = 0
    for step in (1, 3, 8, 14, 19, 24):
        if not cut_off(tmp_path / "lab", act, step):
            break
        killed += 1
        with Lab(tmp_path / "lab") as lab:
            if not states(lab):
                lab.hsms.restore(backup, backup.cards[:3])
            made.check(lab)
            assert set(states(lab).values()) == {"on"}
            _lose_all(lab)
    assert killed > 3


def test_a_fleet_that_serves_no_lab_is_backed_up_and_restored_too(tmp_path: Path) -> None:
    fleet = Fleet.open(tmp_path / "hsms")
    name, backup = fleet.domain_name, fleet.backup(tmp_path / "safe", 2, 2)
    for each in NAMES:
        fleet.remove(each, last=True)
    fleet.restore(backup, backup.cards)
    assert fleet.domain_name == name
    assert restoring.Backup(backup.path).read()["domain"] == name
    fleet.switch_off()
